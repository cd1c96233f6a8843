/* SPDX-License-Identifier: BSD-3-Clause */
/* MIGRATE: keys are sent to another server as RESTORE commands, and deleted when it has them.
 *
 * The values are serialized at once; then a helper thread talks to the other server, one MIGRATE
 * after the other to the same one, and other clients are served. Those that want to write to keys
 * under way wait until that's over, and so do writes whose keys can't be told (scripts,
 * transactions that write, FLUSHALL): nothing that was acknowledged is lost between the two
 * servers. With COPY nobody waits. A transaction or a script that calls it waits itself, and with
 * it all.
 *
 * Connections are kept for some seconds for the next MIGRATE to the same server by the same user.
 */
#ifndef DREY_SERVER_MIGRATE_H
#define DREY_SERVER_MIGRATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "exec/dispatch.h"
#include "io/background.h"
#include "io/loop.h"

struct server;
struct migration;
struct kept_link;

struct migrate {
    struct migration *under_way; /* those that will delete keys */
    struct kept_link *links;     /* the one used last comes first */
    size_t link_count;
    struct loop_timer idle; /* when the next of them is closed */
    atomic_bool hurry;      /* the server ends: helper threads are to give up */
    bool held; /* somebody who had waited for a key would have written to one under way */
    struct migrate_queue {
        uint64_t target; /* hash of the last one */
        unsigned pending;
    } queues[BACKGROUND_NETS];
};

void migrate_init(struct server *s);

/* Before the helper threads end: talks are given up. */
void migrate_hurry(struct server *s);
/* Afterwards. */
void migrate_release(struct server *s);

/* Must this request wait because of keys that are under way? */
bool migrate_holds(const struct session *s, const struct request *r);

#endif
