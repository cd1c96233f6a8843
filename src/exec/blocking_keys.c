/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/blocking_keys.h"

#include "base/alloc.h"
#include "exec/admission.h"

/* A place in a key's queue. */
struct place {
    struct key_place at;
    struct key_waiter *waiter;
};

/* A session's state while it waits. */
struct key_waiter {
    struct session *session;
    enum type_id type;
    bool also_gone;
    bool stays; /* the handler has said that it waits on */
    int argc;
    struct slice *argv; /* one allocation, bytes and all */
    size_t count;
    struct place places[];
};

/* Keys. A ready one is on the list, and kept, until it's been looked at. */

static void mark_ready(struct blocking *b, struct indexed_key *k) {
    if (k->kept) return;
    k->kept = true;
    *b->ready_end = k;
    b->ready_end = &k->next_ready;
}

static struct indexed_key *take_ready(struct blocking *b) {
    struct indexed_key *k = b->ready;
    b->ready = k->next_ready;
    if (!b->ready) b->ready_end = &b->ready;
    k->next_ready = NULL;
    k->kept = false;
    return k;
}

void blocking_key_event(struct engine *e, struct db *db, struct slice key) {
    struct indexed_key *k = key_index_find(&e->blocking.keys, db->id, key);
    if (k) mark_ready(&e->blocking, k);
}

void blocking_flushed(struct engine *e, struct db *db) {
    struct table_iter it;
    if (!e->blocking.keys.open) return;
    table_iter_init(&it, &e->blocking.keys.table);
    for (struct indexed_key *k; (k = table_iter_next(&it));)
        if (k->db == db->id) mark_ready(&e->blocking, k);
}

/* One that has expired stays as it is until somebody looks it up, as in Redis. */
void blocking_swapped(struct engine *e, struct db *a, struct db *b) {
    struct table_iter it;
    if (!e->blocking.keys.open) return;
    table_iter_init(&it, &e->blocking.keys.table);
    for (struct indexed_key *k; (k = table_iter_next(&it));) {
        struct db *comes = k->db == a->id ? b : k->db == b->id ? a : NULL;
        if (!comes) continue;
        const struct entry *entry = db_look_up(comes, db_key(comes, indexed_key_name(k)), NULL);
        if (!entry || !db_expired(comes, entry)) mark_ready(&e->blocking, k);
    }
}

static struct key_waiter *waiter_at(struct key_place *at) {
    return ((struct place *)((char *)at - offsetof(struct place, at)))->waiter;
}

size_t blocking_keys_count(const struct engine *e, bool also_gone) {
    size_t count = 0;
    struct table_iter it;
    const struct key_index *keys = &e->blocking.keys;
    if (!keys->open || !also_gone) return key_index_count(keys);
    table_iter_init(&it, &keys->table);
    for (struct indexed_key *k; (k = table_iter_next(&it));)
        for (struct key_place *p = k->head; p; p = p->next)
            if (waiter_at(p)->also_gone) {
                count++;
                break;
            }
    return count;
}

/* Waiting. */

/* The index and the events are there only while somebody waits. */
static void open_keys(struct engine *e) {
    struct blocking *b = &e->blocking;
    if (b->keys.open) return;
    b->ready_end = &b->ready;
    key_index_open(&b->keys, &e->keyspace.seed);
    engine_listen(e, LISTEN_BLOCKING, true);
}

static void close_keys_if_unused(struct engine *e) {
    if (key_index_close_if_empty(&e->blocking.keys)) engine_listen(e, LISTEN_BLOCKING, false);
}

/* A key that the waiter has named already: its place is the last there. */
static bool has_place(const struct key_waiter *w, const struct indexed_key *k) {
    return k && k->tail && waiter_at(k->tail) == w;
}

static void waiter_release(void *state) {
    struct key_waiter *w = state;
    struct engine *e = w->session->engine;
    for (size_t i = 0; i < w->count; i++) key_index_remove(&e->blocking.keys, &w->places[i].at);
    mem_free(w->argv);
    mem_free(w);
    close_keys_if_unused(e);
}

/* Without the index of keys, which clients share. */
static size_t waiter_memory(const void *state) {
    const struct key_waiter *w = state;
    return mem_usable_size(w) + mem_usable_size(w->argv);
}

static void reply_null_array_then(struct session *s, void *state) {
    reply_null_array(s->reply);
}

static void reply_null_then(struct session *s, void *state) {
    reply_null(s->reply);
}

static const struct block_kind null_array_kind = {
    .timed_out = reply_null_array_then, .release = waiter_release, .memory = waiter_memory};
static const struct block_kind null_kind = {
    .timed_out = reply_null_then, .release = waiter_release, .memory = waiter_memory};

static struct slice *args_copy(const struct slice *argv, int argc) {
    size_t bytes = 0, count = (size_t)argc;
    for (size_t i = 0; i < count; i++) bytes += argv[i].len;
    struct slice *copy = mem_alloc(count * sizeof *copy + bytes);
    char *to = (char *)(copy + count);
    for (size_t i = 0; i < count; to += argv[i++].len) {
        slice_put(to, argv[i]);
        copy[i] = slice_of(to, argv[i].len);
    }
    return copy;
}

static struct key_waiter *waiter_new(struct call *c, const struct key_wait *wait) {
    struct engine *e = c->engine;
    struct key_waiter *w = mem_alloc(sizeof *w + (size_t)wait->count * sizeof *w->places);
    *w = (struct key_waiter){
        .session = c->session,
        .type = wait->type,
        .also_gone = wait->also_gone,
        .argc = c->argc,
        .argv = args_copy(wait->argv ? wait->argv : c->argv, c->argc),
    };
    open_keys(e);
    for (int i = 0; i < wait->count; i++) {
        struct slice name = w->argv[wait->first + i];
        if (has_place(w, key_index_find(&e->blocking.keys, c->db->id, name))) continue;
        struct place *p = &w->places[w->count++];
        p->waiter = w;
        key_index_add(&e->blocking.keys, c->db->id, name, &p->at);
    }
    return w;
}

void blocking_on_keys(struct call *c, const struct key_wait *wait) {
    const struct block_kind *kind = wait->null_array ? &null_array_kind : &null_kind;
    struct session *s = c->session;
    if (s->blocked) {
        ((struct key_waiter *)s->blocked->state)->stays = true;
    } else if (!s->can_wait) {
        kind->timed_out(s, NULL);
    } else {
        struct key_waiter *w = waiter_new(c, wait);
        blocking_start(c, kind, w, wait->timeout_ms);
        s->blocked->argv = w->argv;
        s->blocked->argc = w->argc;
    }
}

/* Serving. */

/* Runs the waiter's handler again, unless what let it run then doesn't now; the waiter may be gone
 * afterwards. */
static void try_again(struct key_waiter *w) {
    struct session *s = w->session;
    struct call c = {
        .engine = s->engine,
        .session = s,
        .db = s->db,
        .reply = blocking_reply(s),
        .cmd = s->blocked->cmd,
        .argv = w->argv,
        .argc = w->argc,
    };
    w->stays = false;
    struct request r = {.argv = w->argv, .argc = w->argc, .cmd = c.cmd};
    bool propagated = s->engine->gates & GATE_PROPAGATED;
    struct propagate_frame outer;
    if (propagated) propagate_enter(s->engine, &outer);
    bool admitted = admission_still_or_reply(s, &r);
    if (admitted) c.cmd->row->run(&c);
    if (propagated) propagate_leave(&c, &outer);
    if (!admitted)
        blocking_refuse(s);
    else if (w->stays)
        blocking_stay(s);
    else
        blocking_end(s);
}

static bool wants(const struct key_waiter *w, const struct entry *e) {
    return e && e->type == w->type ? true : w->also_gone;
}

static bool is_held(const struct key_waiter *w) {
    struct session *s = w->session;
    struct request r = {.argv = w->argv, .argc = w->argc, .cmd = s->blocked->cmd};
    return s->engine->blocking.holds && s->engine->blocking.holds(s, &r);
}

/* Nobody is there any more for what it waits for: whoever was told of what is served here may have
 * been closed, as he had too much to read. */
static bool is_gone(const struct key_waiter *w) {
    struct session *s = w->session;
    return s->engine->push.unwanted(s);
}

/* All who wait for the key get their chance, in order; what one leaves is the next one's. */
static void serve_key(struct engine *e, const struct indexed_key *k) {
    struct db *db = &e->keyspace.dbs[k->db];
    struct key key = db_key(db, indexed_key_name(k));
    struct key_place *next;
    for (struct key_place *p = k->head; p; p = next) {
        next = p->next;
        struct key_waiter *w = waiter_at(p);
        if (wants(w, db_find(db, key, DB_PEEK)) && !is_gone(w) && !is_held(w)) try_again(w);
    }
}

/* Who is served may make other keys ready. The key at hand counts as ready, so it stays. What made
 * it so may have taken long enough for it to expire. */
void blocking_serve(struct engine *e) {
    struct blocking *b = &e->blocking;
    if (b->serving) return;
    b->serving = true;
    engine_tick(e);
    while (b->ready) {
        struct indexed_key *k = b->ready;
        serve_key(e, k);
        take_ready(b);
        key_index_forget_if_unused(&b->keys, k);
    }
    b->serving = false;
    /* What was served has counted its own time, but it's part of the turn of who made it ready. */
    uint64_t now = ticks_now(&e->ticks);
    e->busy_ns += ticks_to_ns(&e->ticks, now - e->ticks_at);
    e->ticks_at = now;
    close_keys_if_unused(e);
}
