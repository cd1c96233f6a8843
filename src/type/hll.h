/* SPDX-License-Identifier: BSD-3-Clause */
/* HyperLogLog: an estimate of how many different elements were added, within 0.81 % (standard
 * error) in 12 KB. The bytes are Redis's string values, bit for bit, so that GET, SET, DUMP and RDB
 * files are interchangeable.
 *
 * Format. Header of 16 bytes:
 *
 *     "HYLL" | encoding: 0 dense, 1 sparse | 3 bytes unused | cached count, 64 bits, little-endian
 *
 * The count's top bit says that the cached count is out of date. Then 16,384 registers:
 *
 *   dense:  6 bits each, register 0 in the low bits of the first byte.
 *   sparse: runs, in order:
 *     00xxxxxx            ZERO   x+1 registers of 0 (1..64)
 *     01xxxxxx yyyyyyyy   XZERO  xy+1 registers of 0 (1..16384, high bits first)
 *     1vvvvvxx            VAL    x+1 registers (1..4) of value v+1 (1..32)
 *
 * An element's MurmurHash64A picks its register by the low 14 bits; the rank is the place of the
 * lowest one (1..51) among the other 50 bits. A register holds the greatest rank seen. The
 * estimator is Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches", 2017,
 * arXiv:1702.01284, algorithm 6).
 *
 * The bytes may come from anyone (SET, RESTORE): every function checks what it reads, and what
 * isn't a well-formed run list of 16,384 registers is HLL_CORRUPT. Functions that take an HLL want
 * one that hll_check accepts. */
#ifndef DREY_TYPE_HLL_H
#define DREY_TYPE_HLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum {
    HLL_BITS = 14,
    HLL_REGISTERS = 1 << HLL_BITS,
    HLL_HEADER_SIZE = 16,
    HLL_DENSE_SIZE = HLL_HEADER_SIZE + HLL_REGISTERS * 6 / 8,
};

enum hll_encoding { HLL_DENSE = 0, HLL_SPARSE = 1 };

/* What a change came to. A corrupt HLL is left as it was unless said otherwise. */
enum hll_status { HLL_UNCHANGED = 0, HLL_CHANGED = 1, HLL_CORRUPT = -1 };

/* Whether a string has an HLL's header and, if dense, its length. The runs of a sparse one aren't
 * looked at. O(1). */
bool hll_check(struct slice hll);

static inline enum hll_encoding hll_encoding(struct slice hll) {
    return (enum hll_encoding)hll.ptr[4];
}

/* Appends an empty, sparse HLL to an empty buffer, its cached count of 0 valid. */
void hll_create(struct buf *hll);

/* Adds an element. A sparse HLL becomes dense when it would grow past sparse_max bytes (header
 * included) or the rank doesn't fit a VAL. A change marks the cached count out of date. O(size) if
 * sparse, O(1) if dense. Runs behind the element's register aren't looked at (nor does Redis). */
enum hll_status hll_add(struct buf *hll, struct slice element, size_t sparse_max);

/* The same in place for a dense one, wherever its HLL_DENSE_SIZE bytes are. */
enum hll_status hll_add_dense(char *hll, struct slice element);

/* Whether adding an element would leave a dense HLL as it is. O(1). */
bool hll_dense_has(const char *hll, struct slice element);

/* Makes a sparse HLL dense; the cached count stays. HLL_UNCHANGED if it's dense already. */
enum hll_status hll_to_dense(struct buf *hll);

/* Raises registers, one a byte, to those of an HLL: start with zeros, merge as many as there are.
 * Also how to read the registers of one. HLL_UNCHANGED, or HLL_CORRUPT: some registers were raised
 * then. */
enum hll_status hll_merge(uint8_t registers[HLL_REGISTERS], struct slice hll);

/* Raises the registers of an HLL to those given, which must be at least its own (it was merged into
 * them), as if elements had been added in register order: the bytes come out as from Redis's
 * PFMERGE. The cached count is out of date then. HLL_CHANGED, or HLL_CORRUPT: part of the registers
 * were raised then. */
enum hll_status hll_store(struct buf *hll, const uint8_t registers[HLL_REGISTERS],
                          size_t sparse_max);

/* The estimate, from registers (each ≤ 63) or from an HLL whatever its cached count says. The
 * latter returns HLL_UNCHANGED or HLL_CORRUPT. */
uint64_t hll_count_registers(const uint8_t registers[HLL_REGISTERS]);
enum hll_status hll_count(struct slice hll, uint64_t *count);

/* The cached count. False if it's out of date. */
bool hll_cached_count(struct slice hll, uint64_t *count);
void hll_cache_count(char *hll, uint64_t count); /* in place */
void hll_drop_cached_count(char *hll);           /* in place */

/* Appends the runs of a sparse HLL as PFDEBUG DECODE prints them: "Z:8581 v:1,1 z:9" (Z is XZERO).
 * HLL_UNCHANGED, or HLL_CORRUPT if the last run is cut off. */
enum hll_status hll_decode(struct slice hll, struct buf *text);

/* PFSELFTEST: packing of registers, agreement of the two encodings, error of the estimate up to a
 * million elements. False with the reason appended to `why`. Takes about a tenth of a second. */
bool hll_self_test(struct buf *why);

#endif
