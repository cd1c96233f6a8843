/* SPDX-License-Identifier: BSD-3-Clause */
/* What clients may call themselves and their libraries. */
#ifndef DREY_SERVER_CLIENT_NAMES_H
#define DREY_SERVER_CLIENT_NAMES_H

#include "exec/call.h"

/* Only printable ASCII without spaces, as CLIENT LIST's fields are separated by these. */
bool client_name_is_valid(struct slice name);

/* Refuses a name for CLIENT SETNAME or HELLO. */
bool client_name_or_reply(struct call *c, struct slice name);

#endif
