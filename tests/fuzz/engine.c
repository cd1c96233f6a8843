/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cmd/families.h"
#include "exec/dispatch.h"
#include "persist/persist.h"
#include "script/script_engine.h"
#include "type/stream_group.h"
#include "type/t_hash.h"
#include "type/t_list.h"
#include "type/t_set.h"
#include "type/t_stream.h"
#include "type/t_zset.h"

enum { DATABASES = 16, KEYS_MAX = 64, WORDS_MAX = 16, LENGTH_MAX = 1 << 20 };

static struct engine engine;
static struct persist persist;
static struct session session;
static struct reply_pool pool;
static struct buf reply;
static struct log quiet;

/* Commands for values of each type, of words between blanks; @ is the key. Those that change it
 * come last, the one that may end it at the very end. */
static const char *const traffic[TYPE_COUNT][24] = {
    [TYPE_STRING] = {"GET @", "STRLEN @", "GETRANGE @ -5 -1", "BITCOUNT @", "BITPOS @ 1",
                     "PFCOUNT @", "PFADD @ a b", "INCR @", "SETBIT @ 100 1", "APPEND @ tail",
                     "SETRANGE @ 3 xyz"},
    [TYPE_LIST] = {"LRANGE @ 0 -1", "LINDEX @ -1", "LPOS @ a", "LINSERT @ BEFORE a b",
                   "LSET @ -1 new", "LPUSH @ x 12", "RPUSH @ y", "LREM @ 0 a", "LTRIM @ 1 -2",
                   "LPOP @", "RPOP @ 1000"},
    [TYPE_SET] = {"SMEMBERS @", "SSCAN @ 0", "SRANDMEMBER @ -9", "SMISMEMBER @ 1 a",
                  "SADD @ 7 text", "SREM @ 1 a", "SPOP @", "SPOP @ 1000"},
    [TYPE_ZSET] = {"ZRANGE @ 0 -1 WITHSCORES", "ZRANGE @ (0 +inf BYSCORE LIMIT 0 9",
                   "ZRANGEBYLEX @ - +", "ZSCORE @ a", "ZRANK @ a", "ZSCAN @ 0", "ZADD @ 3 a 1 b",
                   "ZINCRBY @ 1.5 a", "ZREM @ b", "ZPOPMAX @", "ZREMRANGEBYRANK @ 0 1",
                   "ZPOPMIN @ 1000"},
    [TYPE_HASH] = {"HGETALL @", "HSCAN @ 0", "HRANDFIELD @ -9 WITHVALUES", "HGET @ a", "HLEN @",
                   "HPEXPIRETIME @ FIELDS 1 a", "HSET @ a 1 b text", "HINCRBY @ a 5",
                   "HPEXPIRE @ 100000 FIELDS 1 a", "HPERSIST @ FIELDS 1 a", "HDEL @ b"},
    [TYPE_STREAM] = {"XRANGE @ - +", "XREVRANGE @ + - COUNT 3", "XINFO STREAM @ FULL COUNT 0",
                     "XPENDING @ g - + 10", "XREADGROUP GROUP g c COUNT 5 STREAMS @ >",
                     "XREADGROUP GROUP g c STREAMS @ 0", "XAUTOCLAIM @ g d 0 0", "XACK @ g 1-1",
                     "XADD @ * f v", "XDEL @ 1-1", "XTRIM @ MAXLEN ~ 2", "XGROUP CREATE @ h $",
                     "XGROUP DELCONSUMER @ g c", "XGROUP DESTROY @ g", "XSETID @ 1-1",
                     "XTRIM @ MAXLEN 1"},
};

static void must(bool holds) {
    if (!holds) abort();
}

/* Pointers in tables are too short for the sanitizer to find what they lead to: what the last input
 * has left would be a leak. */
static void empty(void) {
    keyspace_flush(&engine.keyspace, false);
}

static void set_up(void) {
    struct config *config = config_new("1.0");
    log_init(&quiet);
    log_set_level(&quiet, LOG_LEVEL_NOTHING);
    engine_init(&engine, config);
    engine.log = &quiet;
    engine_add_families(&engine, command_families);
    persist_init(&persist, &engine, config);
    engine.flushed_all = NULL; /* no snapshot for each FLUSHALL */
    scripts_init(&engine);
    engine_open(&engine, DATABASES);
    scripts_open(&engine);
    engine.settings.proto_max_bulk_len = LENGTH_MAX;
    session_init(&session, &engine, &pool);
    atexit(empty);
}

struct slice fuzz_ask(const struct slice *argv, int argc) {
    struct request r = {.argv = argv, .argc = argc};
    struct slice piece;
    engine_tick(&engine);
    dispatch_prepare_all(&session, &r, 1);
    dispatch_run(&session, &r);
    dispatch_settle(&engine);
    buf_clear(&reply);
    while (reply_slices(session.reply, &piece, 1)) {
        buf_append_slice(&reply, piece);
        reply_consume(session.reply, piece.len);
    }
    return buf_slice(&reply);
}

/* One of words. */
static struct slice ask_line(const char *line, struct slice key) {
    struct slice words[WORDS_MAX];
    int count = 0;
    for (size_t len; *line; line += len + (line[len] == ' ')) {
        len = strcspn(line, " ");
        must(count < WORDS_MAX);
        words[count++] = *line == '@' ? key : slice_of(line, len);
    }
    return fuzz_ask(words, count);
}

struct engine *fuzz_engine(void) {
    if (!engine.keyspace.count) set_up();
    ask_line("FLUSHALL", SLICE(""));
    ask_line("FUNCTION FLUSH", SLICE(""));
    ask_line("SELECT 0", SLICE(""));
    return &engine;
}

static void check(const struct entry *e) {
    if (e->type == TYPE_LIST) list_check(e);
    if (e->type == TYPE_SET) set_check(e);
    if (e->type == TYPE_ZSET) zset_check(e);
    if (e->type == TYPE_HASH) hash_check(e);
    if (e->type != TYPE_STREAM) return;
    stream_check(stream_of(e));
    stream_groups_check(stream_of(e));
}

void fuzz_check(const struct engine *e) {
    for (uint32_t i = 0; i < e->keyspace.count; i++) {
        struct table_iter it;
        table_iter_init(&it, &e->keyspace.dbs[i].table);
        for (const struct entry *value; (value = table_iter_next(&it));) check(value);
        table_check(&e->keyspace.dbs[i].table);
    }
}

static struct digest digest_of(const struct entry *e) {
    struct digest d = DIGEST_INIT;
    type_of(e)->digest(e, &d);
    return d;
}

static struct entry *find(struct db *db, struct slice key) {
    return db_find(db, db_key(db, key), DB_PEEK);
}

/* What DUMP tells, RESTORE makes the same value of. */
static void dump_and_restore(struct db *db, struct slice key) {
    struct entry *e = find(db, key);
    struct digest before = digest_of(e);
    struct slice dumped = ask_line("DUMP @", key);
    if (!find(db, key)) return; /* its time has come meanwhile */
    must(dumped.len && dumped.ptr[0] == '$');
    const char *text = memchr(dumped.ptr, '\n', dumped.len);
    struct buf payload = BUF_INIT;
    buf_append(&payload, text + 1, dumped.len - (size_t)(text + 1 - dumped.ptr) - 2);
    struct slice restore[] = {SLICE("RESTORE"), key, SLICE("0"), buf_slice(&payload),
                              SLICE("REPLACE")};
    struct slice answer = fuzz_ask(restore, 5);
    must(slice_eq(answer, SLICE("+OK\r\n")));
    buf_release(&payload);
    e = find(db, key);
    if (!e) return; /* fields whose time has come meanwhile were all there was */
    struct digest after = digest_of(e);
    must((e->flags & ENTRY_PART_DEADLINES) ||
         memcmp(before.lanes, after.lanes, sizeof after.lanes) == 0);
}

static void use_key(struct db *db, struct slice key) {
    struct entry *e = find(db, key);
    if (!e) return;
    check(e);
    dump_and_restore(db, key);
    e = find(db, key);
    if (!e) return;
    const char *const *lines = traffic[e->type];
    for (size_t i = 0; lines[i] && e; i++) {
        ask_line(lines[i], key);
        e = find(db, key);
        if (e) check(e);
    }
}

static void use_db(uint32_t number) {
    struct db *db = &engine.keyspace.dbs[number];
    struct buf keys[KEYS_MAX];
    size_t count = 0;
    struct table_iter it;
    table_iter_init(&it, &db->table);
    for (const struct entry *e; count < KEYS_MAX && (e = table_iter_next(&it)); count++) {
        keys[count] = (struct buf)BUF_INIT;
        buf_append_slice(&keys[count], entry_key(e));
    }
    session_select(&session, number);
    for (size_t i = 0; i < count; i++) {
        use_key(db, buf_slice(&keys[i]));
        buf_release(&keys[i]);
    }
    table_check(&db->table);
}

void fuzz_use_all(void) {
    for (uint32_t i = 0; i < engine.keyspace.count; i++) use_db(i);
}
