/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/watch.h"

#include "base/alloc.h"
#include "exec/session.h"

/* A key that a session watches. */
struct watched {
    struct key_place at;
    struct watch *watch;
    struct watched *next;
};

static struct watched *watched_at(struct key_place *at) {
    return (struct watched *)((char *)at - offsetof(struct watched, at));
}

static bool watches(const struct watch *w, uint32_t db, struct slice name) {
    for (const struct watched *k = w->first; k; k = k->next)
        if (k->at.key->db == db && slice_eq(indexed_key_name(k->at.key), name)) return true;
    return false;
}

/* A key that has expired already is gone, and won't count as changed when it's found to be. */
void watch_add(struct session *s, struct slice name) {
    struct engine *e = s->engine;
    struct watch *w = &s->watch;
    if (watches(w, s->db->id, name)) return;
    db_has(s->db, db_key(s->db, name));
    key_index_open(&e->watched, &e->keyspace.seed);
    engine_listen(e, LISTEN_WATCH, true);
    struct watched *k = mem_alloc(sizeof *k);
    *k = (struct watched){.watch = w, .next = w->first};
    w->first = k;
    w->count++;
    key_index_add(&e->watched, s->db->id, name, &k->at);
    w->memory += mem_class_size(sizeof *k) + name.len;
    e->watching += w->count == 1;
}

void watch_clear(struct session *s) {
    struct engine *e = s->engine;
    struct watch *w = &s->watch;
    e->watching -= w->count != 0;
    while (w->first) {
        struct watched *k = w->first;
        w->first = k->next;
        key_index_remove(&e->watched, &k->at);
        mem_free_sized(k, sizeof *k);
    }
    *w = (struct watch){0};
    if (key_index_close_if_empty(&e->watched)) engine_listen(e, LISTEN_WATCH, false);
}

static bool is_there(struct engine *e, uint32_t db, struct slice name) {
    return db_has(&e->keyspace.dbs[db], db_key(&e->keyspace.dbs[db], name));
}

/* Looking a key up is what makes it go if it has expired, which is then an event. */
bool watch_holds(struct session *s) {
    for (const struct watched *k = s->watch.first; k && !s->watch.touched; k = k->next)
        is_there(s->engine, k->at.key->db, indexed_key_name(k->at.key));
    return !s->watch.touched;
}

static void touch(const struct indexed_key *k) {
    for (struct key_place *p = k->head; p; p = p->next) watched_at(p)->watch->touched = true;
}

void watch_key_event(struct engine *e, struct db *db, struct slice key) {
    const struct indexed_key *k = key_index_find(&e->watched, db->id, key);
    if (k) touch(k);
}

/* Touches the watched keys of database `from` that are there, or are in `or_in`. */
static void touch_all(struct engine *e, const struct db *from, const struct db *or_in) {
    struct table_iter it;
    if (!e->watched.open) return;
    table_iter_init(&it, &e->watched.table);
    for (const struct indexed_key *k; (k = table_iter_next(&it));) {
        if (k->db != from->id) continue;
        struct slice name = indexed_key_name(k);
        if (is_there(e, from->id, name) || is_there(e, or_in->id, name)) touch(k);
    }
}

void watch_flushed(struct engine *e, struct db *db) {
    touch_all(e, db, db);
}

void watch_swapped(struct engine *e, struct db *a, struct db *b) {
    touch_all(e, a, b);
    touch_all(e, b, a);
}
