/* SPDX-License-Identifier: BSD-3-Clause */
/* A bit that flips on the disk: anywhere in a snapshot, it's refused, with the place. In an
 * append-only file, whose format has no checksums, it's refused, too, unless it's in the bytes of
 * an argument: what is written about something else then can't be told. Where it makes the file end
 * within its last unit that goes, as if it had never been whole. Every bit is tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/families.h"
#include "exec/config.h"
#include "exec/dispatch.h"
#include "persist/aof_load.h"
#include "persist/persist.h"
#include "persist/rdb_load.h"
#include "persist/rdb_save.h"
#include "type/type.h"

enum { DATABASES = 2, WORDS_MAX = 16, UNITS_MAX = 16 };

static struct config *config;
static struct engine engine;
static struct persist persist;
static struct reply_pool pool;
static struct session session;
static struct log told;
static char folder[] = "/tmp/drey-bits-XXXXXX", log_path[64], rdb_path[64];

static int open_all(void **state) {
    if (!mkdtemp(folder)) return -1;
    snprintf(log_path, sizeof log_path, "%s/log", folder);
    snprintf(rdb_path, sizeof rdb_path, "%s/rdb", folder);
    log_init(&told);
    config = config_new("1.0");
    engine_init(&engine, config);
    engine.log = &told;
    engine_add_families(&engine, command_families);
    persist_init(&persist, &engine, config);
    engine.flushed_all = NULL;
    engine_open(&engine, DATABASES);
    session_init(&session, &engine, &pool);
    return log_set_file(&told, log_path);
}

static int close_all(void **state) {
    persist_release(&persist);
    session_release(&session);
    reply_pool_release(&pool);
    engine_release(&engine);
    config_free(config);
    unlink(rdb_path);
    unlink(log_path);
    return rmdir(folder);
}

static int split(const char *line, struct slice *words) {
    int count = 0;
    for (size_t len; *line; line += len + (line[len] == ' ')) {
        len = strcspn(line, " ");
        assert_true(count < WORDS_MAX);
        words[count++] = slice_of(line, len);
    }
    return count;
}

static void run(const char *line) {
    struct slice argv[WORDS_MAX];
    struct request r = {.argv = argv, .argc = split(line, argv)};
    engine_tick(&engine);
    dispatch_prepare_all(&session, &r, 1);
    dispatch_run(&session, &r);
    dispatch_settle(&engine);
    reply_consume(session.reply, reply_len(session.reply));
}

static struct digest contents(void) {
    struct digest all = DIGEST_INIT;
    for (uint32_t i = 0; i < engine.keyspace.count; i++) {
        struct table_iter it;
        table_iter_init(&it, &engine.keyspace.dbs[i].table);
        for (const struct entry *e; (e = table_iter_next(&it)) != NULL;) {
            struct digest d = DIGEST_INIT;
            digest_chain(&d, slice_of((const char *)&i, sizeof i));
            digest_chain(&d, entry_key(e));
            type_of(e)->digest(e, &d);
            digest_add(&all, &d);
        }
    }
    return all;
}

static bool is_same(const struct digest *a, const struct digest *b) {
    return memcmp(a->lanes, b->lanes, sizeof a->lanes) == 0;
}

/* A file in memory, with a path. */
static int make_file(const char *data, size_t len, char path[64]) {
    int fd = memfd_create("file", 0);
    assert_int_equal(write(fd, data, len), len);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

/* Snapshots. */

static struct buf snapshot_of(const char *const *lines, unsigned version) {
    struct rdb_out_options options = {.version = version, .compress = true, .checksum = true};
    struct buf file = BUF_INIT;
    struct stat stat_of;
    for (; *lines; lines++) run(*lines);
    assert_int_equal(rdb_save(&engine, rdb_path, &options), 0);
    assert_int_equal(stat(rdb_path, &stat_of), 0);
    FILE *from = fopen(rdb_path, "rb");
    file.len = fread(buf_reserve(&file, (size_t)stat_of.st_size), 1, (size_t)stat_of.st_size, from);
    fclose(from);
    return file;
}

static bool load_snapshot(const struct buf *file, struct buf *why) {
    char path[64];
    int fd = make_file(file->data, file->len, path);
    struct rdb_load load = {.checksum = true, .loading = &persist.loading};
    keyspace_flush(&engine.keyspace, false);
    loading_begin(load.loading, file->len);
    bool ok = rdb_load(&engine, path, &load, why);
    loading_end(load.loading);
    close(fd);
    return ok;
}

static void test_snapshot(void **state) {
    static const char *const lines[] = {
        "SET text aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "SET number 12345 PX 100000000",
        "RPUSH list a 1 b 2",
        "SADD ints 1 2 300",
        "SADD set a b",
        "ZADD zset 1 a 2.5 b",
        "HSET hash f v g 2",
        "XADD stream 1-1 f v",
        "XGROUP CREATE stream g 0",
        "XREADGROUP GROUP g c STREAMS stream >",
        "SELECT 1",
        "SET other db",
        "SELECT 0",
        NULL,
    };
    for (unsigned version = RDB_VERSION_OLD; version <= RDB_VERSION; version++) {
        struct buf file = snapshot_of(lines, version), why = BUF_INIT;
        assert_true(load_snapshot(&file, &why));
        for (size_t bit = 0; bit < 8 * file.len; bit++) {
            buf_clear(&why);
            file.data[bit / 8] ^= (char)(1 << bit % 8);
            if (load_snapshot(&file, &why)) fail_msg("bit %zu goes unnoticed", bit);
            if (!strstr(why.data, "near byte ")) fail_msg("bit %zu: %s", bit, why.data);
            file.data[bit / 8] ^= (char)(1 << bit % 8);
        }
        assert_true(load_snapshot(&file, &why));
        buf_release(&file);
        buf_release(&why);
    }
}

/* Append-only files. */

struct unit {
    size_t end;             /* bytes of the file */
    struct digest contents; /* then */
};

static struct buf file, frame; /* of each byte of the file: does it belong to no argument? */

static void put(const char *bytes, size_t len, bool is_frame) {
    buf_append(&file, bytes, len);
    for (size_t i = 0; i < len; i++) buf_append_char(&frame, (char)is_frame);
}

static void put_header(char mark, size_t number) {
    char text[32];
    put(text, (size_t)snprintf(text, sizeof text, "%c%zu\r\n", mark, number), true);
}

static void put_command(const char *line) {
    struct slice words[WORDS_MAX];
    int count = split(line, words);
    put_header('*', (size_t)count);
    for (int i = 0; i < count; i++) {
        put_header('$', words[i].len);
        put(words[i].ptr, words[i].len, false);
        put("\r\n", 2, true);
    }
    run(line);
}

static bool load_log(struct aof_load *found) {
    static char directory[] = "/proc/self/fd";
    char path[64];
    int fd = make_file(file.data, file.len, path);
    struct aof_config how = {.dirname = directory, .load_truncated = true};
    struct aof_part part = {.name = strrchr(path, '/') + 1};
    struct aof_manifest manifest = {.incrs = {&part, 1}};
    *found = (struct aof_load){.engine = &engine,
                               .config = &how,
                               .loading = &persist.loading,
                               .manifest = &manifest,
                               .until_s = INT64_MAX};
    assert_int_equal(truncate(log_path, 0), 0);
    keyspace_flush(&engine.keyspace, false);
    bool ok = aof_load(found);
    close(fd);
    return ok;
}

static void assert_told(size_t bit) {
    char text[4096];
    FILE *from = fopen(log_path, "r");
    text[fread(text, 1, sizeof text - 1, from)] = '\0';
    fclose(from);
    if (!strstr(text, "at byte ") && !strstr(text, "behind byte "))
        fail_msg("bit %zu: %s", bit, text);
}

/* Loaded with a bit of the frame that's wrong: all from its unit on must be gone. */
static void assert_cut(const struct unit *units, size_t bit) {
    size_t at = 0;
    while (units[at + 1].end <= bit / 8) at++;
    struct digest now = contents();
    if (!is_same(&now, &units[at].contents)) fail_msg("bit %zu goes unnoticed", bit);
}

static void test_log(void **state) {
    static const char *const lines[] = {"SET text value",
                                        "RPUSH list a bb ccc",
                                        "MULTI",
                                        "INCR number",
                                        "RPUSH list d",
                                        "EXEC",
                                        "HSET hash f v",
                                        "XADD stream 1-1 f v",
                                        "SADD set 1 2 3",
                                        "ZADD zset 1.5 me",
                                        NULL};
    struct unit units[UNITS_MAX] = {{0}};
    struct aof_load found;
    size_t count = 0, refused = 0, cut = 0;
    bool in_transaction = false;
    keyspace_flush(&engine.keyspace, false);
    units[0].contents = contents();
    for (const char *const *line = lines; *line; line++) {
        put_command(*line);
        if (strcmp(*line, "MULTI") == 0) in_transaction = true;
        if (strcmp(*line, "EXEC") == 0) in_transaction = false;
        if (!in_transaction) units[++count] = (struct unit){file.len, contents()};
    }
    for (size_t bit = 0; bit < 8 * file.len; bit++) {
        file.data[bit / 8] ^= (char)(1 << bit % 8);
        bool ok = load_log(&found);
        if (!ok || frame.data[bit / 8]) assert_told(bit);
        if (ok && frame.data[bit / 8]) assert_cut(units, bit);
        refused += !ok;
        cut += ok && frame.data[bit / 8];
        file.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    print_message("%zu bits: %zu refused, %zu taken for a torn end\n", 8 * file.len, refused, cut);
    assert_true(load_log(&found));
    struct digest now = contents();
    assert_true(is_same(&now, &units[count].contents));
    buf_release(&file);
    buf_release(&frame);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_log),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
