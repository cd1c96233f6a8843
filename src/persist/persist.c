/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/persist.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "persist/families.h"
#include "persist/rdb_load.h"
#include "persist/rdb_save.h"

void persist_init(struct persist *p, struct engine *e, struct config *config) {
    *p = (struct persist){.engine = e, .loading = {.engine = e, .config = &p->config}};
    e->persist = p;
    persist_config_register(config, &p->config);
    aof_init(&p->aof, e, config);
    engine_add_families(e, persist_families);
}

bool persist_open(struct persist *p) {
    p->saved_s = (uint64_t)clock_wall_us() / 1000000;
    return aof_open(&p->aof);
}

void persist_release(struct persist *p) {
    aof_release(&p->aof);
}

void persist_end(struct persist *p) {
    aof_settle(&p->aof);
}

bool persist_begin(struct persist *p) {
    bool found;
    if (!aof_enabled(&p->aof)) return persist_load(p, false);
    return aof_load_data(&p->aof, &found) && aof_begin(&p->aof);
}

/* Why writes are refused, as an error reply. */
static const char *disk_error(const struct engine *e) {
    struct persist *p = e->persist;
    snprintf(p->disk_error, sizeof p->disk_error, "MISCONF Errors writing to the AOF file: %s",
             strerror(aof_error(&p->aof)));
    return p->disk_error;
}

void persist_check_disk(struct persist *p) {
    unsigned closed = aof_error(&p->aof) ? GATE_DISK : 0;
    p->engine->disk_error = disk_error;
    p->engine->gates = (p->engine->gates & ~(unsigned)GATE_DISK) | closed;
}

uint64_t persist_changes(const struct persist *p) {
    return p->engine->keyspace.dirty - p->changes_then;
}

static void saved(struct persist *p) {
    p->saved_s = (uint64_t)clock_wall_us() / 1000000;
    p->changes_then = p->engine->keyspace.dirty;
    p->saves++;
}

bool persist_save(struct persist *p) {
    struct log *log = p->engine->log;
    const struct persist_config *config = &p->config;
    struct rdb_save_options options = {
        .version = (unsigned)config->rdb_version,
        .compress = config->compress,
        .checksum = config->checksum,
    };
    struct buf why = BUF_INIT;
    if (p->loading.ended) {
        log_warning(log, "Not saving: the data set isn't complete.");
        return false;
    }
    p->failed = !rdb_save(p->engine, config->filename, &options, &why);
    if (p->failed) {
        log_warning(log, "Saving the snapshot %s failed: %s", config->filename, why.data);
    } else {
        saved(p);
        log_notice(log, "DB saved on disk");
    }
    buf_release(&why);
    return !p->failed;
}

bool persist_load(struct persist *p, bool merge) {
    struct log *log = p->engine->log;
    const struct persist_config *config = &p->config;
    struct rdb_load load = {.merge = merge, .checksum = config->checksum, .loading = &p->loading};
    struct buf why = BUF_INIT;
    struct stat file;
    if (stat(config->filename, &file) < 0 && errno == ENOENT) return true;
    int64_t began = clock_mono_us();
    loading_begin(&p->loading, (uint64_t)file.st_size);
    bool ok = rdb_load(p->engine, config->filename, &load, &why);
    loading_end(&p->loading);
    if (ok) {
        log_notice(log, "Done loading RDB, keys loaded: %llu, keys expired: %llu.",
                   (unsigned long long)p->loading.keys, (unsigned long long)p->loading.expired);
        log_notice(log, "DB loaded from disk: %.3f seconds",
                   (double)(clock_mono_us() - began) / 1e6);
        p->changes_then = p->engine->keyspace.dirty;
    } else if (!p->loading.ended) {
        log_warning(log, "The snapshot %s can't be loaded: %s", config->filename, why.data);
    }
    buf_release(&why);
    return ok;
}
