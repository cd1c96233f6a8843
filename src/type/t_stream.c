/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/t_stream.h"

#include "base/alloc.h"
#include "type/rdb_types.h"
#include "type/rewrite_stream.h"
#include "type/stream_group.h"

static const char *encoding_name(const struct entry *e) {
    return "stream";
}

static void create(struct entry *e, const struct type_settings *settings) {
    entry_set_ptr(e, stream_new());
}

static void release(struct entry *e) {
    struct stream *s = stream_of(e);
    stream_groups_release(s);
    stream_free(s);
}

static void copy(struct entry *to, const struct entry *from) {
    struct stream *s = stream_copy(stream_of(from));
    stream_groups_copy(s, stream_of(from));
    entry_set_ptr(to, s);
}

static size_t elements(const struct entry *e) {
    return stream_of(e)->length;
}

/* Samples are blocks; pending entries are all of one size, and counted. */
static size_t memory(const struct entry *e, size_t samples) {
    const struct stream *s = stream_of(e);
    size_t bytes = 0, seen = 0;
    const struct id_map_item *item;
    struct id_map_pos pos = id_map_first(&s->nodes);
    for (; (samples == 0 || seen < samples) && (item = id_map_at(&s->nodes, pos)); seen++) {
        bytes += listpack_memory(item->value);
        pos = id_map_next(&s->nodes, pos);
    }
    if (seen) bytes = (size_t)((double)bytes / (double)seen * (double)id_map_count(&s->nodes));
    return mem_class_size(sizeof *s) + id_map_memory(&s->nodes) + bytes + stream_groups_memory(s);
}

static size_t free_effort(const struct entry *e) {
    const struct stream *s = stream_of(e);
    return id_map_count(&s->nodes) + stream_groups_effort(s);
}

/* Of what is there; what was read by whom isn't part of it. */
static void digest(const struct entry *e, struct digest *d) {
    struct stream_iter it;
    struct stream_entry entry;
    char text[STREAM_ID_TEXT_MAX], digits[NUM_I64_MAX];
    stream_iter_init(&it, stream_of(e), STREAM_ID_MIN, STREAM_ID_MAX, false);
    while (stream_iter_next(&it, &entry)) {
        const uint8_t *name, *value, *node = it.reader.node;
        digest_chain(d, slice_of(text, stream_id_print(text, entry.id)));
        for (size_t i = 0; i < entry.pairs; i++) {
            stream_entry_pair(&entry, node, &name, &value);
            digest_chain(d, listpack_view(name, digits));
            digest_chain(d, listpack_view(value, digits));
        }
    }
}

static void check(const struct entry *e) {
    stream_check(entry_ptr(e));
}

const struct type type_stream = {
    .name = "stream",
    .encoding_name = encoding_name,
    .create = create,
    .release = release,
    .copy = copy,
    .elements = elements,
    .memory = memory,
    .free_effort = free_effort,
    .digest = digest,
    .check = check,
    .rdb = &stream_rdb,
    .rewrite = rewrite_stream,
};
