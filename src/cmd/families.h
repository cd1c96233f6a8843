/* SPDX-License-Identifier: BSD-3-Clause */
/* The families of commands of this layer; each file exports its rows. */
#ifndef DREY_CMD_FAMILIES_H
#define DREY_CMD_FAMILIES_H

#include "exec/command.h"

extern const struct command command_commands[];
extern const struct command bitmap_commands[];
extern const struct command hyperloglog_commands[];
extern const struct command string_commands[];
extern const struct command string_multi_commands[];
extern const struct command string_number_commands[];
extern const struct command string_range_commands[];
extern const struct command string_lcs_commands[];
extern const struct command set_commands[];
extern const struct command set_random_commands[];
extern const struct command set_algebra_commands[];
extern const struct command hash_commands[];
extern const struct command hash_number_commands[];
extern const struct command hash_walk_commands[];
extern const struct command hash_expiry_commands[];
extern const struct command hash_ex_commands[];
extern const struct command list_commands[];
extern const struct command list_move_commands[];
extern const struct command zset_commands[];
extern const struct command zset_range_commands[];
extern const struct command zset_algebra_commands[];
extern const struct command zset_pop_commands[];
extern const struct command stream_commands[];
extern const struct command stream_read_commands[];
extern const struct command stream_group_commands[];
extern const struct command stream_pending_commands[];
extern const struct command stream_info_commands[];
extern const struct command geo_commands[];
extern const struct command geo_search_commands[];
extern const struct command sort_commands[];
extern const struct command transaction_commands[];
extern const struct command keys_commands[];
extern const struct command scan_commands[];
extern const struct command delpattern_commands[];
extern const struct command expire_commands[];
extern const struct command database_commands[];
extern const struct command hotkeys_commands[];
extern const struct command acl_commands[];

/* All of them; ends with NULL. */
extern const struct command *const command_families[];

#endif
