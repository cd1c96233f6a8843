/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/debug_values.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/cell.h"
#include "db/keyspace_check.h"
#include "pubsub/pubsub.h"
#include "server/server.h"
#include "type/t_string.h"
#include "type/type.h"
#include "type/value_json.h"

/* The entry of the key that argument 2 names, if it's encoded so. */
static struct entry *encoded_or_reply(struct call *c, const char *encoding, const char *error) {
    struct entry *e = db_find(c->db, db_key(c->db, c->argv[2]), DB_PEEK);
    if (!e) {
        reply_error(c->reply, ERR_NO_KEY);
        return NULL;
    }
    if (strcmp(type_of(e)->encoding_name(e), encoding) == 0) return e;
    reply_error(c->reply, error);
    return NULL;
}

static void print_value(const struct call *c, const struct entry *e, bool full) {
    const struct type *type = type_of(e);
    struct buf text = BUF_INIT;
    buf_appendf(&text, "%s of %zu elements, %zu bytes", type->name, type->elements(e),
                type->memory(e, 0));
    if (type->describe) type->describe(e, call_type_settings(c), &text);
    buf_append_char(&text, '\n');
    if (full) {
        value_json(e, &text);
        buf_append_char(&text, '\n');
    }
    fwrite(text.data, 1, text.len, stdout);
    fflush(stdout);
    buf_release(&text);
}

void debug_listpack(struct call *c) {
    const struct entry *e = encoded_or_reply(c, "listpack", "ERR Not a listpack encoded object.");
    if (!e) return;
    print_value(c, e, true);
    reply_status(c->reply, "Listpack structure printed on stdout");
}

void debug_quicklist(struct call *c) {
    int64_t full = 0;
    const struct entry *e = encoded_or_reply(c, "quicklist", "ERR Not a quicklist encoded object.");
    if (!e) return;
    if (c->argc == 4 && !num_to_i64(c->argv[3], &full)) full = 0;
    print_value(c, e, full != 0);
    reply_status(c->reply, "Quicklist structure printed on stdout");
}

/* Key and short strings lie in the entry, without room to spare. */
void debug_sdslen(struct call *c) {
    const struct entry *e = db_find(c->db, db_key(c->db, c->argv[2]), DB_PEEK);
    char digits[NUM_I64_MAX];
    if (!e) {
        reply_error(c->reply, ERR_NO_KEY);
    } else if (e->type != TYPE_STRING || e->encoding == STRING_INT) {
        reply_error(c->reply, "ERR Not an sds encoded string.");
    } else {
        size_t len = string_view(e, digits).len, outside = type_of(e)->memory(e, 0);
        struct buf text = BUF_INIT;
        buf_appendf(&text, "key_sds_len:%zu, key_sds_avail:0, key_zmalloc: %zu, val_sds_len:%zu, ",
                    entry_key(e).len, type_memory(e, 0) - outside, len);
        buf_appendf(&text, "val_sds_avail:%zu, val_zmalloc: %zu", outside > len ? outside - len : 0,
                    outside);
        reply_status(c->reply, text.data);
        buf_release(&text);
    }
}

void debug_structsize(struct call *c) {
    struct buf text = BUF_INIT;
    buf_appendf(&text, "bits:%zu entry:%zu bucket:%zu segment:%zu ", 8 * sizeof(void *),
                sizeof(struct entry), sizeof(struct table_bucket), sizeof(struct table_segment));
    buf_appendf(&text, "session:%zu client:%zu", sizeof(struct session), sizeof(struct client));
    reply_status(c->reply, text.data);
    buf_release(&text);
}

void debug_client_eviction(struct call *c) {
    const struct server *s = server_of(c->engine);
    if (!client_memory_limit(s)) {
        reply_error(c->reply, "ERR maxmemory-clients is disabled.");
        return;
    }
    struct buf text = BUF_INIT;
    client_memory_describe(s, &text);
    reply_verbatim(c->reply, buf_slice(&text), "txt");
    buf_release(&text);
}

void debug_check(struct call *c) {
    const struct server *s = server_of(c->engine);
    struct keyspace_sums sums = keyspace_check(&c->engine->keyspace);
    ASSERT(sums.bytes <= mem_used());
    cell_check();
    table_check(&s->clients_by_id);
    ASSERT(table_count(&s->clients_by_id) == s->client_count);
    tracked_keys_check(&s->tracking.keys);
    pubsub_check(c->engine->pubsub);
    reply_array(c->reply, 2);
    reply_i64(c->reply, (int64_t)sums.keys);
    reply_i64(c->reply, (int64_t)sums.bytes);
}
