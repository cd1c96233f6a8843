/* SPDX-License-Identifier: BSD-3-Clause */
/* What values are made by: up to where a collection is one packed block (Redis's parameters and
 * meanings), and the seed of their hash tables. One per keyspace; the configuration fills it in. */
#ifndef DREY_TYPE_TYPE_SETTINGS_H
#define DREY_TYPE_TYPE_SETTINGS_H

#include <stdint.h>

#include "base/hash.h"

struct type_settings {
    const struct hash_seed *seed;   /* borrowed: the keyspace's */
    int64_t list_max_listpack_size; /* of a list's block: elements, or -1 .. -5 for 4 to 64 KB */
    int64_t list_compress_depth;
    uint64_t list_own_place_from; /* texts from so many bytes on aren't put into blocks, for tests;
                                     0: those that don't fit */
    int64_t hash_max_listpack_entries;
    uint64_t hash_max_listpack_value;
    int64_t set_max_intset_entries, set_max_listpack_entries;
    uint64_t set_max_listpack_value;
    int64_t zset_max_listpack_entries;
    uint64_t zset_max_listpack_value;
    uint64_t stream_node_max_bytes; /* 0: no limit */
    int64_t stream_node_max_entries;
};

/* The defaults of the configuration, for keyspaces without one. */
#define TYPE_SETTINGS_DEFAULT                                                                      \
    {                                                                                              \
        .list_max_listpack_size = -2, .hash_max_listpack_entries = 512,                            \
        .hash_max_listpack_value = 64, .set_max_intset_entries = 512,                              \
        .set_max_listpack_entries = 128, .set_max_listpack_value = 64,                             \
        .zset_max_listpack_entries = 128, .zset_max_listpack_value = 64,                           \
        .stream_node_max_bytes = 4096, .stream_node_max_entries = 100,                             \
    }

#endif
