/* SPDX-License-Identifier: BSD-3-Clause */
#include "db/slot_index.h"

#include "base/alloc.h"

struct slot_index *slot_index_new(void) {
    return mem_zalloc(sizeof(struct slot_index));
}

void slot_index_free(struct slot_index *ix) {
    if (!ix) return;
    slot_index_clear(ix);
    mem_free(ix);
}

void slot_index_add(struct slot_index *ix, struct slice name, uint64_t hash) {
    word_set_add(&ix->keys[slot_of(name)], hash);
}

void slot_index_remove(struct slot_index *ix, struct slice name, uint64_t hash) {
    word_set_remove(&ix->keys[slot_of(name)], hash);
}

void slot_index_clear(struct slot_index *ix) {
    for (size_t i = 0; i < SLOT_COUNT; i++) word_set_release(&ix->keys[i]);
}

size_t slot_index_memory(const struct slot_index *ix) {
    size_t memory = mem_class_size(sizeof *ix);
    for (size_t i = 0; i < SLOT_COUNT; i++) memory += word_set_memory(&ix->keys[i]);
    return memory;
}
