/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/snapshot.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "persist/persist.h"
#include "type/type.h"

enum {
    PORTION = 16 * 1024,  /* bytes of a large entry between two looks at the clock */
    LARGE_EFFORT = 256,   /* allocations: a collection of more is large, */
    LARGE_BYTES = 65536,  /* and so is whatever has more bytes */
    COPY_BYTES = 1 << 20, /* of a string that is edited in place: more aren't copied at once */
    MEMORY_SAMPLES = 5,
    TABLE_SAMPLES = 64,
};

static struct engine *engine_of(const struct snapshot *s) {
    return s->persist->engine;
}

void snapshot_init(struct snapshot *s, struct persist *p) {
    *s = (struct snapshot){.persist = p};
}

/* The large ones. */

static bool is_large(const struct entry *e) {
    const struct type *type = type_of(e);
    if (!(e->flags & ENTRY_WORD)) return false;
    if (e->type == TYPE_STRING) return type->elements(e) > LARGE_BYTES;
    return type->free_effort(e) > LARGE_EFFORT || type->memory(e, 0) > LARGE_BYTES;
}

/* What it holds, maxmemory doesn't count. */
static void count_held(struct snapshot *s) {
    size_t bytes = s->held + s->out.w.buf.cap + s->side.w.buf.cap;
    if (s->file) bytes += rdb_file_waiting(s->file);
    keyspace_uncount(&engine_of(s)->keyspace, &s->uncounted, bytes);
}

/* An entry that it owns. */
static void free_entry(struct snapshot *s, struct entry *e, size_t bytes) {
    struct keyspace *ks = &engine_of(s)->keyspace;
    s->held -= bytes;
    if (ks->hooks.discard)
        ks->hooks.discard(ks->hooks.ctx, e);
    else
        entry_free(e);
}

/* Nobody has to wait for it any more. */
static void forget_urgent(struct snapshot *s) {
    s->urgent = NULL;
    if (s->on_written) s->on_written(s->persist);
}

/* Bytes that have to come behind the large entry. */
static struct rdb_out *out_now(struct snapshot *s) {
    return s->large ? &s->side : &s->out;
}

static void begin_large(struct snapshot *s, uint32_t db, struct entry *e) {
    if (s->urgent == e) s->urgent = NULL;
    s->large = e;
    s->large_db = db;
    s->large_owned = false;
    s->large_at = (struct rdb_walk){0};
    rdb_out_key(&s->out, engine_of(s), db, e);
}

static void end_large(struct snapshot *s) {
    struct entry *e = s->large;
    s->large = NULL;
    s->keys_done++;
    keyspace_cut_pass(&engine_of(s)->keyspace, e);
    if (s->large_owned) free_entry(s, e, s->large_bytes);
    if (s->side.w.buf.len) {
        buf_append(&s->out.w.buf, s->side.w.buf.data, s->side.w.buf.len);
        buf_clear(&s->side.w.buf);
        s->out.db = s->side.db;
    }
    s->side.db = RDB_OUT_NO_DB;
    if (s->on_written) s->on_written(s->persist);
}

/* About so much more of it; SIZE_MAX: all that is left. */
static void write_large(struct snapshot *s, size_t bytes) {
    struct rdb_writer *w = &s->out.w;
    size_t limit = bytes == SIZE_MAX ? bytes : w->buf.len + bytes;
    bool done;
    do done = rdb_out_value(&s->out, s->large, &s->large_at, limit);
    while (!done && bytes == SIZE_MAX);
    if (done) end_large(s);
}

/* Bytes of an entry that becomes its own. */
static size_t hold(struct snapshot *s, const struct entry *e) {
    size_t bytes = type_memory(e, MEMORY_SAMPLES);
    s->held += bytes;
    return bytes;
}

static void add_orphan(struct snapshot *s, uint32_t db, struct entry *e) {
    if (s->orphan_count == s->orphan_cap) {
        s->orphan_cap = s->orphan_cap ? 2 * s->orphan_cap : 16;
        s->orphans = mem_realloc(s->orphans, s->orphan_cap * sizeof *s->orphans);
    }
    s->orphans[s->orphan_count++] = (struct snapshot_orphan){e, db, hold(s, e)};
}

/* A string of many bytes isn't copied, but kept as it is. */
static void keep_string(struct snapshot *s, uint32_t db, const struct entry *e) {
    struct entry *copy = entry_copy(e, entry_key(e));
    add_orphan(s, db, entry_with_deadline(copy, entry_deadline(e)));
}

static void write_small(struct snapshot *s, uint32_t db, struct entry *e) {
    rdb_out_entry(out_now(s), engine_of(s), db, e);
    keyspace_cut_pass(&engine_of(s)->keyspace, e);
    s->keys_done++;
}

static void hand_over(struct snapshot *s) {
    if (s->out.w.buf.len) rdb_file_append(s->file, &s->out.w.buf);
}

/* Before entries change. */

static struct snapshot_part *part_of(struct snapshot *s, uint64_t table_id) {
    for (size_t i = 0; i < s->part_count; i++)
        if (s->parts[i].table_id == table_id && !s->parts[i].owned) return &s->parts[i];
    return NULL;
}

static void before_change(void *ctx, struct db *db, struct entry *e) {
    struct snapshot *s = &((struct engine *)ctx)->persist->snapshot;
    if (!s->file) return;
    s->copied_bytes += type_memory(e, MEMORY_SAMPLES);
    if (e == s->urgent) forget_urgent(s);
    if (e == s->large)
        write_large(s, SIZE_MAX);
    else if (e->type == TYPE_STRING && is_large(e))
        keep_string(s, part_of(s, db->table_id)->db, e);
    else
        write_small(s, part_of(s, db->table_id)->db, e);
    if (!s->large && s->out.w.buf.len >= RDB_FILE_CHUNK) hand_over(s);
    count_held(s);
}

static bool before_free(void *ctx, struct db *db, struct entry *e) {
    struct snapshot *s = &((struct engine *)ctx)->persist->snapshot;
    if (!s->file) return false;
    if (e == s->urgent) forget_urgent(s);
    if (e == s->large) {
        s->large_owned = true;
        s->large_bytes = hold(s, e);
    } else if (is_large(e)) {
        add_orphan(s, part_of(s, db->table_id)->db, e);
    } else {
        before_change(ctx, db, e);
        return false;
    }
    count_held(s);
    return true;
}

/* About what a table has, its own memory left out. */
static size_t table_bytes(const struct table *t, struct random *rng) {
    size_t sum = 0, count = table_count(t);
    if (!count) return 0;
    for (unsigned i = 0; i < TABLE_SAMPLES; i++)
        sum += type_memory(table_random(t, rng), MEMORY_SAMPLES);
    return sum / TABLE_SAMPLES * count;
}

/* Of a database whose walk isn't over the whole table is kept. */
static bool before_flush(void *ctx, uint64_t table_id, struct table *t) {
    struct snapshot *s = &((struct engine *)ctx)->persist->snapshot;
    struct snapshot_part *part = part_of(s, table_id);
    if (!s->file || !part || part->done) return false;
    forget_urgent(s);
    part->owned = true;
    part->table = *t;
    part->bytes = table_bytes(t, &engine_of(s)->keyspace.rng);
    s->held += part->bytes;
    count_held(s);
    return true;
}

/* What is replaced goes as it is, and of a string that's kept its edited copy is made. */
static bool costs_time(const struct entry *e, bool in_place) {
    if (e->type == TYPE_STRING) return in_place && type_of(e)->elements(e) > COPY_BYTES;
    return is_large(e);
}

static void write_next(struct snapshot *s, const struct db *db, const struct entry *e) {
    if (e == s->large) return;
    s->urgent = e;
    s->urgent_db = part_of(s, db->table_id)->db;
}

bool snapshot_must_wait(struct snapshot *s, struct db *db, struct slice name, bool in_place) {
    if (!s->file || !s->walking) return false;
    struct entry *e = db_look_up(db, db_key(db, name), NULL);
    if (!e || !keyspace_in_cut(db->keyspace, e) || !costs_time(e, in_place)) return false;
    write_next(s, db, e);
    return true;
}

/* Nobody waits for that; but the sooner, the better. */
static bool defers_expiry(void *ctx, struct db *db, struct entry *e) {
    struct snapshot *s = &((struct engine *)ctx)->persist->snapshot;
    if (!s->file || !is_large(e)) return false;
    if (!s->urgent) write_next(s, db, e);
    return true;
}

/* The walk. */

static void end_part(struct snapshot *s, struct snapshot_part *part) {
    const struct keyspace_hooks *hooks = &engine_of(s)->keyspace.hooks;
    part->done = true;
    if (!part->owned) return;
    s->held -= part->bytes;
    if (hooks->discard_table)
        hooks->discard_table(hooks->ctx, &part->table);
    else
        table_release(&part->table, (void (*)(void *))entry_free);
}

static void visit(void *ctx, void *entry) {
    struct snapshot *s = ctx;
    struct entry *e = entry;
    const struct keyspace *ks = &engine_of(s)->keyspace;
    if (!keyspace_in_cut(ks, e)) return;
    if (!s->file)
        keyspace_cut_pass(ks, e);
    else if (!is_large(e))
        write_small(s, s->parts[s->part_at].db, e);
    else if (!s->large)
        begin_large(s, s->parts[s->part_at].db, e);
}

/* A few dozen entries. Where large ones are among them, the same again until they're written. */
static void walk(struct snapshot *s) {
    struct snapshot_part *part = &s->parts[s->part_at];
    struct db *db = keyspace_db_of(&engine_of(s)->keyspace, part->table_id);
    const struct table *t = part->owned ? &part->table : db ? &db->table : NULL;
    uint64_t next = t ? table_walk(t, part->from, visit, s) : 0;
    if (s->large) return;
    part->from = next;
    if (next) return;
    end_part(s, part);
    if (++s->part_at == s->part_count) s->walking = false;
}

static void release_parts(struct snapshot *s) {
    mem_free(s->parts);
    s->parts = NULL;
    s->part_count = s->part_at = 0;
}

/* The walk is over, and no entry waits. */
static void finish(struct snapshot *s) {
    struct rdb_file *f = s->file;
    release_parts(s);
    s->file = NULL;
    if (f) {
        rdb_out_end(&s->out);
        rdb_file_append(f, &s->out.w.buf);
    }
    count_held(s);
    if (!f) return;
    rdb_file_finish(f, s->plan.done, s->plan.ctx);
}

static void drop_large(struct snapshot *s) {
    if (s->large) rdb_walk_release(&s->large_at);
    if (s->large && s->large_owned) free_entry(s, s->large, s->large_bytes);
    s->large = NULL;
    s->urgent = NULL;
    for (size_t i = 0; i < s->orphan_count; i++)
        free_entry(s, s->orphans[i].entry, s->orphans[i].bytes);
    s->orphan_count = 0;
}

static void give_up(struct snapshot *s, int error) {
    struct rdb_file *f = s->file;
    drop_large(s);
    buf_clear(&s->out.w.buf);
    buf_clear(&s->side.w.buf);
    s->file = NULL;
    count_held(s);
    rdb_file_abandon(f, error, s->plan.done, s->plan.ctx);
    if (s->on_written) s->on_written(s->persist);
}

/* One step of what there is to do; false: there's nothing. */
static bool step(struct snapshot *s) {
    if (s->large) {
        write_large(s, PORTION);
    } else if (s->urgent) {
        struct entry *e = (struct entry *)s->urgent;
        begin_large(s, s->urgent_db, e);
    } else if (s->orphan_count) {
        struct snapshot_orphan *o = &s->orphans[--s->orphan_count];
        begin_large(s, o->db, o->entry);
        s->large_owned = true;
        s->large_bytes = o->bytes;
    } else if (s->walking) {
        walk(s);
    } else {
        return false;
    }
    return true;
}

/* Tests slow saving down, to look at a server that saves. */
static void pause_for(struct snapshot *s, uint64_t keys) {
    if (s->persist->config.key_save_delay <= 0) return;
    s->paused_us = (uint64_t)clock_mono_us();
    s->paused_keys = keys;
}

static uint64_t pause_end_us(const struct snapshot *s) {
    int64_t delay = s->persist->config.key_save_delay;
    return delay > 0 ? s->paused_us + s->paused_keys * (uint64_t)delay : 0;
}

static bool step_and_check(struct snapshot *s) {
    uint64_t before = s->keys_done;
    bool more = step(s);
    if (!s->file) return more;
    if (s->out.w.buf.len >= RDB_FILE_CHUNK) hand_over(s);
    if (rdb_file_error(s->file)) give_up(s, rdb_file_error(s->file));
    pause_for(s, s->keys_done - before);
    count_held(s);
    return more;
}

static bool busy(const struct snapshot *s) {
    return s->parts;
}

void snapshot_run(struct snapshot *s, uint64_t until_ns) {
    while (busy(s) && snapshot_due_us(s) == 0) {
        if (!step_and_check(s)) {
            finish(s);
            return;
        }
        if ((uint64_t)clock_mono_ns() >= until_ns) return;
    }
}

void snapshot_run_all(struct snapshot *s) {
    while (busy(s))
        if (!step_and_check(s)) finish(s);
}

uint64_t snapshot_due_us(const struct snapshot *s) {
    if (!busy(s) || (s->file && !rdb_file_has_room(s->file))) return UINT64_MAX;
    /* A value that's begun is ended, since somebody may wait for it. */
    uint64_t end_us = s->file && !s->urgent && !s->large ? pause_end_us(s) : 0;
    return end_us > (uint64_t)clock_mono_us() ? end_us : 0;
}

/* Begin and end. */

static void begin_parts(struct snapshot *s, const struct keyspace *ks, bool keys) {
    s->parts = mem_alloc((ks->count + 1) * sizeof *s->parts);
    s->keys = s->keys_done = 0;
    for (uint32_t i = 0; keys && i < ks->count; i++) {
        struct db *db = &ks->dbs[i];
        if (!db_count(db)) continue;
        s->parts[s->part_count++] = (struct snapshot_part){.table_id = db->table_id, .db = i};
        rdb_out_db(&s->out, i, db_count(db), db->deadlines);
        s->keys += db_count(db);
    }
    s->walking = s->part_count > 0;
}

bool snapshot_start(struct snapshot *s, const struct snapshot_plan *plan) {
    struct engine *e = engine_of(s);
    errno = EBUSY;
    if (s->file) return false;
    snapshot_run_all(s);
    s->file = plan->sink
                  ? rdb_file_to_sink(plan->sink, plan->options.checksum, e->background)
                  : rdb_file_new(plan->path, plan->name, plan->options.checksum, e->background);
    if (!s->file) return false;
    if (plan->options.commands) rdb_file_no_sum(s->file);
    s->plan = *plan;
    s->plan.path = s->plan.name = NULL; /* the file has them */
    s->started_us = (uint64_t)clock_mono_us();
    s->copied_bytes = s->paused_keys = 0;
    rdb_out_begin(&s->out, e, &plan->options);
    s->side = (struct rdb_out){.w = {.buf = s->side.w.buf,
                                     .version = plan->options.version,
                                     .compress = plan->options.compress},
                               .db = RDB_OUT_NO_DB,
                               .commands = plan->options.commands};
    begin_parts(s, &e->keyspace, !plan->no_keys);
    if (plan->no_keys) return true;
    struct keyspace_hooks *hooks = &e->keyspace.hooks;
    hooks->before_change = before_change;
    hooks->before_free = before_free;
    hooks->before_flush = before_flush;
    hooks->defers_expiry = defers_expiry;
    keyspace_cut(&e->keyspace);
    return true;
}

void snapshot_cancel(struct snapshot *s) {
    if (s->file) give_up(s, ECANCELED);
}

void snapshot_release(struct snapshot *s) {
    drop_large(s);
    for (size_t i = 0; i < s->part_count; i++)
        if (s->parts[i].owned && !s->parts[i].done)
            table_release(&s->parts[i].table, (void (*)(void *))entry_free);
    release_parts(s);
    mem_free(s->orphans);
    buf_release(&s->out.w.buf);
    buf_release(&s->side.w.buf);
}
