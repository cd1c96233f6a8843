/* SPDX-License-Identifier: BSD-3-Clause */
/* Which requests a snapshot makes wait: those that name a large collection which isn't written yet,
 * and may change it. */
#ifndef DREY_PERSIST_SNAPSHOT_WAIT_H
#define DREY_PERSIST_SNAPSHOT_WAIT_H

#include "exec/dispatch.h"
#include "persist/snapshot.h"

/* Must the request, which is admitted, wait (see snapshot_must_wait)? EXEC must if what it would
 * run must. */
bool snapshot_holds(struct snapshot *snapshot, const struct session *s, const struct request *r);

#endif
