/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of words, as inline commands and config files have them, and quoted strings, as Redis
 * prints them. */
#ifndef DREY_BASE_WORDS_H
#define DREY_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

/* The words of one line. They are owned by this struct, each one terminated by a NUL that its
 * length doesn't count. */
struct words {
    size_t count;
    struct slice *items;
    char *bytes; /* what the items lie in */
};

/* Splits at white space. "..." may hold white space and the escapes \n \r \t \b \a \xHH, any other
 * escaped byte is itself. '...' takes everything as it stands but \'. A word may go over into a
 * quoted part: ab"c d" is one word. False, with nothing to release, when a quote isn't closed or is
 * followed by anything but white space. A NUL byte ends the line. */
bool words_split(struct slice line, struct words *out);
void words_release(struct words *words);

/* Appends s in double quotes: \\ \" \n \r \t \a \b, \xhh for what else isn't printable ASCII.
 * words_split undoes it. */
void words_quote(struct buf *to, struct slice s);

#endif
