/* SPDX-License-Identifier: BSD-3-Clause */
/* What a table looks like inside, for DEBUG HTSTATS. */
#ifndef DREY_DS_TABLE_STATS_H
#define DREY_DS_TABLE_STATS_H

#include "base/buf.h"
#include "ds/table.h"

/* Appends lines of text, each ended by a newline. `full`: also how full the buckets are and how far
 * entries had to go from where they belong, which reads the whole table: O(buckets), else
 * O(directory). */
void table_stats_write(const struct table *t, bool full, struct buf *out);

#endif
