/* SPDX-License-Identifier: BSD-3-Clause */
/* All commands of a unit lie one behind the other in one buffer, which stays from unit to unit: so
 * a command costs one pass over its words. */
#include "exec/propagate.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "exec/call.h"
#include "resp/reply.h"

enum {
    TEXT_KEPT = 1 << 20, /* memory of a large unit isn't kept */
    COMMANDS_KEPT = 4096,
    COMMANDS_MIN = 16,
    COPY_SHORT = 64,
    AROUND = NUM_I64_MAX + 5, /* a sign, a length and two line ends */
};

/* Text. */

static inline char *put_length(char *to, char sign, size_t length) {
    *to++ = sign;
    if (length < 10)
        *to++ = (char)('0' + length);
    else
        to += num_from_u64(to, length);
    memcpy(to, "\r\n", 2);
    return to + 2;
}

static inline char *put_word(char *to, struct slice word) {
    to = put_length(to, '$', word.len);
    if (word.len <= COPY_SHORT)
        reply_copy_short(to, word.ptr, word.len);
    else
        memcpy(to, word.ptr, word.len);
    to += word.len;
    memcpy(to, "\r\n", 2);
    return to + 2;
}

/* The unit. */

static inline void add_command(struct propagate *p, const struct db *db, unsigned takers) {
    if (__builtin_expect(p->count == p->cap, 0)) {
        p->cap = p->cap ? 2 * p->cap : COMMANDS_MIN;
        p->commands = mem_realloc(p->commands, p->cap * sizeof *p->commands);
    }
    p->commands[p->count++] = (struct propagated){.db = db->id, .takers = (uint8_t)takers};
}

static void append(struct propagate *p, const struct db *db, unsigned takers, int argc,
                   const struct slice *argv) {
    size_t room = AROUND;
    for (int i = 0; i < argc; i++) room += argv[i].len + AROUND;
    add_command(p, db, takers);
    char *to = buf_reserve(&p->text, room);
    to = put_length(to, '*', (size_t)argc);
    for (int i = 0; i < argc; i++) to = put_word(to, argv[i]);
    p->text.len = (size_t)(to - p->text.data);
    p->commands[p->count - 1].end = p->text.len;
}

static void forget(struct propagate *p) {
    p->count = 0;
    p->text.len = 0;
    if (__builtin_expect(p->text.cap > TEXT_KEPT, 0)) buf_release(&p->text);
    if (__builtin_expect(p->cap > COMMANDS_KEPT, 0)) {
        mem_free(p->commands);
        p->commands = NULL;
        p->cap = 0;
    }
}

static size_t count_for(const struct propagate *p, unsigned taker) {
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++) count += p->commands[i].takers >> taker & 1;
    return count;
}

static void feed_taker(struct engine *e, unsigned taker, bool wrap) {
    const struct propagate *p = &e->propagate;
    size_t from = 0, count = count_for(p, taker);
    wrap &= count > 1;
    if (wrap) e->feed[taker](e, PROPAGATE_ANY_DB, SLICE("*1\r\n$5\r\nMULTI\r\n"));
    for (size_t i = 0; count && i < p->count; from = p->commands[i++].end) {
        const struct propagated *command = &p->commands[i];
        struct slice text = slice_of(p->text.data + from, command->end - from);
        if (command->takers >> taker & 1) e->feed[taker](e, command->db, text);
    }
    if (wrap) e->feed[taker](e, PROPAGATE_ANY_DB, SLICE("*1\r\n$4\r\nEXEC\r\n"));
}

static void end_unit(struct engine *e, bool wrap) {
    struct propagate *p = &e->propagate;
    if (p->count == 0) return;
    for (unsigned taker = 0; taker < PROPAGATE_TAKERS; taker++)
        if (p->takers >> taker & 1) feed_taker(e, taker, wrap);
    forget(p);
}

static inline bool is_on(const struct engine *e) {
    return e->gates & GATE_PROPAGATED;
}

/* Those who are to be fed what the call does. */
static inline unsigned takers_of(const struct call *c) {
    return c->engine->propagate.takers & ~(unsigned)c->session->unpropagated;
}

bool propagate_is_behind(const struct engine *e) {
    return e->propagate.count > 0;
}

/* Commands. */

void propagate_enter(struct engine *e, struct propagate_frame *outer) {
    struct propagate *p = &e->propagate;
    *outer = p->frame;
    p->frame = (struct propagate_frame){.dirty = e->keyspace.dirty};
    p->depth++;
}

void propagate_leave(const struct call *c, const struct propagate_frame *outer) {
    struct engine *e = c->engine;
    struct propagate *p = &e->propagate;
    bool as_it_was = !p->frame.said && p->frame.dirty != e->keyspace.dirty;
    if (as_it_was && call_propagates(c)) append(p, c->db, takers_of(c), c->argc, c->argv);
    p->frame = *outer;
    if (--p->depth || !p->count) return;
    end_unit(e, !(c->cmd->flags & CMD_LOOSE));
    c->session->fed = e->fed;
    c->session->replicated = e->replicated;
}

bool propagate_due(const struct call *c) {
    const struct engine *e = c->engine;
    return call_propagates(c) && e->propagate.frame.dirty != e->keyspace.dirty;
}

void propagate_instead(const struct call *c, int argc, const struct slice *argv) {
    c->engine->propagate.frame.said = true;
    if (call_propagates(c)) append(&c->engine->propagate, c->db, takers_of(c), argc, argv);
}

void propagate_nothing(const struct call *c) {
    c->engine->propagate.frame.said = true;
}

void propagate_as_it_was(const struct call *c) {
    propagate_instead(c, c->argc, c->argv);
}

void propagate_to_replicas(const struct call *c) {
    struct propagate *p = &c->engine->propagate;
    unsigned takers = takers_of(c) & (1 << PROPAGATE_REPLICAS);
    p->frame.said = true;
    if (takers) append(p, c->db, takers, c->argc, c->argv);
}

static struct slice deletion(bool lazy) {
    return lazy ? SLICE("UNLINK") : SLICE("DEL");
}

void propagate_deletion(const struct call *c, struct slice key, bool lazy) {
    const struct slice argv[] = {deletion(lazy), key};
    propagate_instead(c, 2, argv);
}

void propagate_open(const struct call *c, size_t argc) {
    struct propagate *p = &c->engine->propagate;
    p->frame.said = true;
    if (!call_propagates(c)) return;
    add_command(p, c->db, takers_of(c));
    p->text.len = (size_t)(put_length(buf_reserve(&p->text, AROUND), '*', argc) - p->text.data);
    p->commands[p->count - 1].end = p->text.len;
}

/* Not inlined into those for numbers: gcc sees them copy more than their text has, for lengths that
 * don't occur. */
__attribute__((noinline)) void propagate_word(const struct call *c, struct slice word) {
    struct propagate *p = &c->engine->propagate;
    if (!call_propagates(c)) return;
    DASSERT(p->count > 0);
    char *end = put_word(buf_reserve(&p->text, word.len + AROUND), word);
    p->text.len = (size_t)(end - p->text.data);
    p->commands[p->count - 1].end = p->text.len;
}

void propagate_words(const struct call *c, int first, int end) {
    for (int i = first; i < end; i++) propagate_word(c, c->argv[i]);
}

void propagate_i64(const struct call *c, int64_t number) {
    char text[NUM_I64_MAX];
    propagate_word(c, slice_of(text, num_from_i64(text, number)));
}

void propagate_u64(const struct call *c, uint64_t number) {
    char text[NUM_I64_MAX];
    propagate_word(c, slice_of(text, num_from_u64(text, number)));
}

/* Effects. */

void propagate_effect(struct engine *e, const struct db *db, int argc, const struct slice *argv) {
    if (!is_on(e)) return;
    append(&e->propagate, db, e->propagate.takers, argc, argv);
    if (e->propagate.depth == 0) end_unit(e, false);
}

void propagate_removal(struct engine *e, const struct db *db, struct slice key, bool lazy) {
    const struct slice argv[] = {deletion(lazy), key};
    propagate_effect(e, db, 2, argv);
}

static void on_removed(void *ctx, struct db *db, struct slice key, bool lazy) {
    propagate_removal(ctx, db, key, lazy);
}

static void on_part_removed(void *ctx, struct db *db, struct slice key, struct slice part) {
    const struct slice argv[] = {SLICE("HDEL"), key, part};
    propagate_effect(ctx, db, 3, argv);
}

/* Switching. */

static void set_takers(struct engine *e, unsigned takers) {
    e->propagate.takers = takers;
    e->gates = takers ? e->gates | GATE_PROPAGATED : e->gates & ~(unsigned)GATE_PROPAGATED;
    e->keyspace.hooks.removed = takers ? on_removed : NULL;
    e->keyspace.hooks.part_removed = takers ? on_part_removed : NULL;
    if (!takers) forget(&e->propagate);
}

void propagate_switch(struct engine *e, enum propagate_taker taker, bool on) {
    unsigned bit = 1u << taker;
    ASSERT(!on || e->feed[taker]);
    set_takers(e, on ? e->propagate.takers | bit : e->propagate.takers & ~bit);
}

unsigned propagate_pause(struct engine *e) {
    unsigned takers = e->propagate.takers;
    set_takers(e, 0);
    return takers;
}

void propagate_resume(struct engine *e, unsigned paused) {
    set_takers(e, paused);
}

void propagate_release(struct engine *e) {
    buf_release(&e->propagate.text);
    mem_free(e->propagate.commands);
}
