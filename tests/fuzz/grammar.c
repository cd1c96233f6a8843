/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz/grammar.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/command_syntax.h"

enum { COUNT_MAX = 4, MANY = 40, ARGS_MAX = 200, DEPTH_MAX = 8 };

struct rule {
    const struct command_entry *cmd;
    struct syntax_arg *args;
};

struct fuzz_grammar {
    struct rule *rules;
    unsigned count;
};

/* A request in the making. */
struct sentence {
    struct fuzz_input *in;
    const struct command_entry *cmd;
    struct buf text; /* the arguments, as bulk strings */
    size_t count;
    size_t number_at; /* where in `text` a number stands of what comes next; 0: none */
    unsigned depth;
};

/* --- Values --- */

static const char *const integers[] = {
    "0",
    "1",
    "2",
    "3",
    "-1",
    "-2",
    "5",
    "7",
    "10",
    "16",
    "60",
    "100",
    "127",
    "128",
    "255",
    "1000",
    "16383",
    "16384",
    "65535",
    "70000",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "1048575",
    "8388607",
    "1048576",
    "3.5",
    "x",
    "",
    "007",
    "+1",
    " 1",
    "-0",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
};
static const char *const doubles[] = {
    "0",   "1",     "-1",     "0.1",    "1.5", "3.25",        "-2.5",        "100",
    "1e3", "1e308", "-1e308", "5e-324", "inf", "-inf",        "+inf",        "nan",
    "-0",  "0x1p3", "1e",     "179",    "-85", "85.05112878", "17179869184",
};
static const char *const texts[] = {
    "",    "a",   "b",   "c",   "1",   "2",    "-7",     "12345", "9223372036854775807",
    "3.5", "nan", "foo", "bar", "A",   "\xff", "a\r\nb", "f1",    "f2",
    "m1",  "m2",  "u8",  "i5",  "u63", "i64",  "*",      "#",     "w_*",
    "->",
};
static const char *const patterns[] = {
    "*",  "?*",    "a*",  "*a", "[a-c]*", "[^a]", "[",      "\\",
    "s?", "h*llo", "w_*", "#",  "h0->f1", "*->a", "nosuch", "a*a*a*b",
};
static const char *const ids[] = {
    "*",
    "-",
    "+",
    "$",
    ">",
    "0",
    "0-0",
    "1-1",
    "1-2",
    "2-*",
    "5",
    "5-1",
    "7-3",
    "(1-1",
    "(5",
    "18446744073709551615-18446744073709551615",
    "18446744073709551615",
    "1-",
    "x-1",
    "100-1",
};
static const char *const bounds[] = {
    "-inf", "+inf", "(1", "1",   "2",   "(2.5", "0", "-",
    "+",    "[a",   "(a", "[m1", "(m2", "[",    "(", "nan",
};
static const char *const scripts[] = {
    "return 1",
    "return redis.call('GET', KEYS[1])",
    "return {1, {2, 'x'}, false, {ok = 'fine'}}",
    "return redis.call(unpack(ARGV))",
    "return redis.pcall(unpack(ARGV))",
    "error('no')",
    "local r = {} for i, k in ipairs(KEYS) do r[i] = redis.call('TYPE', k) end return r",
    "redis.setresp(3) return redis.call('HGETALL', KEYS[1])",
    "return cjson.encode(ARGV)",
    "return cmsgpack.unpack(cmsgpack.pack(ARGV))",
    "return redis.call('LRANGE', KEYS[1], 0, -1)",
    "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('DEL', KEYS[1])",
    "return {err = 'E x'}",
    "for i = 1, 100 do redis.call('RPUSH', KEYS[1], i) end return redis.call('LLEN', KEYS[1])",
    "#!lua flags=no-writes\nreturn redis.call('GET', KEYS[1])",
    "return loadstring(ARGV[1])",
    "return struct.unpack('i4', struct.pack('i4', ARGV[1]))",
    "return tostring(KEYS) .. #ARGV",
};
static const char *const functions[] = {
    "#!lua name=lib\nredis.register_function('f', function(k, a) return a end)",
    "#!lua name=lib\nredis.register_function{function_name='f', flags={'no-writes'}, "
    "callback=function(k, a) return redis.call('GET', k[1]) end}",
    "#!lua name=other\n"
    "redis.register_function('g', function(k, a) redis.call('SET', k[1], 'v') end)",
    "#!lua name=bad\nerror('x')",
    "#!lua\nreturn 1",
    "#!lua name=empty\n",
};
static const char *const rules[] = {
    "on",
    "off",
    "nopass",
    "reset",
    "~*",
    "~s*",
    "%R~l*",
    "%W~x",
    "+@all",
    "-@all",
    "+get",
    "-set",
    "+@read",
    "-@dangerous",
    "allchannels",
    "resetchannels",
    "&a*",
    "(+get ~s*)",
    "clearselectors",
    "+config|get",
    "-config|set",
    ">p",
    "<p",
    "resetpass",
    "sanitize-payload",
    "+nosuch",
    "%",
    "(",
    "resetkeys",
    "allkeys",
    "+select|1",
};

#define PICK(in, list) (list)[fuzz_below(in, sizeof(list) / sizeof *(list))]

static void word(struct sentence *s, struct slice text) {
    if (s->count == ARGS_MAX) return;
    buf_appendf(&s->text, "$%zu\r\n", text.len);
    buf_append_slice(&s->text, text);
    buf_append_str(&s->text, "\r\n");
    s->count++;
}

static void word_str(struct sentence *s, const char *text) {
    word(s, slice_str(text));
}

/* Of lengths at which values are kept otherwise. */
static void long_text(struct sentence *s) {
    static const size_t lengths[] = {20, 44, 45, 64, 65, 253, 254, 300, 1024, 1025, 5000, 20000};
    char bytes[20000];
    size_t len = PICK(s->in, lengths);
    memset(bytes, 'a' + (int)fuzz_below(s->in, 3), len);
    word(s, slice_of(bytes, len));
}

static void raw_text(struct sentence *s) {
    struct fuzz_input *in = s->in;
    size_t len = fuzz_below(in, 32), left = (size_t)(in->end - in->at);
    if (len > left) len = left;
    word(s, slice_of(in->at, len));
    in->at += len;
}

static void any_text(struct sentence *s) {
    switch (fuzz_below(s->in, 16)) {
    case 0: long_text(s); break;
    case 1: raw_text(s); break;
    case 2: word_str(s, PICK(s->in, integers)); break;
    default: word_str(s, PICK(s->in, texts));
    }
}

/* Keys of a type begin with its letter. */
static char letter_of(const char *group) {
    static const struct {
        const char *group;
        char letter;
    } letters[] = {
        {"string", 's'}, {"bitmap", 's'},      {"list", 'l'},       {"set", 't'},
        {"hash", 'h'},   {"stream", 'x'},      {"sorted-set", 'z'}, {"sorted_set", 'z'},
        {"geo", 'g'},    {"hyperloglog", 'p'},
    };
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (group && !strcmp(group, letters[i].group)) return letters[i].letter;
    return 0;
}

static void key(struct sentence *s) {
    uint8_t byte = fuzz_byte(s->in);
    char letter = letter_of(s->cmd->row->group);
    if (!letter || byte >= 240) letter = "sslthxzgpn"[byte % 10];
    char name[] = {letter, (char)('0' + (byte >> 3) % 3), '\0'};
    word_str(s, name);
}

static bool named(const struct syntax_arg *a, const char *part) {
    return a->name && strstr(a->name, part);
}

/* Strings that must look like something. */
static void text_for(struct sentence *s, const struct syntax_arg *a) {
    struct fuzz_input *in = s->in;
    if (named(a, "function-code"))
        word_str(s, PICK(in, functions));
    else if (named(a, "script"))
        word_str(s, PICK(in, scripts));
    else if (named(a, "rule"))
        word_str(s, PICK(in, rules));
    else if (named(a, "id") || named(a, "start") || named(a, "end"))
        word_str(s, PICK(in, ids));
    else if (named(a, "min") || named(a, "max") || named(a, "stop"))
        word_str(s, PICK(in, bounds));
    else if (named(a, "group") || named(a, "consumer"))
        word_str(s, fuzz_byte(in) & 1 ? "g" : "c");
    else if (named(a, "channel"))
        word_str(s, fuzz_byte(in) & 1 ? "a" : "ch");
    else if (named(a, "user"))
        word_str(s, fuzz_byte(in) & 1 ? "nobody" : "u");
    else
        any_text(s);
}

/* --- Shapes --- */

static void args(struct sentence *s, const struct syntax_arg *a);

/* The number that announced them says how many there are, mostly. */
static void repeat_number(struct sentence *s, size_t count) {
    if (!s->number_at || count > 9) return;
    s->text.data[s->number_at] = (char)('0' + count);
    s->number_at = 0;
}

static void leaf(struct sentence *s, const struct syntax_arg *a) {
    struct fuzz_input *in = s->in;
    if (a->type == SYNTAX_KEY) {
        key(s);
    } else if (a->type == SYNTAX_INTEGER && a->name && !strncmp(a->name, "num", 3)) {
        bool right = fuzz_below(in, 8) && s->count < ARGS_MAX;
        word_str(s, right ? "1" : PICK(in, integers));
        s->number_at = right ? s->text.len - 3 : 0; /* "1\r\n" */
    } else if (a->type == SYNTAX_INTEGER || a->type == SYNTAX_UNIX_TIME) {
        word_str(s, PICK(in, integers));
    } else if (a->type == SYNTAX_DOUBLE) {
        word_str(s, PICK(in, doubles));
    } else if (a->type == SYNTAX_PATTERN) {
        word_str(s, PICK(in, patterns));
    } else if (a->type == SYNTAX_STRING) {
        text_for(s, a);
    }
}

static void one(struct sentence *s, const struct syntax_arg *a) {
    if (a->type == SYNTAX_BLOCK) {
        args(s, a->parts);
    } else if (a->type == SYNTAX_ONEOF) {
        unsigned count = 0;
        const struct syntax_arg *part = a->parts;
        for (const struct syntax_arg *p = part; p; p = p->next) count++;
        for (unsigned skip = count ? fuzz_below(s->in, count) : 0; skip; skip--) part = part->next;
        if (part) {
            if (part->token.ptr) word(s, part->token);
            one(s, part);
        }
    } else {
        leaf(s, a);
    }
}

static size_t times(struct sentence *s, const struct syntax_arg *a) {
    if (!a->multiple) return 1;
    uint8_t byte = fuzz_byte(s->in);
    return byte == 255 ? MANY : 1 + byte % COUNT_MAX;
}

static void args(struct sentence *s, const struct syntax_arg *a) {
    if (++s->depth > DEPTH_MAX) return;
    for (; a; a = a->next) {
        if (a->optional && fuzz_below(s->in, 3)) continue;
        size_t count = times(s, a);
        if (a->multiple) repeat_number(s, count);
        for (size_t i = 0; i < count; i++) {
            if (a->token.ptr && (i == 0 || a->multiple_token)) word(s, a->token);
            one(s, a);
        }
    }
    s->depth--;
}

/* --- Requests --- */

void fuzz_request(const struct fuzz_grammar *g, struct fuzz_input *in, struct buf *to) {
    unsigned which = fuzz_byte(in);
    which = (which << 8 | fuzz_byte(in)) % g->count;
    const struct command_entry *cmd = g->rules[which].cmd;
    struct sentence s = {.in = in, .cmd = cmd, .text = BUF_INIT};
    if (cmd->parent) word_str(&s, cmd->parent->name);
    word_str(&s, cmd->name);
    args(&s, g->rules[which].args);
    if (fuzz_below(in, 32) == 1) any_text(&s);
    buf_appendf(to, "*%zu\r\n", s.count);
    buf_append_slice(to, buf_slice(&s.text));
    buf_release(&s.text);
}

static bool is_among(const char *name, const char *const *list) {
    for (; *list; list++)
        if (!strcmp(name, *list)) return true;
    return false;
}

static void add(struct fuzz_grammar *g, const struct command_entry *cmd,
                const char *const *without) {
    size_t error_at;
    if (is_among(cmd->full_name, without)) return;
    for (uint16_t i = 0; i < cmd->sub_count; i++) add(g, &cmd->subcommands[i], without);
    if (cmd->sub_count) return;
    g->rules = mem_realloc(g->rules, (g->count + 1) * sizeof *g->rules);
    struct rule *r = &g->rules[g->count++];
    *r = (struct rule){.cmd = cmd};
    if (!command_syntax_parse(cmd->row->syntax, &r->args, &error_at)) abort();
}

struct fuzz_grammar *fuzz_grammar_new(const struct command_table *commands,
                                      const char *const *without) {
    struct fuzz_grammar *g = mem_zalloc(sizeof *g);
    for (size_t i = 0; i < command_table_count(commands); i++)
        add(g, command_table_at(commands, i), without);
    return g;
}

void fuzz_grammar_free(struct fuzz_grammar *g) {
    for (unsigned i = 0; i < g->count; i++) command_syntax_free(g->rules[i].args);
    mem_free(g->rules);
    mem_free(g);
}
