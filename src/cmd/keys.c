/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands on keys of any type. */
#include <limits.h>

#include "cmd/families.h"
#include "exec/call.h"
#include "type/t_string.h"
#include "type/type.h"

/* Several keys. */

/* DEL and UNLINK: the two don't differ here. What is cheap to free is freed at once, what isn't is
 * left to the helper thread, so neither holds anybody up (lazyfree-lazy-user-del has nothing to
 * decide). */
static void cmd_del(struct call *c) {
    struct key keys[CALL_KEYS_AHEAD];
    int64_t deleted = 0;
    for (int first = 1, n; (n = call_keys_ahead(c, first, c->argc, 1, keys)) > 0; first += n)
        for (int i = 0; i < n; i++) deleted += db_delete(c->db, keys[i], true, EVENT_DEL);
    reply_i64(c->reply, deleted);
}

static void count_keys(struct call *c, enum db_access access) {
    struct key keys[CALL_KEYS_AHEAD];
    int64_t found = 0;
    for (int first = 1, n; (n = call_keys_ahead(c, first, c->argc, 1, keys)) > 0; first += n)
        for (int i = 0; i < n; i++) found += db_find(c->db, keys[i], access) != NULL;
    reply_i64(c->reply, found);
}

static void cmd_exists(struct call *c) {
    count_keys(c, DB_LOOK);
}

/* Not call_find: TOUCH is a use even for a client that asked for CLIENT NO-TOUCH. */
static void cmd_touch(struct call *c) {
    count_keys(c, DB_READ);
}

/* One key. */

static void cmd_type(struct call *c) {
    const struct entry *e = db_find(c->db, call_key(c, 1), DB_LOOK);
    reply_status(c->reply, e ? type_of(e)->name : "none");
}

static void cmd_randomkey(struct call *c) {
    const struct entry *e = db_random(c->db);
    if (e)
        reply_bulk(c->reply, entry_key(e));
    else
        reply_null(c->reply);
}

/* Another name, another database. */

static void rename_generic(struct call *c, bool only_new) {
    struct key from = call_key(c, 1), to = call_key(c, 2);
    if (!call_find(c, from, DB_WRITE)) {
        reply_error(c->reply, ERR_NO_KEY);
        return;
    }
    bool moves = !slice_eq(from.name, to.name) && !(only_new && db_has(c->db, to));
    if (moves) db_move(c->db, from, c->db, to);
    if (only_new)
        reply_i64(c->reply, moves);
    else
        reply_ok(c->reply);
}

static void cmd_rename(struct call *c) {
    rename_generic(c, false);
}

static void cmd_renamenx(struct call *c) {
    rename_generic(c, true);
}

static struct db *arg_db_or_reply(struct call *c, int i) {
    struct keyspace *ks = &c->engine->keyspace;
    int64_t id;
    if (!arg_i64_in_or_reply(c, i, INT_MIN, INT_MAX, NULL, &id)) return NULL;
    if (id >= 0 && id < ks->count) return &ks->dbs[id];
    reply_error(c->reply, ERR_DB_INDEX);
    return NULL;
}

static void cmd_move(struct call *c) {
    if (call_in_cluster(c)) {
        reply_error(c->reply, "ERR MOVE is not allowed in cluster mode");
        return;
    }
    struct db *to = arg_db_or_reply(c, 2);
    if (!to) return;
    if (to == c->db) {
        reply_error(c->reply, ERR_SAME_OBJECT);
        return;
    }
    struct key k = call_key(c, 1);
    bool moves = call_find(c, k, DB_WRITE) && !db_has(to, k);
    if (moves) db_move(c->db, k, to, k);
    reply_i64(c->reply, moves);
}

struct copy_options {
    struct db *to;
    bool replace;
};

static bool copy_options_or_reply(struct call *c, struct copy_options *o) {
    bool other_db = false;
    *o = (struct copy_options){.to = c->db};
    for (int i = 3; i < c->argc; i++) {
        if (arg_is(c, i, "REPLACE")) {
            o->replace = true;
        } else if (arg_is(c, i, "DB") && i + 1 < c->argc) {
            o->to = arg_db_or_reply(c, ++i);
            if (!o->to) return false;
            other_db |= o->to->id != 0;
        } else {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
    }
    if (!other_db || !call_in_cluster(c)) return true;
    reply_error(c->reply, "ERR Copying to another database is not allowed in cluster mode");
    return false;
}

/* The source is looked up last: looking up the destination may delete it as expired, and a pointer
 * to an entry doesn't outlive that. */
static void cmd_copy(struct call *c) {
    struct copy_options o;
    struct key from = call_key(c, 1), to = call_key(c, 2);
    if (!copy_options_or_reply(c, &o)) return;
    if (o.to == c->db && slice_eq(from.name, to.name)) {
        reply_error(c->reply, ERR_SAME_OBJECT);
        return;
    }
    bool taken = db_has(o.to, to) && !o.replace;
    const struct entry *e = call_find(c, from, DB_READ);
    if (e && !taken) {
        struct entry *copy = entry_with_deadline(entry_copy(e, to.name), entry_deadline(e));
        db_delete(o.to, to, true, EVENT_UNCOUNTED);
        db_put(o.to, to, copy, EVENT_COPY_TO, 1);
    }
    reply_i64(c->reply, e && !taken);
}

/* OBJECT. */

#define LFU_NOTE                                                                                   \
    "Please note that when switching between policies at runtime LRU and LFU data will take "      \
    "some time to adjust."

static const struct entry *object_or_reply(struct call *c) {
    const struct entry *e = db_find(c->db, call_key(c, 2), DB_PEEK);
    if (!e) reply_null(c->reply);
    return e;
}

static void cmd_object_encoding(struct call *c) {
    const struct entry *e = object_or_reply(c);
    if (e) reply_bulk_str(c->reply, type_of(e)->encoding_name(e));
}

static void cmd_object_freq(struct call *c) {
    const struct entry *e = object_or_reply(c);
    const struct keyspace *ks = &c->engine->keyspace;
    if (!e) return;
    if (ks->access.kind != ACCESS_LRU)
        reply_i64(c->reply, access_frequency(&ks->access, e->access, ks->now_ms));
    else
        reply_error(c->reply, "ERR An LFU maxmemory policy is not selected, access frequency not "
                              "tracked. " LFU_NOTE);
}

static void cmd_object_idletime(struct call *c) {
    const struct entry *e = object_or_reply(c);
    const struct keyspace *ks = &c->engine->keyspace;
    if (!e) return;
    if (ks->access.kind != ACCESS_LRU)
        reply_error(c->reply,
                    "ERR An LFU maxmemory policy is selected, idle time not tracked. " LFU_NOTE);
    else
        reply_i64(c->reply, access_idle_seconds(e->access, ks->now_ms));
}

/* Values aren't shared between keys. Redis shares small integers and counts those as INT_MAX, which
 * tools and tests look for, unless each key must know its own last use to be evicted by. */
static void cmd_object_refcount(struct call *c) {
    enum { SHARED_IN_REDIS = 10000 };
    const struct entry *e = object_or_reply(c);
    if (!e) return;
    int64_t number;
    const struct db_config *db = &c->engine->settings.db;
    bool by_use = db_policy_is_lru(db->maxmemory_policy) || db_policy_is_lfu(db->maxmemory_policy);
    bool shared = !(db->maxmemory && by_use) && e->type == TYPE_STRING &&
                  e->encoding == STRING_INT && string_to_i64(e, &number) && number >= 0 &&
                  number < SHARED_IN_REDIS;
    reply_i64(c->reply, shared ? INT32_MAX : 1);
}

static void cmd_object_help(struct call *c) {
    static const char *const lines[] = {
        "ENCODING <key>",
        "    How the value of <key> is stored.",
        "FREQ <key>",
        "    How often <key> is used: a counter that grows with the logarithm of the uses and",
        "    decays with time. Needs a maxmemory policy of the LFU kind.",
        "IDLETIME <key>",
        "    Seconds since <key> was last used. Not under maxmemory policies of the LFU kind.",
        "REFCOUNT <key>",
        "    How many references there are to the value of <key>.",
        NULL,
    };
    call_reply_help(c, lines);
}

#define MANY_KEYS_TIPS "request_policy:multi_shard\nresponse_policy:agg_sum"

static const struct command object_subcommands[] = {
    {
        .name = "encoding",
        .run = cmd_object_encoding,
        .arity = 3,
        .flags = CMD_READONLY,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(2, KEY_RO)},
        .group = "generic",
        .summary = "Tells how a key's value is stored.",
        .since = "2.2.3",
        .complexity = "O(1)",
        .syntax = "key",
        .tips = "nondeterministic_output",
    },
    {
        .name = "freq",
        .run = cmd_object_freq,
        .arity = 3,
        .flags = CMD_READONLY,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(2, KEY_RO)},
        .group = "generic",
        .summary = "Tells how often a key is used, on a logarithmic scale.",
        .since = "4.0.0",
        .complexity = "O(1)",
        .syntax = "key",
        .tips = "nondeterministic_output",
    },
    COMMAND_HELP(cmd_object_help, ACL_KEYSPACE, "generic", "6.2.0"),
    {
        .name = "idletime",
        .run = cmd_object_idletime,
        .arity = 3,
        .flags = CMD_READONLY,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(2, KEY_RO)},
        .group = "generic",
        .summary = "Tells for how many seconds a key hasn't been used.",
        .since = "2.2.3",
        .complexity = "O(1)",
        .syntax = "key",
        .tips = "nondeterministic_output",
    },
    {
        .name = "refcount",
        .run = cmd_object_refcount,
        .arity = 3,
        .flags = CMD_READONLY,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(2, KEY_RO)},
        .group = "generic",
        .summary = "Tells how many references to a key's value there are.",
        .since = "2.2.3",
        .complexity = "O(1)",
        .syntax = "key",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};

const struct command keys_commands[] = {
    {
        .name = "del",
        .run = cmd_del,
        .arity = -2,
        .flags = CMD_WRITE,
        .categories = ACL_KEYSPACE,
        .keys = {KEYS_FROM(1, -1, 1, KEY_RM | KEY_DELETE)},
        .group = "generic",
        .summary = "Deletes keys.",
        .since = "1.0.0",
        .complexity = "O(N) in the number of keys; large values are freed in the background.",
        .syntax = "key ...",
        .tips = MANY_KEYS_TIPS,
    },
    {
        .name = "unlink",
        .run = cmd_del,
        .arity = -2,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_KEYSPACE,
        .keys = {KEYS_FROM(1, -1, 1, KEY_RM | KEY_DELETE)},
        .group = "generic",
        .summary = "Deletes keys and frees their values in the background.",
        .since = "4.0.0",
        .complexity = "O(N) in the number of keys; large values are freed in the background.",
        .syntax = "key ...",
        .tips = MANY_KEYS_TIPS,
    },
    {
        .name = "exists",
        .run = cmd_exists,
        .arity = -2,
        .flags = CMD_READONLY | CMD_FAST,
        .categories = ACL_KEYSPACE,
        .keys = {KEYS_FROM(1, -1, 1, KEY_RO)},
        .group = "generic",
        .summary = "Counts which of the given keys exist.",
        .since = "1.0.0",
        .complexity = "O(N) in the number of keys.",
        .syntax = "key ...",
        .history = "3.0.3 Takes several keys.",
        .tips = MANY_KEYS_TIPS,
    },
    {
        .name = "touch",
        .run = cmd_touch,
        .arity = -2,
        .flags = CMD_READONLY | CMD_FAST,
        .categories = ACL_KEYSPACE,
        .keys = {KEYS_FROM(1, -1, 1, KEY_RO)},
        .group = "generic",
        .summary = "Marks keys as just used and counts those that exist.",
        .since = "3.2.1",
        .complexity = "O(N) in the number of keys.",
        .syntax = "key ...",
        .tips = MANY_KEYS_TIPS,
    },
    {
        .name = "type",
        .run = cmd_type,
        .arity = 2,
        .flags = CMD_READONLY | CMD_FAST,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RO)},
        .group = "generic",
        .summary = "Names the type of a key's value.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key",
    },
    {
        .name = "randomkey",
        .run = cmd_randomkey,
        .arity = 1,
        .flags = CMD_READONLY | CMD_LOOSE,
        .categories = ACL_KEYSPACE,
        .group = "generic",
        .summary = "Picks a key at random, each with the same chance.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .tips = "request_policy:all_shards\nresponse_policy:special\nnondeterministic_output",
    },
    {
        .name = "rename",
        .run = cmd_rename,
        .arity = 3,
        .flags = CMD_WRITE,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_OW | KEY_UPDATE)},
        .group = "generic",
        .summary = "Gives a key another name, in place of what has that name.",
        .since = "1.0.0",
        .complexity = "O(1); a large value that is replaced is freed in the background.",
        .syntax = "key newkey",
    },
    {
        .name = "renamenx",
        .run = cmd_renamenx,
        .arity = 3,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_OW | KEY_INSERT)},
        .group = "generic",
        .summary = "Gives a key another name unless that is taken.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key newkey",
        .history = "3.2.0 Two equal names are no error any more.",
    },
    {
        .name = "copy",
        .run = cmd_copy,
        .arity = -3,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS), KEY_AT(2, KEY_OW | KEY_UPDATE)},
        .group = "generic",
        .summary = "Copies a key with its deadline to another name or database.",
        .since = "6.2.0",
        .complexity = "O(N) in the size of the value; O(1) for short strings.",
        .syntax = "source destination [DB destination-db:integer] [REPLACE]",
    },
    {
        .name = "move",
        .run = cmd_move,
        .arity = 3,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .group = "generic",
        .summary = "Moves a key to another database unless that has one of the same name.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key db:integer",
    },
    {
        .name = "object",
        .arity = -2,
        .subcommands = object_subcommands,
        .group = "generic",
        .summary = "Looks at how keys are stored and used.",
        .since = "2.2.3",
        .complexity = "Depends on the subcommand.",
    },
    {.name = NULL},
};
