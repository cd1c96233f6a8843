/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/rdb_types.h"
#include "type/t_string.h"

static enum rdb_code code(const struct entry *e, unsigned version) {
    return RDB_STRING;
}

static void save(const struct entry *e, struct rdb_writer *w) {
    char digits[NUM_I64_MAX];
    if (e->encoding == STRING_INT)
        rdb_put_number(w, entry_int(e));
    else
        rdb_put_string(w, string_view(e, digits));
}

static struct entry *load(struct rdb_reader *r, enum rdb_code unused, struct slice key,
                          const struct type_settings *settings) {
    struct slice value;
    if (!rdb_get_string(r, &value)) return NULL;
    return string_new(key, value, ENTRY_NO_DEADLINE);
}

const struct type_rdb string_rdb = {1u << RDB_STRING, code, save, load};
