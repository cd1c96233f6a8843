/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/rdb_types.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "ds/ziplist.h"

bool rdb_put_listpack(const uint8_t *lp, struct rdb_writer *w, struct rdb_walk *at, size_t limit) {
    return rdb_put_string_part(w, slice_of((const char *)lp, listpack_bytes(lp)), at, limit);
}

struct entry *rdb_loaded(struct rdb_reader *r, struct entry *e, bool ok) {
    bool (*is_empty)(const struct entry *) = type_of(e)->is_empty;
    if (ok && is_empty && is_empty(e)) {
        r->empty = true;
        ok = rdb_fail(r, "a value without elements");
    }
    if (ok) return e;
    entry_free(e);
    return NULL;
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

bool rdb_all_differ(uint64_t *hashes, size_t count) {
    qsort(hashes, count, sizeof *hashes, compare);
    for (size_t i = 1; i < count; i++)
        if (hashes[i] == hashes[i - 1]) return false;
    return true;
}

/* By hashes of 64 bits: equal ones are taken for equal texts. */
static bool firsts_differ(const uint8_t *lp, size_t groups, unsigned group) {
    struct hash_seed seed = hash_seed_random();
    char digits[NUM_I64_MAX];
    uint64_t *hashes = mem_alloc((groups + 1) * sizeof *hashes);
    size_t n = 0;
    for (const uint8_t *at = listpack_first(lp); at;) {
        hashes[n++] = hash_bytes(&seed, listpack_view(at, digits));
        for (unsigned i = 0; i < group; i++) at = listpack_next(lp, at);
    }
    bool differ = rdb_all_differ(hashes, n);
    mem_free(hashes);
    return differ;
}

/* Takes over `lp`. */
static uint8_t *checked(struct rdb_reader *r, uint8_t *lp, unsigned group, const char *error) {
    size_t count = listpack_count(lp);
    if (group && count % group)
        rdb_fail(r, error);
    else if (group && !r->trusted && !firsts_differ(lp, count / group, group))
        rdb_fail(r, "integrity check failed: listpack with dup elements");
    else
        return lp;
    listpack_free(lp);
    return NULL;
}

uint8_t *rdb_get_listpack(struct rdb_reader *r, unsigned group, const char *error) {
    uint8_t *lp;
    size_t len;
    if (!rdb_get_block(r, &lp, &len)) return NULL;
    if (listpack_valid(lp, len)) return checked(r, lp, group, error);
    rdb_fail(r, error);
    mem_free(lp);
    return NULL;
}

uint8_t *rdb_get_ziplist(struct rdb_reader *r, unsigned group, const char *error) {
    struct slice bytes;
    struct ziplist_iter it;
    struct listpack_value v;
    if (!rdb_get_string(r, &bytes)) return NULL;
    uint8_t *lp = listpack_new();
    ziplist_iter_init(&it, bytes);
    while (ziplist_next(&it, &v)) {
        if (v.text)
            listpack_append(&lp, slice_of(v.text, v.len));
        else
            listpack_insert_number(&lp, NULL, v.number);
        if (listpack_bytes(lp) > LISTPACK_MAX_BYTES - v.len) it.bad = true;
    }
    if (!it.bad) return checked(r, lp, group, error);
    rdb_fail(r, error);
    listpack_free(lp);
    return NULL;
}
