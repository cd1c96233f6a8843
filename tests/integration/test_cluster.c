/* SPDX-License-Identifier: BSD-3-Clause */
/* Members of a cluster: one alone, and three that talk to each other, one of them a real
 * redis-server if there is one. */
#include "integration/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NODES = 3, SLOTS = 16384 };

/* --- A node alone --- */

static struct server *start_node(const char *options) {
    return server_start("--cluster-enabled yes --cluster-node-timeout 2000 --cluster-port %d "
                        "--rdb-version 10 %s",
                        free_port(), options);
}

static void test_rules(void **state) {
    struct server *s = start_node("");
    redisContext *c = client_open(s);
    expect(c, "(err) CLUSTERDOWN Hash slot not served", "GET a");
    expect(c, "+OK", "CLUSTER ADDSLOTSRANGE 0 16383");
    await_like(c, "*cluster_state:ok*", "CLUSTER INFO");
    expect(c, "+OK", "MSET {a}1 x {a}2 y");
    expect(c, "(err) CROSSSLOT Keys in request don't hash to the same slot", "MSET a x b y");
    expect(c, "(err) ERR SELECT is not allowed in cluster mode", "SELECT 1");
    expect(c, "(err) ERR MOVE is not allowed in cluster mode", "MOVE {a}1 1");
    expect(c, "+OK", "MULTI");
    expect(c, "+QUEUED", "SET a 1");
    expect(c, "+QUEUED", "SET b 1");
    expect(c, "(err) CROSSSLOT Keys in request don't hash to the same slot", "EXEC");
    expect(c, "(err) ERR EXEC without MULTI", "EXEC");
    expect_like(c, "(err) ERR Script attempted to access keys that do not hash to the same slot*",
                "EVAL %s 1 a", "#!lua\nreturn redis.call('set', 'b', 1)");
    expect(c, "(int) 2", "CLUSTER COUNTKEYSINSLOT 15495");
    expect(c, "[\"{a}1\"]", "CLUSTER GETKEYSINSLOT 15495 1");
    expect(c, "(int) 1", "DEL {a}1");
    expect(c, "[\"{a}2\"]", "CLUSTER GETKEYSINSLOT 15495 10");
    expect(c, "+OK", "FLUSHALL");
    expect(c, "(int) 0", "CLUSTER COUNTKEYSINSLOT 15495");
    struct wire *w = wire_open(s);
    wire_text(w, "BLPOP a 0\r\n");
    await_like(c, "*blocked_clients:1*", "INFO clients");
    struct wire *l = wire_open(s);
    wire_ask(l, "[\"ssubscribe\", \"{a}\", (int) 1]", "SSUBSCRIBE {a}");
    wire_ask(l, "[\"ssubscribe\", \"{b}\", (int) 2]", "SSUBSCRIBE {b}");
    wire_ask(l, "[\"ssubscribe\", \"{a}c\", (int) 3]", "SSUBSCRIBE {a}c");
    expect(c, "+OK", "CLUSTER DELSLOTS 15495");
    wire_reply(w, "(err) CLUSTERDOWN Hash slot not served");
    wire_close(w);
    wire_reply_like(l, "[[]\"sunsubscribe\", \"{a}*\", (int) 2]");
    wire_reply_like(l, "[[]\"sunsubscribe\", \"{a}*\", (int) 1]");
    expect(c, "[\"{b}\"]", "PUBSUB SHARDCHANNELS");
    expect(c, "+OK", "CLUSTER FLUSHSLOTS");
    wire_reply(l, "[\"sunsubscribe\", \"{b}\", (int) 0]");
    wire_ask(l, "+PONG", "PING");
    wire_close(l);
    expect(c, "+OK", "CONFIG SET cluster-announce-port 7000 cluster-announce-bus-port 7001");
    expect_like(c, "*:7000@7001 myself,*", "CLUSTER NODES");
    expect(c, "+OK", "CONFIG SET cluster-announce-hostname a.example");
    expect_like(c, "*:7000@7001,a.example myself,*", "CLUSTER NODES");
    redisFree(c);
    server_stop(s);
}

/* A MEET that's lost is said again. */
static void test_meeting(void **state) {
    static const char options[] = "--cluster-node-timeout 60000 --enable-debug-command yes";
    struct server *s[2] = {start_node(options), start_node(options)};
    redisContext *c[2] = {client_open(s[0]), client_open(s[1])};
    char *text = ask(c[1], "CLUSTER NODES");
    expect(c[1], "+OK", "DEBUG DROP-CLUSTER-PACKET-FILTER 2");
    expect(c[1], "+OK", "DEBUG CLOSE-CLUSTER-LINK-ON-PACKET-DROP 1");
    expect(c[0], "+OK", "CLUSTER MEET 127.0.0.1 %d %d", s[1]->port, atoi(strchr(text, '@') + 1));
    await_like(c[1], "*meet_received:[3-9]*", "CLUSTER INFO");
    expect_like(c[1], "*cluster_known_nodes:1[!0-9]*", "CLUSTER INFO");
    expect(c[1], "+OK", "DEBUG DROP-CLUSTER-PACKET-FILTER -1");
    await_like(c[1], "*cluster_known_nodes:2*", "CLUSTER INFO");
    for (int i = 0; i < 2; i++) {
        redisFree(c[i]);
        server_stop(s[i]);
    }
    free(text);
}

/* What it promised it keeps: the file of a node that was killed is whole, and nobody else takes
 * it. */
static void test_file(void **state) {
    char file[64] = "/tmp/drey-nodes-XXXXXX", options[128];
    close(mkstemp(file));
    snprintf(options, sizeof options, "--cluster-config-file %s", file);
    struct server *s = start_node(options);
    redisContext *c = client_open(s);
    char *id = ask(c, "CLUSTER MYID");
    expect(c, "+OK", "CLUSTER ADDSLOTS 1 2 3 100");
    expect(c, "+BUMPED 1", "CLUSTER BUMPEPOCH");
    redisFree(c);
    server_end(s, SIGKILL);
    s = start_node(options);
    c = client_open(s);
    expect(c, id, "CLUSTER MYID");
    expect_like(c, "*myself,master - 0 0 1 connected 1-3 100*", "CLUSTER NODES");
    free(id);
    char *output;
    assert_int_equal(server_run(&output, NULL,
                                "--port %d --cluster-port %d --cluster-enabled yes %s", free_port(),
                                free_port(), options),
                     1);
    assert_non_null(strstr(output, "is already used by a different Redis Cluster node"));
    free(output);
    redisFree(c);
    server_stop(s);
    write_file(file, "this is no node\n");
    assert_int_equal(server_run(&output, NULL,
                                "--port %d --cluster-port %d --cluster-enabled yes %s", free_port(),
                                free_port(), options),
                     1);
    assert_non_null(strstr(output, "corrupted cluster config file"));
    free(output);
    unlink(file);
}

/* --- Three nodes --- */

static struct server *nodes[NODES];
static redisContext *clients[NODES];
static char *ids[NODES];

/* The name without its quotes. */
static char *id_of(redisContext *c) {
    char *quoted = ask(c, "CLUSTER MYID"), *id = strndup(quoted + 1, 40);
    free(quoted);
    return id;
}

static struct server *start_real(void) {
    static const char path[] = "/usr/bin/redis-server";
    if (access(path, X_OK) != 0) return start_node("");
    char *ours = strdup(getenv("DREY_SERVER"));
    setenv("DREY_SERVER", path, 1);
    struct server *s =
        server_start("--cluster-enabled yes --cluster-node-timeout 2000 --cluster-port %d "
                     "--repl-diskless-sync-delay 0",
                     free_port());
    setenv("DREY_SERVER", ours, 1);
    free(ours);
    return s;
}

static int bus_port_of(int i) {
    char *text = ask(clients[i], "CLUSTER NODES");
    int port = atoi(strchr(text, '@') + 1);
    free(text);
    return port;
}

/* A node that isn't given the CPU for this long has failed, to the others: it's little only while
 * that is waited for. */
enum { NODE_TIMEOUT_MS = 2000, LONG_TIMEOUT_MS = 20000 };

static void set_timeout(redisContext *c, int ms) {
    expect(c, "+OK", "CONFIG SET cluster-node-timeout %d", ms);
}

static void set_timeouts(int ms) {
    for (int i = 0; i < NODES; i++) set_timeout(clients[i], ms);
}

static void await_all(const char *want, const char *command) {
    for (int i = 0; i < NODES; i++) await_like(clients[i], want, command);
}

static int start_three(void **state) {
    for (int i = 0; i < NODES; i++) {
        nodes[i] = i == 1 ? start_real() : start_node("");
        clients[i] = client_open(nodes[i]);
        ids[i] = id_of(clients[i]);
        expect(clients[i], "+OK", "CLUSTER SET-CONFIG-EPOCH %d", i + 1);
        expect(clients[i], "+OK", "CLUSTER ADDSLOTSRANGE %d %d", i * SLOTS / NODES,
               (i + 1) * SLOTS / NODES - 1);
    }
    for (int i = 0; i + 1 < NODES; i++)
        expect(clients[i], "+OK", "CLUSTER MEET 127.0.0.1 %d %d", nodes[i + 1]->port,
               bus_port_of(i + 1));
    await_all("*cluster_state:ok*cluster_known_nodes:3*cluster_size:3*", "CLUSTER INFO");
    set_timeouts(LONG_TIMEOUT_MS);
    await_all("*cluster_state:ok*", "CLUSTER INFO");
    return 0;
}

static int stop_three(void **state) {
    for (int i = 0; i < NODES; i++) {
        redisFree(clients[i]);
        free(ids[i]);
        server_stop(nodes[i]);
    }
    return 0;
}

/* foo is in slot 12182, the last node's; bar in 5061, the first one's. */
static void test_redirections(void **state) {
    char want[64];
    snprintf(want, sizeof want, "(err) MOVED 12182 127.0.0.1:%d", nodes[2]->port);
    expect(clients[0], want, "SET foo 1");
    expect(clients[1], want, "GET foo");
    expect(clients[2], "+OK", "SET foo 1");
    snprintf(want, sizeof want, "(err) MOVED 5061 127.0.0.1:%d", nodes[0]->port);
    expect(clients[2], want, "GET bar");
    expect(clients[2], "+OK", "MULTI");
    expect(clients[2], want, "GET bar");
    expect(clients[2], "(err) EXECABORT Transaction discarded because of previous errors.", "EXEC");
    expect(clients[2], "(int) 1", "DEL foo");
}

/* A slot goes from one node to another, with keys: from ours to the real one and back. */
static void move_slot(int from, int to, int slot) {
    char want[64];
    expect(clients[to], "+OK", "CLUSTER SETSLOT %d IMPORTING %s", slot, ids[from]);
    expect(clients[from], "+OK", "CLUSTER SETSLOT %d MIGRATING %s", slot, ids[to]);
    snprintf(want, sizeof want, "(err) ASK %d 127.0.0.1:%d", slot, nodes[to]->port);
    expect(clients[from], want, "GET {bar}none");
    expect(clients[from], "\"v\"", "GET {bar}1");
    expect_like(clients[from], "(err) TRYAGAIN*", "MGET {bar}1 {bar}none");
    expect_like(clients[to], "(err) MOVED*", "GET {bar}1");
    expect(clients[from], "+OK", "MIGRATE 127.0.0.1 %d %s 0 5000 KEYS {bar}1 {bar}2",
           nodes[to]->port, "");
    expect(clients[from], want, "GET {bar}1");
    expect(clients[to], "+OK", "ASKING");
    expect(clients[to], "\"v\"", "GET {bar}1");
    expect_like(clients[to], "(err) MOVED*", "GET {bar}1");
    expect(clients[to], "+OK", "CLUSTER SETSLOT %d NODE %s", slot, ids[to]);
    expect(clients[from], "+OK", "CLUSTER SETSLOT %d NODE %s", slot, ids[to]);
    expect(clients[to], "\"v\"", "GET {bar}2");
    snprintf(want, sizeof want, "(err) MOVED %d 127.0.0.1:%d", slot, nodes[to]->port);
    for (int i = 0; i < NODES; i++)
        if (i != to) await_like(clients[i], want, "GET {bar}1");
}

static void test_moving_slots(void **state) {
    expect(clients[0], "+OK", "MSET {bar}1 v {bar}2 v");
    move_slot(0, 1, 5061);
    move_slot(1, 2, 5061);
    move_slot(2, 0, 5061);
    expect(clients[0], "(int) 2", "DEL {bar}1 {bar}2");
}

static void test_channels(void **state) {
    for (int from = 0; from < NODES; from++) {
        int to = (from + 1) % NODES;
        struct wire *w = wire_open(nodes[to]);
        wire_ask(w, "[\"subscribe\", \"news\", (int) 1]", "SUBSCRIBE news");
        expect_like(clients[from], "(int) *", "PUBLISH news text"); /* its own may be closing */
        wire_reply(w, "[\"message\", \"news\", \"text\"]");
        wire_close(w);
    }
}

/* Who says nothing has failed, as soon as most say so; who is back has not. */
static void test_failure(void **state) {
    char fails[80], well[80];
    snprintf(fails, sizeof fails, "*%s * master,fail *", ids[2]);
    snprintf(well, sizeof well, "*%s * master - *", ids[2]);
    set_timeouts(NODE_TIMEOUT_MS);
    server_hold(nodes[2]);
    for (int i = 0; i < 2; i++) {
        await_like(clients[i], fails, "CLUSTER NODES");
        await_like(clients[i], "*cluster_state:fail*", "CLUSTER INFO");
    }
    expect(clients[0], "(err) CLUSTERDOWN The cluster is down", "GET bar");
    server_go_on(nodes[2]);
    for (int i = 0; i < 2; i++) await_like(clients[i], well, "CLUSTER NODES");
    await_all("*cluster_state:ok*", "CLUSTER INFO");
    set_timeouts(LONG_TIMEOUT_MS);
    await_all("*cluster_state:ok*", "CLUSTER INFO");
}

/* --- Replicas --- */

static struct server *replica;
static redisContext *replica_client;

/* An attempt is given up after five seconds, which can be too few on a busy machine: another
 * follows. */
static void fail_over(redisContext *c) {
    const double end = seconds_now() + PATIENCE_SEC;
    for (bool leads = false; !leads;) {
        free(ask(c, "CLUSTER FAILOVER"));
        for (double next = seconds_now() + 7; !leads && seconds_now() < next;) {
            char *info = ask(c, "INFO replication");
            leads = strstr(info, "role:master");
            free(info);
        }
        assert_true(leads || seconds_now() < end);
    }
}

/* A replica of the real server, if there's one, takes its place: by hand, and gives it back; then
 * because it says nothing any more. */
static void test_failover(void **state) {
    char *id, leads[96], follows[160];
    replica = start_node("");
    replica_client = client_open(replica);
    set_timeout(replica_client, LONG_TIMEOUT_MS);
    id = id_of(replica_client);
    snprintf(leads, sizeof leads, "*%s * myself,master - *5461-10921*", id);
    snprintf(follows, sizeof follows, "*%s * myself,slave %s *", id, ids[1]);
    expect(replica_client, "+OK", "CLUSTER MEET 127.0.0.1 %d %d", nodes[1]->port, bus_port_of(1));
    await_like(replica_client, "*cluster_known_nodes:4*", "CLUSTER INFO");
    await_like(replica_client, "*cluster_state:ok*", "CLUSTER INFO");
    expect(replica_client, "+OK", "CLUSTER REPLICATE %s", ids[1]);
    expect(replica_client, "(err) ERR REPLICAOF not allowed in cluster mode.", "REPLICAOF NO ONE");
    await_like(replica_client, "*master_link_status:up*", "INFO replication");
    await_like(replica_client, follows, "CLUSTER NODES");
    await_like(clients[1], "+OK", "SET key1 value"); /* slot 9189 */
    await_like(replica_client, "(int) 1", "DBSIZE");
    expect_like(replica_client, "(err) MOVED 9189 *", "GET key1");
    expect(replica_client, "+OK", "READONLY");
    expect(replica_client, "\"value\"", "GET key1");
    expect_like(replica_client, "(err) MOVED 9189 *", "DEL key1");
    fail_over(replica_client);
    await_like(replica_client, leads, "CLUSTER NODES");
    await_like(clients[1], "*role:slave*master_link_status:up*", "INFO replication");
    await_like(replica_client, "+OK", "SET key1 other");
    await_like(clients[0], "*cluster_state:ok*", "CLUSTER INFO");
    snprintf(follows, sizeof follows, "*%s * slave %s *", ids[1], id);
    await_like(replica_client, follows, "CLUSTER NODES");
    fail_over(clients[1]);
    await_like(replica_client, "*role:slave*master_link_status:up*", "INFO replication");
    expect(replica_client, "\"other\"", "GET key1");
    set_timeouts(NODE_TIMEOUT_MS);
    set_timeout(replica_client, NODE_TIMEOUT_MS);
    server_hold(nodes[1]);
    await_like(replica_client, leads, "CLUSTER NODES");
    await_like(replica_client, "+OK", "SET key1 third");
    expect_like(replica_client, "[[]*\"slots\"*\"slots\"*\"slots\"*]", "CLUSTER SHARDS");
    char *shards = ask(replica_client, "CLUSTER SHARDS"); /* who was replaced is no shard */
    assert_null(strstr(shards, "\"slots\", []"));
    free(shards);
    server_go_on(nodes[1]);
    await_like(clients[1], "*role:slave*master_link_status:up*", "INFO replication");
    free(id);
    redisFree(replica_client);
    server_stop(replica);
}

int main(void) {
    const struct CMUnitTest alone[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_meeting),
        cmocka_unit_test(test_file),
    };
    const struct CMUnitTest together[] = {
        cmocka_unit_test(test_redirections), cmocka_unit_test(test_moving_slots),
        cmocka_unit_test(test_channels),     cmocka_unit_test(test_failure),
        cmocka_unit_test(test_failover),
    };
    int failed = cmocka_run_group_tests(alone, NULL, NULL);
    return failed + cmocka_run_group_tests(together, start_three, stop_three);
}
