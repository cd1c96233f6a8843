/* SPDX-License-Identifier: BSD-3-Clause */
/* This server as a member of a Redis Cluster: who the nodes are, which slots are whose, and whether
 * the cluster can answer.
 *
 *   slot_map      (here)    owner of each slot, slots on their way to or from this node
 *   route.c                 which requests run here, and where the others are sent
 *   bus.c and what it names what nodes tell each other
 *   describe.c              a node as a line of text, as CLUSTER NODES and nodes.conf have it
 *   nodes_file.c            nodes.conf
 *   replica.c, election.c, migration.c      this node as a replica: follows, takes over, moves
 *   cluster_commands.c and what it names    CLUSTER, ASKING, READONLY, READWRITE
 *
 * What changes is written down before anybody is told: nodes.conf at the end of the turn, when
 * replies haven't left yet. One thread. */
#ifndef DREY_CLUSTER_CLUSTER_H
#define DREY_CLUSTER_CLUSTER_H

#include "cluster/cluster_config.h"
#include "cluster/message.h"
#include "cluster/node.h"
#include "server/extension.h"
#include "server/server.h"

/* What is to be done at the end of the turn. */
enum cluster_due {
    CLUSTER_SAVE = 1 << 0,  /* nodes.conf */
    CLUSTER_JUDGE = 1 << 1, /* see cluster.ok */
    CLUSTER_ROUTE = 1 << 2, /* who waits for keys or messages may do so in vain */
};

enum { BUS_LISTENERS = 16 };

struct bus_listener {
    struct loop_watch watch;
    struct cluster *cluster;
};

struct bus {
    struct cluster_link *links;
    bool closing; /* some of them are to be freed */
    struct bus_listener listeners[BUS_LISTENERS];
    size_t listener_count;
    unsigned rounds;                                                 /* of the cron */
    uint64_t sent[MESSAGE_TYPE_COUNT], received[MESSAGE_TYPE_COUNT]; /* messages */
    uint64_t over_limit; /* links closed as too much was to be sent */
    struct forgotten_node *forgotten;
    bool drops, drops_all, drop_closes; /* see debug.h */
    unsigned dropped;
};

/* This node's attempt to take its primary's place, or (manual_replica) its being asked for its own.
 * See election.h. */
struct election {
    uint64_t due_ms; /* Unix time, when votes are asked for; 0: it hasn't been thought about */
    uint64_t epoch;
    unsigned rank, votes;
    bool sent;
    uint64_t manual_end_ms; /* 0: it's not by hand */
    bool manual_ready;
    int64_t manual_offset; /* of the primary that waits; -1: not known yet */
    struct cluster_node *manual_replica;
};

struct slot_map {
    struct cluster_node *owner[SLOT_COUNT]; /* NULL: nobody */
    struct cluster_node
        *migrating[SLOT_COUNT]; /* where a slot of this node's goes; NULL: it stays */
    struct cluster_node *importing[SLOT_COUNT]; /* where a slot comes from; NULL: it doesn't */
    uint8_t unclaimed[SLOT_COUNT / 8]; /* bits: the owner doesn't say any more that it is */
};

struct cluster {
    struct server *server;
    struct cluster_config config;
    /* From here on only while the configuration has it enabled. */
    struct node_set nodes;
    struct cluster_node *self;
    struct slot_map *slots;
    uint64_t current_epoch, last_vote_epoch;
    bool ok;                  /* requests are answered */
    bool by_tls;              /* tls-cluster, as of the last round */
    unsigned size;            /* primaries that have slots */
    uint64_t first_judged_ms; /* Unix time; 0: not yet */
    uint64_t minority_ms;     /* when this node was last with the smaller part of the cluster */
    struct bus bus;
    struct election election;
    unsigned due; /* of enum cluster_due */
    int file_fd;  /* nodes.conf, locked */
};

extern const struct server_extension cluster_extension;

static inline struct cluster *cluster_of(const struct engine *e) {
    return server_of(e)->cluster;
}

static inline void cluster_note(struct cluster *c, unsigned due) {
    c->due |= due;
}

/* Gives a slot to a node, or (NULL) to nobody. */
void cluster_give_slot(struct cluster *c, unsigned slot, struct cluster_node *to);

/* Takes all of a node's slots away; returns how many there were. */
unsigned cluster_take_slots(struct cluster *c, struct cluster_node *n);

/* A node follows that primary from now on; NULL: none. */
void cluster_set_primary(struct cluster *c, struct cluster_node *n, struct cluster_node *primary);

/* Forgets a node other than this one, and whatever names it. */
void cluster_forget(struct cluster *c, struct cluster_node *n);

/* Decides anew whether the cluster can answer. */
void cluster_judge(struct cluster *c);

/* The highest configuration epoch of all nodes, or the current one if that's higher. */
uint64_t cluster_max_epoch(const struct cluster *c);

/* Gives this node an epoch of its own, higher than all others', without asking anybody. False: it
 * has the highest already. */
bool cluster_bump_epoch(struct cluster *c);

/* The port that the bus listens at, unless another one is announced. */
uint16_t cluster_bus_port(const struct cluster *c);

/* The port of a node that such a client can go on at: by TLS who came by TLS. Who isn't a client is
 * told what nodes tell each other. */
uint16_t cluster_port_for(const struct cluster *c, const struct cluster_node *n, struct session *s);

#endif
