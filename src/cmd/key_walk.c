/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd/key_walk.h"

#include "base/alloc.h"

void key_walk_init(struct key_walk *w, const struct call *c) {
    struct slice text = c->argv[1];
    char *own = mem_alloc(text.len + 1);
    slice_put(own, text);
    *w = (struct key_walk){
        .keyspace = &c->engine->keyspace,
        .table_id = c->db->table_id,
        .pattern = scan_pattern(slice_of(own, text.len)),
    };
}

void key_walk_release(struct key_walk *w) {
    mem_free((char *)(uintptr_t)w->pattern.text.ptr);
    scan_found_release(&w->found);
}

struct step {
    struct key_walk *walk;
    const struct db *db;
};

static void visit(void *ctx, void *entry) {
    const struct step *step = ctx;
    struct key_walk *w = step->walk;
    w->found.visited++;
    if (!scan_pattern_fits(&w->pattern, entry_key(entry)) || db_expired(step->db, entry)) return;
    scan_found_add(&w->found, entry);
}

struct db *key_walk_step(struct key_walk *w) {
    struct db *db = w->over ? NULL : keyspace_db_of(w->keyspace, w->table_id);
    w->found.len = 0;
    w->over = !db;
    if (!db) return NULL;
    w->at = table_walk(&db->table, w->at, visit, &(struct step){w, db});
    w->over = w->at == 0;
    return db;
}

size_t key_walk_memory(const struct key_walk *w) {
    return mem_class_size(w->pattern.text.len + 1) +
           mem_class_size(w->found.cap * sizeof *w->found.entries);
}

static bool is_plain(unsigned char c) {
    return c > ' ' && c < 0x7f && !memchr(",=:\\", c, 4);
}

void key_walk_describe(const struct key_walk *w, struct buf *to) {
    const struct db *db = keyspace_db_of(w->keyspace, w->table_id);
    if (db) buf_appendf(to, ",db=%u", db->id);
    buf_append_str(to, ",pattern=");
    for (size_t i = 0; i < w->pattern.text.len; i++) {
        unsigned char c = (unsigned char)w->pattern.text.ptr[i];
        if (is_plain(c))
            buf_append_char(to, (char)c);
        else
            buf_appendf(to, "\\x%02x", c);
    }
    double share = w->over ? 1 : (double)w->at * 0x1p-64;
    buf_appendf(to, ",visited=%llu,percent=%.2f", (unsigned long long)w->found.visited,
                100 * share);
}
