/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_memory.h"

#include "base/alloc.h"
#include "exec/transaction.h"
#include "pubsub/pubsub.h"
#include "server/client_input.h"
#include "server/client_list.h"
#include "server/client_stream.h"
#include "server/server.h"

enum {
    SMALL_BITS = 11,        /* class 0: below 2 KB */
    LIMIT_MIN = 128 * 1024, /* as Redis: a smaller limit would close everybody */
};

static struct client *ranked_client(struct client_link *l) {
    return (struct client *)((char *)l - offsetof(struct client, ranked));
}

void client_memory_init(struct server *s) {
    for (size_t i = 0; i < CLIENT_SIZE_CLASSES; i++) client_queue_init(&s->memory.classes[i]);
}

size_t client_memory_of(const struct client *c) {
    size_t memory = mem_class_size(sizeof *c) + client_input_memory(c);
    memory += c->session.own_reply.memory + tracking_memory(c);
    memory += blocking_memory(&c->session) + transaction_memory(&c->session);
    memory += pubsub_memory(&c->session);
    if (c->stream) memory += c->stream->ops->memory(c);
    if (c->texts) {
        memory += mem_class_size(CLIENT_TEXTS * sizeof *c->texts);
        for (size_t i = 0; i < CLIENT_TEXTS; i++)
            if (c->texts[i]) memory += mem_usable_size(c->texts[i]);
    }
    return memory;
}

static uint8_t class_of(const struct client *c) {
    bool evictable = !c->no_evict && (c->kind == CLIENT_NORMAL || c->kind == CLIENT_PUBSUB);
    if (!evictable || c->memory >> SMALL_BITS == 0) return 0;
    int class = 64 - __builtin_clzll(c->memory) - SMALL_BITS;
    return (uint8_t)(class < CLIENT_SIZE_CLASSES ? class : CLIENT_SIZE_CLASSES - 1);
}

static void rank(struct client *c, uint8_t class) {
    struct client_memory *m = &c->server->memory;
    if (class == c->size_class) return;
    if (c->size_class) client_queue_remove(&m->classes[c->size_class], &c->ranked);
    if (class) client_queue_push(&m->classes[class], &c->ranked);
    c->size_class = class;
}

void client_memory_count(struct client *c) {
    if (c->closing) return;
    size_t memory = client_memory_counts(c) ? client_memory_of(c) : 0;
    c->server->memory.total += memory - c->memory;
    c->memory = memory;
    rank(c, class_of(c));
}

void client_memory_forget(struct client *c) {
    c->server->memory.total -= c->memory;
    c->memory = 0;
    rank(c, 0);
}

uint64_t client_memory_limit(const struct server *s) {
    int64_t set = s->config.maxmemory_clients;
    if (set == 0) return 0;
    uint64_t max = s->engine.settings.db.maxmemory;
    uint64_t limit = (uint64_t)set;
    if (set < 0) limit = (uint64_t)((double)max * (double)-set / 100);
    if (limit == 0) return 0; /* percent of no maxmemory */
    return limit < LIMIT_MIN ? LIMIT_MIN : limit;
}

static void evict(struct client *c) {
    c->server->stats.evicted_clients++;
    client_log(c, LOG_LEVEL_NOTICE, "Evicting client:", "");
    client_close_soon(c);
}

static bool small_and_evictable(const struct client *c) {
    return !c->closing && !c->no_evict && !c->size_class && c->kind == CLIENT_NORMAL;
}

/* Those too small to be queued, oldest first: with very many of them even these are too much. But
 * when the rest is above the limit by those that asked not to be evicted, closing these as well (as
 * Redis does) would lock everybody out and not help. */
static void evict_small(struct server *s, uint64_t limit) {
    uint64_t small = 0;
    for (const struct client *c = s->clients; c; c = c->next)
        if (small_and_evictable(c)) small += c->memory;
    if (s->memory.total - small > limit) return;
    for (struct client *c = s->clients; c && s->memory.total > limit; c = c->next)
        if (small_and_evictable(c)) evict(c);
}

void client_memory_keep_limit(struct server *s) {
    uint64_t limit = client_memory_limit(s);
    if (limit == 0 || s->memory.total <= limit) return;
    for (size_t i = CLIENT_SIZE_CLASSES; --i > 0;) {
        struct client_link *first;
        while (s->memory.total > limit && (first = client_queue_first(&s->memory.classes[i])))
            evict(ranked_client(first));
    }
    if (s->memory.total > limit) evict_small(s, limit);
}

void client_memory_describe(const struct server *s, struct buf *out) {
    uint64_t memory[CLIENT_SIZE_CLASSES] = {0};
    size_t count[CLIENT_SIZE_CLASSES] = {0};
    for (const struct client *c = s->clients; c; c = c->next) {
        if (!c->size_class && !small_and_evictable(c)) continue;
        memory[c->size_class] += c->memory;
        count[c->size_class]++;
    }
    for (unsigned i = 0; i < CLIENT_SIZE_CLASSES; i++) {
        uint64_t low = i ? 1ULL << (SMALL_BITS + i - 1) : 0, end = 1ULL << (SMALL_BITS + i);
        buf_appendf(out, "bucket %10llu - %10llu: tot-mem: %10llu, clients: %zu\n",
                    (unsigned long long)low, (unsigned long long)end - 1,
                    (unsigned long long)memory[i], count[i]);
    }
}
