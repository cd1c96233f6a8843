/* SPDX-License-Identifier: BSD-3-Clause */
#include "pubsub/pubsub.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/cell.h"
#include "base/glob.h"
#include "ds/links.h"
#include "ds/prefix_tree.h"
#include "ds/table.h"
#include "exec/session.h"
#include "pubsub/fanout.h"
#include "pubsub/notify.h"
#include "pubsub/pubsub_commands.h"

enum {
    SHARED_FROM = 3, /* receivers: a message to fewer is written to each, which is cheaper */
    SHARED_LEN = REPLY_BY_REFERENCE, /* unless it's this long */
};

struct topic {
    struct links subscriptions; /* by of_topic, oldest first */
    size_t name_len;
    uint32_t count; /* subscriptions */
    uint8_t kind;   /* enum pubsub_kind */
    char name[];
};

/* A topic of kind PUBSUB_PATTERN. */
struct pattern {
    struct links same_prefix; /* in its struct prefix */
    struct topic topic;
};

/* Patterns with the same literal beginning: a value of the prefix tree. */
struct prefix {
    struct links patterns;
};

/* Found by its two pointers, topic and session. */
struct subscription {
    struct topic *topic;
    struct session *session;
    struct links of_topic;
    struct links of_session;
};

/* Of a session that has subscriptions. */
struct subscriber {
    struct links subscriptions[PUBSUB_KINDS]; /* by of_session, oldest first */
    size_t counts[PUBSUB_KINDS];
};

struct pubsub {
    struct engine *engine;
    void (*changed)(struct session *s);
    struct table topics[PUBSUB_KINDS];
    struct table subscriptions;
    struct prefix_tree prefixes;
    struct fanout fanout;
    size_t sessions;
    uint64_t patterns_tried;
    struct notify notify;
};

static struct slice name_of(const struct topic *t) {
    return slice_of(t->name, t->name_len);
}

static struct slice topic_key(const void *topic) {
    return name_of(topic);
}

/* Topic and session. */
static struct slice subscription_key(const void *subscription) {
    return slice_of(subscription, offsetof(struct subscription, of_topic));
}

static const struct table_ops topics_by_name = {topic_key};
static const struct table_ops subscriptions_by_ends = {subscription_key};

/* --- Topics --- */

static struct pattern *pattern_of(struct topic *t) {
    return LINKS_OF(t, struct pattern, topic);
}

static size_t topic_size(enum pubsub_kind kind, size_t name_len) {
    size_t before = kind == PUBSUB_PATTERN ? offsetof(struct pattern, topic) : 0;
    return before + sizeof(struct topic) + name_len;
}

static struct slice literal_prefix(const struct topic *t) {
    return slice_of(t->name, glob_literal_prefix_len(name_of(t)));
}

static void index_prefix(struct pubsub *p, struct topic *t) {
    void **place = prefix_tree_place(&p->prefixes, literal_prefix(t));
    if (!*place) {
        struct prefix *fresh = mem_alloc(sizeof *fresh);
        links_init(&fresh->patterns);
        *place = fresh;
    }
    links_add_last(&((struct prefix *)*place)->patterns, &pattern_of(t)->same_prefix);
}

static void unindex_prefix(struct pubsub *p, struct topic *t) {
    struct prefix *prefix = prefix_tree_find(&p->prefixes, literal_prefix(t));
    links_remove(&pattern_of(t)->same_prefix);
    if (!links_empty(&prefix->patterns)) return;
    prefix_tree_remove(&p->prefixes, literal_prefix(t));
    mem_free(prefix);
}

static struct topic *find_topic(const struct pubsub *p, enum pubsub_kind kind, struct slice name) {
    const struct table *topics = &p->topics[kind];
    return table_find(topics, table_hash(topics, name), name, NULL);
}

static struct topic *topic_new(struct pubsub *p, enum pubsub_kind kind, struct slice name) {
    char *memory = cell_alloc(topic_size(kind, name.len));
    if (kind == PUBSUB_PATTERN) memory += offsetof(struct pattern, topic);
    struct topic *t = (struct topic *)memory;
    *t = (struct topic){.name_len = name.len, .kind = (uint8_t)kind};
    slice_put(t->name, name);
    links_init(&t->subscriptions);
    table_insert(&p->topics[kind], table_hash(&p->topics[kind], name), t);
    if (kind == PUBSUB_PATTERN) index_prefix(p, t);
    return t;
}

/* Out of all indexes: nobody is subscribed any more. Its name is still there. */
static void topic_withdraw(struct pubsub *p, struct topic *t) {
    struct table *topics = &p->topics[t->kind];
    uint64_t hash = table_hash(topics, name_of(t));
    struct table_ref ref;
    table_find(topics, hash, name_of(t), &ref);
    table_remove(topics, hash, ref);
    if (t->kind == PUBSUB_PATTERN) unindex_prefix(p, t);
    fanout_forget(&p->fanout, t);
}

static void topic_free(struct topic *t) {
    void *memory = t->kind == PUBSUB_PATTERN ? (void *)pattern_of(t) : t;
    cell_free(memory, topic_size((enum pubsub_kind)t->kind, t->name_len));
}

/* --- Subscriptions --- */

static void start_subscribing(struct pubsub *p, struct session *s) {
    s->subscriber = mem_zalloc(sizeof *s->subscriber);
    for (size_t i = 0; i < PUBSUB_KINDS; i++) links_init(&s->subscriber->subscriptions[i]);
    s->gates |= GATE_SUBSCRIBED;
    p->sessions++;
    if (p->changed) p->changed(s);
}

static void stop_if_last(struct pubsub *p, struct session *s) {
    for (size_t i = 0; i < PUBSUB_KINDS; i++)
        if (s->subscriber->counts[i]) return;
    mem_free_sized(s->subscriber, sizeof *s->subscriber);
    s->subscriber = NULL;
    s->gates &= ~(unsigned)GATE_SUBSCRIBED;
    p->sessions--;
    if (p->changed) p->changed(s);
}

/* The subscription of `session` to `topic`; *hash is set in any case. */
static struct subscription *find_subscription(const struct pubsub *p, struct topic *topic,
                                              struct session *session, uint64_t *hash,
                                              struct table_ref *ref) {
    const struct subscription ends = {.topic = topic, .session = session};
    struct slice key = subscription_key(&ends);
    *hash = table_hash(&p->subscriptions, key);
    return table_find(&p->subscriptions, *hash, key, ref);
}

bool pubsub_subscribe(struct session *s, enum pubsub_kind kind, struct slice name) {
    struct pubsub *p = s->engine->pubsub;
    struct topic *t = find_topic(p, kind, name);
    if (!t) t = topic_new(p, kind, name);
    uint64_t hash;
    if (find_subscription(p, t, s, &hash, NULL)) return false;
    if (!s->subscriber) start_subscribing(p, s);
    struct subscription *sub = cell_alloc(sizeof *sub);
    *sub = (struct subscription){.topic = t, .session = s};
    links_add_last(&t->subscriptions, &sub->of_topic);
    links_add_last(&s->subscriber->subscriptions[kind], &sub->of_session);
    table_insert(&p->subscriptions, hash, sub);
    t->count++;
    s->subscriber->counts[kind]++;
    return true;
}

/* Takes the subscription out. Returns its topic if nobody is subscribed to that any more: it's out
 * of all indexes, and the caller's to free. */
static struct topic *cancel(struct pubsub *p, struct subscription *sub) {
    struct topic *t = sub->topic;
    struct table_ref ref;
    uint64_t hash;
    find_subscription(p, t, sub->session, &hash, &ref);
    table_remove(&p->subscriptions, hash, ref);
    links_remove(&sub->of_topic);
    links_remove(&sub->of_session);
    sub->session->subscriber->counts[t->kind]--;
    cell_free(sub, sizeof *sub);
    if (--t->count) return NULL;
    topic_withdraw(p, t);
    return t;
}

bool pubsub_unsubscribe(struct session *s, enum pubsub_kind kind, struct slice name) {
    struct pubsub *p = s->engine->pubsub;
    struct topic *t = find_topic(p, kind, name);
    uint64_t hash;
    struct subscription *sub = t ? find_subscription(p, t, s, &hash, NULL) : NULL;
    if (!sub) return false;
    struct topic *unused = cancel(p, sub);
    if (unused) topic_free(unused);
    stop_if_last(p, s);
    return true;
}

void pubsub_unsubscribe_all(struct session *s, enum pubsub_kind kind, pubsub_gone *each,
                            void *ctx) {
    struct pubsub *p = s->engine->pubsub;
    if (!s->subscriber) return;
    struct links *mine = &s->subscriber->subscriptions[kind];
    while (!links_empty(mine)) {
        struct subscription *sub = LINKS_OF(mine->next, struct subscription, of_session);
        struct topic *t = sub->topic, *unused = cancel(p, sub);
        if (each) each(ctx, name_of(t));
        if (unused) topic_free(unused);
    }
    stop_if_last(p, s);
}

static void tell_closed(struct pubsub *p, struct session *s, struct slice channel) {
    const struct push_hooks *push = &p->engine->push;
    struct reply *r = push->begin(s);
    if (!r) return;
    reply_push(r, 3);
    reply_bulk_str(r, "sunsubscribe");
    reply_bulk(r, channel);
    reply_i64(r, (int64_t)pubsub_count(s, PUBSUB_SHARD));
    push->end(s);
}

void pubsub_close_shard_channel(struct pubsub *p, struct slice name) {
    struct topic *t = find_topic(p, PUBSUB_SHARD, name), *unused = NULL;
    while (t && !unused) {
        struct subscription *sub = LINKS_OF(t->subscriptions.next, struct subscription, of_topic);
        struct session *s = sub->session;
        unused = cancel(p, sub);
        tell_closed(p, s, name);
        stop_if_last(p, s);
    }
    if (unused) topic_free(unused);
}

void pubsub_leave(struct session *s) {
    for (size_t kind = 0; kind < PUBSUB_KINDS; kind++)
        pubsub_unsubscribe_all(s, (enum pubsub_kind)kind, NULL, NULL);
}

/* --- Publishing --- */

/* A message on its way to the subscribers of one topic. */
struct delivery {
    struct pubsub *pubsub;
    const struct topic *topic;
    const struct message *message;
    size_t len;
    bool shared;
    struct fanout_place places[2]; /* RESP2, RESP3: where it is written; block NULL: not yet */
};

static void put_shared(struct delivery *d, struct reply *r) {
    struct fanout_place *place = &d->places[r->resp > 2];
    if (!place->block) *place = fanout_write(&d->pubsub->fanout, d->topic, r->resp, d->message);
    reply_shared(r, place->block, place->from, place->len);
}

static void put_copy(struct delivery *d, struct reply *r) {
    message_write(d->message, r->resp, reply_reserve(r, d->len));
    r->pos += d->len;
}

/* To all of the topic's subscribers. The next one's memory is asked for while one is served: with
 * thousands of them each is a few cache misses. */
static size_t deliver(struct pubsub *p, const struct topic *t, const struct message *m) {
    const struct push_hooks *push = &p->engine->push;
    struct delivery d = {.pubsub = p, .topic = t, .message = m, .len = message_len(m)};
    d.shared = t->count >= SHARED_FROM || d.len >= SHARED_LEN;
    const struct links *end = &t->subscriptions, *at = end->next;
    while (at != end) {
        struct session *s = LINKS_OF(at, struct subscription, of_topic)->session;
        at = at->next;
        __builtin_prefetch(LINKS_OF(at, struct subscription, of_topic));
        struct reply *r = push->begin(s);
        if (!r) continue;
        if (d.shared)
            put_shared(&d, r);
        else
            put_copy(&d, r);
        push->end(s);
    }
    for (size_t i = 0; i < 2; i++)
        if (d.places[i].block) bytes_unref(d.places[i].block);
    return t->count;
}

static size_t deliver_to_patterns(struct pubsub *p, struct slice channel, struct slice payload) {
    size_t receivers = 0;
    struct prefix_walk walk;
    const struct prefix *prefix;
    prefix_walk_init(&walk, &p->prefixes, channel);
    while ((prefix = prefix_walk_next(&walk))) {
        const struct links *end = &prefix->patterns;
        for (const struct links *at = end->next; at != end; at = at->next) {
            const struct topic *t = &LINKS_OF(at, struct pattern, same_prefix)->topic;
            p->patterns_tried++;
            if (!glob_match(name_of(t), channel)) continue;
            struct message m = {{SLICE("pmessage"), name_of(t), channel, payload}, 4};
            receivers += deliver(p, t, &m);
        }
    }
    return receivers;
}

size_t pubsub_publish(struct pubsub *p, enum pubsub_kind kind, struct slice channel,
                      struct slice payload) {
    struct slice word = kind == PUBSUB_SHARD ? SLICE("smessage") : SLICE("message");
    struct message m = {{word, channel, payload}, 3};
    size_t receivers = 0;
    const struct topic *t = p->topics[kind].count ? find_topic(p, kind, channel) : NULL;
    if (t) receivers += deliver(p, t, &m);
    if (kind == PUBSUB_CHANNEL && p->prefixes.count)
        receivers += deliver_to_patterns(p, channel, payload);
    return receivers;
}

/* --- What there is --- */

bool pubsub_anybody(const struct pubsub *p) {
    return table_count(&p->topics[PUBSUB_CHANNEL]) || table_count(&p->topics[PUBSUB_PATTERN]);
}

const struct notify *pubsub_notify(const struct pubsub *p) {
    return &p->notify;
}

void pubsub_each_of(const struct session *s, enum pubsub_kind kind, pubsub_name *each, void *ctx) {
    if (!s->subscriber) return;
    const struct links *mine = &s->subscriber->subscriptions[kind];
    for (struct links *at = mine->next; at != mine; at = at->next)
        each(ctx, name_of(LINKS_OF(at, struct subscription, of_session)->topic));
}

size_t pubsub_count(const struct session *s, enum pubsub_kind kind) {
    return s->subscriber ? s->subscriber->counts[kind] : 0;
}

size_t pubsub_memory(const struct session *s) {
    if (!s->subscriber) return 0;
    size_t memory = mem_class_size(sizeof *s->subscriber);
    for (size_t i = 0; i < PUBSUB_KINDS; i++)
        memory += s->subscriber->counts[i] * cell_size(sizeof(struct subscription));
    return memory;
}

size_t pubsub_topics(const struct pubsub *p, enum pubsub_kind kind) {
    return table_count(&p->topics[kind]);
}

size_t pubsub_sessions(const struct pubsub *p) {
    return p->sessions;
}

size_t pubsub_subscribers(const struct pubsub *p, enum pubsub_kind kind, struct slice name) {
    const struct topic *t = find_topic(p, kind, name);
    return t ? t->count : 0;
}

void pubsub_each_topic(const struct pubsub *p, enum pubsub_kind kind, pubsub_name *each,
                       void *ctx) {
    struct table_iter it;
    const struct topic *t;
    table_iter_init(&it, &p->topics[kind]);
    while ((t = table_iter_next(&it))) each(ctx, name_of(t));
}

uint64_t pubsub_patterns_tried(const struct pubsub *p) {
    return p->patterns_tried;
}

/* --- Start and end --- */

void pubsub_start(struct engine *e, void (*changed)(struct session *s)) {
    struct pubsub *p = mem_zalloc(sizeof *p);
    const struct hash_seed *seed = &e->keyspace.seed;
    p->engine = e;
    p->changed = changed;
    for (size_t i = 0; i < PUBSUB_KINDS; i++) table_init(&p->topics[i], &topics_by_name, seed);
    table_init(&p->subscriptions, &subscriptions_by_ends, seed);
    e->pubsub = p;
    engine_add_families(e, pubsub_families);
    notify_start(&p->notify, e);
}

void pubsub_free(struct pubsub *p) {
    if (!p) return;
    ASSERT(p->sessions == 0);
    for (size_t i = 0; i < PUBSUB_KINDS; i++) table_release(&p->topics[i], NULL);
    table_release(&p->subscriptions, NULL);
    prefix_tree_release(&p->prefixes);
    fanout_release(&p->fanout);
    mem_free(p);
}

/* --- Check --- */

static size_t check_topic(const struct pubsub *p, const struct topic *t) {
    size_t count = 0;
    for (const struct links *at = t->subscriptions.next; at != &t->subscriptions; at = at->next) {
        const struct subscription *sub = LINKS_OF(at, struct subscription, of_topic);
        ASSERT(sub->topic == t && sub->session->subscriber);
        count++;
    }
    ASSERT(count == t->count && count > 0);
    if (t->kind == PUBSUB_PATTERN) ASSERT(prefix_tree_find(&p->prefixes, literal_prefix(t)));
    return count;
}

static size_t check_prefixes(const struct pubsub *p) {
    prefix_tree_check(&p->prefixes);
    return p->prefixes.count;
}

void pubsub_check(const struct pubsub *p) {
    size_t count = 0;
    for (size_t kind = 0; kind < PUBSUB_KINDS; kind++) {
        table_check(&p->topics[kind]);
        struct table_iter it;
        const struct topic *t;
        table_iter_init(&it, &p->topics[kind]);
        while ((t = table_iter_next(&it))) count += check_topic(p, t);
    }
    table_check(&p->subscriptions);
    ASSERT(count == table_count(&p->subscriptions));
    ASSERT(check_prefixes(p) <= table_count(&p->topics[PUBSUB_PATTERN]));
}
