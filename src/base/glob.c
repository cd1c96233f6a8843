/* SPDX-License-Identifier: BSD-3-Clause */
/* Every element of a pattern but '*' takes exactly one byte. So when a byte doesn't fit, only the
 * last star seen needs to take one more: whatever an earlier star could reach, the last one reaches
 * as well. That bounds the work without recursion. */
#include "base/glob.h"

#include <stdint.h>

static inline unsigned char fold(unsigned char c, bool nocase) {
    return nocase && c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

static bool in_range(unsigned char low, unsigned char high, unsigned char c, bool nocase) {
    if (low > high) {
        unsigned char swapped = low;
        low = high;
        high = swapped;
    }
    return c >= fold(low, nocase) && c <= fold(high, nocase);
}

/* The set whose '[' is at *at; moves *at behind it. c is folded already. */
static bool set_has(struct slice pattern, size_t *at, unsigned char c, bool nocase) {
    const unsigned char *p = (const unsigned char *)pattern.ptr;
    size_t i = *at + 1, end = pattern.len;
    bool negated = i < end && p[i] == '^', found = false;
    i += negated;

    while (i < end && p[i] != ']') {
        if (p[i] == '\\' && i + 1 < end) {
            found |= fold(p[i + 1], nocase) == c;
            i += 2;
        } else if (i + 2 < end && p[i + 1] == '-') {
            found |= in_range(p[i], p[i + 2], c, nocase);
            i += 3;
        } else {
            found |= fold(p[i], nocase) == c;
            i++;
        }
    }
    *at = i < end ? i + 1 : end;
    return found != negated;
}

/* Whether the element at *at, not a star, takes byte c; moves *at behind the element if so. */
static bool element_takes(struct slice pattern, size_t *at, unsigned char c, bool nocase) {
    size_t i = *at;
    bool takes;
    switch (pattern.ptr[i]) {
    case '?':
        takes = true;
        i++;
        break;
    case '[': takes = set_has(pattern, &i, fold(c, nocase), nocase); break;
    case '\\':
        if (i + 1 < pattern.len) i++;
        /* fall through */
    default: takes = fold((unsigned char)pattern.ptr[i], nocase) == fold(c, nocase); i++;
    }
    if (takes) *at = i;
    return takes;
}

/* Where the text may go on, from t, so that the element behind a star takes its first byte: a plain
 * byte is looked for at memchr's speed, which is most of the cost of "*word*". */
static size_t star_end(struct slice pattern, size_t p, struct slice text, size_t t, bool nocase) {
    char c = pattern.ptr[p];
    if (nocase || c == '*' || c == '?' || c == '[' || c == '\\') return t;
    const char *at = memchr(text.ptr + t, c, text.len - t);
    return at ? (size_t)(at - text.ptr) : text.len;
}

/* Redis gives up on patterns of more stars than this, so that nobody can make it recurse without
 * end; here it only keeps the answer the same. */
enum { STARS_MAX = 1000 };

static bool match(struct slice pattern, struct slice text, bool nocase) {
    if (text.len == 0) return pattern.len == 0 || slice_eq(pattern, SLICE("*"));

    size_t p = 0, t = 0, stars = 0;
    size_t star = SIZE_MAX, star_text = 0; /* behind the last star; where in the text it ends now */

    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            while (p < pattern.len && pattern.ptr[p] == '*') p++;
            star = p;
            if (p == pattern.len) return true;
            if (++stars > STARS_MAX) return false;
            star_text = t = star_end(pattern, p, text, t, nocase);
        } else if (p < pattern.len &&
                   element_takes(pattern, &p, (unsigned char)text.ptr[t], nocase)) {
            t++;
        } else if (star != SIZE_MAX) {
            p = star;
            star_text = t = star_end(pattern, p, text, star_text + 1, nocase);
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*') p++;
    return p == pattern.len;
}

bool glob_match(struct slice pattern, struct slice text) {
    return match(pattern, text, false);
}

bool glob_match_nocase(struct slice pattern, struct slice text) {
    return match(pattern, text, true);
}

size_t glob_literal_prefix_len(struct slice pattern) {
    size_t len = 0;
    while (len < pattern.len && !memchr("*?[\\", pattern.ptr[len], 4)) len++;
    return len;
}

bool glob_is_literal(struct slice pattern) {
    return glob_literal_prefix_len(pattern) == pattern.len;
}
