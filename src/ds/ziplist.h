/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading the packed forms of RDB files from before Redis 7: ziplists and, before 2.6, zipmaps.
 *
 *   ziplist:  | bytes: 4 | offset of the last element: 4 | elements: 2 | element ... | 0xff |
 *   element:  | length of what is before: 1, or 0xfe and 4 | kind and length | data |
 *   zipmap:   | pairs: 1 | pair ... | 0xff |
 *   pair:     | length: 1, or 0xfe and 4 | name | length | free: 1 | value | free bytes |
 *
 * (little-endian, but lengths of text in ziplists; https://rdb.fnordig.de/file_format.html.) Each
 * step checks what it reads, so bytes from anywhere may be walked. */
#ifndef DREY_DS_ZIPLIST_H
#define DREY_DS_ZIPLIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "ds/listpack.h"

struct ziplist_iter {
    const uint8_t *at, *end;
    const uint8_t *last; /* where the last element is said to be */
    uint64_t left;       /* elements that are said to follow; ZIPLIST_UNCOUNTED: that isn't said */
    size_t before;       /* bytes of the last element */
    bool bad;            /* it isn't one, or not whole */
};
enum { ZIPLIST_UNCOUNTED = 65535 };

void ziplist_iter_init(struct ziplist_iter *it, struct slice ziplist);
/* False at the end, and when something is wrong. The value is borrowed from the bytes. */
bool ziplist_next(struct ziplist_iter *it, struct listpack_value *value);

struct zipmap_iter {
    const uint8_t *at, *end;
    bool bad;
};

void zipmap_iter_init(struct zipmap_iter *it, struct slice zipmap);
bool zipmap_next(struct zipmap_iter *it, struct slice *name, struct slice *value);

#endif
