/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/library.h"

#include "base/alloc.h"
#include "base/assert.h"

const char library_name_error[] =
    "Library names can only contain letters, numbers, or underscores(_) and must be at least one "
    "character long";

bool library_name_is_valid(struct slice name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '_') return false;
    }
    return name.len > 0;
}

/* --- A library -----------------------------------------------------------------------------------
 */

struct library *library_new(struct slice name, struct slice text) {
    struct library *library = mem_zalloc(sizeof *library);
    buf_append_slice(&library->name, name);
    buf_append_slice(&library->text, text);
    return library;
}

static void function_free(struct function *f) {
    buf_release(&f->name);
    buf_release(&f->folded);
    buf_release(&f->description);
    mem_free(f);
}

void library_free(struct library *library) {
    if (!library) return;
    for (size_t i = 0; i < library->count; i++) function_free(library->functions[i]);
    mem_free(library->functions);
    buf_release(&library->name);
    buf_release(&library->text);
    mem_free(library);
}

struct function *library_function(const struct library *library, struct slice name) {
    for (size_t i = 0; i < library->count; i++)
        if (slice_eq(buf_slice(&library->functions[i]->name), name)) return library->functions[i];
    return NULL;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static void append_folded(struct buf *b, struct slice text) {
    for (size_t i = 0; i < text.len; i++) buf_append_char(b, lower(text.ptr[i]));
}

struct function *library_add(struct library *library, struct slice name) {
    struct function *f = mem_zalloc(sizeof *f);
    f->library = library;
    buf_append_slice(&f->name, name);
    append_folded(&f->folded, name);
    if (library->count == library->cap) {
        library->cap = library->cap ? library->cap * 2 : 4;
        library->functions =
            mem_realloc(library->functions, library->cap * sizeof *library->functions);
    }
    library->functions[library->count++] = f;
    return f;
}

static size_t memory_of(const struct library *library) {
    size_t bytes = sizeof *library + library->cap * sizeof *library->functions;
    bytes += library->name.cap + library->text.cap;
    for (size_t i = 0; i < library->count; i++) {
        const struct function *f = library->functions[i];
        bytes += sizeof *f + f->name.cap + f->folded.cap + f->description.cap;
    }
    return bytes;
}

/* --- The store -----------------------------------------------------------------------------------
 */

static struct slice function_key(const void *entry) {
    return buf_slice(&((const struct function *)entry)->folded);
}

static const struct table_ops function_ops = {.key = function_key};

void library_store_init(struct library_store *store, const struct hash_seed *seed) {
    *store = (struct library_store){.seed = seed};
    store->link = &store->first;
    table_init(&store->functions, &function_ops, seed);
}

void library_store_release(struct library_store *store) {
    DASSERT(!store->first);
    table_release(&store->functions, NULL);
}

struct library *library_find(const struct library_store *store, struct slice name) {
    struct library *at = store->first;
    while (at && !slice_eq(buf_slice(&at->name), name)) at = at->next;
    return at;
}

static struct function *find(const struct library_store *store, struct slice folded,
                             struct table_ref *ref) {
    return table_find(&store->functions, table_hash(&store->functions, folded), folded, ref);
}

/* Names are short: folding one takes no allocation then. */
struct function *library_find_function(const struct library_store *store, struct slice name) {
    enum { SHORT = 64 };
    char few[SHORT];
    struct table_ref ref;
    struct buf many = BUF_INIT;
    for (size_t i = 0; i < name.len && name.len <= SHORT; i++) few[i] = lower(name.ptr[i]);
    if (name.len > SHORT) append_folded(&many, name);
    struct slice key = name.len > SHORT ? buf_slice(&many) : slice_of(few, name.len);
    struct function *f = find(store, key, &ref);
    buf_release(&many);
    return f;
}

const struct function *library_clash(const struct library_store *store,
                                     const struct library *library, const struct library *except) {
    for (size_t i = 0; i < library->count; i++) {
        struct table_ref ref;
        const struct function *other = find(store, buf_slice(&library->functions[i]->folded), &ref);
        if (other && other->library != except) return library->functions[i];
    }
    return NULL;
}

/* A library may have names that differ in case only: the first is what's found. */
void library_put(struct library_store *store, struct library *library) {
    for (size_t i = 0; i < library->count; i++) {
        struct function *f = library->functions[i];
        struct slice folded = buf_slice(&f->folded);
        struct table_ref ref;
        if (find(store, folded, &ref)) continue;
        table_insert(&store->functions, table_hash(&store->functions, folded), f);
    }
    library->next = NULL;
    *store->link = library;
    store->link = &library->next;
    store->libraries++;
    store->total += library->count;
    store->memory += memory_of(library);
}

void library_take(struct library_store *store, struct library *library) {
    for (size_t i = 0; i < library->count; i++) {
        struct slice folded = buf_slice(&library->functions[i]->folded);
        struct table_ref ref;
        if (find(store, folded, &ref) == library->functions[i])
            table_remove(&store->functions, table_hash(&store->functions, folded), ref);
    }
    struct library **at = &store->first;
    while (*at != library) at = &(*at)->next;
    *at = library->next;
    if (!library->next) store->link = at;
    store->libraries--;
    store->total -= library->count;
    store->memory -= memory_of(library);
}

void library_store_check(const struct library_store *store) {
    size_t libraries = 0, functions = 0, memory = 0;
    for (struct library *at = store->first; at; at = at->next) {
        ASSERT(library_find(store, buf_slice(&at->name)) == at);
        for (size_t i = 0; i < at->count; i++) {
            struct table_ref ref;
            const struct function *f = find(store, buf_slice(&at->functions[i]->folded), &ref);
            ASSERT(f && f->library == at);
        }
        libraries++;
        functions += at->count;
        memory += memory_of(at);
    }
    ASSERT(libraries == store->libraries && functions == store->total && memory == store->memory);
    ASSERT(table_count(&store->functions) <= functions);
}

void library_store_swap(struct library_store *a, struct library_store *b) {
    struct library_store was = *a;
    *a = *b;
    *b = was;
    if (!a->first) a->link = &a->first;
    if (!b->first) b->link = &b->first;
}
