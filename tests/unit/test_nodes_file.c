/* SPDX-License-Identifier: BSD-3-Clause */
/* nodes.conf: files as servers of several versions write them, and damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "cluster/nodes_file.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccc"
#define D "dddddddddddddddddddddddddddddddddddddddd"

static struct cluster *begin(void) {
    struct cluster *c = mem_zalloc(sizeof *c);
    c->slots = mem_zalloc(sizeof *c->slots);
    node_set_init(&c->nodes);
    return c;
}

static void end(struct cluster *c) {
    node_set_release(&c->nodes);
    mem_free(c->slots);
    mem_free(c);
}

static struct cluster *parse(const char *text) {
    struct cluster *c = begin();
    size_t line;
    if (!nodes_file_parse(c, slice_str(text), &line)) fail_msg("refused at line %zu", line);
    return c;
}

static void expect_refused(const char *text, size_t where) {
    struct cluster *c = begin();
    size_t line;
    assert_false(nodes_file_parse(c, slice_str(text), &line));
    assert_int_equal(line, where);
    end(c);
}

static void version_7_0(void **state) {
    struct cluster *c =
        parse(B " 127.0.0.1:7001@17001 slave " A " 0 1700000000000 3 connected\n" A
                " ::1:7000@17000,host.example myself,master - 0 0 3 connected 0-5 7 [5->-" C
                "] [9-<-" C "]\n" C " :0@0 master,noaddr,fail - 1 2 1 disconnected 9 100-16383\n"
                "vars currentEpoch 6 lastVoteEpoch 5\n");
    assert_int_equal(c->nodes.count, 3);
    assert_string_equal(c->self->name, A);
    assert_string_equal(c->self->ip, "::1");
    assert_string_equal(c->self->hostname, "host.example");
    assert_int_equal(c->self->slot_count, 7);
    struct cluster_node *b = node_set_find(&c->nodes, SLICE(B));
    struct cluster_node *other = node_set_find(&c->nodes, SLICE(C));
    assert_ptr_equal(b->primary, c->self);
    assert_string_equal(b->shard_id, c->self->shard_id);
    assert_int_equal(b->bus_port, 17001);
    assert_ptr_equal(c->slots->migrating[5], other);
    assert_ptr_equal(c->slots->importing[9], other);
    assert_ptr_equal(c->slots->owner[16383], other);
    assert_int_equal(other->flags, NODE_PRIMARY | NODE_NOADDR | NODE_FAIL);
    assert_int_equal(c->current_epoch, 6);
    assert_int_equal(c->last_vote_epoch, 5);
    end(c);
}

/* What is written is read back the same. */
static void version_7_2(void **state) {
    static const char text[] =
        A " 127.0.0.1:7000@17000,,shard-id=" D ",nodename=me,tls-port=1,later=x myself,master "
          "- 0 0 9 connected 1-2\nvars currentEpoch 4 lastVoteEpoch 0\n";
    struct cluster *c = parse(text);
    assert_string_equal(c->self->shard_id, D);
    assert_string_equal(c->self->nodename, "me");
    assert_int_equal(c->self->tls_port, 1);
    assert_int_equal(c->current_epoch, 9);
    struct buf first = BUF_INIT, second = BUF_INIT;
    nodes_file_write(c, &first);
    struct cluster *again = parse(first.data);
    nodes_file_write(again, &second);
    assert_string_equal(first.data, second.data);
    buf_release(&first);
    buf_release(&second);
    end(again);
    end(c);
}

#define ME A " 127.0.0.1:7000@17000 myself,master - 0 0 0 connected"

static void damaged(void **state) {
    expect_refused("", 0);
    expect_refused(A " 127.0.0.1:7000@17000 master - 0 0 0 connected\n", 0);
    expect_refused("vars currentEpoch\n", 1);
    expect_refused("vars currentEpoch x\n", 1);
    expect_refused(ME "\n\"x\n", 2);
    expect_refused(ME "\n" B " 127.0.0.1:7000@17000 myself,master - 0 0 0 connected\n", 2);
    expect_refused(ME " 16384\n", 1);
    expect_refused(ME " 1-16384\n", 1);
    expect_refused(ME " x\n", 1);
    expect_refused(ME " [1->-" B "\n", 1);
    expect_refused(ME " [1=>-" B "]\n", 1);
    expect_refused(ME " [1-]\n", 1);
    expect_refused("a 127.0.0.1:7000@17000 myself,master - 0 0 0 connected\n", 1);
    expect_refused(A " 127.0.0.1 myself,master - 0 0 0 connected\n", 1);
    expect_refused(A " 127.0.0.1:70000 myself,master - 0 0 0 connected\n", 1);
    expect_refused(A " 127.0.0.1:1@70000 myself,master - 0 0 0 connected\n", 1);
    expect_refused(A " :1@2,h,shard-id=1 myself,master - 0 0 0 connected\n", 1);
    expect_refused(A " :1@2 myself,other - 0 0 0 connected\n", 1);
    expect_refused(A " :1@2 myself,slave " A " 0 0 0 connected\n", 1);
    expect_refused(A " :1@2 myself,slave x 0 0 0 connected\n", 1);
    expect_refused(A " :1@2 myself,master - 0 0 0\n", 1);
    expect_refused(A " :1@2 myself,master - 0 x 0 connected\n", 1);
}

/* Whatever bytes are lost or changed: it's refused, or read, and no memory is touched wrongly. */
static void spoilt(void **state) {
    static const char text[] = ME " 0-5 [7->-" B "] [8-<-" B "]\n" B " 1.2.3.4:1@2,h,shard-id=" D
                                  " slave " A " 0 0 0 connected 9\n";
    struct random rng;
    random_seed_fixed(&rng, 5);
    for (int i = 0; i < 5000; i++) {
        char spoiled[sizeof text];
        memcpy(spoiled, text, sizeof text);
        size_t len = 1 + (size_t)random_below(&rng, sizeof text - 1), line;
        spoiled[random_below(&rng, len)] = (char)random_below(&rng, 256);
        spoiled[random_below(&rng, len)] = " -,:@[]0\n"[random_below(&rng, 9)];
        struct cluster *c = begin();
        nodes_file_parse(c, slice_of(spoiled, len), &line);
        end(c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_7_0),
        cmocka_unit_test(version_7_2),
        cmocka_unit_test(damaged),
        cmocka_unit_test(spoilt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
