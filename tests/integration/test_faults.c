/* SPDX-License-Identifier: BSD-3-Clause */
/* A disk that fails, and a server or a machine that stops, at every single call on a file while
 * snapshots and the append-only log are written (tests/fault/faults.h says how).
 *
 * A story is a sequence of writes with saves, rewrites and the like between them. It's told once to
 * count the calls, and then once for each of them and each thing that can happen there. Afterwards
 * the server is killed if it still lives, and started again with a sound disk: what is there must
 * be the beginning of what was written, whole transactions, and not less than was promised: what a
 * SAVE or a WAITAOF was answered for, and with appendfsync always each write.
 *
 * DREY_FAULT_STEP=1 strikes at each call; by default only some are, others in each run. */
#include "integration/support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fault/faults.h"

enum { DEFAULT_STEP = 40 };

static char dir[64];
static struct faults *faults;

/* --- The disk --- */

static int make_dir(void **state) {
    char path[96], library[512];
    const char *server = getenv("DREY_SERVER");
    if (!make_directory(dir)) return -1;
    snprintf(path, sizeof path, "%s.faults", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *faults) < 0) return -1;
    faults = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    snprintf(library, sizeof library, "%.*s/tests/fault/faults.so",
             (int)(strrchr(server, '/') - server), server);
    if (faults == MAP_FAILED || access(library, R_OK) < 0) return -1;
    snprintf(faults->dir, sizeof faults->dir, "%s", dir);
    const char *asan = getenv("ASAN_OPTIONS");
    char options[512];
    snprintf(options, sizeof options, "%s:verify_asan_link_order=0", asan ? asan : "");
    server_env("ASAN_OPTIONS", options);
    server_env("LD_PRELOAD", library);
    server_env("DREY_FAULTS", path);
    return 0;
}

static void empty_dir(void) {
    char command[160];
    snprintf(command, sizeof command, "rm -rf %s/*", dir);
    assert_int_equal(system(command), 0);
}

static int remove_dir(void **state) {
    char command[192];
    munmap(faults, sizeof *faults);
    server_env("LD_PRELOAD", NULL);
    server_env("DREY_FAULTS", NULL);
    snprintf(command, sizeof command, "rm -r %s %s.faults", dir, dir);
    return system(command);
}

struct strike {
    unsigned calls;
    const char *name; /* pattern; "" for all files */
    enum fault_action action;
    int error;
    long first, times;
};

static void arm(const struct strike *s) {
    atomic_store(&faults->calls, 0);
    snprintf(faults->name, sizeof faults->name, "%s", s->name);
    faults->action = s->action;
    faults->error = s->error;
    faults->first = s->first;
    faults->times = s->times;
    atomic_store(&faults->seen, 0);
    atomic_store(&faults->struck, 0);
    atomic_store(&faults->held, s->action == FAULT_HOLD);
    atomic_store(&faults->calls, s->calls);
}

static void disarm(void) {
    faults->times = 0;
    faults->first = 1L << 40;
}

/* --- Stories --- */

struct story {
    const char *options;
    void (*tell)(struct story *t);
    const char *options_after; /* NULL: the same */
    unsigned calls;
    redisContext *c; /* NULL: the server doesn't answer any more */
    bool always;     /* each write that's answered is promised */
    bool log;        /* the log is complete and counts from now on */
    long sent, answered, promised;
};

/* One reply; false: the connection is lost. */
static bool take(struct story *t, redisReply **reply) {
    if (t->c && redisGetReply(t->c, (void **)reply) == REDIS_OK) return true;
    if (t->c) redisFree(t->c);
    t->c = NULL;
    return false;
}

/* Asks, and says whether the reply begins like that. */
static bool says(struct story *t, const char *beginning, const char *command) {
    redisReply *r;
    if (t->c) redisAppendCommand(t->c, command);
    if (!take(t, &r)) return false;
    bool is = r->str && strncmp(r->str, beginning, strlen(beginning)) == 0;
    freeReplyObject(r);
    return is;
}

/* The next thing: on a list, and counted. True: it's done. */
static bool put(struct story *t) {
    bool done = false;
    if (!t->c) return false;
    redisAppendCommand(t->c, "MULTI");
    redisAppendCommand(t->c, "RPUSH l %ld", t->sent);
    redisAppendCommand(t->c, "INCR n");
    redisAppendCommand(t->c, "EXEC");
    t->sent++;
    for (int i = 0; i < 4; i++) {
        redisReply *r;
        if (!take(t, &r)) return false;
        done = r->type == REDIS_REPLY_ARRAY;
        freeReplyObject(r);
    }
    if (!done) t->sent--; /* refused */
    if (done) t->answered = t->sent;
    if (done && t->always) t->promised = t->sent;
    return done;
}

static char *value_of(const char *info, const char *field) {
    static char value[64];
    const char *at = strstr(info, field);
    assert_non_null(at);
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at + strlen(field), "\r"),
             at + strlen(field));
    return value;
}

/* Asks INFO until the field has that value; false: the server is gone. */
static bool await_field(struct story *t, const char *field, const char *value) {
    double deadline = seconds_now() + PATIENCE_SEC;
    for (bool is = false; !is;) {
        redisReply *r;
        if (t->c) redisAppendCommand(t->c, "INFO persistence");
        if (!take(t, &r)) return false;
        is = strcmp(value_of(r->str, field), value) == 0;
        freeReplyObject(r);
        if (seconds_now() > deadline) fail_msg("%s isn't %s", field, value);
    }
    return true;
}

static bool has_field(struct story *t, const char *field, const char *value) {
    redisReply *r;
    if (t->c) redisAppendCommand(t->c, "INFO persistence");
    if (!take(t, &r)) return false;
    bool is = strcmp(value_of(r->str, field), value) == 0;
    freeReplyObject(r);
    return is;
}

static void tell_saves(struct story *t) {
    put(t);
    if (says(t, "OK", "SAVE")) t->promised = t->answered;
    put(t);
    long at_cut = t->answered;
    if (!says(t, "Background saving started", "BGSAVE")) return;
    put(t);
    if (await_field(t, "rdb_bgsave_in_progress:", "0") &&
        has_field(t, "rdb_last_bgsave_status:", "ok"))
        t->promised = at_cut;
    put(t);
}

static void tell_rewrites(struct story *t) {
    put(t);
    for (int i = 0; i < 2; i++) {
        says(t, "", "BGREWRITEAOF");
        put(t);
        await_field(t, "aof_rewrite_in_progress:", "0");
        put(t);
    }
}

static void tell_waits(struct story *t) {
    redisReply *r;
    tell_rewrites(t);
    long before = t->answered;
    if (!t->c) return;
    redisAppendCommand(t->c, "WAITAOF 1 0 3000");
    if (!take(t, &r)) return;
    if (r->type == REDIS_REPLY_ARRAY && r->element[0]->integer == 1) t->promised = before;
    freeReplyObject(r);
}

/* What was answered under everysec is safe as soon as something is answered under always. */
static void tell_policies(struct story *t) {
    put(t);
    says(t, "", "BGREWRITEAOF");
    put(t);
    t->always = says(t, "OK", "CONFIG SET appendfsync always");
    put(t);
    await_field(t, "aof_rewrite_in_progress:", "0");
    put(t);
    if (says(t, "OK", "CONFIG SET appendfsync everysec")) t->always = false;
    put(t);
    t->always = says(t, "OK", "CONFIG SET appendfsync always");
    put(t);
}

/* The log is switched on, off, and on again: it's what counts once its base is there. */
static void tell_switching(struct story *t) {
    put(t);
    if (says(t, "OK", "SAVE")) t->promised = t->answered;
    put(t);
    for (int i = 0; i < 2; i++) {
        if (!says(t, "OK", "CONFIG SET appendonly yes")) continue;
        put(t);
        t->always = await_field(t, "aof_rewrite_in_progress:", "0") &&
                    has_field(t, "aof_rewrite_scheduled:", "0") &&
                    has_field(t, "aof_last_bgrewrite_status:", "ok");
        t->log = t->log || t->always;
        put(t);
        if (i == 0 && says(t, "OK", "CONFIG SET appendonly no")) t->always = false;
    }
}

/* --- What is left --- */

static struct server *start(struct story *t, const char *options) {
    int status;
    struct server *s = server_try(&status, "--dir %s %s", dir, options);
    if (!s && status != 1 && status != 128 + SIGKILL)
        fail_msg("the server ended at its start, status %d", status);
    t->c = s ? client_open(s) : NULL;
    return s;
}

/* Number of elements of the list, which is right and agrees with the counter. */
static long things(redisContext *c) {
    redisReply *list = redisCommand(c, "LRANGE l 0 -1"), *n = redisCommand(c, "GET n");
    for (size_t i = 0; i < list->elements; i++)
        assert_int_equal(atol(list->element[i]->str), (long)i);
    long there = (long)list->elements;
    assert_int_equal(n->str ? atol(n->str) : 0, there);
    freeReplyObject(list);
    freeReplyObject(n);
    return there;
}

/* The disk is sound again: a server that lives takes writes again, and keeps them. */
static void go_on(struct story *t, struct server *s) {
    double deadline = seconds_now() + PATIENCE_SEC;
    if (!t->c) t->c = client_open(s);
    while (!says(t, "PONG", "PING"))
        if (seconds_now() > deadline) fail_msg("the server doesn't recover");
    t->sent = t->answered = things(t->c);
    assert_true(t->sent >= t->promised);
    while (!put(t)) {
        if (!t->c) t->c = client_open(s);
        t->sent = things(t->c);
        if (seconds_now() > deadline) fail_msg("the server takes no writes");
    }
}

/* After another death everything that was promised is there, twice. */
static void check(struct story *t) {
    const char *options = t->log ? "--appendonly yes" : t->options;
    if (t->options_after) options = t->options_after;
    for (int i = 0; i < 2; i++) {
        struct server *s = server_start("--dir %s %s", dir, options);
        redisContext *c = client_open(s);
        long there = things(c);
        if (there < t->promised || there > t->sent)
            fail_msg("%ld things; %ld were promised, %ld sent", there, t->promised, t->sent);
        redisFree(c);
        if (i == 0)
            assert_int_equal(server_end(s, SIGKILL), 128 + SIGKILL);
        else
            server_stop(s);
    }
}

static bool is_deadly(enum fault_action action) {
    return action != FAULT_FAIL && action != FAULT_SHORT;
}

/* Returns how many calls there were. */
static long play(const struct story *story, const struct strike *strike) {
    struct story t = *story;
    empty_dir();
    arm(strike);
    struct server *s = start(&t, t.options);
    if (s) t.tell(&t);
    disarm(); /* a helper may still be at work */
    long seen = atomic_load(&faults->seen);
    bool struck = atomic_load(&faults->struck);
    if (s && struck && is_deadly(strike->action)) {
        assert_int_equal(server_end(s, 0), 128 + SIGKILL);
        s = NULL;
    }
    if (s) {
        go_on(&t, s);
        assert_int_equal(server_end(s, SIGKILL), 128 + SIGKILL);
    }
    if (t.c) redisFree(t.c);
    check(&t);
    return seen;
}

static long step(void) {
    const char *text = getenv("DREY_FAULT_STEP");
    return text ? atol(text) : DEFAULT_STEP;
}

/* At each call (or some of them) each of the actions. */
static void strike_everywhere(const struct story *story, unsigned actions) {
    struct strike none = {.calls = story->calls, .name = "", .first = 1L << 40};
    long calls = play(story, &none);
    unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();
    print_message("%ld calls, seed %u\n", calls, seed);
    assert_true(calls > 0);
    for (unsigned action = 0; action < FAULT_ACTIONS; action++) {
        if (!(actions & 1u << action)) continue;
        for (long n = rand_r(&seed) % step(); n < calls; n += step()) {
            struct strike strike = {.calls = story->calls,
                                    .name = "",
                                    .action = (enum fault_action)action,
                                    .error = n % 2 ? EIO : ENOSPC,
                                    .first = n,
                                    .times = 1};
            print_message("action %u at call %ld\n", action, n);
            play(story, &strike);
        }
    }
}

#define ALL     ((1u << FAULT_ACTIONS) - 1 - (1u << FAULT_HOLD))
/* Without syncs the end of the log is what the system has written so far: any. */
#define NO_LOSS (ALL & ~(1u << FAULT_LOSE | 1u << FAULT_LOSE_NAMES))

static void test_saves(void **state) {
    struct story t = {.tell = tell_saves, .options = "", .calls = FAULT_CHANGES};
    strike_everywhere(&t, ALL);
}

static void test_always(void **state) {
    struct story t = {.tell = tell_rewrites,
                      .options = "--appendonly yes --appendfsync always",
                      .calls = FAULT_CHANGES,
                      .always = true};
    strike_everywhere(&t, ALL);
}

static void test_everysec(void **state) {
    struct story t = {.tell = tell_waits,
                      .options = "--appendonly yes --appendfsync everysec",
                      .calls = FAULT_CHANGES};
    strike_everywhere(&t, ALL);
}

static void test_no(void **state) {
    struct story t = {.tell = tell_rewrites,
                      .options = "--appendonly yes --appendfsync no",
                      .calls = FAULT_CHANGES};
    strike_everywhere(&t, NO_LOSS);
}

static void test_policies(void **state) {
    struct story t = {.tell = tell_policies,
                      .options = "--appendonly yes --appendfsync everysec",
                      .calls = FAULT_CHANGES};
    strike_everywhere(&t, ALL);
}

static void test_switching(void **state) {
    struct story t = {
        .tell = tell_switching, .options = "--appendfsync always", .calls = FAULT_CHANGES};
    strike_everywhere(&t, ALL);
}

static void await_strike(void) {
    double deadline = seconds_now() + PATIENCE_SEC;
    while (!atomic_load(&faults->struck))
        if (seconds_now() > deadline) fail_msg("the fault doesn't strike");
}

/* The file of before a rewrite isn't synced yet when the policy becomes always: what is answered
 * then is safe with all that came before it. */
static void test_sync_under_way(void **state) {
    struct story t = {.options = "--appendonly yes --appendfsync everysec"};
    struct strike sync = {
        .calls = FAULT_SYNC, .name = "*.1.incr.aof", .action = FAULT_HOLD, .times = 1};
    struct strike lose = {.calls = FAULT_CHANGES, .name = "", .action = FAULT_LOSE, .times = 1};
    struct strike none = {.calls = FAULT_CHANGES, .name = "", .first = 1L << 40};
    arm(&none);
    struct server *s = start(&t, t.options);
    put(&t);
    redisReply *synced = redisCommand(t.c, "WAITAOF 1 0 0");
    assert_true(synced && synced->elements == 2 && synced->element[0]->integer == 1);
    freeReplyObject(synced); /* a sync that had begun already wouldn't be struck */
    arm(&sync);
    put(&t); /* there's something to sync, also if a second was over just now */
    assert_true(says(&t, "Background append only file rewriting started", "BGREWRITEAOF"));
    await_strike();
    assert_true(says(&t, "OK", "CONFIG SET appendfsync always"));
    t.always = true;
    assert_true(put(&t));
    arm(&lose);
    atomic_store(&faults->held, false);
    while (t.c) put(&t);
    assert_int_equal(server_end(s, 0), 128 + SIGKILL);
    disarm();
    assert_int_equal(t.promised, 3);
    check(&t);
}

/* The helper still writes to the file of a snapshot that is given up, as the data are saved for the
 * end: the one has nothing to do with the other. */
static void test_save_in_place_of_another(void **state) {
    struct story t = {.options = "--rdbcompression no"};
    struct strike none = {.calls = FAULT_CHANGES, .name = "", .first = 1L << 40};
    struct strike write = {
        .calls = FAULT_WRITE, .name = "temp-*", .action = FAULT_HOLD, .times = 1};
    arm(&none);
    struct server *s = start(&t, t.options);
    put(&t);
    says(&t, "", "SETRANGE large 5000000 x");
    arm(&write);
    assert_true(says(&t, "Background saving started", "BGSAVE"));
    await_strike();
    put(&t);
    t.promised = t.answered;
    int done = 0;
    redisAppendCommand(t.c, "SHUTDOWN SAVE");
    while (!done) assert_int_equal(redisBufferWrite(t.c, &done), REDIS_OK);
    for (bool saves = false; !saves;) {
        char *log = server_log(s);
        saves = strstr(log, "Saving the final RDB snapshot") != NULL;
        free(log);
    }
    atomic_store(&faults->held, false);
    assert_int_equal(server_end(s, 0), 0);
    redisFree(t.c);
    disarm();
    check(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_saves),          TEST(test_always),
        TEST(test_everysec),       TEST(test_no),
        TEST(test_policies),       TEST(test_switching),
        TEST(test_sync_under_way), TEST(test_save_in_place_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
