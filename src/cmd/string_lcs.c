/* SPDX-License-Identifier: BSD-3-Clause */
/* LCS: the longest common subsequence of two strings. */
#include "cmd/families.h"
#include "cmd/string_reply.h"
#include "exec/call.h"
#include "type/lcs.h"

struct lcs_options {
    bool len, idx, with_len;
    int64_t min_len;
};

/* Missing keys are empty strings. The slices die with the next look-up. */
static bool values_or_reply(struct call *c, struct slice values[2], char digits[2][NUM_I64_MAX]) {
    struct entry *entries[2];
    call_find(c, call_key(c, 1), DB_READ);
    entries[1] = call_find(c, call_key(c, 2), DB_READ);
    entries[0] = call_find(c, call_key(c, 1), DB_PEEK); /* the second look-up ended the first */
    for (int i = 0; i < 2; i++) {
        if (entries[i] && entries[i]->type != TYPE_STRING) {
            reply_error(c->reply, "ERR The specified keys must contain string values");
            return false;
        }
        values[i] = entries[i] ? string_view(entries[i], digits[i]) : SLICE("");
    }
    return true;
}

static bool options_or_reply(struct call *c, struct lcs_options *o) {
    for (int i = 3; i < c->argc; i++) {
        if (arg_is(c, i, "LEN")) {
            o->len = true;
        } else if (arg_is(c, i, "IDX")) {
            o->idx = true;
        } else if (arg_is(c, i, "WITHMATCHLEN")) {
            o->with_len = true;
        } else if (arg_is(c, i, "MINMATCHLEN") && i + 1 < c->argc) {
            if (!arg_i64_or_reply(c, ++i, &o->min_len)) return false;
        } else {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
    }
    if (!o->len || !o->idx) return true;
    reply_error(c->reply, "ERR If you want both the length and indexes, please just use IDX.");
    return false;
}

/* Redis keeps a table of one 32-bit number per pair of positions, ends included, and refuses what
 * takes more than proto-max-bulk-len. Ours takes a 32nd of that, but the same is refused: it bounds
 * the time, too. */
static bool size_or_reply(struct call *c, struct slice a, struct slice b) {
    if (a.len >= UINT32_MAX - 1 || b.len >= UINT32_MAX - 1) {
        reply_error(c->reply, "ERR String too long for LCS");
        return false;
    }
    unsigned __int128 cells = (unsigned __int128)(a.len + 1) * (b.len + 1);
    if (cells * sizeof(uint32_t) <= c->engine->settings.proto_max_bulk_len) return true;
    reply_error(c->reply, "ERR Insufficient memory, transient memory for LCS exceeds "
                          "proto-max-bulk-len");
    return false;
}

static void reply_pair(struct reply *r, size_t first, size_t last) {
    reply_array(r, 2);
    reply_i64(r, (int64_t)first);
    reply_i64(r, (int64_t)last);
}

static void reply_matches(struct reply *r, const struct lcs *lcs, const struct lcs_options *o) {
    reply_map(r, 2);
    reply_bulk_str(r, "matches");
    struct reply_mark mark = reply_begin(r);
    struct lcs_walk walk = lcs_walk_start(lcs);
    struct lcs_range range;
    size_t count = 0;
    while (lcs_walk_next(lcs, &walk, &range)) {
        int64_t len = (int64_t)(range.a_last - range.a_first + 1);
        if (len < o->min_len) continue;
        count++;
        reply_array(r, o->with_len ? 3 : 2);
        reply_pair(r, range.a_first, range.a_last);
        reply_pair(r, range.b_first, range.b_last);
        if (o->with_len) reply_i64(r, len);
    }
    reply_end_array(r, mark, count);
    reply_bulk_str(r, "len");
    reply_i64(r, (int64_t)lcs->len);
}

static void reply_subsequence(struct reply *r, const struct lcs *lcs) {
    struct bytes *text = bytes_new(lcs->len);
    text->len = lcs->len;
    lcs_copy(lcs, text->data);
    reply_bulk_bytes(r, text);
    bytes_unref(text);
}

static void cmd_lcs(struct call *c) {
    struct slice values[2];
    char digits[2][NUM_I64_MAX];
    struct lcs_options o = {0};
    struct lcs lcs;
    if (!values_or_reply(c, values, digits) || !options_or_reply(c, &o)) return;
    if (!size_or_reply(c, values[0], values[1])) return;
    if (lcs_init(&lcs, values[0], values[1], o.len ? LCS_LEN : LCS_MATCH) != 0) {
        reply_error(c->reply,
                    "ERR Insufficient memory, failed allocating transient memory for LCS");
        return;
    }
    if (o.len)
        reply_i64(c->reply, (int64_t)lcs.len);
    else if (o.idx)
        reply_matches(c->reply, &lcs, &o);
    else
        reply_subsequence(c->reply, &lcs);
    lcs_release(&lcs);
}

const struct command string_lcs_commands[] = {
    {
        .name = "lcs",
        .run = cmd_lcs,
        .arity = -3,
        .flags = CMD_READONLY,
        .categories = ACL_STRING,
        .keys = {KEYS_FROM(1, 1, 1, KEY_RO | KEY_ACCESS)},
        .group = "string",
        .summary = "Finds the longest run of bytes, gaps allowed, that two strings share.",
        .since = "7.0.0",
        .complexity = "O(N*M), N and M the lengths of the strings",
        .syntax = "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len:integer] [WITHMATCHLEN]",
    },
    {.name = NULL},
};
