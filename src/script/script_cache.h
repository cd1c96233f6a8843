/* SPDX-License-Identifier: BSD-3-Clause */
/* EVAL's scripts: compiled once, found by their SHA-1 or by their text. Those that only EVAL
 * brought are kept as long as they are among the last SCRIPT_CACHE_MAX used: applications that
 * build a script's text anew for each call don't fill memory (as in Redis 7.4 and Valkey 8). What
 * SCRIPT LOAD brought stays. */
#ifndef DREY_SCRIPT_SCRIPT_CACHE_H
#define DREY_SCRIPT_SCRIPT_CACHE_H

#include <stdbool.h>

#include "base/sha1.h"
#include "base/slice.h"
#include "ds/table.h"

enum { SCRIPT_CACHE_MAX = 500 };

struct script {
    char sha[SHA1_HEX + 1];
    bool loaded;    /* by SCRIPT LOAD */
    unsigned flags; /* of enum script_flag */
    int function;   /* in Lua's registry */
    size_t len;
    struct script *newer, *older; /* of EVAL's own, by last use */
    char text[];
};

struct script_cache {
    struct table by_sha, by_text;
    struct script *newest, *oldest; /* of those that SCRIPT LOAD didn't bring */
    size_t evictable;
    uint64_t evicted;
    size_t memory; /* bytes of all texts, and what leads to them */
};

void script_cache_init(struct script_cache *cache, const struct hash_seed *seed);
/* Lua's state goes, too, or forgets the functions otherwise. */
void script_cache_release(struct script_cache *cache);

/* NULL: there's none. */
struct script *script_cache_find(const struct script_cache *cache, struct slice sha);
struct script *script_cache_find_text(const struct script_cache *cache, struct slice text);

/* EVAL or EVALSHA runs it. */
void script_cache_used(struct script_cache *cache, struct script *script);
/* It stays from now on. */
void script_cache_keep(struct script_cache *cache, struct script *script);

/* Adds a script that isn't there. */
struct script *script_cache_add(struct script_cache *cache, struct slice text,
                                const char sha[SHA1_HEX]);
/* The script used longest ago, taken out, if there are more than may be kept; NULL: there aren't.
 * The caller lets Lua forget its function, and frees it. */
struct script *script_cache_evict(struct script_cache *cache);
/* Takes out any script, to be freed likewise; NULL: there's none. */
struct script *script_cache_take_any(struct script_cache *cache);
void script_free(struct script *script);

#endif
