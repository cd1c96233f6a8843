/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd/zset_bounds.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"

/* As C's strtod, which is what Redis asks here: leading space, a number that is too large, and
 * nothing at all (it's 0) are fine, other than in scores to be stored. */
static bool score_value(struct slice text, double *out) {
    char at_hand[128], *copy = at_hand, *end;
    if (num_to_double(text, out)) return true;
    if (text.len >= sizeof at_hand) copy = mem_alloc(text.len + 1);
    slice_put(copy, text);
    copy[text.len] = '\0';
    *out = strtod(copy, &end);
    bool valid = *end == '\0' && !isnan(*out);
    if (copy != at_hand) mem_free(copy);
    return valid;
}

static bool score_end(struct slice text, struct zset_end *end) {
    end->excluded = text.len && text.ptr[0] == '(';
    if (end->excluded) text = slice_of(text.ptr + 1, text.len - 1);
    return score_value(text, &end->score);
}

static bool lex_end(struct slice text, struct zset_end *end) {
    if (text.len == 0) return false;
    switch (text.ptr[0]) {
    case '-': end->lowest = true; return text.len == 1;
    case '+': end->highest = true; return text.len == 1;
    case '(': end->excluded = true; break;
    case '[': break;
    default: return false;
    }
    end->member = slice_of(text.ptr + 1, text.len - 1);
    return true;
}

bool zset_bounds_or_reply(struct call *c, enum zset_by by, int min_arg, int max_arg,
                          struct zset_bounds *b) {
    struct slice min = c->argv[min_arg], max = c->argv[max_arg];
    *b = (struct zset_bounds){.by = by};
    if (by == ZSET_BY_RANK)
        return arg_i64_or_reply(c, min_arg, &b->min.rank) &&
               arg_i64_or_reply(c, max_arg, &b->max.rank);
    if (by == ZSET_BY_SCORE) {
        if (score_end(min, &b->min) && score_end(max, &b->max)) return true;
        reply_error(c->reply, "ERR min or max is not a float");
    } else {
        if (lex_end(min, &b->min) && lex_end(max, &b->max)) return true;
        reply_error(c->reply, "ERR min or max not valid string range item");
    }
    return false;
}

static struct zset_span rank_span(const struct zset_bounds *b, size_t count, bool reversed) {
    int64_t len = (int64_t)count, first = b->min.rank, last = b->max.rank;
    if (first < 0) first += len;
    if (last < 0) last += len;
    if (first < 0) first = 0;
    if (last >= len) last = len - 1;
    if (first > last) return (struct zset_span){0, 0};
    if (!reversed) return (struct zset_span){(size_t)first, (size_t)last + 1};
    return (struct zset_span){(size_t)(len - 1 - last), (size_t)(len - first)};
}

/* How many members are before an end; `included`: that one itself counts as before. */
static size_t before_lex(const struct zset_end *end, const struct entry *e, bool included) {
    if (end->lowest) return 0;
    if (end->highest) return zset_count(e);
    return zset_before_member(e, end->member, included);
}

struct zset_span zset_bounds_span(const struct zset_bounds *b, const struct entry *e,
                                  bool reversed) {
    struct zset_span s;
    if (b->by == ZSET_BY_RANK) return rank_span(b, zset_count(e), reversed);
    if (b->by == ZSET_BY_SCORE) {
        s.from = zset_before_score(e, b->min.score, b->min.excluded);
        s.to = zset_before_score(e, b->max.score, !b->max.excluded);
    } else {
        s.from = before_lex(&b->min, e, b->min.excluded);
        s.to = before_lex(&b->max, e, !b->max.excluded);
    }
    if (s.from > s.to) s.to = s.from;
    return s;
}
