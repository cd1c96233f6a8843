/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/call.h"

#include <ctype.h>
#include <math.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/num.h"
#include "type/type.h"

int call_keys_ahead(const struct call *c, int first, int end, int step,
                    struct key keys[CALL_KEYS_AHEAD]) {
    const struct table *t = &c->db->table;
    uint64_t hashes[CALL_KEYS_AHEAD];
    int n = 0;
    for (int i = first; i < end && n < CALL_KEYS_AHEAD; i += step, n++) {
        keys[n] = call_key(c, i);
        hashes[n] = keys[n].hash;
    }
    if (n > 1) table_touch_all(t, hashes, (size_t)n);
    return n;
}

bool call_find_typed_or_reply(struct call *c, struct key k, enum db_access access,
                              enum type_id type, struct entry **e) {
    *e = call_find(c, k, access);
    if (!*e || (*e)->type == type) return true;
    reply_error(c->reply, ERR_WRONG_TYPE);
    return false;
}

struct bytes *call_arg_bytes(const struct call *c, int arg) {
    for (size_t i = 0; i < c->engine->arg_bytes_count; i++)
        if (c->engine->arg_bytes[i]->data == c->argv[arg].ptr) return c->engine->arg_bytes[i];
    return NULL;
}

void call_set_string(struct call *c, struct key k, int arg, uint64_t deadline,
                     enum db_event event) {
    struct bytes *own = call_arg_bytes(c, arg);
    if (own)
        db_set_bytes(c->db, k, bytes_ref(own), deadline, event);
    else
        db_set_string(c->db, k, c->argv[arg], deadline, event);
}

void call_store(struct call *c, struct key k, struct entry *e, enum db_event event,
                size_t changes) {
    const struct keyspace *ks = &c->engine->keyspace;
    bool (*is_empty)(const struct entry *) = type_of(e)->is_empty;
    if (is_empty && is_empty(e)) {
        entry_free(e);
        db_delete(c->db, k, true, EVENT_DEL);
        return;
    }
    e->access = access_new(&ks->access, ks->now_ms) & 0xffffff;
    db_put(c->db, k, e, event, changes);
}

bool arg_is(const struct call *c, int i, const char *word) {
    return slice_is(c->argv[i], word);
}

bool arg_i64_or_reply(struct call *c, int i, int64_t *out) {
    if (num_to_i64(c->argv[i], out)) return true;
    reply_error(c->reply, ERR_NOT_INTEGER);
    return false;
}

bool arg_i64_in_or_reply(struct call *c, int i, int64_t min, int64_t max, const char *error,
                         int64_t *out) {
    int64_t value;
    if (!num_to_i64(c->argv[i], &value)) {
        reply_error(c->reply, error ? error : ERR_NOT_INTEGER);
        return false;
    }
    if (value < min || value > max) {
        if (error)
            reply_error(c->reply, error);
        else if (min == 0 && max == INT64_MAX)
            reply_error(c->reply, ERR_NOT_POSITIVE);
        else
            reply_errorf(c->reply, "ERR value is out of range, value must between %lld and %lld",
                         (long long)min, (long long)max);
        return false;
    }
    *out = value;
    return true;
}

bool arg_count_or_reply(struct call *c, int i, int64_t min, const char *error, int64_t *out) {
    *out = 1;
    if (c->argc > i + 1) {
        reply_error(c->reply, ERR_SYNTAX);
        return false;
    }
    return c->argc == i || arg_i64_in_or_reply(c, i, min, INT64_MAX, error, out);
}

bool arg_timeout_or_reply(struct call *c, int i, uint64_t *ms) {
    int64_t value;
    const char *error = NULL;
    if (!num_to_i64(c->argv[i], &value))
        error = "ERR timeout is not an integer or out of range";
    else if (value < 0)
        error = ERR_TIMEOUT_SIGN;
    else if ((uint64_t)value > INT64_MAX - c->engine->keyspace.now_ms)
        error = ERR_TIMEOUT_RANGE; /* its end, in Unix time */
    else
        *ms = (uint64_t)value;
    if (error) reply_error(c->reply, error);
    return !error;
}

/* Parts of a millisecond are rounded up. */
bool arg_timeout_s_or_reply(struct call *c, int i, uint64_t *ms) {
    long double value;
    const char *error = NULL;
    if (!num_to_ldouble(c->argv[i], &value))
        error = "ERR timeout is not a float or out of range";
    else if ((value = ceill(value * 1000)) < 0)
        error = ERR_TIMEOUT_SIGN;
    else if (value > (long double)(INT64_MAX - (int64_t)c->engine->keyspace.now_ms))
        error = ERR_TIMEOUT_RANGE; /* its end, in Unix time */
    else
        *ms = (uint64_t)value;
    if (error) reply_error(c->reply, error);
    return !error;
}

bool arg_double_or_reply(struct call *c, int i, double *out) {
    if (num_to_double(c->argv[i], out)) return true;
    reply_error(c->reply, ERR_NOT_FLOAT);
    return false;
}

bool arg_ldouble_or_reply(struct call *c, int i, long double *out) {
    if (num_to_ldouble(c->argv[i], out)) return true;
    reply_error(c->reply, ERR_NOT_FLOAT);
    return false;
}

bool call_sum_or_reply(struct call *c, long double value, long double by,
                       char text[NUM_LDOUBLE_MAX], struct slice *sum) {
    value += by;
    if (!isfinite(value)) {
        reply_error(c->reply, ERR_NAN_INF);
        return false;
    }
    *sum = slice_of(text, num_from_ldouble(text, value));
    return true;
}

bool call_string_size_or_reply(struct call *c, uint64_t offset, uint64_t len) {
    uint64_t size;
    if (!__builtin_add_overflow(offset, len, &size) &&
        size <= c->engine->settings.proto_max_bulk_len)
        return call_string_memory_or_reply(c, size);
    reply_error(c->reply, ERR_STRING_LIMIT);
    return false;
}

bool call_string_memory_or_reply(struct call *c, uint64_t len) {
    enum { PLENTY = 512 << 20, SLACK = 4 << 20 }; /* the default limit; what growing may add */
    if (len <= PLENTY) return true;
    if (len < PTRDIFF_MAX - SLACK && mem_could_alloc(len + SLACK)) return true;
    reply_error(c->reply, "ERR Insufficient memory for a string of that length");
    return false;
}

bool call_reply_unwanted(const struct call *c) {
    enum { SCRIPT_REPLY_MAX = 64 << 20 };
    if (!c->session->is_client && c->reply->memory > SCRIPT_REPLY_MAX) return true;
    return c->engine->push.unwanted(c->session);
}

void call_reply_wrong_args(struct call *c) {
    reply_errorf(c->reply, "ERR wrong number of arguments for '%s' command", c->cmd->full_name);
}

void call_reply_help(struct call *c, const char *const *lines) {
    size_t n = 0;
    while (lines[n]) n++;
    const char *name = c->cmd->parent ? c->cmd->parent->row->name : c->cmd->row->name;
    struct buf title = BUF_INIT;
    for (const char *at = name; *at; at++)
        buf_append_char(&title, (char)toupper((unsigned char)*at));
    reply_array(c->reply, n + 3);
    char *text = buf_detach(&title);
    buf_appendf(&title, "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", text);
    mem_free(text);
    reply_status(c->reply, title.data);
    buf_release(&title);
    for (size_t i = 0; i < n; i++) reply_status(c->reply, lines[i]);
    reply_status(c->reply, "HELP");
    reply_status(c->reply, "    Print this help.");
}
