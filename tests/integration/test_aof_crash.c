/* SPDX-License-Identifier: BSD-3-Clause */
/* The server is killed at any moment while clients write and the log is rewritten. What comes back
 * must be, for each client, the first so many of the things that it asked for, none half done; with
 * appendfsync always all those that it got a reply for.
 *
 * DREY_CRASH_ROUNDS says how many times (for each policy); a few by default. */
#include "integration/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CLIENTS = 4,
    AT_ONCE = 40,           /* things that a client asks for before it looks at replies */
    LONGEST_US = 60 * 1000, /* until the server is killed */
    ROUNDS = 4,
    ANEW = 20, /* rounds with the same files */
};

static int rounds(void) {
    const char *text = getenv("DREY_CRASH_ROUNDS");
    return text ? atoi(text) : ROUNDS;
}

/* The nth thing of a client: its number goes onto a list, and a counter counts. */
static void ask_thing(redisContext *c, int client, long n) {
    if (n % 3 == 0) {
        redisAppendCommand(c, "EVAL %s 2 l:%d n:%d %ld",
                           "redis.call('rpush', KEYS[1], ARGV[1]) return redis.call('incr', "
                           "KEYS[2])",
                           client, client, n);
        return;
    }
    redisAppendCommand(c, "MULTI");
    redisAppendCommand(c, "RPUSH l:%d %ld", client, n);
    redisAppendCommand(c, "INCR n:%d", client);
    redisAppendCommand(c, "EXEC");
}

static int replies_of(long n) {
    return n % 3 == 0 ? 1 : 4;
}

static bool take_thing(redisContext *c, long n) {
    for (int i = 0; i < replies_of(n); i++) {
        redisReply *reply;
        if (redisGetReply(c, (void **)&reply) != REDIS_OK) return false;
        if (reply->type == REDIS_REPLY_ERROR) fail_msg("%s", reply->str);
        freeReplyObject(reply);
    }
    return true;
}

/* Ends the server a while from now, in a process of its own. */
static pid_t kill_soon(const struct server *s, unsigned us) {
    pid_t killer = fork();
    if (killer) return killer;
    usleep(us);
    kill(s->pid, SIGKILL);
    _exit(0);
}

struct client {
    redisContext *c;
    long sent, acknowledged;
};

/* Until the connection is lost. */
static bool ask_some(struct client *client, int id) {
    for (int i = 0; i < AT_ONCE; i++) ask_thing(client->c, id, client->sent + i);
    client->sent += AT_ONCE;
    while (client->acknowledged < client->sent) {
        if (!take_thing(client->c, client->acknowledged)) return false;
        client->acknowledged++;
    }
    return true;
}

static void ask_all(struct client *clients, redisContext *admin, bool rewrite) {
    for (int turn = 0;; turn++) {
        for (int i = 0; i < CLIENTS; i++)
            if (!ask_some(&clients[i], i)) return;
        redisReply *reply = rewrite && turn % 5 == 1 ? redisCommand(admin, "BGREWRITEAOF") : NULL;
        if (reply) freeReplyObject(reply);
    }
}

static long number_of(redisContext *c, const char *command, int id) {
    redisReply *reply = redisCommand(c, command, id);
    if (!reply) fail_msg("%s: %s", command, c->errstr);
    long n = reply->str ? atol(reply->str) : (long)reply->integer;
    freeReplyObject(reply);
    return n;
}

/* Returns how many things of the client are there. */
static long check_list(redisContext *c, int id) {
    redisReply *list = redisCommand(c, "LRANGE l:%d 0 -1", id);
    assert_non_null(list);
    for (size_t i = 0; i < list->elements; i++)
        if (atol(list->element[i]->str) != (long)i)
            fail_msg("thing %zu of client %d is %s", i, id, list->element[i]->str);
    long there = (long)list->elements;
    freeReplyObject(list);
    assert_int_equal(number_of(c, "GET n:%d", id), there);
    return there;
}

struct round {
    const char *dir, *policy;
    bool rewrite;
    long before[CLIENTS]; /* things that are there */
};

static void check_clients(struct round *r, const struct client *clients) {
    struct server *s =
        server_start("--dir %s --appendonly yes --appendfsync %s", r->dir, r->policy);
    redisContext *c = client_open(s);
    for (int i = 0; i < CLIENTS; i++) {
        long there = check_list(c, i);
        if (there < r->before[i] || there > clients[i].sent)
            fail_msg("client %d: %ld things, between %ld and %ld were expected", i, there,
                     r->before[i], clients[i].sent);
        if (!strcmp(r->policy, "always") && there < clients[i].acknowledged)
            fail_msg("client %d: %ld things, but %ld were acknowledged", i, there,
                     clients[i].acknowledged);
        r->before[i] = there;
    }
    redisFree(c);
    server_stop(s);
}

static void crash_once(struct round *r, unsigned us) {
    struct server *s = server_start("--dir %s --appendonly yes --appendfsync %s "
                                    "--auto-aof-rewrite-percentage 0",
                                    r->dir, r->policy);
    struct client clients[CLIENTS];
    redisContext *admin = client_open(s);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = (struct client){client_open(s), r->before[i], r->before[i]};
    pid_t killer = kill_soon(s, us);
    ask_all(clients, admin, r->rewrite);
    waitpid(killer, NULL, 0);
    assert_int_equal(server_end(s, SIGKILL), 128 + SIGKILL);
    redisFree(admin);
    for (int i = 0; i < CLIENTS; i++) redisFree(clients[i].c);
    check_clients(r, clients);
}

/* The log grows, as few rewrites come to their end, and loading it is no use. */
static void begin_anew(struct round *r) {
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s/*", r->dir);
    assert_int_equal(system(command), 0);
    memset(r->before, 0, sizeof r->before);
}

static void crash_often(const char *policy) {
    char dir[] = "/tmp/drey-test-XXXXXX", command[64];
    assert_non_null(mkdtemp(dir));
    struct round r = {.dir = dir, .policy = policy};
    unsigned seed = (unsigned)getpid();
    print_message("seed %u\n", seed);
    for (int i = 0; i < rounds(); i++) {
        if (i % ANEW == ANEW - 1) begin_anew(&r);
        r.rewrite = i % 2;
        crash_once(&r, (unsigned)rand_r(&seed) % LONGEST_US);
    }
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void test_always(void **state) {
    crash_often("always");
}

static void test_everysec(void **state) {
    crash_often("everysec");
}

static void test_no(void **state) {
    crash_often("no");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_always),
        cmocka_unit_test(test_everysec),
        cmocka_unit_test(test_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
