/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/dispatch.h"

#include "base/alloc.h"
#include "base/ticks.h"
#include "exec/blocking_keys.h"
#include "type/type.h"

enum {
    UNKNOWN_TEXT_MAX = 128, /* Redis shows this much of an unknown command and of its arguments */
    TIMED_TOGETHER = 16,    /* quick commands in a group, at most */
};

/* The command that argv[0] and, for a container, argv[1] name. */
static struct command_entry *command_of(const struct command_table *commands,
                                        const struct request *r) {
    struct command_entry *cmd = command_find(commands, r->argv[0]);
    if (!cmd || !cmd->sub_count || r->argc < 2) return cmd;
    struct command_entry *sub = command_find_sub(cmd, r->argv[1]);
    return sub ? sub : cmd;
}

/* Is it the command of `before`, called by the same bytes? As in most batches it is. */
static inline bool same_command(const struct request *r, const struct request *before) {
    const struct command_entry *cmd = before->cmd;
    return cmd && !cmd->parent && !cmd->sub_count && slice_eq(r->argv[0], before->argv[0]);
}

static inline void prepare(const struct session *s, struct request *r,
                           const struct request *before) {
    r->hashed_arg = 0;
    r->elements = NULL;
    r->cmd = before && same_command(r, before) ? before->cmd : command_of(s->engine->commands, r);
    if (!r->cmd || !r->cmd->first_key || r->argc <= r->cmd->first_key) return;
    r->hashed_arg = r->cmd->first_key;
    r->hash = table_hash(&s->db->table, r->argv[r->hashed_arg]);
}

/* The table that the request will look an element up in, if there's one. */
static const struct table *elements_of(const struct session *s, const struct request *r,
                                       const struct request *before) {
    if (!r->hashed_arg || r->argc <= r->cmd->element_arg) return NULL;
    struct key k = {r->argv[r->hashed_arg], r->hash};
    if (before && before->elements && before->hash == r->hash &&
        slice_eq(before->argv[before->hashed_arg], k.name))
        return before->elements;
    const struct entry *e = db_look_up(s->db, k, NULL);
    return e && type_of(e)->table ? type_of(e)->table(e) : NULL;
}

/* A pipeline that works on one large collection waits for few cache misses, too (measured: half the
 * cost of an SADD to a set of 1M members). */
static void touch_elements(const struct session *s, struct request *requests, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct request *r = &requests[i];
        if (!r->cmd || !r->cmd->element_arg) continue;
        r->elements = elements_of(s, r, i ? r - 1 : NULL);
        if (r->elements) r->element_hash = table_hash(r->elements, r->argv[r->cmd->element_arg]);
    }
    for (size_t i = 0; i < count; i++)
        if (requests[i].elements)
            table_touch_bucket(requests[i].elements, requests[i].element_hash);
    for (size_t i = 0; i < count; i++)
        if (requests[i].elements) table_touch_entry(requests[i].elements, requests[i].element_hash);
}

void dispatch_prepare_all(const struct session *s, struct request *requests, size_t count) {
    const struct request *before = NULL;
    bool elements = false;
    for (size_t i = 0; i < count; before = &requests[i++]) {
        prepare(s, &requests[i], before);
        elements |= requests[i].cmd && requests[i].cmd->element_arg;
    }
    if (count == 1) return;
    const struct table *t = &s->db->table;
    for (size_t i = 0; i < count; i++)
        if (requests[i].hashed_arg) table_touch_bucket(t, requests[i].hash);
    for (size_t i = 0; i < count; i++)
        if (requests[i].hashed_arg) table_touch_entry(t, requests[i].hash);
    if (elements) touch_elements(s, requests, count);
}

static void append_quoted(struct buf *text, struct slice arg, size_t max) {
    size_t len = arg.len < max ? arg.len : max;
    buf_appendf(text, "'%.*s' ", (int)len, arg.ptr);
}

static void reply_unknown(struct session *s, const struct request *r) {
    struct buf args = BUF_INIT;
    for (int i = 1; i < r->argc && args.len < UNKNOWN_TEXT_MAX; i++)
        append_quoted(&args, r->argv[i], UNKNOWN_TEXT_MAX - args.len);
    struct slice name = r->argv[0];
    int len = name.len < UNKNOWN_TEXT_MAX ? (int)name.len : UNKNOWN_TEXT_MAX;
    reply_errorf(s->reply, "ERR unknown command '%.*s', with args beginning with: %s", len,
                 name.ptr, args.data ? args.data : "");
    buf_release(&args);
}

static void reply_unknown_sub(struct session *s, const struct request *r) {
    struct slice name = r->argv[1];
    struct buf upper = BUF_INIT;
    for (const char *at = r->cmd->name; *at; at++)
        buf_append_char(&upper, *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at);
    reply_errorf(s->reply, "ERR unknown subcommand '%.*s'. Try %s HELP.",
                 name.len < UNKNOWN_TEXT_MAX ? (int)name.len : UNKNOWN_TEXT_MAX, name.ptr,
                 upper.data);
    buf_release(&upper);
}

static bool is_unknown_sub(const struct request *r) {
    return r->cmd->row->subcommands && r->argc > 1;
}

static bool arity_fits(const struct command *row, int argc) {
    return row->arity >= 0 ? argc == row->arity : argc >= -row->arity;
}

static const char *guard_error(struct session *s, const struct command_entry *cmd) {
    return cmd->open || !s->engine->guard ? NULL : s->engine->guard(s, cmd);
}

static bool unguarded_or_reply(struct session *s, const struct request *r) {
    const char *error = guard_error(s, r->cmd);
    if (error) reply_error(s->reply, error);
    return !error;
}

/* As in Redis what is protected is so even before who isn't authenticated is told so. */
static bool known_or_reply(struct session *s, const struct request *r) {
    if (!r->cmd) {
        reply_unknown(s, r);
        return false;
    }
    const struct command *row = r->cmd->row;
    if (is_unknown_sub(r)) {
        reply_unknown_sub(s, r);
        return false;
    }
    if (arity_fits(row, r->argc)) {
        if (__builtin_expect(r->cmd->open, 1)) return true;
        if (row->run) return unguarded_or_reply(s, r);
    }
    reply_errorf(s->reply, "ERR wrong number of arguments for '%s' command", r->cmd->full_name);
    return false;
}

/* The error of the gate that is closed to the request; NULL if none is. */
static const char *gate_error(const struct session *s, const struct request *r) {
    unsigned gates = s->engine->gates | s->gates;
    if ((gates & GATE_AUTH) && !(r->cmd->flags & CMD_NO_AUTH)) return ERR_NOAUTH;
    if ((gates & GATE_LOADING) && !(r->cmd->flags & CMD_LOADING))
        return "LOADING Redis is loading the dataset in memory";
    return NULL;
}

/* The time since the last reading of the clock. */
static uint64_t take_ns(struct engine *e) {
    uint64_t now = ticks_now(&e->ticks), ns = ticks_to_ns(&e->ticks, now - e->ticks_at);
    e->ticks_at = now;
    e->busy_ns += ns;
    return ns;
}

/* May the request run as far as memory goes? As in Redis it may while eviction is under way. The
 * time that took is part of the client's share of the turn, but not the command's. */
static bool memory_suffices(struct engine *e, const struct request *r) {
    if (!(e->gates & GATE_MEMORY) || !(r->cmd->flags & CMD_DENYOOM)) return true;
    dispatch_settle(e);
    enum evict_result result = engine_make_room(e);
    take_ns(e);
    return result != EVICT_NOTHING;
}

static bool gates_open_or_reply(struct session *s, const struct request *r) {
    const char *error = gate_error(s, r);
    if (!error && !memory_suffices(s->engine, r)) error = ERR_OOM;
    if (error) reply_error(s->reply, error);
    return !error;
}

bool dispatch_accepts(struct session *s, const struct request *r) {
    if (!r->cmd || !r->cmd->row->run || is_unknown_sub(r)) return false;
    return arity_fits(r->cmd->row, r->argc) && !guard_error(s, r->cmd) && !gate_error(s, r);
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
    if (group->count) count_calls(e, group->cmd, take_ns(e), group);
    group->count = group->failed = 0;
}

/* Reading the clock takes 10 to 25 ns, a tenth of what a pipelined GET costs: so a run of quick
 * commands of one kind is timed as a group, and each gets its part. */
static void count_quick(struct engine *e, struct command_entry *cmd, bool failed) {
    struct timed_group *group = &e->timed;
    group->cmd = cmd;
    group->failed += failed;
    if (++group->count == TIMED_TOGETHER) dispatch_settle(e);
}

static bool ready_or_reply(struct session *s, const struct request *r) {
    struct engine *e = s->engine;
    if (e->timed.cmd != r->cmd) dispatch_settle(e);
    bool ready = known_or_reply(s, r);
    if (ready && __builtin_expect((e->gates | s->gates) != 0, 0)) ready = gates_open_or_reply(s, r);
    if (!ready && r->cmd && !is_unknown_sub(r)) r->cmd->stats.rejected++;
    return ready;
}

void dispatch_run(struct session *s, const struct request *r) {
    struct engine *e = s->engine;
    if (!ready_or_reply(s, r)) return;
    struct call c = {
        .engine = e,
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
    uint32_t errors = c.reply->errors;
    r->cmd->row->run(&c);
    bool failed = c.reply->errors != errors;
    if (r->cmd->flags & CMD_QUICK)
        count_quick(e, r->cmd, failed);
    else if (__builtin_expect(s->blocked != NULL, 0))
        s->blocked->ns = take_ns(e);
    else
        dispatch_count(e, r->cmd, take_ns(e), failed);
    if (__builtin_expect(blocking_ready(e), 0)) {
        dispatch_settle(e);
        blocking_serve(e);
    }
}
