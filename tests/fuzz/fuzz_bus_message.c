/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as a message of the cluster's bus: refused, or all its parts can be read, and lie in
 * it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds) {
    if (!holds) abort();
}

static bool is_within(struct slice part, struct slice packet) {
    return part.ptr >= packet.ptr && part.ptr + part.len <= packet.ptr + packet.len;
}

static void read_state(const struct message *m, struct slice packet) {
    struct message_gossip g;
    struct message_extension x;
    unsigned extensions = 0;
    for (unsigned i = 0; i < m->gossip; i++) {
        message_gossip_at(m, i, &g);
        need(node_name_valid(slice_str(g.name)) && message_text_valid(slice_str(g.ip)));
    }
    for (size_t at = 0; message_next_extension(m, &at, &x); extensions++)
        need(is_within(x.data, packet));
    need(extensions == m->extensions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct message m;
    struct slice packet = slice_of(data, size), channel, text;
    struct message_update u;
    if (size < MESSAGE_START || !message_read(packet, &m)) return 0;
    need(message_length(packet.ptr) == size);
    if (m.type <= MESSAGE_MEET) read_state(&m, packet);
    if (m.type == MESSAGE_FAIL) need(node_name_valid(message_failing(&m)));
    if (m.type == MESSAGE_PUBLISH || m.type == MESSAGE_PUBLISHSHARD) {
        message_publish(&m, &channel, &text);
        need(is_within(channel, packet) && is_within(text, packet));
    }
    if (m.type == MESSAGE_UPDATE) {
        message_update(&m, &u);
        need(is_within(slice_of(u.slots, MESSAGE_SLOTS), packet));
    }
    return 0;
}
