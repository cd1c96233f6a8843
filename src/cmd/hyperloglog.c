/* SPDX-License-Identifier: BSD-3-Clause */
/* HyperLogLogs: strings in the format that type/hll.h describes. A dense one is changed in place; a
 * sparse one, 3,000 bytes at most by default, is changed as a copy and put back, since its runs
 * shift with nearly every change. */
#include "cmd/families.h"
#include "exec/call.h"
#include "type/hll.h"
#include "type/t_string.h"

#define ERR_NOT_HLL     "WRONGTYPE Key is not a valid HyperLogLog string value."
#define ERR_HLL_CORRUPT "INVALIDOBJ Corrupted HLL object detected"

/* *hll: the value, borrowed; ptr NULL if there's no such key. */
static bool find_hll_or_reply(struct call *c, struct key k, enum db_access access,
                              struct slice *hll) {
    struct entry *e;
    if (!call_find_typed_or_reply(c, k, access, TYPE_STRING, &e)) return false;
    *hll = (struct slice){NULL, 0};
    if (!e) return true;
    char digits[NUM_I64_MAX]; /* an integer isn't an HLL */
    *hll = string_view(e, digits);
    if (hll_check(*hll)) return true;
    reply_error(c->reply, ERR_NOT_HLL);
    return false;
}

/* Replies to a corrupt value; true if it's sound. */
static bool sound_or_reply(struct call *c, enum hll_status status) {
    if (status != HLL_CORRUPT) return true;
    reply_error(c->reply, ERR_HLL_CORRUPT);
    return false;
}

/* A copy to change: of the value, or an empty HLL if there's none. */
static void hll_copy(struct buf *to, struct slice hll) {
    if (hll.ptr)
        buf_append_slice(to, hll);
    else
        hll_create(to);
}

/* Puts a changed copy in place of the value; the deadline stays. A value that's edited has slack to
 * grow, which a collection of small HLLs would pay for dearly, so that this is done only for those
 * so short that OBJECT ENCODING wouldn't say raw otherwise. */
static void hll_put(struct call *c, struct key k, const struct buf *hll, enum db_event event) {
    if (hll->len > STRING_EMBSTR_MAX)
        db_set_string(c->db, k, buf_slice(hll), DB_KEEP_DEADLINE, event);
    else
        memcpy(db_edit_string(c->db, k, hll->len, event), hll->data, hll->len);
}

/* Adds the arguments; returns how many of them changed it. */
static size_t add_to_dense(struct call *c, struct key k, struct slice hll) {
    size_t changes = 0;
    int i = 2;
    while (i < c->argc && hll_dense_has(hll.ptr, c->argv[i])) i++;
    if (i == c->argc) return 0;
    char *data = db_edit_string(c->db, k, hll.len, EVENT_UNCOUNTED);
    for (; i < c->argc; i++) changes += hll_add_dense(data, c->argv[i]) == HLL_CHANGED;
    return changes;
}

/* The same; that there's an HLL where none was is a change, too. */
static bool add_to_copy_or_reply(struct call *c, struct key k, struct slice hll, size_t *changes) {
    struct buf copy = BUF_INIT;
    hll_copy(&copy, hll);
    enum hll_status status = HLL_UNCHANGED;
    *changes = !hll.ptr;
    for (int i = 2; i < c->argc && status != HLL_CORRUPT; i++) {
        status = hll_add(&copy, c->argv[i], c->engine->settings.hll_sparse_max_bytes);
        *changes += status == HLL_CHANGED;
    }
    if (*changes && status != HLL_CORRUPT) {
        hll_drop_cached_count(copy.data); /* also when it's new and empty, as Redis does */
        hll_put(c, k, &copy, EVENT_UNCOUNTED);
    }
    buf_release(&copy);
    return sound_or_reply(c, status);
}

static void cmd_pfadd(struct call *c) {
    struct key k = call_key(c, 1);
    struct slice hll;
    if (!find_hll_or_reply(c, k, DB_WRITE, &hll)) return;
    size_t changes;
    if (hll.ptr && hll_encoding(hll) == HLL_DENSE)
        changes = add_to_dense(c, k, hll);
    else if (!add_to_copy_or_reply(c, k, hll, &changes))
        return;
    db_changed(c->db, k, EVENT_PFADD, changes);
    reply_i64(c->reply, changes != 0);
}

/* The count of one HLL is kept in it until it changes. */
static void count_one(struct call *c) {
    struct key k = call_key(c, 1);
    struct slice hll;
    uint64_t count = 0;
    if (!find_hll_or_reply(c, k, DB_READ, &hll)) return;
    if (hll.ptr && !hll_cached_count(hll, &count)) {
        if (!sound_or_reply(c, hll_count(hll, &count))) return;
        hll_cache_count(db_edit_string(c->db, k, hll.len, EVENT_SILENT), count);
    }
    reply_i64(c->reply, (int64_t)count);
}

/* Raises the registers to those of the HLLs at all keys from argument 1 on. */
static bool merge_keys_or_reply(struct call *c, uint8_t registers[HLL_REGISTERS], bool *any_dense) {
    for (int i = 1; i < c->argc; i++) {
        struct slice hll;
        if (!find_hll_or_reply(c, call_key(c, i), DB_READ, &hll)) return false;
        if (!hll.ptr) continue;
        if (hll_encoding(hll) == HLL_DENSE) *any_dense = true;
        if (!sound_or_reply(c, hll_merge(registers, hll))) return false;
    }
    return true;
}

static void cmd_pfcount(struct call *c) {
    if (c->argc == 2) {
        count_one(c);
        return;
    }
    uint8_t registers[HLL_REGISTERS] = {0};
    bool any_dense = false;
    if (!merge_keys_or_reply(c, registers, &any_dense)) return;
    reply_i64(c->reply, (int64_t)hll_count_registers(registers));
}

static void cmd_pfmerge(struct call *c) {
    uint8_t registers[HLL_REGISTERS] = {0};
    bool any_dense = false;
    struct key k = call_key(c, 1);
    struct slice hll;
    if (!merge_keys_or_reply(c, registers, &any_dense) || !find_hll_or_reply(c, k, DB_WRITE, &hll))
        return;
    struct buf copy = BUF_INIT;
    hll_copy(&copy, hll);
    enum hll_status status = any_dense ? hll_to_dense(&copy) : HLL_UNCHANGED;
    if (status != HLL_CORRUPT)
        status = hll_store(&copy, registers, c->engine->settings.hll_sparse_max_bytes);
    if (sound_or_reply(c, status)) {
        hll_put(c, k, &copy, EVENT_PFADD);
        reply_ok(c->reply);
    }
    buf_release(&copy);
}

/* PFDEBUG */

/* Makes the HLL dense if it isn't. *status: whether it was changed. */
static bool to_dense_or_reply(struct call *c, struct key k, struct slice hll,
                              enum hll_status *status) {
    struct buf copy = BUF_INIT;
    hll_copy(&copy, hll);
    *status = hll_to_dense(&copy);
    if (*status == HLL_CHANGED) hll_put(c, k, &copy, EVENT_SILENT);
    buf_release(&copy);
    return sound_or_reply(c, *status);
}

static void debug_registers(struct call *c, struct key k, struct slice hll) {
    uint8_t registers[HLL_REGISTERS] = {0};
    enum hll_status status;
    if (!sound_or_reply(c, hll_merge(registers, hll)) || !to_dense_or_reply(c, k, hll, &status))
        return;
    reply_array(c->reply, HLL_REGISTERS);
    for (size_t i = 0; i < HLL_REGISTERS; i++) reply_i64(c->reply, registers[i]);
}

static void debug_decode(struct call *c, struct key k, struct slice hll) {
    if (hll_encoding(hll) != HLL_SPARSE) {
        reply_error(c->reply, "ERR HLL encoding is not sparse");
        return;
    }
    struct buf text = BUF_INIT;
    if (sound_or_reply(c, hll_decode(hll, &text))) reply_bulk(c->reply, buf_slice(&text));
    buf_release(&text);
}

static void debug_encoding(struct call *c, struct key k, struct slice hll) {
    reply_status(c->reply, hll_encoding(hll) == HLL_DENSE ? "dense" : "sparse");
}

static void debug_to_dense(struct call *c, struct key k, struct slice hll) {
    enum hll_status status;
    if (to_dense_or_reply(c, k, hll, &status)) reply_i64(c->reply, status == HLL_CHANGED);
}

static void cmd_pfdebug(struct call *c) {
    static const struct {
        const char *name;
        void (*run)(struct call *c, struct key k, struct slice hll);
    } subcommands[] = {
        {"GETREG", debug_registers},
        {"DECODE", debug_decode},
        {"ENCODING", debug_encoding},
        {"TODENSE", debug_to_dense},
    };
    struct key k = call_key(c, 2);
    struct slice hll;
    if (!find_hll_or_reply(c, k, DB_WRITE, &hll)) return;
    if (!hll.ptr) {
        reply_error(c->reply, "ERR The specified key does not exist");
        return;
    }
    for (size_t i = 0; i < sizeof subcommands / sizeof subcommands[0]; i++) {
        if (!arg_is(c, 1, subcommands[i].name)) continue;
        subcommands[i].run(c, k, hll);
        return;
    }
    reply_errorf(c->reply, "ERR Unknown PFDEBUG subcommand '%.*s'", (int)c->argv[1].len,
                 c->argv[1].ptr);
}

static void cmd_pfselftest(struct call *c) {
    struct buf why = BUF_INIT;
    if (hll_self_test(&why))
        reply_ok(c->reply);
    else
        reply_errorf(c->reply, "TESTFAILED %s", why.data);
    buf_release(&why);
}

const struct command hyperloglog_commands[] = {
    {
        .name = "pfadd",
        .run = cmd_pfadd,
        .arity = -2,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
        .categories = ACL_HYPERLOGLOG,
        .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)},
        .group = "hyperloglog",
        .summary = "Adds elements to a HyperLogLog, made if there's none.",
        .since = "2.8.9",
        .complexity = "O(1) for each element",
        .syntax = "key [element ...]",
    },
    {
        .name = "pfcount",
        .run = cmd_pfcount,
        .arity = -2,
        .flags = CMD_READONLY | CMD_MAY_REPLICATE,
        .categories = ACL_HYPERLOGLOG,
        .keys = {{.flags = KEY_RW | KEY_ACCESS,
                  .kind = KEYS_RANGE,
                  .begin = 1,
                  .last = -1,
                  .step = 1,
                  .notes = "RW since the count is kept in the value"}},
        .group = "hyperloglog",
        .summary = "Estimates how many different elements were added to one or several "
                   "HyperLogLogs together.",
        .since = "2.8.9",
        .complexity = "O(1) for one key, nearly free while its count is cached; O(N) for N keys",
        .syntax = "key ...",
    },
    {
        .name = "pfmerge",
        .run = cmd_pfmerge,
        .arity = -2,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_HYPERLOGLOG,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_INSERT),
                 KEYS_FROM(2, -1, 1, KEY_RO | KEY_ACCESS)},
        .group = "hyperloglog",
        .summary = "Merges HyperLogLogs into the first of them.",
        .since = "2.8.9",
        .complexity = "O(N) for N keys",
        .syntax = "destkey [sourcekey ...]",
    },
    {
        .name = "pfdebug",
        .run = cmd_pfdebug,
        .arity = 3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_ADMIN | CMD_INTERNAL,
        .categories = ACL_HYPERLOGLOG,
        .keys = {KEY_AT(2, KEY_RW | KEY_ACCESS)},
        .group = "hyperloglog",
        .summary = "Shows the inside of a HyperLogLog, or makes it dense.",
        .since = "2.8.9",
        .complexity = "O(1)",
        .syntax = "subcommand key",
    },
    {
        .name = "pfselftest",
        .run = cmd_pfselftest,
        .arity = 1,
        .flags = CMD_ADMIN | CMD_INTERNAL,
        .categories = ACL_HYPERLOGLOG,
        .group = "hyperloglog",
        .summary = "Checks the HyperLogLog implementation.",
        .since = "2.8.9",
        .complexity = "O(1), about a tenth of a second",
    },
    {.name = NULL},
};
