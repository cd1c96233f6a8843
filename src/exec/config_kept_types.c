/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/config_kept_types.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/num.h"

static bool refuse(const struct config_input *in, const char *reason) {
    buf_append_str(in->why, reason);
    return false;
}

/* --- replicaof --- */

static bool replicaof_parse(const struct config_input *in, void *value) {
    int64_t port;
    if (in->n != 2) return refuse(in, "wrong number of arguments");
    bool none = slice_is(in->words[0], "no") && slice_is(in->words[1], "one");
    if (!none && (!num_to_i64(in->words[1], &port) || port < 0 || port > 65535))
        return refuse(in, "Invalid master port");
    config_list_copy(value, in->words, none ? 0 : 2);
    return true;
}

static void replicaof_rewrite(const struct config_param *param, const void *value,
                              struct buf *lines) {
    const struct config_list *list = value;
    if (!list->n) return;
    buf_append_str(lines, param->name);
    for (size_t i = 0; i < list->n; i++) config_append_word(lines, slice_str(list->items[i]));
    buf_append_char(lines, '\n');
}

const struct config_type config_type_replicaof = {.size = sizeof(struct config_list),
                                                  .parse = replicaof_parse,
                                                  .format = config_list_format,
                                                  .release = config_list_release,
                                                  .rewrite = replicaof_rewrite};
