/* SPDX-License-Identifier: BSD-3-Clause */
/* What SCAN, HSCAN, SSCAN and ZSCAN share: cursor, options, pattern, and walks over a table. */
#ifndef DREY_CMD_SCAN_WALK_H
#define DREY_CMD_SCAN_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "ds/table.h"
#include "exec/call.h"

/* A glob pattern with what makes it quick to match. */
struct scan_pattern {
    struct slice text;
    size_t prefix_len;   /* bytes that every match starts with */
    bool prefix_decides; /* only a '*' follows them */
};

/* `text` is borrowed. */
struct scan_pattern scan_pattern(struct slice text);
bool scan_pattern_fits(const struct scan_pattern *p, struct slice name);

struct scan_request {
    uint64_t cursor;
    uint64_t count; /* elements to visit, at least */
    bool has_pattern, has_type;
    bool names_only; /* NOVALUES, NOSCORES */
    struct scan_pattern pattern;
    int type; /* enum type_id; -1: one that no key has */
};

/* Options beside MATCH and COUNT. */
enum scan_option { SCAN_TYPE = 1, SCAN_NOVALUES = 2, SCAN_NOSCORES = 4 };

/* Reads argument i as a cursor, as C's strtoul reads it and Redis does: a sign is fine, nothing at
 * all is 0. */
bool scan_cursor_or_reply(struct call *c, int i, uint64_t *cursor);
/* Reads the options from argument i on into `r`; `also` (of enum scan_option) says which there are
 * beside the common ones. */
bool scan_options_or_reply(struct call *c, int i, unsigned also, struct scan_request *r);

/* The beginning of a scan of a key's elements (key, cursor, options ...): true if there's something
 * to walk, *e, which has the type. Else the reply is made: an error, or nothing found. */
bool scan_key_or_reply(struct call *c, enum type_id type, unsigned also, struct scan_request *r,
                       struct entry **e);

/* Does the pattern, if there is one, fit the name? */
static inline bool scan_fits(const struct scan_request *r, struct slice name) {
    return !r->has_pattern || scan_pattern_fits(&r->pattern, name);
}

/* What a step of a scan found, in the order of the walk; borrowed from the table. */
struct scan_found {
    void **entries;
    size_t len, cap;
    uint64_t visited;
};

void scan_found_release(struct scan_found *found);
void scan_found_add(struct scan_found *found, void *entry);

/* A step over a table of elements: all that fit of the next r->count or a few more. Returns the
 * cursor to go on from; 0: that was all. `found` must be empty. */
uint64_t scan_table(const struct table *t, const struct scan_request *r, struct scan_found *found);

/* The head of a reply: the cursor; an array of what was found is to follow. */
void scan_reply_cursor(struct call *c, uint64_t cursor);

#endif
