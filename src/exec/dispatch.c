/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/dispatch.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/ticks.h"
#include "exec/admission.h"
#include "exec/blocking_keys.h"
#include "type/t_string.h"
#include "type/type.h"

enum { TIMED_TOGETHER = 16 }; /* quick commands in a group, at most */

static_assert((int)DISPATCH_BATCH <= (int)TABLE_LOOKS, "a batch is looked ahead for at once");

/* The command that argv[0] and, for a container, argv[1] name. Not inlined, as it isn't needed for
 * most requests: the loop that is keeps its registers. */
__attribute__((noinline)) static struct command_entry *
command_of(const struct command_table *commands, const struct request *r) {
    struct command_entry *cmd = command_find(commands, r->argv[0]);
    if (!cmd || !cmd->sub_count || r->argc < 2) return cmd;
    struct command_entry *sub = command_find_sub(cmd, r->argv[1]);
    return sub ? sub : cmd;
}

/* Is it the command of the request before? As in most batches it is. */
static inline bool same_command(const struct request *r, const struct request *before) {
    return r->same_name && before->cmd && before->cmd->one_word;
}

/* Keys of a batch that differ mostly do so at the end. */
static inline bool keys_equal(struct slice a, struct slice b) {
    return a.len == b.len && a.len && a.ptr[a.len - 1] == b.ptr[a.len - 1] && slice_eq(a, b);
}

/* Was it hashed already, at this very place? */
static inline bool is_expected(const struct expected_key *expected, const struct db *db,
                               struct slice key) {
    return key.len && key.len == expected->name.len && key.ptr == expected->name.ptr &&
           db == expected->db;
}

/* `repeats`: the key may well be that of the request before. Always inline, at both its places: a
 * call took 3 % of the instructions of a pipelined GET. */
__attribute__((always_inline)) static inline void
prepare(const struct session *s, struct request *r, const struct request *before, bool repeats,
        const struct expected_key *expected) {
    r->hashed_arg = 0;
    r->same_key = false;
    r->entry = NULL;
    r->elements = NULL;
    r->cmd = before && same_command(r, before) ? before->cmd : command_of(s->engine->commands, r);
    if (!r->cmd || !r->cmd->first_key || r->argc <= r->cmd->first_key) return;
    r->hashed_arg = r->cmd->first_key;
    struct slice key = r->argv[r->hashed_arg];
    r->same_key = repeats && before && before->hashed_arg &&
                  keys_equal(key, before->argv[before->hashed_arg]);
    if (expected && is_expected(expected, s->db, key)) {
        r->hash = expected->hash;
        r->entry = expected->entry;
        r->placing = expected->placing;
    } else {
        r->hash = r->same_key ? before->hash : hash_bytes(s->db->table.seed, key); /* inlined */
    }
}

/* The table that the request will look an element up in, if there's one. */
static const struct table *elements_of(const struct session *s, const struct request *r,
                                       const struct request *before) {
    if (!r->hashed_arg || r->argc <= r->cmd->element_arg) return NULL;
    struct key k = {r->argv[r->hashed_arg], r->hash};
    if (r->same_key && before->cmd->element_arg) return before->elements;
    const struct entry *e = db_look_up(s->db, k, NULL);
    return e && type_of(e)->table ? type_of(e)->table(e) : NULL;
}

/* A pipeline that works on one large collection waits for few cache misses, too (measured: half the
 * cost of an SADD to a set of 1M members). */
__attribute__((noinline)) static void touch_elements(const struct session *s,
                                                     struct request *requests, size_t count) {
    struct table_look looks[DISPATCH_BATCH];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        struct request *r = &requests[i];
        if (!r->cmd || !r->cmd->element_arg) continue;
        r->elements = elements_of(s, r, i ? r - 1 : NULL);
        if (!r->elements) continue;
        r->element_hash = table_hash(r->elements, r->argv[r->cmd->element_arg]);
        looks[n++] = table_look_at(r->elements, r->element_hash);
    }
    table_look_ahead(looks, n);
}

/* What was found goes to the requests. */
static void take_guesses(const struct db *db, struct request *requests, size_t count,
                         const struct table_look *look) {
    for (size_t i = 0; i < count; i++) {
        struct request *r = &requests[i];
        if (!r->hashed_arg) continue;
        r->entry = r->same_key ? r[-1].entry : look++->guess;
        r->placing = db->placing;
    }
}

/* What a long string's entry leads to is needed as well. */
static void touch_values(struct expected_key *const *keys, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct bytes *value = keys[i]->entry ? string_outside(keys[i]->entry) : NULL;
        if (value) table_touch(value);
    }
}

void dispatch_expect(struct expected_key *const *keys, size_t count) {
    DASSERT(count <= DISPATCH_BATCH);
    struct table_look looks[DISPATCH_BATCH];
    for (size_t i = 0; i < count; i++) {
        struct expected_key *k = keys[i];
        k->hash = hash_bytes(k->db->table.seed, k->name);
        looks[i] = table_look_at(&k->db->table, k->hash);
    }
    table_look_ahead(looks, count);
    for (size_t i = 0; i < count; i++) {
        keys[i]->entry = looks[i].guess;
        keys[i]->placing = keys[i]->db->placing;
    }
    touch_values(keys, count);
}

void dispatch_prepare_all(const struct session *s, struct request *requests, size_t count) {
    dispatch_prepare_expected(s, requests, count, NULL);
}

void dispatch_prepare_expected(const struct session *s, struct request *requests, size_t count,
                               const struct expected_key *expected) {
    DASSERT(count <= DISPATCH_BATCH);
    if (count == 1) {
        prepare(s, requests, NULL, false, expected);
        return; /* there's nothing that its misses could overlap with */
    }
    const struct table *keys = &s->db->table;
    const struct request *before = NULL;
    struct table_look looks[DISPATCH_BATCH];
    size_t looks_count = 0;
    bool elements = false, repeats = true; /* until two keys differ: most batches do one or other */
    for (size_t i = 0; i < count; before = &requests[i++]) {
        struct request *r = &requests[i];
        prepare(s, r, before, repeats, i == 0 ? expected : NULL);
        repeats = i == 0 || r->same_key;
        elements |= r->cmd && r->cmd->element_arg;
        if (r->hashed_arg && !r->same_key) looks[looks_count++] = table_look_at(keys, r->hash);
    }
    table_look_ahead(looks, looks_count);
    take_guesses(s->db, requests, count, looks);
    if (elements) touch_elements(s, requests, count);
}

/* The time since `began`, an earlier reading of the clock. What of it is since the last reading
 * hasn't been accounted for as time that the engine was busy. */
static uint64_t take_ns_since(struct engine *e, uint64_t began) {
    uint64_t now = ticks_now(&e->ticks);
    e->busy_ns += ticks_to_ns(&e->ticks, now - e->ticks_at);
    e->ticks_at = now;
    return ticks_to_ns(&e->ticks, now - began);
}

static uint64_t take_ns(struct engine *e) {
    return take_ns_since(e, e->ticks_at);
}

enum evict_result dispatch_make_room(struct engine *e, bool for_command) {
    dispatch_settle(e);
    enum evict_result result = engine_make_room(e, for_command);
    take_ns(e);
    return result;
}

static void count_calls(struct engine *e, struct command_entry *cmd, uint64_t ns,
                        const struct timed_group *group) {
    struct command_stats *stats = &cmd->stats;
    e->stats.commands += group->count;
    stats->calls += group->count;
    stats->nanoseconds += ns;
    stats->failed += group->failed;
    if (!e->latency_tracking) return;
    if (__builtin_expect(!stats->latency, 0)) stats->latency = mem_zalloc(sizeof *stats->latency);
    histogram_add_many(stats->latency, ns / group->count, group->count);
}

void dispatch_count(struct engine *e, struct command_entry *cmd, uint64_t ns, bool failed) {
    count_calls(e, cmd, ns, &(struct timed_group){.count = 1, .failed = failed});
}

void dispatch_settle(struct engine *e) {
    struct timed_group *group = &e->timed;
    if (!group->count) return;
    uint64_t ns = take_ns(e);
    count_calls(e, group->cmd, ns, group);
    /* Which of them it was isn't known. */
    if (__builtin_expect(ns >= e->slow_ns, 0)) e->observer.after(group->session, group->last, ns);
    group->count = group->failed = 0;
}

/* Reading the clock takes 10 to 25 ns, a tenth of what a pipelined GET costs: so a run of quick
 * commands of one kind is timed as a group, and each gets its part. */
static void count_quick(struct session *s, const struct request *r, bool failed) {
    struct engine *e = s->engine;
    struct timed_group *group = &e->timed;
    group->cmd = r->cmd;
    group->session = s;
    group->last = r;
    group->failed += failed;
    if (++group->count == TIMED_TOGETHER) dispatch_settle(e);
}

static void count_one(struct session *s, const struct request *r, uint64_t began, bool failed) {
    struct engine *e = s->engine;
    uint64_t ns = take_ns_since(e, began);
    if (__builtin_expect(s->blocked != NULL, 0)) {
        s->blocked->ns = ns;
        return;
    }
    dispatch_count(e, r->cmd, ns, failed);
    if ((e->gates & GATE_TIMED) || ns >= e->slow_ns) e->observer.after(s, r, ns);
}

/* Gates that lead to the two below. */
enum {
    GATES_BEFORE = GATE_MONITORED | GATE_PROPAGATED,
    GATES_BEHIND = GATE_MONITORED | GATE_PROPAGATED | GATE_TRACKED,
};

__attribute__((noinline)) static void look_before(struct session *s, const struct request *r,
                                                  unsigned gates, struct propagate_frame *outer) {
    struct engine *e = s->engine;
    if (gates & GATE_MONITORED) e->observer.before(s, r);
    if (gates & GATE_PROPAGATED) propagate_enter(e, outer);
}

__attribute__((noinline)) static void look_behind(const struct call *c, const struct request *r,
                                                  unsigned gates,
                                                  const struct propagate_frame *outer) {
    if (gates & GATE_PROPAGATED) propagate_leave(c, outer);
    if (gates & (GATE_MONITORED | GATE_TRACKED)) c->engine->observer.ran(c->session, r);
}

static inline struct call call_of(struct session *s, const struct request *r) {
    return (struct call){
        .engine = s->engine,
        .session = s,
        .db = s->db,
        .reply = s->reply,
        .cmd = r->cmd,
        .argv = r->argv,
        .argc = r->argc,
        .hashed_arg = r->hashed_arg,
        .hash = r->hash,
        .element_hashed = r->elements != NULL,
        .element_hash = r->element_hash,
    };
}

static inline void run(struct session *s, const struct request *r) {
    struct engine *e = s->engine;
    struct call c = call_of(s, r);
    db_look_ahead(s->db, r->hash, r->entry, r->placing);
    if (e->timed.cmd != r->cmd) dispatch_settle(e);
    unsigned gates = e->gates | s->gates;
    struct propagate_frame outer;
    if (__builtin_expect(gates & GATES_BEFORE, 0)) look_before(s, r, gates, &outer);
    uint64_t began = e->ticks_at;
    uint32_t errors = c.reply->errors;
    if (hotkeys_due(&e->hotkeys))
        hotkeys_run(&c);
    else
        r->cmd->row->run(&c);
    bool failed = c.reply->errors != errors;
    if (__builtin_expect(gates & GATES_BEHIND, 0)) look_behind(&c, r, gates, &outer);
    if ((r->cmd->flags & CMD_QUICK) && !(gates & GATE_TIMED))
        count_quick(s, r, failed);
    else
        count_one(s, r, began, failed);
}

void dispatch_run_nested(struct session *s, const struct request *r) {
    struct engine *e = s->engine;
    size_t before = reply_len(s->reply);
    (s->caller ? s->caller : s)->commands++;
    run(s, r);
    size_t after = reply_len(s->reply); /* some of it may have been sent while a script ran */
    size_t bytes = after > before ? after - before : 0;
    if (__builtin_expect(bytes >= e->large_reply, 0)) e->observer.large_reply(s, r, bytes);
}

void dispatch_replay(struct session *s, const struct request *r) {
    struct call c = call_of(s, r);
    db_look_ahead(s->db, r->hash, r->entry, r->placing);
    r->cmd->row->run(&c);
}

void dispatch_run(struct session *s, const struct request *r) {
    struct engine *e = s->engine;
    if (admission_ask(s, r) != ADMISSION_GRANTED) return;
    run(s, r);
    if (__builtin_expect(blocking_ready(e), 0) && !(e->gates & GATE_BUSY)) {
        dispatch_settle(e);
        blocking_serve(e);
    }
}
