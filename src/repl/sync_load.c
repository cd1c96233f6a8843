/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/sync_load.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "io/conn.h"
#include "persist/rdb_load.h"
#include "repl/link.h"

enum { WAIT_MS = 10, SECOND_US = 1000 * 1000 };

static struct server *server_of_link(const struct repl_link *l) {
    return l->repl->server;
}

static struct log *log_of(const struct repl_link *l) {
    return &l->repl->server->log;
}

/* What is there. */

static bool is_empty(const struct keyspace *ks) {
    for (uint32_t i = 0; i < ks->count; i++)
        if (db_count(&ks->dbs[i])) return false;
    return true;
}

bool sync_load_directly(const struct repl_link *l) {
    switch (l->repl->link_config.diskless_load) {
    case LINK_DISKLESS_ASIDE: return true;
    case LINK_DISKLESS_IF_EMPTY: return is_empty(&server_of_link(l)->engine.keyspace);
    default: return false;
    }
}

void sync_load_stop_saving(struct repl_link *l) {
    struct persist *p = &server_of_link(l)->persist;
    if (!p->saving) return;
    log_notice(log_of(l), "Replica is about to load the RDB file received from the master, but "
                          "there is a pending save in the background. It's given up.");
    snapshot_cancel(&p->snapshot);
}

static void make_empty(struct repl_link *l) {
    struct engine *e = &server_of_link(l)->engine;
    keyspace_flush(&e->keyspace, l->repl->link_config.lazy_flush);
    if (e->libraries.clear) e->libraries.clear(e);
    own_expiry_forget(&l->repl->own_expiry);
}

static void restart_log(struct repl_link *l) {
    struct buf why = BUF_INIT;
    if (!aof_resume(&server_of_link(l)->persist.aof, &why))
        log_warning(log_of(l), "The append-only log can't be restarted after the sync: %s",
                    why.data ? why.data : "");
    buf_release(&why);
}

/* The primary. */

/* As others are looked after: a byte that says nothing keeps the connection from timing out. */
static void tell_primary(void *ctx) {
    struct repl_link *l = ctx;
    uint64_t now = (uint64_t)clock_mono_us();
    struct slice line = SLICE("\n");
    if (now - l->sync.told_us < SECOND_US) return;
    l->sync.told_us = now;
    (void)conn_send(l->watch.fd, l->tls, &line, 1);
}

/* More of the connection; others are looked after while nothing comes. */
static ssize_t read_socket(void *ctx, char *to, size_t len) {
    struct repl_link *l = ctx;
    struct sync_receive *sync = &l->sync;
    uint64_t timeout_us = (uint64_t)l->repl->config.timeout * SECOND_US;
    if (sync->size >= 0 && (uint64_t)(sync->size - sync->read) < len)
        len = (size_t)(sync->size - sync->read);
    while (len) {
        ssize_t n = conn_receive(l->watch.fd, l->tls, to, len);
        if (n >= 0) {
            l->heard_us = (uint64_t)clock_mono_us();
            sync->read += n;
            server_of_link(l)->stats.net_repl_in += (uint64_t)n;
            return n;
        }
        if (errno != EAGAIN && errno != EINTR) return -1;
        if ((uint64_t)clock_mono_us() - l->heard_us > timeout_us) {
            errno = ETIMEDOUT;
            return -1;
        }
        struct pollfd p = {.fd = l->watch.fd, .events = POLLIN};
        if (poll(&p, 1, WAIT_MS) == 0 && !loading_serve(&server_of_link(l)->persist.loading))
            return 0;
    }
    return 0;
}

/* Libraries of functions that come with a data set which is loaded aside. */
struct libraries {
    struct buf *texts;
    size_t count;
};

static void keep_library(void *ctx, struct slice text) {
    struct libraries *all = ctx;
    all->texts = mem_realloc(all->texts, (all->count + 1) * sizeof *all->texts);
    struct buf *copy = &all->texts[all->count++];
    *copy = (struct buf)BUF_INIT;
    buf_append_slice(copy, text);
}

static void load_libraries(struct repl_link *l, struct libraries *all) {
    struct engine *e = &server_of_link(l)->engine;
    struct buf error = BUF_INIT;
    for (size_t i = 0; i < all->count; i++)
        if (e->libraries.load && !e->libraries.load(e, buf_slice(&all->texts[i]), true, &error))
            log_warning(log_of(l), "A library of functions can't be loaded: %s", error.data);
    buf_release(&error);
}

static void free_libraries(struct libraries *all) {
    for (size_t i = 0; i < all->count; i++) buf_release(&all->texts[i]);
    mem_free(all->texts);
}

/* Loading. */

struct job {
    struct rdb_load load;
    const struct rdb_source *source; /* NULL: the file */
    uint64_t total;
    bool aside;
};

static bool read_all(struct repl_link *l, struct job *job, struct buf *why) {
    struct server *s = server_of_link(l);
    struct loading *loading = &s->persist.loading;
    job->load.loading = loading;
    job->load.checksum = s->persist.config.checksum;
    job->load.expired_too = true; /* the primary deletes them */
    l->sync.told_us = (uint64_t)clock_mono_us();
    loading->aside = job->aside && memcmp(l->sync.id, l->repl->id, REPL_ID_LEN) == 0;
    loading->served = tell_primary;
    loading->served_ctx = l;
    loading_begin(loading, job->total);
    bool ok = job->source ? rdb_load_from(&s->engine, job->source, &job->load, why)
                          : rdb_load(&s->engine, s->persist.config.filename, &job->load, why);
    loading_end(loading);
    loading->served = NULL;
    return ok;
}

/* The mark must be all that follows. */
static bool mark_follows(struct repl_link *l, struct buf *rest) {
    char piece[SYNC_RECEIVE_MARK];
    if (l->sync.size >= 0) return true;
    while (rest->len < SYNC_RECEIVE_MARK) {
        ssize_t n = read_socket(l, piece, SYNC_RECEIVE_MARK - rest->len);
        if (n <= 0) return false;
        buf_append(rest, piece, (size_t)n);
    }
    return rest->len == SYNC_RECEIVE_MARK &&
           memcmp(rest->data, l->sync.mark, SYNC_RECEIVE_MARK) == 0;
}

static void tell_failure(struct repl_link *l, const struct job *job, const char *why) {
    log_warning(log_of(l),
                "Failed trying to load the MASTER synchronization DB from %s, check server logs: "
                "%s",
                job->source ? "socket" : "disk", why ? why : "the mark of the end is missing");
}

static bool load_in_place(struct repl_link *l, struct job *job) {
    struct buf why = BUF_INIT, rest = BUF_INIT;
    repl_end_backlog(l->repl);
    repl_new_history(l->repl); /* whatever comes of it, nobody can go on from what there was */
    log_notice(log_of(l), "MASTER <-> REPLICA sync: Flushing old data");
    make_empty(l);
    log_notice(log_of(l), "MASTER <-> REPLICA sync: Loading DB in memory");
    job->load.rest = job->source ? &rest : NULL;
    bool ok = read_all(l, job, &why) && (!job->source || mark_follows(l, &rest));
    if (!ok && !server_of_link(l)->persist.loading.ended) {
        tell_failure(l, job, why.data);
        make_empty(l);
    }
    buf_release(&why);
    buf_release(&rest);
    return ok;
}

static void free_aside(struct keyspace *aside, bool lazy) {
    keyspace_flush(aside, lazy);
    keyspace_release(aside);
}

static bool load_aside(struct repl_link *l, struct job *job) {
    struct engine *e = &server_of_link(l)->engine;
    struct keyspace aside;
    struct libraries libraries = {0};
    struct buf why = BUF_INIT, rest = BUF_INIT;
    bool lazy = l->repl->link_config.lazy_flush;
    keyspace_init_aside(&aside, &e->keyspace);
    job->load.into = &aside;
    job->load.library = keep_library;
    job->load.library_ctx = &libraries;
    job->load.rest = &rest;
    log_notice(log_of(l), "MASTER <-> REPLICA sync: Loading DB in memory");
    bool ok = read_all(l, job, &why) && mark_follows(l, &rest);
    if (ok) {
        repl_drop_replicas(l->repl);
        log_notice(log_of(l), "MASTER <-> REPLICA sync: Swapping active DB with loaded DB");
        make_empty(l);
        keyspace_exchange(&e->keyspace, &aside, lazy);
        load_libraries(l, &libraries);
    } else {
        if (!server_of_link(l)->persist.loading.ended) tell_failure(l, job, why.data);
        log_notice(log_of(l), "MASTER <-> REPLICA sync: Discarding temporary DB in background");
        free_aside(&aside, lazy);
    }
    free_libraries(&libraries);
    buf_release(&why);
    buf_release(&rest);
    return ok;
}

static bool load(struct repl_link *l, struct job *job) {
    struct persist *p = &server_of_link(l)->persist;
    aof_suspend(&p->aof);
    sync_load_stop_saving(l);
    bool ok = job->aside ? load_aside(l, job) : load_in_place(l, job);
    if (ok) {
        repl_adopt_history(l->repl, l->sync.id, l->sync.offset);
        l->db = p->loading.history_db > 0 ? (uint32_t)p->loading.history_db : 0;
        p->changes_then = p->engine->keyspace.dirty;
    }
    if (!p->loading.ended) restart_log(l);
    return ok;
}

bool sync_load_file(struct repl_link *l) {
    struct persist *p = &server_of_link(l)->persist;
    struct stat file;
    bool known = stat(p->config.filename, &file) == 0;
    struct job job = {.total = known ? (uint64_t)file.st_size : 0};
    bool ok = load(l, &job);
    if (ok && l->repl->config.del_sync_files && !p->config.save.n && !aof_enabled(&p->aof)) {
        log_notice(log_of(l), "Removing the RDB file obtained from the master. This replica has "
                              "persistence disabled");
        unlink(p->config.filename);
    }
    return ok;
}

bool sync_load_socket(struct repl_link *l) {
    const struct rdb_source source = {read_socket, l};
    struct job job = {
        .source = &source,
        .total = l->sync.size > 0 ? (uint64_t)l->sync.size : 0,
        .aside = l->repl->link_config.diskless_load == LINK_DISKLESS_ASIDE,
    };
    return load(l, &job);
}
