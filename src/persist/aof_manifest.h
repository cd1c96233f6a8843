/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of the files that make up an append-only log, in the form that Redis 7 has for it: a
 * line for each, in the order in which they're read, the old ones that may be deleted in between:
 *
 *     file appendonly.aof.2.base.rdb seq 2 type b     the base: the data set as it once was
 *     file appendonly.aof.1.incr.aof seq 1 type h     history: covered by the base
 *     file appendonly.aof.2.incr.aof seq 2 type i     increments: the writes since
 *
 * A name is in quotes if it needs them. Pairs that aren't known are passed over, as are lines that
 * begin with #. */
#ifndef DREY_PERSIST_AOF_MANIFEST_H
#define DREY_PERSIST_AOF_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct aof_part {
    char *name; /* owned; without a directory */
    uint64_t seq;
};

struct aof_parts {
    struct aof_part *items;
    size_t n;
};

struct aof_manifest {
    struct aof_part base; /* name NULL: there is none */
    struct aof_parts incrs, history;
    uint64_t base_seq, incr_seq; /* the last that were given away */
};

enum { AOF_MANIFEST_LINE_MAX = 1023 };

void aof_manifest_release(struct aof_manifest *m); /* m is empty afterwards */
void aof_manifest_copy(struct aof_manifest *to, const struct aof_manifest *from);

/* Reads one; *m must be empty. False, *m is empty, and *why says what is wrong and where. */
bool aof_manifest_parse(struct aof_manifest *m, struct slice text, struct buf *why);
void aof_manifest_format(const struct aof_manifest *m, struct buf *to);

/* No base and no increment: there's no log. */
static inline bool aof_manifest_is_empty(const struct aof_manifest *m) {
    return !m->base.name && !m->incrs.n;
}

/* A new base, the former one becomes history. `prefix` is `appendfilename`. The name is borrowed
 * until the next change. */
const char *aof_manifest_add_base(struct aof_manifest *m, const char *prefix, bool is_rdb);
/* A file from before there were manifests, which keeps its name. */
void aof_manifest_adopt(struct aof_manifest *m, const char *name);
/* A new increment, the last one. */
const char *aof_manifest_add_incr(struct aof_manifest *m, const char *prefix);
/* The increment written to; NULL: there's none. */
const char *aof_manifest_last_incr(const struct aof_manifest *m);
/* All increments but the last `keep` become history. */
void aof_manifest_retire(struct aof_manifest *m, size_t keep);
/* History's files are gone. */
void aof_manifest_forget(struct aof_manifest *m);

#endif
