/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of the cluster's bus: what is written is read again, and what isn't sound is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "cluster/message.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static uint8_t slots[MESSAGE_SLOTS];

static struct message head(unsigned type) {
    for (size_t i = 0; i < sizeof slots; i++) slots[i] = (uint8_t)(i * 7);
    return (struct message){.type = type,
                            .current_epoch = 0x0102030405060708,
                            .config_epoch = 9,
                            .offset = UINT64_MAX,
                            .sender = A,
                            .primary = B,
                            .slots = slots,
                            .ip = "::1",
                            .port = 7000,
                            .other_port = 1,
                            .bus_port = 17000,
                            .flags = NODE_MYSELF | NODE_REPLICA,
                            .down = true,
                            .marks = MESSAGE_EXTENDED};
}

static void expect_head(const struct message *m, unsigned type) {
    struct message h = head(type);
    assert_int_equal(m->type, type);
    assert_true(m->current_epoch == h.current_epoch && m->config_epoch == 9);
    assert_true(m->offset == UINT64_MAX);
    assert_string_equal(m->sender, A);
    assert_string_equal(m->primary, B);
    assert_string_equal(m->ip, "::1");
    assert_memory_equal(m->slots, slots, sizeof slots);
    assert_int_equal(m->port, 7000);
    assert_int_equal(m->other_port, 1);
    assert_int_equal(m->bus_port, 17000);
    assert_int_equal(m->flags, NODE_MYSELF | NODE_REPLICA);
    assert_true(m->down);
    assert_int_equal(m->marks, MESSAGE_EXTENDED);
}

static struct message read_back(const struct buf *packet) {
    struct message m;
    assert_int_equal(message_length(packet->data), packet->len);
    assert_true(message_read(buf_slice(packet), &m));
    return m;
}

static void add_ping(struct buf *packet) {
    struct message h = head(MESSAGE_PING);
    size_t start = message_begin(packet, &h);
    struct message_gossip g = {A, "127.0.0.1", 5000, 7000, 1, 3, 2, NODE_PFAIL};
    message_add_gossip(packet, start, &g);
    memcpy(g.name, B, sizeof g.name);
    message_add_gossip(packet, start, &g);
    struct message_extension x = {EXTENSION_HOSTNAME, SLICE("host-8ch")};
    message_add_extension(packet, start, &x, true);
    x = (struct message_extension){EXTENSION_SHARD_ID, SLICE(B)};
    message_add_extension(packet, start, &x, false);
}

static void pings(void **state) {
    struct buf packet = BUF_INIT;
    add_ping(&packet);
    assert_int_equal(packet.len, MESSAGE_HEAD + 2 * 104 + 8 + 16 + 8 + 40);
    struct message m = read_back(&packet);
    expect_head(&m, MESSAGE_PING);
    assert_int_equal(m.gossip, 2);
    struct message_gossip g;
    message_gossip_at(&m, 1, &g);
    assert_string_equal(g.name, B);
    assert_string_equal(g.ip, "127.0.0.1");
    assert_true(g.ping_ms == 5000 && g.pong_ms == 7000 && g.port == 1 && g.bus_port == 2);
    assert_int_equal(g.other_port, 3);
    assert_int_equal(g.flags, NODE_PFAIL);
    struct message_extension x;
    size_t at = 0;
    assert_true(message_next_extension(&m, &at, &x));
    assert_true(x.type == EXTENSION_HOSTNAME && slice_eq(x.data, SLICE("host-8ch")));
    assert_true(message_next_extension(&m, &at, &x));
    assert_true(x.type == EXTENSION_SHARD_ID && slice_eq(x.data, SLICE(B)));
    assert_false(message_next_extension(&m, &at, &x));
    buf_release(&packet);
}

static void others(void **state) {
    struct buf packet = BUF_INIT;
    struct message h = head(MESSAGE_FAIL);
    message_add_name(&packet, message_begin(&packet, &h), B);
    struct message m = read_back(&packet);
    assert_true(slice_eq(message_failing(&m), SLICE(B)));
    buf_clear(&packet);
    h.type = MESSAGE_PUBLISHSHARD;
    message_add_publish(&packet, message_begin(&packet, &h), SLICE("c"), SLICE("text"));
    m = read_back(&packet);
    struct slice channel, text;
    message_publish(&m, &channel, &text);
    assert_true(slice_eq(channel, SLICE("c")) && slice_eq(text, SLICE("text")));
    buf_clear(&packet);
    h.type = MESSAGE_UPDATE;
    struct message_update u = {.config_epoch = 77, .name = A, .slots = slots};
    message_add_update(&packet, message_begin(&packet, &h), &u);
    m = read_back(&packet);
    struct message_update got;
    message_update(&m, &got);
    assert_true(got.config_epoch == 77 && memcmp(got.slots, slots, sizeof slots) == 0);
    assert_string_equal(got.name, A);
    buf_clear(&packet);
    h.type = MESSAGE_AUTH_ACK;
    message_begin(&packet, &h);
    m = read_back(&packet);
    expect_head(&m, MESSAGE_AUTH_ACK);
    buf_release(&packet);
}

static void expect_refused(struct buf *packet, size_t at, char byte) {
    struct message m;
    char was = packet->data[at];
    packet->data[at] = byte;
    assert_false(message_read(buf_slice(packet), &m));
    packet->data[at] = was;
    assert_true(message_read(buf_slice(packet), &m));
}

static void refuses(void **state) {
    struct buf packet = BUF_INIT;
    struct message m;
    add_ping(&packet);
    for (size_t len = 0; len < packet.len; len++)
        assert_false(message_read(slice_of(packet.data, len), &m));
    expect_refused(&packet, 0, 'r');
    expect_refused(&packet, 9, 2);    /* version */
    expect_refused(&packet, 7, 0);    /* length */
    expect_refused(&packet, 15, 3);   /* gossip */
    expect_refused(&packet, 2215, 3); /* extensions */
    expect_refused(&packet, 2215, 1);
    expect_refused(&packet, 40, 'A'); /* names */
    expect_refused(&packet, 2128, '\n');
    expect_refused(&packet, 2168, ' ');         /* address */
    expect_refused(&packet, MESSAGE_HEAD, ' '); /* of gossip */
    expect_refused(&packet, MESSAGE_HEAD + 48, '\n');
    expect_refused(&packet, MESSAGE_HEAD + 208 + 3, 23); /* an extension's length */
    expect_refused(&packet, MESSAGE_HEAD + 208 + 3, 0);
    expect_refused(&packet, MESSAGE_HEAD + 208 + 8, ' ');      /* host's name */
    expect_refused(&packet, MESSAGE_HEAD + 208 + 24 + 8, 'x'); /* shard */
    buf_release(&packet);
}

/* Whatever bytes are changed, nothing beyond the packet is read: sanitizers tell. */
static void spoilt(void **state) {
    struct random rng;
    random_seed_fixed(&rng, 3);
    for (int i = 0; i < 20000; i++) {
        struct buf packet = BUF_INIT;
        add_ping(&packet);
        for (int k = 0; k < 3; k++) {
            size_t at = (size_t)random_below(&rng, 2)
                            ? 4 + (size_t)random_below(&rng, 12)
                            : MESSAGE_HEAD + (size_t)random_below(&rng, 280);
            packet.data[at % packet.len] = (char)random_below(&rng, 256);
        }
        struct message m;
        char *exact = malloc(packet.len);
        memcpy(exact, packet.data, packet.len);
        if (message_read(slice_of(exact, packet.len), &m) && m.type <= MESSAGE_MEET) {
            struct message_gossip g;
            struct message_extension x;
            for (unsigned k = 0; k < m.gossip; k++) message_gossip_at(&m, k, &g);
            for (size_t at = 0; message_next_extension(&m, &at, &x);) assert_true(x.data.len < 300);
        }
        free(exact);
        buf_release(&packet);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pings),
        cmocka_unit_test(others),
        cmocka_unit_test(refuses),
        cmocka_unit_test(spoilt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
