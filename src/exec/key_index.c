/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/key_index.h"

#include "base/alloc.h"

static struct slice id_of(const void *entry) {
    const struct indexed_key *k = entry;
    return slice_of(k->id, k->id_len);
}

static const struct table_ops index_ops = {.key = id_of};

void key_index_open(struct key_index *ix, const struct hash_seed *seed) {
    if (ix->open) return;
    ix->open = true;
    table_init(&ix->table, &index_ops, seed);
}

bool key_index_close_if_empty(struct key_index *ix) {
    if (!ix->open || table_count(&ix->table)) return false;
    ix->open = false;
    table_release(&ix->table, NULL);
    return true;
}

size_t key_index_count(const struct key_index *ix) {
    return ix->open ? table_count(&ix->table) : 0;
}

/* The bytes that keys are found by; short ones (events look many up) in the caller's memory. */
enum { ID_SHORT = 256 };
struct id {
    char *bytes;
    size_t len;
    char here[ID_SHORT];
};

static void id_init(struct id *id, uint32_t db, struct slice name) {
    id->len = sizeof db + name.len;
    id->bytes = id->len <= ID_SHORT ? id->here : mem_alloc(id->len);
    memcpy(id->bytes, &db, sizeof db);
    slice_put(id->bytes + sizeof db, name);
}

static void id_release(struct id *id) {
    if (id->bytes != id->here) mem_free(id->bytes);
}

struct indexed_key *key_index_find(const struct key_index *ix, uint32_t db, struct slice name) {
    if (!ix->open) return NULL;
    struct id id;
    id_init(&id, db, name);
    struct slice bytes = slice_of(id.bytes, id.len);
    struct indexed_key *k = table_find(&ix->table, table_hash(&ix->table, bytes), bytes, NULL);
    id_release(&id);
    return k;
}

static struct indexed_key *add_key(struct key_index *ix, uint32_t db, struct slice name) {
    size_t len = sizeof db + name.len;
    struct indexed_key *k = mem_alloc(sizeof *k + len);
    *k = (struct indexed_key){.db = db, .id_len = len};
    memcpy(k->id, &db, sizeof db);
    slice_put(k->id + sizeof db, name);
    table_insert(&ix->table, table_hash(&ix->table, id_of(k)), k);
    return k;
}

void key_index_add(struct key_index *ix, uint32_t db, struct slice name, struct key_place *place) {
    struct indexed_key *k = key_index_find(ix, db, name);
    if (!k) k = add_key(ix, db, name);
    place->key = k;
    place->prev = k->tail;
    place->next = NULL;
    if (k->tail)
        k->tail->next = place;
    else
        k->head = place;
    k->tail = place;
}

void key_index_remove(struct key_index *ix, struct key_place *place) {
    struct indexed_key *k = place->key;
    if (place->prev)
        place->prev->next = place->next;
    else
        k->head = place->next;
    if (place->next)
        place->next->prev = place->prev;
    else
        k->tail = place->prev;
    key_index_forget_if_unused(ix, k);
}

void key_index_forget_if_unused(struct key_index *ix, struct indexed_key *k) {
    if (k->head || k->kept) return;
    uint64_t hash = table_hash(&ix->table, id_of(k));
    struct table_ref ref;
    table_find(&ix->table, hash, id_of(k), &ref);
    table_remove(&ix->table, hash, ref);
    mem_free(k);
}
