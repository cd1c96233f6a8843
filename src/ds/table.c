/* SPDX-License-Identifier: BSD-3-Clause */
/* See table.h for the shape. What is decided here:
 *
 * Sizes: a segment with n buckets takes 64 * (n + 1) bytes; the sizes used are those that fill an
 * allocator's size class.
 *
 * Collisions: an entry whose home bucket is full goes to the next bucket with room, round the
 * segment; each bucket it passes counts it in `passed`. A search stops at the first bucket that
 * nobody passed, and removing an entry takes its passes back, so there are no tombstones and long
 * churn leaves no traces (a count that reached 255 sticks until the segment is next rebuilt).
 *
 * Fill: at most 31/32 of the slots, where a search reads 1.8 buckets on average. Below 7/16 a
 * segment shrinks. A segment merges with its sibling when both together would fill at most 10/16 of
 * a largest one: far from the split, so nothing flaps. */
#include "ds/table.h"

#include "base/alloc.h"
#include "base/assert.h"

static const uint8_t SIZES[] = {1, 2, 3, 5, 7, 11, 15, 23, 31, 47, TABLE_MAX_BUCKETS};

enum {
    ANY_SIZE = sizeof SIZES,
    MERGED_MAX = TABLE_SEGMENT_MAX * 10 / 16,
    TOUCH_AHEAD = 24,  /* entries that are fetched together */
    CURSOR_SHIFT = 16, /* a cursor is the first 48 bits of a hash */
    MAX_DEPTH = 40,
};

static unsigned size_limit(unsigned buckets) {
    return buckets * TABLE_SLOTS * 31 / 32;
}

/* The smallest size that holds `count` entries with some room left to grow. */
static unsigned size_for(unsigned count) {
    for (size_t i = 0; i < ANY_SIZE; i++)
        if (size_limit(SIZES[i]) >= count + count / 8) return SIZES[i];
    return TABLE_MAX_BUCKETS;
}

static size_t segment_bytes(unsigned buckets) {
    return sizeof(struct table_segment) + buckets * sizeof(struct table_bucket);
}

static struct table_segment *segment_new(uint64_t first, unsigned depth, unsigned buckets) {
    size_t bytes = segment_bytes(buckets);
    struct table_segment *s = mem_alloc_aligned(bytes, 64);
    memset(s, 0, bytes);
    s->first = first;
    s->due = TABLE_NEVER;
    s->buckets = (uint8_t)buckets;
    s->depth = (uint8_t)depth;
    return s;
}

static void segment_free(struct table_segment *s) {
    mem_free_sized(s, segment_bytes(s->buckets));
}

static size_t dir_index(const struct table *t, uint64_t hash) {
    return (hash >> 1) >> (63 - t->depth);
}

/* Names `s` in all words of its range. */
static void dir_set(struct table *t, struct table_segment *s) {
    uint64_t word = (uint64_t)(s->buckets - 1) << 56 | (uint64_t)s->depth << 48 | (uintptr_t)s;
    DASSERT(((uintptr_t)s >> 48) == 0);
    size_t at = dir_index(t, s->first), words = (size_t)1 << (t->depth - s->depth);
    for (size_t i = 0; i < words; i++) t->dir[at + i] = word;
}

static void slot_set(struct table_bucket *b, unsigned slot, void *entry) {
    uint64_t word = (uintptr_t)entry;
    DASSERT(word >> 48 == 0);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(b->pointers + 6 * slot, &word, 6);
#else
#error "bucket pointers are laid out for little-endian machines"
#endif
}

static unsigned free_slots(const struct table_bucket *b) {
    return tags_match(b->tags, 0);
}

static void segment_place(struct table_segment *s, uint64_t hash, void *entry) {
    uint32_t at = table_home(hash, s->depth, s->buckets);
    unsigned room;
    while (!(room = free_slots(&s->bucket[at]))) {
        if (s->bucket[at].passed != 255) s->bucket[at].passed++;
        at = at + 1 == s->buckets ? 0 : at + 1;
    }
    unsigned slot = (unsigned)__builtin_ctz(room);
    s->bucket[at].tags[slot] = table_tag(hash);
    slot_set(&s->bucket[at], slot, entry);
    s->count++;
}

static size_t bucket_entries(const struct table_bucket *b, void **entries) {
    size_t n = 0;
    for (unsigned used = ~free_slots(b) & TAGS_ALL; used; used &= used - 1)
        entries[n++] = table_slot(b, (unsigned)__builtin_ctz(used));
    return n;
}

static size_t segment_entries(const struct table_segment *s, void **entries) {
    size_t n = 0;
    for (unsigned at = 0; at < s->buckets; at++) n += bucket_entries(&s->bucket[at], entries + n);
    return n;
}

/* In walks entries are fetched for some buckets at once: a cache miss for each would hold them up.
 */
enum { ITER_BURST = 4, WALK_BUCKETS = 3 * ITER_BURST - 1 };

/* The entries of a bucket, if there is such a bucket. */
static void touch_entries(const struct table_segment *s, uint32_t at) {
    if (at >= s->buckets) return;
    const struct table_bucket *b = &s->bucket[at];
    for (unsigned used = ~free_slots(b) & TAGS_ALL; used; used &= used - 1)
        table_touch_whole(table_slot(b, (unsigned)__builtin_ctz(used)));
}

/* The heap of segments by due. */

static void heap_put(struct table *t, size_t at, struct table_segment *s) {
    t->heap[at] = s;
    s->heap_pos = (uint32_t)at;
}

static void heap_sift(struct table *t, size_t at, struct table_segment *s) {
    while (at > 0 && t->heap[(at - 1) / 2]->due > s->due) {
        heap_put(t, at, t->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (size_t child; (child = 2 * at + 1) < t->heap_len; at = child) {
        if (child + 1 < t->heap_len && t->heap[child + 1]->due < t->heap[child]->due) child++;
        if (t->heap[child]->due >= s->due) break;
        heap_put(t, at, t->heap[child]);
    }
    heap_put(t, at, s);
}

static void heap_remove(struct table *t, struct table_segment *s) {
    if (s->due == TABLE_NEVER) return;
    struct table_segment *last = t->heap[--t->heap_len];
    if (last != s) heap_sift(t, s->heap_pos, last);
    s->due = TABLE_NEVER;
}

static void segment_set_due(struct table *t, struct table_segment *s, uint64_t due) {
    if (due == TABLE_NEVER) {
        heap_remove(t, s);
        return;
    }
    size_t at = s->heap_pos;
    if (s->due == TABLE_NEVER) {
        if (t->heap_len == t->heap_cap) {
            t->heap_cap = t->heap_cap ? 2 * t->heap_cap : 4;
            t->heap = mem_realloc(t->heap, t->heap_cap * sizeof *t->heap);
        }
        at = t->heap_len++;
        s->heap_pos = (uint32_t)at;
    }
    s->due = due;
    heap_sift(t, at, s);
}

/* Rebuilding. */

static void directory_double(struct table *t) {
    size_t words = (size_t)1 << t->depth;
    uint64_t *dir = mem_alloc(2 * words * sizeof *dir);
    for (size_t i = 0; i < words; i++) dir[2 * i] = dir[2 * i + 1] = t->dir[i];
    mem_free(t->dir);
    t->dir = dir;
    t->depth++;
    t->deepest = 0;
}

static void directory_halve(struct table *t) {
    size_t words = (size_t)1 << --t->depth;
    for (size_t i = 0; i < words; i++) t->dir[i] = t->dir[2 * i];
    t->dir = mem_realloc(t->dir, words * sizeof *t->dir);
    t->deepest = 0;
    for (size_t i = 0; i < words; i++) t->deepest += (t->dir[i] >> 48 & 0xff) == t->depth;
}

static void segment_attach(struct table *t, struct table_segment *s, uint64_t due) {
    t->segments++;
    t->deepest += s->depth == t->depth;
    dir_set(t, s);
    segment_set_due(t, s, due);
}

static void segment_detach(struct table *t, struct table_segment *s) {
    t->segments--;
    t->deepest -= s->depth == t->depth;
    heap_remove(t, s);
}

/* In bursts: loads wait for each other only when there is work between them that needs them. */
static void touch_some(void *const *entries, size_t n) {
    for (size_t i = 0; i < n && i < TOUCH_AHEAD; i++) table_touch_whole(entries[i]);
}

/* The first entry whose tag matches, of an entry that isn't in its home. */
static void *guess_behind(const struct table *t, uint64_t hash) {
    uint64_t word = table_dir_word(t, hash);
    const struct table_segment *segment = table_word_segment(word);
    unsigned buckets = (unsigned)(word >> 56) + 1;
    uint32_t at = table_home(hash, (unsigned)(word >> 48) & 0xff, buckets);
    for (unsigned tries = buckets; tries; tries--) {
        const struct table_bucket *b = &segment->bucket[at];
        unsigned found = tags_match(b->tags, table_tag(hash));
        if (found) return table_slot(b, (unsigned)__builtin_ctz(found));
        if (!b->passed) return NULL;
        at = at + 1 == buckets ? 0 : at + 1;
    }
    return NULL;
}

/* First the homes, then the buckets behind them where need be, then the entries, so that the misses
 * of each kind overlap. In loops of next to nothing else: a load that misses holds up all
 * instructions behind it, but for the few hundred that the CPU has begun by then. (Measured: with
 * the search in the same loops the misses of only three or four keys overlap; 3 to 13 % of the cost
 * of GET and SET among 1M keys at P=16 and 64.) Prefetches go before the loads for those of them
 * that do come through; loads alone cost 4 % of a GET more at P=64. */
void table_look_ahead(struct table_look *looks, size_t count) {
    DASSERT(count <= TABLE_LOOKS);
    struct table_look *end = looks + count, *behind[TABLE_LOOKS];
    size_t behind_count = 0;
    for (const struct table_look *l = looks; l < end; l++) table_touch(l->home);
    for (struct table_look *l = looks; l < end; l++) {
        unsigned found = tags_match(l->home->tags, table_tag(l->hash));
        l->guess = found ? table_slot(l->home, (unsigned)__builtin_ctz(found)) : NULL;
        __builtin_prefetch(l->guess);
        if (found || !l->home->passed) continue;
        __builtin_prefetch(l->home + 1); /* mostly the next; at a segment's end it's for nothing */
        behind[behind_count++] = l;
    }
    for (size_t i = 0; i < behind_count; i++)
        behind[i]->guess = guess_behind(behind[i]->table, behind[i]->hash);
    for (const struct table_look *l = looks; l < end; l++)
        if (l->guess) table_touch(l->guess);
    for (const struct table_look *l = looks; l < end; l++)
        if (l->guess) table_touch_rest(l->guess);
}

void table_touch_all(const struct table *t, const uint64_t *hashes, size_t count) {
    struct table_look looks[TABLE_LOOKS];
    while (count) {
        size_t n = count < TABLE_LOOKS ? count : TABLE_LOOKS;
        for (size_t i = 0; i < n; i++) looks[i] = table_look_at(t, hashes[i]);
        table_look_ahead(looks, n);
        hashes += n, count -= n;
    }
}

/* The entries of a segment and their hashes; returns how many. */
static size_t segment_hashes(const struct table *t, const struct table_segment *s, void **entries,
                             uint64_t *hashes) {
    size_t n = segment_entries(s, entries);
    for (size_t i = 0; i < n; i++) {
        if (i % TOUCH_AHEAD == 0) touch_some(entries + i, n - i);
        hashes[i] = table_hash(t, t->ops->key(entries[i]));
    }
    return n;
}

/* Places all entries of `old` in `to`, too. */
static void segment_move(const struct table *t, const struct table_segment *old,
                         struct table_segment *to) {
    void *entries[TABLE_SEGMENT_MAX];
    uint64_t hashes[TABLE_SEGMENT_MAX];
    size_t n = segment_hashes(t, old, entries, hashes);
    for (size_t i = 0; i < n; i++) segment_place(to, hashes[i], entries[i]);
}

static void segment_resize(struct table *t, struct table_segment *s, unsigned buckets) {
    uint64_t due = s->due;
    struct table_segment *fresh = segment_new(s->first, s->depth, buckets);
    segment_move(t, s, fresh);
    segment_detach(t, s);
    segment_attach(t, fresh, due);
    segment_free(s);
}

/* Both halves get the room they need: however unevenly the hashes fall, all entries find a place.
 */
static void segment_split(struct table *t, struct table_segment *s) {
    if (s->depth == t->depth) directory_double(t);
    void *entries[TABLE_SEGMENT_MAX];
    uint64_t hashes[TABLE_SEGMENT_MAX], due = s->due;
    unsigned depth = s->depth + 1u, in_high = 0;
    uint64_t middle = s->first | 1ULL << (64 - depth);
    size_t n = segment_hashes(t, s, entries, hashes);
    for (size_t i = 0; i < n; i++) in_high += hashes[i] >= middle;
    struct table_segment *low = segment_new(s->first, depth, size_for((unsigned)n - in_high));
    struct table_segment *high = segment_new(middle, depth, size_for(in_high));
    for (size_t i = 0; i < n; i++)
        segment_place(hashes[i] >= middle ? high : low, hashes[i], entries[i]);
    segment_detach(t, s);
    segment_attach(t, low, due);
    segment_attach(t, high, due);
    segment_free(s);
}

/* Joins a segment with the other half of its parent's range, if that isn't split further and both
 * fit well in one. */
static bool segment_merge(struct table *t, struct table_segment *s) {
    if (s->depth == 0) return false;
    uint64_t other_first = s->first ^ 1ULL << (64 - s->depth);
    struct table_segment *other = table_word_segment(table_dir_word(t, other_first));
    if (other->depth != s->depth || s->count + other->count > MERGED_MAX) return false;
    uint64_t due = s->due < other->due ? s->due : other->due;
    uint64_t first = s->first < other_first ? s->first : other_first;
    struct table_segment *joint =
        segment_new(first, s->depth - 1u, size_for((unsigned)s->count + other->count));
    segment_move(t, s, joint);
    segment_move(t, other, joint);
    segment_detach(t, s);
    segment_detach(t, other);
    segment_attach(t, joint, due);
    segment_free(s);
    segment_free(other);
    while (t->deepest == 0 && t->depth > 0) directory_halve(t);
    return true;
}

static void segment_grow(struct table *t, struct table_segment *s) {
    if (s->buckets == TABLE_MAX_BUCKETS) {
        ASSERT(s->depth < MAX_DEPTH);
        segment_split(t, s);
        return;
    }
    unsigned next = 0;
    while (SIZES[next] <= s->buckets) next++;
    segment_resize(t, s, SIZES[next]);
}

static void segment_shrink(struct table *t, struct table_segment *s) {
    unsigned buckets = size_for(s->count);
    if (segment_merge(t, s) || buckets >= s->buckets) return;
    segment_resize(t, s, buckets);
}

/* Is it time to? */
static bool segment_is_sparse(const struct table_segment *s) {
    return s->count < s->buckets * TABLE_SLOTS * 7u / 16;
}

/* The interface. */

void *table_find(const struct table *t, uint64_t hash, struct slice key, struct table_ref *ref) {
    return table_find_by(t, hash, key, ref, t->ops->key);
}

void table_init(struct table *t, const struct table_ops *ops, const struct hash_seed *seed) {
    *t = (struct table){.ops = ops, .seed = seed};
    t->dir = mem_alloc(sizeof *t->dir);
    segment_attach(t, segment_new(0, 0, 1), TABLE_NEVER);
}

/* As many segments as leave each with at most so many entries, on average. */
void table_reserve(struct table *t, size_t count) {
    enum { EACH = TABLE_SEGMENT_MAX * 7 / 8 };
    if (t->count) return;
    struct table fresh = {.ops = t->ops, .seed = t->seed};
    table_release(t, NULL);
    *t = fresh;
    while (count >> t->depth > EACH && t->depth < MAX_DEPTH) t->depth++;
    unsigned buckets = size_for((unsigned)(count >> t->depth));
    t->dir = mem_alloc(((size_t)1 << t->depth) * sizeof *t->dir);
    for (uint64_t i = 0; i >> t->depth == 0; i++)
        segment_attach(t, segment_new(t->depth ? i << (64 - t->depth) : 0, t->depth, buckets),
                       TABLE_NEVER);
}

/* What has become one with another, which may have been behind already, is looked at again. */
void table_trim(struct table *t) {
    uint64_t at = 0, last = ~0ULL;
    for (;;) {
        struct table_segment *s = table_word_segment(table_dir_word(t, at));
        size_t before = t->segments;
        uint64_t end = s->first + (last >> s->depth);
        if (segment_is_sparse(s)) segment_shrink(t, s);
        if (t->segments < before) continue;
        if (end == last) return;
        at = end + 1;
    }
}

void table_release(struct table *t, void (*free_entry)(void *entry)) {
    size_t words = (size_t)1 << t->depth;
    void *entries[TABLE_SEGMENT_MAX];
    for (size_t i = 0; i < words;) {
        struct table_segment *s = table_word_segment(t->dir[i]);
        size_t n = free_entry ? segment_entries(s, entries) : 0;
        for (size_t e = 0; e < n; e++) {
            if (e % TOUCH_AHEAD == 0) touch_some(entries + e, n - e);
            free_entry(entries[e]);
        }
        i += (size_t)1 << (t->depth - s->depth);
        segment_free(s);
    }
    mem_free(t->dir);
    mem_free(t->heap);
    *t = (struct table){0};
}

static struct table_segment *segment_copy(const struct table_segment *s, table_copier *copier) {
    struct table_segment *copy = mem_alloc_aligned(segment_bytes(s->buckets), 64);
    memcpy(copy, s, segment_bytes(s->buckets));
    copy->due = TABLE_NEVER;
    for (unsigned at = 0; at < s->buckets; at++) {
        struct table_bucket *b = &copy->bucket[at];
        if (at % ITER_BURST == 0)
            for (unsigned i = 0; i < ITER_BURST; i++) touch_entries(s, at + i);
        for (unsigned used = ~free_slots(b) & TAGS_ALL; used; used &= used - 1) {
            unsigned slot = (unsigned)__builtin_ctz(used);
            slot_set(b, slot, copier(table_slot(b, slot)));
        }
    }
    return copy;
}

void table_copy(struct table *to, const struct table *from, table_copier *copier) {
    size_t words = (size_t)1 << from->depth;
    *to = (struct table){
        .depth = from->depth, .count = from->count, .ops = from->ops, .seed = from->seed};
    to->dir = mem_alloc(words * sizeof *to->dir);
    for (size_t i = 0; i < words;) {
        const struct table_segment *s = table_word_segment(from->dir[i]);
        segment_attach(to, segment_copy(s, copier), s->due);
        i += (size_t)1 << (from->depth - s->depth);
    }
}

size_t table_buckets(const struct table *t) {
    size_t words = (size_t)1 << t->depth, buckets = 0;
    for (size_t i = 0; i < words;) {
        uint64_t word = t->dir[i]; /* has all that is wanted of the segment */
        buckets += (word >> 56) + 1;
        i += (size_t)1 << (t->depth - (word >> 48 & 0xff));
    }
    return buckets;
}

size_t table_overhead(const struct table *t) {
    return ((size_t)1 << t->depth) * sizeof *t->dir + t->segments * sizeof(struct table_segment) +
           table_buckets(t) * sizeof(struct table_bucket) + t->heap_cap * sizeof *t->heap;
}

void table_insert(struct table *t, uint64_t hash, void *entry) {
    struct table_segment *s = table_word_segment(table_dir_word(t, hash));
    while (__builtin_expect(s->count >= size_limit(s->buckets), 0)) {
        segment_grow(t, s);
        s = table_word_segment(table_dir_word(t, hash));
    }
    segment_place(s, hash, entry);
    t->count++;
}

struct table_ref table_ref_of(const struct table *t, uint64_t hash, const void *entry) {
    struct table_segment *s = table_word_segment(table_dir_word(t, hash));
    uint32_t at = table_home(hash, s->depth, s->buckets);
    for (;; at = at + 1 == s->buckets ? 0 : at + 1) {
        unsigned found = tags_match(s->bucket[at].tags, table_tag(hash));
        for (; found; found &= found - 1) {
            unsigned slot = (unsigned)__builtin_ctz(found);
            if (table_slot(&s->bucket[at], slot) == entry) return (struct table_ref){s, at, slot};
        }
        ASSERT(s->bucket[at].passed);
    }
}

void table_replace(struct table_ref ref, void *entry) {
    slot_set(&ref.segment->bucket[ref.bucket], ref.slot, entry);
}

void table_remove(struct table *t, uint64_t hash, struct table_ref ref) {
    struct table_segment *s = ref.segment;
    uint32_t at = table_home(hash, s->depth, s->buckets);
    for (; at != ref.bucket; at = at + 1 == s->buckets ? 0 : at + 1)
        if (s->bucket[at].passed != 255) s->bucket[at].passed--;
    s->bucket[at].tags[ref.slot] = 0;
    s->count--;
    t->count--;
    if (s->buckets > 1 && segment_is_sparse(s)) segment_shrink(t, s);
}

/* The lowest hash whose home is bucket `home` of the segment or one behind it; 0 past the end of
 * hash space. */
static uint64_t first_hash_of(const struct table_segment *s, uint32_t home) {
    if (home >= s->buckets) return s->depth ? s->first + (1ULL << (64 - s->depth)) : 0;
    uint64_t in_segment = ((uint64_t)home << 32) / s->buckets; /* of 2^32 */
    in_segment += in_segment * s->buckets < (uint64_t)home << 32;
    return s->first + (in_segment << 32 >> s->depth);
}

/* Part of a segment: the `count` buckets from `home` on, of their hashes those from `from` on. */
struct scan_range {
    const struct table *table;
    struct table_segment *segment;
    uint64_t from;
    uint32_t home, count;
    table_renewer *renew; /* instead of visiting */
};

static bool range_has(const struct scan_range *r, const void *entry) {
    uint64_t hash = table_hash(r->table, r->table->ops->key(entry));
    return hash >= r->from &&
           table_home(hash, r->segment->depth, r->segment->buckets) - r->home < r->count;
}

/* Entries may lie anywhere from their home on; what a bucket holds for others is told apart by its
 * hash. Behind a bucket that nobody passed there's nothing to tell apart: most needn't be hashed.
 */
static void scan_range(const struct scan_range *r, table_visit *visit, void *ctx) {
    struct table_segment *s = r->segment;
    bool whole = r->from == first_hash_of(s, r->home);
    bool mixed = s->bucket[r->home ? r->home - 1 : s->buckets - 1u].passed;
    uint32_t at = r->home;
    for (uint32_t n = 0; n < s->buckets; n++) {
        struct table_bucket *b = &s->bucket[at];
        if (n % ITER_BURST == 0 && n < r->count)
            for (uint32_t i = 0; i < ITER_BURST && n + i <= r->count; i++) touch_entries(s, at + i);
        if (n > r->count) touch_entries(s, at);
        bool sure = whole && !mixed && n < r->count;
        for (unsigned used = ~free_slots(b) & TAGS_ALL; used; used &= used - 1) {
            unsigned slot = (unsigned)__builtin_ctz(used);
            void *entry = table_slot(b, slot);
            if (!sure && !range_has(r, entry)) continue;
            if (r->renew)
                slot_set(b, slot, r->renew(ctx, entry));
            else
                visit(ctx, entry);
        }
        mixed = b->passed;
        if (n + 1 >= r->count && !mixed) return;
        at = at + 1 == s->buckets ? 0 : at + 1;
    }
}

static struct scan_range range_from(const struct table *t, uint64_t hash) {
    struct table_segment *s = table_word_segment(table_dir_word(t, hash));
    return (struct scan_range){
        t, s, hash, table_home(hash, s->depth, s->buckets), .count = 1, .renew = NULL};
}

static struct scan_range walk_from(const struct table *t, uint64_t hash) {
    struct scan_range r = range_from(t, hash);
    uint32_t left = r.segment->buckets - r.home;
    r.count = left < WALK_BUCKETS ? left : WALK_BUCKETS;
    return r;
}

uint64_t table_walk(const struct table *t, uint64_t from, table_visit *visit, void *ctx) {
    struct scan_range r = walk_from(t, from);
    scan_range(&r, visit, ctx);
    return first_hash_of(r.segment, r.home + r.count);
}

uint64_t table_renew(struct table *t, uint64_t from, table_renewer *renew, void *ctx) {
    struct scan_range r = walk_from(t, from);
    r.renew = renew;
    scan_range(&r, NULL, ctx);
    return first_hash_of(r.segment, r.home + r.count);
}

/* In a table so deep that a cursor is coarser than a bucket, one step takes as many buckets as it
 * needs to move on. */
uint64_t table_scan(const struct table *t, uint64_t cursor, table_visit *visit, void *ctx) {
    struct scan_range r = range_from(t, cursor << CURSOR_SHIFT);
    uint64_t next = first_hash_of(r.segment, r.home + 1);
    while (next >> CURSOR_SHIFT == cursor && r.home + r.count < r.segment->buckets)
        next = first_hash_of(r.segment, r.home + ++r.count);
    scan_range(&r, visit, ctx);
    return next >> CURSOR_SHIFT;
}

static void iter_enter(struct table_iter *it, size_t dir_at) {
    it->dir_at = dir_at;
    it->segment = table_word_segment(it->table->dir[dir_at]);
    it->bucket = it->slot = 0;
}

void table_iter_init(struct table_iter *it, const struct table *t) {
    it->table = t;
    iter_enter(it, 0);
}

static void *iter_next_in_bucket(struct table_iter *it) {
    const struct table_bucket *b = &it->segment->bucket[it->bucket];
    if (it->slot == 0 && it->bucket % ITER_BURST == 0)
        for (uint32_t i = 0; i < ITER_BURST; i++) touch_entries(it->segment, it->bucket + i);
    while (it->slot < TABLE_SLOTS) {
        unsigned slot = it->slot++;
        if (b->tags[slot]) return table_slot(b, slot);
    }
    return NULL;
}

void *table_iter_next(struct table_iter *it) {
    const struct table *t = it->table;
    for (;;) {
        for (; it->bucket < it->segment->buckets; it->bucket++, it->slot = 0) {
            void *entry = iter_next_in_bucket(it);
            if (entry) return entry;
        }
        size_t next = it->dir_at + ((size_t)1 << (t->depth - it->segment->depth));
        if (next >> t->depth) return NULL;
        iter_enter(it, next);
    }
}

/* A bucket, all with the same chance. A random word of the directory names a segment in proportion
 * to its share of hash space; only one of its words is taken, and one of as many buckets as the
 * largest segment has. */
static const struct table_bucket *random_bucket(const struct table *t, struct random *rng) {
    for (;;) {
        size_t at = random_below(rng, (uint64_t)1 << t->depth);
        uint64_t word = t->dir[at];
        unsigned buckets = (unsigned)(word >> 56) + 1, depth = (unsigned)(word >> 48) & 0xff;
        if (at & (((size_t)1 << (t->depth - depth)) - 1)) continue;
        size_t bucket = random_below(rng, t->depth ? TABLE_MAX_BUCKETS : buckets);
        if (bucket < buckets) return &table_word_segment(word)->bucket[bucket];
    }
}

void *table_random(const struct table *t, struct random *rng) {
    if (t->count == 0) return NULL;
    for (;;) {
        const struct table_bucket *b = random_bucket(t, rng);
        unsigned slot = (unsigned)random_below(rng, TABLE_SLOTS);
        if (b->tags[slot]) return table_slot(b, slot);
    }
}

size_t table_sample(const struct table *t, struct random *rng, void **entries) {
    size_t n = 0;
    while (t->count && n == 0) n = bucket_entries(random_bucket(t, rng), entries);
    return n;
}

void *table_find_hash(const struct table *t, uint64_t hash) {
    const struct table_segment *s = table_word_segment(table_dir_word(t, hash));
    uint32_t at = table_home(hash, s->depth, s->buckets);
    for (unsigned tries = s->buckets; tries; tries--) {
        const struct table_bucket *b = &s->bucket[at];
        for (unsigned found = tags_match(b->tags, table_tag(hash)); found; found &= found - 1) {
            void *entry = table_slot(b, (unsigned)__builtin_ctz(found));
            if (table_hash(t, t->ops->key(entry)) == hash) return entry;
        }
        if (!b->passed) return NULL;
        at = at + 1 == s->buckets ? 0 : at + 1;
    }
    return NULL;
}

bool table_holds(const struct table *t, uint64_t hash, const void *entry) {
    const struct table_segment *s = table_word_segment(table_dir_word(t, hash));
    uint32_t at = table_home(hash, s->depth, s->buckets);
    for (unsigned tries = s->buckets; tries; tries--) {
        const struct table_bucket *b = &s->bucket[at];
        for (unsigned found = tags_match(b->tags, table_tag(hash)); found; found &= found - 1)
            if (table_slot(b, (unsigned)__builtin_ctz(found)) == entry) return true;
        if (!b->passed) return false;
        at = at + 1 == s->buckets ? 0 : at + 1;
    }
    return false;
}

void table_due_note(struct table *t, uint64_t hash, uint64_t due) {
    struct table_segment *s = table_word_segment(table_dir_word(t, hash));
    if (due < s->due) segment_set_due(t, s, due);
}

static size_t due_take(struct table *t, struct table_segment *s, void **entries, uint64_t *first) {
    *first = s->first;
    heap_remove(t, s);
    return segment_entries(s, entries);
}

size_t table_due_take(struct table *t, void **entries, uint64_t *first) {
    return due_take(t, t->heap[0], entries, first);
}

size_t table_due_take_random(struct table *t, struct random *rng, void **entries, uint64_t *first) {
    if (t->heap_len == 0) return 0;
    return due_take(t, t->heap[random_below(rng, t->heap_len)], entries, first);
}

static void segment_check(const struct table *t, const struct table_segment *s) {
    size_t count = 0;
    unsigned passed[TABLE_MAX_BUCKETS] = {0};
    for (unsigned at = 0; at < s->buckets; at++)
        for (unsigned slot = 0; slot < TABLE_SLOTS; slot++) {
            if (!s->bucket[at].tags[slot]) continue;
            struct slice key = t->ops->key(table_slot(&s->bucket[at], slot));
            uint64_t hash = table_hash(t, key);
            struct table_ref ref;
            ASSERT(s->bucket[at].tags[slot] == table_tag(hash));
            ASSERT(table_find(t, hash, key, &ref) != NULL);
            ASSERT(ref.segment == s && ref.bucket == at && ref.slot == slot);
            for (unsigned b = table_home(hash, s->depth, s->buckets); b != at;
                 b = (b + 1) % s->buckets)
                passed[b]++;
            count++;
        }
    for (unsigned at = 0; at < s->buckets; at++)
        ASSERT(s->bucket[at].passed == 255 || s->bucket[at].passed == passed[at]);
    ASSERT(count == s->count && count <= size_limit(s->buckets));
    ASSERT(s->due == TABLE_NEVER || t->heap[s->heap_pos] == s);
}

void table_check(const struct table *t) {
    size_t words = (size_t)1 << t->depth, count = 0, segments = 0, deepest = 0, with_due = 0;
    for (size_t i = 0; i < words;) {
        const struct table_segment *s = table_word_segment(t->dir[i]);
        size_t span = (size_t)1 << (t->depth - s->depth);
        ASSERT(s->depth <= t->depth && dir_index(t, s->first) == i);
        for (size_t k = 0; k < span; k++) ASSERT(t->dir[i + k] == t->dir[i]);
        segment_check(t, s);
        count += s->count;
        segments++;
        deepest += s->depth == t->depth;
        with_due += s->due != TABLE_NEVER;
        i += span;
    }
    ASSERT(count == t->count && segments == t->segments && deepest == t->deepest);
    ASSERT(with_due == t->heap_len);
    for (size_t i = 1; i < t->heap_len; i++) ASSERT(t->heap[(i - 1) / 2]->due <= t->heap[i]->due);
}
