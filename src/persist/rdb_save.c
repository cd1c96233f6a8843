/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/rdb_save.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crc64.h"
#include "persist/rdb_opcodes.h"
#include "type/type.h"

enum { FLUSH_BYTES = 256 * 1024 };

struct saving {
    struct rdb_writer w;
    int fd;
    int error; /* errno of the first write that failed; 0 */
    bool checksum;
    uint64_t sum;
};

static void flush(struct saving *s) {
    size_t done = 0;
    if (s->checksum) s->sum = crc64(s->sum, s->w.buf.data, s->w.buf.len);
    while (!s->error && done < s->w.buf.len) {
        ssize_t n = write(s->fd, s->w.buf.data + done, s->w.buf.len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            s->error = n == 0 ? EIO : errno;
    }
    buf_clear(&s->w.buf);
}

static void put_fact(struct rdb_writer *w, const char *name, struct slice value) {
    rdb_put_byte(w, RDB_OP_FACT);
    rdb_put_string(w, slice_str(name));
    rdb_put_string(w, value);
}

static void put_fact_number(struct rdb_writer *w, const char *name, uint64_t value) {
    rdb_put_byte(w, RDB_OP_FACT);
    rdb_put_string(w, slice_str(name));
    rdb_put_number(w, (int64_t)value);
}

static void put_header(struct saving *s, const struct engine *e) {
    buf_appendf(&s->w.buf, "REDIS%04u", s->w.version);
    put_fact(&s->w, "redis-ver", slice_str(s->w.version > RDB_VERSION_OLD ? "7.2.4" : "7.0.15"));
    put_fact_number(&s->w, "redis-bits", sizeof(void *) == 8 ? 64 : 32);
    put_fact_number(&s->w, "ctime", e->keyspace.now_ms / 1000);
    put_fact_number(&s->w, "used-mem", mem_used());
    put_fact_number(&s->w, "aof-base", 0);
}

static void put_library(void *ctx, struct slice text) {
    rdb_put_byte(ctx, RDB_OP_FUNCTIONS);
    rdb_put_string(ctx, text);
}

/* How often or when it was used, if eviction goes by that. */
static void put_access(struct rdb_writer *w, const struct engine *e, const struct entry *entry) {
    const struct keyspace *ks = &e->keyspace;
    enum db_policy policy = (enum db_policy)e->settings.db.maxmemory_policy;
    if (ks->access.lfu) {
        rdb_put_byte(w, RDB_OP_FREQUENCY);
        rdb_put_byte(w, access_frequency(&ks->access, entry->access, ks->now_ms));
    } else if (policy == DB_POLICY_ALLKEYS_LRU || policy == DB_POLICY_VOLATILE_LRU) {
        rdb_put_byte(w, RDB_OP_IDLE);
        rdb_put_len(w, access_idle_seconds(entry->access, ks->now_ms));
    }
}

static void put_entry(struct saving *s, const struct engine *e, const struct entry *entry) {
    struct rdb_writer *w = &s->w;
    const struct type_rdb *rdb = type_of(entry)->rdb;
    struct rdb_walk at = {0};
    if (entry->flags & ENTRY_DEADLINE) {
        rdb_put_byte(w, RDB_OP_DEADLINE_MS);
        rdb_put_u64(w, entry_deadline(entry));
    }
    put_access(w, e, entry);
    rdb_put_byte(w, rdb->code(entry, w->version));
    rdb_put_string(w, entry_key(entry));
    while (!rdb->save(entry, w, &at, FLUSH_BYTES)) flush(s);
    if (w->buf.len >= FLUSH_BYTES) flush(s);
}

static void put_db(struct saving *s, const struct engine *e, const struct db *db) {
    struct table_iter it;
    if (db_count(db) == 0) return;
    rdb_put_byte(&s->w, RDB_OP_DB);
    rdb_put_len(&s->w, db->id);
    rdb_put_byte(&s->w, RDB_OP_SIZES);
    rdb_put_len(&s->w, db_count(db));
    rdb_put_len(&s->w, db->deadlines);
    table_iter_init(&it, &db->table);
    for (const struct entry *entry; !s->error && (entry = table_iter_next(&it));)
        put_entry(s, e, entry);
}

static void put_all(struct saving *s, struct engine *e) {
    put_header(s, e);
    if (e->libraries.visit) e->libraries.visit(e, put_library, &s->w);
    for (uint32_t i = 0; i < e->keyspace.count; i++) put_db(s, e, &e->keyspace.dbs[i]);
    rdb_put_byte(&s->w, RDB_OP_END);
    flush(s);
    uint64_t sum = s->sum;
    s->checksum = false;
    rdb_put_u64(&s->w, sum);
    flush(s);
}

/* A name that was changed lasts once the directory is on disk, too. */
static int sync_directory(const char *path) {
    char *copy = mem_strdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
    mem_free(copy);
    if (fd < 0) return errno;
    if (fsync(fd) < 0 && errno != EINVAL) error = errno;
    close(fd);
    return error;
}

static int save_to(struct engine *e, const char *path, const struct rdb_save_options *options) {
    struct saving s = {
        .w = {.version = options->version, .compress = options->compress},
        .checksum = options->checksum,
        .fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644),
    };
    if (s.fd < 0) return errno;
    put_all(&s, e);
    if (!s.error && fsync(s.fd) < 0) s.error = errno;
    if (close(s.fd) < 0 && !s.error) s.error = errno;
    buf_release(&s.w.buf);
    return s.error;
}

bool rdb_save(struct engine *e, const char *path, const struct rdb_save_options *options,
              struct buf *why) {
    struct buf aside = BUF_INIT;
    buf_appendf(&aside, "%s.%ld.temp", path, (long)getpid());
    int error = save_to(e, aside.data, options);
    if (!error && rename(aside.data, path) < 0) error = errno;
    if (error)
        unlink(aside.data);
    else
        error = sync_directory(path);
    if (error) buf_append_str(why, strerror(error));
    buf_release(&aside);
    return !error;
}
