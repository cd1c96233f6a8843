/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/rdb_load.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crc64.h"
#include "base/num.h"
#include "persist/rdb_opcodes.h"
#include "type/rdb.h"
#include "type/t_string.h"
#include "type/type.h"

enum {
    WINDOW = 256 * 1024,
    SIGNATURE = 9,      /* "REDIS" and the version */
    CHECKSUM_SINCE = 5, /* the version */
    FACTS_SINCE = 7,
    TRIM_ABOVE = 1024 * 1024, /* a string's buffer larger than this isn't kept */
};

/* A file is read through a window that moves: `data` up to reader.end, from file position
 * `before` on. */
struct loading_rdb {
    struct rdb_reader reader; /* first: fill is told of it */
    struct engine *engine;
    struct rdb_load *load;
    struct keyspace *into;
    const struct rdb_source *source;
    int error; /* errno of reading */
    char *data;
    size_t cap;
    uint64_t before;
    uint64_t sum; /* of what is before the window */
    unsigned version;
    struct db *db;
    struct entry *read[DB_LOAD_MAX]; /* entries on their way into it */
    size_t read_count;
    struct buf key;
    struct buf why; /* more about an error */
    /* Of the next key. */
    uint64_t deadline;
    int64_t idle_s, frequency;
};

/* The window. */

static struct loading_rdb *load_of(struct rdb_reader *r) {
    return (struct loading_rdb *)r;
}

/* What has been read leaves it. */
static void move_window(struct loading_rdb *l) {
    size_t done = (size_t)(l->reader.pos - l->data), rest = (size_t)(l->reader.end - l->reader.pos);
    if (l->load->checksum) l->sum = crc64(l->sum, l->data, done);
    memmove(l->data, l->reader.pos, rest);
    l->before += done;
    l->reader.pos = l->data;
    l->reader.end = l->data + rest;
}

static bool read_more(struct loading_rdb *l) {
    size_t have = (size_t)(l->reader.end - l->data);
    ssize_t n = l->source->read(l->source->ctx, l->data + have, l->cap - have);
    if (n < 0) l->error = errno;
    if (n > 0) l->reader.end += n;
    return n > 0;
}

static uint64_t position(const struct loading_rdb *l) {
    return l->before + (uint64_t)(l->reader.pos - l->data);
}

static bool told(struct loading_rdb *l) {
    if (loading_reached(l->load->loading, position(l))) return true;
    return rdb_fail(&l->reader, "the process is to end");
}

/* The window grows as the bytes come: a length that lies doesn't take memory. */
static bool fill(struct rdb_reader *r, size_t need) {
    struct loading_rdb *l = load_of(r);
    move_window(l);
    while ((size_t)(r->end - r->pos) < need) {
        size_t have = (size_t)(r->end - r->pos);
        if (have == l->cap) {
            l->cap *= 2;
            l->data = mem_realloc(l->data, l->cap);
            r->pos = l->data;
            r->end = l->data + have;
        }
        if (!read_more(l) || !told(l)) return false;
    }
    return true;
}

/* Keys. */

static bool has_expired(const struct loading_rdb *l, const struct entry *e) {
    uint64_t now = l->engine->keyspace.now_ms;
    if (l->load->expired_too) return false;
    if (l->deadline <= now) return true;
    return (e->flags & ENTRY_PART_DEADLINES) && type_of(e)->parts->all_due(e, now);
}

/* Where the data are part of a primary's history replicas may have a key that has expired since,
 * and must be told that it goes: so it's loaded, and goes as any other. */
static bool is_left_out(struct loading_rdb *l, const struct entry *e) {
    bool expired = has_expired(l, e);
    l->load->loading->expired += expired;
    return expired && l->load->loading->history_offset < 0;
}

/* What was read so far goes into the database. */
static bool put_keys(struct loading_rdb *l) {
    size_t count = l->read_count;
    for (size_t i = 0; l->load->merge && i < count; i++)
        db_delete(l->db, db_key(l->db, entry_key(l->read[i])), true, EVENT_SILENT);
    size_t done = db_load(l->db, l->read, count);
    l->read_count = 0;
    if (done == count) return true;
    buf_clear(&l->key);
    buf_append_slice(&l->key, entry_key(l->read[done]));
    while (done < count) entry_free(l->read[done++]);
    return rdb_fail(&l->reader, "the same key twice");
}

/* To the visitor, which may want to know where in the file this is. */
static void show_key(struct loading_rdb *l, struct entry *e) {
    const struct rdb_visitor *v = l->load->visitor;
    struct rdb_key key = {e, l->db->id, l->deadline, l->idle_s, l->frequency};
    l->load->end = position(l);
    l->load->loading->keys++;
    if (v->key) v->key(l->load->visitor_ctx, &key);
    entry_free(e);
}

static bool take_key(struct loading_rdb *l, struct entry *e) {
    const struct keyspace *ks = &l->engine->keyspace;
    if (l->load->visitor) {
        show_key(l, e);
        l->read[l->read_count++] = string_new_int(buf_slice(&l->key), 0, ENTRY_NO_DEADLINE);
        return l->read_count < DB_LOAD_MAX || put_keys(l);
    }
    if (is_left_out(l, e)) {
        entry_free(e);
        return true;
    }
    if (l->deadline != ENTRY_NO_DEADLINE) e = entry_with_deadline(e, l->deadline);
    e->access = access_restored(&ks->access, l->idle_s, l->frequency, ks->now_ms) & 0xffffff;
    loading_key(l->load->loading);
    l->read[l->read_count++] = e;
    return l->read_count < (l->load->merge ? 1 : DB_LOAD_MAX) || put_keys(l);
}

static void next_key(struct loading_rdb *l) {
    l->deadline = ENTRY_NO_DEADLINE;
    l->idle_s = l->frequency = -1;
}

/* A collection without elements, which no server should have written, is left out, as in Redis. */
static bool get_key(struct loading_rdb *l, unsigned code) {
    struct rdb_reader *r = &l->reader;
    if (!rdb_get_string_to(r, &l->key)) return false;
    struct entry *e = rdb_load_value(r, code, buf_slice(&l->key), &l->engine->settings.types);
    if (r->text.cap > TRIM_ABOVE) buf_release(&r->text);
    bool ok = e && take_key(l, e);
    if (!e && r->empty) {
        if (!l->load->visitor)
            log_notice(l->engine->log, "skipping empty key: %.*s", (int)l->key.len, l->key.data);
        l->load->loading->empty++;
        r->empty = false;
        r->error = NULL;
        ok = true;
    }
    next_key(l);
    return ok;
}

/* Other parts. */

/* What the writer tells of itself. */
static void take_fact(struct loading_rdb *l, struct slice name, struct slice value) {
    struct log *log = l->engine->log;
    int64_t number;
    if (slice_is(name, "redis-ver")) {
        log_notice(log, "Loading RDB produced by version %.*s", (int)value.len, value.ptr);
    } else if (slice_is(name, "ctime") && num_to_i64(value, &number)) {
        l->load->loading->written_s = number;
        int64_t now_s = (int64_t)(l->engine->keyspace.now_ms / 1000), age_s = 0;
        if (number >= 0 && number < now_s) age_s = now_s - number;
        log_notice(log, "RDB age %lld seconds", (long long)age_s);
    } else if (slice_is(name, "used-mem") && num_to_i64(value, &number) && number > 0) {
        log_notice(log, "RDB memory usage when created %.2f Mb", (double)number / (1024 * 1024));
        l->load->loading->writer_bytes = (uint64_t)number;
    } else if (slice_is(name, "repl-id") && value.len < sizeof l->load->loading->history) {
        slice_put(l->load->loading->history, value);
        l->load->loading->history[value.len] = '\0';
    } else if (slice_is(name, "repl-offset") && num_to_i64(value, &number)) {
        l->load->loading->history_offset = number;
    } else if (slice_is(name, "repl-stream-db") && num_to_i64(value, &number)) {
        l->load->loading->history_db = number;
    } else if (slice_is(name, "aof-base") && slice_is(value, "1")) {
        log_notice(log, "RDB is base AOF");
    }
}

static bool get_fact(struct loading_rdb *l) {
    struct buf name = BUF_INIT;
    struct slice value;
    const struct rdb_visitor *v = l->load->visitor;
    /* The version is all that says that there's a checksum. */
    if (l->version < FACTS_SINCE) return rdb_fail(&l->reader, "what its version doesn't have");
    bool ok = rdb_get_string_to(&l->reader, &name) && rdb_get_string(&l->reader, &value);
    l->load->end = position(l);
    if (ok && v && v->fact) v->fact(l->load->visitor_ctx, buf_slice(&name), value);
    if (ok && !v && l->engine->log) take_fact(l, buf_slice(&name), value);
    buf_release(&name);
    return ok;
}

static bool get_deadline_s(struct loading_rdb *l) {
    struct slice raw;
    if (!rdb_get_raw(&l->reader, sizeof(uint32_t), &raw)) return false;
    l->deadline = (uint64_t)load_le32(raw.ptr) * 1000;
    return true;
}

static bool get_db(struct loading_rdb *l) {
    uint64_t number;
    if (!rdb_get_len(&l->reader, &number)) return false;
    if (number >= l->into->count)
        return rdb_fail(&l->reader, "a database whose number is too high: see `databases`");
    if (!put_keys(l)) return false;
    db_loaded(l->db);
    l->db = &l->into->dbs[number];
    const struct rdb_visitor *v = l->load->visitor;
    l->load->end = position(l);
    if (v && v->db) v->db(l->load->visitor_ctx, l->db->id);
    return true;
}

/* The room is made at once; a number that lies can't ask for more than the file could fill. */
static bool get_sizes(struct loading_rdb *l) {
    enum { KEY_MIN = 4 }; /* bytes of a key with its value */
    uint64_t keys, with_deadline;
    if (!rdb_get_len(&l->reader, &keys) || !rdb_get_len(&l->reader, &with_deadline)) return false;
    uint64_t most = l->load->loading->total / KEY_MIN;
    if (!put_keys(l)) return false;
    if (!l->load->visitor) db_load_expect(l->db, keys < most ? keys : most);
    return true;
}

static bool get_idle(struct loading_rdb *l) {
    uint64_t seconds;
    if (!rdb_get_len(&l->reader, &seconds)) return false;
    l->idle_s = (int64_t)(seconds & INT64_MAX);
    return true;
}

static bool get_frequency(struct loading_rdb *l) {
    unsigned byte;
    if (!rdb_get_byte(&l->reader, &byte)) return false;
    l->frequency = byte;
    return true;
}

static bool skip_lens(struct loading_rdb *l, int count) {
    uint64_t unused;
    while (count--)
        if (!rdb_get_len(&l->reader, &unused)) return false;
    return true;
}

static bool get_library(struct loading_rdb *l) {
    struct slice text;
    struct engine *e = l->engine;
    if (!rdb_get_string(&l->reader, &text)) return false;
    const struct rdb_visitor *v = l->load->visitor;
    l->load->end = position(l);
    if (v && v->library) v->library(l->load->visitor_ctx, text);
    if (v) return true;
    if (l->load->library) {
        l->load->library(l->load->library_ctx, text);
        return true;
    }
    if (!e->libraries.load) return rdb_fail(&l->reader, "a library of functions");
    if (e->libraries.load(e, text, l->load->merge, &l->why)) return true;
    return rdb_fail(&l->reader, "a library of functions can't be loaded");
}

static bool get_part(struct loading_rdb *l, unsigned op) {
    struct rdb_reader *r = &l->reader;
    switch (op) {
    case RDB_OP_DB: return get_db(l);
    case RDB_OP_SIZES: return get_sizes(l);
    case RDB_OP_SLOT: return skip_lens(l, 3);
    case RDB_OP_FACT: return get_fact(l);
    case RDB_OP_IDLE: return get_idle(l);
    case RDB_OP_FREQUENCY: return get_frequency(l);
    case RDB_OP_DEADLINE_S: return get_deadline_s(l);
    case RDB_OP_DEADLINE_MS:
        if (!rdb_get_u64(r, &l->deadline)) return false;
        if (l->deadline > INT64_MAX) l->deadline = 0; /* before 1970 */
        return true;
    case RDB_OP_FUNCTIONS: return get_library(l);
    case RDB_OP_FUNCTIONS_PRE:
        return rdb_fail(r, "functions in a form that was never released can't be loaded");
    case RDB_OP_MODULE: return rdb_fail(r, "data of a module, and there are no modules");
    default: return get_key(l, op);
    }
}

/* The file. */

static bool get_signature(struct loading_rdb *l) {
    struct slice s;
    int64_t version;
    if (!rdb_get_raw(&l->reader, SIGNATURE, &s)) return false;
    if (memcmp(s.ptr, "REDIS", 5) != 0)
        return rdb_fail(&l->reader, "Wrong signature trying to load DB from file");
    struct slice digits = slice_of(s.ptr + 5, 4);
    while (digits.len > 1 && *digits.ptr == '0') digits = slice_of(digits.ptr + 1, digits.len - 1);
    if (!num_to_i64(digits, &version) || version < 1 || version > RDB_VERSION_MAX)
        return rdb_fail(&l->reader, "Can't handle RDB format version: this one is too new");
    l->version = (unsigned)version;
    return true;
}

/* A sum of 0 says that the writer made none. */
static bool sum_fits(struct loading_rdb *l) {
    uint64_t written;
    if (l->version < CHECKSUM_SINCE) return true;
    move_window(l);
    uint64_t sum = l->sum;
    if (!rdb_get_u64(&l->reader, &written)) return false;
    l->load->summed = l->load->checksum && written == sum;
    if (!l->load->checksum || written == 0 || written == sum) return true;
    return rdb_fail(&l->reader, "RDB CRC error: the file is damaged");
}

static bool get_all(struct loading_rdb *l) {
    unsigned op;
    if (!get_signature(l)) return false;
    for (;;) {
        if (!told(l) || !rdb_get_byte(&l->reader, &op)) return false;
        if (op == RDB_OP_END) return sum_fits(l);
        if (!get_part(l, op)) return false;
    }
}

static void explain(struct loading_rdb *l, struct buf *why) {
    if (l->error)
        buf_append_str(why, strerror(l->error));
    else
        buf_append_str(why, l->reader.error);
    if (l->why.len) buf_appendf(why, " (%s)", l->why.data);
    buf_appendf(why, ", near byte %llu", (unsigned long long)position(l));
    if (l->key.len)
        buf_appendf(why, ", after or in key '%.*s'", l->key.len < 128 ? (int)l->key.len : 128,
                    l->key.data);
}

bool rdb_load_from(struct engine *e, const struct rdb_source *source, struct rdb_load *load,
                   struct buf *why) {
    struct loading_rdb l = {
        .engine = e,
        .load = load,
        .source = source,
        .into = load->into ? load->into : &e->keyspace,
        .cap = WINDOW,
    };
    l.db = &l.into->dbs[0];
    l.data = mem_alloc(l.cap);
    rdb_reader_init(&l.reader, slice_of(l.data, 0));
    l.reader.fill = fill;
    l.reader.trusted = load->checksum;
    next_key(&l);
    bool ok = get_all(&l);
    load->end = position(&l);
    ok = put_keys(&l) && ok;
    db_loaded(l.db);
    if (!ok) explain(&l, why);
    if (load->rest) buf_append(load->rest, l.reader.pos, (size_t)(l.reader.end - l.reader.pos));
    rdb_reader_release(&l.reader);
    buf_release(&l.key);
    buf_release(&l.why);
    mem_free(l.data);
    return ok;
}

static ssize_t read_file(void *fd, char *to, size_t len) {
    ssize_t n;
    do n = read(*(int *)fd, to, len);
    while (n < 0 && errno == EINTR);
    return n;
}

bool rdb_load(struct engine *e, const char *path, struct rdb_load *load, struct buf *why) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        buf_append_str(why, strerror(errno));
        return false;
    }
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    bool ok = rdb_load_from(e, &(struct rdb_source){read_file, &fd}, load, why);
    close(fd);
    return ok;
}
