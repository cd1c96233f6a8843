/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists: commands on one of them. Moving from one to another, popping from one of several, and
 * waiting for elements is in list_move.c. */
#include "cmd/families.h"
#include "cmd/list_reply.h"

#define ERR_INDEX_RANGE "ERR index out of range"

void list_reply_range(struct reply *r, const struct entry *e, size_t index, size_t count,
                      bool backward) {
    struct list_iter it;
    struct deque_value v;
    list_iter_init(&it, e, index, backward);
    while (count-- && list_next(&it, &v)) list_reply_value(r, &v);
    list_iter_end(&it);
}

void list_pop_and_reply(struct call *c, struct key k, struct entry *e, size_t count, bool front) {
    list_reply_range(c->reply, e, front ? 0 : list_count(e) - 1, count, !front);
    e = db_edit(c->db, k, e, TYPE_LIST);
    list_drop(e, count, front, call_type_settings(c));
    db_edited(c->db, k, e, front ? EVENT_LPOP : EVENT_RPOP, count);
}

/* Pushing. */

static void push_generic(struct call *c, bool front, bool only_existing) {
    struct key k = call_key(c, 1);
    struct entry *e;
    if (!find_list_or_reply(c, k, DB_WRITE, &e)) return;
    if (!e && only_existing) {
        reply_i64(c->reply, 0);
        return;
    }
    size_t count = (size_t)c->argc - 2, bytes = 0;
    e = db_edit(c->db, k, e, TYPE_LIST);
    for (int i = 2; i < c->argc; i++) bytes += c->argv[i].len;
    list_expect(e, count, bytes, call_type_settings(c));
    for (int i = 2; i < c->argc; i++) {
        struct deque_item item = list_item_of_arg(c, i);
        list_push(e, &item, front);
    }
    reply_i64(c->reply, (int64_t)list_count(e));
    db_edited(c->db, k, e, front ? EVENT_LPUSH : EVENT_RPUSH, count);
}

static void cmd_lpush(struct call *c) {
    push_generic(c, true, false);
}

static void cmd_rpush(struct call *c) {
    push_generic(c, false, false);
}

static void cmd_lpushx(struct call *c) {
    push_generic(c, true, true);
}

static void cmd_rpushx(struct call *c) {
    push_generic(c, false, true);
}

static void cmd_linsert(struct call *c) {
    struct key k = call_key(c, 1);
    bool behind = arg_is(c, 2, "AFTER");
    struct entry *e;
    if (!behind && !arg_is(c, 2, "BEFORE")) {
        reply_error(c->reply, ERR_SYNTAX);
        return;
    }
    if (!find_list_or_reply(c, k, DB_WRITE, &e)) return;
    if (!e) {
        reply_i64(c->reply, 0);
        return;
    }
    struct listpack_key pivot = listpack_key(c->argv[3]);
    size_t index = list_find(e, &pivot);
    if (index == LIST_NONE) {
        reply_i64(c->reply, -1);
        return;
    }
    struct deque_item item = list_item_of_arg(c, 4);
    e = db_edit(c->db, k, e, TYPE_LIST);
    list_insert(e, index + behind, &item, call_type_settings(c));
    reply_i64(c->reply, (int64_t)list_count(e));
    db_edited(c->db, k, e, EVENT_LINSERT, 1);
}

/* Popping. */

static void pop_many(struct call *c, bool front) {
    struct key k = call_key(c, 1);
    int64_t max;
    struct entry *e;
    if (!arg_i64_in_or_reply(c, 2, 0, INT64_MAX, ERR_NOT_POSITIVE, &max)) return;
    if (!find_list_or_reply(c, k, DB_WRITE, &e)) return;
    if (!e) {
        reply_null_array(c->reply);
        return;
    }
    size_t count = list_count(e) < (size_t)max ? list_count(e) : (size_t)max;
    reply_array(c->reply, count);
    if (count) list_pop_and_reply(c, k, e, count, front);
}

static void pop_generic(struct call *c, bool front) {
    struct key k = call_key(c, 1);
    struct entry *e;
    if (c->argc > 3) {
        call_reply_wrong_args(c);
    } else if (c->argc == 3) {
        pop_many(c, front);
    } else if (find_list_or_reply(c, k, DB_WRITE, &e)) {
        if (e)
            list_pop_and_reply(c, k, e, 1, front);
        else
            reply_null(c->reply);
    }
}

static void cmd_lpop(struct call *c) {
    pop_generic(c, true);
}

static void cmd_rpop(struct call *c) {
    pop_generic(c, false);
}

/* Reading. */

static void cmd_llen(struct call *c) {
    struct entry *e;
    if (!find_list_or_reply(c, call_key(c, 1), DB_READ, &e)) return;
    reply_i64(c->reply, e ? (int64_t)list_count(e) : 0);
}

/* A number of an element, from the end if negative, as one from the front; false: there's none. */
static bool find_index(const struct entry *e, int64_t number, size_t *index) {
    size_t count = list_count(e);
    *index = number < 0 ? (size_t)number + count : (size_t)number;
    return *index < count;
}

static void cmd_lindex(struct call *c) {
    int64_t number;
    size_t index;
    struct entry *e;
    if (!find_list_or_reply(c, call_key(c, 1), DB_READ, &e)) return;
    if (!e) {
        reply_null(c->reply);
        return;
    }
    if (!arg_i64_or_reply(c, 2, &number)) return;
    if (find_index(e, number, &index))
        list_reply_range(c->reply, e, index, 1, false);
    else
        reply_null(c->reply);
}

/* What lies between two numbers, both included, negative ones counting from the end. */
struct range {
    size_t first, count;
};

static struct range range_of(const struct entry *e, int64_t first, int64_t last) {
    int64_t count = (int64_t)list_count(e);
    if (first < 0) first = first < -count ? 0 : first + count;
    if (last < 0) last += count;
    if (last >= count) last = count - 1;
    if (first > last) return (struct range){0, 0};
    return (struct range){(size_t)first, (size_t)(last - first + 1)};
}

static void cmd_lrange(struct call *c) {
    int64_t first, last;
    struct entry *e;
    if (!arg_i64_or_reply(c, 2, &first) || !arg_i64_or_reply(c, 3, &last)) return;
    if (!find_list_or_reply(c, call_key(c, 1), DB_READ, &e)) return;
    struct range range = e ? range_of(e, first, last) : (struct range){0, 0};
    reply_array(c->reply, range.count);
    if (range.count) list_reply_range(c->reply, e, range.first, range.count, false);
}

struct search {
    struct listpack_key key;
    int64_t rank;     /* 1: the first match, -1: the last, and so on */
    int64_t count;    /* matches to be told; -1: one, not as an array; 0: all */
    int64_t max_seen; /* elements to be looked at; 0: all */
};

/* LPOS's options, each a word and a number. */
static bool search_options_or_reply(struct call *c, struct search *s) {
    for (int i = 3; i < c->argc; i += 2) {
        bool ok;
        if (i + 1 == c->argc) {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
        if (arg_is(c, i, "RANK")) {
            ok = arg_i64_in_or_reply(c, i + 1, -INT64_MAX, INT64_MAX, NULL, &s->rank);
            if (ok && s->rank == 0) {
                reply_error(c->reply,
                            "ERR RANK can't be zero: use 1 to start from the first match, "
                            "2 from the second ... or use negative to start from the end "
                            "of the list");
                return false;
            }
        } else if (arg_is(c, i, "COUNT")) {
            ok = arg_i64_in_or_reply(c, i + 1, 0, INT64_MAX, "ERR COUNT can't be negative",
                                     &s->count);
        } else if (arg_is(c, i, "MAXLEN")) {
            ok = arg_i64_in_or_reply(c, i + 1, 0, INT64_MAX, "ERR MAXLEN can't be negative",
                                     &s->max_seen);
        } else {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
        if (!ok) return false;
    }
    return true;
}

/* Replies the numbers of the elements that are found; returns how many. */
static size_t search_and_reply(struct reply *r, const struct entry *e, const struct search *s) {
    bool backward = s->rank < 0;
    size_t count = list_count(e), found = 0, to_pass = (size_t)llabs(s->rank) - 1;
    size_t wanted = s->count < 0 ? 1 : s->count ? (size_t)s->count : SIZE_MAX;
    size_t most = s->max_seen && (size_t)s->max_seen < count ? (size_t)s->max_seen : count;
    struct list_iter it;
    struct deque_value v;
    list_iter_init(&it, e, backward ? count - 1 : 0, backward);
    for (size_t i = 0; i < most && found < wanted && list_next(&it, &v); i++) {
        if (!deque_value_is(&v, &s->key)) continue;
        if (to_pass) {
            to_pass--;
            continue;
        }
        reply_i64(r, (int64_t)(backward ? count - 1 - i : i));
        found++;
    }
    list_iter_end(&it);
    return found;
}

static void cmd_lpos(struct call *c) {
    struct search s = {listpack_key(c->argv[2]), 1, -1, 0};
    struct entry *e;
    if (!search_options_or_reply(c, &s)) return;
    if (!find_list_or_reply(c, call_key(c, 1), DB_READ, &e)) return;
    if (s.count < 0) {
        if (!e || !search_and_reply(c->reply, e, &s)) reply_null(c->reply);
        return;
    }
    struct reply_mark mark = reply_begin(c->reply);
    reply_end_array(c->reply, mark, e ? search_and_reply(c->reply, e, &s) : 0);
}

/* Changing. */

static void cmd_lset(struct call *c) {
    struct key k = call_key(c, 1);
    int64_t number;
    size_t index;
    struct entry *e;
    if (!find_list_or_reply(c, k, DB_WRITE, &e)) return;
    if (!e) {
        reply_error(c->reply, ERR_NO_KEY);
        return;
    }
    if (!arg_i64_or_reply(c, 2, &number)) return;
    if (!find_index(e, number, &index)) {
        reply_error(c->reply, ERR_INDEX_RANGE);
        return;
    }
    struct deque_item item = list_item_of_arg(c, 3);
    e = db_edit(c->db, k, e, TYPE_LIST);
    list_replace(e, index, &item, call_type_settings(c));
    db_edited(c->db, k, e, EVENT_LSET, 1);
    reply_ok(c->reply);
}

static void cmd_lrem(struct call *c) {
    struct key k = call_key(c, 1);
    int64_t count;
    size_t removed = 0;
    struct entry *e;
    if (!arg_i64_or_reply(c, 2, &count)) return;
    if (!find_list_or_reply(c, k, DB_WRITE, &e)) return;
    if (e) {
        size_t max = count == 0 ? SIZE_MAX : count < 0 ? 0 - (size_t)count : (size_t)count;
        struct listpack_key key = listpack_key(c->argv[3]);
        e = db_edit(c->db, k, e, TYPE_LIST);
        removed = list_remove(e, &key, max, count < 0, call_type_settings(c));
        db_edited(c->db, k, e, EVENT_LREM, removed);
    }
    reply_i64(c->reply, (int64_t)removed);
}

static void cmd_ltrim(struct call *c) {
    const struct type_settings *settings = call_type_settings(c);
    struct key k = call_key(c, 1);
    int64_t first, last;
    struct entry *e;
    if (!arg_i64_or_reply(c, 2, &first) || !arg_i64_or_reply(c, 3, &last)) return;
    if (!find_list_or_reply(c, k, DB_WRITE, &e)) return;
    if (e) {
        size_t count = list_count(e);
        struct range range = range_of(e, first, last);
        e = db_edit(c->db, k, e, TYPE_LIST);
        list_drop(e, range.first, true, settings);
        list_drop(e, count - range.first - range.count, false, settings);
        db_edited(c->db, k, e, EVENT_LTRIM, count - range.count);
        if (count == range.count) db_also(c->db, k, EVENT_LTRIM);
    }
    reply_ok(c->reply);
}

#define PUSHED "O(N), N elements pushed"

const struct command list_commands[] = {
    {
        .name = "lpush",
        .run = cmd_lpush,
        .arity = -3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_LIST,
        .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)},
        .group = "list",
        .summary = "Adds elements to the front of a list, which is made if there's none.",
        .since = "1.0.0",
        .complexity = PUSHED,
        .syntax = "key element ...",
        .history = "2.4.0 Several elements at once.",
    },
    {
        .name = "rpush",
        .run = cmd_rpush,
        .arity = -3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_LIST,
        .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)},
        .group = "list",
        .summary = "Adds elements to the end of a list, which is made if there's none.",
        .since = "1.0.0",
        .complexity = PUSHED,
        .syntax = "key element ...",
        .history = "2.4.0 Several elements at once.",
    },
    {
        .name = "lpushx",
        .run = cmd_lpushx,
        .arity = -3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_LIST,
        .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)},
        .group = "list",
        .summary = "Adds elements to the front of a list if there is one.",
        .since = "2.2.0",
        .complexity = PUSHED,
        .syntax = "key element ...",
        .history = "4.0.0 Several elements at once.",
    },
    {
        .name = "rpushx",
        .run = cmd_rpushx,
        .arity = -3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_LIST,
        .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)},
        .group = "list",
        .summary = "Adds elements to the end of a list if there is one.",
        .since = "2.2.0",
        .complexity = PUSHED,
        .syntax = "key element ...",
        .history = "4.0.0 Several elements at once.",
    },
    {
        .name = "linsert",
        .run = cmd_linsert,
        .arity = 5,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_LIST,
        .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)},
        .group = "list",
        .summary = "Puts an element before or behind the first that equals the pivot.",
        .since = "2.2.0",
        .complexity = "O(N), N elements up to the pivot",
        .syntax = "key where:(BEFORE | AFTER) pivot:string element",
    },
    {
        .name = "lpop",
        .run = cmd_lpop,
        .arity = -2,
        .flags = CMD_WRITE | CMD_FAST | CMD_QUICK,
        .categories = ACL_LIST,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "list",
        .summary = "Takes elements off the front of a list.",
        .since = "1.0.0",
        .complexity = "O(N), N elements taken",
        .syntax = "key [count]",
        .history = "6.2.0 `count`.",
    },
    {
        .name = "rpop",
        .run = cmd_rpop,
        .arity = -2,
        .flags = CMD_WRITE | CMD_FAST | CMD_QUICK,
        .categories = ACL_LIST,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "list",
        .summary = "Takes elements off the end of a list.",
        .since = "1.0.0",
        .complexity = "O(N), N elements taken",
        .syntax = "key [count]",
        .history = "6.2.0 `count`.",
    },
    {
        .name = "llen",
        .run = cmd_llen,
        .arity = 2,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_LIST,
        .keys = {KEY_AT(1, KEY_RO)},
        .group = "list",
        .summary = "Tells how many elements a list has.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key",
    },
    {
        .name = "lindex",
        .run = cmd_lindex,
        .arity = 3,
        .flags = CMD_READONLY,
        .categories = ACL_LIST,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "list",
        .summary = "Tells the element at a place in a list.",
        .since = "1.0.0",
        .complexity = "O(1) near the ends, else O(N) in the list's blocks of some hundred elements",
        .syntax = "key index",
    },
    {
        .name = "lrange",
        .run = cmd_lrange,
        .arity = 4,
        .flags = CMD_READONLY,
        .categories = ACL_LIST,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "list",
        .summary = "Tells the elements between two places in a list.",
        .since = "1.0.0",
        .complexity = "O(N), N elements told, besides finding the first, as LINDEX does",
        .syntax = "key start:integer stop:integer",
    },
    {
        .name = "lpos",
        .run = cmd_lpos,
        .arity = -3,
        .flags = CMD_READONLY,
        .categories = ACL_LIST,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "list",
        .summary = "Tells at which places in a list an element stands.",
        .since = "6.0.6",
        .complexity = "O(N), N elements looked at: all, or up to the last that's told, or MAXLEN",
        .syntax = "key element [RANK rank:integer] [COUNT num-matches:integer] "
                  "[MAXLEN len:integer]",
    },
    {
        .name = "lset",
        .run = cmd_lset,
        .arity = 4,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_LIST,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "list",
        .summary = "Puts another element in the place of one.",
        .since = "1.0.0",
        .complexity = "O(1) near the ends, else O(N) in the list's blocks of some hundred elements",
        .syntax = "key index element",
    },
    {
        .name = "lrem",
        .run = cmd_lrem,
        .arity = 4,
        .flags = CMD_WRITE,
        .categories = ACL_LIST,
        .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)},
        .group = "list",
        .summary = "Removes elements that equal the one given from a list.",
        .since = "1.0.0",
        .complexity = "O(N), N elements up to the last removed",
        .syntax = "key count element",
    },
    {
        .name = "ltrim",
        .run = cmd_ltrim,
        .arity = 4,
        .flags = CMD_WRITE,
        .categories = ACL_LIST,
        .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)},
        .group = "list",
        .summary = "Keeps just the elements between two places in a list.",
        .since = "1.0.0",
        .complexity = "O(N), N blocks of elements removed",
        .syntax = "key start:integer stop:integer",
    },
    {.name = NULL},
};
