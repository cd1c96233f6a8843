/* SPDX-License-Identifier: BSD-3-Clause */
/* Big arguments of a request that isn't complete: each is received into memory of its own, which
 * the value that it becomes can take over, so that its bytes aren't copied (but for those that came
 * in one read with what stands before it, and the first seventh of a very big one).
 *
 * The memory that is set aside follows what was received: up to 16 times as much, or twice
 * BIG_ARG_AHEAD. The kernel gives the pages only as they are written. */
#ifndef DREY_SERVER_BIG_ARGS_H
#define DREY_SERVER_BIG_ARGS_H

#include <stdbool.h>

#include "base/bytes.h"

enum {
    BIG_ARG_MIN = 32 * 1024, /* shorter ones aren't worth it */
    BIG_ARG_AHEAD = 1024 * 1024,
};

/* All zero: none. */
struct big_args {
    struct bytes *receiving; /* NULL: none */
    size_t received, wanted; /* of that one, its line end counted */
    struct bytes **complete; /* complete_count of them, in order */
    size_t complete_count;
};

void big_args_release(struct big_args *b);

/* Begins an argument of `len` bytes, of which `have` is there already. False if there's no memory.
 */
bool big_args_begin(struct big_args *b, size_t len, struct slice have);

/* Where to read on to; *room is how much at most. NULL if there's no memory. */
char *big_args_room(struct big_args *b, size_t *room);

/* `len` bytes were read there. True when the argument is complete: *arg is it. */
bool big_args_received(struct big_args *b, size_t len, struct slice *arg);

/* Gives back memory of the argument begun that nothing was received for. */
void big_args_shrink(struct big_args *b);

/* Bytes received and not yet dropped, and the memory taken. */
size_t big_args_len(const struct big_args *b);
size_t big_args_memory(const struct big_args *b);

#endif
