/* SPDX-License-Identifier: BSD-3-Clause */
#include "ds/scored.h"

#include <math.h>

#include "base/alloc.h"
#include "base/cell.h"

/* The narrowest form that holds the score as it is: -0 is no integer. */
static enum scored_form narrowest(double score) {
    const double limit = 140737488355328.0; /* 2^47 */
    if (!(score >= -limit && score < limit)) return SCORED_DOUBLE;
    int64_t whole = (int64_t)score;
    if ((double)whole != score || (whole == 0 && signbit(score))) return SCORED_DOUBLE;
    return whole == (int32_t)whole ? SCORED_INT32 : SCORED_INT48;
}

static size_t size_of(enum scored_form form, size_t len) {
    return 1 + scored_width(form) + (len >= SCORED_LONG ? 8 : 0) + len;
}

/* Of the forms that hold the score, the widest whose size takes no more memory than the narrowest:
 * then the next score probably fits, too. */
static enum scored_form best_form(double score, size_t len) {
    static const enum scored_form widest_first[] = {SCORED_DOUBLE, SCORED_INT48, SCORED_INT32};
    enum scored_form least = narrowest(score);
    if (least == SCORED_DOUBLE) return least;
    size_t memory = cell_size(size_of(least, len));
    const enum scored_form *form = widest_first;
    while (*form != least && cell_size(size_of(*form, len)) > memory) form++;
    return *form;
}

static void put_score(struct scored *e, double score) {
    enum scored_form form = e->head & 3;
    if (form == SCORED_DOUBLE) {
        memcpy(e->body, &score, sizeof score);
        return;
    }
    int64_t whole = (int64_t)score;
    int32_t high = (int32_t)(form == SCORED_INT48 ? whole >> 16 : whole);
    memcpy(e->body, &high, sizeof high);
    if (form == SCORED_INT32) return;
    uint16_t low = (uint16_t)whole;
    memcpy(e->body + 4, &low, sizeof low);
}

struct scored *scored_new(struct slice member, double score) {
    enum scored_form form = best_form(score, member.len);
    struct scored *e = cell_alloc(size_of(form, member.len));
    bool is_long = member.len >= SCORED_LONG;
    e->head = (uint8_t)(form | (is_long ? SCORED_LONG : member.len) << 2);
    put_score(e, score);
    char *at = e->body + scored_width(form);
    if (is_long) {
        uint64_t len = member.len;
        memcpy(at, &len, sizeof len);
        at += sizeof len;
    }
    slice_put(at, member);
    return e;
}

void scored_free(void *scored) {
    const struct scored *e = scored;
    cell_free(scored, size_of(e->head & 3, scored_member(e).len));
}

struct scored *scored_set(struct scored *e, double score) {
    if (scored_width(narrowest(score)) <= scored_width(e->head & 3)) {
        put_score(e, score);
        return e;
    }
    struct scored *wider = scored_new(scored_member(e), score);
    scored_free(e);
    return wider;
}

size_t scored_memory(const struct scored *e) {
    return cell_size(size_of(e->head & 3, scored_member(e).len));
}
