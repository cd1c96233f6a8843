/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd/stream_reply.h"

#include "base/num.h"

void stream_reply_id(struct reply *r, struct stream_id id) {
    char text[STREAM_ID_TEXT_MAX];
    reply_bulk(r, slice_of(text, stream_id_print(text, id)));
}

static inline void reply_element(struct reply *r, const uint8_t *at) {
    char digits[NUM_I64_MAX];
    reply_bulk(r, listpack_view(at, digits));
}

void stream_reply_entry(struct reply *r, const uint8_t *node, const struct stream_entry *e) {
    struct stream_entry rest = *e;
    reply_array(r, 2);
    stream_reply_id(r, e->id);
    reply_array(r, 2 * e->pairs);
    for (size_t i = 0; i < e->pairs; i++) {
        const uint8_t *name, *value;
        stream_entry_pair(&rest, node, &name, &value);
        reply_element(r, name);
        reply_element(r, value);
    }
}

bool stream_reply_entry_of(struct reply *r, const struct stream *s, struct stream_id id) {
    struct stream_iter it;
    struct stream_entry e;
    stream_iter_init(&it, s, id, id, false);
    if (!stream_iter_next(&it, &e)) return false;
    stream_reply_entry(r, it.reader.node, &e);
    return true;
}

void stream_reply_range(struct reply *r, const struct stream *s, const struct stream_id range[2],
                        bool backwards, uint64_t count) {
    struct stream_iter it;
    struct stream_entry e;
    size_t found = 0;
    struct reply_mark mark = reply_begin(r);
    stream_iter_init(&it, s, range[0], range[1], backwards);
    while ((!count || found < count) && stream_iter_next(&it, &e)) {
        stream_reply_entry(r, it.reader.node, &e);
        found++;
    }
    reply_end_array(r, mark, found);
}
