/* SPDX-License-Identifier: BSD-3-Clause */
/* All commands of an instance, by name: built once from the families' const rows; what changes at
 * run time lies here. */
#ifndef DREY_EXEC_COMMAND_TABLE_H
#define DREY_EXEC_COMMAND_TABLE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/histogram.h"
#include "exec/command.h"

struct command_stats {
    uint64_t calls, failed, rejected, nanoseconds;
    struct histogram *latency; /* NULL until the first call is recorded */
};

/* What requests of a command name, as rights are asked for it. */
enum command_named {
    COMMAND_NAMES_NOTHING, /* neither keys nor channels */
    COMMAND_NAMES_KEYS,    /* the keys from first_key to last_key, and nothing else */
    COMMAND_NAMES_MORE,
};

enum { COMMAND_IDS = 1024 }; /* more than there will be */

/* A command of this instance: the row and what dispatch wants at hand. */
struct command_entry {
    const struct command *row;
    struct command_entry *parent;      /* of a subcommand */
    struct command_entry *subcommands; /* sub_count of them */
    uint16_t sub_count;
    uint16_t id;         /* of its own, subcommands too: below COMMAND_IDS */
    int16_t first_key;   /* index of the first key when the first spec tells it at once, else 0 */
    int16_t element_arg; /* the row's */
    int16_t arity;       /* the row's */
    bool open;           /* has a handler and isn't CMD_PROTECTED: the engine's guard isn't asked */
    bool plain;          /* and has no subcommands */
    bool one_word;       /* neither has subcommands nor is one: argv[0] alone names it */
    uint8_t named;       /* enum command_named */
    int16_t last_key;    /* COMMAND_NAMES_KEYS: negative ones count from the end, -1 is the last, */
    int16_t key_step;    /* and so many arguments are from one key to the next */
    int16_t one_key;     /* first_key if it's the last, too; else 0 */
    unsigned key_use;    /* what's done with each of them; with KEY_VARIABLE_FLAGS at most */
    unsigned flags, categories; /* with all that is implied */
    char *name; /* what it's called by: renamed perhaps; of a subcommand the second word */
    uint64_t name_prefix; /* its first eight letters, and its length: for command_find */
    size_t name_len;
    char *full_name; /* "client|kill" */
    struct command_stats stats;
};

struct command_table;

struct command_table *command_table_new(void);
void command_table_free(struct command_table *t);

/* Adds all rows of a family (ends with a NULL name). */
void command_table_add(struct command_table *t, const struct command *rows);

/* rename-command: false if there's no such command, or the new name is taken. An empty name removes
 * it. */
bool command_table_rename(struct command_table *t, struct slice name, struct slice to);

/* By name, any case; NULL if there's none. */
struct command_entry *command_find(const struct command_table *t, struct slice name);
struct command_entry *command_find_sub(const struct command_entry *container, struct slice name);
/* By "client" or "client|kill". */
struct command_entry *command_find_full(const struct command_table *t, struct slice full_name);

/* All commands in order of registration; subcommands hang on theirs. */
size_t command_table_count(const struct command_table *t);
struct command_entry *command_table_at(const struct command_table *t, size_t i);

void command_table_reset_stats(struct command_table *t);

/* The keys that a request names, each once per spec; returns how many, or -1 if the arguments are
 * no valid request; 0 for such if the command's keys aren't mandatory, as in Redis. `uses` must
 * have room for argc. */
int command_keys(const struct command_entry *cmd, const struct slice *argv, int argc,
                 struct key_use *uses);

#endif
