/* SPDX-License-Identifier: BSD-3-Clause */
/* A few members of many are drawn one by one, those drawn before left out. More are found by a walk
 * over all (selection sampling: Knuth, The Art of Computer Programming 3.4.2, algorithm S), which
 * takes each member with the chance (still wanted) / (still to come): as fair, without a memory of
 * what was drawn, and a walk in order costs a fraction of a draw per member. */
#include "type/set_random.h"

#include "base/alloc.h"
#include "ds/intset.h"
#include "ds/listpack.h"

enum {
    WALK_SHARE = 8,     /* a walk over so many members costs about as much as a draw */
    INTSET_DRAWS = 512, /* finding out what was drawn before costs more than a walk beyond this */
    POP_LEAVES = 5,     /* a new set is made of what is left if so many times that goes */
};

/* A choice by walking. */
struct selection {
    size_t wanted, left;
    struct random *rng;
};

static bool select_next(struct selection *s) {
    bool chosen = random_below(s->rng, s->left) < s->wanted;
    s->left--;
    s->wanted -= chosen;
    return chosen;
}

static void pick_walking(const struct entry *e, size_t count, const struct set_choice *choice) {
    struct selection s = {count, set_count(e), choice->rng};
    struct set_iter it;
    struct set_member m;
    set_iter_init(&it, e);
    while (s.wanted && set_iter_next(&it, &m))
        if (select_next(&s)) choice->visit(choice->ctx, &m);
}

static void pick_from_table(const struct table *t, size_t count, const struct set_choice *choice) {
    struct table drawn;
    table_init(&drawn, t->ops, t->seed);
    while (table_count(&drawn) < count) {
        void *cell = table_random(t, choice->rng);
        struct set_member m = set_member(set_table_member(cell));
        uint64_t hash = table_hash(t, m.text);
        if (table_find(&drawn, hash, m.text, NULL)) continue;
        table_insert(&drawn, hash, cell);
        choice->visit(choice->ctx, &m);
    }
    table_release(&drawn, NULL);
}

static struct set_member integer_at(const uint8_t *set, size_t index) {
    return (struct set_member){.number = intset_at(set, index), .is_number = true};
}

static void pick_from_intset(const uint8_t *set, size_t count, const struct set_choice *choice) {
    uint8_t *drawn = intset_new();
    while (intset_count(drawn) < count) {
        size_t index = random_below(choice->rng, intset_count(set));
        if (!intset_add(&drawn, (int64_t)index)) continue;
        struct set_member m = integer_at(set, index);
        choice->visit(choice->ctx, &m);
    }
    intset_free(drawn);
}

void set_pick(const struct entry *e, size_t count, const struct set_choice *choice) {
    size_t members = set_count(e);
    if (count > members) count = members;
    bool few = count < members / WALK_SHARE;
    if (few && e->encoding == SET_TABLE)
        pick_from_table(set_table(e), count, choice);
    else if (few && e->encoding == SET_INTSET && count <= INTSET_DRAWS)
        pick_from_intset(entry_ptr(e), count, choice);
    else
        pick_walking(e, count, choice);
}

/* Positions are looked up once. */
static void draw_from_listpack(const uint8_t *lp, uint64_t count, const struct set_choice *choice) {
    size_t members = listpack_count(lp), n = 0;
    if (count == 1) {
        int64_t index = (int64_t)random_below(choice->rng, members);
        struct set_member m = set_listpack_member(listpack_at(lp, index));
        choice->visit(choice->ctx, &m);
        return;
    }
    const uint8_t **positions = mem_alloc(members * sizeof *positions);
    for (const uint8_t *at = listpack_first(lp); at; at = listpack_next(lp, at))
        positions[n++] = at;
    while (count--) {
        struct set_member m = set_listpack_member(positions[random_below(choice->rng, members)]);
        choice->visit(choice->ctx, &m);
    }
    mem_free(positions);
}

void set_draw(const struct entry *e, uint64_t count, const struct set_choice *choice) {
    const void *value = entry_ptr(e);
    if (e->encoding == SET_LISTPACK) {
        draw_from_listpack(value, count, choice);
        return;
    }
    while (count--) {
        struct set_member m;
        if (e->encoding == SET_TABLE)
            m = set_member(set_table_member(table_random(value, choice->rng)));
        else
            m = integer_at(value, random_below(choice->rng, intset_count(value)));
        choice->visit(choice->ctx, &m);
    }
}

/* Popping. */

static void keep_one(void *ctx, const struct set_member *m) {
    *(struct set_member *)ctx = *m;
}

static void pop_one_by_one(struct entry *e, size_t count, const struct set_choice *choice) {
    struct set_member m;
    struct set_choice draw = {choice->rng, keep_one, &m};
    while (count--) {
        set_draw(e, 1, &draw);
        choice->visit(choice->ctx, &m);
        set_remove(e, &m);
    }
}

/* Those of a table, removed in order of their hash: that of the table's memory. */
struct popped {
    struct slice *members;
    size_t count;
};

static void keep_text(void *ctx, const struct set_member *m) {
    struct popped *popped = ctx;
    popped->members[popped->count++] = m->text;
}

static void pop_together(struct entry *e, size_t count, const struct set_choice *choice) {
    struct popped popped = {mem_alloc(count * sizeof *popped.members), 0};
    pick_walking(e, count, &(struct set_choice){choice->rng, keep_text, &popped});
    for (size_t i = 0; i < count; i++) {
        struct set_member m = set_member(popped.members[i]);
        choice->visit(choice->ctx, &m);
    }
    set_remove_all(e, popped.members, count);
    mem_free(popped.members);
}

/* Makes a new set of what is left. */
static void pop_and_rebuild(struct entry *e, size_t count, const struct set_choice *choice,
                            const struct type_settings *settings) {
    struct selection s = {count, set_count(e), choice->rng};
    struct entry *rest = type_new(SLICE(""), TYPE_SET, settings);
    struct set_iter it;
    struct set_member m;
    set_start(rest, e->encoding == SET_INTSET ? SET_INTSET : SET_LISTPACK, settings);
    set_iter_init(&it, e);
    while (set_iter_next(&it, &m)) {
        if (select_next(&s))
            choice->visit(choice->ctx, &m);
        else
            set_add(rest, &m, settings);
    }
    set_swap(e, rest);
    entry_free(rest);
}

void set_pop(struct entry *e, size_t count, const struct set_choice *choice,
             const struct type_settings *settings) {
    size_t members = set_count(e), left = members - count;
    bool packed = e->encoding != SET_TABLE;
    if (left <= count / POP_LEAVES)
        pop_and_rebuild(e, count, choice, settings);
    else if (count < members / WALK_SHARE || count == 1)
        pop_one_by_one(e, count, choice);
    else if (packed)
        pop_and_rebuild(e, count, choice, settings);
    else
        pop_together(e, count, choice);
}
