/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests out of fuzz inputs: which command, and arguments of the shape that its row describes
 * (exec/command_syntax.h), mostly of values that mean something there: keys that hold values of the
 * command's type, numbers at the edges, ids, texts of lengths at which encodings change. Now and
 * then one is left out, added or of another kind. */
#ifndef DREY_TEST_FUZZ_GRAMMAR_H
#define DREY_TEST_FUZZ_GRAMMAR_H

#include <stdint.h>

#include "base/buf.h"
#include "exec/command_table.h"

/* What is left of an input. Behind its end there are zeros. */
struct fuzz_input {
    const uint8_t *at, *end;
};

static inline uint8_t fuzz_byte(struct fuzz_input *in) {
    return in->at < in->end ? *in->at++ : 0;
}

static inline unsigned fuzz_below(struct fuzz_input *in, unsigned n) {
    return fuzz_byte(in) % n;
}

struct fuzz_grammar;

/* Of all commands of the table but those named (full names, and containers as a whole); the list
 * ends with NULL. */
struct fuzz_grammar *fuzz_grammar_new(const struct command_table *commands,
                                      const char *const *without);
void fuzz_grammar_free(struct fuzz_grammar *g);

/* Appends a request as an array of bulk strings. */
void fuzz_request(const struct fuzz_grammar *g, struct fuzz_input *in, struct buf *to);

#endif
