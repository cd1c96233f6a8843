/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing bytes as JSON (RFC 8259), so that nothing is lost: a string if they're valid UTF-8, else
 * {"base64": "..."} (RFC 4648). */
#ifndef DREY_BASE_JSON_H
#define DREY_BASE_JSON_H

#include "base/buf.h"

void json_put_bytes(struct buf *to, struct slice bytes);

/* A name that is plain, a colon behind it. */
void json_put_name(struct buf *to, const char *name);

/* A comma unless it's the first. */
static inline void json_put_comma(struct buf *to, bool *first) {
    if (!*first) buf_append_char(to, ',');
    *first = false;
}

#endif
