/* SPDX-License-Identifier: BSD-3-Clause */
/* Bit arrays. Everything works on big-endian words: loaded that way, bit order and integer order
 * agree, so that a position is a count of leading zeros and an edge is one mask. */
#include "type/bits.h"

#include <endian.h>

/* Eight bytes at `byte`, bit 0 of them on top; zeros past the end. */
static inline uint64_t load_word(struct slice s, uint64_t byte) {
    uint64_t word = 0;
    if (s.len >= 8 && byte <= s.len - 8) {
        memcpy(&word, s.ptr + byte, 8);
    } else if (byte < s.len) {
        memcpy(&word, s.ptr + byte, s.len - byte);
    }
    return be64toh(word);
}

/* Ranges */

static int64_t clip_end(int64_t end, uint64_t total) {
    if (end < 0) end += (int64_t)total;
    return end < 0 ? 0 : end;
}

bool bits_range_clip(int64_t start, int64_t end, uint64_t total, struct bits_range *out) {
    if (total == 0) return false;
    uint64_t first = (uint64_t)clip_end(start, total);
    uint64_t last = (uint64_t)clip_end(end, total);
    if (last >= total) last = total - 1;
    if (first > last) return false;
    *out = (struct bits_range){first, last};
    return true;
}

/* Counting. Baseline x86-64 has no population count instruction and the compiler's substitute takes
 * about ten times as long, so the loop is compiled twice there and picked at run time. Four sums
 * keep the adds independent. */

static inline __attribute__((always_inline)) uint64_t count_words(const char *bytes, size_t words) {
    uint64_t sum[4] = {0, 0, 0, 0};
    uint64_t w[4];
    for (; words >= 4; words -= 4, bytes += 32) {
        memcpy(w, bytes, sizeof(w));
        for (int i = 0; i < 4; i++) sum[i] += (uint64_t)__builtin_popcountll(w[i]);
    }
    for (; words > 0; words--, bytes += 8) {
        memcpy(w, bytes, 8);
        sum[0] += (uint64_t)__builtin_popcountll(w[0]);
    }
    return sum[0] + sum[1] + sum[2] + sum[3];
}

static uint64_t count_words_any(const char *bytes, size_t words) {
    return count_words(bytes, words);
}

#if defined(__x86_64__) && !defined(__POPCNT__)
__attribute__((target("popcnt"))) static uint64_t count_words_popcnt(const char *bytes,
                                                                     size_t words) {
    return count_words(bytes, words);
}

static uint64_t count_words_best(const char *bytes, size_t words) {
    if (__builtin_cpu_supports("popcnt")) return count_words_popcnt(bytes, words);
    return count_words_any(bytes, words);
}
#else
static uint64_t count_words_best(const char *bytes, size_t words) {
    return count_words_any(bytes, words);
}
#endif

uint64_t bits_count(struct slice s) {
    size_t words = s.len / 8;
    uint64_t sum = words ? count_words_best(s.ptr, words) : 0;
    if (s.len % 8) sum += (uint64_t)__builtin_popcountll(load_word(s, words * 8));
    return sum;
}

uint64_t bits_count_range(struct slice s, struct bits_range range) {
    uint64_t first_byte = range.first / 8, last_byte = range.last / 8;
    uint64_t sum = bits_count(slice_of(s.ptr + first_byte, last_byte - first_byte + 1));
    /* The bits of the two edge bytes that lie outside were counted: take them off again. */
    unsigned before = (unsigned char)s.ptr[first_byte] & ~(0xFFu >> range.first % 8) & 0xFFu;
    unsigned after = (unsigned char)s.ptr[last_byte] & (0x7Fu >> range.last % 8);
    return sum - (uint64_t)__builtin_popcount(before) - (uint64_t)__builtin_popcount(after);
}

/* Searching */

/* From byte `at`, the first byte of a word that isn't `idle` all over (or fewer than 32 bytes from
 * the end). */
static uint64_t skip_words(struct slice s, uint64_t at, uint64_t idle) {
    uint64_t w[4];
    for (; at + sizeof(w) <= s.len; at += sizeof(w)) {
        memcpy(w, s.ptr + at, sizeof(w));
        if ((w[0] ^ idle) | (w[1] ^ idle) | (w[2] ^ idle) | (w[3] ^ idle)) break;
    }
    return at;
}

int64_t bits_find(struct slice s, bool bit, struct bits_range range) {
    uint64_t flip = bit ? 0 : ~UINT64_C(0);
    uint64_t at = range.first / 8;
    uint64_t word = (load_word(s, at) ^ flip) & (~UINT64_C(0) >> range.first % 8);
    s.len = range.last / 8 + 1;
    while (word == 0) {
        at = skip_words(s, at + 8, flip);
        if (at >= s.len) return -1;
        word = load_word(s, at) ^ flip;
    }
    uint64_t pos = at * 8 + (uint64_t)__builtin_clzll(word);
    return pos <= range.last ? (int64_t)pos : -1;
}

/* Combining. The output is made in blocks that stay in the first-level cache while all inputs pass
 * over them; the inner loops are plain enough to be vectorised. */

enum { BLOCK = 4096 };

/* A block of an input: its bytes from `from` on, at most BLOCK. */
static struct slice block_of(struct slice input, size_t from) {
    if (from >= input.len) return slice_of(NULL, 0);
    size_t len = input.len - from;
    return slice_of(input.ptr + from, len < BLOCK ? len : BLOCK);
}

static void block_and(char *restrict out, size_t len, struct slice in) {
    const char *restrict from = in.ptr;
    for (size_t i = 0; i < in.len; i++) out[i] &= from[i];
    memset(out + in.len, 0, len - in.len);
}

static void block_or(char *restrict out, struct slice in) {
    const char *restrict from = in.ptr;
    for (size_t i = 0; i < in.len; i++) out[i] |= from[i];
}

static void block_xor(char *restrict out, struct slice in) {
    const char *restrict from = in.ptr;
    for (size_t i = 0; i < in.len; i++) out[i] ^= from[i];
}

static void block_and_not(char *restrict out, struct slice in) {
    const char *restrict from = in.ptr;
    for (size_t i = 0; i < in.len; i++) out[i] &= (char)~from[i];
}

/* out: in one input or more; more: in two or more. */
static void block_tally(char *restrict out, char *restrict more, struct slice in) {
    const char *restrict from = in.ptr;
    for (size_t i = 0; i < in.len; i++) {
        more[i] |= out[i] & from[i];
        out[i] |= from[i];
    }
}

static void block_copy(char *restrict out, size_t len, struct slice in) {
    if (in.len) memcpy(out, in.ptr, in.len);
    memset(out + in.len, 0, len - in.len);
}

struct block {
    char *out;
    size_t len, from; /* bytes of it, and where in the inputs it starts */
    const struct slice *inputs;
    size_t n;
};

/* Y of DIFF, DIFF1 and ANDOR. */
static void block_union_of_others(const struct block *b) {
    block_copy(b->out, b->len, block_of(b->inputs[1], b->from));
    for (size_t i = 2; i < b->n; i++) block_or(b->out, block_of(b->inputs[i], b->from));
}

static void block_one(const struct block *b) {
    char more[BLOCK];
    memset(more, 0, b->len);
    for (size_t i = 1; i < b->n; i++) block_tally(b->out, more, block_of(b->inputs[i], b->from));
    block_and_not(b->out, slice_of(more, b->len));
}

/* Folds inputs 1..n-1 into a block that holds input 0. */
static void block_fold(enum bits_op op, const struct block *b) {
    for (size_t i = 1; i < b->n; i++) {
        struct slice in = block_of(b->inputs[i], b->from);
        switch (op) {
        case BITS_AND: block_and(b->out, b->len, in); break;
        case BITS_OR: block_or(b->out, in); break;
        case BITS_XOR: block_xor(b->out, in); break;
        default: block_and_not(b->out, in); break;
        }
    }
}

static void block_not(const struct block *b) {
    for (size_t i = 0; i < b->len; i++) b->out[i] = (char)~b->out[i];
}

static void block_combine(enum bits_op op, const struct block *b) {
    struct slice first = block_of(b->inputs[0], b->from);
    if (op == BITS_DIFF1 || op == BITS_ANDOR) {
        block_union_of_others(b);
        if (op == BITS_DIFF1) {
            block_and_not(b->out, first);
        } else {
            block_and(b->out, b->len, first);
        }
        return;
    }
    block_copy(b->out, b->len, first);
    if (op == BITS_NOT) {
        block_not(b);
    } else if (op == BITS_ONE) {
        block_one(b);
    } else {
        block_fold(op, b);
    }
}

size_t bits_op_len(const struct slice *inputs, size_t n) {
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (inputs[i].len > len) len = inputs[i].len;
    }
    return len;
}

void bits_combine(enum bits_op op, const struct slice *inputs, size_t n, char *out) {
    size_t len = bits_op_len(inputs, n);
    for (size_t from = 0; from < len; from += BLOCK) {
        size_t left = len - from;
        struct block b = {out + from, left < BLOCK ? left : BLOCK, from, inputs, n};
        block_combine(op, &b);
    }
}

/* Fields. One of 64 bits can touch nine bytes. */

uint64_t bits_field_get(struct slice s, uint64_t pos, unsigned width) {
    unsigned shift = pos % 8;
    uint64_t word = load_word(s, pos / 8) << shift;
    uint64_t ninth = pos / 8 + 8;
    if (shift && ninth < s.len) word |= (uint64_t)(unsigned char)s.ptr[ninth] >> (8 - shift);
    return word >> (64 - width);
}

int64_t bits_field_get_signed(struct slice s, uint64_t pos, unsigned width) {
    uint64_t top = bits_field_get(s, pos, width) << (64 - width);
    return (int64_t)top >> (64 - width);
}

void bits_field_set(char *bytes, uint64_t pos, unsigned width, uint64_t value) {
    unsigned char *p = (unsigned char *)bytes + pos / 8;
    unsigned touched = (pos % 8 + width + 7) / 8;
    unsigned below = touched * 8 - pos % 8 - width; /* bits of the last byte that stay */
    unsigned __int128 mask = (~UINT64_C(0) >> (64 - width));
    unsigned __int128 fresh = (value & mask) << below;
    mask <<= below;
    for (unsigned i = touched; i-- > 0; mask >>= 8, fresh >>= 8) {
        p[i] = (unsigned char)((p[i] & ~(unsigned)mask) | (unsigned)fresh);
    }
}

bool bits_add_unsigned(uint64_t value, int64_t incr, unsigned width, enum bits_overflow how,
                       uint64_t *out) {
    uint64_t max = ~UINT64_C(0) >> (64 - width);
    __int128 sum = (__int128)value + incr;
    bool fits = sum >= 0 && sum <= (__int128)max;
    if (fits) {
        *out = (uint64_t)sum;
    } else if (how == BITS_WRAP) {
        *out = (uint64_t)sum & max;
    } else if (how == BITS_SAT) {
        *out = sum < 0 ? 0 : max;
    }
    return fits;
}

bool bits_add_signed(int64_t value, int64_t incr, unsigned width, enum bits_overflow how,
                     int64_t *out) {
    int64_t max = INT64_MAX >> (64 - width);
    int64_t min = -max - 1;
    __int128 sum = (__int128)value + incr;
    bool fits = sum >= min && sum <= max;
    if (fits) {
        *out = (int64_t)sum;
    } else if (how == BITS_WRAP) {
        *out = (int64_t)((uint64_t)sum << (64 - width)) >> (64 - width);
    } else if (how == BITS_SAT) {
        *out = sum < min ? min : max;
    }
    return fits;
}
