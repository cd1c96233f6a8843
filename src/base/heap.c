/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/heap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cell.h"

#ifndef DREY_LIBC_MALLOC
#include <jemalloc/jemalloc.h>
#endif

/* The second number of /proc/self/statm: pages. */
size_t heap_rss(void) {
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len <= 0) return 0;
    text[len] = '\0';
    unsigned long size, resident;
    if (sscanf(text, "%lu %lu", &size, &resident) != 2) return 0;
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

size_t heap_machine(void) {
    return (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
}

#ifdef DREY_LIBC_MALLOC

struct heap_stats heap_stats(void) {
    size_t used = mem_used();
    return (struct heap_stats){used, used, used};
}

bool heap_knows_waste(void) {
    return false;
}

const char *heap_allocator(void) {
    return "libc";
}

void heap_purge(void) {}

bool heap_report(struct buf *out) {
    (void)out;
    return false;
}

int heap_param_int(const char *name, const int64_t *value, int64_t *old) {
    (void)name, (void)value, (void)old;
    return -ENOENT;
}

int heap_param_str(const char *name, const char *value, const char **old) {
    (void)name, (void)value, (void)old;
    return -ENOENT;
}

int heap_act(const char *name) {
    (void)name;
    return -ENOENT;
}

#else

bool heap_knows_waste(void) {
    return true;
}

#define TEXT_OF_(number) #number
#define TEXT_OF(number)  TEXT_OF_(number)

const char *heap_allocator(void) {
    return "jemalloc-" TEXT_OF(JEMALLOC_VERSION_MAJOR) "." TEXT_OF(
        JEMALLOC_VERSION_MINOR) "." TEXT_OF(JEMALLOC_VERSION_BUGFIX);
}

static size_t figure(const char *name) {
    size_t value = 0, len = sizeof value;
    return mallctl(name, &value, &len, NULL, 0) == 0 ? value : 0;
}

struct heap_stats heap_stats(void) {
    uint64_t epoch = 1;
    size_t len = sizeof epoch;
    mallctl("epoch", &epoch, &len, &epoch, len); /* its figures are as of the last epoch */
    struct cell_stats cells = cell_stats();
    bool pads = false;
    len = sizeof pads;
    mallctl("opt.cache_oblivious", &pads, &len, NULL, 0);
    return (struct heap_stats){
        .allocated = figure("stats.allocated") - (cells.slab_bytes - cells.cell_bytes),
        .active = figure("stats.active") - (pads ? cells.pad_bytes : 0),
        .resident = figure("stats.resident"),
    };
}

void heap_purge(void) {
    cell_flush();
    mallctl("arena." TEXT_OF(MALLCTL_ARENAS_ALL) ".purge", NULL, NULL, NULL, 0);
}

static void append(void *out, const char *text) {
    buf_append_str(out, text);
}

bool heap_report(struct buf *out) {
    malloc_stats_print(append, out, NULL);
    return true;
}

/* The allocator says EINVAL when the size isn't the parameter's. */
int heap_param_int(const char *name, const int64_t *value, int64_t *old) {
    static const size_t sizes[] = {8, 4, 1};
    int error = EINVAL;
    for (size_t i = 0; i < 3 && error == EINVAL; i++) {
        int64_t was = 0, now = value ? *value : 0; /* the low bytes come first */
        size_t len = sizes[i];
        error = mallctl(name, &was, &len, value ? &now : NULL, value ? sizes[i] : 0);
        if (!error) *old = was;
    }
    return -error;
}

int heap_param_str(const char *name, const char *value, const char **old) {
    size_t len = sizeof *old;
    return -mallctl(name, old, &len, value ? &value : NULL, value ? sizeof value : 0);
}

int heap_act(const char *name) {
    return -mallctl(name, NULL, NULL, NULL, 0);
}

#endif
