/* SPDX-License-Identifier: BSD-3-Clause */
/* LMOVE and LMPOP, and those that wait for what they need: the same commands, which call
 * blocking_on_keys where the others reply that there's nothing. */
#include "base/alloc.h"
#include "cmd/families.h"
#include "cmd/list_reply.h"
#include "exec/blocking_keys.h"

/* An end of a list: LEFT or RIGHT. */
static bool end_or_reply(struct call *c, int i, bool *front) {
    *front = arg_is(c, i, "LEFT");
    if (*front || arg_is(c, i, "RIGHT")) return true;
    reply_error(c->reply, ERR_SYNTAX);
    return false;
}

/* Moving. */

struct move {
    bool from_front, to_front;
};

/* Reads the element at the end of a list; it's borrowed until the iterator ends. */
static void read_end(const struct entry *e, bool front, struct list_iter *it,
                     struct deque_value *v) {
    list_iter_init(it, e, front ? 0 : list_count(e) - 1, !front);
    (void)list_next(it, v);
}

static void push_to(struct call *c, struct key k, struct entry *e, const struct deque_item *item,
                    bool front) {
    e = db_edit(c->db, k, e, TYPE_LIST);
    list_expect(e, 1, item->key.text.len, call_type_settings(c));
    list_push(e, item, front);
    db_edited(c->db, k, e, EVENT_SILENT, 0); /* the move counts as one change, which popping is */
    db_also(c->db, k, front ? EVENT_LPUSH : EVENT_RPUSH);
}

static void drop_from(struct call *c, struct key k, struct entry *e, bool front) {
    e = db_edit(c->db, k, e, TYPE_LIST);
    list_drop(e, 1, front, call_type_settings(c));
    db_edited(c->db, k, e, front ? EVENT_LPOP : EVENT_RPOP, 1);
}

/* The element is pushed first, as it's borrowed from where it was. Within one list pushing might
 * move it, so it's copied. */
static void move_element(struct call *c, struct entry *from, struct entry *to,
                         const struct move *move) {
    struct list_iter it;
    struct deque_value v;
    char digits[NUM_I64_MAX], *copy = NULL;
    read_end(from, move->from_front, &it, &v);
    list_reply_value(c->reply, &v);
    struct slice text = list_value_text(&v, digits);
    if (from == to && !v.bytes && v.value.text) {
        copy = mem_alloc(text.len + 1);
        slice_put(copy, text);
        text.ptr = copy;
    }
    struct deque_item item = list_item(text, v.bytes);
    push_to(c, call_key(c, 2), to, &item, move->to_front);
    list_iter_end(&it);
    mem_free(copy);
    drop_from(c, call_key(c, 1), from, move->from_front);
}

/* False: there's nothing to move. */
static bool move_or_reply(struct call *c, const struct move *move) {
    struct entry *from, *to;
    if (!find_list_or_reply(c, call_key(c, 1), DB_WRITE, &from)) return true;
    if (!from) return false;
    if (!find_list_or_reply(c, call_key(c, 2), DB_WRITE, &to)) return true;
    move_element(c, from, to, move);
    return true;
}

static bool move_args_or_reply(struct call *c, struct move *move) {
    return end_or_reply(c, 3, &move->from_front) && end_or_reply(c, 4, &move->to_front);
}

/* Those that may wait go out as those that don't: by their name without the B, and less the
 * timeout. */
static void propagate_move(const struct call *c, bool with_ends) {
    if (!propagate_due(c)) return;
    propagate_open(c, with_ends ? 5 : 3);
    propagate_word(c, with_ends ? SLICE("LMOVE") : SLICE("RPOPLPUSH"));
    propagate_words(c, 1, with_ends ? 5 : 3);
}

static void cmd_lmove(struct call *c) {
    struct move move;
    if (move_args_or_reply(c, &move) && !move_or_reply(c, &move)) reply_null(c->reply);
}

static void cmd_rpoplpush(struct call *c) {
    if (!move_or_reply(c, &(struct move){.to_front = true})) reply_null(c->reply);
}

static void blocking_move(struct call *c, const struct move *move, int timeout_arg) {
    struct key_wait wait = {.first = 1, .count = 1, .type = TYPE_LIST};
    wait.null_array = c->session->can_wait; /* Redis: a null if it can't wait, else a null array */
    if (!arg_timeout_s_or_reply(c, timeout_arg, &wait.timeout_ms)) return;
    if (!move_or_reply(c, move)) blocking_on_keys(c, &wait);
    propagate_move(c, timeout_arg > 3);
}

static void cmd_blmove(struct call *c) {
    struct move move;
    if (move_args_or_reply(c, &move)) blocking_move(c, &move, 5);
}

static void cmd_brpoplpush(struct call *c) {
    blocking_move(c, &(struct move){.to_front = true}, 3);
}

/* Popping from the first of several lists that there is. */

/* LMPOP's arguments, from that with the number of keys on. */
struct pop_many {
    int keys, first;
    bool front;
    int64_t count;
};

static bool pop_many_args_or_reply(struct call *c, int at, struct pop_many *p) {
    int64_t keys;
    if (!arg_i64_in_or_reply(c, at, 1, INT64_MAX, "ERR numkeys should be greater than 0", &keys))
        return false;
    bool has_count = false;
    *p = (struct pop_many){.first = at + 1, .count = 1};
    if (keys >= c->argc - at - 1) {
        reply_error(c->reply, ERR_SYNTAX);
        return false;
    }
    p->keys = (int)keys;
    int i = p->first + p->keys;
    if (!end_or_reply(c, i, &p->front)) return false;
    for (i++; i < c->argc; i += 2, has_count = true) {
        if (has_count || !arg_is(c, i, "COUNT") || i + 1 == c->argc) {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
        if (!arg_i64_in_or_reply(c, i + 1, 1, INT64_MAX, "ERR count should be greater than 0",
                                 &p->count))
            return false;
    }
    return true;
}

/* In place of those that name several keys: LPOP or RPOP of the one, with a count unless that's 0.
 */
static void propagate_pop(const struct call *c, struct slice key, bool front, size_t count) {
    if (!call_propagates(c)) return;
    propagate_open(c, count ? 3 : 2);
    propagate_word(c, front ? SLICE("LPOP") : SLICE("RPOP"));
    propagate_word(c, key);
    if (count) propagate_u64(c, count);
}

/* False: none of the keys has a list. */
static bool pop_many_or_reply(struct call *c, const struct pop_many *p) {
    for (int i = p->first; i < p->first + p->keys; i++) {
        struct key k = call_key(c, i);
        struct entry *e;
        if (!find_list_or_reply(c, k, DB_WRITE, &e)) return true;
        if (!e) continue;
        size_t count = list_count(e) < (size_t)p->count ? list_count(e) : (size_t)p->count;
        reply_array(c->reply, 2);
        reply_bulk(c->reply, k.name);
        reply_array(c->reply, count);
        list_pop_and_reply(c, k, e, count, p->front);
        propagate_pop(c, k.name, p->front, count);
        return true;
    }
    return false;
}

static void cmd_lmpop(struct call *c) {
    struct pop_many p;
    if (pop_many_args_or_reply(c, 1, &p) && !pop_many_or_reply(c, &p)) reply_null_array(c->reply);
}

static void cmd_blmpop(struct call *c) {
    struct pop_many p;
    struct key_wait wait = {.type = TYPE_LIST, .null_array = true};
    if (!pop_many_args_or_reply(c, 2, &p)) return;
    if (!arg_timeout_s_or_reply(c, 1, &wait.timeout_ms)) return;
    wait.first = p.first;
    wait.count = p.keys;
    if (!pop_many_or_reply(c, &p)) blocking_on_keys(c, &wait);
}

static void blocking_pop(struct call *c, bool front) {
    struct key_wait wait = {
        .first = 1, .count = c->argc - 2, .type = TYPE_LIST, .null_array = true};
    if (!arg_timeout_s_or_reply(c, c->argc - 1, &wait.timeout_ms)) return;
    for (int i = 1; i < c->argc - 1; i++) {
        struct key k = call_key(c, i);
        struct entry *e;
        if (!find_list_or_reply(c, k, DB_WRITE, &e)) return;
        if (!e) continue;
        reply_array(c->reply, 2);
        reply_bulk(c->reply, k.name);
        list_pop_and_reply(c, k, e, 1, front);
        propagate_pop(c, k.name, front, 0);
        return;
    }
    blocking_on_keys(c, &wait);
}

static void cmd_blpop(struct call *c) {
    blocking_pop(c, true);
}

static void cmd_brpop(struct call *c) {
    blocking_pop(c, false);
}

#define MOVES                                                                                      \
    { KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_RW | KEY_INSERT) }
#define POPS "O(N + M), N keys looked at, M elements taken"
#define ENDS "wherefrom:(LEFT | RIGHT) whereto:(LEFT | RIGHT)"

const struct command list_move_commands[] = {
    {
        .name = "lmove",
        .run = cmd_lmove,
        .arity = 5,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_LIST,
        .keys = MOVES,
        .group = "list",
        .summary = "Takes an element off one end of a list and puts it on an end of another.",
        .since = "6.2.0",
        .complexity = "O(1)",
        .syntax = "source:key destination:key " ENDS,
    },
    {
        .name = "rpoplpush",
        .run = cmd_rpoplpush,
        .arity = 3,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_LIST,
        .keys = MOVES,
        .group = "list",
        .summary = "Takes an element off the end of a list and puts it on another's front.",
        .since = "1.2.0",
        .complexity = "O(1)",
        .syntax = "source:key destination:key",
        .deprecated_since = "6.2.0",
        .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments",
    },
    {
        .name = "lmpop",
        .run = cmd_lmpop,
        .arity = -4,
        .flags = CMD_WRITE | CMD_MOVABLE_KEYS,
        .categories = ACL_LIST,
        .keys = {KEYS_COUNTED(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "list",
        .summary = "Takes elements off the first of several lists that has any.",
        .since = "7.0.0",
        .complexity = POPS,
        .syntax = "numkeys key ... where:(LEFT | RIGHT) [COUNT count]",
    },
    {
        .name = "blmove",
        .run = cmd_blmove,
        .arity = 6,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_BLOCKING,
        .categories = ACL_LIST,
        .keys = MOVES,
        .group = "list",
        .summary = "LMOVE that waits until there's an element to move.",
        .since = "6.2.0",
        .complexity = "O(1)",
        .syntax = "source:key destination:key " ENDS " timeout:double",
    },
    {
        .name = "brpoplpush",
        .run = cmd_brpoplpush,
        .arity = 4,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_BLOCKING,
        .categories = ACL_LIST,
        .keys = MOVES,
        .group = "list",
        .summary = "RPOPLPUSH that waits until there's an element to move.",
        .since = "2.2.0",
        .complexity = "O(1)",
        .syntax = "source:key destination:key timeout:double",
        .history = "6.0.0 `timeout` may have decimals.",
        .deprecated_since = "6.2.0",
        .replaced_by = "`BLMOVE` with the `RIGHT` and `LEFT` arguments",
    },
    {
        .name = "blmpop",
        .run = cmd_blmpop,
        .arity = -5,
        .flags = CMD_WRITE | CMD_BLOCKING | CMD_MOVABLE_KEYS,
        .categories = ACL_LIST,
        .keys = {KEYS_COUNTED(2, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "list",
        .summary = "LMPOP that waits until one of the lists has elements.",
        .since = "7.0.0",
        .complexity = POPS,
        .syntax = "timeout:double numkeys key ... where:(LEFT | RIGHT) [COUNT count]",
    },
    {
        .name = "blpop",
        .run = cmd_blpop,
        .arity = -3,
        .flags = CMD_WRITE | CMD_BLOCKING,
        .categories = ACL_LIST,
        .keys = {KEYS_FROM(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "list",
        .summary = "Takes an element off the front of the first list that has any, or waits.",
        .since = "2.0.0",
        .complexity = "O(N), N keys looked at",
        .syntax = "key ... timeout:double",
        .history = "6.0.0 `timeout` may have decimals.",
    },
    {
        .name = "brpop",
        .run = cmd_brpop,
        .arity = -3,
        .flags = CMD_WRITE | CMD_BLOCKING,
        .categories = ACL_LIST,
        .keys = {KEYS_FROM(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "list",
        .summary = "Takes an element off the end of the first list that has any, or waits.",
        .since = "2.0.0",
        .complexity = "O(N), N keys looked at",
        .syntax = "key ... timeout:double",
        .history = "6.0.0 `timeout` may have decimals.",
    },
    {.name = NULL},
};
