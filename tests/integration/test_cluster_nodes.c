/* SPDX-License-Identifier: BSD-3-Clause */
/* Members of a cluster in what three that are well don't get into: busy with a script, lied to,
 * loading, without replicas. */
#include "integration/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 16384, MAX_NODES = 5 };

#define STRANGER_ID "2222222222222222222222222222222222222222"

/* --- Nodes --- */

struct node {
    struct server *server;
    redisContext *client;
    int bus_port;
    char id[41];
};

static void node_open(struct node *n, struct server *s, int bus_port) {
    n->server = s;
    n->bus_port = bus_port;
    n->client = client_open(s);
    char *quoted = ask(n->client, "CLUSTER MYID");
    snprintf(n->id, sizeof n->id, "%.40s", quoted + 1);
    free(quoted);
}

static void node_start(struct node *n, const char *options) {
    int bus_port = free_port();
    node_open(n,
              server_start("--cluster-enabled yes --cluster-node-timeout 2000 --cluster-port %d "
                           "--repl-diskless-sync-delay 0 --rdb-version 10 %s",
                           bus_port, options),
              bus_port);
}

/* A real server, if there's one. */
static void node_start_real(struct node *n) {
    static const char path[] = "/usr/bin/redis-server";
    char *ours = strdup(getenv("DREY_SERVER"));
    int bus_port = free_port();
    bool real = access(path, X_OK) == 0;
    if (real) setenv("DREY_SERVER", path, 1);
    node_open(n,
              server_start("--cluster-enabled yes --cluster-node-timeout 2000 --cluster-port %d "
                           "--repl-diskless-sync-delay 0",
                           bus_port),
              bus_port);
    setenv("DREY_SERVER", ours, 1);
    free(ours);
}

static void node_stop(struct node *n) {
    redisFree(n->client);
    server_stop(n->server);
}

static void meet(const struct node *a, const struct node *b) {
    expect(a->client, "+OK", "CLUSTER MEET 127.0.0.1 %d %d", b->server->port, b->bus_port);
}

/* A node that isn't given the CPU for this long has failed, to the others: it's little only while
 * that is waited for. */
enum { NODE_TIMEOUT_MS = 2000, LONG_TIMEOUT_MS = 20000 };

static void set_timeouts(const struct node *nodes, int count, int ms) {
    for (int i = 0; i < count; i++)
        expect(nodes[i].client, "+OK", "CONFIG SET cluster-node-timeout %d", ms);
}

/* Until they know each other. */
static void await_nodes(const struct node *nodes, int count) {
    char want[48];
    snprintf(want, sizeof want, "*cluster_known_nodes:%d*", count);
    for (int i = 0; i < count; i++) {
        await_like(nodes[i].client, want, "CLUSTER INFO");
        await_like(nodes[i].client, "*cluster_state:ok*", "CLUSTER INFO");
    }
    set_timeouts(nodes, count, LONG_TIMEOUT_MS);
    for (int i = 0; i < count; i++)
        await_like(nodes[i].client, "*cluster_state:ok*", "CLUSTER INFO");
}

static int64_t pongs_received(const struct node *n) {
    static const char field[] = "messages_pong_received:";
    char *text = ask(n->client, "CLUSTER INFO"), *at = strstr(text, field);
    int64_t count = at ? strtoll(at + strlen(field), NULL, 10) : 0;
    free(text);
    return count;
}

static void await_pongs(const struct node *n, int more) {
    double until = seconds_now() + PATIENCE_SEC;
    int64_t wanted = pongs_received(n) + more;
    while (pongs_received(n) < wanted)
        if (seconds_now() > until) fail_msg("no pongs");
}

/* --- Busy --- */

/* Who runs a long script is alive: else its place would be taken, and what the script writes lost.
 * What comes meanwhile is heard when it's over. */
static void test_busy(void **state) {
    struct node nodes[2];
    for (int i = 0; i < 2; i++) {
        node_start(&nodes[i], "--busy-reply-threshold 1 --cluster-ping-interval 100");
        expect(nodes[i].client, "+OK", "CLUSTER SET-CONFIG-EPOCH %d", i + 1);
        expect(nodes[i].client, "+OK", "CLUSTER ADDSLOTSRANGE %d %d", i * SLOTS / 2,
               (i + 1) * SLOTS / 2 - 1);
    }
    meet(&nodes[0], &nodes[1]);
    await_nodes(nodes, 2);
    struct wire *w = wire_open(nodes[0].server), *listener = wire_open(nodes[0].server);
    wire_ask(listener, "[\"subscribe\", \"news\", (int) 1]", "SUBSCRIBE news");
    wire_text(w, "EVAL \"while true do end\" 0\r\n");
    await_like(nodes[0].client, "(err) BUSY*", "GET bar");
    await_pongs(&nodes[1], 10);
    expect_like(nodes[1].client, "(int) *", "PUBLISH news text");
    expect(nodes[0].client, "+OK", "SCRIPT KILL");
    wire_reply_like(w, "(err) *killed*");
    wire_reply(listener, "[\"message\", \"news\", \"text\"]");
    wire_close(listener);
    wire_close(w);
    for (int i = 0; i < 2; i++) node_stop(&nodes[i]);
}

/* --- Strangers --- */

enum { HEAD = 2256, MEET = 2 };

static void put(unsigned char *at, unsigned bytes, unsigned long value) {
    while (bytes--) {
        at[bytes] = (unsigned char)value;
        value >>= 8;
    }
}

/* A message without a body. */
static void make_message(unsigned char *head, unsigned type, unsigned long length) {
    memset(head, 0, HEAD);
    memcpy(head, "RCmb", 4);
    put(head + 4, 4, length);
    put(head + 8, 2, 1);
    put(head + 10, 2, 7000);
    put(head + 12, 2, type);
    memcpy(head + 40, STRANGER_ID, 40);
    put(head + 2248, 2, 17000);
    put(head + 2250, 2, 1);
}

/* Who asks to be met a hundred times is met once; nobody who isn't known may say very much, or not
 * listen. */
static void test_strangers(void **state) {
    struct node n;
    unsigned char head[HEAD];
    node_start(&n, "");
    struct wire *w = wire_open_at("127.0.0.1", n.bus_port);
    make_message(head, MEET, HEAD);
    for (int i = 0; i < 100; i++) wire_send(w, head, HEAD);
    await_like(n.client, "*messages_meet_received:100*", "CLUSTER INFO");
    expect_like(n.client, "*cluster_known_nodes:2*", "CLUSTER INFO");
    wire_close(w);
    w = wire_open_at("127.0.0.1", n.bus_port);
    make_message(head, MEET, 100 * 1024 * 1024);
    wire_send(w, head, HEAD);
    wire_expect_closed(w);
    wire_close(w);
    node_stop(&n);
}

/* --- Without replicas --- */

static void replicate(const struct node *n, const struct node *primary) {
    char want[64];
    snprintf(want, sizeof want, "*%s*", primary->id);
    await_like(n->client, want, "CLUSTER NODES");
    expect(n->client, "+OK", "CLUSTER REPLICATE %s", primary->id);
}

/* That `of` has so many replicas that work is what `n` knows. */
static void await_replicas(const struct node *n, const struct node *of, int count) {
    char part[64];
    double until = seconds_now() + PATIENCE_SEC;
    snprintf(part, sizeof part, "slave %s ", of->id);
    for (int found = -1; found != count;) {
        if (seconds_now() > until) fail_msg("not %d replicas, but %d", count, found);
        char *text = ask(n->client, "CLUSTER NODES");
        found = 0;
        for (char *at = text; (at = strstr(at, part)); at++) found++;
        free(text);
    }
}

/* A primary, which has lost its only replica, gets one of another that has two. */
static void test_migration(void **state) {
    struct node nodes[MAX_NODES], *first = &nodes[0], *second = &nodes[1];
    char follows[128];
    for (int i = 0; i < MAX_NODES; i++) {
        if (i == 1)
            node_start_real(&nodes[i]);
        else
            node_start(&nodes[i], "");
        if (i < 2) expect(nodes[i].client, "+OK", "CLUSTER SET-CONFIG-EPOCH %d", i + 1);
        if (i) meet(first, &nodes[i]);
    }
    expect(first->client, "+OK", "CLUSTER ADDSLOTSRANGE 0 8191");
    expect(second->client, "+OK", "CLUSTER ADDSLOTSRANGE 8192 16383");
    await_nodes(nodes, MAX_NODES);
    replicate(&nodes[2], first);
    replicate(&nodes[3], first);
    replicate(&nodes[4], second);
    for (int i = 0; i < MAX_NODES; i++) {
        await_replicas(&nodes[i], first, 2);
        await_replicas(&nodes[i], second, 1);
    }
    set_timeouts(nodes, MAX_NODES, NODE_TIMEOUT_MS);
    redisFree(nodes[4].client);
    server_end(nodes[4].server, SIGKILL);
    bool lower = strcmp(nodes[2].id, nodes[3].id) < 0;
    const struct node *goes = &nodes[lower ? 2 : 3], *stays = &nodes[lower ? 3 : 2];
    snprintf(follows, sizeof follows, "*myself,slave %s *", second->id);
    await_like(goes->client, follows, "CLUSTER NODES");
    await_like(goes->client, "*master_link_status:up*", "INFO replication");
    snprintf(follows, sizeof follows, "*myself,slave %s *", first->id);
    expect_like(stays->client, follows, "CLUSTER NODES");
    for (int i = 0; i < 4; i++) await_replicas(&nodes[i], first, 1);
    for (int i = 0; i < 4; i++) node_stop(&nodes[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_migration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
