/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections of the bus. Each node opens one to every other; what comes in by another's is
 * answered there, and nothing else is sent by it. */
#ifndef DREY_CLUSTER_LINK_H
#define DREY_CLUSTER_LINK_H

#include "base/buf.h"
#include "cluster/node.h"
#include "io/loop.h"

struct cluster;

struct cluster_link {
    struct loop_watch watch;
    struct cluster *cluster;
    struct cluster_link *prev, *next; /* of all */
    struct cluster_node *node;        /* who's at the other end; NULL: not known (yet) */
    struct tls *tls;                  /* NULL: in the clear */
    struct loop_timer more;           /* what came by TLS and is there already is looked at then */
    bool outbound, connecting, closing; /* connecting: until a TLS handshake is over */
    uint64_t created_ms;                /* Unix time */
    struct buf in, out;                 /* out: from `sent` on it's still to go */
    size_t sent;
    size_t answered; /* of `in`: looked at while this node was busy */
};

/* Starts connecting to a node; false: that failed at once. link_connected is called when it's
 * there. */
bool link_open(struct cluster *c, struct cluster_node *n);
/* A connection that was accepted: takes over the descriptor. */
void link_accept(struct cluster *c, int fd);

/* To be freed at the end of the turn; nothing more is sent or received. NULL is fine. */
void link_close(struct cluster_link *l);
/* Frees those, or (all) every one. */
void links_sweep(struct cluster *c, bool all);

/* Closes those that came in whose TLS handshake has lasted too long. */
void links_give_up(struct cluster *c);

/* The bytes behind `out.len` as it was are to be sent. */
void link_wants_send(struct cluster_link *l);

/* While a script runs too long, or data are loaded (server/busy.h), pings are answered and all else
 * waits. This takes what has waited; to be called ten times a second. */
void links_take_held(struct cluster *c);

/* Bytes that the links take. */
size_t links_memory(const struct cluster *c);

/* The address of the other end, or of this one; false: not known. `ip`: NODE_IP_MAX bytes. */
bool link_peer_ip(const struct cluster_link *l, char *ip);
bool link_own_ip(const struct cluster_link *l, char *ip);

/* Opens the port of the bus on the addresses that clients' is on. False: the log says why. */
bool links_listen(struct cluster *c);
void links_unlisten(struct cluster *c);

#endif
