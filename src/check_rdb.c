/* SPDX-License-Identifier: BSD-3-Clause */
/* drey-check-rdb: looks whether a snapshot is sound, or shows what's in it. It takes the files of
 * all servers that drey-server can load; values are decoded one after the other, so it
 * needs memory for the largest, and for the names of all keys (no two may be the same). Words that
 * scripts look for in the output are those of redis-check-rdb. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/version.h"
#include "persist/persist_config.h"
#include "persist/rdb_load.h"
#include "type/type.h"
#include "type/value_json.h"

struct check {
    struct rdb_load load;
    uint64_t now_ms;
    uint64_t deadlines, passed; /* keys that have one, and those whose time has come */
    struct buf line;
};

static void count_key(struct check *c, const struct rdb_key *key) {
    c->deadlines += key->deadline != ENTRY_NO_DEADLINE;
    c->passed += key->deadline <= c->now_ms;
}

/* The report. */

static unsigned long long offset(const struct check *c) {
    return (unsigned long long)c->load.end;
}

static void report_fact(void *ctx, struct slice name, struct slice value) {
    const struct check *c = (const struct check *)ctx;
    printf("[offset %llu] AUX FIELD %.*s = '%.*s'\n", offset(c), (int)name.len, name.ptr,
           (int)value.len, value.ptr);
}

static void report_db(void *ctx, uint32_t number) {
    const struct check *c = (const struct check *)ctx;
    printf("[offset %llu] Selecting DB ID %u\n", offset(c), number);
}

static void report_key(void *ctx, const struct rdb_key *key) {
    count_key(ctx, key);
}

static void report_end(const struct check *c, bool sound, const char *why) {
    if (sound) {
        printf("[offset %llu] %s\n", offset(c),
               c->load.summed ? "Checksum OK" : "There is no checksum to check.");
        printf("[offset %llu] \\o/ RDB looks OK! \\o/\n", offset(c));
    } else {
        printf("--- RDB ERROR DETECTED ---\n[offset %llu] %s\n", offset(c), why);
    }
    printf("[info] %llu keys read\n", (unsigned long long)c->load.loading->keys);
    printf("[info] %llu expires\n", (unsigned long long)c->deadlines);
    printf("[info] %llu already expired\n", (unsigned long long)c->passed);
}

/* The contents: a line of JSON for each key. */

static void write_line(struct check *c) {
    buf_append_char(&c->line, '\n');
    fwrite(c->line.data, 1, c->line.len, stdout);
    buf_clear(&c->line);
}

static void show_library(void *ctx, struct slice text) {
    struct check *c = (struct check *)ctx;
    buf_append_str(&c->line, "{\"library\":");
    json_put_bytes(&c->line, text);
    buf_append_char(&c->line, '}');
    write_line(c);
}

static void put_figure(struct buf *to, const char *name, int64_t figure) {
    buf_append_char(to, ',');
    json_put_name(to, name);
    buf_append_i64(to, figure);
}

static void put_deadline(const struct check *c, uint64_t deadline, struct buf *to) {
    if (deadline == ENTRY_NO_DEADLINE) {
        buf_append_str(to, ",\"expire_ms\":null,\"ttl_ms\":null");
        return;
    }
    put_figure(to, "expire_ms", (int64_t)deadline);
    put_figure(to, "ttl_ms", deadline > c->now_ms ? (int64_t)(deadline - c->now_ms) : 0);
}

static void show_key(void *ctx, const struct rdb_key *key) {
    struct check *c = (struct check *)ctx;
    const struct entry *e = key->entry;
    struct buf *to = &c->line;
    count_key(c, key);
    buf_appendf(to, "{\"db\":%u,\"key\":", key->db);
    json_put_bytes(to, entry_key(e));
    buf_appendf(to, ",\"type\":\"%s\",\"encoding\":\"%s\"", type_of(e)->name,
                type_of(e)->encoding_name(e));
    put_deadline(c, key->deadline, to);
    if (key->idle_s >= 0) put_figure(to, "idle_s", key->idle_s);
    if (key->frequency >= 0) put_figure(to, "freq", key->frequency);
    put_figure(to, "elements", (int64_t)type_of(e)->elements(e));
    put_figure(to, "memory", (int64_t)type_memory(e, 0));
    buf_append_str(to, ",\"value\":");
    value_json(e, to);
    buf_append_char(to, '}');
    write_line(c);
}

/* Both. */

static const struct rdb_visitor reporter = {
    .fact = report_fact, .db = report_db, .key = report_key};
static const struct rdb_visitor shower = {.library = show_library, .key = show_key};

static bool look(struct engine *e, const char *path, bool json) {
    struct persist_config settings = {.loading_interval = INT64_MAX};
    struct loading loading = {.engine = e, .config = &settings};
    struct buf why = BUF_INIT;
    struct check c = {
        .load = {.checksum = true, .visitor = json ? &shower : &reporter, .loading = &loading},
        .now_ms = (uint64_t)clock_wall_us() / 1000,
    };
    c.load.visitor_ctx = &c;
    if (!json) printf("[offset 0] Checking RDB file %s\n", path);
    loading_begin(&loading, 0);
    bool ok = rdb_load(e, path, &c.load, &why);
    loading_end(&loading);
    if (!json) report_end(&c, ok, why.data);
    if (json && !ok) fprintf(stderr, "%s: %s\n", path, why.data);
    buf_release(&why);
    buf_release(&c.line);
    return ok;
}

static int usage(void) {
    fputs("Usage: drey-check-rdb [--json] FILE\n"
          "       drey-check-rdb --version\n"
          "\n"
          "Says whether FILE, a snapshot, is sound. With --json, shows what's in it: a line for\n"
          "each key with db, key, type, encoding, expire_ms (Unix time) and ttl_ms, elements,\n"
          "memory (bytes once it's loaded) and value. Bytes that aren't text are {\"base64\":}.\n",
          stderr);
    return 1;
}

int main(int argc, char **argv) {
    enum { DATABASES = 1 << 14 };
    bool json = argc > 1 && !strcmp(argv[1], "--json");
    if (argc == 2 && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-v"))) {
        printf("drey-check-rdb %s\n", DREY_VERSION);
        return 0;
    }
    if (argc != 2 + json || (!json && argv[1][0] == '-')) return usage();
    struct config *config = config_new("");
    struct engine e;
    engine_init(&e, config);
    engine_open(&e, DATABASES);
    bool ok = look(&e, argv[argc - 1], json);
    engine_release(&e);
    config_free(config);
    return ok && fflush(stdout) == 0 ? 0 : 1;
}
