/* SPDX-License-Identifier: BSD-3-Clause */
/* The types of values that rows are made of: how each is read, shown, written and freed. The texts
 * of refusal are Redis's. */
#include "exec/config_types.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/num.h"
#include "base/words.h"
#include "exec/config.h"

static bool refuse(const struct config_input *in, const char *reason) {
    buf_append_str(in->why, reason);
    return false;
}

/* --- yes / no --- */

static bool bool_parse(const struct config_input *in, void *value) {
    bool yes = in->n == 1 && slice_is(in->words[0], "yes");
    if (!yes && !(in->n == 1 && slice_is(in->words[0], "no")))
        return refuse(in, "argument must be 'yes' or 'no'");
    *(bool *)value = yes;
    return true;
}

static void bool_format(const struct config_param *param, const void *value, struct buf *out) {
    buf_append_str(out, *(const bool *)value ? "yes" : "no");
}

static void plain_rewrite(const struct config_param *param, const void *value, struct buf *lines) {
    buf_appendf(lines, "%s ", param->name);
    param->type->format(param, value, lines);
    buf_append_char(lines, '\n');
}

const struct config_type config_type_bool = {
    .size = sizeof(bool), .parse = bool_parse, .format = bool_format, .rewrite = plain_rewrite};

/* --- numbers --- */

static bool int_parse(const struct config_input *in, void *value) {
    const struct config_param *param = in->param;
    int64_t number;
    if (in->n != 1 || !num_to_i64(in->words[0], &number))
        return refuse(in, "argument couldn't be parsed into an integer");
    if (number < param->min || number > (int64_t)param->max) {
        buf_appendf(in->why, "argument must be between %" PRId64 " and %" PRId64 " inclusive",
                    param->min, (int64_t)param->max);
        return false;
    }
    *(int64_t *)value = number;
    return true;
}

static void int_format(const struct config_param *param, const void *value, struct buf *out) {
    buf_append_i64(out, *(const int64_t *)value);
}

const struct config_type config_type_int = {
    .size = sizeof(int64_t), .parse = int_parse, .format = int_format, .rewrite = plain_rewrite};

static bool octal_digits(struct slice text, int64_t *out) {
    int64_t number = 0;
    bool minus = text.len && text.ptr[0] == '-';
    for (size_t i = minus; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '7' || i > 20) return false;
        number = number * 8 + (text.ptr[i] - '0');
    }
    *out = minus ? -number : number;
    return true;
}

static bool octal_parse(const struct config_input *in, void *value) {
    const struct config_param *param = in->param;
    int64_t number;
    if (in->n != 1 || !octal_digits(in->words[0], &number))
        return refuse(in, "argument couldn't be parsed as an octal number");
    if (number < param->min || number > (int64_t)param->max) {
        buf_appendf(in->why, "argument must be between %" PRIo64 " and %" PRIo64 " inclusive",
                    (uint64_t)param->min, param->max);
        return false;
    }
    *(int64_t *)value = number;
    return true;
}

static void octal_format(const struct config_param *param, const void *value, struct buf *out) {
    buf_appendf(out, "%" PRIo64, (uint64_t) * (const int64_t *)value);
}

const struct config_type config_type_octal = {.size = sizeof(int64_t),
                                              .parse = octal_parse,
                                              .format = octal_format,
                                              .rewrite = plain_rewrite};

/* --- bytes --- */

/* As num_to_bytes, but nothing at all is 0, as in Redis. */
static bool bytes_of(struct slice text, uint64_t *out) {
    *out = 0;
    return text.len == 0 || num_to_bytes(text, out);
}

static bool bytes_in_range(const struct config_input *in, uint64_t bytes) {
    const struct config_param *param = in->param;
    if (bytes >= (uint64_t)param->min && bytes <= param->max) return true;
    buf_appendf(in->why, "argument must be between %" PRId64 " and %" PRIu64 " inclusive",
                param->min, param->max);
    return false;
}

static bool memory_parse(const struct config_input *in, void *value) {
    uint64_t bytes;
    if (in->n != 1 || !bytes_of(in->words[0], &bytes))
        return refuse(in, "argument must be a memory value");
    if (!bytes_in_range(in, bytes)) return false;
    *(uint64_t *)value = bytes;
    return true;
}

static void memory_format(const struct config_param *param, const void *value, struct buf *out) {
    buf_appendf(out, "%" PRIu64, *(const uint64_t *)value);
}

void config_append_bytes(struct buf *out, uint64_t bytes) {
    static const char *const units[] = {"", "kb", "mb", "gb"};
    size_t unit = 0;
    while (bytes && unit < 3 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    buf_appendf(out, "%" PRIu64 "%s", bytes, units[unit]);
}

static void memory_rewrite(const struct config_param *param, const void *value, struct buf *lines) {
    buf_appendf(lines, "%s ", param->name);
    config_append_bytes(lines, *(const uint64_t *)value);
    buf_append_char(lines, '\n');
}

const struct config_type config_type_memory = {.size = sizeof(uint64_t),
                                               .parse = memory_parse,
                                               .format = memory_format,
                                               .rewrite = memory_rewrite};

static bool percent_parse(const struct config_input *in, void *value) {
    const char *not_either = "argument must be a memory or percent value";
    if (in->n != 1) return refuse(in, not_either);
    struct slice text = in->words[0];
    if (text.len && text.ptr[text.len - 1] == '%') {
        int64_t percent;
        if (!num_to_i64(slice_of(text.ptr, text.len - 1), &percent) || percent < 0)
            return refuse(in, not_either);
        if (percent > 100) return refuse(in, "percentage argument must be less or equal to 100");
        *(int64_t *)value = -percent;
        return true;
    }
    uint64_t bytes;
    if (!bytes_of(text, &bytes)) return refuse(in, not_either);
    if (!bytes_in_range(in, bytes)) return false;
    *(int64_t *)value = (int64_t)bytes;
    return true;
}

static void percent_format(const struct config_param *param, const void *value, struct buf *out) {
    int64_t number = *(const int64_t *)value;
    buf_append_i64(out, number < 0 ? -number : number);
    if (number < 0) buf_append_char(out, '%');
}

static void percent_rewrite(const struct config_param *param, const void *value,
                            struct buf *lines) {
    int64_t number = *(const int64_t *)value;
    if (number < 0)
        plain_rewrite(param, value, lines);
    else
        memory_rewrite(param, &(uint64_t){(uint64_t)number}, lines);
}

const struct config_type config_type_percent = {.size = sizeof(int64_t),
                                                .parse = percent_parse,
                                                .format = percent_format,
                                                .rewrite = percent_rewrite};

/* --- words out of a set --- */

static bool refuse_word(const struct config_input *in) {
    buf_append_str(in->why, "argument(s) must be one of the following: ");
    for (const struct config_word *word = in->param->words; word->name; word++)
        buf_appendf(in->why, "%s%s", word == in->param->words ? "" : ", ", word->name);
    return false;
}

static const struct config_word *word_find(const struct config_word *words, struct slice name) {
    for (; words->name; words++)
        if (slice_is(name, words->name)) return words;
    return NULL;
}

const char *config_word_name(const struct config_word *words, int value) {
    for (; words->name; words++)
        if (words->value == value) return words->name;
    return "unknown";
}

static bool enum_parse(const struct config_input *in, void *value) {
    const struct config_word *word = in->n == 1 ? word_find(in->param->words, in->words[0]) : NULL;
    if (!word) return refuse_word(in);
    *(int *)value = word->value;
    return true;
}

static void enum_format(const struct config_param *param, const void *value, struct buf *out) {
    buf_append_str(out, config_word_name(param->words, *(const int *)value));
}

const struct config_type config_type_enum = {
    .size = sizeof(int), .parse = enum_parse, .format = enum_format, .rewrite = plain_rewrite};

static bool bits_parse(const struct config_input *in, void *value) {
    int bits = 0;
    if (in->n == 0) return refuse_word(in);
    for (size_t i = 0; i < in->n; i++) {
        const struct config_word *word = word_find(in->param->words, in->words[i]);
        if (!word) return refuse_word(in);
        bits |= word->value;
    }
    *(int *)value = bits;
    return true;
}

static void bits_format(const struct config_param *param, const void *value, struct buf *out) {
    int bits = *(const int *)value;
    size_t from = out->len;
    if (!bits) {
        buf_append_str(out, config_word_name(param->words, 0));
        return;
    }
    for (const struct config_word *word = param->words; word->name; word++) {
        if (!word->value || (bits & word->value) != word->value) continue;
        if (out->len > from) buf_append_char(out, ' ');
        buf_append_str(out, word->name);
    }
}

const struct config_type config_type_bits = {
    .size = sizeof(int), .parse = bits_parse, .format = bits_format, .rewrite = plain_rewrite};

/* --- text --- */

static char *text_copy(struct slice text) {
    char *copy = mem_alloc(text.len + 1);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static bool string_parse(const struct config_input *in, void *value) {
    if (in->n != 1) return refuse(in, "wrong number of arguments");
    struct slice text = in->words[0];
    if (memchr(text.ptr, '\0', text.len)) return refuse(in, "argument must not contain null bytes");
    if (text.len || !(in->param->flags & CONFIG_EMPTY_IS_NULL)) *(char **)value = text_copy(text);
    return true;
}

static void string_format(const struct config_param *param, const void *value, struct buf *out) {
    const char *text = *(char *const *)value;
    if (text) buf_append_str(out, text);
}

static void string_release(void *value) {
    mem_free(*(char **)value);
}

static void string_rewrite(const struct config_param *param, const void *value, struct buf *lines) {
    const char *text = *(char *const *)value;
    if (!text) return;
    buf_appendf(lines, "%s ", param->name);
    words_quote(lines, slice_str(text));
    buf_append_char(lines, '\n');
}

const struct config_type config_type_string = {.size = sizeof(char *),
                                               .parse = string_parse,
                                               .format = string_format,
                                               .release = string_release,
                                               .rewrite = string_rewrite};

/* --- secrets --- */

static bool secret_parse(const struct config_input *in, void *value) {
    struct config_secret *secret = value;
    if (in->n != 1) return refuse(in, "wrong number of arguments");
    struct slice text = in->words[0];
    if (text.len) *secret = (struct config_secret){text_copy(text), text.len};
    return true;
}

static void secret_format(const struct config_param *param, const void *value, struct buf *out) {
    const struct config_secret *secret = value;
    buf_append(out, secret->bytes, secret->len);
}

static void secret_release(void *value) {
    struct config_secret *secret = value;
    mem_free(secret->bytes);
    *secret = (struct config_secret){0};
}

static void secret_rewrite(const struct config_param *param, const void *value, struct buf *lines) {
    const struct config_secret *secret = value;
    if (!secret->bytes) return;
    buf_append_str(lines, param->name);
    config_append_word(lines, slice_of(secret->bytes, secret->len));
    buf_append_char(lines, '\n');
}

const struct config_type config_type_secret = {.size = sizeof(struct config_secret),
                                               .parse = secret_parse,
                                               .format = secret_format,
                                               .release = secret_release,
                                               .rewrite = secret_rewrite};

/* --- lists --- */

void config_list_copy(struct config_list *to, const struct slice *words, size_t n) {
    to->n = n;
    to->items = mem_alloc((n + 1) * sizeof(*to->items));
    for (size_t i = 0; i < n; i++) to->items[i] = text_copy(words[i]);
}

void config_list_release(void *value) {
    struct config_list *list = value;
    for (size_t i = 0; i < list->n; i++) mem_free(list->items[i]);
    mem_free(list->items);
    *list = (struct config_list){0};
}

static bool list_parse(const struct config_input *in, void *value) {
    bool empty = in->n == 1 && in->words[0].len == 0;
    config_list_copy(value, in->words, empty ? 0 : in->n);
    return true;
}

void config_list_format(const struct config_param *param, const void *value, struct buf *out) {
    const struct config_list *list = value;
    for (size_t i = 0; i < list->n; i++) buf_appendf(out, "%s%s", i ? " " : "", list->items[i]);
}

/* Does words_split read the word as it stands? */
static bool word_is_bare(struct slice word) {
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        if (c <= ' ' || c > '~' || c == '"' || c == '\'' || c == '#') return false;
    }
    return word.len > 0;
}

void config_append_word(struct buf *line, struct slice word) {
    buf_append_char(line, ' ');
    if (word_is_bare(word))
        buf_append_slice(line, word);
    else
        words_quote(line, word);
}

static void list_line(const struct config_param *param, const struct config_list *list,
                      struct buf *lines) {
    buf_append_str(lines, param->name);
    for (size_t i = 0; i < list->n; i++) config_append_word(lines, slice_str(list->items[i]));
    buf_append_str(lines, list->n ? "\n" : " \"\"\n");
}

static void list_rewrite(const struct config_param *param, const void *value, struct buf *lines) {
    list_line(param, value, lines);
}

const struct config_type config_type_list = {.size = sizeof(struct config_list),
                                             .parse = list_parse,
                                             .format = config_list_format,
                                             .release = config_list_release,
                                             .rewrite = list_rewrite};

/* --- lines that add up --- */

static bool lines_parse(const struct config_input *in, void *value) {
    const struct config_lines *old = in->current;
    struct config_lines *lines = value;
    if (in->n < (size_t)in->param->min || in->n > in->param->max)
        return refuse(in, "Bad directive or wrong number of arguments");
    lines->items = mem_alloc((old->n + 1) * sizeof(*lines->items));
    for (size_t i = 0; i < old->n; i++) {
        const struct config_list *from = &old->items[i];
        struct config_list *to = &lines->items[lines->n++];
        to->n = from->n;
        to->items = mem_alloc((from->n + 1) * sizeof(*to->items));
        for (size_t j = 0; j < from->n; j++) to->items[j] = mem_strdup(from->items[j]);
    }
    config_list_copy(&lines->items[lines->n++], in->words, in->n);
    return true;
}

static void lines_format(const struct config_param *param, const void *value, struct buf *out) {
    const struct config_lines *lines = value;
    for (size_t i = 0; i < lines->n; i++) {
        if (i) buf_append_char(out, '\n');
        config_list_format(param, &lines->items[i], out);
    }
}

static void lines_release(void *value) {
    struct config_lines *lines = value;
    for (size_t i = 0; i < lines->n; i++) config_list_release(&lines->items[i]);
    mem_free(lines->items);
    *lines = (struct config_lines){0};
}

static void lines_rewrite(const struct config_param *param, const void *value, struct buf *out) {
    const struct config_lines *lines = value;
    for (size_t i = 0; i < lines->n; i++) list_line(param, &lines->items[i], out);
}

const struct config_type config_type_lines = {.size = sizeof(struct config_lines),
                                              .adds_up = true,
                                              .parse = lines_parse,
                                              .format = lines_format,
                                              .release = lines_release,
                                              .rewrite = lines_rewrite};

void config_lines_of(const struct config_param *param, const void *value, struct buf *lines) {
    if (param->type->rewrite) {
        param->type->rewrite(param, value, lines);
        return;
    }
    struct buf text = BUF_INIT;
    param->type->format(param, value, &text);
    buf_appendf(lines, "%s ", param->name);
    words_quote(lines, buf_slice(&text));
    buf_append_char(lines, '\n');
    buf_release(&text);
}
