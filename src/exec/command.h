/* SPDX-License-Identifier: BSD-3-Clause */
/* A command is a handler and one const row: everything else that is known about commands (dispatch,
 * COMMAND and its subcommands, ACL categories, key extraction, cluster slots, script permission)
 * derives from the row. */
#ifndef DREY_EXEC_COMMAND_H
#define DREY_EXEC_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct call;
struct engine;
typedef void command_handler(struct call *c);

/* X(constant, name in COMMAND INFO) in the order in which Redis lists them. */
#define COMMAND_FLAGS(X)                                                                           \
    X(WRITE, "write")                                                                              \
    X(READONLY, "readonly")                                                                        \
    X(DENYOOM, "denyoom")                                                                          \
    X(MODULE, "module")                                                                            \
    X(ADMIN, "admin")                                                                              \
    X(PUBSUB, "pubsub")                                                                            \
    X(NOSCRIPT, "noscript")                                                                        \
    X(BLOCKING, "blocking")                                                                        \
    X(LOADING, "loading")                                                                          \
    X(STALE, "stale")                                                                              \
    X(SKIP_MONITOR, "skip_monitor")                                                                \
    X(SKIP_SLOWLOG, "skip_slowlog")                                                                \
    X(ASKING, "asking")                                                                            \
    X(FAST, "fast")                                                                                \
    X(NO_AUTH, "no_auth")                                                                          \
    X(NO_MANDATORY_KEYS, "no_mandatory_keys")                                                      \
    X(NO_ASYNC_LOADING, "no_async_loading")                                                        \
    X(NO_MULTI, "no_multi")                                                                        \
    X(ALLOW_BUSY, "allow_busy")                                                                    \
    X(MOVABLE_KEYS, "movablekeys")

/* Not among the flags that COMMAND shows. X(constant) */
#define COMMAND_HIDDEN_FLAGS(X)                                                                    \
    X(MAY_REPLICATE) /* no write to the user, but replicas may have to be told */                  \
    X(INTERNAL)      /* for servers and tests among themselves: "syscmd" in COMMAND DOCS */        \
    X(PROTECTED)     /* for whom the engine's guard lets: enable-debug-command and the like */     \
    X(UNQUEUED)      /* runs at once although MULTI queues what comes */                           \
    X(RUNS_QUEUED)   /* EXEC: may do what all of the queued commands may */                        \
    X(SUBSCRIBED)    /* also for RESP2 sessions that are subscribed to something */                \
    X(LOOSE)         /* keys that expire on its way go out without MULTI: they are any */          \
    X(QUICK)         /* so short that reading the clock would show: timed in groups */

enum {
#define COMMAND_FLAG_BIT(constant, ...) CMD_BIT_##constant,
    COMMAND_FLAGS(COMMAND_FLAG_BIT) COMMAND_HIDDEN_FLAGS(COMMAND_FLAG_BIT)
#undef COMMAND_FLAG_BIT
};
enum command_flag {
#define COMMAND_FLAG(constant, ...) CMD_##constant = 1 << CMD_BIT_##constant,
    COMMAND_FLAGS(COMMAND_FLAG) COMMAND_HIDDEN_FLAGS(COMMAND_FLAG)
#undef COMMAND_FLAG
};

/* X(constant, name after the '@'). Those that flags imply (write, read, admin, dangerous, fast,
 * slow, pubsub, blocking) needn't be in a row; see command_categories. */
#define COMMAND_CATEGORIES(X)                                                                      \
    X(KEYSPACE, "keyspace")                                                                        \
    X(READ, "read")                                                                                \
    X(WRITE, "write")                                                                              \
    X(SET, "set")                                                                                  \
    X(SORTEDSET, "sortedset")                                                                      \
    X(LIST, "list")                                                                                \
    X(HASH, "hash")                                                                                \
    X(STRING, "string")                                                                            \
    X(BITMAP, "bitmap")                                                                            \
    X(HYPERLOGLOG, "hyperloglog")                                                                  \
    X(GEO, "geo")                                                                                  \
    X(STREAM, "stream")                                                                            \
    X(PUBSUB, "pubsub")                                                                            \
    X(ADMIN, "admin")                                                                              \
    X(FAST, "fast")                                                                                \
    X(SLOW, "slow")                                                                                \
    X(BLOCKING, "blocking")                                                                        \
    X(DANGEROUS, "dangerous")                                                                      \
    X(CONNECTION, "connection")                                                                    \
    X(TRANSACTION, "transaction")                                                                  \
    X(SCRIPTING, "scripting")

enum {
#define COMMAND_CATEGORY_BIT(constant, name) ACL_BIT_##constant,
    COMMAND_CATEGORIES(COMMAND_CATEGORY_BIT)
#undef COMMAND_CATEGORY_BIT
};
enum command_category {
#define COMMAND_CATEGORY(constant, name) ACL_##constant = 1 << ACL_BIT_##constant,
    COMMAND_CATEGORIES(COMMAND_CATEGORY)
#undef COMMAND_CATEGORY
};

/* X(constant, name in COMMAND INFO's key specifications) */
#define KEY_SPEC_FLAGS(X)                                                                          \
    X(RO, "RO")                                                                                    \
    X(RW, "RW")                                                                                    \
    X(OW, "OW")                                                                                    \
    X(RM, "RM")                                                                                    \
    X(ACCESS, "access")                                                                            \
    X(UPDATE, "update")                                                                            \
    X(INSERT, "insert")                                                                            \
    X(DELETE, "delete")                                                                            \
    X(NOT_KEY, "not_key")                                                                          \
    X(INCOMPLETE, "incomplete")                                                                    \
    X(VARIABLE_FLAGS, "variable_flags")

enum {
#define KEY_SPEC_FLAG_BIT(constant, name) KEY_BIT_##constant,
    KEY_SPEC_FLAGS(KEY_SPEC_FLAG_BIT)
#undef KEY_SPEC_FLAG_BIT
};
enum key_spec_flag {
#define KEY_SPEC_FLAG(constant, name) KEY_##constant = 1 << KEY_BIT_##constant,
    KEY_SPEC_FLAGS(KEY_SPEC_FLAG)
#undef KEY_SPEC_FLAG
};

enum key_spec_kind {
    KEYS_NONE,
    KEYS_RANGE,  /* from `begin` to `last` (relative to begin; negative: from the end), every `step`
                  */
    KEYS_NUMBER, /* argument begin + number says how many keys there are, from begin + first, every
                    `step` */
    KEYS_UNKNOWN, /* can't be told from positions alone: the row has a `keys_of` */
};

/* Where a command's keys are, as COMMAND INFO describes it (begin search by index or keyword, find
 * by range or number). */
struct key_spec {
    unsigned flags; /* of enum key_spec_flag */
    enum key_spec_kind kind;
    const char *keyword; /* begin: behind this word, searched from argument `begin`; NULL: begin is
                            the index itself */
    int16_t begin;
    int16_t last, step, limit; /* KEYS_RANGE; limit: last -1 and limit 2 mean the first half */
    int16_t number, first;     /* KEYS_NUMBER */
    const char *notes;
};

enum { COMMAND_KEY_SPECS = 4 };

#define KEY_AT(index, key_flags)                                                                   \
    { .flags = (key_flags), .kind = KEYS_RANGE, .begin = (index), .last = 0, .step = 1 }
#define KEYS_FROM(index, last_index, key_step, key_flags)                                          \
    {                                                                                              \
        .flags = (key_flags), .kind = KEYS_RANGE, .begin = (index), .last = (last_index),          \
        .step = (key_step)                                                                         \
    }
#define KEYS_COUNTED(index, key_flags)                                                             \
    {                                                                                              \
        .flags = (key_flags), .kind = KEYS_NUMBER, .begin = (index), .number = 0, .first = 1,      \
        .step = 1                                                                                  \
    }

/* Which arguments are channels. */
enum command_channels {
    CHANNELS_NONE,
    CHANNEL_FIRST,    /* the first */
    CHANNEL_ALL,      /* all */
    CHANNEL_PATTERNS, /* all, and they are patterns of channels' names */
};

/* One key that a request names: its argument's index and what is done with it. */
struct key_use {
    int arg;
    unsigned flags;
};

struct command {
    const char *name;     /* lower case; of a subcommand, the second word alone */
    command_handler *run; /* NULL for a container of subcommands that can't be called alone */
    int arity;            /* arguments, the name counted; negative: at least that many */
    unsigned flags;       /* of enum command_flag */
    unsigned categories;  /* of enum command_category, beyond what the flags imply */
    struct key_spec keys[COMMAND_KEY_SPECS]; /* until the first KEYS_NONE */
    /* Finds the keys where specs can't (KEYS_UNKNOWN) or would be misled by what clients write (a
     * name that reads as a keyword, an option given twice), or what is done with them where that
     * depends on the arguments (KEY_VARIABLE_FLAGS): fills `uses` (room for argc), returns how many
     * or -1 for bad arguments. */
    int (*keys_of)(const struct slice *argv, int argc, struct key_use *uses);
    /* What a request's flags are where that depends on its arguments, or NULL: they're `flags`. */
    unsigned (*flags_of)(const struct engine *e, const struct slice *argv, int argc,
                         unsigned flags);
    enum command_channels channels;
    const struct command *subcommands; /* ends with a NULL name */
    /* The argument that is looked up in the (first) key's value: where that's a table, what the
     * look-ups of a batch need is asked for together. 0: none. */
    int element_arg;
    /* Is argument i (behind the names) a secret? See redact.h. NULL: none is. */
    bool (*is_secret)(const struct engine *e, const struct slice *argv, int argc, int i);

    /* Documentation: COMMAND DOCS. */
    const char *group, *summary, *since, *complexity;
    const char *syntax;  /* the arguments, in the notation of command_syntax.h */
    const char *history; /* lines of "version text" */
    const char *tips;    /* lines */
    const char *deprecated_since, *replaced_by;
};

/* The row of a container's HELP. */
#define COMMAND_HELP(handler, help_categories, help_group, help_since)                             \
    {                                                                                              \
        .name = "help", .run = (handler), .arity = 2, .flags = CMD_LOADING | CMD_STALE,            \
        .categories = (help_categories), .group = (help_group),                                    \
        .summary = "Explains the subcommands.", .since = (help_since), .complexity = "O(1)"        \
    }

#endif
