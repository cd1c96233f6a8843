/* SPDX-License-Identifier: BSD-3-Clause */
/* cachesim: the hit ratio of eviction policies on a trace. Prints a line per policy: its name, then
 * the hit ratio in percent of each portion of the trace. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/db_config.h"
#include "replay.h"

static const struct {
    const char *name;
    bool model;
    int which;
} policies[] = {
    {"allkeys-lru", false, DB_POLICY_ALLKEYS_LRU},
    {"allkeys-lfu", false, DB_POLICY_ALLKEYS_LFU},
    {"allkeys-lrfu", false, DB_POLICY_ALLKEYS_LRFU},
    {"allkeys-random", false, DB_POLICY_ALLKEYS_RANDOM},
    {"LRU", true, MODEL_LRU},
    {"LFU", true, MODEL_LFU},
    {"MIN", true, MODEL_MIN},
};

struct options {
    struct trace_plan plan;
    const char *file;
    double fits; /* share of all that is asked for */
    int samples;
    size_t portions;
    const char *only;
};

static void usage(FILE *to) {
    fprintf(to, "usage: cachesim [options]\n"
                "  --trace KIND      what is asked for (zipf):\n");
    for (const struct trace_kind *k = trace_kinds; k->name; k++)
        fprintf(to, "        %-8s %s\n", k->name, k->about);
    fprintf(to,
            "  --file PATH       asks for what the file says instead: key [bytes [ttl]] a line\n"
            "  --alpha A         exponent of Zipf's law (0.99)\n"
            "  --keys N          (1000000)\n"
            "  --requests N      (10000000)\n"
            "  --fits SHARE      of the keys' bytes that memory holds (0.1)\n"
            "  --samples N       maxmemory-samples (5)\n"
            "  --portions N      of the trace, each with a figure of its own (20)\n"
            "  --seed N          (1)\n"
            "  --policy NAME     only this one:");
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
        fprintf(to, " %s", policies[i].name);
    fprintf(to, "\n");
}

static bool set_option(struct options *o, int option, const char *value) {
    char *end = NULL;
    switch (option) {
    case 't': o->plan.kind = value; break;
    case 'f': o->file = value; break;
    case 'p': o->only = value; break;
    case 'a': o->plan.alpha = strtod(value, &end); break;
    case 'F': o->fits = strtod(value, &end); break;
    case 'k': o->plan.keys = (uint32_t)strtoul(value, &end, 10); break;
    case 'r': o->plan.requests = strtoul(value, &end, 10); break;
    case 's': o->samples = atoi(value); break;
    case 'n': o->portions = strtoul(value, &end, 10); break;
    case 'S': o->plan.seed = strtoul(value, &end, 10); break;
    default: return false;
    }
    return !end || !*end;
}

static bool parse(struct options *o, int argc, char **argv) {
    static const struct option names[] = {
        {"trace", 1, NULL, 't'},   {"file", 1, NULL, 'f'}, {"alpha", 1, NULL, 'a'},
        {"keys", 1, NULL, 'k'},    {"fits", 1, NULL, 'F'}, {"requests", 1, NULL, 'r'},
        {"samples", 1, NULL, 's'}, {"seed", 1, NULL, 'S'}, {"portions", 1, NULL, 'n'},
        {"policy", 1, NULL, 'p'},  {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (option == 'h') {
            usage(stdout);
            exit(0);
        }
        if (!set_option(o, option, optarg)) return false;
    }
    return optind == argc && o->plan.keys && o->plan.requests && o->fits > 0 && o->samples > 0 &&
           o->portions && o->portions <= o->plan.requests;
}

/* Bytes of the keys that are asked for at all. */
static uint64_t bytes_of(const struct trace *t) {
    char *asked = calloc(t->count, 1);
    uint64_t bytes = 0;
    for (size_t i = 0; i < t->requests; i++) asked[t->keys[i]] = 1;
    for (uint32_t k = 0; k < t->count; k++)
        if (asked[k]) bytes += replay_key_bytes(t, k);
    free(asked);
    return bytes;
}

/* What the popular keys of a plan take up: those of a scan don't count, but fill memory. */
static uint64_t memory_of(const struct options *o, const struct trace *t) {
    if (o->file) return (uint64_t)((double)bytes_of(t) * o->fits);
    uint64_t bytes = 0;
    for (uint32_t k = 0; k < o->plan.keys; k++) bytes += replay_key_bytes(t, k);
    return (uint64_t)((double)bytes * o->fits);
}

static void run(const struct options *o, const struct trace *t) {
    uint64_t bytes = memory_of(o, t);
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        struct score s;
        if (o->only && strcmp(o->only, policies[i].name) != 0) continue;
        score_init(&s, t, o->portions);
        if (policies[i].model)
            replay_model(t, (enum model)policies[i].which, bytes, &s);
        else
            replay_real(t, policies[i].which, o->samples, bytes, &s);
        printf("%-14s", policies[i].name);
        for (size_t p = 0; p < s.portions; p++) printf(" %.2f", score_percent(&s, p, p + 1));
        printf("\n");
        fflush(stdout);
        score_release(&s);
    }
}

int main(int argc, char **argv) {
    struct options o = {
        .plan = {.kind = "zipf", .alpha = .99, .keys = 1000000, .seed = 1, .requests = 10000000},
        .fits = .1,
        .samples = 5,
        .portions = 20};
    struct trace t;
    if (!parse(&o, argc, argv)) {
        usage(stderr);
        return 2;
    }
    o.plan.fits = (size_t)((double)o.plan.keys * o.fits);
    if (o.file ? !trace_read(&t, o.file) : !trace_make(&t, &o.plan)) return 1;
    run(&o, &t);
    trace_release(&t);
    return 0;
}
