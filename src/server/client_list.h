/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients as text: the lines of CLIENT LIST and CLIENT INFO, also in log lines. */
#ifndef DREY_SERVER_CLIENT_LIST_H
#define DREY_SERVER_CLIENT_LIST_H

#include "base/buf.h"
#include "base/log.h"
#include "server/client.h"

/* Appends "id=… addr=… …" with Redis 7.2's fields and Valkey 8's totals behind them; no line end.
 * A few system calls (addresses). */
void client_describe(const struct client *c, struct buf *to);

void client_describe_line(const struct client *c, struct buf *to); /* with a line end */

/* Appends a line for each client of that kind (NULL: of any), oldest first. */
void client_describe_all(const struct server *s, const enum client_kind *kind, struct buf *to);

/* The same for those asked for, in that order; ids that nobody has are left out. */
void client_describe_ids(const struct server *s, const int64_t *ids, size_t n, struct buf *to);

/* Logs "BEFORE id=… … AFTER" (no space before `after`). */
void client_log(const struct client *c, enum log_level level, const char *before,
                const char *after);

/* "normal", "replica" (or "slave"), "pubsub", "master" (or "primary"), any case; false if it's none
 * of them. */
bool client_kind_parse(struct slice text, enum client_kind *kind);

#endif
