/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes: refused, or a list that walks the same both ways, stays valid under edits and holds
 * the same texts when it's built anew. An input is a block, which is also tried with the length and
 * the number of elements at its start put right, so that damage further in is what decides. */
#include <endian.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "ds/listpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

static void must_be_valid(const uint8_t *lp) {
    must(listpack_valid(lp, listpack_bytes(lp)));
}

static size_t walk_back(const uint8_t *lp, const uint8_t *first) {
    size_t count = 0;
    for (const uint8_t *at = listpack_last(lp); at; at = listpack_prev(lp, at), count++)
        must(at >= first);
    return count;
}

/* Reads every element, and stores it in another list. */
static uint8_t *rebuild(const uint8_t *lp) {
    uint8_t *built = listpack_new();
    char digits[NUM_I64_MAX];
    size_t count = 0;
    for (const uint8_t *at = listpack_first(lp); at; at = listpack_next(lp, at), count++) {
        struct slice text = listpack_view(at, digits);
        struct listpack_key key = listpack_key(text);
        must(listpack_is(at, &key));
        must(listpack_find(lp, at, &key, 1) == at);
        listpack_append(&built, text);
        must(listpack_is(listpack_last(built), &key));
    }
    must(listpack_count(lp) == count && listpack_count(built) == count);
    must(walk_back(lp, lp + LISTPACK_HEADER) == count);
    must_be_valid(built);
    return built;
}

static void edit(uint8_t *lp) {
    size_t count = listpack_count(lp);
    uint8_t *tail = listpack_split(&lp, listpack_at(lp, (int64_t)count / 2));
    must_be_valid(lp);
    must_be_valid(tail);
    listpack_join(&lp, tail);
    must_be_valid(lp);
    must(listpack_count(lp) == count);
    if (count) listpack_replace(&lp, listpack_at(lp, (int64_t)count / 2), SLICE("another"));
    must_be_valid(lp);
    listpack_delete(&lp, listpack_first(lp), 1);
    must_be_valid(lp);
    listpack_insert_number(&lp, listpack_last(lp), (int64_t)count);
    must_be_valid(lp);
    listpack_free(lp);
}

/* Takes the block, which is an allocation of just `size` bytes. */
static void try_block(uint8_t *block, size_t size) {
    if (!listpack_valid(block, size)) {
        mem_free(block);
        return;
    }
    listpack_free(rebuild(block));
    edit(block);
}

static uint8_t *copy(const uint8_t *data, size_t size) {
    return size ? memcpy(mem_alloc(size), data, size) : mem_alloc(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    try_block(copy(data, size), size);
    if (size <= LISTPACK_HEADER) return 0;
    uint8_t *block = copy(data, size);
    uint32_t bytes = htole32((uint32_t)size);
    memcpy(block, &bytes, sizeof bytes);
    block[4] = block[5] = 0xff; /* so many that they must be counted */
    block[size - 1] = LISTPACK_END;
    try_block(block, size);
    return 0;
}
