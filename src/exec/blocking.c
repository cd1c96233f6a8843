/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/blocking.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "exec/call.h"
#include "exec/dispatch.h"

static uint64_t due_in(uint64_t timeout_ms) {
    uint64_t us, due;
    if (!timeout_ms || __builtin_mul_overflow(timeout_ms, 1000, &us) ||
        __builtin_add_overflow(us, (uint64_t)clock_mono_us(), &due))
        return BLOCKING_NEVER;
    return due;
}

void blocking_start(struct call *c, const struct block_kind *kind, void *state,
                    uint64_t timeout_ms) {
    struct session *s = c->session;
    struct blocking *all = &s->engine->blocking;
    ASSERT(!s->blocked && (s->can_wait || kind->timed_out));
    if (!s->can_wait) {
        kind->timed_out(s, state);
        if (kind->release) kind->release(state);
        return;
    }
    s->blocked = mem_alloc(sizeof *s->blocked);
    *s->blocked =
        (struct blocked){.kind = kind, .state = state, .cmd = c->cmd, .due_us = due_in(timeout_ms)};
    for (int i = 0; i < c->argc; i++) s->blocked->argument_bytes += c->argv[i].len;
    all->count++;
    all->timed += s->blocked->due_us != BLOCKING_NEVER;
    all->hooks.started(s);
}

/* Forgets that the session waits; what it waited for is released. */
static void detach(struct session *s) {
    struct blocked *b = s->blocked;
    struct blocking *all = &s->engine->blocking;
    s->blocked = NULL;
    all->count--;
    all->timed -= b->due_us != BLOCKING_NEVER;
    if (b->kind->release) b->kind->release(b->state);
    mem_free_sized(b, sizeof *b);
}

struct reply *blocking_reply(struct session *s) {
    struct blocked *b = s->blocked;
    b->reply_at = ticks_now(&s->engine->ticks);
    s->engine->blocking.hooks.replying(s);
    b->errors = s->reply->errors;
    b->reply_len = reply_len(s->reply);
    return s->reply;
}

static void show_observer(struct session *s, uint64_t ns) {
    const struct blocked *b = s->blocked;
    const struct engine *e = s->engine;
    bool timed = (e->gates & GATE_TIMED) || ns >= e->slow_ns;
    size_t bytes = reply_len(s->reply) - b->reply_len;
    if (__builtin_expect(!timed && bytes < e->large_reply, 1)) return;
    const struct slice name = slice_str(b->cmd->name);
    const struct request r = {
        .argv = b->argv ? b->argv : &name,
        .argc = b->argv ? b->argc : 1,
        .cmd = b->cmd,
    };
    if (timed) e->observer.after(s, &r, ns);
    if (bytes >= e->large_reply) e->observer.large_reply(s, &r, bytes);
}

void blocking_end(struct session *s) {
    const struct blocked *b = s->blocked;
    struct engine *e = s->engine;
    uint64_t ns = b->ns + ticks_to_ns(&e->ticks, ticks_now(&e->ticks) - b->reply_at);
    dispatch_count(e, b->cmd, ns, s->reply->errors != b->errors);
    show_observer(s, ns);
    detach(s);
    e->blocking.hooks.ended(s);
}

void blocking_refuse(struct session *s) {
    s->blocked->cmd->stats.rejected++;
    detach(s);
    s->engine->blocking.hooks.ended(s);
}

void blocking_stay(struct session *s) {
    struct engine *e = s->engine;
    s->blocked->ns += ticks_to_ns(&e->ticks, ticks_now(&e->ticks) - s->blocked->reply_at);
    e->blocking.hooks.stayed(s);
}

void blocking_time_out(struct session *s) {
    blocking_reply(s);
    s->blocked->kind->timed_out(s, s->blocked->state);
    blocking_end(s);
}

bool blocking_unblock(struct session *s, bool with_error) {
    if (!s->blocked || !s->blocked->kind->timed_out) return false;
    if (with_error) {
        reply_error(blocking_reply(s), "UNBLOCKED client unblocked via CLIENT UNBLOCK");
        blocking_end(s);
    } else {
        blocking_time_out(s);
    }
    return true;
}

size_t blocking_memory(const struct session *s) {
    const struct blocked *b = s->blocked;
    if (!b) return 0;
    return mem_class_size(sizeof *b) + (b->kind->memory ? b->kind->memory(b->state) : 0);
}

size_t blocking_output(const struct session *s) {
    const struct blocked *b = s->blocked;
    return b && b->kind->output ? b->kind->output(b->state) : 0;
}

void blocking_cancel(struct session *s) {
    if (s->blocked) detach(s);
}
