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

/* --- save --- */

static bool save_words_valid(const struct config_input *in) {
    for (size_t i = 0; i + 1 < in->n; i += 2) {
        int64_t seconds, changes;
        if (!num_to_i64(in->words[i], &seconds) || seconds < 1) return false;
        if (!num_to_i64(in->words[i + 1], &changes) || changes < 0) return false;
    }
    return in->n % 2 == 0;
}

/* An empty word takes all points away. */
static bool save_parse(const struct config_input *in, void *value) {
    const struct config_list *old = in->current;
    bool empty = in->n == 0 || (in->n == 1 && in->words[0].len == 0);
    if (!empty && !save_words_valid(in)) return refuse(in, "Invalid save parameters");
    size_t kept = in->from_file && !in->first && !empty ? old->n : 0;
    size_t n = empty ? 0 : in->n;
    struct slice *words = mem_alloc((kept + n + 1) * sizeof(*words));
    for (size_t i = 0; i < kept; i++) words[i] = slice_str(old->items[i]);
    for (size_t i = 0; i < n; i++) words[kept + i] = in->words[i];
    config_list_copy(value, words, kept + n);
    mem_free(words);
    return true;
}

static void save_rewrite(const struct config_param *param, const void *value, struct buf *lines) {
    const struct config_list *list = value;
    if (!list->n) buf_appendf(lines, "%s \"\"\n", param->name);
    for (size_t i = 0; i + 1 < list->n; i += 2)
        buf_appendf(lines, "%s %s %s\n", param->name, list->items[i], list->items[i + 1]);
}

const struct config_type config_type_save = {.size = sizeof(struct config_list),
                                             .adds_up = true,
                                             .parse = save_parse,
                                             .format = config_list_format,
                                             .release = config_list_release,
                                             .rewrite = save_rewrite};

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
