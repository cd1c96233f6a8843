/* SPDX-License-Identifier: BSD-3-Clause */
#include "pubsub/pubsub_commands.h"

#include "base/glob.h"
#include "exec/call.h"
#include "pubsub/pubsub.h"

/* --- Subscribing --- */

/* What the confirmations of a kind are called, and what they count: shard channels are counted for
 * themselves. */
static const struct {
    const char *subscribed, *unsubscribed;
} words[] = {
    [PUBSUB_CHANNEL] = {"subscribe", "unsubscribe"},
    [PUBSUB_PATTERN] = {"psubscribe", "punsubscribe"},
    [PUBSUB_SHARD] = {"ssubscribe", "sunsubscribe"},
};

static int64_t counted(const struct session *s, enum pubsub_kind kind) {
    if (kind == PUBSUB_SHARD) return (int64_t)pubsub_count(s, PUBSUB_SHARD);
    return (int64_t)(pubsub_count(s, PUBSUB_CHANNEL) + pubsub_count(s, PUBSUB_PATTERN));
}

/* A confirmation for each name. They are the command's replies, but pushes all the same: CLIENT
 * REPLY OFF doesn't stop them. */
static void confirm(struct call *c, enum pubsub_kind kind, const char *word,
                    const struct slice *name) {
    struct reply *r = &c->session->own_reply;
    reply_push(r, 3);
    reply_bulk_str(r, word);
    if (name)
        reply_bulk(r, *name);
    else
        reply_null(r);
    reply_i64(r, counted(c->session, kind));
}

static void subscribe(struct call *c, enum pubsub_kind kind) {
    for (int i = 1; i < c->argc; i++) {
        pubsub_subscribe(c->session, kind, c->argv[i]);
        confirm(c, kind, words[kind].subscribed, &c->argv[i]);
    }
}

struct unsubscribing {
    struct call *call;
    enum pubsub_kind kind;
};

static void confirm_gone(void *ctx, struct slice name) {
    const struct unsubscribing *u = ctx;
    confirm(u->call, u->kind, words[u->kind].unsubscribed, &name);
}

static void unsubscribe(struct call *c, enum pubsub_kind kind) {
    struct unsubscribing u = {c, kind};
    for (int i = 1; i < c->argc; i++) {
        pubsub_unsubscribe(c->session, kind, c->argv[i]);
        confirm_gone(&u, c->argv[i]);
    }
    if (c->argc > 1) return;
    if (pubsub_count(c->session, kind))
        pubsub_unsubscribe_all(c->session, kind, confirm_gone, &u);
    else
        confirm(c, kind, words[kind].unsubscribed, NULL);
}

/* Who can't wait for messages can't subscribe, as the replies of SUBSCRIBE aren't one a command;
 * but in MULTI that was always let through, except for shard channels, which came later. */
static bool may_subscribe_or_reply(struct call *c, const char *name, bool in_multi) {
    if (c->session->can_wait || (in_multi && c->session->is_client)) return true;
    reply_errorf(c->reply, "ERR %s isn't allowed for a DENY BLOCKING client", name);
    return false;
}

static void cmd_subscribe(struct call *c) {
    if (may_subscribe_or_reply(c, "SUBSCRIBE", true)) subscribe(c, PUBSUB_CHANNEL);
}

static void cmd_psubscribe(struct call *c) {
    if (may_subscribe_or_reply(c, "PSUBSCRIBE", true)) subscribe(c, PUBSUB_PATTERN);
}

static void cmd_ssubscribe(struct call *c) {
    if (may_subscribe_or_reply(c, "SSUBSCRIBE", false)) subscribe(c, PUBSUB_SHARD);
}

static void cmd_unsubscribe(struct call *c) {
    unsubscribe(c, PUBSUB_CHANNEL);
}

static void cmd_punsubscribe(struct call *c) {
    unsubscribe(c, PUBSUB_PATTERN);
}

static void cmd_sunsubscribe(struct call *c) {
    unsubscribe(c, PUBSUB_SHARD);
}

/* --- Publishing --- */

static void publish(struct call *c, enum pubsub_kind kind) {
    /* In a cluster replicas get it by the bus, as all do. */
    if (call_in_cluster(c))
        c->engine->cluster.published(c->engine, kind == PUBSUB_SHARD, c->argv[1], c->argv[2]);
    else if (!(c->engine->gates & GATE_CLUSTER))
        propagate_to_replicas(c); /* nodes tell each other */
    reply_i64(c->reply, (int64_t)pubsub_publish(c->engine->pubsub, kind, c->argv[1], c->argv[2]));
}

static void cmd_publish(struct call *c) {
    publish(c, PUBSUB_CHANNEL);
}

static void cmd_spublish(struct call *c) {
    publish(c, PUBSUB_SHARD);
}

/* --- PUBSUB --- */

struct listing {
    struct reply *reply;
    struct slice pattern; /* ptr NULL: all */
    size_t count;
};

static void list_name(void *ctx, struct slice name) {
    struct listing *l = ctx;
    if (l->pattern.ptr && !glob_match(l->pattern, name)) return;
    reply_bulk(l->reply, name);
    l->count++;
}

static void reply_topics(struct call *c, enum pubsub_kind kind) {
    if (c->argc > 3) {
        reply_errorf(c->reply,
                     "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try PUBSUB "
                     "HELP.",
                     (int)c->argv[1].len, c->argv[1].ptr);
        return;
    }
    struct listing l = {.reply = c->reply};
    if (c->argc == 3) l.pattern = c->argv[2];
    struct reply_mark mark = reply_begin(c->reply);
    pubsub_each_topic(c->engine->pubsub, kind, list_name, &l);
    reply_end_array(c->reply, mark, l.count);
}

static void reply_subscribers(struct call *c, enum pubsub_kind kind) {
    reply_array(c->reply, (size_t)(c->argc - 2) * 2);
    for (int i = 2; i < c->argc; i++) {
        reply_bulk(c->reply, c->argv[i]);
        reply_i64(c->reply, (int64_t)pubsub_subscribers(c->engine->pubsub, kind, c->argv[i]));
    }
}

static void cmd_pubsub_channels(struct call *c) {
    reply_topics(c, PUBSUB_CHANNEL);
}

static void cmd_pubsub_shardchannels(struct call *c) {
    reply_topics(c, PUBSUB_SHARD);
}

static void cmd_pubsub_numsub(struct call *c) {
    reply_subscribers(c, PUBSUB_CHANNEL);
}

static void cmd_pubsub_shardnumsub(struct call *c) {
    reply_subscribers(c, PUBSUB_SHARD);
}

static void cmd_pubsub_numpat(struct call *c) {
    reply_i64(c->reply, (int64_t)pubsub_topics(c->engine->pubsub, PUBSUB_PATTERN));
}

static void cmd_pubsub_help(struct call *c) {
    static const char *const lines[] = {
        "CHANNELS [<pattern>]",
        "    Channels that somebody is subscribed to; with <pattern>, those that match it.",
        "NUMPAT",
        "    How many different patterns there are subscriptions to.",
        "NUMSUB [<channel> ...]",
        "    How many are subscribed to each <channel>, those by patterns not counted.",
        "SHARDCHANNELS [<pattern>]",
        "    Shard channels that somebody is subscribed to; with <pattern>, those that match it.",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    How many are subscribed to each <shardchannel>.",
        NULL,
    };
    call_reply_help(c, lines);
}

enum {
    LISTENING = CMD_PUBSUB | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_SUBSCRIBED,
    PUBLISHING = CMD_PUBSUB | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_MAY_REPLICATE,
    LOOKING = CMD_PUBSUB | CMD_LOADING | CMD_STALE,
};

static const struct command pubsub_subcommands[] = {
    {"channels", cmd_pubsub_channels, -2, LOOKING, .group = "pubsub", .since = "2.8.0",
     .summary = "Lists the channels that somebody is subscribed to.",
     .complexity = "O(N) in the number of channels, times the work of matching one.",
     .syntax = "[pattern]"},
    {"help", cmd_pubsub_help, 2, CMD_LOADING | CMD_STALE, .group = "pubsub", .since = "6.2.0",
     .summary = "Says what the subcommands do.", .complexity = "O(1)"},
    {"numpat", cmd_pubsub_numpat, 2, LOOKING, .group = "pubsub", .since = "2.8.0",
     .summary = "Counts the different patterns that somebody is subscribed to.",
     .complexity = "O(1)"},
    {"numsub", cmd_pubsub_numsub, -2, LOOKING, .group = "pubsub", .since = "2.8.0",
     .summary = "Counts the subscribers of channels.", .complexity = "O(1) a channel.",
     .syntax = "[channel ...]"},
    {"shardchannels", cmd_pubsub_shardchannels, -2, LOOKING, .group = "pubsub", .since = "7.0.0",
     .summary = "Lists the shard channels that somebody is subscribed to.",
     .complexity = "O(N) in the number of shard channels, times the work of matching one.",
     .syntax = "[pattern]"},
    {"shardnumsub", cmd_pubsub_shardnumsub, -2, LOOKING, .group = "pubsub", .since = "7.0.0",
     .summary = "Counts the subscribers of shard channels.", .complexity = "O(1) a channel.",
     .syntax = "[shardchannel ...]"},
    {.name = NULL},
};

static const struct command commands[] = {
    {"subscribe", cmd_subscribe, -2, LISTENING, .channels = CHANNEL_ALL, .group = "pubsub",
     .since = "2.0.0", .summary = "Subscribes the connection to channels.",
     .complexity = "O(1) a channel.", .syntax = "channel ..."},
    {"psubscribe", cmd_psubscribe, -2, LISTENING, .channels = CHANNEL_PATTERNS, .group = "pubsub",
     .since = "2.0.0",
     .summary = "Subscribes the connection to all channels whose names match patterns.",
     .complexity = "O(1) a pattern.", .syntax = "pattern:(pattern) ..."},
    {"ssubscribe", cmd_ssubscribe, -2, LISTENING, .channels = CHANNEL_ALL,
     .keys = {KEYS_FROM(1, -1, 1, KEY_NOT_KEY)}, .group = "pubsub", .since = "7.0.0",
     .summary = "Subscribes the connection to shard channels.", .complexity = "O(1) a channel.",
     .syntax = "shardchannel ..."},
    {"unsubscribe", cmd_unsubscribe, -1, LISTENING, .group = "pubsub", .since = "2.0.0",
     .summary = "Ends subscriptions to channels: to those named, or to all.",
     .complexity = "O(1) a channel.", .syntax = "[channel ...]"},
    {"punsubscribe", cmd_punsubscribe, -1, LISTENING, .group = "pubsub", .since = "2.0.0",
     .summary = "Ends subscriptions to patterns: to those given, or to all.",
     .complexity = "O(1) a pattern.", .syntax = "[pattern ...]"},
    {"sunsubscribe", cmd_sunsubscribe, -1, LISTENING, .keys = {KEYS_FROM(1, -1, 1, KEY_NOT_KEY)},
     .group = "pubsub", .since = "7.0.0",
     .summary = "Ends subscriptions to shard channels: to those named, or to all.",
     .complexity = "O(1) a channel.", .syntax = "[shardchannel ...]"},
    {"publish", cmd_publish, 3, PUBLISHING, .channels = CHANNEL_FIRST, .group = "pubsub",
     .since = "2.0.0", .summary = "Sends a message to all who are subscribed to the channel.",
     .complexity = "O(N+M+L): N receivers, M patterns that begin as the channel's name does, L "
                   "bytes of that name.",
     .syntax = "channel message"},
    {"spublish", cmd_spublish, 3, PUBLISHING, .channels = CHANNEL_FIRST,
     .keys = {KEY_AT(1, KEY_NOT_KEY)}, .group = "pubsub", .since = "7.0.0",
     .summary = "Sends a message to all who are subscribed to the shard channel.",
     .complexity = "O(N) in the number of receivers.", .syntax = "shardchannel message"},
    {"pubsub", NULL, -2, 0, .subcommands = pubsub_subcommands, .group = "pubsub", .since = "2.8.0",
     .summary = "What there is of channels and their subscribers.",
     .complexity = "Depends on the subcommand."},
    {.name = NULL},
};

const struct command *const pubsub_families[] = {commands, NULL};
