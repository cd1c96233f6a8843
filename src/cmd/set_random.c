/* SPDX-License-Identifier: BSD-3-Clause */
/* SPOP and SRANDMEMBER. */
#include "type/set_random.h"

#include "cmd/families.h"
#include "cmd/set_reply.h"
#include "exec/call.h"

static void reply_visit(void *ctx, const struct set_member *m) {
    set_reply_member(ctx, m);
}

static struct set_choice reply_choice(struct call *c) {
    return (struct set_choice){&c->engine->keyspace.rng, reply_visit, c->reply};
}

/* Members that are popped: each is replied, and a word of an SREM that goes out. */
struct popping {
    struct call *c;
    size_t count, done;
};

static void popped_visit(void *ctx, const struct set_member *m) {
    enum { AT_ONCE = 1024 }; /* in one SREM, as in Redis 7.2 */
    struct popping *p = ctx;
    set_reply_member(p->c->reply, m);
    if (!call_propagates(p->c)) return;
    if (p->done % AT_ONCE == 0) {
        size_t left = p->count - p->done;
        propagate_open(p->c, 2 + (left < AT_ONCE ? left : AT_ONCE));
        propagate_word(p->c, SLICE("SREM"));
        propagate_word(p->c, p->c->argv[1]);
    }
    p->done++;
    if (m->is_number)
        propagate_i64(p->c, m->number);
    else
        propagate_word(p->c, m->text);
}

/* Takes `count` members out, or all, and replies them; returns how many went. Those of a set that
 * goes as a whole are freed with it, elsewhere if they're many. */
static void pop(struct call *c, struct key k, struct entry *e, size_t count) {
    bool all = count == set_count(e), as_key = all && c->argc > 2; /* as in Redis */
    struct popping popping = {.c = c, .count = count};
    struct set_choice choice = {&c->engine->keyspace.rng, popped_visit, &popping};
    if (as_key) choice = reply_choice(c);
    if (as_key) propagate_deletion(c, k.name, c->engine->settings.db.lazy_server_del);
    e = db_edit(c->db, k, e, TYPE_SET);
    if (all) {
        set_pick(e, count, &choice);
        db_edited_away(c->db, k, EVENT_SPOP, count);
    } else {
        set_pop(e, count, &choice, call_type_settings(c));
        db_edited(c->db, k, e, EVENT_SPOP, count);
    }
}

static void cmd_spop(struct call *c) {
    int64_t count;
    struct key k = call_key(c, 1);
    struct entry *e;
    bool counted = c->argc > 2;
    if (!arg_count_or_reply(c, 2, 0, ERR_NOT_POSITIVE, &count)) return;
    if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_SET, &e)) return;
    if (e && (uint64_t)count > set_count(e)) count = (int64_t)set_count(e);
    if (counted)
        reply_set(c->reply, e ? (size_t)count : 0);
    else if (!e)
        reply_null(c->reply);
    if (e && count) pop(c, k, e, (size_t)count);
}

static void draw(struct call *c, const struct entry *e, uint64_t count,
                 const struct set_choice *choice) {
    enum { AT_ONCE = 1024 };
    for (uint64_t part; count && !call_should_stop(c, 0); count -= part) {
        part = count < AT_ONCE ? count : AT_ONCE;
        set_draw(e, part, choice);
    }
}

static void reply_chosen(struct call *c, const struct entry *e, int64_t count) {
    struct set_choice choice = reply_choice(c);
    if (count < 0) {
        reply_array(c->reply, (size_t)-count);
        draw(c, e, (uint64_t)-count, &choice);
        return;
    }
    if ((uint64_t)count > set_count(e)) count = (int64_t)set_count(e);
    reply_array(c->reply, (size_t)count);
    set_pick(e, (size_t)count, &choice);
}

static void cmd_srandmember(struct call *c) {
    int64_t count;
    struct entry *e;
    bool counted = c->argc > 2;
    if (!arg_count_or_reply(c, 2, -INT64_MAX, NULL, &count)) return;
    if (!call_find_typed_or_reply(c, call_key(c, 1), DB_READ, TYPE_SET, &e)) return;
    if (!e && counted) {
        reply_array(c->reply, 0);
    } else if (!e) {
        reply_null(c->reply);
    } else if (counted) {
        reply_chosen(c, e, count);
    } else {
        struct set_choice choice = reply_choice(c);
        set_draw(e, 1, &choice);
    }
}

const struct command set_random_commands[] = {
    {
        .name = "spop",
        .run = cmd_spop,
        .arity = -2,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_SET,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "set",
        .summary = "Removes members that are chosen at random, and returns them.",
        .since = "1.0.0",
        .complexity = "O(1) for one; O(N) in COUNT for many.",
        .syntax = "key [count]",
        .history = "3.2.0 Takes a count.",
        .tips = "nondeterministic_output",
    },
    {
        .name = "srandmember",
        .run = cmd_srandmember,
        .arity = -2,
        .flags = CMD_READONLY,
        .categories = ACL_SET,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "set",
        .summary = "Returns members that are chosen at random.",
        .since = "1.0.0",
        .complexity = "O(1) for one; O(N) in the magnitude of COUNT for many.",
        .syntax = "key [count]",
        .history = "2.6.0 Takes a count.",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
