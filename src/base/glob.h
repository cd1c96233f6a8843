/* SPDX-License-Identifier: BSD-3-Clause */
/* Redis's glob patterns, byte by byte (no characters of several bytes):
 *
 *   *        any run of bytes, an empty one too
 *   ?        any one byte
 *   [abc-e]  one byte of the set; ranges may be reversed; "\x" is x itself, so "\]" is a bracket
 *   [^abc]   one byte not in it
 *   \x       x itself
 *
 * What Redis 7 does where a pattern is odd: a set that isn't closed ends with the pattern; "[]"
 * matches nothing, "[^]" any byte; a '-' with nothing behind it is itself; in "[a-]]" the range
 * ends with ']'; a backslash at the very end is itself; the empty text is matched by "" and "*",
 * but not by "**".
 *
 * The work is at most length of text times length of pattern, whatever the pattern. */
#ifndef DREY_BASE_GLOB_H
#define DREY_BASE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

bool glob_match(struct slice pattern, struct slice text);

/* The same with the case of ASCII letters ignored. */
bool glob_match_nocase(struct slice pattern, struct slice text);

/* How many bytes at the start of the pattern every matching text must start with, as they stand
 * there. */
size_t glob_literal_prefix_len(struct slice pattern);

/* Whether the pattern matches exactly one text, itself: it has none of the special bytes. */
bool glob_is_literal(struct slice pattern);

#endif
