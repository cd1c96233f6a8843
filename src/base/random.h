/* SPDX-License-Identifier: BSD-3-Clause */
/* Random numbers: xoshiro256** (Blackman and Vigna, 2018), seeded by the kernel. Fast and well
 * distributed, for sampling, jitter and identifiers; not for secrets (the keys of hashes and
 * passwords come from random_bytes, that asks the kernel).
 *
 * One struct per user, not shared between threads. */
#ifndef DREY_BASE_RANDOM_H
#define DREY_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

/* Seeds from the kernel. */
void random_seed(struct random *r);

/* Seeds so that the same numbers come again, in tests. */
void random_seed_fixed(struct random *r, uint64_t seed);

uint64_t random_u64(struct random *r);

/* 0 to n - 1, each equally likely; n > 0. */
uint64_t random_below(struct random *r, uint64_t n);

/* Bytes fit for secrets, from the kernel (a system call). Ends the process if the kernel has none,
 * since whoever asks relies on them. */
void random_bytes(void *to, size_t len);

/* `len` lower-case hexadecimal digits, no terminator, from the kernel's bytes: run and replication
 * ids (40 digits). */
void random_hex(char *to, size_t len);

#endif
