/* SPDX-License-Identifier: BSD-3-Clause */
/* INFO: sections that modules register, in the order in which they're shown. */
#ifndef DREY_EXEC_INFO_H
#define DREY_EXEC_INFO_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* Which requests show a section that isn't asked for by name. */
enum info_shown {
    INFO_DEFAULT,    /* INFO, INFO default, all, everything */
    INFO_ALL,        /* all, everything */
    INFO_EVERYTHING, /* everything */
    INFO_BY_NAME,    /* none of these */
};

struct info_section {
    const char *name;  /* as asked for: "commandstats" */
    const char *title; /* as shown: "# Commandstats" */
    enum info_shown shown;
    void (*write)(void *ctx, struct buf *out); /* lines "field:value\r\n" */
    void *ctx;
};

struct info;

struct info *info_new(void);
void info_free(struct info *info);

/* Several modules may register parts of one section (same name): they're written one after the
 * other under the first one's title. */
void info_register(struct info *info, struct info_section section);

/* Appends what `INFO name...` shows. */
void info_write(const struct info *info, const struct slice *names, int count, struct buf *out);

/* One field, "name:value\r\n". */
void info_u64(struct buf *out, const char *name, uint64_t value);
void info_i64(struct buf *out, const char *name, int64_t value);
void info_str(struct buf *out, const char *name, const char *value);
void info_f2(struct buf *out, const char *name, double value); /* two digits after the point */

#endif
