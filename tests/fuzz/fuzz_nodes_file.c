/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as nodes.conf: refused, or what is written of it is read again as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cluster/nodes_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cluster *begin(void) {
    struct cluster *c = mem_zalloc(sizeof *c);
    c->slots = mem_zalloc(sizeof *c->slots);
    node_set_init(&c->nodes);
    return c;
}

static void end(struct cluster *c) {
    node_set_release(&c->nodes);
    mem_free(c->slots);
    mem_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cluster *c = begin();
    size_t line;
    if (nodes_file_parse(c, slice_of(data, size), &line)) {
        struct buf text = BUF_INIT;
        struct cluster *again = begin();
        nodes_file_write(c, &text);
        if (!nodes_file_parse(again, buf_slice(&text), &line)) abort();
        if (strcmp(again->self->name, c->self->name) != 0) abort();
        if (again->self->slot_count != c->self->slot_count) abort();
        end(again);
        buf_release(&text);
    }
    end(c);
    return 0;
}
