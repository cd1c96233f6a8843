/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd/sort_pattern.h"

#include "type/t_hash.h"
#include "type/t_string.h"

struct sort_pattern sort_pattern(struct slice text) {
    struct sort_pattern p = {.is_element = slice_eq(text, SLICE("#"))};
    const char *star = text.len ? memchr(text.ptr, '*', text.len) : NULL;
    if (!star) return p;
    const char *end = text.ptr + text.len;
    p.has_star = true;
    p.before = slice_of(text.ptr, (size_t)(star - text.ptr));
    p.after = slice_of(star + 1, (size_t)(end - star - 1));
    const char *arrow = memmem(p.after.ptr, p.after.len, "->", 2);
    if (arrow && arrow + 2 < end) {
        p.after.len = (size_t)(arrow - p.after.ptr);
        p.field = slice_of(arrow + 2, (size_t)(end - arrow - 2));
    }
    return p;
}

static bool get_field(const struct entry *e, struct slice field, struct sort_value *value) {
    struct hash_item item;
    if (e->type != TYPE_HASH || !hash_get(e, field, &item)) return false;
    value->text = hash_text_view(&item.value, value->digits);
    value->bytes = item.value.bytes;
    return true;
}

static bool get_string(const struct entry *e, struct sort_value *value) {
    if (e->type != TYPE_STRING) return false;
    value->text = string_view(e, value->digits);
    value->bytes = e->encoding == STRING_BYTES ? entry_ptr(e) : NULL;
    return true;
}

bool sort_pattern_get(struct call *c, const struct sort_pattern *p, struct slice element,
                      struct buf *name, struct sort_value *value) {
    if (p->is_element) {
        value->text = element;
        value->bytes = NULL;
        return true;
    }
    if (!p->has_star) return false;
    buf_clear(name);
    buf_append_slice(name, p->before);
    buf_append_slice(name, element);
    buf_append_slice(name, p->after);
    const struct entry *e = call_find(c, db_key(c->db, buf_slice(name)), DB_READ);
    if (!e) return false;
    return p->field.len ? get_field(e, p->field, value) : get_string(e, value);
}
