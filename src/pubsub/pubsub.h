/* SPDX-License-Identifier: BSD-3-Clause */
/* Channels: who is subscribed to what, and publishing.
 *
 * Three kinds of topics that have nothing to do with each other: channels, patterns of channels'
 * names (as base/glob.h matches them), shard channels. A topic exists while somebody is subscribed
 * to it.
 *
 *   topics          by name, a table for each kind
 *   patterns        by their literal beginning too, in a prefix tree: of many patterns, publishing
 *                   meets those only whose beginning the channel's name has
 *   subscriptions   of a topic in a ring, in their order, for publishing; of a session in a ring of
 *                   each kind, for when it goes; all of an engine in one table by topic and
 * session, so that subscribing twice and unsubscribing are found in O(1)
 *
 * A subscription takes 48 bytes and its place in the table (about 10), a topic its name and 50.
 *
 * Subscribing and unsubscribing are O(1), but for the length of names; leaving is O(own
 * subscriptions). Publishing is O(length of the channel's name + patterns tried + receivers), where
 * a receiver of a message to many costs about as much as a reference (fanout.h).
 *
 * Sessions get messages by the engine's push hooks. Their owner calls pubsub_leave before a session
 * ends. */
#ifndef DREY_PUBSUB_PUBSUB_H
#define DREY_PUBSUB_PUBSUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct engine;
struct notify;
struct pubsub;
struct session;

enum pubsub_kind { PUBSUB_CHANNEL, PUBSUB_PATTERN, PUBSUB_SHARD, PUBSUB_KINDS };

/* Sets e->pubsub up, with the commands and the parameter notify-keyspace-events. `changed` (may be
 * NULL) is called when a session gets its first subscription or loses its last. */
void pubsub_start(struct engine *e, void (*changed)(struct session *s));

/* Is anybody subscribed to a channel or a pattern? */
bool pubsub_anybody(const struct pubsub *p);
/* The part of keyspace notifications. */
const struct notify *pubsub_notify(const struct pubsub *p);

/* Nobody is subscribed any more. NULL is fine. */
void pubsub_free(struct pubsub *p);

/* False: it is already. */
bool pubsub_subscribe(struct session *s, enum pubsub_kind kind, struct slice name);

/* False: it isn't. */
bool pubsub_unsubscribe(struct session *s, enum pubsub_kind kind, struct slice name);

/* From all of a kind, oldest first. `each` is called with a name when that subscription is gone. */
typedef void pubsub_gone(void *ctx, struct slice name);
void pubsub_unsubscribe_all(struct session *s, enum pubsub_kind kind, pubsub_gone *each, void *ctx);

/* Everybody from a shard channel that is served elsewhere from now on; they're told so. */
void pubsub_close_shard_channel(struct pubsub *p, struct slice name);

/* From everything. */
void pubsub_leave(struct session *s);

/* Sends a message to all who are subscribed to the channel (of kind PUBSUB_CHANNEL or PUBSUB_SHARD)
 * or, not for shard channels, to patterns that it matches; a session gets one for each of its
 * subscriptions. Returns how many messages that were. */
size_t pubsub_publish(struct pubsub *p, enum pubsub_kind kind, struct slice channel,
                      struct slice payload);

/* Subscriptions of a session, of one kind. */
size_t pubsub_count(const struct session *s, enum pubsub_kind kind);
/* Bytes that they take, topics not included. */
size_t pubsub_memory(const struct session *s);

size_t pubsub_topics(const struct pubsub *p, enum pubsub_kind kind); /* of a kind */
size_t pubsub_sessions(const struct pubsub *p);                      /* with any subscription */
/* Subscribers of a topic. */
size_t pubsub_subscribers(const struct pubsub *p, enum pubsub_kind kind, struct slice name);

/* Calls `each` with the names of all topics of a kind. O(topics). */
typedef void pubsub_name(void *ctx, struct slice name);
void pubsub_each_topic(const struct pubsub *p, enum pubsub_kind kind, pubsub_name *each, void *ctx);

/* Calls `each` with the names of all subscriptions of a session, of one kind. */
void pubsub_each_of(const struct session *s, enum pubsub_kind kind, pubsub_name *each, void *ctx);

/* Patterns that were compared with a channel's name so far. */
uint64_t pubsub_patterns_tried(const struct pubsub *p);

/* Checks all that must hold, by ASSERT. For tests. O(everything). */
void pubsub_check(const struct pubsub *p);

#endif
