/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams: adding, removing, ranges. */
#include "cmd/families.h"
#include "cmd/stream_args.h"
#include "cmd/stream_reply.h"

static bool refuse(struct call *c, const char *error) {
    reply_error(c->reply, error);
    return false;
}

/* XADD and XTRIM. */

/* What stands between the key and the fields, or the end. */
struct add_args {
    struct stream_id_wish wish;
    struct stream_trim trim;
    bool no_create;
    bool has_limit;
    int64_t limit;
    int near;   /* the argument that is ~, or 0; the threshold is behind it */
    int fields; /* the first one's argument */
};

/* MAXLEN or MINID at *i, with an operator or without; *i is its last argument then. */
static bool trim_or_reply(struct call *c, int *i, struct add_args *args) {
    struct stream_trim *trim = &args->trim;
    if (trim->by != STREAM_TRIM_NOT)
        return refuse(c, "ERR syntax error, MAXLEN and MINID options at the same time are not "
                         "compatible");
    trim->by = arg_is(c, *i, "MAXLEN") ? STREAM_TRIM_MAXLEN : STREAM_TRIM_MINID;
    if (*i + 2 < c->argc) {
        trim->whole_nodes = arg_is(c, *i + 1, "~");
        if (trim->whole_nodes) args->near = *i + 1;
        *i += trim->whole_nodes || arg_is(c, *i + 1, "=");
    }
    ++*i;
    if (trim->by == STREAM_TRIM_MINID) return arg_stream_id_or_reply(c, *i, 0, &trim->min_id);
    int64_t max_len;
    if (!arg_i64_or_reply(c, *i, &max_len)) return false;
    trim->max_len = (uint64_t)max_len;
    return max_len >= 0 || refuse(c, "ERR The MAXLEN argument must be >= 0.");
}

static bool limit_or_reply(struct call *c, int i, struct add_args *args) {
    args->has_limit = true;
    if (!arg_i64_or_reply(c, i, &args->limit)) return false;
    return args->limit >= 0 || refuse(c, "ERR The LIMIT argument must be >= 0.");
}

/* The id of an XADD that isn't *: ms-* or a whole one. */
static bool wish_or_reply(struct call *c, int i, struct stream_id_wish *wish) {
    struct slice text = c->argv[i];
    wish->has_ms = true;
    if (text.len > 2 && text.ptr[text.len - 2] == '-' && text.ptr[text.len - 1] == '*' &&
        stream_id_parse_part(slice_of(text.ptr, text.len - 2), &wish->id.ms))
        return true;
    wish->has_seq = true;
    return arg_stream_id_or_reply(c, i, 0, &wish->id);
}

/* Without LIMIT trimming by whole blocks stops after so many entries, so that it's short. */
static uint64_t default_limit(const struct type_settings *settings) {
    enum { NODES = 100, WITHOUT = 10000, MOST = 1000000 };
    int64_t entries = settings->stream_node_max_entries;
    if (entries > MOST / NODES) return MOST;
    return entries ? (uint64_t)entries * NODES : WITHOUT;
}

static bool check_trim_or_reply(struct call *c, bool is_add, struct add_args *args) {
    struct stream_trim *trim = &args->trim;
    if (args->limit && trim->by == STREAM_TRIM_NOT)
        return refuse(c, "ERR syntax error, LIMIT cannot be used without specifying a trimming "
                         "strategy");
    if (!is_add && trim->by == STREAM_TRIM_NOT)
        return refuse(c, "ERR syntax error, XTRIM must be called with a trimming strategy");
    /* Redis writes both to its append-only files, with a threshold that needs no limit any more. */
    bool loading = c->engine->keyspace.no_expiry;
    if (args->has_limit && !trim->whole_nodes && !loading)
        return refuse(c, "ERR syntax error, LIMIT cannot be used without the special ~ option");
    if (args->has_limit)
        trim->limit = (uint64_t)args->limit;
    else if (trim->whole_nodes)
        trim->limit = default_limit(call_type_settings(c));
    return true;
}

/* Of XADD the options end with the id. */
static bool options_or_reply(struct call *c, bool is_add, struct add_args *args) {
    int i = 2;
    *args = (struct add_args){0};
    for (; i < c->argc; i++) {
        bool more = i + 1 < c->argc;
        if (is_add && slice_eq(c->argv[i], SLICE("*"))) break;
        if (more && (arg_is(c, i, "MAXLEN") || arg_is(c, i, "MINID"))) {
            if (!trim_or_reply(c, &i, args)) return false;
        } else if (more && arg_is(c, i, "LIMIT")) {
            if (!limit_or_reply(c, ++i, args)) return false;
        } else if (is_add && arg_is(c, i, "NOMKSTREAM")) {
            args->no_create = true;
        } else if (is_add) {
            if (!wish_or_reply(c, i, &args->wish)) return false;
            break;
        } else {
            return refuse(c, ERR_SYNTAX);
        }
    }
    args->fields = i + 1;
    return check_trim_or_reply(c, is_add, args);
}

static bool add_args_or_reply(struct call *c, struct add_args *args) {
    if (!options_or_reply(c, true, args)) return false;
    int fields = c->argc - args->fields;
    if (fields < 2 || fields % 2) {
        call_reply_wrong_args(c);
        return false;
    }
    if (args->wish.has_seq && stream_id_is_zero(args->wish.id))
        return refuse(c, "ERR The ID specified in XADD must be greater than 0-0");
    return true;
}

static bool new_id_or_reply(struct call *c, const struct stream *s,
                            const struct stream_id_wish *wish, struct stream_id *id) {
    static const struct stream empty;
    if (s && stream_id_eq(s->last_id, STREAM_ID_MAX))
        return refuse(c, "ERR The stream has exhausted the last possible ID, unable to add more "
                         "items");
    if (stream_id_for(s ? s : &empty, wish, c->engine->keyspace.now_ms, id)) return true;
    return refuse(c, "ERR The ID specified in XADD is equal or smaller than the target stream top "
                     "item");
}

/* What goes out doesn't depend on the time, nor on how entries lie in blocks: the id is there, the
 * threshold the one that was reached. */

static size_t options_count(const struct call *c, int end, bool limit_too) {
    size_t count = 0;
    for (int i = 2; i < end; i++) {
        bool dropped = !limit_too && arg_is(c, i, "LIMIT");
        i += dropped;
        count += !dropped;
    }
    return count;
}

/* How far it's trimmed now. */
static void propagate_threshold(const struct call *c, const struct add_args *args,
                                const struct stream *s) {
    char text[STREAM_ID_TEXT_MAX];
    if (args->trim.by == STREAM_TRIM_MAXLEN) {
        propagate_u64(c, s->length);
    } else {
        struct stream_id id = s->length ? stream_end_id(s, false) : args->trim.min_id;
        propagate_word(c, slice_of(text, stream_id_print(text, id)));
    }
}

static void propagate_options(const struct call *c, const struct add_args *args, int end,
                              const struct stream *s) {
    for (int i = 2; i < end; i++) {
        if (args->near && arg_is(c, i, "LIMIT")) {
            i++;
        } else if (args->near && i == args->near) {
            propagate_word(c, SLICE("="));
            propagate_threshold(c, args, s);
            i++;
        } else {
            propagate_word(c, c->argv[i]);
        }
    }
}

static void propagate_add(const struct call *c, const struct add_args *args, const struct stream *s,
                          struct stream_id id) {
    char text[STREAM_ID_TEXT_MAX];
    int id_arg = args->fields - 1;
    if (!call_propagates(c) || (args->wish.has_seq && !args->near)) return;
    propagate_open(c, 2 + options_count(c, id_arg, !args->near) + 1 +
                          (size_t)(c->argc - args->fields));
    propagate_words(c, 0, 2);
    propagate_options(c, args, id_arg, s);
    propagate_word(c, args->wish.has_seq ? c->argv[id_arg]
                                         : slice_of(text, stream_id_print(text, id)));
    propagate_words(c, args->fields, c->argc);
}

static void propagate_trim(const struct call *c, const struct add_args *args,
                           const struct stream *s) {
    if (!call_propagates(c) || !args->near) return;
    propagate_open(c, 2 + options_count(c, c->argc, false));
    propagate_words(c, 0, 2);
    propagate_options(c, args, c->argc, s);
}

/* Returns how many entries went. */
static uint64_t trim_key(struct call *c, struct key k, struct entry *e,
                         const struct stream_trim *trim) {
    e = db_edit(c->db, k, e, TYPE_STREAM);
    uint64_t removed = stream_trim(stream_of(e), trim);
    db_edited(c->db, k, e, EVENT_XTRIM, removed);
    return removed;
}

static void cmd_xadd(struct call *c) {
    struct add_args args;
    struct key k = call_key(c, 1);
    struct entry *e;
    struct stream *s;
    struct stream_id id;
    if (!add_args_or_reply(c, &args)) return;
    if (!find_stream_or_reply(c, 1, DB_WRITE, &e, &s)) return;
    if (!e && args.no_create) {
        reply_null(c->reply);
        return;
    }
    if (!new_id_or_reply(c, s, &args.wish, &id)) return;
    e = db_edit(c->db, k, e, TYPE_STREAM);
    s = stream_of(e);
    bool added = stream_append(s, id, c->argv + args.fields, (size_t)(c->argc - args.fields) / 2,
                               call_type_settings(c));
    bool trims = added && args.trim.by != STREAM_TRIM_NOT && stream_trim(s, &args.trim);
    db_edited(c->db, k, e, EVENT_XADD, added);
    if (trims) db_also(c->db, k, EVENT_XTRIM);
    if (!added) {
        reply_error(c->reply, "ERR Elements are too large to be stored");
        return;
    }
    propagate_add(c, &args, s, id);
    stream_reply_id(c->reply, id);
}

static void cmd_xtrim(struct call *c) {
    struct add_args args;
    struct entry *e;
    struct stream *s;
    if (!options_or_reply(c, false, &args)) return;
    if (!find_stream_or_reply(c, 1, DB_WRITE, &e, &s)) return;
    uint64_t removed = e ? trim_key(c, call_key(c, 1), e, &args.trim) : 0;
    if (removed) propagate_trim(c, &args, s);
    reply_i64(c->reply, (int64_t)removed);
}

/* The others. */

static void cmd_xlen(struct call *c) {
    struct entry *e;
    struct stream *s;
    if (!find_stream_or_reply(c, 1, DB_READ, &e, &s)) return;
    reply_i64(c->reply, s ? (int64_t)s->length : 0);
}

static void cmd_xdel(struct call *c) {
    struct key k = call_key(c, 1);
    struct entry *e;
    struct stream *s;
    struct stream_id id;
    size_t removed = 0;
    if (!find_stream_or_reply(c, 1, DB_WRITE, &e, &s)) return;
    if (!e) {
        reply_i64(c->reply, 0);
        return;
    }
    for (int i = 2; i < c->argc; i++)
        if (!arg_stream_id_or_reply(c, i, 0, &id)) return;
    e = db_edit(c->db, k, e, TYPE_STREAM);
    for (int i = 2; i < c->argc; i++)
        if (arg_stream_id_or_reply(c, i, 0, &id)) removed += stream_delete(s, id);
    db_edited(c->db, k, e, EVENT_XDEL, removed);
    reply_i64(c->reply, (int64_t)removed);
}

static bool setid_options_or_reply(struct call *c, struct stream_id id, int64_t *added,
                                   struct stream_id *deleted) {
    *added = -1;
    *deleted = STREAM_ID_MIN;
    for (int i = 3; i < c->argc; i += 2) {
        bool more = i + 1 < c->argc;
        if (more && arg_is(c, i, "ENTRIESADDED")) {
            if (!arg_i64_or_reply(c, i + 1, added)) return false;
            if (*added < 0) return refuse(c, "ERR entries_added must be positive");
        } else if (more && arg_is(c, i, "MAXDELETEDID")) {
            if (!arg_stream_id_or_reply(c, i + 1, 0, deleted)) return false;
            if (stream_id_cmp(id, *deleted) < 0)
                return refuse(c, "ERR The ID specified in XSETID is smaller than the provided "
                                 "max_deleted_entry_id");
        } else {
            return refuse(c, ERR_SYNTAX);
        }
    }
    return true;
}

static bool setid_fits_or_reply(struct call *c, const struct stream *s, struct stream_id id,
                                int64_t added) {
    if (stream_id_cmp(id, s->max_deleted_id) < 0)
        return refuse(c, "ERR The ID specified in XSETID is smaller than current "
                         "max_deleted_entry_id");
    if (s->length == 0) return true;
    if (stream_id_cmp(id, stream_end_id(s, true)) < 0)
        return refuse(c, "ERR The ID specified in XSETID is smaller than the target stream top "
                         "item");
    return added < 0 || (uint64_t)added >= s->length ||
           refuse(c, "ERR The entries_added specified in XSETID is smaller than the target stream "
                     "length");
}

static void cmd_xsetid(struct call *c) {
    struct key k = call_key(c, 1);
    struct entry *e;
    struct stream *s;
    struct stream_id id, deleted;
    int64_t added;
    if (!arg_stream_id_or_reply(c, 2, 0, &id)) return;
    if (!setid_options_or_reply(c, id, &added, &deleted)) return;
    if (!find_stream_or_reply(c, 1, DB_WRITE, &e, &s)) return;
    if (!e) {
        reply_error(c->reply, ERR_NO_KEY);
        return;
    }
    if (!setid_fits_or_reply(c, s, id, added)) return;
    e = db_edit(c->db, k, e, TYPE_STREAM);
    s->last_id = id;
    if (added >= 0) s->entries_added = (uint64_t)added;
    if (!stream_id_is_zero(deleted)) s->max_deleted_id = deleted;
    db_edited(c->db, k, e, EVENT_XSETID, 1);
    reply_ok(c->reply);
}

/* COUNT's last value counts; below 0 it's 0. */
static bool range_count_or_reply(struct call *c, bool *given, uint64_t *count) {
    *given = false;
    *count = 0;
    for (int i = 4; i < c->argc; i += 2) {
        if (!arg_is(c, i, "COUNT") || i + 1 == c->argc) return refuse(c, ERR_SYNTAX);
        if (!arg_not_negative_or_reply(c, i + 1, NULL, count)) return false;
        *given = true;
    }
    return true;
}

static void range_generic(struct call *c, bool backwards) {
    struct entry *e;
    struct stream *s;
    struct stream_id range[2];
    bool has_count;
    uint64_t count;
    if (!arg_stream_range_or_reply(c, backwards ? 3 : 2, backwards ? 2 : 3, range)) return;
    if (!range_count_or_reply(c, &has_count, &count)) return;
    if (!find_stream_or_reply(c, 1, DB_READ, &e, &s)) return;
    if (!s)
        reply_array(c->reply, 0);
    else if (has_count && count == 0)
        reply_null_array(c->reply);
    else
        stream_reply_range(c->reply, s, range, backwards, count);
}

static void cmd_xrange(struct call *c) {
    range_generic(c, false);
}

static void cmd_xrevrange(struct call *c) {
    range_generic(c, true);
}

#define TRIM                                                                                       \
    "trim:(strategy:(MAXLEN | MINID) [operator:(= | ~)] threshold:string [LIMIT count:integer])"
#define RANGES "O(log N + M), M entries in the range; of a range at an end of the stream O(M)."

const struct command stream_commands[] = {
    {
        .name = "xadd",
        .run = cmd_xadd,
        .arity = -5,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_STREAM,
        .keys = {{.flags = KEY_RW | KEY_UPDATE,
                  .kind = KEYS_RANGE,
                  .begin = 1,
                  .step = 1,
                  .notes = "UPDATE and not INSERT, as entries may be trimmed"}},
        .group = "stream",
        .summary = "Adds an entry to a stream, which is created if there's none.",
        .since = "5.0.0",
        .complexity = "O(1); with trimming O(N), N entries removed.",
        .syntax = "key [NOMKSTREAM] [" TRIM "] id-or-auto:(* | id:string) "
                  "field-value:(field value) ...",
        .history = "6.2.0 `NOMKSTREAM`, `MINID` and `LIMIT`.\n7.0.0 Ids of the form `ms-*`.",
        .tips = "nondeterministic_output",
    },
    {
        .name = "xtrim",
        .run = cmd_xtrim,
        .arity = -4,
        .flags = CMD_WRITE,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)},
        .group = "stream",
        .summary = "Removes the oldest entries of a stream.",
        .since = "5.0.0",
        .complexity = "O(N), N entries removed; by whole blocks they cost very little each.",
        .syntax = "key " TRIM,
        .history = "6.2.0 `MINID` and `LIMIT`.",
        .tips = "nondeterministic_output",
    },
    {
        .name = "xlen",
        .run = cmd_xlen,
        .arity = 2,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(1, KEY_RO)},
        .group = "stream",
        .summary = "Counts the entries of a stream.",
        .since = "5.0.0",
        .complexity = "O(1)",
        .syntax = "key",
    },
    {
        .name = "xdel",
        .run = cmd_xdel,
        .arity = -3,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)},
        .group = "stream",
        .summary = "Removes entries from a stream by their ids.",
        .since = "5.0.0",
        .complexity = "O(log N) for each entry.",
        .syntax = "key id:string ...",
    },
    {
        .name = "xsetid",
        .run = cmd_xsetid,
        .arity = -3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "stream",
        .summary = "Sets a stream's last id and what it counts, as replication does.",
        .since = "5.0.0",
        .complexity = "O(1)",
        .syntax = "key last-id:string [ENTRIESADDED entries-added:integer] "
                  "[MAXDELETEDID max-deleted-id:string]",
        .history = "7.0.0 `ENTRIESADDED` and `MAXDELETEDID`.",
    },
    {
        .name = "xrange",
        .run = cmd_xrange,
        .arity = -4,
        .flags = CMD_READONLY,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "stream",
        .summary = "Lists the entries of a stream between two ids.",
        .since = "5.0.0",
        .complexity = RANGES,
        .syntax = "key start:string end:string [COUNT count]",
        .history = "6.2.0 Exclusive ids.",
    },
    {
        .name = "xrevrange",
        .run = cmd_xrevrange,
        .arity = -4,
        .flags = CMD_READONLY,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "stream",
        .summary = "Lists the entries of a stream between two ids, the last one first.",
        .since = "5.0.0",
        .complexity = RANGES,
        .syntax = "key end:string start:string [COUNT count]",
        .history = "6.2.0 Exclusive ids.",
    },
    {.name = NULL},
};
