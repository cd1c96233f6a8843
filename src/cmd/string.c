#include "cmd/families.h"
#include "exec/call.h"
#include "type/t_string.h"

static void reply_string(struct reply *r, const struct entry *e) {
    if (e->encoding == STRING_BYTES) {
        reply_bulk_bytes(r, entry_ptr(e));
        return;
    }
    char digits[NUM_I64_MAX];
    reply_bulk(r, string_view(e, digits));
}

static void cmd_get(struct call *c) {
    struct entry *e;
    if (!call_find_typed_or_reply(c, call_key(c, 1), DB_READ, TYPE_STRING, &e)) return;
    if (e)
        reply_string(c->reply, e);
    else
        reply_null(c->reply);
}

static void cmd_set(struct call *c) {
    uint64_t deadline = ENTRY_NO_DEADLINE;
    int64_t v;
    if (c->argc == 5) {
        if (!arg_i64_or_reply(c, 4, &v)) return;
        deadline = c->engine->keyspace.now_ms + (uint64_t)v * (arg_is(c, 3, "EX") ? 1000 : 1);
    }
    db_set_string(c->db, call_key(c, 1), c->argv[2], deadline, EVENT_SET);
    reply_ok(c->reply);
}
static void cmd_ping(struct call *c) {
    reply_status(c->reply, "PONG");
}
#include "base/alloc.h"
static void cmd_info(struct call *c) {
    reply_bulkf(c->reply, "used_memory:%zu\r\nrdb_bgsave_in_progress:0\r\n", mem_used());
}
static void cmd_flushall(struct call *c) {
    db_flush(c->db, true);
    reply_ok(c->reply);
}
#include "base/glob.h"
static void cmd_keys(struct call *c) {
    struct table_iter it;
    table_iter_init(&it, &c->db->table);
    struct reply_mark m = reply_begin(c->reply);
    size_t n = 0;
    for (struct entry *e; (e = table_iter_next(&it));)
        if (glob_match(c->argv[1], entry_key(e))) reply_bulk(c->reply, entry_key(e)), n++;
    reply_end_array(c->reply, m, n);
}

const struct command string_commands[] = {
    {"get", cmd_get, 2, CMD_READONLY | CMD_FAST, ACL_STRING, {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {"set", cmd_set, -3, CMD_WRITE | CMD_DENYOOM, ACL_STRING, {KEY_AT(1, KEY_RW)}},
    {"ping", cmd_ping, -1, CMD_FAST, 0},
    {"info", cmd_info, -1, CMD_FAST, 0},
    {"keys", cmd_keys, 2, CMD_FAST, 0},
    {"flushall", cmd_flushall, -1, CMD_FAST, 0},
    {NULL},
};
