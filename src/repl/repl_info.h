/* SPDX-License-Identifier: BSD-3-Clause */
/* INFO's fields of replication, and ROLE. */
#ifndef DREY_REPL_REPL_INFO_H
#define DREY_REPL_REPL_INFO_H

struct memory_overview;
struct repl;
struct reply;
struct server;

void repl_info_register(struct repl *r);
void repl_info_memory(const struct server *s, struct memory_overview *m);

/* ROLE. */
void repl_info_reply_role(const struct repl *r, struct reply *to);

#endif
