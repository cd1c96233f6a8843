/* SPDX-License-Identifier: BSD-3-Clause */
/* GET, SET and their kin: one key and its whole value. Plain GET and SET are the server's hottest
 * path: one look-up, no option looked at, nothing allocated beyond the entry. */
#include "cmd/expiry_args.h"
#include "cmd/families.h"
#include "cmd/string_reply.h"
#include "exec/call.h"

/* Replies the value, or null, and returns the entry; NULL if there's none, or it isn't a string
 * (an error was replied then). */
static inline struct entry *get_generic(struct call *c, struct key k) {
    struct entry *e = call_find(c, k, DB_READ);
    if (__builtin_expect(e && e->type == TYPE_STRING, 1)) {
        string_reply(c->reply, e);
        return e;
    }
    if (e)
        reply_error(c->reply, ERR_WRONG_TYPE);
    else
        reply_null(c->reply);
    return NULL;
}

static void cmd_get(struct call *c) {
    get_generic(c, call_key(c, 1));
}

static bool value_is(const struct entry *e, struct slice value) {
    char digits[NUM_I64_MAX];
    return slice_eq(string_view(e, digits), value);
}

enum set_when { SET_ALWAYS, SET_IF_MISSING, SET_IF_PRESENT, SET_IF_EQUAL };

struct set_options {
    enum set_when when;
    int equal_arg; /* SET_IF_EQUAL: the argument that the value must equal */
    bool get;
    struct expiry_option expiry;
};

/* Reads the option at argument i; returns how many arguments it takes, 0 for a syntax error. */
static int set_option(const struct call *c, int i, struct set_options *o) {
    int taken = expiry_option_read(c, i, EXPIRY_KEEPTTL, &o->expiry);
    if (taken) return taken;
    if (arg_is(c, i, "GET")) {
        o->get = true;
        return 1;
    }
    enum set_when when = arg_is(c, i, "NX")                        ? SET_IF_MISSING
                         : arg_is(c, i, "XX")                      ? SET_IF_PRESENT
                         : arg_is(c, i, "IFEQ") && i + 1 < c->argc ? SET_IF_EQUAL
                                                                   : SET_ALWAYS;
    if (when == SET_ALWAYS || (o->when != SET_ALWAYS && o->when != when)) return 0;
    o->when = when;
    o->equal_arg = i + 1;
    return when == SET_IF_EQUAL ? 2 : 1;
}

static bool set_options_or_reply(struct call *c, struct set_options *o) {
    for (int i = 3, taken; i < c->argc; i += taken) {
        taken = set_option(c, i, o);
        if (taken) continue;
        reply_error(c->reply, ERR_SYNTAX);
        return false;
    }
    return true;
}

static bool set_condition_holds(const struct call *c, const struct set_options *o,
                                const struct entry *e) {
    switch (o->when) {
    case SET_IF_MISSING: return !e;
    case SET_IF_PRESENT: return e != NULL;
    case SET_IF_EQUAL: return e && value_is(e, c->argv[o->equal_arg]);
    case SET_ALWAYS: break;
    }
    return true;
}

static void propagate_set_until(const struct call *c, int value_arg, uint64_t deadline) {
    if (!call_propagates(c)) return;
    propagate_open(c, 5);
    propagate_word(c, SLICE("SET"));
    propagate_word(c, c->argv[1]);
    propagate_word(c, c->argv[value_arg]);
    propagate_word(c, SLICE("PXAT"));
    propagate_u64(c, deadline);
}

/* The words that argument i begins and that don't matter when SET is repeated, where its condition
 * has held and nobody waits for a reply; 0: they do. */
static int set_words_dropped(const struct call *c, const struct set_options *o, int i) {
    if (o->when == SET_IF_EQUAL && i == o->equal_arg - 1) return 2;
    return arg_is(c, i, "GET");
}

static void propagate_set(const struct call *c, const struct set_options *o, uint64_t deadline) {
    if (!call_propagates(c)) return;
    if (deadline < DB_KEEP_DEADLINE && o->expiry.form != EXPIRY_PXAT) {
        propagate_set_until(c, 2, deadline);
        return;
    }
    int left = c->argc;
    for (int i = 3; i < c->argc; i++) {
        int dropped = set_words_dropped(c, o, i);
        left -= dropped;
        i += dropped == 2;
    }
    propagate_open(c, (size_t)left);
    propagate_words(c, 0, 3);
    for (int i = 3; i < c->argc; i++) {
        int dropped = set_words_dropped(c, o, i);
        if (!dropped) propagate_word(c, c->argv[i]);
        i += dropped == 2;
    }
}

static void set_with_options(struct call *c, struct key k) {
    struct set_options o = {0};
    uint64_t deadline;
    struct entry *e = NULL;
    if (!set_options_or_reply(c, &o)) return;
    if (!expiry_option_or_reply(c, &o.expiry, &deadline)) return;
    if (o.get || o.when == SET_IF_EQUAL) {
        if (!call_find_typed_or_reply(c, k, DB_READ, TYPE_STRING, &e)) return;
    } else if (o.when != SET_ALWAYS) {
        e = call_find(c, k, DB_WRITE);
    }
    bool set = set_condition_holds(c, &o, e);
    if (o.get)
        string_reply_or_null(c->reply, e);
    else if (set)
        reply_ok(c->reply);
    else
        reply_null(c->reply);
    if (!set) return;
    call_set_string(c, k, 2, deadline, EVENT_SET);
    propagate_set(c, &o, deadline);
}

static void cmd_set(struct call *c) {
    struct key k = call_key(c, 1);
    if (__builtin_expect(c->argc != 3, 0)) {
        set_with_options(c, k);
        return;
    }
    call_set_string(c, k, 2, ENTRY_NO_DEADLINE, EVENT_SET);
    reply_ok(c->reply);
}

/* What SET does with its key: with some options it reads the old value. */
static int set_keys(const struct slice *argv, int argc, struct key_use *uses) {
    uses[0] = (struct key_use){1, KEY_OW | KEY_UPDATE};
    for (int i = 3; i < argc; i++)
        if (slice_is(argv[i], "GET") || slice_is(argv[i], "IFEQ"))
            uses[0].flags = KEY_RW | KEY_ACCESS | KEY_UPDATE;
    return 1;
}

static void cmd_setnx(struct call *c) {
    struct key k = call_key(c, 1);
    bool set = !call_find(c, k, DB_WRITE);
    if (set) call_set_string(c, k, 2, ENTRY_NO_DEADLINE, EVENT_SET);
    reply_i64(c->reply, set);
}

static void setex_generic(struct call *c, enum expiry_form form) {
    uint64_t deadline;
    if (!expiry_deadline_or_reply(c, 2, form, &deadline)) return;
    call_set_string(c, call_key(c, 1), 3, deadline, EVENT_SET);
    propagate_set_until(c, 3, deadline);
    reply_ok(c->reply);
}

static void cmd_setex(struct call *c) {
    setex_generic(c, EXPIRY_EX);
}

static void cmd_psetex(struct call *c) {
    setex_generic(c, EXPIRY_PX);
}

static void cmd_getset(struct call *c) {
    struct key k = call_key(c, 1);
    struct entry *e;
    if (!call_find_typed_or_reply(c, k, DB_READ, TYPE_STRING, &e)) return;
    string_reply_or_null(c->reply, e);
    call_set_string(c, k, 2, ENTRY_NO_DEADLINE, EVENT_SET);
    propagate_instead(c, 3, (struct slice[]){SLICE("SET"), c->argv[1], c->argv[2]});
}

/* By one who has found the key. */
static void delete_found(struct call *c, struct key k) {
    bool lazy = c->engine->settings.db.lazy_user_del;
    db_delete(c->db, k, lazy, EVENT_DEL);
    propagate_deletion(c, k.name, lazy);
}

static void cmd_getdel(struct call *c) {
    struct key k = call_key(c, 1);
    if (get_generic(c, k)) delete_found(c, k);
}

static void cmd_delifeq(struct call *c) {
    struct key k = call_key(c, 1);
    struct entry *e;
    if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_STRING, &e)) return;
    bool equal = e && value_is(e, c->argv[2]);
    if (equal) delete_found(c, k);
    reply_i64(c->reply, equal);
}

static bool getex_option_or_reply(struct call *c, struct expiry_option *option) {
    for (int i = 2, taken; i < c->argc; i += taken) {
        taken = expiry_option_read(c, i, EXPIRY_PERSIST, option);
        if (taken) continue;
        reply_error(c->reply, ERR_SYNTAX);
        return false;
    }
    return true;
}

/* A deadline that has passed deletes the key, and says so. */
static void getex_apply(struct call *c, struct key k, uint64_t deadline) {
    bool lazy = c->engine->settings.db.lazy_expire;
    if (deadline == ENTRY_NO_DEADLINE) {
        db_set_deadline(c->db, k, deadline, EVENT_PERSIST);
        propagate_instead(c, 2, (struct slice[]){SLICE("PERSIST"), k.name});
    } else if (deadline > c->engine->keyspace.now_ms) {
        db_set_deadline(c->db, k, deadline, EVENT_EXPIRE);
        expiry_propagate(c, k.name, deadline, c->argc);
    } else {
        db_delete(c->db, k, lazy, EVENT_DEL);
        propagate_deletion(c, k.name, lazy);
    }
}

/* A key that is missing or no string is noticed before a bad number. */
static void cmd_getex(struct call *c) {
    struct key k = call_key(c, 1);
    struct expiry_option option = {0};
    uint64_t deadline;
    struct entry *e;
    if (!getex_option_or_reply(c, &option)) return;
    if (!call_find_typed_or_reply(c, k, DB_READ, TYPE_STRING, &e)) return;
    if (e && !expiry_option_or_reply(c, &option, &deadline)) return;
    string_reply_or_null(c->reply, e);
    if (!e || option.form == EXPIRY_NONE) return;
    if (option.form == EXPIRY_PERSIST && !(e->flags & ENTRY_DEADLINE)) return;
    getex_apply(c, k, deadline);
}

#define EXPIRY_SYNTAX                                                                              \
    "EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds"

const struct command string_commands[] = {
    {
        .name = "get",
        .run = cmd_get,
        .arity = 2,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "string",
        .summary = "Tells a key's string value.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key",
    },
    {
        .name = "set",
        .run = cmd_set,
        .arity = -3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_QUICK,
        .categories = ACL_STRING,
        .keys = {{.flags = KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE_FLAGS,
                  .kind = KEYS_RANGE,
                  .begin = 1,
                  .step = 1,
                  .notes = "the old value is read with `GET` and `IFEQ` only"}},
        .keys_of = set_keys,
        .group = "string",
        .summary = "Gives a key a string value, with conditions and a deadline if wanted.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key value [condition:(NX | XX | IFEQ comparison-value)] [GET] "
                  "[expiration:(" EXPIRY_SYNTAX " | KEEPTTL)]",
        .history = "2.6.12 `EX`, `PX`, `NX` and `XX`.\n"
                   "6.0.0 `KEEPTTL`.\n"
                   "6.2.0 `GET`, `EXAT` and `PXAT`.\n"
                   "7.0.0 `NX` may stand beside `GET`.\n"
                   "8.1.0 `IFEQ`.",
    },
    {
        .name = "setnx",
        .run = cmd_setnx,
        .arity = 3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_OW | KEY_INSERT)},
        .group = "string",
        .summary = "Gives a key a string value if there's no such key yet.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key value",
        .deprecated_since = "2.6.12",
        .replaced_by = "`SET` with the `NX` argument",
    },
    {
        .name = "setex",
        .run = cmd_setex,
        .arity = 4,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE)},
        .group = "string",
        .summary = "Gives a key a string value that lasts for some seconds.",
        .since = "2.0.0",
        .complexity = "O(1)",
        .syntax = "key seconds value",
        .deprecated_since = "2.6.12",
        .replaced_by = "`SET` with the `EX` argument",
    },
    {
        .name = "psetex",
        .run = cmd_psetex,
        .arity = 4,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE)},
        .group = "string",
        .summary = "Gives a key a string value that lasts for some milliseconds.",
        .since = "2.6.0",
        .complexity = "O(1)",
        .syntax = "key milliseconds value",
        .deprecated_since = "2.6.12",
        .replaced_by = "`SET` with the `PX` argument",
    },
    {
        .name = "getset",
        .run = cmd_getset,
        .arity = 3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .group = "string",
        .summary = "Gives a key a string value and tells the one it had.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key value",
        .deprecated_since = "6.2.0",
        .replaced_by = "`SET` with the `!GET` argument",
    },
    {
        .name = "getdel",
        .run = cmd_getdel,
        .arity = 2,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "string",
        .summary = "Tells a key's string value and deletes the key.",
        .since = "6.2.0",
        .complexity = "O(1)",
        .syntax = "key",
    },
    {
        .name = "delifeq",
        .run = cmd_delifeq,
        .arity = 3,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "string",
        .summary = "Deletes a key if its string value equals the one given.",
        .since = "9.0.0",
        .complexity = "O(1)",
        .syntax = "key value",
    },
    {
        .name = "getex",
        .run = cmd_getex,
        .arity = -2,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_STRING,
        .keys = {{.flags = KEY_RW | KEY_ACCESS | KEY_UPDATE,
                  .kind = KEYS_RANGE,
                  .begin = 1,
                  .step = 1,
                  .notes = "a write, since the deadline may change"}},
        .group = "string",
        .summary = "Tells a key's string value and sets or removes the key's deadline.",
        .since = "6.2.0",
        .complexity = "O(1)",
        .syntax = "key [expiration:(" EXPIRY_SYNTAX " | PERSIST)]",
    },
    {.name = NULL},
};
