/* SPDX-License-Identifier: BSD-3-Clause */
/* Sparse HyperLogLogs. Which runs come out is part of the format here: a copy must equal what Redis
 * makes of the same commands. So a raised register splits its run into at most three, and then
 * equal neighbours are joined by Redis's rule: only VAL runs, only while the sum is at most 4 long,
 * and only among five steps from the run before the change. */
#include "type/hll_sparse.h"

enum {
    ZERO_MAX = 64,
    VAL_LEN_MAX = 4,
    VAL_MAX = 32,
    SPLIT_MAX = 5, /* bytes of the runs that one run is split into: XZERO, VAL, XZERO */
    JOIN_STEPS = 5,
};

struct run {
    unsigned value, len; /* of its registers, and their number */
    unsigned size;       /* bytes of the run: 1 or 2 */
};

/* The run at an offset; false at the end, or when the run is cut off there. */
static bool run_read(struct slice hll, size_t at, struct run *run) {
    if (at >= hll.len) return false;
    unsigned byte = (unsigned char)hll.ptr[at];
    if (byte & 0x80) {
        *run = (struct run){(byte >> 2 & 31) + 1, (byte & 3) + 1, 1};
    } else if (!(byte & 0x40)) {
        *run = (struct run){0, byte + 1, 1};
    } else {
        if (at + 1 >= hll.len) return false;
        *run = (struct run){0, ((byte & 63) << 8 | (unsigned char)hll.ptr[at + 1]) + 1, 2};
    }
    return true;
}

/* Returns where the next one goes; nothing is written for a length of 0. */
static unsigned char *run_write(unsigned char *to, unsigned value, unsigned len) {
    if (len == 0) return to;
    if (value) {
        *to++ = (unsigned char)(0x80 | (value - 1) << 2 | (len - 1));
    } else if (len <= ZERO_MAX) {
        *to++ = (unsigned char)(len - 1);
    } else {
        *to++ = (unsigned char)(0x40 | (len - 1) >> 8);
        *to++ = (unsigned char)(len - 1);
    }
    return to;
}

void hll_sparse_append_zeros(struct buf *hll) {
    unsigned char run[2];
    run_write(run, 0, HLL_REGISTERS);
    buf_append(hll, run, sizeof(run));
}

/* Walks over all runs; true if they made up exactly the registers there are and nothing follows. */
struct walk {
    struct slice hll;
    size_t at;
    unsigned first; /* register at which the current run begins */
    struct run run;
};

static struct walk walk_start(struct slice hll) {
    return (struct walk){.hll = hll, .at = HLL_HEADER_SIZE};
}

static bool walk_next(struct walk *w) {
    w->at += w->run.size;
    w->first += w->run.len;
    w->run = (struct run){0};
    if (!run_read(w->hll, w->at, &w->run)) return false;
    return w->first + w->run.len <= HLL_REGISTERS;
}

static enum hll_status walk_result(const struct walk *w) {
    return w->at == w->hll.len && w->first == HLL_REGISTERS ? HLL_UNCHANGED : HLL_CORRUPT;
}

enum hll_status hll_sparse_merge(uint8_t registers[HLL_REGISTERS], struct slice hll) {
    struct walk w = walk_start(hll);
    while (walk_next(&w)) {
        for (unsigned i = 0; w.run.value && i < w.run.len; i++) {
            uint8_t *reg = &registers[w.first + i];
            if (*reg < w.run.value) *reg = (uint8_t)w.run.value;
        }
    }
    return walk_result(&w);
}

enum hll_status hll_sparse_histogram(struct slice hll, uint32_t histogram[64]) {
    struct walk w = walk_start(hll);
    while (walk_next(&w)) histogram[w.run.value] += w.run.len;
    return walk_result(&w);
}

enum hll_status hll_decode(struct slice hll, struct buf *text) {
    struct run run;
    size_t at = HLL_HEADER_SIZE;
    for (; run_read(hll, at, &run); at += run.size) {
        if (at > HLL_HEADER_SIZE) buf_append_char(text, ' ');
        if (run.value) {
            buf_appendf(text, "v:%u,%u", run.value, run.len);
        } else {
            buf_appendf(text, "%c:%u", run.size == 1 ? 'z' : 'Z', run.len);
        }
    }
    return at == hll.len ? HLL_UNCHANGED : HLL_CORRUPT;
}

/* Puts `len` bytes in the place of `old_len` at an offset. */
static void bytes_replace(struct buf *hll, size_t at, size_t old_len, struct slice fresh) {
    if (fresh.len > old_len) buf_reserve(hll, fresh.len - old_len);
    char *place = hll->data + at;
    memmove(place + fresh.len, place + old_len, hll->len - at - old_len);
    if (fresh.len) memcpy(place, fresh.ptr, fresh.len);
    hll->len = hll->len - old_len + fresh.len;
    hll->data[hll->len] = '\0';
}

/* Joins equal VAL runs from an offset on. A joined run is looked at again, which counts as a step
 * as well. */
static void runs_join(struct buf *hll, size_t at) {
    for (int step = 0; step < JOIN_STEPS; step++) {
        struct run run, next;
        if (!run_read(buf_slice(hll), at, &run)) return;
        unsigned char joined = 0;
        if (run.value && run_read(buf_slice(hll), at + 1, &next) && next.value == run.value &&
            run.len + next.len <= VAL_LEN_MAX) {
            run_write(&joined, run.value, run.len + next.len);
            bytes_replace(hll, at, 2, slice_of(&joined, 1));
        } else {
            at += run.size;
        }
    }
}

/* Where a register is. */
struct place {
    struct run run;
    size_t at;
    unsigned first;
};

/* Finds a register from the cursor on. The cursor is left on the run before it, or on its own if
 * that's where the search began. */
static bool place_find(struct slice hll, unsigned index, struct hll_cursor *cursor,
                       struct place *place) {
    *place = (struct place){.at = cursor->at, .first = cursor->first};
    while (run_read(hll, place->at, &place->run)) {
        unsigned end = place->first + place->run.len;
        if (end > HLL_REGISTERS) return false;
        if (index < end) return true;
        *cursor = (struct hll_cursor){place->at, place->first};
        place->at += place->run.size;
        place->first = end;
    }
    return false;
}

/* The same, but with a run before it if there's one. The cursor's own run can be the right one when
 * earlier registers of it were joined to it; then the search goes back to the beginning, since
 * joining needs the run before. */
static bool place_find_with_before(struct slice hll, unsigned index, struct hll_cursor *cursor,
                                   struct place *place) {
    if (!place_find(hll, index, cursor, place)) return false;
    if (cursor->at < place->at || place->at == HLL_HEADER_SIZE) return true;
    *cursor = (struct hll_cursor)HLL_CURSOR_INIT;
    return place_find(hll, index, cursor, place);
}

enum hll_sparse_result hll_sparse_raise(struct buf *hll, unsigned index, unsigned rank,
                                        size_t sparse_max, struct hll_cursor *cursor) {
    if (rank > VAL_MAX) return HLL_SPARSE_NO_ROOM;
    struct place here;
    if (!place_find_with_before(buf_slice(hll), index, cursor, &here)) return HLL_SPARSE_CORRUPT;
    if (here.run.value >= rank) return HLL_SPARSE_KEPT;

    unsigned char split[SPLIT_MAX], *end = split;
    end = run_write(end, here.run.value, index - here.first);
    end = run_write(end, rank, 1);
    end = run_write(end, here.run.value, here.first + here.run.len - 1 - index);
    size_t size = (size_t)(end - split);
    if (size > here.run.size && hll->len - here.run.size + size > sparse_max)
        return HLL_SPARSE_NO_ROOM;
    bytes_replace(hll, here.at, here.run.size, slice_of(split, size));
    runs_join(hll, cursor->at);
    return HLL_SPARSE_RAISED;
}
