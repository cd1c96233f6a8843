/* SPDX-License-Identifier: BSD-3-Clause */
#include "ds/table_stats.h"

struct table_stats {
    size_t used_buckets, full_buckets, passed_by;
    size_t fill[TABLE_SLOTS + 1]; /* buckets with so many entries */
};

static void count_buckets(const struct table_segment *segment, struct table_stats *stats) {
    for (unsigned i = 0; i < segment->buckets; i++) {
        const struct table_bucket *b = &segment->bucket[i];
        unsigned entries = 0;
        for (unsigned slot = 0; slot < TABLE_SLOTS; slot++) entries += b->tags[slot] != 0;
        stats->fill[entries]++;
        stats->used_buckets += entries > 0;
        stats->full_buckets += entries == TABLE_SLOTS;
        stats->passed_by += b->passed > 0;
    }
}

static void count_segments(const struct table *t, struct table_stats *stats) {
    size_t words = (size_t)1 << t->depth;
    for (size_t i = 0; i < words;) {
        uint64_t word = t->dir[i];
        count_buckets(table_word_segment(word), stats);
        i += (size_t)1 << (t->depth - (word >> 48 & 0xff));
    }
}

void table_stats_write(const struct table *t, bool full, struct buf *out) {
    size_t buckets = table_buckets(t), slots = buckets * TABLE_SLOTS;
    buf_appendf(out, " table size: %zu\n number of elements: %zu\n", slots, t->count);
    buf_appendf(out, " segments: %zu, directory: %zu, buckets: %zu of %d\n", t->segments,
                (size_t)1 << t->depth, buckets, TABLE_SLOTS);
    buf_appendf(out, " fill: %.1f%%\n", slots ? 100.0 * (double)t->count / (double)slots : 0);
    if (!full) return;
    struct table_stats stats = {0};
    count_segments(t, &stats);
    buf_appendf(out, " buckets in use: %zu, full: %zu, passed by: %zu\n Entries per bucket:\n",
                stats.used_buckets, stats.full_buckets, stats.passed_by);
    for (int i = 0; i <= TABLE_SLOTS; i++)
        buf_appendf(out, "   %d: %zu (%.2f%%)\n", i, stats.fill[i],
                    100.0 * (double)stats.fill[i] / (double)buckets);
}
