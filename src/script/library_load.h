/* SPDX-License-Identifier: BSD-3-Clause */
/* From a library's text to its functions in Lua.
 *
 * The text starts with a line "#!lua name=x" and is run once, for its calls of
 * redis.register_function. Meanwhile its globals are only `redis` (and `server`), and of that only
 * what a library needs for it; when its functions run later, the same globals are what scripts
 * have, but for KEYS and ARGV. It may take half a second, unless it comes from where it was loaded
 * before, a file or the primary: then it's not refused because this machine is busy. */
#ifndef DREY_SCRIPT_LIBRARY_LOAD_H
#define DREY_SCRIPT_LIBRARY_LOAD_H

#include "script/library.h"
#include "script/script_engine.h"

/* What a library's text says of it. */
struct library_source {
    struct buf name;
    struct slice body; /* behind the first line */
    uint64_t limit_ms; /* for running it; 0: none */
};

/* Reads the first line, with the usual limit; false: `error` says why, and there's nothing to
 * release. */
bool library_source_read(struct slice text, struct library_source *source, struct buf *error);
void library_source_release(struct library_source *source);

/* Runs the text; NULL: `error` says why. The library is the caller's. */
struct library *library_load(struct script_engine *s, struct slice text,
                             const struct library_source *source, struct buf *error);

/* Lua forgets its functions, and it's freed. */
void library_forget(struct script_engine *s, struct library *library);

/* Moves all libraries of `incoming` to those that the engine has. With `replace` such of the same
 * name are forgotten, else they're an error. False: `error` says why, nothing has changed. */
bool library_join(struct script_engine *s, struct library_store *incoming, bool replace,
                  struct buf *error);
/* Forgets all libraries of a store. */
void library_forget_all(struct script_engine *s, struct library_store *store);

/* Sets up the engine's store and the globals of libraries; on a state that has its sandbox. */
void library_open(struct script_engine *s);
void library_release(struct script_engine *s); /* once the state is closed */

#endif
