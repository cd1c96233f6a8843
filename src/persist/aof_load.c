/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/aof_load.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "exec/admission.h"
#include "exec/transaction.h"
#include "persist/aof_files.h"
#include "persist/aof_reader.h"
#include "persist/durable.h"
#include "persist/rdb_load.h"

#define HINT                                                                                       \
    "Make a copy of the directory; then drey-check-aof --fix FILE.manifest cuts the log off there"

/* A file being loaded. */
struct file {
    struct aof_load *load;
    struct log *log;
    const char *name;
    char *path;
    bool last; /* of the log */
    struct aof_reader reader;
    struct session session;
    struct reply_pool pool;
    uint64_t whole; /* bytes up to where nothing is incomplete */
};

/* Commands. */

static bool refuse(const struct file *f, const char *what) {
    log_warning(f->log, "%s reading the append only file %s, at byte %llu. " HINT, what, f->name,
                (unsigned long long)f->reader.item_at);
    return false;
}

static bool is_unknown(const struct request *r) {
    return !r->cmd || !r->cmd->row->run;
}

static bool refuse_unknown(const struct file *f, struct slice name) {
    enum { SHOWN = 128 };
    char what[SHOWN + 64];
    snprintf(what, sizeof what, "Unknown command '%.*s'", name.len < SHOWN ? (int)name.len : SHOWN,
             name.ptr);
    return refuse(f, what);
}

/* No log has commands that manage the server: nobody is to be able to make it save, or end, by way
 * of a file. Nor any about the connection that they come by, as there's none (SELECT is fine). */
static bool may_run(const struct request *r) {
    const struct command_entry *cmd = r->cmd;
    bool of_client = (cmd->categories & ACL_CONNECTION) && (cmd->flags & CMD_NOSCRIPT);
    return admission_arity_fits(cmd, r->argc) && !(cmd->flags & CMD_ADMIN) && !of_client;
}

static void run(struct file *f, const struct request *r) {
    struct session *s = &f->session;
    uint32_t errors = s->own_reply.errors;
    if (!may_run(r)) {
        f->load->failed++;
        return;
    }
    if (s->transaction && !(r->cmd->flags & CMD_UNQUEUED))
        transaction_queue(s, r);
    else
        dispatch_replay(s, r);
    f->load->failed += s->own_reply.errors - errors;
    reply_consume(&s->own_reply, reply_len(&s->own_reply));
}

static bool run_command(struct file *f) {
    struct aof_reader *reader = &f->reader;
    struct request r = {.argv = reader->argv, .argc = reader->argc};
    uint64_t failed = f->load->failed;
    dispatch_prepare_all(&f->session, &r, 1);
    if (is_unknown(&r)) return refuse_unknown(f, r.argv[0]);
    run(f, &r);
    f->load->commands++;
    if (f->load->failed != failed && slice_is(r.argv[0], "select"))
        return refuse(f, "A database that there isn't (see `databases`)");
    if (!f->session.transaction) f->whole = aof_reader_pos(reader);
    return true;
}

static void take_note(struct file *f) {
    int64_t time_s;
    bool is_time = aof_note_time(f->reader.note, &time_s);
    if (is_time && time_s < f->load->first_s) f->load->first_s = time_s;
    if (is_time && time_s > f->load->until_s)
        f->load->stopped = true;
    else if (!f->session.transaction)
        f->whole = aof_reader_pos(&f->reader);
}

/* The end of a file. */

static bool refuse_cut(const struct file *f) {
    if (!f->last) {
        log_warning(f->log,
                    "Fatal error: the append only file %s is cut off at byte %llu, and it isn't "
                    "the last one",
                    f->name, (unsigned long long)f->whole);
        return false;
    }
    log_warning(f->log,
                "Unexpected end of file reading the append only file %s: what follows byte %llu "
                "isn't whole. " HINT ", and so does the next start with aof-load-truncated yes.",
                f->name, (unsigned long long)f->whole);
    return false;
}

static int cut_off(const struct file *f) {
    if (truncate(f->path, (off_t)f->whole) < 0) return errno;
    return durable_sync_file(f->path);
}

/* What isn't whole at the end is left out, and cut off, as something will be added there. */
static bool end_torn(struct file *f) {
    uint64_t end = f->reader.size;
    if (f->session.transaction)
        log_warning(f->log, "Revert incomplete MULTI/EXEC transaction from AOF file %s", f->name);
    if (!f->last || !f->load->config->load_truncated) return refuse_cut(f);
    int error = cut_off(f);
    if (error) {
        log_warning(f->log, "Error truncating the AOF file %s: %s", f->name, strerror(error));
        return false;
    }
    log_warning(f->log,
                "!!! Warning: short read while loading the AOF file %s!!! It was loaded anyway, as "
                "aof-load-truncated is enabled, and cut off: the %llu bytes behind byte %llu were "
                "an incomplete write",
                f->name, (unsigned long long)(end - f->whole), (unsigned long long)f->whole);
    return true;
}

static bool refuse_damaged(const struct file *f) {
    const struct aof_reader *r = &f->reader;
    log_warning(f->log,
                "Bad file format reading the append only file %s: %s, at byte %llu (the command "
                "begins at byte %llu). " HINT,
                f->name, r->bad, (unsigned long long)r->bad_at, (unsigned long long)r->item_at);
    return false;
}

static bool refuse_unreadable(const struct file *f) {
    log_warning(f->log, "Unrecoverable error reading the append only file %s: %s", f->name,
                strerror(f->reader.error));
    return false;
}

static bool run_all(struct file *f) {
    for (;;) {
        if (!loading_reached(f->load->loading, aof_reader_pos(&f->reader))) return false;
        switch (aof_reader_next(&f->reader)) {
        case AOF_COMMAND:
            if (!run_command(f)) return false;
            break;
        case AOF_NOTE:
            take_note(f);
            if (f->load->stopped) return true;
            break;
        case AOF_END: return !f->session.transaction || end_torn(f);
        case AOF_TORN: return end_torn(f);
        case AOF_DAMAGED: return refuse_damaged(f);
        case AOF_UNREADABLE: return refuse_unreadable(f);
        }
    }
}

/* A file. */

static bool load_commands(struct file *f, uint64_t from) {
    int error = aof_reader_open(&f->reader, f->path, from);
    if (error) {
        log_warning(f->log, "Fatal error: can't open the append log file %s for reading: %s",
                    f->name, strerror(error));
        return false;
    }
    f->whole = from;
    session_init(&f->session, f->load->engine, &f->pool);
    f->session.obeyed = true;             /* a replica's own log, too, is run as it is */
    f->session.own_reply.on_error = NULL; /* they aren't counted as what clients get */
    bool ok = run_all(f);
    session_release(&f->session);
    reply_pool_release(&f->pool);
    f->load->bytes += f->reader.size;
    aof_reader_close(&f->reader);
    return ok;
}

/* *end: where it ends. Later commands may be about keys that have expired, so all are taken. */
static bool load_snapshot(struct file *f, uint64_t *end) {
    struct aof_load *load = f->load;
    struct rdb_load rdb = {
        .checksum = load->checksum, .expired_too = true, .loading = load->loading};
    struct buf why = BUF_INIT;
    log_notice(f->log, "Reading RDB base file on AOF loading...");
    bool ok = rdb_load(load->engine, f->path, &rdb, &why);
    if (!ok && !load->loading->ended)
        log_warning(f->log,
                    "Error reading the RDB part of the AOF file %s, AOF loading aborted: "
                    "%s",
                    f->name, why.data);
    buf_release(&why);
    *end = rdb.end;
    return ok;
}

static bool load_file(struct aof_load *load, const char *name, bool last) {
    struct file f = {.load = load,
                     .log = load->engine->log,
                     .name = name,
                     .path = aof_path(load->config, name),
                     .last = last};
    uint64_t from = 0, before = load->bytes;
    bool ok = !aof_begins_with_rdb(f.path) || load_snapshot(&f, &from);
    ok = ok && load_commands(&f, from);
    loading_file_done(load->loading, load->bytes - before);
    mem_free(f.path);
    return ok;
}

static bool load_timed(struct aof_load *load, const char *kind, const char *name, bool last) {
    int64_t began_us = clock_mono_us();
    if (!load_file(load, name, last)) return false;
    log_notice(load->engine->log, "DB loaded from %s file %s: %.3f seconds", kind, name,
               (double)(clock_mono_us() - began_us) / 1e6);
    return true;
}

/* The log. */

static bool load_all(struct aof_load *load) {
    const struct aof_manifest *m = load->manifest;
    if (m->base.name && !load_timed(load, "base", m->base.name, !m->incrs.n)) return false;
    load->base_bytes = load->bytes;
    load->base_s = load->loading->written_s;
    for (size_t i = 0; i < m->incrs.n && !load->stopped; i++)
        if (!load_timed(load, "incr", m->incrs.items[i].name, i + 1 == m->incrs.n)) return false;
    return true;
}

bool aof_load(struct aof_load *load) {
    load->first_s = INT64_MAX;
    loading_begin(load->loading, aof_total_size(load->config, load->manifest));
    bool ok = load_all(load);
    loading_end(load->loading);
    if (load->failed)
        log_warning(load->engine->log,
                    "%llu commands of the AOF replied errors, as they may have when they were "
                    "written, and were passed over",
                    (unsigned long long)load->failed);
    return ok;
}
