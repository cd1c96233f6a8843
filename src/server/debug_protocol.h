/* SPDX-License-Identifier: BSD-3-Clause */
/* DEBUG PROTOCOL: a reply of each type, for clients to test their parsers with. */
#ifndef DREY_SERVER_DEBUG_PROTOCOL_H
#define DREY_SERVER_DEBUG_PROTOCOL_H

struct call;

/* The type's name is argument 2. */
void debug_protocol(struct call *c);

#endif
