/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd/scan_walk.h"

#include "base/alloc.h"
#include "base/glob.h"
#include "type/type.h"

struct scan_pattern scan_pattern(struct slice text) {
    size_t prefix = glob_literal_prefix_len(text);
    bool star = text.len == prefix + 1 && text.ptr[prefix] == '*';
    return (struct scan_pattern){text, prefix, star};
}

bool scan_pattern_fits(const struct scan_pattern *p, struct slice name) {
    if (name.len < p->prefix_len || memcmp(name.ptr, p->text.ptr, p->prefix_len) != 0) return false;
    return p->prefix_decides || glob_match(p->text, name);
}

bool scan_cursor_or_reply(struct call *c, int i, uint64_t *out) {
    struct slice text = c->argv[i];
    bool negative = text.len > 1 && text.ptr[0] == '-', sign = text.len > 1 && text.ptr[0] == '+';
    uint64_t cursor = 0;
    bool valid = true;
    for (size_t at = negative || sign; at < text.len && valid; at++) {
        unsigned digit = (unsigned char)text.ptr[at] - (unsigned)'0';
        valid = digit <= 9 && !__builtin_mul_overflow(cursor, 10, &cursor) &&
                !__builtin_add_overflow(cursor, digit, &cursor);
    }
    if (!valid) reply_error(c->reply, ERR_INVALID_CURSOR);
    *out = negative ? -cursor : cursor;
    return valid;
}

static bool count_or_reply(struct call *c, int i, uint64_t *count) {
    int64_t number;
    if (!arg_i64_or_reply(c, i, &number)) return false;
    if (number < 1) reply_error(c->reply, ERR_SYNTAX);
    *count = (uint64_t)number;
    return number >= 1;
}

bool scan_options_or_reply(struct call *c, int i, unsigned also, struct scan_request *r) {
    r->count = 10;
    for (; i < c->argc; i++) {
        bool has_value = i + 1 < c->argc;
        if (has_value && arg_is(c, i, "COUNT")) {
            if (!count_or_reply(c, ++i, &r->count)) return false;
        } else if (has_value && arg_is(c, i, "MATCH")) {
            r->has_pattern = true;
            r->pattern = scan_pattern(c->argv[++i]);
        } else if (has_value && (also & SCAN_TYPE) && arg_is(c, i, "TYPE")) {
            r->has_type = true;
            r->type = type_by_name(c->argv[++i]);
        } else if (((also & SCAN_NOVALUES) && arg_is(c, i, "NOVALUES")) ||
                   ((also & SCAN_NOSCORES) && arg_is(c, i, "NOSCORES"))) {
            r->names_only = true;
        } else {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
    }
    return true;
}

/* As in Redis, a key that doesn't exist is found empty before the options are looked at. */
bool scan_key_or_reply(struct call *c, enum type_id type, unsigned also, struct scan_request *r,
                       struct entry **e) {
    *r = (struct scan_request){0};
    if (!scan_cursor_or_reply(c, 2, &r->cursor)) return false;
    if (!call_find_typed_or_reply(c, call_key(c, 1), DB_READ, type, e)) return false;
    if (*e) return scan_options_or_reply(c, 3, also, r);
    scan_reply_cursor(c, 0);
    reply_array(c->reply, 0);
    return false;
}

void scan_found_release(struct scan_found *found) {
    mem_free(found->entries);
    *found = (struct scan_found){0};
}

void scan_found_add(struct scan_found *found, void *entry) {
    if (found->len == found->cap) {
        found->cap = found->cap ? 2 * found->cap : 32;
        found->entries = mem_realloc(found->entries, found->cap * sizeof *found->entries);
    }
    found->entries[found->len++] = entry;
}

struct walk {
    const struct table *table;
    const struct scan_request *request;
    struct scan_found *found;
};

static void visit(void *ctx, void *entry) {
    const struct walk *walk = ctx;
    walk->found->visited++;
    const struct scan_request *r = walk->request;
    if (r->has_pattern && !scan_pattern_fits(&r->pattern, walk->table->ops->key(entry))) return;
    scan_found_add(walk->found, entry);
}

/* Each step visits what one bucket holds. Buckets may be empty, so steps are bounded, too. */
uint64_t scan_table(const struct table *t, const struct scan_request *r, struct scan_found *found) {
    struct walk walk = {t, r, found};
    uint64_t cursor = r->cursor, steps = r->count;
    do {
        cursor = table_scan(t, cursor, visit, &walk);
    } while (cursor && found->visited < r->count && --steps);
    return cursor;
}

void scan_reply_cursor(struct call *c, uint64_t cursor) {
    reply_array(c->reply, 2);
    reply_bulk_i64(c->reply, (int64_t)cursor);
}
