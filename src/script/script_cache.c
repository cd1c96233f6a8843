/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/script_cache.h"

#include "base/alloc.h"

static struct slice sha_of(const void *script) {
    return slice_of(((const struct script *)script)->sha, SHA1_HEX);
}

static struct slice text_of(const void *script) {
    const struct script *s = script;
    return slice_of(s->text, s->len);
}

static const struct table_ops by_sha = {sha_of};
static const struct table_ops by_text = {text_of};

void script_free(struct script *script) {
    mem_free(script);
}

static void free_entry(void *script) {
    script_free(script);
}

void script_cache_init(struct script_cache *cache, const struct hash_seed *seed) {
    *cache = (struct script_cache){0};
    table_init(&cache->by_sha, &by_sha, seed);
    table_init(&cache->by_text, &by_text, seed);
}

void script_cache_release(struct script_cache *cache) {
    table_release(&cache->by_text, NULL);
    table_release(&cache->by_sha, free_entry);
}

/* Digits in upper case are as good, but rare. */
struct script *script_cache_find(const struct script_cache *cache, struct slice sha) {
    if (sha.len != SHA1_HEX) return NULL;
    uint64_t hash = table_hash(&cache->by_sha, sha);
    struct script *found = table_find_by(&cache->by_sha, hash, sha, NULL, sha_of);
    if (found) return found;
    char lower[SHA1_HEX];
    for (size_t i = 0; i < SHA1_HEX; i++) {
        char c = sha.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    sha = slice_of(lower, SHA1_HEX);
    return table_find(&cache->by_sha, table_hash(&cache->by_sha, sha), sha, NULL);
}

struct script *script_cache_find_text(const struct script_cache *cache, struct slice text) {
    return table_find(&cache->by_text, table_hash(&cache->by_text, text), text, NULL);
}

static void list_add(struct script_cache *cache, struct script *s) {
    s->newer = NULL;
    s->older = cache->newest;
    if (s->older)
        s->older->newer = s;
    else
        cache->oldest = s;
    cache->newest = s;
    cache->evictable++;
}

static void list_remove(struct script_cache *cache, struct script *s) {
    if (s->newer)
        s->newer->older = s->older;
    else
        cache->newest = s->older;
    if (s->older)
        s->older->newer = s->newer;
    else
        cache->oldest = s->newer;
    cache->evictable--;
}

void script_cache_used(struct script_cache *cache, struct script *script) {
    if (script->loaded || cache->newest == script) return;
    list_remove(cache, script);
    list_add(cache, script);
}

void script_cache_keep(struct script_cache *cache, struct script *script) {
    if (script->loaded) return;
    list_remove(cache, script);
    script->loaded = true;
}

struct script *script_cache_add(struct script_cache *cache, struct slice text,
                                const char sha[SHA1_HEX]) {
    struct script *s = mem_alloc(sizeof *s + text.len);
    *s = (struct script){.len = text.len};
    memcpy(s->sha, sha, SHA1_HEX);
    slice_put(s->text, text);
    table_insert(&cache->by_sha, table_hash(&cache->by_sha, sha_of(s)), s);
    table_insert(&cache->by_text, table_hash(&cache->by_text, text_of(s)), s);
    list_add(cache, s);
    cache->memory += mem_usable_size(s);
    return s;
}

static void take(struct table *t, struct slice key) {
    struct table_ref ref;
    uint64_t hash = table_hash(t, key);
    if (table_find(t, hash, key, &ref)) table_remove(t, hash, ref);
}

static struct script *take_out(struct script_cache *cache, struct script *s) {
    take(&cache->by_sha, sha_of(s));
    take(&cache->by_text, text_of(s));
    if (!s->loaded) list_remove(cache, s);
    cache->memory -= mem_usable_size(s);
    return s;
}

struct script *script_cache_evict(struct script_cache *cache) {
    if (cache->evictable <= SCRIPT_CACHE_MAX) return NULL;
    cache->evicted++;
    return take_out(cache, cache->oldest);
}

struct script *script_cache_take_any(struct script_cache *cache) {
    struct table_iter it;
    table_iter_init(&it, &cache->by_sha);
    struct script *s = table_iter_next(&it);
    return s ? take_out(cache, s) : NULL;
}
