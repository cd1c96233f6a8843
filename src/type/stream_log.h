/* SPDX-License-Identifier: BSD-3-Clause */
/* A stream: entries in order of their ids, in blocks as RDB files have them (ds/stream_node.h), and
 * the figures that Redis 7.2 keeps of it. Consumer groups are in stream_group.h.
 *
 * Where a block ends and the next begins is as in Redis, since trimming with ~ removes whole
 * blocks, and so does everybody's reply to it: a new block is begun when the last one's bytes and
 * the new entry's names and values reach stream_node_max_bytes, or when it has
 * stream_node_max_entries entries, deleted ones counted. */
#ifndef DREY_TYPE_STREAM_LOG_H
#define DREY_TYPE_STREAM_LOG_H

#include "ds/id_map.h"
#include "ds/name_list.h"
#include "ds/stream_node.h"
#include "type/type_settings.h"

struct stream {
    struct id_map nodes; /* blocks by the ids of their first entries */
    uint64_t length;     /* entries that are there */
    struct stream_id last_id;
    struct stream_id first_id;       /* of what is there; 0-0: nothing is */
    struct stream_id max_deleted_id; /* the greatest that was deleted one by one */
    uint64_t entries_added;          /* ever */
    struct name_list groups;         /* of struct stream_group */
};

struct stream *stream_new(void);
void stream_free(struct stream *s);
struct stream *stream_copy(const struct stream *s); /* without the groups */

/* Adding. */

/* The id that XADD asks for. */
struct stream_id_wish {
    struct stream_id id;
    bool has_ms, has_seq; /* what isn't given is chosen */
};

/* The id for a new entry: false if it isn't above all others. */
bool stream_id_for(const struct stream *s, const struct stream_id_wish *wish, uint64_t now_ms,
                   struct stream_id *id);

/* `count` pairs of name and value. False, and nothing done: they're too large for a block. */
bool stream_append(struct stream *s, struct stream_id id, const struct slice *pairs, size_t count,
                   const struct type_settings *settings);

/* Removing. */

enum stream_trim_by { STREAM_TRIM_NOT, STREAM_TRIM_MAXLEN, STREAM_TRIM_MINID };

struct stream_trim {
    enum stream_trim_by by;
    bool whole_nodes; /* ~: what remains of a block remains */
    uint64_t max_len;
    struct stream_id min_id;
    uint64_t limit; /* entries to remove at most; 0: no limit */
};

/* Returns how many entries were removed. */
uint64_t stream_trim(struct stream *s, const struct stream_trim *trim);

bool stream_delete(struct stream *s, struct stream_id id); /* false: it isn't there */

/* Walks entries that are there, with ids from `from` to `to`; the stream mustn't change meanwhile.
 */
struct stream_iter {
    const struct stream *stream;
    struct stream_id from, to;
    bool backwards;
    struct id_map_pos pos;
    struct stream_reader reader;
    const uint8_t *at;
};
void stream_iter_init(struct stream_iter *it, const struct stream *s, struct stream_id from,
                      struct stream_id to, bool backwards);
bool stream_iter_next(struct stream_iter *it, struct stream_entry *e);

bool stream_has(const struct stream *s, struct stream_id id);
/* The id of the first entry, or the last; 0-0 if there's none. */
struct stream_id stream_end_id(const struct stream *s, bool last);

/* Was an entry deleted one by one, as far as is known, whose id is `from` or above, and that had
 * entries before it that are still there? */
bool stream_has_gaps(const struct stream *s, struct stream_id from);

/* How many entries were ever added up to this id; STREAM_UNKNOWN if that can't be told. */
#define STREAM_UNKNOWN ((int64_t)-1)
int64_t stream_added_up_to(const struct stream *s, struct stream_id id);

/* Checks all that must hold but for the groups, by ASSERT. For tests. */
void stream_check(const struct stream *s);

#endif
