/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of the cluster's bus, as Redis 3 to 7 have them. All numbers are big-endian, all texts
 * of fixed length filled with zeros:
 *
 *   at 0     "RCmb", u32 length of all, u16 version (1), u16 port, u16 type, u16 count of gossip
 *      16    u64 current epoch, u64 epoch of the claim to the slots, u64 replication offset
 *      40    40 sender's name, 2048 its (or its primary's) slots, 40 its primary's name
 *    2168    46 its address ("": where the connection comes from), u16 count of extensions,
 *            30 unused
 *    2246    u16 other port, u16 port of the bus, u16 flags of the node,
 *            u8 1 if it sees the cluster down, u8 marks, 2 unused
 *    2256    what the type has:
 *
 *   PING, PONG, MEET        gossip, 104 each: 40 name, u32 ping, u32 pong (Unix seconds),
 *                           46 address, u16 port, u16 port of the bus, u16 flags,
 *                           u16 other port, 2 unused; then extensions, a multiple of 8 each:
 *                           u32 its length, u16 type, 2 unused, data
 *   FAIL                    40 name of the node that fails
 *   PUBLISH, PUBLISHSHARD   u32 and u32 lengths of channel and message, then these
 *   UPDATE                  u64 epoch, 40 name, 2048 slots
 *   AUTH_REQUEST, AUTH_ACK, MFSTART  nothing
 *
 * Of the two ports for clients the first is by TLS if the bus is (tls-cluster), the other one is
 * not; else it's the other way round.
 *
 * What is read here comes from whoever reaches the port: texts are checked for what may be in them,
 * lengths for fitting. */
#ifndef DREY_CLUSTER_MESSAGE_H
#define DREY_CLUSTER_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cluster/node.h"

/* X(constant, name in CLUSTER INFO), by number */
#define MESSAGE_TYPES(X)                                                                           \
    X(PING, "ping")                                                                                \
    X(PONG, "pong")                                                                                \
    X(MEET, "meet")                                                                                \
    X(FAIL, "fail")                                                                                \
    X(PUBLISH, "publish")                                                                          \
    X(AUTH_REQUEST, "auth-req")                                                                    \
    X(AUTH_ACK, "auth-ack")                                                                        \
    X(UPDATE, "update")                                                                            \
    X(MFSTART, "mfstart")                                                                          \
    X(MODULE, "module")                                                                            \
    X(PUBLISHSHARD, "publishshard")

enum message_type {
#define MESSAGE_CONSTANT(constant, name) MESSAGE_##constant,
    MESSAGE_TYPES(MESSAGE_CONSTANT)
#undef MESSAGE_CONSTANT
        MESSAGE_TYPE_COUNT
};

enum {
    MESSAGE_HEAD = 2256,
    MESSAGE_START = 8, /* bytes that tell a message's length */
    MESSAGE_SLOTS = SLOT_COUNT / 8,
};

/* Marks. */
enum {
    MESSAGE_PAUSED = 1 << 0,     /* the sender, a primary, has paused its clients for a failover */
    MESSAGE_FORCE_VOTE = 1 << 1, /* its primary may be well: a manual failover */
    MESSAGE_EXTENDED = 1 << 2,   /* the sender knows extensions */
};

enum message_extension_type {
    EXTENSION_HOSTNAME,
    EXTENSION_NODENAME,
    EXTENSION_FORGOTTEN,
    EXTENSION_SHARD_ID
};

struct message {
    unsigned type;
    uint64_t current_epoch, config_epoch, offset;
    char sender[NODE_NAME_LEN + 1], primary[NODE_NAME_LEN + 1]; /* primary: "" none */
    const uint8_t *slots;
    char ip[NODE_IP_MAX + 1];
    uint16_t port, other_port, bus_port, flags; /* other_port: 0 none */
    uint16_t gossip, extensions;                /* counts */
    bool down;
    uint8_t marks;
    struct slice body;
};

struct message_gossip {
    char name[NODE_NAME_LEN + 1], ip[NODE_IP_MAX + 1];
    uint64_t ping_ms, pong_ms;
    uint16_t port, other_port, bus_port, flags;
};

struct message_extension {
    unsigned type;
    struct slice data;
};

/* How long the message is that begins with these MESSAGE_START bytes; 0: that's none. */
uint32_t message_length(const char *start);

/* Reads a whole message, which is borrowed. False: it isn't sound. */
bool message_read(struct slice packet, struct message *m);

/* Parts of sound messages. */
void message_gossip_at(const struct message *m, unsigned i, struct message_gossip *g);
/* The next extension from *at on (0 to begin); false: there are no more. */
bool message_next_extension(const struct message *m, size_t *at, struct message_extension *x);
struct slice message_failing(const struct message *m); /* FAIL's name */
void message_publish(const struct message *m, struct slice *channel, struct slice *text);
struct message_update {
    uint64_t config_epoch;
    char name[NODE_NAME_LEN + 1];
    const uint8_t *slots;
};
void message_update(const struct message *m, struct message_update *u);

/* Writing: the head, whose length, counts and marks are set as parts are added; then the parts. All
 * belong to the message that begins at `start` of the buffer. */
size_t message_begin(struct buf *to, const struct message *m);
void message_add_gossip(struct buf *to, size_t start, const struct message_gossip *g);
/* `data` is filled up to a multiple of 8; `terminated`: with a zero at least. */
void message_add_extension(struct buf *to, size_t start, const struct message_extension *x,
                           bool terminated);
void message_add_name(struct buf *to, size_t start, const char *name);
void message_add_publish(struct buf *to, size_t start, struct slice channel, struct slice text);
void message_add_update(struct buf *to, size_t start, const struct message_update *u);

/* May this stand in nodes.conf and in replies as an address or a host's name? */
bool message_text_valid(struct slice text);

#endif
