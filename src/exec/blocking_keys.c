/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/blocking_keys.h"

#include "base/alloc.h"
#include "base/buf.h"

/* A key that somebody waits for; also one that has just become ready, until it's been looked at. */
struct waited_key {
    struct place *head, *tail;
    struct waited_key *next_ready;
    bool ready; /* on the list */
    size_t id_len;
    char id[]; /* the number of the database, then the name */
};

/* A place in a key's queue. */
struct place {
    struct key_waiter *waiter;
    struct waited_key *key;
    struct place *prev, *next;
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

/* Keys. */

static struct slice waited_id(const void *entry) {
    const struct waited_key *k = entry;
    return slice_of(k->id, k->id_len);
}

static const struct table_ops waited_ops = {.key = waited_id};

static void id_of(struct buf *id, const struct db *db, struct slice name) {
    buf_append(id, &db->id, sizeof db->id);
    buf_append_slice(id, name);
}

static struct waited_key *find_waited(const struct blocking *b, struct slice id) {
    if (!b->keys_open) return NULL;
    return table_find(&b->keys, table_hash(&b->keys, id), id, NULL);
}

static struct waited_key *add_waited(struct blocking *b, struct slice id) {
    struct waited_key *k = mem_alloc(sizeof *k + id.len);
    *k = (struct waited_key){.id_len = id.len};
    slice_put(k->id, id);
    table_insert(&b->keys, table_hash(&b->keys, id), k);
    return k;
}

static void forget_if_unused(struct blocking *b, struct waited_key *k) {
    if (k->head || k->ready) return;
    uint64_t hash = table_hash(&b->keys, waited_id(k));
    struct table_ref ref;
    table_find(&b->keys, hash, waited_id(k), &ref);
    table_remove(&b->keys, hash, ref);
    mem_free(k);
}

static void mark_ready(struct blocking *b, struct waited_key *k) {
    if (k->ready) return;
    k->ready = true;
    *b->ready_end = k;
    b->ready_end = &k->next_ready;
}

static struct waited_key *take_ready(struct blocking *b) {
    struct waited_key *k = b->ready;
    b->ready = k->next_ready;
    if (!b->ready) b->ready_end = &b->ready;
    k->next_ready = NULL;
    k->ready = false;
    return k;
}

void blocking_key_event(struct engine *e, struct db *db, struct slice key) {
    struct buf id = BUF_INIT;
    id_of(&id, db, key);
    struct waited_key *k = find_waited(&e->blocking, buf_slice(&id));
    if (k) mark_ready(&e->blocking, k);
    buf_release(&id);
}

static struct db *db_of(struct engine *e, const struct waited_key *k) {
    uint32_t id;
    memcpy(&id, k->id, sizeof id);
    return &e->keyspace.dbs[id];
}

void blocking_flushed(struct engine *e, struct db *db) {
    struct table_iter it;
    if (!e->blocking.keys_open) return;
    table_iter_init(&it, &e->blocking.keys);
    for (struct waited_key *k; (k = table_iter_next(&it));)
        if (!db || db_of(e, k) == db) mark_ready(&e->blocking, k);
}

size_t blocking_keys_count(const struct engine *e, bool also_gone) {
    size_t count = 0;
    struct table_iter it;
    if (!e->blocking.keys_open) return 0;
    if (!also_gone) return table_count(&e->blocking.keys);
    table_iter_init(&it, &e->blocking.keys);
    for (struct waited_key *k; (k = table_iter_next(&it));)
        for (struct place *p = k->head; p; p = p->next)
            if (p->waiter->also_gone) {
                count++;
                break;
            }
    return count;
}

/* Waiting. */

/* The index and the events are there only while somebody waits. */
static void open_keys(struct engine *e) {
    struct blocking *b = &e->blocking;
    if (b->keys_open) return;
    b->keys_open = true;
    b->ready_end = &b->ready;
    table_init(&b->keys, &waited_ops, &e->keyspace.seed);
    engine_listen(e, LISTEN_BLOCKING, true);
}

static void close_keys_if_unused(struct engine *e) {
    struct blocking *b = &e->blocking;
    if (!b->keys_open || table_count(&b->keys)) return;
    b->keys_open = false;
    table_release(&b->keys, NULL);
    engine_listen(e, LISTEN_BLOCKING, false);
}

static void enqueue(struct key_waiter *w, struct waited_key *k) {
    for (size_t i = 0; i < w->count; i++)
        if (w->places[i].key == k) return; /* named twice */
    struct place *p = &w->places[w->count++];
    *p = (struct place){.waiter = w, .key = k, .prev = k->tail};
    if (k->tail)
        k->tail->next = p;
    else
        k->head = p;
    k->tail = p;
}

static void dequeue(struct place *p) {
    struct waited_key *k = p->key;
    if (p->prev)
        p->prev->next = p->next;
    else
        k->head = p->next;
    if (p->next)
        p->next->prev = p->prev;
    else
        k->tail = p->prev;
}

static void waiter_release(void *state) {
    struct key_waiter *w = state;
    struct engine *e = w->session->engine;
    for (size_t i = 0; i < w->count; i++) {
        dequeue(&w->places[i]);
        forget_if_unused(&e->blocking, w->places[i].key);
    }
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

static const struct block_kind null_array_kind = {reply_null_array_then, waiter_release,
                                                  waiter_memory};
static const struct block_kind null_kind = {reply_null_then, waiter_release, waiter_memory};

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
    struct buf id = BUF_INIT;
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
        id.len = 0;
        id_of(&id, c->db, w->argv[wait->first + i]);
        struct waited_key *k = find_waited(&e->blocking, buf_slice(&id));
        enqueue(w, k ? k : add_waited(&e->blocking, buf_slice(&id)));
    }
    buf_release(&id);
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
        blocking_start(c, kind, waiter_new(c, wait), wait->timeout_ms);
    }
}

/* Serving. */

/* Runs the waiter's handler again; it may be gone afterwards. */
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
    c.cmd->row->run(&c);
    if (w->stays)
        blocking_stay(s);
    else
        blocking_end(s);
}

static bool wants(const struct key_waiter *w, const struct entry *e) {
    return e && e->type == w->type ? true : w->also_gone;
}

/* All who wait for the key get their chance, in order; what one leaves is the next one's. */
static void serve_key(struct engine *e, const struct waited_key *k) {
    struct db *db = db_of(e, k);
    struct slice name = slice_of(k->id + sizeof db->id, k->id_len - sizeof db->id);
    struct key key = db_key(db, name);
    struct place *next;
    for (struct place *p = k->head; p; p = next) {
        next = p->next;
        if (wants(p->waiter, db_find(db, key, DB_PEEK))) try_again(p->waiter);
    }
}

/* Who is served may make other keys ready. The key at hand counts as ready, so it stays. */
void blocking_serve(struct engine *e) {
    struct blocking *b = &e->blocking;
    if (b->serving) return;
    b->serving = true;
    while (b->ready) {
        struct waited_key *k = b->ready;
        serve_key(e, k);
        take_ready(b);
        forget_if_unused(b, k);
    }
    b->serving = false;
    /* What was served has counted its own time, but it's part of the turn of who made it ready. */
    uint64_t now = ticks_now(&e->ticks);
    e->busy_ns += ticks_to_ns(&e->ticks, now - e->ticks_at);
    e->ticks_at = now;
    close_keys_if_unused(e);
}
