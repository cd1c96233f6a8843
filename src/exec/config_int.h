/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the configuration share with each other, and with nobody else. */
#ifndef DREY_EXEC_CONFIG_INT_H
#define DREY_EXEC_CONFIG_INT_H

#include "exec/config.h"

struct config_entry {
    const struct config_param *param;
    void *owner;
    void *field;    /* in the owner, or `kept` */
    void *kept;     /* the registry's own memory for the value; NULL when there's an owner */
    bool from_file; /* a line of the file or of argv has set it */
};

struct config {
    const char *version;
    struct config_entry *entries; /* in order of registration */
    size_t n, cap;
    char *path; /* absolute; NULL: no file */
};

/* By name or alias, ASCII case ignored; NULL: none. */
struct config_entry *config_find(struct config *cfg, struct slice name);

/* Reads the words of one setting into *value (type->size bytes, overwritten), the row's check
 * included. On false nothing is left to release. `words` without the name. */
bool config_parse(const struct config_entry *entry, const struct slice *words, size_t n,
                  bool from_file, void *value, struct buf *why);

/* Sets the field from a line of the file. The texts of refusal are those of Redis. */
bool config_set_from_file(struct config_entry *entry, const struct slice *words, size_t n,
                          struct buf *why);

/* The default, as a value to release. */
void config_default(const struct config_entry *entry, void *value);
bool config_is_default(const struct config_entry *entry);

void config_value_release(const struct config_param *param, void *value);

/* Whether two values read the same in CONFIG GET. */
bool config_values_equal(const struct config_param *param, const void *a, const void *b);

#endif
