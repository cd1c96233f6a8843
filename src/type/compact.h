/* SPDX-License-Identifier: BSD-3-Clause */
/* Moving values out of pages where little else is left (mem_compact, cell_compact). Nothing that a
 * value says changes, but addresses within it do. */
#ifndef DREY_TYPE_COMPACT_H
#define DREY_TYPE_COMPACT_H

#include "base/bytes.h"
#include "base/cell.h"
#include "type/entry.h"

struct compact_count {
    uint64_t moved, stayed; /* allocations */
};

static inline void *compact_noted(struct compact_count *count, const void *from, void *to) {
    if (to == from)
        count->stayed++;
    else
        count->moved++;
    return to;
}

static inline void *compact_cell(struct compact_count *count, void *cell, size_t size) {
    return compact_noted(count, cell, cell_compact(cell, size));
}

static inline void *compact_block(struct compact_count *count, void *block) {
    return compact_noted(count, block, mem_compact(block));
}

static inline struct bytes *compact_bytes(struct compact_count *count, struct bytes *bytes) {
    return compact_noted(count, bytes, bytes_compact(bytes));
}

/* The one block that is the entry's value. */
static inline void compact_only_block(struct compact_count *count, struct entry *e) {
    entry_set_ptr(e, compact_block(count, entry_ptr(e)));
}

#endif
