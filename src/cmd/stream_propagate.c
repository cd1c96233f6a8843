/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd/stream_propagate.h"

static void propagate_id(const struct call *c, struct stream_id id) {
    char text[STREAM_ID_TEXT_MAX];
    propagate_word(c, slice_of(text, stream_id_print(text, id)));
}

void stream_propagate_pending(const struct call *c, struct slice key, const struct stream_group *g,
                              struct slice id, const struct stream_pending *p) {
    if (!call_propagates(c)) return;
    propagate_open(c, 14);
    propagate_word(c, SLICE("XCLAIM"));
    propagate_word(c, key);
    propagate_word(c, g->named.name);
    propagate_word(c, p->consumer->named.name);
    propagate_word(c, SLICE("0"));
    propagate_word(c, id);
    propagate_word(c, SLICE("TIME"));
    propagate_u64(c, p->delivered_ms);
    propagate_word(c, SLICE("RETRYCOUNT"));
    propagate_u64(c, p->deliveries);
    propagate_word(c, SLICE("FORCE"));
    propagate_word(c, SLICE("JUSTID"));
    propagate_word(c, SLICE("LASTID"));
    propagate_id(c, g->last_id);
}

void stream_propagate_group(const struct call *c, struct slice key, const struct stream_group *g) {
    if (!call_propagates(c)) return;
    propagate_open(c, 7);
    propagate_word(c, SLICE("XGROUP"));
    propagate_word(c, SLICE("SETID"));
    propagate_word(c, key);
    propagate_word(c, g->named.name);
    propagate_id(c, g->last_id);
    propagate_word(c, SLICE("ENTRIESREAD"));
    propagate_i64(c, g->entries_read);
}

void stream_propagate_consumer(const struct call *c, struct slice key, const struct stream_group *g,
                               const struct stream_consumer *consumer) {
    const struct slice argv[] = {SLICE("XGROUP"), SLICE("CREATECONSUMER"), key, g->named.name,
                                 consumer->named.name};
    propagate_instead(c, 5, argv);
}
