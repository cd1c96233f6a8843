/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/library_dump.h"

#include "script/library_load.h"
#include "type/rdb_seal.h"

enum { CODE = 0xf5 };

struct buf library_dump(const struct library_store *store) {
    struct rdb_writer w = {.buf = BUF_INIT, .version = RDB_VERSION_OLD, .compress = true};
    for (const struct library *at = store->first; at; at = at->next) {
        rdb_put_byte(&w, CODE);
        rdb_put_string(&w, buf_slice(&at->text));
    }
    rdb_seal(&w);
    return w.buf;
}

bool library_dump_is_valid(struct slice payload) {
    struct slice bytes;
    return rdb_unseal(payload, &bytes, false);
}

/* `known`: it has been loaded before. */
static bool restore_one(struct script_engine *s, struct slice text, bool known,
                        struct library_store *store, struct buf *error) {
    struct library_source source;
    if (!library_source_read(text, &source, error)) return false;
    if (known) source.limit_ms = 0;
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
    struct slice bytes = SLICE("");
    bool good = rdb_unseal(payload, &bytes, false);
    rdb_reader_init(&r, bytes);
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
            good = restore_one(s, text, false, store, error);
        }
    }
    rdb_reader_release(&r);
    return good;
}

void library_visit_saved(struct engine *e, void (*visit)(void *ctx, struct slice text), void *ctx) {
    for (const struct library *at = e->scripts->libraries.first; at; at = at->next)
        visit(ctx, buf_slice(&at->text));
}

bool library_load_saved(struct engine *e, struct slice text, bool replace, struct buf *error) {
    struct library_store incoming;
    library_store_init(&incoming, &e->keyspace.seed);
    bool good = restore_one(e->scripts, text, true, &incoming, error) &&
                library_join(e->scripts, &incoming, replace, error);
    library_forget_all(e->scripts, &incoming);
    library_store_release(&incoming);
    return good;
}

void library_clear_saved(struct engine *e) {
    library_forget_all(e->scripts, &e->scripts->libraries);
}
