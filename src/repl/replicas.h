/* SPDX-License-Identifier: BSD-3-Clause */
/* The replicas of this server, all together: sending to them, pings, who is gone, who is good. */
#ifndef DREY_REPL_REPLICAS_H
#define DREY_REPL_REPLICAS_H

#include "repl/repl_config.h"
#include "repl/replica.h"
#include "server/client_queue.h"

struct repl;

struct replicas {
    struct client_queue all; /* oldest first */
    size_t good;             /* online, and not behind by more than min-replicas-max-lag */
    int64_t flushed;         /* offset up to which all have been looked after */
    uint64_t none_since_us;  /* while there are none */
    uint64_t second_us;      /* when the things of once a second were last done, */
    uint64_t pinged_us;      /* and the last ping */
    bool want_acks;          /* somebody waits: they're asked where they are, at the turn's end */
};

/* for (struct replica *p = replicas_first(r); p; p = replicas_next(r, p)) */
struct replica *replicas_first(const struct repl *r);
struct replica *replicas_next(const struct repl *r, const struct replica *p);

void replicas_init(struct repl *r);

/* One has become, or is no more. */
void replicas_add(struct repl *r, struct replica *p);
void replicas_remove(struct repl *r, struct replica *p);

/* Closes all. */
void replicas_drop(struct repl *r);

/* Are there as many good ones as min-replicas-to-write wants? Writes are refused while not. */
void replicas_count_good(struct repl *r);
static inline bool replicas_are_wanted(const struct repl_config *config) {
    return config->min_replicas && config->max_lag;
}

/* Those who are online and have acknowledged, or have on disk, that offset. */
size_t replicas_acked(const struct repl *r, int64_t offset);
size_t replicas_synced(const struct repl *r, int64_t offset);

/* Has one not acknowledged all there is? And: says so of each in the log, as the server ends. */
bool replicas_lag(const struct repl *r);
void replicas_log_lag(const struct repl *r);

void replicas_cron(struct repl *r);
void replicas_turn_end(struct repl *r);

#endif
