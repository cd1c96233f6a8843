/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/type.h"

#include "base/cell.h"
#include "type/t_hash.h"
#include "type/t_list.h"
#include "type/t_set.h"
#include "type/t_stream.h"
#include "type/t_string.h"
#include "type/t_zset.h"

const struct type *const type_table[TYPE_COUNT] = {
    [TYPE_STRING] = &type_string, [TYPE_LIST] = &type_list, [TYPE_HASH] = &type_hash,
    [TYPE_SET] = &type_set,       [TYPE_ZSET] = &type_zset, [TYPE_STREAM] = &type_stream,
};

struct entry *type_new(struct slice key, enum type_id type, const struct type_settings *settings) {
    struct entry *e = entry_new(key, ENTRY_WORD, 0);
    e->type = type;
    type_table[type]->create(e, settings);
    return e;
}

int type_by_name(struct slice name) {
    for (int id = 0; id < TYPE_COUNT; id++)
        if (type_table[id] && slice_is(name, type_table[id]->name)) return id;
    return -1;
}

size_t type_memory(const struct entry *e, size_t samples) {
    size_t outside = e->flags & ENTRY_WORD ? type_of(e)->memory(e, samples) : 0;
    return cell_size(entry_size(e)) + outside;
}
