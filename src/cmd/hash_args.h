/* SPDX-License-Identifier: BSD-3-Clause */
/* Fields of hashes that arguments name: one whose hash is known already isn't hashed again. */
#ifndef DREY_CMD_HASH_ARGS_H
#define DREY_CMD_HASH_ARGS_H

#include "exec/call.h"
#include "type/t_hash.h"

/* Finds the field that is argument i; false if there's none. */
static inline bool hash_get_arg(const struct call *c, const struct entry *e, int i,
                                struct hash_item *item) {
    if (c->element_hashed && i == c->cmd->element_arg)
        return hash_get_hashed(e, c->argv[i], c->element_hash, item);
    return hash_get(e, c->argv[i], item);
}

/* Sets the field that is argument i; true if it's new. */
static inline bool hash_set_arg(const struct call *c, struct entry *e, int i,
                                const struct hash_input *in) {
    if (c->element_hashed && i == c->cmd->element_arg)
        return hash_set_hashed(e, call_type_settings(c), c->argv[i], c->element_hash, in);
    return hash_set(e, call_type_settings(c), c->argv[i], in);
}

#endif
