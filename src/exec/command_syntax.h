/* SPDX-License-Identifier: BSD-3-Clause */
/* The notation in which a command's row describes its arguments, and the tree that COMMAND DOCS
 * makes of it.
 *
 * - key value: arguments, by lower-case name
 * - count:integer: one whose type its name doesn't imply (below)
 * - NX: a token, a word that isn't lower case, taken as it stands ("", ~ and * too)
 * - EX seconds: a token that announces the argument or the (...) behind it
 * - [ ... ]: optional
 * - ( ... ): a group
 * - a | b: within brackets of either kind, one of
 * - x ...: repeated: an argument, a token with its argument, or a group
 * - name:( ... ), name:TOKEN: with a name of its own; else it's made of the names in it
 *
 * A token at the start of brackets announces all that stands behind it there: [LIMIT offset count].
 * "key [key ...]" and "score member [score member ...]" are read as "key ..." and "(score member)
 * ...". A group of one argument is that argument, so "[GET pattern] ..." is an optional argument
 * that is repeated together with its token, and "GET pattern ..." one whose token comes once.
 *
 * Types are key, string, integer, double, pattern, unix-time; pure-token, oneof and block follow
 * from the notation. Implied are: key by "key" and names that end with it, "key1", "source" and
 * "destination"; integer by "seconds", "milliseconds", "count", "offset", "cursor", "index",
 * "numkeys", "timeout"; pattern by "pattern"; unix-time by names that begin with it; else string.
 */
#ifndef DREY_EXEC_COMMAND_SYNTAX_H
#define DREY_EXEC_COMMAND_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* X(constant, name in COMMAND DOCS) */
#define SYNTAX_TYPES(X)                                                                            \
    X(STRING, "string")                                                                            \
    X(INTEGER, "integer")                                                                          \
    X(DOUBLE, "double")                                                                            \
    X(KEY, "key")                                                                                  \
    X(PATTERN, "pattern")                                                                          \
    X(UNIX_TIME, "unix-time")                                                                      \
    X(PURE_TOKEN, "pure-token")                                                                    \
    X(ONEOF, "oneof")                                                                              \
    X(BLOCK, "block")

enum syntax_type {
#define SYNTAX_TYPE(constant, name) SYNTAX_##constant,
    SYNTAX_TYPES(SYNTAX_TYPE)
#undef SYNTAX_TYPE
};

struct syntax_arg {
    struct syntax_arg *next;
    struct syntax_arg *parts; /* of a oneof or a block */
    char *name;
    struct slice token; /* borrowed from the text; ptr NULL: none */
    struct slice text;  /* what it was read from */
    enum syntax_type type;
    bool optional, multiple, multiple_token;
};

/* The arguments that `text` describes (a row's `syntax`, which must live as long; NULL is the same
 * as ""), as a list. False, with nothing to free, if it isn't in the notation: then *error_at is
 * where. */
bool command_syntax_parse(const char *text, struct syntax_arg **args, size_t *error_at);
void command_syntax_free(struct syntax_arg *args);

const char *command_syntax_type_name(enum syntax_type type);

/* The fewest and the most words that arguments of this shape take; *most is -1 for no limit. */
void command_syntax_words(const struct syntax_arg *args, int *least, int *most);

#endif
