/* SPDX-License-Identifier: BSD-3-Clause */
/* HyperLogLog: registers, estimate, cache. The sparse encoding is in hll_sparse.c.
 *
 * Whole dense arrays are handled eight registers at a time: 48 bits spread to the eight bytes of a
 * word in three shifts and masks, and back. One at a time, as the format suggests, is ten times
 * slower. */
#include "type/hll.h"

#include <endian.h>
#include <math.h>

#include "base/load.h"
#include "type/hll_sparse.h"

static const char magic[4] = {'H', 'Y', 'L', 'L'};

enum {
    AT_ENCODING = 4,
    AT_COUNT = 8,
    STALE = 0x80, /* in the count's last byte */
    HASH_BITS = 64 - HLL_BITS,
    RANK_MAX = HASH_BITS + 1,
    GROUP = 8, /* registers that are packed and unpacked together */
    GROUP_SIZE = 6,
};

/* Header */

bool hll_check(struct slice hll) {
    if (hll.len < HLL_HEADER_SIZE || memcmp(hll.ptr, magic, sizeof(magic)) != 0) return false;
    if (hll.ptr[AT_ENCODING] == HLL_SPARSE) return true;
    return hll.ptr[AT_ENCODING] == HLL_DENSE && hll.len == HLL_DENSE_SIZE;
}

void hll_create(struct buf *hll) {
    char header[HLL_HEADER_SIZE] = {0};
    memcpy(header, magic, sizeof(magic));
    header[AT_ENCODING] = HLL_SPARSE;
    buf_append(hll, header, sizeof(header));
    hll_sparse_append_zeros(hll);
}

bool hll_cached_count(struct slice hll, uint64_t *count) {
    if (hll.ptr[AT_COUNT + 7] & STALE) return false;
    *count = load_le64(hll.ptr + AT_COUNT);
    return true;
}

void hll_cache_count(char *hll, uint64_t count) {
    for (int i = 0; i < 8; i++) hll[AT_COUNT + i] = (char)(count >> 8 * i);
}

void hll_drop_cached_count(char *hll) {
    hll[AT_COUNT + 7] |= (char)STALE;
}

/* Elements */

/* MurmurHash64A (Austin Appleby, public domain), with the seed that Redis uses. */
static uint64_t element_hash(struct slice element) {
    const uint64_t mul = UINT64_C(0xc6a4a7935bd1e995);
    const unsigned char *at = (const unsigned char *)element.ptr;
    size_t left = element.len;
    uint64_t hash = UINT64_C(0xadc83b19) ^ element.len * mul;
    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word = load_le64(at) * mul;
        hash = (hash ^ (word ^ word >> 47) * mul) * mul;
    }
    if (left) hash = (hash ^ load_le_part(at, left)) * mul;
    hash = (hash ^ hash >> 47) * mul;
    return hash ^ hash >> 47;
}

struct mark {
    unsigned index, rank;
};

static struct mark element_mark(struct slice element) {
    uint64_t hash = element_hash(element);
    /* A one above the hash's own bits ends the search when they're all 0. */
    uint64_t rest = hash >> HLL_BITS | UINT64_C(1) << HASH_BITS;
    return (struct mark){hash % HLL_REGISTERS, (unsigned)__builtin_ctzll(rest) + 1};
}

/* Dense registers */

/* The two bytes that hold a register, as one number. The last registers lie in the last byte alone.
 */
static unsigned pair_load(const unsigned char *packed, unsigned byte) {
    unsigned next = byte + 1 < HLL_DENSE_SIZE - HLL_HEADER_SIZE ? packed[byte + 1] : 0;
    return packed[byte] | next << 8;
}

static bool dense_raise(char *hll, unsigned index, unsigned rank) {
    unsigned char *packed = (unsigned char *)hll + HLL_HEADER_SIZE;
    unsigned byte = index * 6 / 8, shift = index * 6 % 8;
    unsigned pair = pair_load(packed, byte);
    if ((pair >> shift & 63) >= rank) return false;
    pair = (pair & ~(63u << shift)) | rank << shift;
    packed[byte] = (unsigned char)pair;
    if (shift > 2) packed[byte + 1] = (unsigned char)(pair >> 8);
    return true;
}

/* Group number `g` as 48 bits. It's read with the two bytes before it (the first group's are the
 * header's) since there may be none after it. */
static inline uint64_t group_load(const char *hll, size_t g) {
    return load_le64(hll + HLL_HEADER_SIZE - 2 + g * GROUP_SIZE) >> 16;
}

/* 8 x 6 bits to 8 bytes, by halves: 24 bits in 32, 12 in 16, 6 in 8. */
static inline uint64_t group_spread(uint64_t x) {
    x = (x & UINT64_C(0x0000000000ffffff)) | (x & UINT64_C(0x0000ffffff000000)) << 8;
    x = (x & UINT64_C(0x00000fff00000fff)) | (x & UINT64_C(0x00fff00000fff000)) << 4;
    return (x & UINT64_C(0x003f003f003f003f)) | (x & UINT64_C(0x0fc00fc00fc00fc0)) << 2;
}

/* 8 bytes to four times 12 bits in 16. */
static inline uint64_t group_join_pairs(uint64_t x) {
    return (x & UINT64_C(0x003f003f003f003f)) | (x >> 2 & UINT64_C(0x0fc00fc00fc00fc0));
}

static inline uint64_t group_squeeze(uint64_t x) {
    x = group_join_pairs(x);
    x = (x & UINT64_C(0x00000fff00000fff)) | (x >> 4 & UINT64_C(0x00fff00000fff000));
    return (x & UINT64_C(0x0000000000ffffff)) | (x >> 8 & UINT64_C(0x0000ffffff000000));
}

static inline void word_store(void *to, uint64_t word) {
    word = htole64(word);
    memcpy(to, &word, sizeof(word));
}

static void dense_merge(uint8_t *registers, const char *hll) {
    enum { BATCH = 16 };
    uint8_t fresh[BATCH * GROUP];
    for (size_t g = 0; g < HLL_REGISTERS / GROUP; g += BATCH, registers += sizeof(fresh)) {
        for (size_t i = 0; i < BATCH; i++) {
            word_store(fresh + i * GROUP, group_spread(group_load(hll, g + i)));
        }
        for (size_t i = 0; i < sizeof(fresh); i++) {
            registers[i] = fresh[i] > registers[i] ? fresh[i] : registers[i];
        }
    }
}

static void dense_pack(char *hll, const uint8_t *registers) {
    char *to = hll + HLL_HEADER_SIZE;
    for (size_t g = 0; g < HLL_REGISTERS / GROUP; g++, to += GROUP_SIZE) {
        uint64_t word = htole64(group_squeeze(load_le64(registers + g * GROUP)));
        memcpy(to, &word, GROUP_SIZE);
    }
}

enum hll_status hll_to_dense(struct buf *hll) {
    if (hll_encoding(buf_slice(hll)) == HLL_DENSE) return HLL_UNCHANGED;
    uint8_t registers[HLL_REGISTERS] = {0};
    if (hll_sparse_merge(registers, buf_slice(hll)) == HLL_CORRUPT) return HLL_CORRUPT;
    if (hll->len < HLL_DENSE_SIZE) buf_reserve(hll, HLL_DENSE_SIZE - hll->len);
    hll->len = HLL_DENSE_SIZE;
    hll->data[hll->len] = '\0';
    hll->data[AT_ENCODING] = HLL_DENSE;
    dense_pack(hll->data, registers);
    return HLL_CHANGED;
}

/* Adding and merging */

/* A sparse HLL that had no room: it becomes dense and takes the mark then. */
static enum hll_status promote_and_raise(struct buf *hll, struct mark mark) {
    if (hll_to_dense(hll) == HLL_CORRUPT) return HLL_CORRUPT;
    dense_raise(hll->data, mark.index, mark.rank);
    return HLL_CHANGED;
}

enum hll_status hll_add_dense(char *hll, struct slice element) {
    struct mark mark = element_mark(element);
    if (!dense_raise(hll, mark.index, mark.rank)) return HLL_UNCHANGED;
    hll_drop_cached_count(hll);
    return HLL_CHANGED;
}

bool hll_dense_has(const char *hll, struct slice element) {
    struct mark mark = element_mark(element);
    unsigned bit = mark.index * 6;
    unsigned pair = pair_load((const unsigned char *)hll + HLL_HEADER_SIZE, bit / 8);
    return (pair >> bit % 8 & 63) >= mark.rank;
}

enum hll_status hll_add(struct buf *hll, struct slice element, size_t sparse_max) {
    if (hll_encoding(buf_slice(hll)) == HLL_DENSE) return hll_add_dense(hll->data, element);
    struct mark mark = element_mark(element);
    struct hll_cursor cursor = HLL_CURSOR_INIT;
    enum hll_status status;
    switch (hll_sparse_raise(hll, mark.index, mark.rank, sparse_max, &cursor)) {
    case HLL_SPARSE_KEPT: return HLL_UNCHANGED;
    case HLL_SPARSE_RAISED: status = HLL_CHANGED; break;
    case HLL_SPARSE_NO_ROOM: status = promote_and_raise(hll, mark); break;
    default: return HLL_CORRUPT;
    }
    if (status == HLL_CHANGED) hll_drop_cached_count(hll->data);
    return status;
}

enum hll_status hll_merge(uint8_t registers[HLL_REGISTERS], struct slice hll) {
    if (hll_encoding(hll) == HLL_SPARSE) return hll_sparse_merge(registers, hll);
    dense_merge(registers, hll.ptr);
    return HLL_UNCHANGED;
}

/* HLL_CHANGED, HLL_CORRUPT, or HLL_UNCHANGED if the registers don't fit: they belong into a dense
 * one then. */
static enum hll_status sparse_store(struct buf *hll, const uint8_t *registers, size_t sparse_max) {
    struct hll_cursor cursor = HLL_CURSOR_INIT;
    for (unsigned i = 0; i < HLL_REGISTERS; i++) {
        if (registers[i] == 0) continue;
        enum hll_sparse_result result = hll_sparse_raise(hll, i, registers[i], sparse_max, &cursor);
        if (result == HLL_SPARSE_NO_ROOM) return HLL_UNCHANGED;
        if (result == HLL_SPARSE_CORRUPT) return HLL_CORRUPT;
    }
    return HLL_CHANGED;
}

enum hll_status hll_store(struct buf *hll, const uint8_t registers[HLL_REGISTERS],
                          size_t sparse_max) {
    enum hll_status status = HLL_UNCHANGED;
    if (hll_encoding(buf_slice(hll)) == HLL_SPARSE) {
        status = sparse_store(hll, registers, sparse_max);
        if (status == HLL_UNCHANGED) status = hll_to_dense(hll);
        if (status == HLL_CORRUPT) return HLL_CORRUPT;
    }
    if (hll_encoding(buf_slice(hll)) == HLL_DENSE) dense_pack(hll->data, registers);
    hll_drop_cached_count(hll->data);
    return HLL_CHANGED;
}

/* Estimate */

/* Registers of 0 weigh in through sigma, those at the rank's limit through tau; both are series
 * that converge in a few dozen steps at most. */
static double sigma(double x) {
    if (x == 1.0) return INFINITY;
    double sum = x, before, weight = 1.0;
    do {
        x *= x;
        before = sum;
        sum += x * weight;
        weight += weight;
    } while (sum != before);
    return sum;
}

static double tau(double x) {
    if (x == 0.0 || x == 1.0) return 0.0;
    double sum = 1.0 - x, before, weight = 1.0;
    do {
        x = sqrt(x);
        before = sum;
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
    } while (sum != before);
    return sum / 3.0;
}

/* From the number of registers of each value. */
static uint64_t estimate(const uint32_t histogram[64]) {
    const double m = HLL_REGISTERS;
    const double alpha = 0.721347520444481703680; /* 1 / (2 ln 2) */
    double z = m * tau((m - histogram[RANK_MAX]) / m);
    for (int rank = RANK_MAX - 1; rank >= 1; rank--) z = (z + histogram[rank]) * 0.5;
    z += m * sigma(histogram[0] / m);
    double count = alpha * m * m / z;
    /* Only forged registers reach this. As an int64_t it's negative, which is what Redis on x86-64
     * answers. */
    if (!(count < 0x1p63)) return UINT64_C(1) << 63;
    return (uint64_t)llround(count);
}

/* Counting by pairs of registers halves the increments, each of which costs a store; adding the
 * rows and columns of the table up afterwards is plain vector code. A quarter faster than eight
 * separate counts of single registers. */
enum { PAIRS = 64 * 64 };

static inline void pairs_count(uint16_t counts[PAIRS], uint64_t pairs, unsigned stride) {
    for (unsigned i = 0; i < 4; i++, pairs >>= stride) counts[pairs % PAIRS]++;
}

static uint64_t pairs_estimate(const uint16_t counts[PAIRS]) {
    uint32_t histogram[64] = {0};
    for (unsigned high = 0; high < 64; high++, counts += 64) {
        uint16_t sum = 0; /* there are 8,192 pairs in all */
        for (unsigned low = 0; low < 64; low++) {
            sum = (uint16_t)(sum + counts[low]);
            histogram[low] += counts[low];
        }
        histogram[high] += sum;
    }
    return estimate(histogram);
}

uint64_t hll_count_registers(const uint8_t registers[HLL_REGISTERS]) {
    uint16_t counts[PAIRS] = {0};
    for (size_t g = 0; g < HLL_REGISTERS; g += GROUP) {
        pairs_count(counts, group_join_pairs(load_le64(registers + g)), 16);
    }
    return pairs_estimate(counts);
}

enum hll_status hll_count(struct slice hll, uint64_t *count) {
    if (hll_encoding(hll) == HLL_SPARSE) {
        uint32_t histogram[64] = {0};
        if (hll_sparse_histogram(hll, histogram) == HLL_CORRUPT) return HLL_CORRUPT;
        *count = estimate(histogram);
        return HLL_UNCHANGED;
    }
    uint16_t counts[PAIRS] = {0};
    for (size_t g = 0; g < HLL_REGISTERS / GROUP; g++) {
        pairs_count(counts, group_load(hll.ptr, g), 12);
    }
    *count = pairs_estimate(counts);
    return HLL_UNCHANGED;
}

/* Self-test */

/* A number that looks random, the same at each run. */
static uint64_t scramble(uint64_t n) {
    return element_hash(slice_of(&n, sizeof(n)));
}

/* Registers that are raised one by one, stored as a whole and read as a whole must agree. */
static bool test_registers(struct buf *dense, struct buf *why) {
    uint8_t want[HLL_REGISTERS] = {0}, once[HLL_REGISTERS] = {0}, got[HLL_REGISTERS] = {0};
    for (unsigned i = 0; i < 4 * HLL_REGISTERS; i++) {
        unsigned index = (unsigned)scramble(i) % HLL_REGISTERS, rank = scramble(i) >> 58;
        bool raised = dense_raise(dense->data, index, rank);
        if (raised != (rank > want[index])) {
            buf_appendf(why, "register %u raised to %u from %u", index, rank, want[index]);
            return false;
        }
        if (raised) want[index] = (uint8_t)rank;
    }
    dense_merge(once, dense->data);
    dense_pack(dense->data, once);
    dense_merge(got, dense->data);
    for (unsigned i = 0; i < HLL_REGISTERS; i++) {
        if (got[i] == want[i]) continue;
        buf_appendf(why, "register %u is %u, not %u", i, got[i], want[i]);
        return false;
    }
    return true;
}

static bool test_estimate(struct buf *sparse, struct buf *dense, uint64_t n, struct buf *why) {
    uint64_t a = 0, b = 0;
    hll_count(buf_slice(sparse), &a);
    hll_count(buf_slice(dense), &b);
    if (a != b) {
        buf_appendf(why, "sparse and dense counts differ: %llu and %llu", (unsigned long long)a,
                    (unsigned long long)b);
        return false;
    }
    /* Four standard errors of 1.04 / sqrt(16384); the elements are always the same. */
    double error = fabs((double)a - (double)n);
    if (error <= 4 * 1.04 / 128 * (double)n) return true;
    buf_appendf(why, "%llu elements counted as %llu", (unsigned long long)n, (unsigned long long)a);
    return false;
}

static bool test_counts(struct buf *sparse, struct buf *dense, struct buf *why) {
    uint64_t next = 1;
    for (uint64_t n = 1; n <= 1000000; n++) {
        struct slice element = slice_of(&n, sizeof(n));
        if (hll_add(sparse, element, 3000) != hll_add_dense(dense->data, element)) {
            buf_append_str(why, "sparse and dense disagree on a change");
            return false;
        }
        if (n < next) continue;
        if (!test_estimate(sparse, dense, n, why)) return false;
        next = n + n / 4 + 1;
    }
    return true;
}

bool hll_self_test(struct buf *why) {
    struct buf sparse = BUF_INIT, dense = BUF_INIT, packed = BUF_INIT;
    hll_create(&sparse);
    hll_create(&dense);
    hll_create(&packed);
    hll_to_dense(&dense);
    hll_to_dense(&packed);
    bool passed = test_registers(&packed, why) && test_counts(&sparse, &dense, why);
    buf_release(&sparse);
    buf_release(&dense);
    buf_release(&packed);
    return passed;
}
