/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/library_dump.h"

#include <endian.h>

#include "base/crc64.h"
#include "script/library_load.h"
#include "type/rdb.h"

enum {
    CODE = 0xf5,
    VERSION_BYTES = 2,
    FOOTER = VERSION_BYTES + 8,
};

struct buf library_dump(const struct library_store *store) {
    struct rdb_writer w = {.buf = BUF_INIT, .version = RDB_VERSION_OLD, .compress = true};
    for (const struct library *at = store->first; at; at = at->next) {
        rdb_put_byte(&w, CODE);
        rdb_put_string(&w, buf_slice(&at->text));
    }
    rdb_put_byte(&w, w.version & 0xff);
    rdb_put_byte(&w, w.version >> 8);
    rdb_put_u64(&w, crc64(0, w.buf.data, w.buf.len));
    return w.buf;
}

bool library_dump_is_valid(struct slice payload) {
    if (payload.len < FOOTER) return false;
    const char *footer = payload.ptr + payload.len - FOOTER;
    uint16_t version;
    uint64_t sum;
    memcpy(&version, footer, sizeof version);
    memcpy(&sum, footer + VERSION_BYTES, sizeof sum);
    return le16toh(version) <= RDB_VERSION_MAX &&
           le64toh(sum) == crc64(0, payload.ptr, payload.len - sizeof sum);
}

static bool restore_one(struct script_engine *s, struct slice text, struct library_store *store,
                        struct buf *error) {
    struct library_source source;
    if (!library_source_read(text, &source, error)) return false;
    struct library *library = NULL;
    if (library_find(store, buf_slice(&source.name)))
        buf_appendf(error, "Library '%s' already exists", source.name.data);
    else
        library = library_load(s, text, &source, error);
    library_source_release(&source);
    const struct function *clash = library ? library_clash(store, library, NULL) : NULL;
    if (clash) {
        buf_appendf(error, "Function %s already exists", clash->name.data);
        library_forget(s, library);
    } else if (library) {
        library_put(store, library);
    }
    return error->len == 0;
}

bool library_restore(struct script_engine *s, struct slice payload, struct library_store *store,
                     struct buf *error) {
    struct rdb_reader r;
    rdb_reader_init(&r, slice_of(payload.ptr, payload.len - FOOTER));
    bool good = true;
    while (good && r.pos < r.end) {
        unsigned code;
        struct slice text;
        if (!rdb_get_byte(&r, &code) || code != CODE) {
            buf_append_str(error, "given type is not a function");
            good = false;
        } else if (!rdb_get_string(&r, &text)) {
            buf_append_str(error, "Failed loading library code");
            good = false;
        } else {
            good = restore_one(s, text, store, error);
        }
    }
    rdb_reader_release(&r);
    return good;
}
