/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/rdb_types.h"
#include "type/t_string.h"

static enum rdb_code code(const struct entry *e, unsigned version) {
    return RDB_STRING;
}

static bool save(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit) {
    char unused[NUM_I64_MAX];
    if (e->encoding != STRING_INT) return rdb_put_string_part(w, string_view(e, unused), at, limit);
    rdb_put_number(w, entry_int(e));
    return true;
}

static struct entry *load(struct rdb_reader *r, enum rdb_code unused, struct slice key,
                          const struct type_settings *settings) {
    struct slice value;
    if (!rdb_get_string(r, &value)) return NULL;
    return string_new(key, value, ENTRY_NO_DEADLINE);
}

const struct type_rdb string_rdb = {1u << RDB_STRING, code, save, load};
