/* SPDX-License-Identifier: BSD-3-Clause */
/* MONITOR: clients that are shown each command as it runs, whoever's it is.
 *
 *     +1700000000.123456 [0 127.0.0.1:50000] "set" "key" "a \"value\"\n"
 *
 * The time, the selected database, where the command comes from ("lua": from a script, "unix:" and
 * the socket's path), its words quoted. As in Redis 7.2 a command is shown when it has run,
 * whatever its reply; but a script is before the commands it runs, while EXEC comes behind those
 * that were queued. Not shown are administration, what is refused before it runs, and secrets
 * (redact.h).
 *
 * Lines are written once, and the monitors' replies refer to them. Without a monitor commands
 * aren't looked at. */
#ifndef DREY_SERVER_MONITOR_H
#define DREY_SERVER_MONITOR_H

#include "exec/dispatch.h"
#include "server/client.h"

struct monitor {
    struct client_queue clients; /* in the order in which they came */
    struct bytes *lines;         /* the last ones; NULL: none yet */
};

void monitor_init(struct server *s);
void monitor_release(struct server *s);

/* From now on, or no more; both do nothing when that's so already. */
void monitor_add(struct client *c);
void monitor_remove(struct client *c);

/* What the engine's observer is told of commands, while there are monitors. */
void monitor_before(struct session *s, const struct request *r);
void monitor_ran(struct session *s, const struct request *r);

static inline bool client_is_monitor(const struct client *c) {
    return client_link_used(&c->monitoring);
}

#endif
