/* SPDX-License-Identifier: BSD-3-Clause */
/* Hash slots: a cluster's keys are shared out by them. The slot of a key is the CRC16 (XMODEM:
 * polynomial 0x1021, from 0) of its name modulo 16384; of a name with "{tag}" in it only the tag
 * counts, so that keys can be kept together (Redis Cluster specification, "Key distribution
 * model").
 */
#ifndef DREY_DB_SLOT_H
#define DREY_DB_SLOT_H

#include <stdint.h>

#include "base/slice.h"

enum { SLOT_COUNT = 16384 };

/* O(length of what counts), some 2 ns a byte. */
unsigned slot_of(struct slice key);

/* The slot that all names must be in which match a glob pattern; -1: they may be in any. */
int slot_of_pattern(struct slice pattern);

#endif
