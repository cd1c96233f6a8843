/* SPDX-License-Identifier: BSD-3-Clause */
/* What the server says of itself, and what it can be told to do: INFO, MEMORY, CONFIG, COMMAND,
 * DEBUG. */
#include "integration/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void expect_info(redisContext *c, const char *section, const char *field, const char *want) {
    char *value = info_text(c, section, field);
    assert_string_equal(value, want);
    free(value);
}

static void expect_between(double value, double low, double high) {
    if (value < low || value > high) fail_msg("%g isn't within %g and %g", value, low, high);
}

/* --- INFO --- */

static void test_info_sections(void **state) {
    struct server *s = server_start("%s", "");
    redisContext *c = client_open(s);
    expect_like(c,
                "*# Server*# Clients*# Memory*# Persistence*# Stats*# Replication*# CPU*"
                "# Modules*# Errorstats*# Cluster*# Keyspace*",
                "INFO");
    expect_like(c, "*# Modules*# Commandstats*# Errorstats*# Latencystats*# Cluster*", "INFO all");
    expect_like(c, "\"# CPU\\\\r\\\\n*\"", "INFO cpu nonsense");
    expect(c, "\"\"", "INFO nonsense");
    expect_like(c,
                "\"# Loop\\\\r\\\\nloop_turns:[1-9]*loop_turn_usec:p50=*,p99=*,p99.9=*,max=[1-9]*"
                "loop_turns_longer_than_usec:100=*,100000=[0-9]*",
                "INFO loop");
    expect_like(c, "\"# Debug\\\\r\\\\neventloop_duration_aof_sum:*", "INFO debug");
    char *everything = ask(c, "INFO everything");
    assert_null(strstr(everything, "# Debug"));
    free(everything);
    redisFree(c);
    server_stop(s);
}

static void test_info_server(void **state) {
    struct server *s = server_start("%s", "");
    redisContext *c = client_open(s);
    expect_info(c, "server", "redis_version", "7.2.4");
    expect_info(c, "server", "server_name", "drey");
    assert_int_equal(info_number(c, "server", "process_id"), s->pid);
    assert_int_equal(info_number(c, "server", "tcp_port"), s->port);
    await_alone(c); /* the start's own is gone */
    redisContext *other = client_open(s);
    expect(other, "+PONG", "PING");
    assert_int_equal(info_number(c, "clients", "connected_clients"), 2);
    redisFree(other);
    redisFree(c);
    server_stop(s);
}

static void test_info_memory(void **state) {
    enum { KEYS = 2000, SIZE = 1000 };
    struct server *s = server_start("--enable-debug-command yes");
    redisContext *c = client_open(s);
    double before = info_number(c, "memory", "used_memory");
    expect(c, "+OK", "DEBUG POPULATE %d key %d", KEYS, SIZE);
    double grown = info_number(c, "memory", "used_memory") - before;
    expect_between(grown, KEYS * SIZE, 1.5 * KEYS * SIZE);
    expect_between(info_number(c, "memory", "used_memory_dataset"), KEYS * SIZE, 1.5 * KEYS * SIZE);
    expect_between(info_number(c, "memory", "used_memory_rss"), before + grown, 1e9);
    char *usage = ask(c, "MEMORY USAGE key:1");
    int bytes = 0;
    assert_int_equal(sscanf(usage, "(int) %d", &bytes), 1);
    expect_between(bytes, SIZE, 1.5 * SIZE);
    free(usage);
    expect(c, "+OK", "FLUSHALL SYNC");
    expect_between(info_number(c, "memory", "used_memory"), 0.5 * before, 1.5 * before);
    expect_between(info_number(c, "memory", "used_memory_peak"), before + grown, 1e9);
    redisFree(c);
    server_stop(s);
}

/* A turn that sleeps counts as off the CPU. */
static void test_latency_off_cpu(void **state) {
    struct server *s = server_start("--enable-debug-command yes");
    redisContext *c = client_open(s);
    char *unasked = ask(c, "INFO loop");
    assert_null(strstr(unasked, "cpu"));
    free(unasked);
    expect(c, "+OK", "CONFIG SET latency-monitor-threshold 20");
    expect(c, "+OK", "DEBUG SLEEP 0.03");
    expect_like(c,
                "\"*loop_turn_on_cpu_usec:p50=*,max=[1-9]*"
                "loop_turn_off_cpu_usec:sum=[1-9]*,max=[1-9]*loop_turns_longer_than_usec:*",
                "INFO loop");
    expect_like(c, "\"*The server's thread stood still within its turns, *", "LATENCY DOCTOR");
    expect(c, "+OK", "CONFIG SET latency-monitor-threshold 0");
    char *off = ask(c, "INFO loop");
    assert_null(strstr(off, "cpu"));
    free(off);
    redisFree(c);
    server_stop(s);
}

static void test_memory_doctor(void **state) {
    struct server *s = server_start("--enable-debug-command yes");
    redisContext *c = client_open(s);
    expect_like(c, "\"There is too little in memory *\"", "MEMORY DOCTOR");
    expect(c, "+OK", "DEBUG POPULATE 6000 key 1000");
    char *healthy = ask(c, "MEMORY DOCTOR");
    assert_null(strstr(healthy, "High peak:"));
    free(healthy);
    expect(c, "+OK", "SELECT 1");
    expect(c, "+OK", "DEBUG POPULATE 9000 key 1000");
    expect(c, "+OK", "FLUSHDB SYNC");
    expect_like(c, "\"*High peak: *\"", "MEMORY DOCTOR");
    expect_like(c,
                "*\"db.0\", [[]\"overhead.hashtable.main\", *"
                "\"overhead.db.hashtable.lut\", (int) [1-9]*"
                "\"overhead.db.hashtable.rehashing\", (int) 0, *\"keys.count\", (int) 6000,*",
                "MEMORY STATS");
    redisFree(c);
    server_stop(s);
}

static void test_info_counters(void **state) {
    struct server *s = server_start("%s", "");
    redisContext *c = client_open(s);
    expect(c, "+OK", "CONFIG RESETSTAT");
    expect(c, "+OK", "SET k v EX 1000");
    expect(c, "\"v\"", "GET k");
    expect(c, "(nil)", "GET none");
    expect_like(c, "(err) ERR *", "INCR k");
    expect_like(c, "(err) ERR unknown command *", "NOSUCH");
    assert_int_equal(info_number(c, "stats", "keyspace_hits"), 1);
    assert_int_equal(info_number(c, "stats", "keyspace_misses"), 1);
    assert_int_equal(info_number(c, "stats", "total_error_replies"), 2);
    expect_like(c, "*\\\\nerrorstat_ERR:count=2\\\\r*", "INFO errorstats");
    expect_like(c, "*\\\\ncmdstat_get:calls=2,usec=*,rejected_calls=0,failed_calls=0\\\\r*",
                "INFO commandstats");
    expect_like(c, "*\\\\ncmdstat_incr:calls=1,*failed_calls=1\\\\r*", "INFO commandstats");
    expect_like(c, "*\\\\nlatency_percentiles_usec_get:p50=*,p99=*,p99.9=*", "INFO latencystats");
    expect_like(c, "*\\\\ndb0:keys=1,expires=1,avg_ttl=[19]*\\\\r*", "INFO keyspace");
    expect(c, "+OK", "CONFIG RESETSTAT");
    assert_int_equal(info_number(c, "stats", "keyspace_hits"), 0);
    assert_int_equal(info_number(c, "stats", "total_error_replies"), 0);
    redisFree(c);
    server_stop(s);
}

/* The allocator is told by a helper thread, so a little later. */
static void test_allocator_threads(void **state) {
    struct server *s = server_start("--enable-debug-command yes");
    redisContext *c = client_open(s);
    char *allocator = info_text(c, "memory", "mem_allocator");
    bool has_threads = strncmp(allocator, "jemalloc", 8) == 0; /* not in builds with sanitizers */
    free(allocator);
    if (has_threads) {
        await_like(c, "(int) 1", "DEBUG MALLCTL background_thread");
        expect(c, "+OK", "CONFIG SET jemalloc-bg-thread no");
        await_like(c, "(int) 0", "DEBUG MALLCTL background_thread");
        expect(c, "+OK", "CONFIG SET jemalloc-bg-thread yes");
        await_like(c, "(int) 1", "DEBUG MALLCTL background_thread");
    }
    redisFree(c);
    server_stop(s);
    if (!has_threads) skip();
}

/* --- CONFIG --- */

static void test_config_rewrite(void **state) {
    char path[] = "/tmp/drey-test-conf-XXXXXX", text[512] = "";
    close(mkstemp(path));
    write_file(path, "# mine\nmaxmemory-samples 3\n");
    struct server *s = server_start("%s", path);
    redisContext *c = client_open(s);
    expect_info(c, "server", "config_file", path);
    expect(c, "+OK", "CONFIG SET maxmemory-samples 7 timeout 100");
    expect(c, "+OK", "CONFIG REWRITE");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    assert_non_null(strstr(text, "# mine\nmaxmemory-samples 7\n"));
    assert_non_null(strstr(text, "\ntimeout 100\n"));
    redisFree(c);
    server_stop(s);
    unlink(path);
}

static void test_config_port_in_use(void **state) {
    struct server *s = server_start("%s", ""), *other = server_start("%s", "");
    redisContext *c = client_open(s);
    expect_like(c,
                "(err) ERR CONFIG SET failed (possibly related to argument 'port') - Unable to "
                "listen on this port*",
                "CONFIG SET timeout 77 port %d", other->port);
    expect(c, "[\"timeout\", \"0\"]", "CONFIG GET timeout");
    redisContext *again = client_open(s); /* it still listens where it did */
    expect(again, "+PONG", "PING");
    redisFree(again);
    redisFree(c);
    server_stop(other);
    server_stop(s);
}

/* --- COMMAND --- */

static void test_command_docs(void **state) {
    struct server *s = server_start("%s", "");
    struct wire *w = wire_open(s);
    wire_text(w, "HELLO 3\r\n");
    wire_reply_like(w, "{*}");
    wire_text(w, "COMMAND DOCS config|get nosuch\r\n");
    wire_reply_like(w, "{\"config|get\": {\"summary\": \"*\", \"since\": \"2.0.0\", \"group\": "
                       "\"server\", *\"arguments\": [[]{\"name\": \"parameter\", \"type\": "
                       "\"string\", \"display_text\": \"parameter\", \"flags\": "
                       "~[[]+multiple]}]}}");
    wire_text(w, "COMMAND INFO get nosuch\r\n");
    wire_reply_like(w, "[[][[]\"get\", (int) 2, ~[[]+readonly, +fast], (int) 1, (int) 1, (int) 1, "
                       "~[[]+@read, +@string, +@fast], ~[[]], *], (nil)]");
    wire_close(w);
    server_stop(s);
}

static void test_renamed_command(void **state) {
    struct server *s = server_start("--rename-command lolwut \"\" --rename-command echo say");
    redisContext *c = client_open(s);
    expect_like(c, "(err) ERR unknown command 'LOLWUT'*", "LOLWUT");
    expect(c, "[]", "COMMAND LIST FILTERBY PATTERN lolwut");
    expect(c, "\"x\"", "SAY x");
    expect(c, "[\"echo\"]", "COMMAND LIST FILTERBY PATTERN echo");
    redisFree(c);
    server_stop(s);
}

/* --- DEBUG --- */

static void test_debug_is_guarded(void **state) {
    struct server *s = server_start("%s", "");
    redisContext *c = client_open(s);
    expect_like(c, "(err) ERR DEBUG command not allowed. If the enable-debug-command option is *",
                "DEBUG SLEEP 0");
    expect(c, "(err) ERR wrong number of arguments for 'debug' command", "DEBUG");
    expect_like(c, "*cmdstat_debug:calls=0,*,rejected_calls=2,failed_calls=0\\\\r*",
                "INFO commandstats");
    expect(c, "+OK", "CONFIG SET requirepass x");
    struct wire *w = wire_open(s);
    wire_text(w, "DEBUG SLEEP 0\r\n");
    wire_reply_like(w, "(err) ERR DEBUG command not allowed. *");
    wire_close(w);
    redisFree(c);
    server_stop(s);
    s = server_start("--enable-debug-command local");
    c = client_open(s);
    expect(c, "+OK", "DEBUG SLEEP 0");
    redisFree(c);
    server_stop(s);
}

/* The digest now; the caller frees. */
static char *digest(redisContext *c) {
    return ask(c, "DEBUG DIGEST");
}

static void expect_digest(redisContext *c, const char *want) {
    char *now = digest(c);
    assert_string_equal(now, want);
    free(now);
}

static void expect_other_digest(redisContext *c, const char *than) {
    char *now = digest(c);
    assert_string_not_equal(now, than);
    free(now);
}

static void test_debug_digest(void **state) {
    struct server *s = server_start("--enable-debug-command yes");
    redisContext *c = client_open(s);
    expect(c, "+OK", "MSET a 12345 b two");
    char *first = digest(c), *a = ask(c, "DEBUG DIGEST-VALUE a");
    expect(c, "+OK", "FLUSHALL");
    expect_digest(c, "+0000000000000000000000000000000000000000");
    expect(c, "+OK", "SET b two"); /* in another order, and as a string instead of a number */
    expect(c, "+OK", "SET a 1234");
    expect(c, "(int) 5", "APPEND a 5");
    expect_digest(c, first);
    expect(c, a, "DEBUG DIGEST-VALUE a");
    expect(c, "(int) 1", "EXPIRE a 1000");
    expect_other_digest(c, first);
    expect(c, "(int) 1", "PERSIST a");
    expect_digest(c, first);
    expect(c, "(int) 1", "MOVE a 1");
    expect_other_digest(c, first);
    expect(c, "+OK", "MSET a two b 12345");
    expect_other_digest(c, first);
    free(first);
    free(a);
    redisFree(c);
    server_stop(s);
}

static void test_debug_set_active_expire(void **state) {
    struct server *s = server_start("--enable-debug-command yes");
    redisContext *c = client_open(s);
    expect(c, "+OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    expect(c, "+OK", "SET k v PX 1");
    expect(c, "+OK", "DEBUG SLEEP 0.002");
    expect(c, "(int) 1", "DBSIZE");
    expect(c, "+OK", "DEBUG SET-ACTIVE-EXPIRE 1");
    await_like(c, "(int) 0", "DBSIZE");
    assert_int_equal(info_number(c, "stats", "expired_keys"), 1);
    redisFree(c);
    server_stop(s);
}

/* The command ends the server by this signal, with a report in the log. */
static void expect_crash(const char *command, int signal, const char *reported) {
    struct server *s = server_start("--enable-debug-command yes");
    redisContext *c = client_open(s);
    redisReply *reply = redisCommand(c, command);
    assert_null(reply);
    char *log = server_log(s); /* the report is written before the connection ends */
    if (!strstr(log, reported)) fail_msg("no '%s' in:\n%s", reported, log);
    free(log);
    redisFree(c);
    assert_int_equal(server_end(s, 0), 128 + signal);
}

static void test_debug_crashes(void **state) {
    expect_crash("DEBUG SEGFAULT", SIGSEGV, "crashed by signal");
    expect_crash("DEBUG ASSERT", SIGABRT, "DEBUG ASSERT called");
    expect_crash("DEBUG PANIC", SIGABRT, "DEBUG PANIC called");
}

static size_t traces_logged(const struct server *s) {
    char *log = server_log(s);
    size_t traces = 0;
    for (const char *at = log; (at = strstr(at, "WATCHDOG TIMER EXPIRED")); at++) {
        assert_non_null(strstr(at, "STACK TRACE DONE"));
        traces++;
    }
    free(log);
    return traces;
}

static void test_debug_structures(void **state) {
    struct server *s = server_start("--enable-debug-command yes");
    redisContext *c = client_open(s);
    expect(c, "(int) 1", "HSET hash f v");
    expect(c, "(int) 2", "RPUSH list a b");
    expect(c, "+OK", "SET string %s", "value");
    expect(c, "+OK", "SET number 1");
    expect(c, "+Listpack structure printed on stdout", "DEBUG LISTPACK hash");
    expect(c, "(err) ERR Not a listpack encoded object.", "DEBUG LISTPACK string");
    expect(c, "(err) ERR no such key", "DEBUG LISTPACK none");
    expect(c, "(err) ERR Not a quicklist encoded object.", "DEBUG QUICKLIST list");
    expect(c, "+OK", "CONFIG SET list-max-listpack-size 1");
    expect(c, "(int) 3", "RPUSH list c");
    expect(c, "+Quicklist structure printed on stdout", "DEBUG QUICKLIST list 1");
    expect_like(c, "+key_sds_len:6, key_sds_avail:0, key_zmalloc: *, val_sds_len:5, *",
                "DEBUG SDSLEN string");
    expect(c, "(err) ERR Not an sds encoded string.", "DEBUG SDSLEN number");
    expect_like(c, "+bits:[36][24] entry:*", "DEBUG STRUCTSIZE");
    expect(c, "(err) ERR maxmemory-clients is disabled.", "DEBUG CLIENT-EVICTION");
    expect(c, "+OK", "CONFIG SET maxmemory-clients 1mb");
    expect_like(c, "*bucket          0 - *clients: 1*", "DEBUG CLIENT-EVICTION");
    redisFree(c);
    server_stop(s);
}

static size_t starts_logged(const struct server *s) {
    char *log = server_log(s);
    size_t starts = 0;
    for (const char *at = log; (at = strstr(at, "Ready to accept connections tcp")); at++) starts++;
    free(log);
    return starts;
}

/* The same process runs the program again, and listens where it did. Until it says so a connection
 * may still go to the socket of before, which is about to be closed. */
static void await_restart(const struct server *s, struct wire *before, size_t starts) {
    wire_expect_closed(before);
    wire_close(before);
    const double end = seconds_now() + PATIENCE_SEC;
    while (starts_logged(s) < starts) assert_true(seconds_now() < end);
}

static void test_debug_restart(void **state) {
    struct server *s = server_start("--enable-debug-command yes --appendonly yes");
    struct wire *w = wire_open(s);
    wire_ask(w, "+OK", "SET a 1");
    wire_text(w, "DEBUG RESTART 10\r\n");
    await_restart(s, w, 2);
    redisContext *c = client_open(s);
    await_like(c, "\"1\"", "GET a");
    expect(c, "+OK", "SET b 2");
    redisFree(c);
    w = wire_open(s);
    wire_text(w, "DEBUG CRASH-AND-RECOVER\r\n");
    await_restart(s, w, 3);
    c = client_open(s);
    await_like(c, "[[]\"1\", \"2\"]", "MGET a b");
    redisFree(c);
    server_stop(s);
}

/* The trace is written while the command still runs. On a machine that is slow enough one may come
 * of a turn without it, too. */
static void test_watchdog(void **state) {
    struct server *s = server_start("--enable-debug-command yes --watchdog-period 1");
    redisContext *c = client_open(s);
    expect(c, "[\"watchdog-period\", \"200\"]", "CONFIG GET watchdog-period");
    size_t before = traces_logged(s);
    expect(c, "+OK", "DEBUG SLEEP 0.5");
    assert_true(traces_logged(s) > before);
    expect(c, "+OK", "CONFIG SET watchdog-period 0");
    before = traces_logged(s);
    expect(c, "+OK", "DEBUG SLEEP 0.5");
    assert_int_equal(traces_logged(s), before);
    expect(c, "+OK", "CONFIG SET watchdog-period 300");
    expect(c, "+OK", "DEBUG SLEEP 0.5");
    assert_true(traces_logged(s) > before);
    redisFree(c);
    server_stop(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_info_sections),      cmocka_unit_test(test_info_server),
        cmocka_unit_test(test_info_memory),        cmocka_unit_test(test_latency_off_cpu),
        cmocka_unit_test(test_memory_doctor),      cmocka_unit_test(test_allocator_threads),
        cmocka_unit_test(test_info_counters),      cmocka_unit_test(test_config_rewrite),
        cmocka_unit_test(test_config_port_in_use), cmocka_unit_test(test_command_docs),
        cmocka_unit_test(test_renamed_command),    cmocka_unit_test(test_debug_is_guarded),
        cmocka_unit_test(test_debug_digest),       cmocka_unit_test(test_debug_set_active_expire),
        cmocka_unit_test(test_debug_crashes),      cmocka_unit_test(test_watchdog),
        cmocka_unit_test(test_debug_structures),   cmocka_unit_test(test_debug_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
