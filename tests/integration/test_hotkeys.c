/* SPDX-License-Identifier: BSD-3-Clause */
/* HOTKEYS and BIGKEYS of a server under load: what is hot is found among much that isn't, what is
 * large is found wherever it is, and the memory and time spent on it are within their bounds. */
#include "integration/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOT = 10, COLD = 100000, REQUESTS = 400000, BATCH = 1000 };

static long long info(redisContext *c, const char *field) {
    char *text = ask(c, "INFO hotkeys"), name[64];
    snprintf(name, sizeof name, "\\r\\n%s:", field); /* as the text shows line ends */
    const char *at = strstr(text, name);
    if (!at) fail_msg("no %s in INFO", field);
    long long value = atoll(at + strlen(name));
    free(text);
    return value;
}

/* The same numbers in each run (Knuth's generator of MMIX). */
static unsigned below(unsigned n) {
    static uint64_t state = 1;
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)((state >> 33) % n);
}

static void drop_replies(redisContext *c, int count) {
    for (int i = 0; i < count; i++) {
        redisReply *reply;
        assert_int_equal(redisGetReply(c, (void **)&reply), REDIS_OK);
        assert_true(reply->type != REDIS_REPLY_ERROR);
        freeReplyObject(reply);
    }
}

static int number_of(const redisReply *key, const char *prefix) {
    size_t len = strlen(prefix);
    return strncmp(key->str, prefix, len) == 0 ? atoi(key->str + len) : -1;
}

/* Half of the requests name the ten hot keys, in another rhythm than any gap between samples. */
static void ask_hot_and_cold(redisContext *c) {
    for (int done = 0; done < REQUESTS; done += BATCH) {
        for (int i = 0; i < BATCH; i++)
            if (i % 2)
                redisAppendCommand(c, "GET hot:%d", i / 2 % HOT);
            else
                redisAppendCommand(c, "GET cold:%d", (int)below(COLD));
        drop_replies(c, BATCH);
    }
}

/* Are the hot keys there, each once and with about its share? */
static bool shares_are_known(redisContext *c) {
    redisReply *r = redisCommand(c, "HOTKEYS BY USES COUNT %d", HOT);
    assert_int_equal(r->elements, 12);
    assert_string_equal(r->element[10]->str, "keys");
    const redisReply *keys = r->element[11];
    assert_int_equal(keys->elements, HOT);
    bool seen[HOT] = {false}, known = true;
    for (int i = 0; i < HOT; i++) {
        const redisReply *key = keys->element[i];
        assert_int_equal(key->elements, 12);
        int number = number_of(key->element[1], "hot:");
        double percent = atof(key->element[11]->str);
        known = known && number >= 0 && number < HOT && !seen[number] && percent > 4 && percent < 6;
        if (!known) break;
        seen[number] = true;
        assert_string_equal(key->element[5]->str, "none"); /* it doesn't exist */
    }
    freeReplyObject(r);
    return known;
}

/* How many samples are taken depends on what they cost on this machine: the estimates must get
 * there, if not at once. A sample in a thousand is the least, twelve rounds then 4,800, and six
 * sigma of a share of 5 % are 1.9 %. */
static void test_hot_keys(void **state) {
    struct server *s = server_start("--hotkeys-window-seconds 600");
    redisContext *c = client_open(s);
    expect(c, "+OK", "HOTKEYS RESET");
    ask_hot_and_cold(c);
    assert_true(info(c, "hotkeys_sampled_commands") < REQUESTS / 2);
    for (int rounds = 1; !shares_are_known(c); rounds++) {
        if (rounds == 12) fail_msg("the shares of the hot keys aren't known");
        ask_hot_and_cold(c);
    }
    assert_in_range(info(c, "hotkeys_bytes") + info(c, "bigkeys_bytes"), 1, 65536);
    redisFree(c);
    server_stop(s);
}

/* One request of six is for a large value: of 200 samples, the least there can be, it has 33, and
 * the small one 167. */
static void test_bytes(void **state) {
    struct server *s = server_start("--hotkeys-window-seconds 600");
    redisContext *c = client_open(s);
    static char value[2000];
    memset(value, 'v', sizeof value);
    redisReply *r = redisCommand(c, "SET large %b", value, sizeof value);
    freeReplyObject(r);
    expect(c, "+OK", "SET small v");
    for (int done = 0; done < REQUESTS / 2; done += BATCH) {
        for (int i = 0; i < BATCH; i++) redisAppendCommand(c, i % 6 ? "GET small" : "GET large");
        drop_replies(c, BATCH);
    }
    expect_like(c, "*\"keys\", [[\"key\", \"large\"*", "HOTKEYS BY BYTES COUNT 1");
    expect_like(c, "*\"small\", \"db\", (int) 0, \"type\", \"string\"*", "HOTKEYS COUNT 1");
    redisFree(c);
    server_stop(s);
}

/* However large the keyspace is, the large key is found by and by. */
static void test_big_keys(void **state) {
    struct server *s = server_start("--hotkeys-tracking no");
    redisContext *c = client_open(s);
    expect(c, "+OK", "SELECT 3");
    for (int done = 0; done < COLD; done += BATCH) {
        for (int i = 0; i < BATCH; i++) redisAppendCommand(c, "SET key:%d v", done + i);
        drop_replies(c, BATCH);
    }
    expect(c, "(int) 5000", "SETRANGE key:%d 4990 0123456789", COLD / 2);
    expect(c, "(int) 3", "RPUSH list a b c");
    await_like(c, "*\"walk-percent\", \"100\"*", "BIGKEYS COUNT 1");
    expect_like(c,
                "*\"string\", [[\"key\", \"key:50000\", \"db\", (int) 3, \"elements\", (int) 5000*",
                "BIGKEYS COUNT 1");
    expect_like(
        c, "*\"keys\", [\"list\", [[\"key\", \"list\", \"db\", (int) 3, \"elements\", (int) 3*",
        "BIGKEYS TYPE list BY ELEMENTS");
    expect(c, "(int) 1", "DEL key:%d", COLD / 2);
    expect_like(c, "*\"elements\", (int) 1, *", "BIGKEYS TYPE STRING COUNT 1");
    expect(c, "(int) 1", "DEL list");
    expect_like(c, "*\"keys\", ?\"list\", ????", "BIGKEYS TYPE list");
    redisFree(c);
    server_stop(s);
}

static void test_off(void **state) {
    struct server *s = server_start("--bigkeys-tracking no");
    redisContext *c = client_open(s);
    expect(c, "(err) ERR bigkeys-tracking is off", "BIGKEYS");
    assert_int_equal(info(c, "bigkeys_bytes"), 0);
    expect(c, "+OK", "CONFIG SET hotkeys-tracking no bigkeys-tracking yes");
    expect(c, "(err) ERR hotkeys-tracking is off", "HOTKEYS");
    assert_int_equal(info(c, "hotkeys_bytes"), 0);
    expect_like(c, "[\"by\", \"memory\"*", "BIGKEYS");
    expect(c, "+OK", "CONFIG SET hotkeys-tracking yes hotkeys-window-seconds 5");
    expect_like(c, "*\"window-seconds\", (int) 5*", "HOTKEYS");
    redisFree(c);
    server_stop(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hot_keys),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_big_keys),
        cmocka_unit_test(test_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
