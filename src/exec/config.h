/* SPDX-License-Identifier: BSD-3-Clause */
/* The registry of configuration parameters.
 *
 * A parameter is one const row in the module that owns it; the value is a typed field of that
 * module's own struct, so that hot code reads `cfg->maxmemory` and knows nothing of this file.
 * CONFIG GET, SET and REWRITE, the config file, argv and the sample config derive from the rows.
 *
 *     static const struct config_param rows[] = {
 *         {"maxmemory", CONFIG_MEMORY(struct evict_config, maxmemory, 0, UINT64_MAX), "0",
 *          .group = "Memory", .about = "Bytes of data to hold before keys are evicted.",
 *          .apply = evict_limit_changed},
 *     };
 *     config_register(cfg, rows, sizeof(rows) / sizeof(rows[0]), &evict_config);
 *
 * What the fields are, by the macro that declares them:
 *
 *     CONFIG_BOOL     bool       yes / no
 *     CONFIG_INT      int64_t    decimal, lo..hi
 *     CONFIG_MEMORY   uint64_t   bytes, with units as num_to_bytes reads them, lo..hi
 *     CONFIG_PERCENT  int64_t    bytes, 0..hi, or "5%", which is kept as -5
 *     CONFIG_ENUM     int        one of the words
 *     CONFIG_BITS     int        several of the words ored; a word of value 0 stands for none
 *     CONFIG_OCTAL    int64_t    octal (file modes), lo..hi
 *     CONFIG_STRING   char *     owned by the registry (mem_free); see CONFIG_EMPTY_IS_NULL
 *     CONFIG_SECRET   struct config_secret  any bytes; "" for none
 *     CONFIG_LIST     struct config_list    words; CONFIG GET joins them by a space
 *     CONFIG_LINES    struct config_lines   each line of the file adds lo..hi words (user)
 *     CONFIG_OTHER    what a struct config_type of the module's own says
 *
 * config_register sets every field to its default. Owners must outlive the registry. With owner
 * NULL the registry itself keeps the values (rows then need no field: CONFIG_KEPT_* macros below).
 * A module may change its own fields; strings and lists with mem_alloc and mem_free.
 *
 * Order of things in a CONFIG SET: all values parsed, each then asked for by its `check` hook, all
 * fields changed, then each distinct `apply` hook called once; if one fails, all fields get their
 * old values back and the hooks already called, the failed one included, are called again.
 *
 * Runs on the thread of the loop. No globals; several registries may live in one process. */
#ifndef DREY_EXEC_CONFIG_H
#define DREY_EXEC_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "exec/config_types.h"

struct config;

enum config_flag {
    CONFIG_IMMUTABLE = 1 << 0,     /* file and argv only; CONFIG SET says so */
    CONFIG_SENSITIVE = 1 << 1,     /* redacted in logs, slow log and crash reports */
    CONFIG_HIDDEN = 1 << 2,        /* not matched by patterns of CONFIG GET, not in the sample */
    CONFIG_FILE_ONLY = 1 << 3,     /* a directive: CONFIG GET and SET don't know it */
    CONFIG_MULTI_ARG = 1 << 4,     /* several words; one word is split at spaces */
    CONFIG_PROTECTED = 1 << 5,     /* CONFIG SET only where enable-protected-configs allows */
    CONFIG_NO_REWRITE = 1 << 6,    /* CONFIG REWRITE leaves its lines alone */
    CONFIG_NOT_LOADING = 1 << 7,   /* CONFIG SET refused while the data set is loading */
    CONFIG_KEPT = 1 << 8,          /* accepted and kept for compatibility, without meaning here */
    CONFIG_EMPTY_IS_NULL = 1 << 9, /* CONFIG_STRING: "" is stored as NULL */
    CONFIG_APPLY_LOAD = 1 << 10,   /* `apply` runs for each line of the file, too (dir) */
    CONFIG_VOLATILE = 1 << 11, /* `apply` runs even if the value is the old one (files read anew) */
    CONFIG_ALWAYS_WRITE = 1 << 12, /* CONFIG REWRITE writes it even if it's at its default */
};

/* What a hook is told. */
struct config_change {
    const struct config_param *param;
    void *owner;       /* as given to config_register */
    const void *value; /* check: the value to come; apply: the field */
    bool from_file;
    struct buf *why; /* the reason of a refusal */
};

typedef bool config_hook(const struct config_change *change);

struct config_param {
    const char *name;
    const struct config_type *type;
    size_t offset; /* of the field in the owner */
    int64_t min;
    uint64_t max;
    const struct config_word *words; /* ends with a NULL name */
    const char *def;                 /* as CONFIG SET would take it; NULL: all bytes zero */
    const char *alias;
    unsigned flags; /* of enum config_flag */
    const char *group;
    const char *about;  /* one line, for the sample config and the docs */
    config_hook *check; /* before anything is changed; may be NULL */
    config_hook *apply; /* after; once for all rows of the same owner and hook; may be NULL */
};

/* The field's offset; doesn't compile when the field isn't of the type that the registry will
 * write. */
#define CONFIG_FIELD(owner, field, ctype)                                                          \
    offsetof(owner, field) + 0 * sizeof(char[CONFIG_IS_A(owner, field, ctype) ? 1 : -1])
#define CONFIG_IS_A(owner, field, ctype)                                                           \
    __builtin_types_compatible_p(__typeof__(((owner *)0)->field), ctype)

/* What stands between name and default in a row: type, offset, limits, words. */
#define CONFIG_BOOL(owner, field) &config_type_bool, CONFIG_FIELD(owner, field, bool), 0, 0, NULL
#define CONFIG_INT(owner, field, lo, hi)                                                           \
    &config_type_int, CONFIG_FIELD(owner, field, int64_t), lo, hi, NULL
#define CONFIG_MEMORY(owner, field, lo, hi)                                                        \
    &config_type_memory, CONFIG_FIELD(owner, field, uint64_t), lo, hi, NULL
#define CONFIG_PERCENT(owner, field, hi)                                                           \
    &config_type_percent, CONFIG_FIELD(owner, field, int64_t), 0, hi, NULL
#define CONFIG_ENUM(owner, field, words)                                                           \
    &config_type_enum, CONFIG_FIELD(owner, field, int), 0, 0, words
#define CONFIG_BITS(owner, field, words)                                                           \
    &config_type_bits, CONFIG_FIELD(owner, field, int), 0, 0, words
#define CONFIG_OCTAL(owner, field, lo, hi)                                                         \
    &config_type_octal, CONFIG_FIELD(owner, field, int64_t), lo, hi, NULL
#define CONFIG_STRING(owner, field)                                                                \
    &config_type_string, CONFIG_FIELD(owner, field, char *), 0, 0, NULL
#define CONFIG_SECRET(owner, field)                                                                \
    &config_type_secret, CONFIG_FIELD(owner, field, struct config_secret), 0, 0, NULL
#define CONFIG_LIST(owner, field)                                                                  \
    &config_type_list, CONFIG_FIELD(owner, field, struct config_list), 0, 0, NULL
#define CONFIG_LINES(owner, field, lo, hi)                                                         \
    &config_type_lines, CONFIG_FIELD(owner, field, struct config_lines), lo, hi, NULL
#define CONFIG_OTHER(owner, field, type) &(type), offsetof(owner, field), 0, 0, NULL

/* The same for rows registered without an owner. */
#define CONFIG_KEPT_BOOL           &config_type_bool, 0, 0, 0, NULL
#define CONFIG_KEPT_INT(lo, hi)    &config_type_int, 0, lo, hi, NULL
#define CONFIG_KEPT_MEMORY(lo, hi) &config_type_memory, 0, lo, hi, NULL
#define CONFIG_KEPT_ENUM(words)    &config_type_enum, 0, 0, 0, words
#define CONFIG_KEPT_STRING         &config_type_string, 0, 0, 0, NULL
#define CONFIG_KEPT_LINES(lo, hi)  &config_type_lines, 0, lo, hi, NULL
#define CONFIG_KEPT_OTHER(type)    &(type), 0, 0, 0, NULL

/* `version`: for messages; borrowed for the registry's life. */
struct config *config_new(const char *version);

/* Frees the strings and lists in the owners' fields, too. NULL is fine. */
void config_free(struct config *cfg);

/* Adds rows and sets their fields to the defaults. A bad default or a name taken is a mistake of
 * ours: asserted. */
void config_register(struct config *cfg, const struct config_param *rows, size_t n, void *owner);

struct config_pair {
    struct slice name;  /* the row's, or the pattern if that has no wildcards (as Redis 7) */
    struct slice value; /* in `text` below */
};

struct config_pairs {
    struct config_pair *items;
    size_t n;
    struct buf text;
};

/* CONFIG GET: every parameter whose name or alias matches one of the patterns, each name once.
 * `pairs` lives until config_pairs_release. O(parameters * patterns). */
void config_get(struct config *cfg, const struct slice *patterns, size_t n,
                struct config_pairs *pairs);
void config_pairs_release(struct config_pairs *pairs);

/* Appends one parameter's value as CONFIG GET shows it; false: no such parameter. */
bool config_value(struct config *cfg, struct slice name, struct buf *out);

struct config_set_options {
    bool loading;         /* the data set is being loaded */
    bool allow_protected; /* this client may change what enable-protected-configs guards */
};

/* CONFIG SET: `words` are n / 2 pairs of name and value (n is even). All or nothing; on false
 * `error` is the error to reply, its code included ("ERR ...", "LOADING ..."). */
bool config_set(struct config *cfg, const struct slice *words, size_t n,
                struct config_set_options options, struct buf *error);

/* Is this parameter's value to be redacted? False when there is none of that name. */
bool config_is_sensitive(struct config *cfg, struct slice name);

#endif
