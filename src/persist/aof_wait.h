/* SPDX-License-Identifier: BSD-3-Clause */
/* WAITAOF: waiting until what a session wrote is on disk here. */
#ifndef DREY_PERSIST_AOF_WAIT_H
#define DREY_PERSIST_AOF_WAIT_H

#include "persist/aof.h"

/* More may be on disk, or the log be off: answers those whom that concerns. */
void aof_wait_serve(struct aof *a);

#endif
