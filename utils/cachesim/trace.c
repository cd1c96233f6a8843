/* SPDX-License-Identifier: BSD-3-Clause */
#include "trace.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "ds/table.h"

enum { VALUE_BYTES = 32, TTL_S = 30 };

const struct trace_kind trace_kinds[] = {
    {"zipf", "popularity by Zipf's law"},
    {"scan", "the same; every fifth request is one of a scan over keys never asked for again"},
    {"loop", "all keys in turn, half as many again as fit"},
    {"shift", "Zipf; in the middle the popular keys become others"},
    {"sizes", "Zipf; values of 16 bytes to 16 KB, whatever the popularity"},
    {"ttl", "Zipf; half of the keys expire 30 seconds after they were stored"},
    {NULL, NULL},
};

/* Draws by Walker's alias method: one random place, and one of two keys there. */
struct zipf {
    uint32_t n;
    double *keep;
    uint32_t *alias;
    struct random rng;
};

static void zipf_init(struct zipf *z, uint32_t n, double alpha, uint64_t seed) {
    double sum = 0, *p = malloc(n * sizeof *p);
    uint32_t *poor = malloc(n * sizeof *poor), *rich = malloc(n * sizeof *rich);
    size_t poors = 0, riches = 0;
    *z = (struct zipf){.n = n, .keep = malloc(n * sizeof *p), .alias = malloc(n * sizeof *poor)};
    random_seed_fixed(&z->rng, seed);
    for (uint32_t i = 0; i < n; i++) sum += p[i] = pow(i + 1, -alpha);
    for (uint32_t i = 0; i < n; i++) {
        p[i] *= n / sum;
        if (p[i] < 1)
            poor[poors++] = i;
        else
            rich[riches++] = i;
    }
    while (poors && riches) {
        uint32_t a = poor[--poors], b = rich[--riches];
        z->keep[a] = p[a];
        z->alias[a] = b;
        p[b] -= 1 - p[a];
        if (p[b] < 1)
            poor[poors++] = b;
        else
            rich[riches++] = b;
    }
    while (riches) z->keep[rich[--riches]] = 1;
    while (poors) z->keep[poor[--poors]] = 1;
    free(p);
    free(poor);
    free(rich);
}

static uint32_t zipf_next(struct zipf *z) {
    uint32_t at = (uint32_t)random_below(&z->rng, z->n);
    double u = (double)(random_u64(&z->rng) >> 11) * 0x1p-53;
    return u < z->keep[at] ? at : z->alias[at];
}

static void zipf_release(struct zipf *z) {
    free(z->keep);
    free(z->alias);
}

static uint32_t size_of_key(struct random *rng, bool mixed) {
    if (!mixed) return VALUE_BYTES;
    return (uint32_t)(16 * pow(2, 10 * ((double)(random_u64(rng) >> 11) * 0x1p-53)));
}

static uint32_t next_key(struct zipf *z, const struct trace_plan *plan, size_t at, uint32_t *scan) {
    uint32_t key;
    if (strcmp(plan->kind, "loop") == 0) return (uint32_t)(at % (plan->fits + plan->fits / 2));
    if (strcmp(plan->kind, "scan") == 0 && at % 5 == 4) return (*scan)++;
    key = zipf_next(z);
    if (strcmp(plan->kind, "shift") == 0 && at >= plan->requests / 2)
        key = (key + plan->keys / 2) % plan->keys;
    return key;
}

static bool is_kind(const char *name) {
    for (const struct trace_kind *k = trace_kinds; k->name; k++)
        if (strcmp(k->name, name) == 0) return true;
    return false;
}

bool trace_make(struct trace *t, const struct trace_plan *plan) {
    if (!is_kind(plan->kind)) return false;
    bool scans = strcmp(plan->kind, "scan") == 0, mixed = strcmp(plan->kind, "sizes") == 0;
    struct zipf z;
    uint32_t scan = plan->keys;
    zipf_init(&z, plan->keys, plan->alpha, plan->seed);
    *t = (struct trace){.keys = malloc(plan->requests * sizeof *t->keys),
                        .requests = plan->requests,
                        .count = plan->keys + (scans ? (uint32_t)(plan->requests / 5 + 1) : 0)};
    for (size_t i = 0; i < t->requests; i++) t->keys[i] = next_key(&z, plan, i, &scan);
    t->bytes = malloc(t->count * sizeof *t->bytes);
    for (uint32_t k = 0; k < t->count; k++) t->bytes[k] = size_of_key(&z.rng, mixed);
    if (strcmp(plan->kind, "ttl") == 0) {
        t->ttl_s = malloc(t->count * sizeof *t->ttl_s);
        for (uint32_t k = 0; k < t->count; k++) t->ttl_s[k] = k % 2 ? TTL_S : 0;
    }
    zipf_release(&z);
    return true;
}

/* Files. */

struct name {
    uint32_t key;
    char text[];
};

static struct slice name_of(const void *entry) {
    const char *text = ((const struct name *)entry)->text;
    return slice_of(text, strlen(text));
}

struct reader {
    struct trace *trace;
    struct table names;
    size_t request_cap, key_cap;
};

static void add_key(struct reader *r, uint32_t bytes, uint32_t ttl_s) {
    struct trace *t = r->trace;
    if (t->count == r->key_cap) {
        r->key_cap = r->key_cap ? 2 * r->key_cap : 1024;
        t->bytes = realloc(t->bytes, r->key_cap * sizeof *t->bytes);
        t->ttl_s = realloc(t->ttl_s, r->key_cap * sizeof *t->ttl_s);
    }
    t->bytes[t->count] = bytes;
    t->ttl_s[t->count++] = ttl_s;
}

static bool add_line(struct reader *r, char *line) {
    struct trace *t = r->trace;
    char *word = strtok(line, " \t\r\n"), *rest = strtok(NULL, "\n");
    unsigned bytes = VALUE_BYTES, ttl_s = 0;
    char more;
    if (!word) return true;
    if (rest && sscanf(rest, "%u %u %c", &bytes, &ttl_s, &more) > 2) return false;
    struct slice text = slice_of(word, strlen(word));
    uint64_t hash = table_hash(&r->names, text);
    struct name *known = table_find(&r->names, hash, text, NULL);
    if (!known) {
        known = malloc(sizeof *known + text.len + 1);
        known->key = t->count;
        memcpy(known->text, word, text.len + 1);
        table_insert(&r->names, hash, known);
        add_key(r, bytes, ttl_s);
    }
    if (t->requests == r->request_cap) {
        r->request_cap = r->request_cap ? 2 * r->request_cap : 1024;
        t->keys = realloc(t->keys, r->request_cap * sizeof *t->keys);
    }
    t->keys[t->requests++] = known->key;
    return true;
}

bool trace_read(struct trace *t, const char *path) {
    static const struct table_ops ops = {name_of};
    static const struct hash_seed seed = {1, 2};
    struct reader r = {.trace = t};
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0, number = 0;
    bool good = true;
    *t = (struct trace){0};
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    table_init(&r.names, &ops, &seed);
    while (good && getline(&line, &cap, file) > 0) {
        number++;
        good = add_line(&r, line);
    }
    if (!good) fprintf(stderr, "%s:%zu: expected: key [bytes [ttl]]\n", path, number);
    if (good && !t->requests) fprintf(stderr, "%s: no requests\n", path);
    free(line);
    fclose(file);
    table_release(&r.names, free);
    return good && t->requests;
}

void trace_release(struct trace *t) {
    free(t->keys);
    free(t->bytes);
    free(t->ttl_s);
}
