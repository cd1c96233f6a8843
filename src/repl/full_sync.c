/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/full_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repl/repl.h"
#include "server/client_send.h"

enum {
    CHAIN_BYTES = 1024 * 1024,    /* kept of what is sent while it's made, beside what is needed */
    CHAIN_MOST = 4 * CHAIN_BYTES, /* a receiver may lag */
    SECOND_US = 1000 * 1000,
};

static struct persist *persist_of(const struct repl *r) {
    return &r->server->persist;
}

static struct repl *repl_of_persist(const struct persist *p) {
    return repl_of_engine(p->engine);
}

/* The snapshot that's under way. */

void full_sync_forget_cut(struct repl *r) {
    r->full_sync.has_cut = false;
    backlog_leave(&r->full_sync.at_cut);
}

/* Any snapshot. If there's a stream, the next command in it selects its database: who begins to
 * read there knows none. */
static void on_cut(struct persist *p) {
    struct repl *r = repl_of_persist(p);
    full_sync_forget_cut(r);
    if (!backlog_is_there(&r->backlog)) return;
    r->full_sync.has_cut = true;
    r->full_sync.cut = r->offset;
    if (!repl_is_replica(r)) r->db = PROPAGATE_ANY_DB;
}

/* Is it one that more replicas can join? */
static bool can_join(const struct repl *r) {
    const struct full_sync *sync = &r->full_sync;
    if (!persist_of(r)->saving || persist_of(r)->transferring || !sync->has_cut) return false;
    return sync->at_cut.block || backlog_has(&r->backlog, sync->cut);
}

static void join(struct repl *r, struct replica *p) {
    replica_begin_sync(p, r->full_sync.cut, &r->full_sync.at_cut);
}

void full_sync_join(struct repl *r, struct replica *p) {
    struct log *log = &r->server->log;
    char name[REPLICA_NAME_MAX];
    const struct persist *persist = persist_of(r);
    if (can_join(r) && !p->omit) {
        log_notice(log, "Waiting for end of BGSAVE for SYNC");
        join(r, p);
    } else if (persist->transferring) {
        log_notice(log, "Current BGSAVE has socket target. Waiting for next BGSAVE for SYNC");
    } else if (persist->saving) {
        log_notice(log,
                   "Can't attach the replica %s to the current BGSAVE. Waiting for next "
                   "BGSAVE for SYNC",
                   replica_name(p, name));
    } else if (persist_busy(persist)) {
        log_notice(log, "No BGSAVE in progress, but another BG operation is active. BGSAVE for "
                        "replication delayed");
    } else if (r->config.diskless && p->takes_eof && r->config.diskless_delay) {
        log_notice(log, "Delay next BGSAVE for diskless SYNC");
    }
}

/* Beginning one. */

/* Of those who wait: how many, since when, and what they can do. */
struct demand {
    size_t count;
    uint64_t oldest_us;
    bool all_take_eof;
    unsigned omit; /* of the first of them: the others wait if theirs differs */
};

static struct demand demand_of(const struct repl *r) {
    struct demand d = {.oldest_us = UINT64_MAX, .all_take_eof = true};
    for (const struct replica *p = replicas_first(r); p; p = replicas_next(r, p)) {
        if (p->state != REPLICA_WAITS) continue;
        if (!d.count) d.omit = p->omit;
        if (p->omit != d.omit) continue;
        d.count++;
        if (p->asked_us < d.oldest_us) d.oldest_us = p->asked_us;
        d.all_take_eof &= p->takes_eof;
    }
    return d;
}

/* Part of a data set is never written to the file. */
static bool is_diskless(const struct repl *r, const struct demand *d) {
    return d->omit || (r->config.diskless && d->all_take_eof);
}

static bool is_due(const struct repl *r, const struct demand *d) {
    const struct repl_config *config = &r->config;
    uint64_t waited_us = loop_now_us(r->server->loop) - d->oldest_us;
    if (!is_diskless(r, d) || !config->diskless_delay) return true;
    if (config->diskless_max_replicas && d->count >= (size_t)config->diskless_max_replicas)
        return true;
    return waited_us >= (uint64_t)config->diskless_delay * SECOND_US;
}

static bool takes_part(const struct replica *p, const struct demand *d) {
    return p->state == REPLICA_WAITS && p->omit == d->omit;
}

static void refuse(struct repl *r, const struct demand *d) {
    struct replica *next;
    log_warning(&r->server->log, "BGSAVE for replication failed");
    for (struct replica *p = replicas_first(r); p; p = next) {
        next = replicas_next(r, p);
        if (!takes_part(p, d)) continue;
        p->state = REPLICA_NONE;
        replicas_remove(r, p);
        replica_fail(p, "ERR BGSAVE failed, replication can't continue");
    }
}

static void begin_file(struct repl *r, const struct demand *d) {
    struct full_sync *sync = &r->full_sync;
    if (!persist_bgsave(persist_of(r))) {
        refuse(r, d);
        return;
    }
    backlog_seek(&r->backlog, &sync->at_cut, sync->cut);
    for (struct replica *p = replicas_first(r); p; p = replicas_next(r, p))
        if (takes_part(p, d)) join(r, p);
}

/* A piece of what is sent while it's made. */
static void take(void *ctx, struct buf *chunk) {
    struct repl *r = ctx;
    backlog_append(&r->full_sync.chain, buf_slice(chunk));
    for (struct replica *p = replicas_first(r); p; p = replicas_next(r, p))
        if (p->state == REPLICA_STREAMED) client_wants_flush(p->client);
}

/* What was sent since the last look isn't needed any more. */
static bool has_room(void *ctx) {
    struct backlog *chain = &((struct repl *)ctx)->full_sync.chain;
    backlog_trim(chain);
    return chain->end - backlog_start(chain) < CHAIN_MOST;
}

static void begin_transfer(struct repl *r, const struct demand *d) {
    struct full_sync *sync = &r->full_sync;
    const struct rdb_sink sink = {.take = take, .has_room = has_room, .ctx = r};
    random_hex(sync->mark, FULL_SYNC_MARK);
    sync->chain.size = CHAIN_BYTES;
    sync->chain_ended = false;
    backlog_begin(&sync->chain, 0);
    if (!persist_transfer(persist_of(r), &sink, d->omit)) {
        backlog_release(&sync->chain);
        refuse(r, d);
        return;
    }
    for (struct replica *p = replicas_first(r); p; p = replicas_next(r, p)) {
        if (!takes_part(p, d)) continue;
        replica_begin_sync(p, sync->cut, NULL);
        replica_send_transfer(p, &sync->chain, sync->mark);
    }
}

static void begin_if_due(struct repl *r) {
    struct demand d = demand_of(r);
    if (!d.count || persist_of(r)->saving || persist_busy(persist_of(r))) return;
    if (backlog_is_there(&r->full_sync.chain) || !is_due(r, &d)) return;
    bool diskless = is_diskless(r, &d);
    log_notice(&r->server->log, "Starting BGSAVE for SYNC with target: %s",
               diskless ? "replicas sockets" : "disk");
    if (diskless)
        begin_transfer(r, &d);
    else
        begin_file(r, &d);
}

/* The end of one. */

/* Nobody wants it any more. */
static void end_chain(struct repl *r) {
    struct full_sync *sync = &r->full_sync;
    if (!backlog_is_there(&sync->chain) || !sync->chain_ended) return;
    for (const struct replica *p = replicas_first(r); p; p = replicas_next(r, p))
        if (p->state == REPLICA_STREAMED) return;
    backlog_release(&sync->chain);
}

static size_t count_in(const struct repl *r, enum replica_state state) {
    size_t count = 0;
    for (const struct replica *p = replicas_first(r); p; p = replicas_next(r, p))
        count += p->state == state;
    return count;
}

static void drop_in(struct repl *r, enum replica_state state) {
    struct replica *next;
    for (struct replica *p = replicas_first(r); p; p = next) {
        next = replicas_next(r, p);
        if (p->state == state) client_close_soon(p->client);
    }
}

static void transfer_ended(struct repl *r, int error) {
    struct full_sync *sync = &r->full_sync;
    if (error) {
        sync->chain_ended = true;
        drop_in(r, REPLICA_STREAMED);
        return;
    }
    log_notice(&r->server->log,
               "Diskless rdb transfer, done reading from pipe, %zu replicas "
               "still up.",
               count_in(r, REPLICA_STREAMED));
    backlog_append(&sync->chain, slice_of(sync->mark, FULL_SYNC_MARK));
    sync->chain_ended = true;
    for (struct replica *p = replicas_first(r); p; p = replicas_next(r, p))
        if (p->state == REPLICA_STREAMED) client_wants_flush(p->client);
}

static void send_file(struct repl *r, struct replica *p) {
    const char *path = persist_of(r)->config.filename;
    struct stat file;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &file) == 0) {
        replica_send_file(p, fd, (uint64_t)file.st_size);
        return;
    }
    log_warning(&r->server->log, "SYNC failed. Can't open/stat DB after BGSAVE: %s",
                strerror(errno));
    if (fd >= 0) close(fd);
    client_close_soon(p->client);
}

/* A server that keeps nothing on disk may be asked to leave no trace of replication there. */
static void delete_file(struct repl *r) {
    const struct persist *persist = persist_of(r);
    if (!r->config.del_sync_files || aof_enabled(&persist->aof) || persist->config.save.n) return;
    log_notice(&r->server->log,
               "Removing the RDB file %s used to sync replicas in a "
               "persistence-less instance",
               persist->config.filename);
    unlink(persist->config.filename);
}

static void file_ended(struct repl *r, int error) {
    struct replica *next;
    if (error) {
        if (count_in(r, REPLICA_ATTACHED))
            log_warning(&r->server->log, "SYNC failed. BGSAVE child returned an error");
        drop_in(r, REPLICA_ATTACHED);
        return;
    }
    for (struct replica *p = replicas_first(r); p; p = next) {
        next = replicas_next(r, p);
        if (p->state == REPLICA_ATTACHED) send_file(r, p);
    }
    if (r->full_sync.at_cut.block) delete_file(r); /* else somebody else wanted it, too */
}

static void on_saved(struct persist *p, int error) {
    struct repl *r = repl_of_persist(p);
    if (backlog_is_there(&r->full_sync.chain) && !r->full_sync.chain_ended)
        transfer_ended(r, error);
    else
        file_ended(r, error);
    full_sync_forget_cut(r);
}

/* A file that was begun for replicas, and nobody else wants. */
static void cancel_useless(struct repl *r) {
    struct persist *persist = persist_of(r);
    if (!r->full_sync.at_cut.block || !persist->saving || persist->config.save.n) return;
    if (count_in(r, REPLICA_ATTACHED)) return;
    log_notice(&r->server->log, "Snapshot for replicas given up, as the last of them is gone.");
    snapshot_cancel(&persist->snapshot);
}

void full_sync_left(struct repl *r, struct replica *p) {
    struct persist *persist = persist_of(r);
    if (p->state == REPLICA_ATTACHED) cancel_useless(r);
    if (p->state != REPLICA_STREAMED || !persist->transferring) return;
    if (count_in(r, REPLICA_STREAMED)) return;
    log_notice(&r->server->log, "Diskless rdb transfer, last replica dropped, killing fork child.");
    snapshot_cancel(&persist->snapshot);
}

/* The whole. */

void full_sync_cron(struct repl *r) {
    begin_if_due(r);
}

void full_sync_turn_end(struct repl *r) {
    backlog_trim(&r->full_sync.chain);
    end_chain(r);
    begin_if_due(r);
}

void full_sync_init(struct repl *r) {
    struct persist *persist = persist_of(r);
    persist->on_cut = on_cut;
    persist->on_saved = on_saved;
}

void full_sync_release(struct repl *r) {
    backlog_release(&r->full_sync.chain);
}
