/* SPDX-License-Identifier: BSD-3-Clause */
/* A recursive descent over the characters:
 *
 *   sequence = item...
 *   item     = [TOKEN] element ["..."]
 *   element  = name[":" type] | [name ":"] "(" choice ")" | [name ":"] "[" choice "]"
 *   choice   = sequence {"|" sequence}
 *
 * Rows are written by us, so it's the unit test of all rows that sees mistakes, not users. */
#include "exec/command_syntax.h"

#include "base/alloc.h"
#include "base/buf.h"

enum { DEPTH_MAX = 16 };

struct parser {
    const char *at;
    int depth;
};

/* Ends of a list, for appending. */
struct arg_list {
    struct syntax_arg *first, **end;
    size_t count;
};

static const char *const type_names[] = {
#define SYNTAX_TYPE_NAME(constant, name) [SYNTAX_##constant] = name,
    SYNTAX_TYPES(SYNTAX_TYPE_NAME)
#undef SYNTAX_TYPE_NAME
};

const char *command_syntax_type_name(enum syntax_type type) {
    return type_names[type];
}

void command_syntax_free(struct syntax_arg *args) {
    while (args) {
        struct syntax_arg *next = args->next;
        command_syntax_free(args->parts);
        mem_free(args->name);
        mem_free(args);
        args = next;
    }
}

static void list_init(struct arg_list *list) {
    *list = (struct arg_list){.end = &list->first};
}

static void list_add(struct arg_list *list, struct syntax_arg *arg) {
    *list->end = arg;
    list->end = &arg->next;
    list->count++;
}

static struct syntax_arg *arg_new(enum syntax_type type) {
    struct syntax_arg *arg = mem_zalloc(sizeof *arg);
    arg->type = type;
    return arg;
}

static char *text_copy(struct slice text) {
    struct buf copy = BUF_INIT;
    buf_append_slice(&copy, text);
    return buf_detach(&copy);
}

/* Words. */

static void skip_spaces(struct parser *p) {
    while (*p->at == ' ') p->at++;
}

static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static bool in_word(char c) {
    return c && !strchr(" []()|:", c);
}

static struct slice read_word(struct parser *p) {
    const char *start = p->at;
    while (in_word(*p->at)) p->at++;
    return slice_of(start, (size_t)(p->at - start));
}

static bool at_repetition(struct parser *p) {
    skip_spaces(p);
    return strncmp(p->at, "...", 3) == 0;
}

static bool ends_with(struct slice text, const char *end) {
    size_t len = strlen(end);
    return text.len >= len && memcmp(text.ptr + text.len - len, end, len) == 0;
}

static enum syntax_type implied_type(struct slice name) {
    static const struct {
        const char *name;
        enum syntax_type type;
    } known[] = {
        {"source", SYNTAX_KEY},      {"destination", SYNTAX_KEY}, {"key1", SYNTAX_KEY},
        {"key2", SYNTAX_KEY},        {"seconds", SYNTAX_INTEGER}, {"milliseconds", SYNTAX_INTEGER},
        {"count", SYNTAX_INTEGER},   {"offset", SYNTAX_INTEGER},  {"cursor", SYNTAX_INTEGER},
        {"index", SYNTAX_INTEGER},   {"numkeys", SYNTAX_INTEGER}, {"timeout", SYNTAX_INTEGER},
        {"pattern", SYNTAX_PATTERN},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (slice_is(name, known[i].name)) return known[i].type;
    if (ends_with(name, "key")) return SYNTAX_KEY;
    if (name.len >= 9 && memcmp(name.ptr, "unix-time", 9) == 0) return SYNTAX_UNIX_TIME;
    return SYNTAX_STRING;
}

/* The type behind a colon; false if there's no such type, or it's one that only notation makes. */
static bool read_type(struct parser *p, enum syntax_type *type) {
    struct slice word = read_word(p);
    for (size_t i = 0; i < SYNTAX_PURE_TOKEN; i++)
        if (slice_is(word, type_names[i])) {
            *type = (enum syntax_type)i;
            return true;
        }
    return false;
}

/* Groups. */

static bool parse_sequence(struct parser *p, struct arg_list *list);

/* "username_password": the names of the parts, in lower case. */
static char *name_of_parts(const struct syntax_arg *parts, enum syntax_type type) {
    struct buf name = BUF_INIT;
    for (; parts; parts = parts->next) {
        if (name.len) buf_append_char(&name, type == SYNTAX_ONEOF ? '|' : '_');
        buf_append_str(&name, parts->name);
    }
    return buf_detach(&name);
}

static struct syntax_arg *group(enum syntax_type type, struct syntax_arg *parts) {
    struct syntax_arg *arg = arg_new(type);
    arg->parts = parts;
    arg->name = name_of_parts(parts, type);
    return arg;
}

/* A sequence as one argument. If it starts with a bare token that announces what follows, the token
 * becomes the block's. Takes the list over. */
static struct syntax_arg *as_one(struct arg_list *list) {
    struct syntax_arg *first = list->first;
    if (list->count == 1) return first;
    bool announced = first->token.ptr && first->type != SYNTAX_PURE_TOKEN && !first->optional &&
                     !first->multiple;
    struct syntax_arg *block = group(SYNTAX_BLOCK, first);
    if (announced) {
        block->token = first->token;
        first->token.ptr = NULL;
    }
    return block;
}

/* What stands between brackets, as one argument. NULL: not in the notation. */
static struct syntax_arg *parse_choice(struct parser *p, char close) {
    struct arg_list choices;
    list_init(&choices);
    const char *start = p->at;
    for (;;) {
        struct arg_list sequence;
        if (!parse_sequence(p, &sequence)) goto bad;
        list_add(&choices, as_one(&sequence));
        if (*p->at != '|') break;
        p->at++;
    }
    if (*p->at != close) goto bad;
    struct syntax_arg *arg =
        choices.count == 1 ? choices.first : group(SYNTAX_ONEOF, choices.first);
    arg->text = slice_of(start, (size_t)(p->at - start));
    p->at++;
    return arg;
bad:
    command_syntax_free(choices.first);
    return NULL;
}

static struct syntax_arg *parse_brackets(struct parser *p) {
    bool optional = *p->at == '[';
    if (++p->depth > DEPTH_MAX) return NULL;
    p->at++;
    struct syntax_arg *arg = parse_choice(p, optional ? ']' : ')');
    p->depth--;
    if (arg && optional) arg->optional = true;
    return arg;
}

/* A pure token is known by its own text in lower case; "~" and the like stay as they are. */
static struct syntax_arg *pure_token(struct slice token) {
    struct syntax_arg *arg = arg_new(SYNTAX_PURE_TOKEN);
    arg->token = token;
    arg->name = text_copy(token.len ? token : SLICE("empty-string"));
    for (char *at = arg->name; *at; at++)
        if (is_upper(*at)) *at = (char)(*at - 'A' + 'a');
    return arg;
}

static struct syntax_arg *rename_arg(struct syntax_arg *arg, struct slice name) {
    if (!arg) return NULL;
    mem_free(arg->name);
    arg->name = text_copy(name);
    return arg;
}

static struct syntax_arg *parse_named(struct parser *p) {
    struct slice name = read_word(p);
    enum syntax_type type = implied_type(name);
    if (*p->at == ':') {
        p->at++;
        if (*p->at == '(' || *p->at == '[') return rename_arg(parse_brackets(p), name);
        if (is_upper(*p->at)) return rename_arg(pure_token(read_word(p)), name);
        if (!read_type(p, &type)) return NULL;
    }
    struct syntax_arg *arg = arg_new(type);
    arg->name = text_copy(name);
    return arg;
}

static struct syntax_arg *parse_element(struct parser *p) {
    return is_lower(*p->at) ? parse_named(p) : parse_brackets(p);
}

/* Items. */

/* A token announces an argument or a (...), but not what is optional. */
static struct syntax_arg *parse_token(struct parser *p) {
    struct slice token = read_word(p);
    if (token.len == 2 && memcmp(token.ptr, "\"\"", 2) == 0) token.len = 0;
    skip_spaces(p);
    if (at_repetition(p) || !(is_lower(*p->at) || *p->at == '(')) return pure_token(token);
    struct syntax_arg *arg = parse_element(p);
    if (!arg) return NULL;
    if (!arg->token.ptr) {
        arg->token = token;
        return arg;
    }
    struct arg_list pair; /* a token before another one: "ID CLIENT id" */
    list_init(&pair);
    list_add(&pair, pure_token(token));
    list_add(&pair, arg);
    return as_one(&pair);
}

static struct syntax_arg *parse_item(struct parser *p) {
    const char *start = p->at;
    bool bracket = *start == '(' || *start == '[';
    if ((!bracket && !in_word(*start)) || at_repetition(p)) return NULL;
    struct syntax_arg *arg = bracket || is_lower(*start) ? parse_element(p) : parse_token(p);
    if (!arg) return NULL;
    if (!bracket || !arg->text.ptr) arg->text = slice_of(start, (size_t)(p->at - start));
    if (at_repetition(p)) {
        p->at += 3;
        arg->multiple = true;
        arg->multiple_token = bracket && arg->token.ptr && arg->type != SYNTAX_PURE_TOKEN;
    }
    return arg;
}

/* "key [key ...]": how many of the last arguments of the list the group repeats (the last one
 * perhaps without its token: "KEYS key [key ...]"); 0: it doesn't. */
static size_t repeats(const struct arg_list *list, const struct syntax_arg *arg) {
    if (!arg->optional || !ends_with(arg->text, " ...")) return 0;
    struct slice wanted = slice_of(arg->text.ptr, arg->text.len - 4);
    const struct syntax_arg *from = list->first;
    for (size_t n = list->count; n > 0; n--, from = from->next) {
        const char *start = from->text.ptr, *end = arg->text.ptr - 2; /* the space before '[' */
        size_t token = n == 1 && from->token.ptr && !arg->token.ptr ? from->token.len + 1 : 0;
        if (end < start + token) return 0;
        if (slice_eq(slice_of(start + token, (size_t)(end - start) - token), wanted)) return n;
    }
    return 0;
}

static void merge_repeated(struct arg_list *list, size_t n, bool with_token) {
    struct syntax_arg **from = &list->first;
    for (size_t i = n; i < list->count; i++) from = &(*from)->next;
    struct arg_list repeated = {.first = *from, .end = list->end, .count = n};
    struct syntax_arg *arg = as_one(&repeated);
    arg->multiple = true;
    arg->multiple_token = arg->token.ptr && with_token;
    *from = arg;
    list->end = &arg->next;
    list->count -= n - 1;
}

static bool parse_sequence(struct parser *p, struct arg_list *list) {
    list_init(list);
    for (skip_spaces(p); *p->at && !strchr("|])", *p->at); skip_spaces(p)) {
        struct syntax_arg *arg = parse_item(p);
        if (!arg) goto bad;
        size_t n = repeats(list, arg);
        if (n) {
            merge_repeated(list, n, arg->token.ptr != NULL);
            command_syntax_free(arg);
        } else {
            list_add(list, arg);
        }
    }
    if (list->count) return true;
bad:
    command_syntax_free(list->first);
    return false;
}

bool command_syntax_parse(const char *text, struct syntax_arg **args, size_t *error_at) {
    *args = NULL;
    if (!text || !*text) return true;
    struct parser p = {.at = text};
    struct arg_list list;
    bool good = parse_sequence(&p, &list);
    if (good && !*p.at) {
        *args = list.first;
        return true;
    }
    if (good) command_syntax_free(list.first);
    *error_at = (size_t)(p.at - text);
    return false;
}

/* Words. */

static void words_of(const struct syntax_arg *arg, int *least, int *most) {
    *least = *most = arg->type == SYNTAX_BLOCK || arg->type == SYNTAX_PURE_TOKEN ? 0 : 1;
    if (arg->type == SYNTAX_BLOCK) command_syntax_words(arg->parts, least, most);
    if (arg->type == SYNTAX_ONEOF) {
        words_of(arg->parts, least, most);
        for (const struct syntax_arg *part = arg->parts->next; part; part = part->next) {
            int low, high;
            words_of(part, &low, &high);
            if (low < *least) *least = low;
            if (high < 0 || (*most >= 0 && high > *most)) *most = high;
        }
    }
    if (arg->token.ptr) {
        *least += 1;
        if (*most >= 0) *most += 1;
    }
    if (arg->multiple) {
        if (*least == 0) *least = 1; /* options of which one at least is given */
        *most = -1;
    }
    if (arg->optional) *least = 0;
}

void command_syntax_words(const struct syntax_arg *args, int *least, int *most) {
    *least = *most = 0;
    for (; args; args = args->next) {
        int low, high;
        words_of(args, &low, &high);
        *least += low;
        *most = high < 0 || *most < 0 ? -1 : *most + high;
    }
}
