/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/aof_config.h"

#include <limits.h>
#include <string.h>

#include "base/moment.h"

#define LOG "Append-only log"

static const struct config_word fsync_words[] = {{"everysec", AOF_FSYNC_EVERYSEC},
                                                 {"always", AOF_FSYNC_ALWAYS},
                                                 {"no", AOF_FSYNC_NO},
                                                 {NULL, 0}};

/* Date and time may come as two words. */
static bool moment_of(const struct config_input *in, void *value) {
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < in->n; i++) {
        if (i) buf_append_char(&text, ' ');
        buf_append_slice(&text, in->words[i]);
    }
    bool ok = moment_parse(buf_slice(&text), value);
    if (!ok)
        buf_append_str(in->why, "argument must be seconds since 1970 or a date such as "
                                "2026-11-21T14:05:00Z or 2026-11-21T15:05:00+01:00");
    buf_release(&text);
    return ok;
}

static void moment_format(const struct config_param *param, const void *value, struct buf *out) {
    buf_appendf(out, "%lld", (long long)*(const int64_t *)value);
}

static const struct config_type type_moment = {
    .size = sizeof(int64_t), .parse = moment_of, .format = moment_format};

static bool check_name(const struct config_change *change, const char *kind) {
    const char *name = *(char *const *)change->value;
    if (*name && !strchr(name, '/')) return true;
    if (*name)
        buf_appendf(change->why, "%s can't be a path, just a %s", change->param->name, kind);
    else
        buf_appendf(change->why, "%s can't be empty", change->param->name);
    return false;
}

static bool check_filename(const struct config_change *change) {
    return check_name(change, "filename");
}

static bool check_dirname(const struct config_change *change) {
    return check_name(change, "dirname");
}

static bool apply_enabled(const struct config_change *change) {
    struct aof_config *config = change->owner;
    return !config->on_enabled || config->on_enabled(config, change->why);
}

static bool apply_keep_history(const struct config_change *change) {
    struct aof_config *config = change->owner;
    return !config->on_keep_history || config->on_keep_history(config, change->why);
}

static const struct config_param rows[] = {
    {"appendonly", CONFIG_BOOL(struct aof_config, enabled), "no", .group = LOG,
     .flags = CONFIG_NOT_LOADING, .apply = apply_enabled,
     .about = "Log every write to a file, from which the data set is loaded at start."},
    {"appendfilename", CONFIG_STRING(struct aof_config, filename), "appendonly.aof", .group = LOG,
     .flags = CONFIG_IMMUTABLE, .check = check_filename,
     .about = "First part of the names of the log's files."},
    {"appenddirname", CONFIG_STRING(struct aof_config, dirname), "appendonlydir", .group = LOG,
     .flags = CONFIG_IMMUTABLE, .check = check_dirname, .about = "Folder of the log's files."},
    {"appendfsync", CONFIG_ENUM(struct aof_config, fsync, fsync_words), "everysec", .group = LOG,
     .about = "When the log is put on disk: always (before a write is answered), everysec, or no "
              "(when the system likes)."},
    {"no-appendfsync-on-rewrite", CONFIG_BOOL(struct aof_config, no_fsync_on_rewrite), "no",
     .group = LOG, .about = "No syncs of the log while a snapshot or a rewrite is written."},
    {"auto-aof-rewrite-percentage", CONFIG_INT(struct aof_config, rewrite_percentage, 0, INT_MAX),
     "100", .group = LOG, .about = "Growth at which the log is rewritten; 0 for never."},
    {"auto-aof-rewrite-min-size", CONFIG_MEMORY(struct aof_config, rewrite_min_size, 0, LLONG_MAX),
     "64mb", .group = LOG, .about = "Smallest size at which growth rewrites the log."},
    {"aof-load-truncated", CONFIG_BOOL(struct aof_config, load_truncated), "yes", .group = LOG,
     .about = "Start with a log whose end is cut off, without the last, incomplete write."},
    {"aof-use-rdb-preamble", CONFIG_BOOL(struct aof_config, rdb_base), "yes", .group = LOG,
     .about = "The log's base is a snapshot; no: it's made of commands, too."},
    {"aof-timestamp-enabled", CONFIG_BOOL(struct aof_config, timestamps), "no", .group = LOG,
     .about = "Note times in the log, to be able to restore a past state."},
    {"aof-disable-auto-gc", CONFIG_BOOL(struct aof_config, keep_history), "no", .group = LOG,
     .apply = apply_keep_history, .about = "Keep files that a rewrite has replaced."},
    {"restore-to", CONFIG_OTHER(struct aof_config, restore_to_s, type_moment), "0", .group = LOG,
     .flags = CONFIG_MULTI_ARG | CONFIG_FILE_ONLY | CONFIG_NO_REWRITE | CONFIG_HIDDEN,
     .about = "For the command line: start with the data of that time."},
};

void aof_config_register(struct config *config, struct aof_config *to) {
    config_register(config, rows, sizeof rows / sizeof *rows, to);
}
