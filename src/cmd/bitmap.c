/* SPDX-License-Identifier: BSD-3-Clause */
/* Strings as bit arrays: single bits, counting, searching, combining, and fields of any width.
 *
 * Everything is read where it lies. A write opens the string for editing only once it's known to
 * change something: what changes nothing raises no event and counts no change, but leaves the value
 * raw, both as in Redis. */
#include "base/alloc.h"
#include "cmd/families.h"
#include "exec/call.h"
#include "type/bits.h"
#include "type/t_string.h"

#define ERR_BIT_OFFSET "ERR bit offset is not an integer or out of range"
#define ERR_BIT        "ERR bit is not an integer or out of range"
#define ERR_BIT_01     "ERR The bit argument must be 1 or 0."
#define ERR_FIELD_TYPE                                                                             \
    "ERR Invalid bitfield type. Use something like i16 u8. "                                       \
    "Note that u64 is not supported but i64 is."

/* The string to read or change; *s is empty (ptr NULL) if there's no such key. Borrowed, like the
 * entry it lies in. */
static bool find_bits_or_reply(struct call *c, struct key k, enum db_access access,
                               char digits[NUM_I64_MAX], struct slice *s) {
    struct entry *e;
    if (!call_find_typed_or_reply(c, k, access, TYPE_STRING, &e)) return false;
    *s = e ? string_view(e, digits) : (struct slice){NULL, 0};
    return true;
}

/* A bit's position. `width` 0: a plain number; else "#n" means the n-th field of that width, too.
 */
static bool arg_bit_offset_or_reply(struct call *c, int i, unsigned width, uint64_t *pos) {
    struct slice arg = c->argv[i];
    int64_t value, unit = 1;
    if (width && arg.len && arg.ptr[0] == '#') {
        arg = slice_of(arg.ptr + 1, arg.len - 1);
        unit = width;
    }
    if (num_to_i64(arg, &value) && value >= 0 && !__builtin_mul_overflow(value, unit, &value) &&
        (uint64_t)value / 8 < c->engine->settings.proto_max_bulk_len) {
        *pos = (uint64_t)value;
        return true;
    }
    reply_error(c->reply, ERR_BIT_OFFSET);
    return false;
}

static void cmd_setbit(struct call *c) {
    uint64_t pos;
    int64_t on;
    if (!arg_bit_offset_or_reply(c, 2, 0, &pos) || !arg_i64_in_or_reply(c, 3, 0, 1, ERR_BIT, &on))
        return;
    struct key k = call_key(c, 1);
    char digits[NUM_I64_MAX];
    struct slice s;
    if (!find_bits_or_reply(c, k, DB_WRITE, digits, &s)) return;
    bool old = bits_get(s, pos);
    if (pos / 8 < s.len && old == on) {
        db_string_to_raw(c->db, k);
    } else {
        size_t len = pos / 8 < s.len ? s.len : pos / 8 + 1;
        if (len > s.len && !call_string_memory_or_reply(c, len)) return;
        bits_set(db_edit_string(c->db, k, len, EVENT_SETBIT), pos, on);
    }
    reply_i64(c->reply, old);
}

static void cmd_getbit(struct call *c) {
    uint64_t pos;
    char digits[NUM_I64_MAX];
    struct slice s;
    if (!arg_bit_offset_or_reply(c, 2, 0, &pos) ||
        !find_bits_or_reply(c, call_key(c, 1), DB_READ, digits, &s))
        return;
    reply_i64(c->reply, bits_get(s, pos));
}

/* BITCOUNT's and BITPOS's range. */

struct span {
    int64_t start, end;
    bool has_end, in_bits;
};

static bool arg_unit_or_reply(struct call *c, int i, struct span *span) {
    span->in_bits = arg_is(c, i, "BIT");
    if (span->in_bits || arg_is(c, i, "BYTE")) return true;
    reply_error(c->reply, ERR_SYNTAX);
    return false;
}

/* The bits of `s` that the span covers. False if there are none. */
static bool span_of(const struct span *span, struct slice s, struct bits_range *range) {
    uint64_t total = span->in_bits ? (uint64_t)s.len * 8 : s.len;
    if (!bits_range_clip(span->start, span->end, total, range)) return false;
    if (!span->in_bits) *range = bits_range_of_bytes(*range);
    return true;
}

static void cmd_bitcount(struct call *c) {
    struct span span = {.end = -1};
    if (c->argc > 5) {
        reply_error(c->reply, ERR_SYNTAX);
        return;
    }
    if (c->argc > 2 && !arg_i64_or_reply(c, 2, &span.start)) return;
    if (c->argc > 3 && !arg_i64_or_reply(c, 3, &span.end)) return;
    if (c->argc > 4 && !arg_unit_or_reply(c, 4, &span)) return;
    char digits[NUM_I64_MAX];
    struct slice s;
    if (!find_bits_or_reply(c, call_key(c, 1), DB_READ, digits, &s)) return;
    /* Reversed ends are empty even where clipping would make both of them the first unit. */
    bool reversed = span.start < 0 && span.end < 0 && span.start > span.end;
    struct bits_range range;
    bool any = !reversed && span_of(&span, s, &range);
    reply_i64(c->reply, any ? (int64_t)bits_count_range(s, range) : 0);
}

static bool arg_bit_01_or_reply(struct call *c, int i, int64_t *bit) {
    if (!arg_i64_or_reply(c, i, bit)) return false;
    if (*bit == 0 || *bit == 1) return true;
    reply_error(c->reply, ERR_BIT_01);
    return false;
}

/* The unit is looked at before the end, as Redis does. */
static bool arg_bitpos_span_or_reply(struct call *c, struct span *span) {
    *span = (struct span){.end = -1, .has_end = c->argc > 4};
    if (c->argc > 6) {
        reply_error(c->reply, ERR_SYNTAX);
        return false;
    }
    return (c->argc <= 3 || arg_i64_or_reply(c, 3, &span->start)) &&
           (c->argc <= 5 || arg_unit_or_reply(c, 5, span)) &&
           (c->argc <= 4 || arg_i64_or_reply(c, 4, &span->end));
}

static void cmd_bitpos(struct call *c) {
    int64_t bit;
    struct span span;
    char digits[NUM_I64_MAX];
    struct slice s;
    if (!arg_bit_01_or_reply(c, 2, &bit) || !arg_bitpos_span_or_reply(c, &span) ||
        !find_bits_or_reply(c, call_key(c, 1), DB_READ, digits, &s))
        return;
    if (!s.ptr) {
        reply_i64(c->reply, bit ? -1 : 0);
        return;
    }
    struct bits_range range;
    int64_t pos = -1;
    if (span_of(&span, s, &range)) {
        pos = bits_find(s, bit, range);
        /* Without an end the string counts as followed by zeros. */
        if (pos < 0 && bit == 0 && !span.has_end) pos = (int64_t)s.len * 8;
    }
    reply_i64(c->reply, pos);
}

/* BITOP */

static const struct {
    const char *name;
    int min_keys, max_keys; /* max_keys 0: any number */
} bitops[] = {
    [BITS_AND] = {"AND", 1, 0},     [BITS_OR] = {"OR", 1, 0},     [BITS_XOR] = {"XOR", 1, 0},
    [BITS_NOT] = {"NOT", 1, 1},     [BITS_DIFF] = {"DIFF", 2, 0}, [BITS_DIFF1] = {"DIFF1", 2, 0},
    [BITS_ANDOR] = {"ANDOR", 2, 0}, [BITS_ONE] = {"ONE", 1, 0},
};

static bool arg_bitop_or_reply(struct call *c, int i, int keys, enum bits_op *op) {
    for (size_t at = 0; at < sizeof bitops / sizeof bitops[0]; at++) {
        if (!arg_is(c, i, bitops[at].name)) continue;
        if (keys < bitops[at].min_keys)
            reply_errorf(c->reply, "ERR BITOP %s must be called with at least two source keys.",
                         bitops[at].name);
        else if (bitops[at].max_keys && keys > bitops[at].max_keys)
            reply_errorf(c->reply, "ERR BITOP %s must be called with a single source key.",
                         bitops[at].name);
        else
            return *op = (enum bits_op)at, true;
        return false;
    }
    reply_error(c->reply, ERR_SYNTAX);
    return false;
}

/* One input of BITOP; an integer's digits must lie somewhere. */
struct bitop_input {
    char digits[NUM_I64_MAX];
};

/* The strings of BITOP's source keys. A first round checks them and does away with expired keys, so
 * that the second may keep several borrowed strings at a time. */
static bool bitop_inputs_or_reply(struct call *c, int first, struct slice *inputs,
                                  struct bitop_input *room) {
    for (int i = first; i < c->argc; i++) {
        struct entry *e;
        if (!call_find_typed_or_reply(c, call_key(c, i), DB_READ, TYPE_STRING, &e)) return false;
    }
    for (int i = first; i < c->argc; i++, inputs++, room++) {
        struct entry *e = call_find(c, call_key(c, i), DB_PEEK);
        *inputs = e ? string_view(e, room->digits) : SLICE("");
    }
    return true;
}

static void bitop_store(struct call *c, enum bits_op op, const struct slice *inputs, size_t n) {
    struct key destination = call_key(c, 2);
    size_t len = bits_op_len(inputs, n);
    if (len == 0) {
        db_delete(c->db, destination, true, EVENT_DEL);
    } else {
        struct bytes *out = bytes_new(len);
        bits_combine(op, inputs, n, out->data);
        out->len = len;
        db_set_bytes(c->db, destination, out, ENTRY_NO_DEADLINE, EVENT_SET);
    }
    reply_i64(c->reply, (int64_t)len);
}

static void cmd_bitop(struct call *c) {
    enum { FIRST = 3 };
    size_t n = (size_t)(c->argc - FIRST);
    enum bits_op op;
    if (!arg_bitop_or_reply(c, 1, (int)n, &op)) return;
    struct slice *inputs = mem_alloc(n * sizeof *inputs);
    struct bitop_input *room = mem_alloc(n * sizeof *room);
    if (bitop_inputs_or_reply(c, FIRST, inputs, room)) bitop_store(c, op, inputs, n);
    mem_free(inputs);
    mem_free(room);
}

/* BITFIELD */

enum field_verb { FIELD_GET, FIELD_SET, FIELD_INCRBY };

struct field_op {
    uint64_t pos;
    int64_t value; /* of SET and INCRBY */
    uint8_t width;
    bool is_signed;
    enum field_verb verb;
    enum bits_overflow overflow;
};

struct field_ops {
    struct field_op *v; /* room for all that the arguments can hold */
    size_t count;
    size_t write_len; /* bytes that the string must have for its writes; 0: there are none */
};

static bool arg_field_type_or_reply(struct call *c, int i, struct field_op *op) {
    struct slice arg = c->argv[i];
    int64_t width;
    op->is_signed = arg.len && arg.ptr[0] == 'i';
    if ((op->is_signed || (arg.len && arg.ptr[0] == 'u')) &&
        num_to_i64(slice_of(arg.ptr + 1, arg.len - 1), &width) && width >= 1 &&
        width <= (op->is_signed ? BITS_FIELD_MAX : BITS_FIELD_MAX - 1)) {
        op->width = (uint8_t)width;
        return true;
    }
    reply_error(c->reply, ERR_FIELD_TYPE);
    return false;
}

static bool arg_overflow_or_reply(struct call *c, int i, enum bits_overflow *overflow) {
    static const char *const names[] = {
        [BITS_WRAP] = "WRAP", [BITS_SAT] = "SAT", [BITS_FAIL] = "FAIL"};
    for (size_t at = 0; at < sizeof names / sizeof names[0]; at++)
        if (arg_is(c, i, names[at])) return *overflow = (enum bits_overflow)at, true;
    reply_error(c->reply, "ERR Invalid OVERFLOW type specified");
    return false;
}

/* The operation at argument i, of `args` arguments behind its name. */
static bool arg_field_op_or_reply(struct call *c, int i, int args, struct field_op *op) {
    return arg_field_type_or_reply(c, i + 1, op) &&
           arg_bit_offset_or_reply(c, i + 2, op->width, &op->pos) &&
           (args < 3 || arg_i64_or_reply(c, i + 3, &op->value));
}

/* How many arguments follow the word at argument i; 0 if it's none of BITFIELD's, or if there are
 * fewer. */
static int field_word(const struct slice *argv, int argc, int i, enum field_verb *verb) {
    static const struct {
        const char *name;
        int args;
        enum field_verb verb;
    } words[] = {{"GET", 2, FIELD_GET},
                 {"SET", 3, FIELD_SET},
                 {"INCRBY", 3, FIELD_INCRBY},
                 {"OVERFLOW", 1, FIELD_GET}};
    for (size_t at = 0; at < sizeof words / sizeof words[0]; at++) {
        if (!slice_is(argv[i], words[at].name) || i + words[at].args >= argc) continue;
        *verb = words[at].verb;
        return words[at].args;
    }
    return 0;
}

static bool arg_field_ops_or_reply(struct call *c, struct field_ops *ops) {
    struct field_op next = {.overflow = BITS_WRAP};
    for (int i = 2, args; i < c->argc; i += 1 + args) {
        args = field_word(c->argv, c->argc, i, &next.verb);
        if (args == 0) {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
        if (args == 1) {
            if (!arg_overflow_or_reply(c, i + 1, &next.overflow)) return false;
            continue;
        }
        if (!arg_field_op_or_reply(c, i, args, &next)) return false;
        ops->v[ops->count++] = next;
        size_t len = (next.pos + next.width - 1) / 8 + 1;
        if (next.verb != FIELD_GET && len > ops->write_len) ops->write_len = len;
    }
    return true;
}

/* What an operation makes of its field, and what it replies. */
struct field_result {
    uint64_t bits;
    int64_t reply;
    bool changed;
};

/* False if the value doesn't fit and isn't to be made fit. Numbers of both kinds of field are kept
 * as uint64_t. */
static bool field_apply(const struct field_op *op, struct slice s, struct field_result *out) {
    uint64_t old = op->is_signed ? (uint64_t)bits_field_get_signed(s, op->pos, op->width)
                                 : bits_field_get(s, op->pos, op->width);
    uint64_t now = op->verb == FIELD_SET ? (uint64_t)op->value : old;
    int64_t incr = op->verb == FIELD_INCRBY ? op->value : 0;
    bool fits = op->is_signed
                    ? bits_add_signed((int64_t)now, incr, op->width, op->overflow, (int64_t *)&now)
                    : bits_add_unsigned(now, incr, op->width, op->overflow, &now);
    if (!fits && op->overflow == BITS_FAIL) return false;
    uint64_t reply = op->verb == FIELD_SET ? old : now;
    *out = (struct field_result){now, (int64_t)reply, now != old};
    return true;
}

/* A string that must grow is grown even if no operation then fits; each that does counts. */
static void field_ops_run(struct call *c, struct key k, struct slice s,
                          const struct field_ops *ops) {
    char *data = NULL; /* s, once it's open for writing */
    size_t len = ops->write_len > s.len ? ops->write_len : s.len, changes = 0;
    bool grows = len > s.len;
    if (grows) data = db_edit_string(c->db, k, len, EVENT_UNCOUNTED);
    if (grows) propagate_as_it_was(c);
    reply_array(c->reply, ops->count);
    for (size_t i = 0; i < ops->count; i++) {
        const struct field_op *op = &ops->v[i];
        struct field_result result;
        if (!field_apply(op, data ? slice_of(data, len) : s, &result)) {
            reply_null(c->reply);
            continue;
        }
        if (result.changed) {
            if (!data) data = db_edit_string(c->db, k, len, EVENT_UNCOUNTED);
            bits_field_set(data, op->pos, op->width, result.bits);
        }
        changes += result.changed || (grows && op->verb != FIELD_GET);
        reply_i64(c->reply, result.reply);
    }
    if (ops->write_len && !data) db_string_to_raw(c->db, k);
    db_changed(c->db, k, EVENT_SETBIT, changes);
}

static void bitfield_generic(struct call *c, bool read_only) {
    struct field_ops ops = {.v = mem_alloc((size_t)c->argc * sizeof *ops.v)};
    char digits[NUM_I64_MAX];
    struct slice s;
    struct key k = call_key(c, 1);
    if (!arg_field_ops_or_reply(c, &ops)) goto out;
    if (read_only && ops.write_len) {
        reply_error(c->reply, "ERR BITFIELD_RO only supports the GET subcommand");
        goto out;
    }
    if (!find_bits_or_reply(c, k, ops.write_len ? DB_WRITE : DB_READ, digits, &s)) goto out;
    if (ops.write_len > s.len && !call_string_memory_or_reply(c, ops.write_len)) goto out;
    field_ops_run(c, k, s, &ops);
out:
    mem_free(ops.v);
}

static void cmd_bitfield(struct call *c) {
    bitfield_generic(c, false);
}

static void cmd_bitfield_ro(struct call *c) {
    bitfield_generic(c, true);
}

/* BITFIELD only reads its key if all it asks for is GET. */
static int bitfield_keys(const struct slice *argv, int argc, struct key_use *uses) {
    uses[0] = (struct key_use){1, KEY_RO | KEY_ACCESS};
    enum field_verb verb = FIELD_GET;
    for (int i = 2, args; i < argc; i += 1 + args) {
        args = field_word(argv, argc, i, &verb);
        if (args == 0 || verb != FIELD_GET) {
            uses[0].flags = KEY_RW | KEY_ACCESS | KEY_UPDATE;
            break;
        }
    }
    return 1;
}

const struct command bitmap_commands[] = {
    {
        .name = "setbit",
        .run = cmd_setbit,
        .arity = 4,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_BITMAP,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .group = "bitmap",
        .summary = "Writes one bit of a string, lengthened if need be; replies what the bit was.",
        .since = "2.2.0",
        .complexity = "O(1), plus the bytes by which the string grows",
        .syntax = "key offset value:integer",
    },
    {
        .name = "getbit",
        .run = cmd_getbit,
        .arity = 3,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_BITMAP,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "bitmap",
        .summary = "Reads one bit of a string.",
        .since = "2.2.0",
        .complexity = "O(1)",
        .syntax = "key offset",
    },
    {
        .name = "bitcount",
        .run = cmd_bitcount,
        .arity = -2,
        .flags = CMD_READONLY,
        .categories = ACL_BITMAP,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "bitmap",
        .summary = "Counts the ones in a string or in a part of it.",
        .since = "2.6.0",
        .complexity = "O(N) in the bytes of the range",
        .syntax = "key [start:integer [end:integer [BYTE | BIT]]]",
        .history = "7.0.0 BYTE and BIT\n8.0.0 start without end",
    },
    {
        .name = "bitpos",
        .run = cmd_bitpos,
        .arity = -3,
        .flags = CMD_READONLY,
        .categories = ACL_BITMAP,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "bitmap",
        .summary = "Looks for the first one or the first zero in a string or in a part of it.",
        .since = "2.8.7",
        .complexity = "O(N) in the bytes of the range",
        .syntax = "key bit:integer [start:integer [end:integer [BYTE | BIT]]]",
        .history = "7.0.0 BYTE and BIT",
    },
    {
        .name = "bitop",
        .run = cmd_bitop,
        .arity = -4,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_BITMAP,
        .keys = {KEY_AT(2, KEY_OW | KEY_UPDATE), KEYS_FROM(3, -1, 1, KEY_RO | KEY_ACCESS)},
        .group = "bitmap",
        .summary = "Combines the bits of strings and stores the outcome under another key.",
        .since = "2.6.0",
        .complexity = "O(N) in the bytes of all sources together",
        .syntax =
            "operation:(AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE) destkey:key key ...",
        .history = "8.2.0 DIFF, DIFF1, ANDOR and ONE",
    },
    {
        .name = "bitfield",
        .run = cmd_bitfield,
        .arity = -2,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_BITMAP,
        .keys = {{.flags = KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE_FLAGS,
                  .kind = KEYS_RANGE,
                  .begin = 1,
                  .step = 1,
                  .notes = "only read when every operation is a GET"}},
        .keys_of = bitfield_keys,
        .group = "bitmap",
        .summary = "Reads, writes and increments integers of any width at any bit of a string.",
        .since = "3.2.0",
        .complexity = "O(1) for each operation",
        .syntax = "key [GET encoding offset | [OVERFLOW (WRAP | SAT | FAIL)] "
                  "(SET encoding offset value:integer | INCRBY encoding offset "
                  "increment:integer)] ...",
    },
    {
        .name = "bitfield_ro",
        .run = cmd_bitfield_ro,
        .arity = -2,
        .flags = CMD_READONLY | CMD_FAST,
        .categories = ACL_BITMAP,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "bitmap",
        .summary = "Reads integers of any width at any bit of a string.",
        .since = "6.0.0",
        .complexity = "O(1) for each operation",
        .syntax = "key [GET encoding offset] ...",
    },
    {.name = NULL},
};
