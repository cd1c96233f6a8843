/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/rdb_save.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "persist/persist.h"
#include "persist/rdb_file.h"
#include "type/type.h"

static void delay_key(const struct engine *e) {
    int64_t delay_us = e->persist->config.key_save_delay;
    if (delay_us > 0) usleep((useconds_t)delay_us);
}

static void put_entry(struct rdb_out *out, struct rdb_file *f, const struct engine *e, uint32_t db,
                      const struct entry *entry) {
    struct rdb_walk at = {0};
    rdb_out_key(out, e, db, entry);
    while (!rdb_out_value(out, entry, &at, RDB_FILE_CHUNK)) rdb_file_append(f, &out->w.buf);
    if (out->w.buf.len >= RDB_FILE_CHUNK) rdb_file_append(f, &out->w.buf);
    delay_key(e);
}

static void put_db(struct rdb_out *out, struct rdb_file *f, const struct engine *e,
                   const struct db *db) {
    struct table_iter it;
    if (db_count(db) == 0) return;
    rdb_out_db(out, db->id, db_count(db), db->deadlines);
    table_iter_init(&it, &db->table);
    for (const struct entry *entry; !rdb_file_error(f) && (entry = table_iter_next(&it));)
        put_entry(out, f, e, db->id, entry);
}

void rdb_save_aside(struct buf *aside, const char *path) {
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash + 1 - path) : 0;
    buf_append(aside, path, folder);
    buf_appendf(aside, "temp-%ld.rdb", (long)getpid());
}

static void set_error(void *ctx, int error) {
    *(int *)ctx = error;
}

int rdb_save(struct engine *e, const char *path, const struct rdb_out_options *options) {
    struct buf aside = BUF_INIT;
    struct rdb_out out = {0};
    int error = 0;
    rdb_save_aside(&aside, path);
    struct rdb_file *f = rdb_file_new(aside.data, path, options->checksum, NULL);
    buf_release(&aside);
    if (!f) return errno;
    if (options->commands) rdb_file_no_sum(f);
    rdb_out_begin(&out, e, options);
    for (uint32_t i = 0; i < e->keyspace.count; i++) put_db(&out, f, e, &e->keyspace.dbs[i]);
    rdb_out_end(&out);
    rdb_file_append(f, &out.w.buf);
    rdb_file_finish(f, set_error, &error);
    buf_release(&out.w.buf);
    return error;
}
