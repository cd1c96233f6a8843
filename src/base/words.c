/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/words.h"

#include "base/alloc.h"

/* Spelled out because the C library's classes depend on the locale. */
static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Where reading is, and where unescaped bytes go. */
struct reader {
    const char *at, *end;
    char *to;
};

/* at: behind a backslash between double quotes, before the end. */
static void read_escape(struct reader *r) {
    char c = *r->at++;
    if (c == 'x' && r->end - r->at >= 2 && hex_value(r->at[0]) >= 0 && hex_value(r->at[1]) >= 0) {
        *r->to++ = (char)(hex_value(r->at[0]) * 16 + hex_value(r->at[1]));
        r->at += 2;
        return;
    }
    switch (c) {
    case 'n': c = '\n'; break;
    case 'r': c = '\r'; break;
    case 't': c = '\t'; break;
    case 'b': c = '\b'; break;
    case 'a': c = '\a'; break;
    default: break;
    }
    *r->to++ = c;
}

/* at: behind the opening quote. False when the quote isn't closed before white space or the end. */
static bool read_quoted(struct reader *r, char quote) {
    while (r->at < r->end && *r->at != quote) {
        char c = *r->at++;
        bool more = c == '\\' && r->at < r->end;
        if (more && quote == '"')
            read_escape(r);
        else if (more && *r->at == '\'')
            *r->to++ = *r->at++;
        else
            *r->to++ = c;
    }
    if (r->at == r->end) return false;
    r->at++;
    return r->at == r->end || is_space(*r->at);
}

/* Inside a word only these end it; \v and \f, that are skipped between words, are bytes of it. */
static bool ends_word(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool read_word(struct reader *r) {
    while (r->at < r->end && !ends_word(*r->at)) {
        char c = *r->at++;
        if (c == '"' || c == '\'') return read_quoted(r, c);
        *r->to++ = c;
    }
    return true;
}

bool words_split(struct slice line, struct words *out) {
    struct reader r = {line.ptr, line.ptr + strnlen(line.ptr, line.len), NULL};
    /* A word never grows, and has white space behind it where the terminator goes; the last one's
     * needs one byte more. Two bytes of line a word, again but the last. */
    struct words words = {0, mem_alloc((line.len / 2 + 1) * sizeof(*words.items)),
                          mem_alloc(line.len + 1)};
    r.to = words.bytes;

    for (;;) {
        while (r.at < r.end && is_space(*r.at)) r.at++;
        if (r.at == r.end) break;
        char *start = r.to;
        if (!read_word(&r)) {
            words_release(&words);
            return false;
        }
        words.items[words.count++] = slice_of(start, (size_t)(r.to - start));
        *r.to++ = '\0';
    }
    *out = words;
    return true;
}

void words_release(struct words *words) {
    mem_free(words->items);
    mem_free(words->bytes);
    *words = (struct words){0};
}

void words_quote(struct buf *to, struct slice s) {
    static const char special[] = "\\\"\n\r\t\a\b", names[] = "\\\"nrtab",
                      hex[] = "0123456789abcdef";
    buf_reserve(to, s.len + 2);
    buf_append_char(to, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        const char *found = memchr(special, c, sizeof(special) - 1);
        if (found)
            buf_append(to, (char[]){'\\', names[found - special]}, 2);
        else if (c >= ' ' && c <= '~')
            buf_append_char(to, (char)c);
        else
            buf_append(to, (char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
    }
    buf_append_char(to, '"');
}
