/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd/families.h"

#include <stddef.h>

/* One a line. */
/* clang-format off */
const struct command *const command_families[] = {
    command_commands,
    bitmap_commands,
    hyperloglog_commands,
    string_commands,
    string_multi_commands,
    string_number_commands,
    string_range_commands,
    string_lcs_commands,
    set_commands,
    set_random_commands,
    set_algebra_commands,
    hash_commands,
    hash_number_commands,
    hash_walk_commands,
    hash_expiry_commands,
    hash_ex_commands,
    list_commands,
    list_move_commands,
    zset_commands,
    zset_range_commands,
    zset_algebra_commands,
    zset_pop_commands,
    stream_commands,
    stream_read_commands,
    stream_group_commands,
    stream_pending_commands,
    stream_info_commands,
    geo_commands,
    geo_search_commands,
    sort_commands,
    transaction_commands,
    keys_commands,
    scan_commands,
    delpattern_commands,
    expire_commands,
    database_commands,
    hotkeys_commands,
    acl_commands,
    NULL,
};
/* clang-format on */
