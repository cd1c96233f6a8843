/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/message.h"

#include <string.h>

enum {
    VERSION = 1,
    AT_LENGTH = 4,
    AT_VERSION = 8,
    AT_PORT = 10,
    AT_TYPE = 12,
    AT_GOSSIP = 14,
    AT_CURRENT_EPOCH = 16,
    AT_CONFIG_EPOCH = 24,
    AT_OFFSET = 32,
    AT_SENDER = 40,
    AT_SLOTS = 80,
    AT_PRIMARY = 2128,
    AT_IP = 2168,
    AT_EXTENSIONS = 2214,
    AT_OTHER_PORT = 2246,
    AT_BUS_PORT = 2248,
    AT_FLAGS = 2250,
    AT_STATE = 2252,
    AT_MARKS = 2253,
    GOSSIP_SIZE = 104,
    GOSSIP_PING = 40,
    GOSSIP_PONG = 44,
    GOSSIP_IP = 48,
    GOSSIP_PORT = 94,
    GOSSIP_BUS_PORT = 96,
    GOSSIP_FLAGS = 98,
    GOSSIP_OTHER_PORT = 100,
    EXTENSION_HEAD = 8,
    HOSTNAME_MAX = 255,
};

/* Numbers. */

static uint64_t get(const char *at, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) value = value << 8 | (unsigned char)at[i];
    return value;
}

static uint16_t get16(const char *at) {
    return (uint16_t)get(at, 2);
}

static void put(char *at, unsigned bytes, uint64_t value) {
    while (bytes--) {
        at[bytes] = (char)value;
        value >>= 8;
    }
}

static void add(struct buf *to, unsigned bytes, uint64_t value) {
    put(buf_reserve(to, bytes), bytes, value);
    to->len += bytes;
}

/* Texts. */

bool message_text_valid(struct slice text) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-.:_%";
    for (size_t i = 0; i < text.len; i++)
        if (!memchr(allowed, text.ptr[i], sizeof allowed - 1)) return false;
    return true;
}

/* What stands before the first zero. */
static struct slice until_zero(const char *at, size_t max) {
    const char *end = memchr(at, 0, max);
    return slice_of(at, end ? (size_t)(end - at) : max);
}

static bool get_ip(const char *at, char *to) {
    struct slice text = until_zero(at, NODE_IP_MAX);
    if (!message_text_valid(text) || text.len == NODE_IP_MAX) return false;
    slice_put(to, text);
    to[text.len] = '\0';
    return true;
}

static void get_name(const char *at, char *to) {
    memcpy(to, at, NODE_NAME_LEN);
    to[NODE_NAME_LEN] = '\0';
}

static bool is_name(const char *at) {
    return node_name_valid(slice_of(at, NODE_NAME_LEN));
}

/* Reading. */

uint32_t message_length(const char *start) {
    uint32_t length = (uint32_t)get(start + AT_LENGTH, 4);
    return memcmp(start, "RCmb", 4) == 0 && length >= MESSAGE_HEAD ? length : 0;
}

static bool extension_sound(unsigned type, struct slice data) {
    struct slice text = until_zero(data.ptr, data.len);
    if (type == EXTENSION_HOSTNAME || type == EXTENSION_NODENAME)
        return text.len < data.len && text.len <= HOSTNAME_MAX && message_text_valid(text);
    if (type == EXTENSION_SHARD_ID) return data.len >= NODE_NAME_LEN && is_name(data.ptr);
    if (type == EXTENSION_FORGOTTEN) return data.len >= NODE_NAME_LEN + 8 && is_name(data.ptr);
    return true;
}

static bool extensions_sound(const struct message *m, size_t at) {
    for (unsigned i = 0; i < m->extensions; i++) {
        if (m->body.len - at < EXTENSION_HEAD) return false;
        uint64_t size = get(m->body.ptr + at, 4);
        if (size < EXTENSION_HEAD || size % 8 || size > m->body.len - at) return false;
        struct slice data = slice_of(m->body.ptr + at + EXTENSION_HEAD, size - EXTENSION_HEAD);
        if (!extension_sound(get16(m->body.ptr + at + 4), data)) return false;
        at += size;
    }
    return at == m->body.len;
}

static bool gossip_sound(const struct message *m) {
    size_t size = (size_t)m->gossip * GOSSIP_SIZE;
    char ip[NODE_IP_MAX + 1];
    if (m->body.len < size) return false;
    for (size_t at = 0; at < size; at += GOSSIP_SIZE)
        if (!is_name(m->body.ptr + at) || !get_ip(m->body.ptr + at + GOSSIP_IP, ip)) return false;
    return extensions_sound(m, size);
}

static bool publish_sound(const struct message *m) {
    if (m->body.len < 8) return false;
    return get(m->body.ptr, 4) + get(m->body.ptr + 4, 4) == m->body.len - 8;
}

static bool update_sound(const struct message *m) {
    return m->body.len == 8 + NODE_NAME_LEN + MESSAGE_SLOTS && is_name(m->body.ptr + 8);
}

static bool body_sound(const struct message *m) {
    switch (m->type) {
    case MESSAGE_PING:
    case MESSAGE_PONG:
    case MESSAGE_MEET: return gossip_sound(m);
    case MESSAGE_FAIL: return m->body.len == NODE_NAME_LEN && is_name(m->body.ptr);
    case MESSAGE_PUBLISH:
    case MESSAGE_PUBLISHSHARD: return publish_sound(m);
    case MESSAGE_UPDATE: return update_sound(m);
    case MESSAGE_AUTH_REQUEST:
    case MESSAGE_AUTH_ACK:
    case MESSAGE_MFSTART: return m->body.len == 0;
    default: return true;
    }
}

bool message_read(struct slice packet, struct message *m) {
    const char *at = packet.ptr;
    if (packet.len < MESSAGE_HEAD || message_length(at) != packet.len) return false;
    if (get16(at + AT_VERSION) != VERSION) return false;
    *m = (struct message){
        .type = get16(at + AT_TYPE),
        .current_epoch = get(at + AT_CURRENT_EPOCH, 8),
        .config_epoch = get(at + AT_CONFIG_EPOCH, 8),
        .offset = get(at + AT_OFFSET, 8),
        .slots = (const uint8_t *)at + AT_SLOTS,
        .port = get16(at + AT_PORT),
        .other_port = get16(at + AT_OTHER_PORT),
        .bus_port = get16(at + AT_BUS_PORT),
        .flags = get16(at + AT_FLAGS),
        .gossip = get16(at + AT_GOSSIP),
        .extensions = get16(at + AT_EXTENSIONS),
        .down = at[AT_STATE],
        .marks = (uint8_t)at[AT_MARKS],
        .body = slice_of(at + MESSAGE_HEAD, packet.len - MESSAGE_HEAD),
    };
    get_name(at + AT_SENDER, m->sender);
    get_name(at + AT_PRIMARY, m->primary);
    if (!is_name(at + AT_SENDER) || (m->primary[0] && !is_name(at + AT_PRIMARY))) return false;
    return get_ip(at + AT_IP, m->ip) && body_sound(m);
}

void message_gossip_at(const struct message *m, unsigned i, struct message_gossip *g) {
    const char *at = m->body.ptr + (size_t)i * GOSSIP_SIZE;
    get_name(at, g->name);
    get_ip(at + GOSSIP_IP, g->ip);
    g->ping_ms = get(at + GOSSIP_PING, 4) * 1000;
    g->pong_ms = get(at + GOSSIP_PONG, 4) * 1000;
    g->port = get16(at + GOSSIP_PORT);
    g->bus_port = get16(at + GOSSIP_BUS_PORT);
    g->flags = get16(at + GOSSIP_FLAGS);
    g->other_port = get16(at + GOSSIP_OTHER_PORT);
}

bool message_next_extension(const struct message *m, size_t *at, struct message_extension *x) {
    if (!*at) *at = (size_t)m->gossip * GOSSIP_SIZE;
    if (*at >= m->body.len) return false;
    const char *from = m->body.ptr + *at;
    size_t size = get(from, 4);
    x->type = get16(from + 4);
    x->data = slice_of(from + EXTENSION_HEAD, size - EXTENSION_HEAD);
    if (x->type == EXTENSION_HOSTNAME || x->type == EXTENSION_NODENAME)
        x->data = until_zero(x->data.ptr, x->data.len);
    *at += size;
    return true;
}

struct slice message_failing(const struct message *m) {
    return slice_of(m->body.ptr, NODE_NAME_LEN);
}

void message_publish(const struct message *m, struct slice *channel, struct slice *text) {
    *channel = slice_of(m->body.ptr + 8, get(m->body.ptr, 4));
    *text = slice_of(channel->ptr + channel->len, get(m->body.ptr + 4, 4));
}

void message_update(const struct message *m, struct message_update *u) {
    u->config_epoch = get(m->body.ptr, 8);
    get_name(m->body.ptr + 8, u->name);
    u->slots = (const uint8_t *)m->body.ptr + 8 + NODE_NAME_LEN;
}

/* Writing. */

static void set_length(struct buf *to, size_t start) {
    put(to->data + start + AT_LENGTH, 4, to->len - start);
}

static void count_one(struct buf *to, size_t start, unsigned at) {
    put(to->data + start + at, 2, get16(to->data + start + at) + 1u);
    set_length(to, start);
}

size_t message_begin(struct buf *to, const struct message *m) {
    size_t start = to->len;
    char *at = buf_reserve(to, MESSAGE_HEAD);
    memset(at, 0, MESSAGE_HEAD);
    to->len += MESSAGE_HEAD;
    memcpy(at, "RCmb", 4);
    put(at + AT_VERSION, 2, VERSION);
    put(at + AT_PORT, 2, m->port);
    put(at + AT_TYPE, 2, m->type);
    put(at + AT_CURRENT_EPOCH, 8, m->current_epoch);
    put(at + AT_CONFIG_EPOCH, 8, m->config_epoch);
    put(at + AT_OFFSET, 8, m->offset);
    memcpy(at + AT_SENDER, m->sender, NODE_NAME_LEN);
    memcpy(at + AT_SLOTS, m->slots, MESSAGE_SLOTS);
    memcpy(at + AT_PRIMARY, m->primary, strlen(m->primary));
    memcpy(at + AT_IP, m->ip, strlen(m->ip));
    put(at + AT_OTHER_PORT, 2, m->other_port);
    put(at + AT_BUS_PORT, 2, m->bus_port);
    put(at + AT_FLAGS, 2, m->flags);
    at[AT_STATE] = m->down;
    at[AT_MARKS] = (char)m->marks;
    set_length(to, start);
    return start;
}

void message_add_gossip(struct buf *to, size_t start, const struct message_gossip *g) {
    char *at = buf_reserve(to, GOSSIP_SIZE);
    memset(at, 0, GOSSIP_SIZE);
    to->len += GOSSIP_SIZE;
    memcpy(at, g->name, NODE_NAME_LEN);
    memcpy(at + GOSSIP_IP, g->ip, strlen(g->ip));
    put(at + GOSSIP_PING, 4, g->ping_ms / 1000);
    put(at + GOSSIP_PONG, 4, g->pong_ms / 1000);
    put(at + GOSSIP_PORT, 2, g->port);
    put(at + GOSSIP_BUS_PORT, 2, g->bus_port);
    put(at + GOSSIP_FLAGS, 2, g->flags);
    put(at + GOSSIP_OTHER_PORT, 2, g->other_port);
    count_one(to, start, AT_GOSSIP);
}

void message_add_extension(struct buf *to, size_t start, const struct message_extension *x,
                           bool terminated) {
    size_t size = (x->data.len + terminated + 7) / 8 * 8;
    add(to, 4, EXTENSION_HEAD + size);
    add(to, 2, x->type);
    add(to, 2, 0);
    char *at = buf_reserve(to, size);
    memset(at, 0, size);
    slice_put(at, x->data);
    to->len += size;
    count_one(to, start, AT_EXTENSIONS);
}

void message_add_name(struct buf *to, size_t start, const char *name) {
    buf_append(to, name, NODE_NAME_LEN);
    set_length(to, start);
}

void message_add_publish(struct buf *to, size_t start, struct slice channel, struct slice text) {
    add(to, 4, channel.len);
    add(to, 4, text.len);
    buf_append_slice(to, channel);
    buf_append_slice(to, text);
    set_length(to, start);
}

void message_add_update(struct buf *to, size_t start, const struct message_update *u) {
    add(to, 8, u->config_epoch);
    buf_append(to, u->name, NODE_NAME_LEN);
    buf_append(to, u->slots, MESSAGE_SLOTS);
    set_length(to, start);
}
