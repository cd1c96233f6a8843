/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd/stream_args.h"

#include <ctype.h>

#include "base/alloc.h"

static bool refuse(struct call *c, const char *error) {
    reply_error(c->reply, error);
    return false;
}

static bool id_or_reply(struct call *c, struct slice text, uint64_t seq, struct stream_id *id) {
    bool has_seq;
    *id = (struct stream_id){0, seq};
    return stream_id_parse(text, id, &has_seq) || refuse(c, ERR_STREAM_ID);
}

bool arg_stream_id_or_reply(struct call *c, int i, uint64_t seq, struct stream_id *id) {
    return id_or_reply(c, c->argv[i], seq, id);
}

/* An end of a range as it's written. */
static bool end_or_reply(struct call *c, int i, uint64_t seq, struct stream_id *id,
                         bool *exclusive) {
    struct slice text = c->argv[i];
    *exclusive = text.len > 1 && text.ptr[0] == '(';
    if (*exclusive) return id_or_reply(c, slice_of(text.ptr + 1, text.len - 1), seq, id);
    if (slice_is(text, "-"))
        *id = STREAM_ID_MIN;
    else if (slice_is(text, "+"))
        *id = STREAM_ID_MAX;
    else
        return id_or_reply(c, text, seq, id);
    return true;
}

bool arg_stream_start_or_reply(struct call *c, int i, struct stream_id *start) {
    bool exclusive;
    if (!end_or_reply(c, i, 0, start, &exclusive)) return false;
    return !exclusive || stream_id_next(start) ||
           refuse(c, "ERR invalid start ID for the interval");
}

bool arg_stream_range_or_reply(struct call *c, int from, int to, struct stream_id range[2]) {
    bool exclusive;
    if (!arg_stream_start_or_reply(c, from, &range[0])) return false;
    if (!end_or_reply(c, to, UINT64_MAX, &range[1], &exclusive)) return false;
    return !exclusive || stream_id_prev(&range[1]) ||
           refuse(c, "ERR invalid end ID for the interval");
}

bool arg_not_negative_or_reply(struct call *c, int i, const char *error, uint64_t *out) {
    int64_t number;
    if (!num_to_i64(c->argv[i], &number)) return refuse(c, error ? error : ERR_NOT_INTEGER);
    *out = number < 0 ? 0 : (uint64_t)number;
    return true;
}

bool find_stream_or_reply(struct call *c, int i, enum db_access access, struct entry **e,
                          struct stream **s) {
    if (!call_find_typed_or_reply(c, call_key(c, i), access, TYPE_STREAM, e)) return false;
    *s = *e ? stream_of(*e) : NULL;
    return true;
}

bool find_group_or_reply(struct call *c, int key, int group, enum db_access access,
                         struct entry **e, struct stream_group **g) {
    struct stream *s;
    if (!find_stream_or_reply(c, key, access, e, &s)) return false;
    *g = s ? stream_group_find(s, c->argv[group]) : NULL;
    if (*g) return true;
    reply_errorf(c->reply, "NOGROUP No such key '%.*s' or consumer group '%.*s'",
                 (int)c->argv[key].len, c->argv[key].ptr, (int)c->argv[group].len,
                 c->argv[group].ptr);
    return false;
}

struct stream_consumer *call_consumer(struct call *c, struct key k, struct entry *e,
                                      struct stream_group *g, struct slice name) {
    uint64_t now = c->engine->keyspace.now_ms;
    struct stream_consumer *consumer = stream_consumer_find(g, name);
    if (!consumer) {
        e = db_edit(c->db, k, e, TYPE_STREAM);
        consumer = stream_consumer_add(g, name, now);
        db_edited(c->db, k, e, EVENT_XGROUP_CREATECONSUMER, 1);
    }
    consumer->seen_ms = now;
    return consumer;
}

void reply_subcommand_syntax(struct call *c) {
    struct buf parent = BUF_INIT;
    for (const char *at = c->cmd->parent->row->name; *at; at++)
        buf_append_char(&parent, (char)toupper((unsigned char)*at));
    struct slice name = c->argv[1];
    reply_errorf(c->reply,
                 "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try %s HELP.",
                 (int)(name.len < 128 ? name.len : 128), name.ptr, parent.data);
    buf_release(&parent);
}
