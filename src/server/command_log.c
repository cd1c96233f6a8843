/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/command_log.h"

#include <stdio.h>

#include "base/alloc.h"

enum { NOTE_MAX = 64 };

/* What is kept of an argument: its beginning, and a note of the rest. */
struct kept_arg {
    struct slice begin;
    char note[NOTE_MAX];
    size_t note_len;
};

static void note(struct kept_arg *arg, size_t more, const char *what) {
    arg->note_len = (size_t)snprintf(arg->note, NOTE_MAX, "... (%zu more %s)", more, what);
}

static void keep_arg(struct kept_arg *arg, struct slice whole) {
    *arg = (struct kept_arg){.begin = whole};
    if (whole.len <= COMMAND_LOG_ARG_BYTES) return;
    arg->begin.len = COMMAND_LOG_ARG_BYTES;
    note(arg, whole.len - COMMAND_LOG_ARG_BYTES, "bytes");
}

/* Returns how many there are. */
static int keep_args(struct kept_arg *args, const struct command_log_record *record) {
    bool all = record->argc <= COMMAND_LOG_ARGS;
    int count = all ? record->argc : COMMAND_LOG_ARGS - 1;
    for (int i = 0; i < count; i++) keep_arg(&args[i], record->argv[i]);
    if (all) return count;
    args[count] = (struct kept_arg){0};
    note(&args[count], (size_t)(record->argc - count), "arguments");
    return count + 1;
}

static struct slice put(char **at, struct slice bytes) {
    struct slice copy = slice_of(*at, bytes.len);
    slice_put(*at, bytes);
    *at += bytes.len;
    return copy;
}

static struct command_log_entry *entry_new(const struct command_log_record *record) {
    struct kept_arg args[COMMAND_LOG_ARGS];
    int argc = keep_args(args, record);
    size_t bytes = record->address.len + record->name.len;
    for (int i = 0; i < argc; i++) bytes += args[i].begin.len + args[i].note_len;
    struct command_log_entry *e =
        mem_alloc(sizeof *e + (size_t)argc * sizeof(struct slice) + bytes);
    *e = (struct command_log_entry){.time_s = record->time_s, .value = record->value, .argc = argc};
    char *at = (char *)&e->argv[argc];
    for (int i = 0; i < argc; i++) {
        e->argv[i] = put(&at, args[i].begin);
        e->argv[i].len += put(&at, slice_of(args[i].note, args[i].note_len)).len;
    }
    e->address = put(&at, record->address);
    e->name = put(&at, record->name);
    return e;
}

void command_log_add(struct command_log *log, const struct command_log_record *record,
                     size_t max_len) {
    struct command_log_entry *e = entry_new(record);
    e->id = log->next_id++;
    e->older = log->newest;
    if (log->newest)
        log->newest->newer = e;
    else
        log->oldest = e;
    log->newest = e;
    log->count++;
    command_log_trim(log, max_len);
}

void command_log_trim(struct command_log *log, size_t max_len) {
    while (log->count > max_len) {
        struct command_log_entry *oldest = log->oldest;
        log->oldest = oldest->newer;
        if (log->oldest)
            log->oldest->older = NULL;
        else
            log->newest = NULL;
        log->count--;
        mem_free(oldest);
    }
}
