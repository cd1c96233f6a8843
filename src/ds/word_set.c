/* SPDX-License-Identifier: BSD-3-Clause */
#include "ds/word_set.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

enum {
    SPLIT_ABOVE = 96, /* words a bucket on average */
    JOIN_BELOW = 32,
    FIRST_WORDS = 3, /* of a bucket: 32 bytes */
};

static uint32_t bucket_of(const struct word_set *s, uint64_t word) {
    uint32_t low = s->used == 1 ? 1 : 1u << (31 - __builtin_clz(s->used));
    uint32_t at = (uint32_t)word & (2 * low - 1);
    return at < s->used ? at : at & (low - 1);
}

static size_t bucket_size(uint32_t cap) {
    return sizeof(struct word_bucket) + cap * sizeof(uint64_t);
}

/* Room for `count` words, and what the allocator hands out beyond that. */
static struct word_bucket *resized(struct word_bucket *b, uint32_t count) {
    uint32_t wanted = count < FIRST_WORDS ? FIRST_WORDS : count;
    size_t size = mem_class_size(bucket_size(wanted));
    bool is_new = !b;
    b = mem_realloc(b, size);
    if (is_new) b->count = 0;
    b->cap = (uint32_t)((size - sizeof *b) / sizeof(uint64_t));
    return b;
}

static void put(struct word_set *s, uint32_t at, uint64_t word) {
    struct word_bucket *b = s->buckets[at];
    if (!b || b->count == b->cap) {
        uint32_t count = b ? b->count : 0;
        b = s->buckets[at] = resized(b, count + 1 + count / 8);
    }
    b->words[b->count++] = word;
}

static void drop_bucket(struct word_set *s, uint32_t at) {
    mem_free(s->buckets[at]);
    s->buckets[at] = NULL;
}

/* Puts the words of a bucket where they belong now. */
static void deal(struct word_set *s, struct word_bucket *b) {
    if (!b) return;
    for (uint32_t i = 0; i < b->count; i++) put(s, bucket_of(s, b->words[i]), b->words[i]);
    mem_free(b);
}

static void add_bucket(struct word_set *s) {
    if (s->used == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 1;
        s->buckets = mem_realloc(s->buckets, s->cap * sizeof *s->buckets);
    }
    s->buckets[s->used++] = NULL;
}

static void split(struct word_set *s) {
    uint32_t low = 1u << (31 - __builtin_clz(s->used));
    uint32_t from = s->used - low;
    add_bucket(s);
    struct word_bucket *b = s->buckets[from];
    s->buckets[from] = NULL;
    deal(s, b);
}

static void join(struct word_set *s) {
    struct word_bucket *b = s->buckets[--s->used];
    deal(s, b);
    if (s->used > s->cap / 4) return;
    s->cap = s->used * 2;
    s->buckets = mem_realloc(s->buckets, s->cap * sizeof *s->buckets);
}

static uint32_t place_in(const struct word_bucket *b, uint64_t word) {
    uint32_t i = 0;
    while (i < b->count && b->words[i] != word) i++;
    return i;
}

bool word_set_has(const struct word_set *s, uint64_t word) {
    if (!s->count) return false;
    const struct word_bucket *b = s->buckets[bucket_of(s, word)];
    return b && place_in(b, word) < b->count;
}

bool word_set_add(struct word_set *s, uint64_t word) {
    if (word_set_has(s, word)) return false;
    if (!s->used) add_bucket(s);
    put(s, bucket_of(s, word), word);
    if (++s->count / s->used > SPLIT_ABOVE) split(s);
    return true;
}

bool word_set_remove(struct word_set *s, uint64_t word) {
    if (!s->count) return false;
    uint32_t bucket = bucket_of(s, word);
    struct word_bucket *b = s->buckets[bucket];
    uint32_t at = b ? place_in(b, word) : 0;
    if (!b || at == b->count) return false;
    b->words[at] = b->words[--b->count];
    s->count--;
    if (!b->count)
        drop_bucket(s, bucket);
    else if (b->count < b->cap / 2 && b->cap > FIRST_WORDS)
        s->buckets[bucket] = resized(b, b->count);
    if (!s->count)
        word_set_release(s);
    else if (s->used > 1 && s->count / s->used < JOIN_BELOW)
        join(s);
    return true;
}

size_t word_set_some(const struct word_set *s, uint64_t *words, size_t max) {
    size_t n = 0;
    for (uint32_t i = 0; i < s->used && n < max; i++) {
        const struct word_bucket *b = s->buckets[i];
        if (!b) continue;
        size_t some = b->count < max - n ? b->count : max - n;
        memcpy(words + n, b->words, some * sizeof *words);
        n += some;
    }
    return n;
}

size_t word_set_memory(const struct word_set *s) {
    size_t memory = s->cap ? mem_class_size(s->cap * sizeof *s->buckets) : 0;
    for (uint32_t i = 0; i < s->used; i++)
        if (s->buckets[i]) memory += mem_class_size(bucket_size(s->buckets[i]->cap));
    return memory;
}

void word_set_release(struct word_set *s) {
    for (uint32_t i = 0; i < s->used; i++) mem_free(s->buckets[i]);
    mem_free(s->buckets);
    *s = (struct word_set){0};
}

void word_set_check(const struct word_set *s) {
    size_t count = 0;
    ASSERT(s->used <= s->cap);
    for (uint32_t i = 0; i < s->used; i++) {
        const struct word_bucket *b = s->buckets[i];
        if (!b) continue;
        ASSERT(b->count > 0 && b->count <= b->cap);
        for (uint32_t k = 0; k < b->count; k++) {
            ASSERT(bucket_of(s, b->words[k]) == i);
            ASSERT(place_in(b, b->words[k]) == k);
        }
        count += b->count;
    }
    ASSERT(count == s->count);
}
