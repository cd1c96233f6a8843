/* SPDX-License-Identifier: BSD-3-Clause */
/* The sparse encoding of HyperLogLogs, for hll.c alone (hll.h describes the format and the rest of
 * the interface). Functions take a sparse HLL whole, header included, that hll_check accepted; its
 * runs may be anything. */
#ifndef DREY_TYPE_HLL_SPARSE_H
#define DREY_TYPE_HLL_SPARSE_H

#include "type/hll.h"

enum hll_sparse_result {
    HLL_SPARSE_KEPT,    /* the register was at least that high */
    HLL_SPARSE_RAISED,  /* the header isn't touched */
    HLL_SPARSE_NO_ROOM, /* it must become dense first; nothing was done */
    HLL_SPARSE_CORRUPT,
};

/* A place to begin the search for a register: a run's offset, and the first register in it. For
 * registers raised in ascending order the same cursor spares the search from the beginning. Any
 * other change makes it invalid. */
struct hll_cursor {
    size_t at;
    unsigned first;
};

#define HLL_CURSOR_INIT                                                                            \
    { HLL_HEADER_SIZE, 0 }

/* Appends the run of an empty HLL. */
void hll_sparse_append_zeros(struct buf *hll);

/* Raises one register. */
enum hll_sparse_result hll_sparse_raise(struct buf *hll, unsigned index, unsigned rank,
                                        size_t sparse_max, struct hll_cursor *cursor);

/* As hll_merge. */
enum hll_status hll_sparse_merge(uint8_t registers[HLL_REGISTERS], struct slice hll);

/* Adds to histogram[v] the number of registers of value v. */
enum hll_status hll_sparse_histogram(struct slice hll, uint32_t histogram[64]);

#endif
