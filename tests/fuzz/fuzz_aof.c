/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as the last file of an append-only log: refused, or its commands run, and what they
 * made holds all that must hold. What isn't whole at the end was cut off then: loaded once more, as
 * a log that must be whole, it isn't refused. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/engine.h"
#include "persist/aof_load.h"
#include "persist/persist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Commands that write files, or that may run for ever. */
static bool is_out_of_bounds(const uint8_t *data, size_t size) {
    static const char *const words[] = {"save", "rewrite", "eval", "fcall", "function", "migrate"};
    char *text = malloc(size + 1);
    for (size_t i = 0; i < size; i++) text[i] = (char)tolower(data[i]);
    bool found = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        found = found || memmem(text, size, words[i], strlen(words[i]));
    free(text);
    return found;
}

static bool load(struct engine *e, char *name, bool may_be_torn) {
    char directory[] = "/proc/self/fd";
    struct aof_config config = {.dirname = directory, .load_truncated = may_be_torn};
    struct aof_part part = {.name = name};
    struct aof_manifest manifest = {.incrs = {&part, 1}};
    struct aof_load load = {
        .engine = e,
        .config = &config,
        .loading = &e->persist->loading,
        .manifest = &manifest,
        .until_s = INT64_MAX,
    };
    return aof_load(&load);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char name[16];
    if (is_out_of_bounds(data, size)) return 0;
    int fd = memfd_create("aof", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    snprintf(name, sizeof name, "%d", fd);
    if (load(fuzz_engine(), name, true)) {
        fuzz_use_all();
        if (!load(fuzz_engine(), name, false)) abort();
    }
    close(fd);
    return 0;
}
