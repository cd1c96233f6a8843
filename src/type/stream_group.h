/* SPDX-License-Identifier: BSD-3-Clause */
/* Consumer groups of a stream: how far a group has read, its consumers, and what was delivered and
 * not acknowledged yet. A pending entry is one record, found by its id in the group and in the
 * consumer that it was delivered to. */
#ifndef DREY_TYPE_STREAM_GROUP_H
#define DREY_TYPE_STREAM_GROUP_H

#include "type/stream_log.h"

struct stream_group {
    struct named named;
    struct stream_id last_id; /* the last that was delivered */
    int64_t entries_read;     /* how many entries were added up to that one; or STREAM_UNKNOWN */
    struct id_map pending;    /* of struct stream_pending */
    struct name_list consumers;
};

#define STREAM_NEVER ((int64_t)-1)

/* Times are Unix times in ms. */
struct stream_consumer {
    struct named named;
    uint64_t seen_ms;  /* when it last tried to read or claim */
    int64_t active_ms; /* when it last got something by that; or STREAM_NEVER */
    struct id_map pending;
};

struct stream_pending {
    struct stream_consumer *consumer;
    uint64_t delivered_ms;
    uint64_t deliveries;
};

/* Groups. */

struct stream_group *stream_group_find(const struct stream *s, struct slice name);
/* NULL: there is one of this name. */
struct stream_group *stream_group_add(struct stream *s, struct slice name, struct stream_id last_id,
                                      int64_t entries_read);
bool stream_group_remove(struct stream *s, struct slice name); /* false: there's none */
void stream_groups_release(struct stream *s);
void stream_groups_copy(struct stream *to, const struct stream *from); /* which has none yet */

static inline struct stream_group *stream_group_at(const struct stream *s, size_t index) {
    return (struct stream_group *)s->groups.items[index];
}

/* The group has been given this entry of the stream, which is behind all that it had. */
void stream_group_advance(struct stream_group *g, const struct stream *s, struct stream_id id);

/* How many entries the group hasn't read, by the counts: it's below 0 if they were set so. False:
 * that can't be told. */
bool stream_group_lag(const struct stream_group *g, const struct stream *s, int64_t *lag);

/* Consumers. */

struct stream_consumer *stream_consumer_find(const struct stream_group *g, struct slice name);
/* NULL: there is one of this name. */
struct stream_consumer *stream_consumer_add(struct stream_group *g, struct slice name,
                                            uint64_t now_ms);
/* Returns how many pending entries went with it. */
size_t stream_consumer_remove(struct stream_group *g, struct stream_consumer *c);

static inline struct stream_consumer *stream_consumer_at(const struct stream_group *g,
                                                         size_t index) {
    return (struct stream_consumer *)g->consumers.items[index];
}

/* Pending entries. */

static inline struct stream_pending *stream_pending_find(const struct stream_group *g,
                                                         struct stream_id id) {
    return id_map_find(&g->pending, id);
}

/* An entry that wasn't pending is; it's been delivered never. */
struct stream_pending *stream_pending_add(struct stream_group *g, struct stream_consumer *c,
                                          struct stream_id id, uint64_t now_ms);
/* Gives it to another consumer, or the same. */
void stream_pending_move(struct stream_pending *p, struct stream_consumer *to, struct stream_id id);
bool stream_pending_remove(struct stream_group *g, struct stream_id id); /* false: it isn't */

/* Bytes that groups take; all of them and their pending entries are counted. */
size_t stream_groups_memory(const struct stream *s);
/* About how many allocations. */
size_t stream_groups_effort(const struct stream *s);

/* Checks all that must hold, by ASSERT. For tests. */
void stream_groups_check(const struct stream *s);

#endif
