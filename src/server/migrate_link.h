/* SPDX-License-Identifier: BSD-3-Clause */
/* MIGRATE's conversation with another server, which blocks: it's held in a helper thread. Sends
 * AUTH and SELECT if they're needed, and if that's fine all RESTOREs; then reads as many replies.
 */
#ifndef DREY_SERVER_MIGRATE_LINK_H
#define DREY_SERVER_MIGRATE_LINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct tls;
struct tls_context;

struct migrate_link {
    int fd;          /* -1: there's no connection */
    struct tls *tls; /* NULL: in the clear */
    int64_t db;      /* that's selected there; -1: unknown */
};

enum migrate_failure {
    MIGRATE_FINE,
    MIGRATE_NOT_CONNECTED,
    MIGRATE_NOT_WRITTEN,
    MIGRATE_NOT_READ,
    MIGRATE_FAILURES,
};

struct migrate_talk {
    const char *host; /* name or address */
    int port;
    struct tls_context *tls; /* to connect with; NULL: in the clear */
    int64_t db;
    int timeout_ms;      /* of any one moment without progress */
    atomic_bool *hurry;  /* set: give up as soon as may be */
    struct slice auth;   /* the command as RESP text; empty: none */
    struct buf restores; /* the same of all RESTOREs, */
    size_t count;        /* as many of them */
    bool *restored;      /* of each: the server has the key now */
    size_t restored_count;
    struct buf error; /* the first that the server replied, without its '-' */
    enum migrate_failure failure;
};

/* `link` may hold a connection to that server, of earlier; one that turns out to be lost is made
 * anew. Afterwards it holds one that is fine, or none. */
void migrate_talk(struct migrate_talk *t, struct migrate_link *link);

void migrate_link_close(struct migrate_link *link);

/* Appends a command as RESP text: first its head, then each word. */
void migrate_put_head(struct buf *to, size_t words);
void migrate_put_word(struct buf *to, struct slice word);
void migrate_put_number(struct buf *to, int64_t number);

#endif
