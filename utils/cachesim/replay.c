/* SPDX-License-Identifier: BSD-3-Clause */
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cell.h"
#include "db/evict.h"
#include "type/t_string.h"

enum { TABLE_BYTES = 10, NAME_BYTES = 16 };
static const uint64_t START_MS = 1700000000000;

void score_init(struct score *s, const struct trace *t, size_t portions) {
    *s = (struct score){portions, t->requests, calloc(portions, sizeof *s->hits)};
}

void score_release(struct score *s) {
    free(s->hits);
}

static void score_hit(struct score *s, size_t at) {
    s->hits[at * s->portions / s->requests]++;
}

double score_percent(const struct score *s, size_t from, size_t end) {
    uint64_t hits = 0;
    for (size_t i = from; i < end; i++) hits += s->hits[i];
    return 100.0 * (double)hits /
           ((double)s->requests * (double)(end - from) / (double)s->portions);
}

static struct slice name_of(uint32_t key, char name[NAME_BYTES]) {
    return slice_of(name, (size_t)snprintf(name, NAME_BYTES, "key:%010u", key));
}

uint64_t replay_key_bytes(const struct trace *t, uint32_t key) {
    char name[NAME_BYTES];
    bool ttl = t->ttl_s && t->ttl_s[key];
    char *value = calloc(t->bytes[key] + 1, 1);
    struct entry *e = string_new(name_of(key, name), slice_of(value, t->bytes[key]),
                                 ttl ? START_MS : ENTRY_NO_DEADLINE);
    uint64_t bytes = type_memory(e, 0) + TABLE_BYTES;
    entry_free(e);
    free(value);
    return bytes;
}

/* The server's. */

struct real {
    struct keyspace ks;
    struct type_settings types;
    struct evict_pool pool;
    struct db_config cfg;
    char *value; /* as long as the longest */
};

static void real_begin(struct real *r, const struct trace *t, int policy, int samples) {
    uint32_t most = 0;
    for (uint32_t k = 0; k < t->count; k++)
        if (t->bytes[k] > most) most = t->bytes[k];
    *r = (struct real){.cfg = {.maxmemory_policy = policy,
                               .samples = samples,
                               .tenacity = 100,
                               .lfu_log_factor = 10,
                               .lfu_decay_time = 1}};
    r->value = malloc(most + 1);
    memset(r->value, 'x', most);
    keyspace_init(&r->ks, 1, &r->types);
    r->ks.seed = (struct hash_seed){1, 2};
    random_seed_fixed(&r->ks.rng, 20261121);
    keyspace_set_policy(&r->ks, &r->cfg);
}

static bool real_request(struct real *r, const struct trace *t, size_t at) {
    struct db *db = &r->ks.dbs[0];
    uint32_t key = t->keys[at];
    char name[NAME_BYTES];
    struct key k = db_key(db, name_of(key, name));
    r->ks.now_ms = START_MS + at / REQUESTS_PER_MS;
    if (at % REQUESTS_PER_MS == 0 && t->ttl_s) keyspace_expire(&r->ks, UINT64_MAX);
    if (db_find(db, k, DB_READ)) return true;
    uint64_t deadline = ENTRY_NO_DEADLINE;
    if (t->ttl_s && t->ttl_s[key]) deadline = r->ks.now_ms + 1000ULL * t->ttl_s[key];
    evict_run(&r->pool, &r->ks, &r->cfg, r->cfg.maxmemory);
    db_set_string(db, k, slice_of(r->value, t->bytes[key]), deadline, EVENT_SET);
    return false;
}

void replay_real(const struct trace *t, int policy, int samples, uint64_t bytes, struct score *s) {
    struct real *r = malloc(sizeof *r);
    real_begin(r, t, policy, samples);
    r->cfg.maxmemory = mem_used() + bytes;
    for (size_t i = 0; i < t->requests; i++)
        if (real_request(r, t, i)) score_hit(s, i);
    keyspace_release(&r->ks);
    free(r->value);
    free(r);
}

/* Models: a heap of the keys that are there, the next to go first. */

#define ABSENT UINT32_MAX

struct cache {
    const struct trace *trace;
    enum model model;
    uint64_t *bytes; /* per key */
    uint64_t *rank;  /* per key that's there: the lowest goes first */
    uint64_t *until; /* requests; with TTLs */
    uint32_t *heap, *place;
    uint32_t count;
    uint64_t used;
    uint32_t *next; /* MIN: per request, when its key comes next */
};

static void heap_put(struct cache *c, uint32_t at, uint32_t key) {
    c->heap[at] = key;
    c->place[key] = at;
}

static void heap_up(struct cache *c, uint32_t at, uint32_t key) {
    for (; at && c->rank[c->heap[(at - 1) / 2]] > c->rank[key]; at = (at - 1) / 2)
        heap_put(c, at, c->heap[(at - 1) / 2]);
    heap_put(c, at, key);
}

static void heap_down(struct cache *c, uint32_t at, uint32_t key) {
    for (uint32_t child; (child = 2 * at + 1) < c->count; at = child) {
        if (child + 1 < c->count && c->rank[c->heap[child + 1]] < c->rank[c->heap[child]]) child++;
        if (c->rank[c->heap[child]] >= c->rank[key]) break;
        heap_put(c, at, c->heap[child]);
    }
    heap_put(c, at, key);
}

static void cache_add(struct cache *c, uint32_t key, uint64_t rank) {
    c->rank[key] = rank;
    c->used += c->bytes[key];
    heap_up(c, c->count++, key);
}

static void cache_remove(struct cache *c, uint32_t key) {
    uint32_t at = c->place[key], last = c->heap[--c->count];
    c->place[key] = ABSENT;
    c->used -= c->bytes[key];
    if (last == key) return;
    heap_up(c, at, last);
    heap_down(c, c->place[last], last);
}

static void cache_rerank(struct cache *c, uint32_t key, uint64_t rank) {
    c->rank[key] = rank;
    heap_up(c, c->place[key], key);
    heap_down(c, c->place[key], key);
}

/* Of a key that's used now, or comes. */
static uint64_t rank_of(const struct cache *c, uint32_t key, size_t at, bool there) {
    if (c->model == MODEL_MIN) return UINT32_MAX - c->next[at];
    if (c->model == MODEL_LRU) return at;
    uint64_t uses = there ? (c->rank[key] >> 32) + 1 : 1;
    return uses << 32 | at;
}

static uint32_t *next_uses(const struct trace *t) {
    uint32_t *next = malloc(t->requests * sizeof *next);
    uint32_t *seen = malloc(t->count * sizeof *seen);
    memset(seen, 0xff, t->count * sizeof *seen);
    for (size_t i = t->requests; i-- > 0;) {
        next[i] = seen[t->keys[i]];
        seen[t->keys[i]] = (uint32_t)i;
    }
    free(seen);
    return next;
}

static void cache_begin(struct cache *c, const struct trace *t, enum model model) {
    *c = (struct cache){.trace = t, .model = model};
    c->bytes = malloc(t->count * sizeof *c->bytes);
    c->rank = malloc(t->count * sizeof *c->rank);
    c->until = malloc(t->count * sizeof *c->until);
    c->heap = malloc(t->count * sizeof *c->heap);
    c->place = malloc(t->count * sizeof *c->place);
    memset(c->place, 0xff, t->count * sizeof *c->place);
    for (uint32_t k = 0; k < t->count; k++) c->bytes[k] = replay_key_bytes(t, k);
    if (model == MODEL_MIN) c->next = next_uses(t);
}

static bool cache_request(struct cache *c, size_t at, uint64_t limit) {
    const struct trace *t = c->trace;
    uint32_t key = t->keys[at];
    if (t->ttl_s && c->place[key] != ABSENT && c->until[key] <= at) cache_remove(c, key);
    bool there = c->place[key] != ABSENT;
    uint64_t rank = rank_of(c, key, at, there);
    if (there) {
        cache_rerank(c, key, rank);
        return true;
    }
    c->until[key] = UINT64_MAX;
    if (t->ttl_s && t->ttl_s[key]) c->until[key] = at + 1000ULL * REQUESTS_PER_MS * t->ttl_s[key];
    if (c->model == MODEL_MIN) {
        cache_add(c, key, rank);
        while (c->used > limit) cache_remove(c, c->heap[0]);
    } else {
        while (c->count && c->used + c->bytes[key] > limit) cache_remove(c, c->heap[0]);
        cache_add(c, key, rank);
    }
    return false;
}

void replay_model(const struct trace *t, enum model model, uint64_t bytes, struct score *s) {
    struct cache c;
    cache_begin(&c, t, model);
    for (size_t i = 0; i < t->requests; i++)
        if (cache_request(&c, i, bytes)) score_hit(s, i);
    free(c.bytes);
    free(c.rank);
    free(c.until);
    free(c.heap);
    free(c.place);
    free(c.next);
}
