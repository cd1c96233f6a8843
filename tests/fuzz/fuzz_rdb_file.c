/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as an RDB file: refused, or data that holds all that must hold. Checksums aren't looked
 * at, so that damage gets past them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/engine.h"
#include "persist/persist.h"
#include "persist/rdb_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool load(struct engine *e, const char *path, uint64_t size) {
    struct buf why = BUF_INIT;
    struct rdb_load load = {.loading = &e->persist->loading};
    loading_begin(load.loading, size);
    bool ok = rdb_load(e, path, &load, &why);
    loading_end(load.loading);
    if (!ok && !why.len) abort(); /* no reason given */
    buf_release(&why);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    int fd = memfd_create("rdb", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (load(fuzz_engine(), path, size)) fuzz_use_all();
    close(fd);
    return 0;
}
