/* SPDX-License-Identifier: BSD-3-Clause */
/* The process's memory as the allocator and the kernel see it, beside what alloc.h counts: for
 * INFO, MEMORY and DEBUG. In builds with libc's malloc (sanitizers) only the kernel's part is
 * known. */
#ifndef DREY_BASE_HEAP_H
#define DREY_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct heap_stats {
    size_t allocated; /* bytes in use by the program, slabs' free cells not */
    size_t active;    /* in pages that hold some of them */
    size_t resident;  /* in pages that the allocator keeps mapped, unused ones included */
};

/* Reads the allocator's figures anew: about 50 us. Without an allocator that tells, all are what
 * mem_used says. */
struct heap_stats heap_stats(void);

/* Does the difference of `active` and `allocated` say what is lost to fragmentation? */
bool heap_knows_waste(void);

/* "jemalloc-5.3.0", or "libc". */
const char *heap_allocator(void);

/* Resident set of the process, in bytes. */
size_t heap_rss(void);
/* Memory of the machine, in bytes. */
size_t heap_machine(void);

/* Hands unused pages back to the kernel. Takes milliseconds per GB. */
void heap_purge(void);

/* Appends the allocator's own report; false if it makes none. */
bool heap_report(struct buf *out);

/* A parameter of the allocator, by its name there ("arenas.narenas"): integers of 8, 4 or 1 bytes,
 * or a text (*text is the allocator's). `value` non-NULL sets it; *old is what it was. 0 or a
 * negative errno. */
int heap_param_int(const char *name, const int64_t *value, int64_t *old);
int heap_param_str(const char *name, const char *value, const char **old);

/* Runs an action of the allocator ("thread.tcache.flush"). 0 or a negative errno. */
int heap_act(const char *name);

#endif
