/* SPDX-License-Identifier: BSD-3-Clause */
/* What is known of a node of the cluster, this one among them, and the set of all. */
#ifndef DREY_CLUSTER_NODE_H
#define DREY_CLUSTER_NODE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "db/slot.h"
#include "ds/table.h"

enum { NODE_NAME_LEN = 40, NODE_IP_MAX = 46 };

/* As in the bus's messages: bits, and the names in which nodes are described, in this order. */
#define NODE_FLAGS(X)                                                                              \
    X(MYSELF, 1 << 4, "myself")                                                                    \
    X(PRIMARY, 1 << 0, "master")                                                                   \
    X(REPLICA, 1 << 1, "slave")                                                                    \
    X(PFAIL, 1 << 2, "fail?")         /* this node can't reach it */                               \
    X(FAIL, 1 << 3, "fail")           /* most primaries can't */                                   \
    X(HANDSHAKE, 1 << 5, "handshake") /* its name isn't known yet, `name` is made up */            \
    X(NOADDR, 1 << 6, "noaddr")                                                                    \
    X(NOFAILOVER, 1 << 9, "nofailover")

/* Flags that aren't shown. */
enum {
    NODE_MEET = 1 << 7,      /* a MEET is to be sent whenever it's connected, until it answers */
    NODE_EXTENDED = 1 << 10, /* it knows extensions of messages */
};

enum node_flag {
#define NODE_FLAG(constant, bit, name) NODE_##constant = bit,
    NODE_FLAGS(NODE_FLAG)
#undef NODE_FLAG
};

struct cluster_link;

/* That a primary says of a node that it has failed. */
struct fail_report {
    struct fail_report *next;
    struct cluster_node *by;
    uint64_t at_ms; /* Unix time, of the last time that it said so */
};

struct cluster_node {
    char name[NODE_NAME_LEN + 1];     /* 40 hexadecimal digits, as the shard's */
    char shard_id[NODE_NAME_LEN + 1]; /* of the primary and its replicas */
    unsigned flags;                   /* of enum node_flag */
    uint64_t config_epoch;            /* of its claim to its slots: the highest one holds */
    uint8_t slots[SLOT_COUNT / 8];    /* a bit for each of its slots, the lowest first */
    unsigned slot_count;
    struct cluster_node *primary;      /* of a replica; NULL: not known */
    char ip[NODE_IP_MAX];              /* "": not known */
    uint16_t port, tls_port, bus_port; /* 0: not known, or none */
    char *hostname, *nodename;         /* owned; "": none */
    int64_t repl_offset;               /* as it last said */
    bool adopts;               /* it has had replicas, or was one: should not be without any */
    unsigned working_replicas; /* migration.c's: as last counted, */
    uint64_t orphaned_ms;      /* and Unix time; since when there are none, or 0 */
    uint64_t ping_ms, pong_ms; /* Unix time; of a ping that waits for its pong, and of that; or 0 */

    /* Of others than this node: */
    /* Unix time: known, last heard of, failed since, a replica of it was voted for. */
    uint64_t created_ms, data_ms, fail_ms, voted_ms;
    struct cluster_link *link, *inbound; /* NULL: there's none */
    struct fail_report *reports;         /* who says that it has failed */
};

/* The port that it serves by TLS, or in the clear. */
static inline uint16_t node_port(const struct cluster_node *n, bool tls) {
    return tls ? n->tls_port : n->port;
}
/* `first` is of the kind that the bus is of (as in its messages), `second` of the other one. */
void node_set_ports(struct cluster_node *n, bool tls, uint16_t first, uint16_t second);

/* A node of that name, or (NULL) a random one. */
struct cluster_node *node_new(const char *name, unsigned flags);
void node_free(struct cluster_node *n);

static inline bool node_is_primary(const struct cluster_node *n) {
    return n->flags & NODE_PRIMARY;
}
static inline bool node_is_replica(const struct cluster_node *n) {
    return n->flags & NODE_REPLICA;
}

static inline bool node_same_shard(const struct cluster_node *a, const struct cluster_node *b) {
    return memcmp(a->shard_id, b->shard_id, NODE_NAME_LEN) == 0;
}

static inline bool node_has_slot(const struct cluster_node *n, unsigned slot) {
    return n->slots[slot / 8] >> (slot % 8) & 1;
}
void node_set_slot(struct cluster_node *n, unsigned slot, bool has);

/* The first slot from `from` on that the node has, and (*last) the last of its range; false: there
 * is none. */
bool node_slot_range(const struct cluster_node *n, unsigned from, unsigned *first, unsigned *last);

/* Sets one of the texts. */
void node_set_text(char **text, const char *to);

/* A name is 40 digits: [0-9a-f]. */
bool node_name_valid(struct slice name);

/* All nodes, by name. */
struct node_set {
    struct table by_name;
    struct hash_seed seed;
    struct cluster_node **all; /* `count` of them, in no certain order */
    size_t count, cap;
};

void node_set_init(struct node_set *s);
/* Gives a node its name when it's known. */
void node_set_rename(struct node_set *s, struct cluster_node *n, const char *name);
void node_set_release(struct node_set *s); /* frees the nodes, too */
void node_set_add(struct node_set *s, struct cluster_node *n);
void node_set_remove(struct node_set *s, struct cluster_node *n); /* the caller owns it again */
struct cluster_node *node_set_find(const struct node_set *s, struct slice name);

#endif
