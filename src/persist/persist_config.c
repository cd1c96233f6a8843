/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/persist_config.h"

#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/num.h"
#include "type/rdb.h"

#define SNAPSHOTS "Snapshots"

static bool save_words_valid(const struct config_input *in) {
    for (size_t i = 0; i + 1 < in->n; i += 2) {
        int64_t seconds, changes;
        if (!num_to_i64(in->words[i], &seconds) || seconds < 1) return false;
        if (!num_to_i64(in->words[i + 1], &changes) || changes < 0) return false;
    }
    return in->n % 2 == 0;
}

static bool refuse_save(const struct config_input *in) {
    buf_append_str(in->why, "Invalid save parameters");
    return false;
}

/* An empty word takes all points away. */
static bool save_parse(const struct config_input *in, void *value) {
    const struct config_list *old = in->current;
    bool empty = in->n == 0 || (in->n == 1 && in->words[0].len == 0);
    if (!empty && !save_words_valid(in)) return refuse_save(in);
    size_t kept = in->from_file && !in->first && !empty ? old->n : 0;
    size_t n = empty ? 0 : in->n;
    struct slice *words = mem_alloc((kept + n + 1) * sizeof(*words));
    for (size_t i = 0; i < kept; i++) words[i] = slice_str(old->items[i]);
    for (size_t i = 0; i < n; i++) words[kept + i] = in->words[i];
    config_list_copy(value, words, kept + n);
    mem_free(words);
    return true;
}

static void save_rewrite(const struct config_param *param, const void *value, struct buf *lines) {
    const struct config_list *list = value;
    if (!list->n) buf_appendf(lines, "%s \"\"\n", param->name);
    for (size_t i = 0; i + 1 < list->n; i += 2)
        buf_appendf(lines, "%s %s %s\n", param->name, list->items[i], list->items[i + 1]);
}

static const struct config_type type_save = {.size = sizeof(struct config_list),
                                             .adds_up = true,
                                             .parse = save_parse,
                                             .format = config_list_format,
                                             .release = config_list_release,
                                             .rewrite = save_rewrite};

static const struct config_word versions[] = {{"10", RDB_VERSION_OLD}, {"11", RDB_VERSION}, {0}};

static bool check_filename(const struct config_change *change) {
    const char *name = *(char *const *)change->value;
    if (*name && !strchr(name, '/')) return true;
    buf_append_str(change->why, *name ? "dbfilename can't be a path, just a filename"
                                      : "dbfilename can't be empty");
    return false;
}

static const struct config_param rows[] = {
    {"save", CONFIG_OTHER(struct persist_config, save, type_save), "3600 1 300 100 60 10000",
     .group = SNAPSHOTS, .flags = CONFIG_MULTI_ARG,
     .about = "Save after so many seconds with so many changes, and at the end; empty: never."},
    {"dbfilename", CONFIG_STRING(struct persist_config, filename), "dump.rdb", .group = SNAPSHOTS,
     .flags = CONFIG_PROTECTED, .check = check_filename, .about = "Name of the snapshot."},
    {"rdbcompression", CONFIG_BOOL(struct persist_config, compress), "yes", .group = SNAPSHOTS,
     .about = "Compress strings in snapshots."},
    {"rdbchecksum", CONFIG_BOOL(struct persist_config, checksum), "yes", .group = SNAPSHOTS,
     .flags = CONFIG_IMMUTABLE, .about = "End snapshots with a checksum, and look at it."},
    {"rdb-version", CONFIG_ENUM(struct persist_config, rdb_version, versions), "11",
     .group = SNAPSHOTS, .about = "Format of snapshots: 10 is read by Redis 7.0, too, 11 by 7.2."},
    {"loading-process-events-interval-bytes",
     CONFIG_INT(struct persist_config, loading_interval, 1024, INT_MAX), "2097152",
     .group = SNAPSHOTS, .flags = CONFIG_HIDDEN,
     .about = "Bytes loaded between two looks at clients."},
    {"key-load-delay", CONFIG_INT(struct persist_config, key_load_delay, INT_MIN, INT_MAX), "0",
     .group = SNAPSHOTS, .flags = CONFIG_HIDDEN,
     .about = "Microseconds to wait after each key loaded, for tests."},
    {"stop-writes-on-bgsave-error", CONFIG_BOOL(struct persist_config, stop_writes), "yes",
     .group = SNAPSHOTS, .about = "Refuse writes while snapshots fail."},
    {"rdb-key-save-delay", CONFIG_INT(struct persist_config, key_save_delay, INT_MIN, INT_MAX), "0",
     .group = SNAPSHOTS, .flags = CONFIG_HIDDEN,
     .about = "Microseconds to wait after each key saved, for tests."},
};

void persist_config_register(struct config *config, struct persist_config *to) {
    config_register(config, rows, sizeof rows / sizeof *rows, to);
}
