/* SPDX-License-Identifier: BSD-3-Clause */
/* Moments as people write them. */
#ifndef DREY_BASE_MOMENT_H
#define DREY_BASE_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Reads seconds since 1970, or a date as ISO 8601 has it: 2026-11-21, 2026-11-21T14:05,
 * 2026-11-21T14:05:09, with a space for the T if one likes, and behind a time Z or an offset
 * (+01:00, +0100, +01); without one it's UTC. Fractions of a second are read and dropped. False:
 * it's none, or there's no such day. */
bool moment_parse(struct slice text, int64_t *unix_s);

#endif
