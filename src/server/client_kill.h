/* SPDX-License-Identifier: BSD-3-Clause */
/* CLIENT KILL: which clients, in its old form (an address) and its new one (filters, all of which
 * must hold). */
#ifndef DREY_SERVER_CLIENT_KILL_H
#define DREY_SERVER_CLIENT_KILL_H

#include "exec/call.h"

/* The handler. */
void client_kill(struct call *c);

#endif
