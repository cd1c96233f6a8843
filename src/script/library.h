/* SPDX-License-Identifier: BSD-3-Clause */
/* Libraries of functions, as FUNCTION LOAD brings them, and where they're found by name. What they
 * are in Lua is a reference to each function in the registry (library_load.h).
 *
 * A library owns its text and its functions; a store owns its libraries. Names of libraries are
 * compared as they are, those of functions in any case. */
#ifndef DREY_SCRIPT_LIBRARY_H
#define DREY_SCRIPT_LIBRARY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"
#include "ds/table.h"

struct library;

struct function {
    struct library *library;
    unsigned flags; /* of enum script_flag */
    int lua;        /* in Lua's registry */
    bool described;
    struct buf name, folded; /* folded: in lower case, what it's found by */
    struct buf description;
};

struct library {
    struct buf name, text;
    struct function **functions; /* in order of registration */
    size_t count, cap;
    struct library *next; /* of a store */
};

struct library_store {
    struct table functions;        /* by folded name */
    struct library *first, **link; /* in order of loading */
    size_t libraries, total;       /* how many libraries, and functions */
    size_t memory;                 /* bytes of texts and names, and what leads to them */
    const struct hash_seed *seed;
};

/* What is said of other names. */
extern const char library_name_error[];
/* Letters, digits and underscores, at least one. */
bool library_name_is_valid(struct slice name);

/* A library without functions. */
struct library *library_new(struct slice name, struct slice text);
/* Lua's references are the caller's. NULL is fine. */
void library_free(struct library *library);

/* The function of exactly that name, or NULL. */
struct function *library_function(const struct library *library, struct slice name);
/* Adds one that isn't there; an empty description with `described` false is none. */
struct function *library_add(struct library *library, struct slice name);

void library_store_init(struct library_store *store, const struct hash_seed *seed);
/* All libraries must have been taken out. */
void library_store_release(struct library_store *store);

/* O(number of libraries). NULL: there's none. */
struct library *library_find(const struct library_store *store, struct slice name);
/* O(1), any case. NULL: there's none. */
struct function *library_find_function(const struct library_store *store, struct slice name);

/* A function of the library that one of another library in the store, but `except` (which may be
 * NULL), has the name of; NULL: none has. */
const struct function *library_clash(const struct library_store *store,
                                     const struct library *library, const struct library *except);

/* Puts a library in, which the store owns from then on; its names are free. */
void library_put(struct library_store *store, struct library *library);
/* Takes it out; it's the caller's. */
void library_take(struct library_store *store, struct library *library);

/* Asserts that all it holds is found, and counted. */
void library_store_check(const struct library_store *store);

/* Makes two stores change places. */
void library_store_swap(struct library_store *a, struct library_store *b);

#endif
