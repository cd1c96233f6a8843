/* SPDX-License-Identifier: BSD-3-Clause */
/* DUMP, RESTORE. */
#include "exec/call.h"
#include "persist/families.h"
#include "persist/persist.h"
#include "type/rdb_seal.h"
#include "type/type.h"

static void cmd_dump(struct call *c) {
    const struct persist_config *config = &c->engine->persist->config;
    const struct entry *e = call_find(c, call_key(c, 1), DB_READ);
    if (!e) {
        reply_null(c->reply);
        return;
    }
    struct rdb_writer w = {.version = (unsigned)config->rdb_version, .compress = config->compress};
    rdb_save_value(e, &w);
    rdb_seal(&w);
    reply_bulk(c->reply, buf_slice(&w.buf));
    buf_release(&w.buf);
}

struct restore {
    bool replace, absolute;
    int64_t idle_s, frequency; /* -1: not given */
    uint64_t deadline;
};

static bool access_or_reply(struct call *c, int i, int64_t max, const char *error, int64_t *out) {
    if (!arg_i64_or_reply(c, i, out)) return false;
    if (*out >= 0 && *out <= max) return true;
    reply_error(c->reply, error);
    return false;
}

static bool options_or_reply(struct call *c, struct restore *r) {
    *r = (struct restore){.idle_s = -1, .frequency = -1};
    for (int i = 4; i < c->argc; i++) {
        bool more = i + 1 < c->argc;
        if (arg_is(c, i, "REPLACE")) {
            r->replace = true;
        } else if (arg_is(c, i, "ABSTTL")) {
            r->absolute = true;
        } else if (arg_is(c, i, "IDLETIME") && more && r->frequency < 0) {
            if (!access_or_reply(c, ++i, INT64_MAX, "ERR Invalid IDLETIME value, must be >= 0",
                                 &r->idle_s))
                return false;
        } else if (arg_is(c, i, "FREQ") && more && r->idle_s < 0) {
            if (!access_or_reply(c, ++i, 255, "ERR Invalid FREQ value, must be >= 0 and <= 255",
                                 &r->frequency))
                return false;
        } else {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
    }
    return true;
}

static bool deadline_or_reply(struct call *c, struct restore *r) {
    int64_t ttl;
    if (!arg_i64_or_reply(c, 2, &ttl)) return false;
    if (ttl < 0) {
        reply_error(c->reply, "ERR Invalid TTL value, must be >= 0");
        return false;
    }
    r->deadline = (uint64_t)ttl;
    if (!r->absolute) r->deadline += c->engine->keyspace.now_ms;
    if (ttl == 0 || r->deadline > INT64_MAX) r->deadline = ENTRY_NO_DEADLINE;
    return true;
}

static struct entry *value_or_reply(struct call *c) {
    struct slice bytes;
    struct rdb_reader r;
    unsigned code;
    if (!rdb_unseal(c->argv[3], &bytes, c->engine->persist->any_checksum)) {
        reply_error(c->reply, "ERR DUMP payload version or checksum are wrong");
        return NULL;
    }
    rdb_reader_init(&r, bytes);
    struct entry *e = NULL;
    if (rdb_get_byte(&r, &code)) e = rdb_load_value(&r, code, c->argv[1], call_type_settings(c));
    if (e && r.pos != r.end) {
        rdb_fail(&r, "there's more behind the value");
        entry_free(e);
        e = NULL;
    }
    if (!e) {
        log_warning(c->engine->log, "RESTORE is refused: %s", r.error);
        reply_error(c->reply, "ERR Bad data format");
    }
    rdb_reader_release(&r);
    return e;
}

/* With a time of its own instead of one from now. */
static void propagate_restore(const struct call *c, const struct restore *r) {
    if (r->absolute || r->deadline == ENTRY_NO_DEADLINE || !call_propagates(c)) return;
    propagate_open(c, (size_t)c->argc + 1);
    propagate_words(c, 0, 2);
    propagate_u64(c, r->deadline);
    propagate_words(c, 3, c->argc);
    propagate_word(c, SLICE("ABSTTL"));
}

/* The order of checks is Redis's: the key, the time, the payload. */
static void cmd_restore(struct call *c) {
    struct restore r;
    struct key k = call_key(c, 1);
    const struct keyspace *ks = &c->engine->keyspace;
    if (!options_or_reply(c, &r)) return;
    if (!r.replace && db_has(c->db, k)) {
        reply_error(c->reply, "BUSYKEY Target key name already exists.");
        return;
    }
    if (!deadline_or_reply(c, &r)) return;
    struct entry *e = value_or_reply(c);
    if (!e) return;
    if (r.deadline <= ks->now_ms && !ks->no_expiry) { /* gone before it's there */
        entry_free(e);
        if (db_delete(c->db, k, true, EVENT_DEL))
            propagate_deletion(c, k.name, c->engine->settings.db.lazy_server_del);
        reply_ok(c->reply);
        return;
    }
    if (r.deadline != ENTRY_NO_DEADLINE) e = entry_with_deadline(e, r.deadline);
    e->access = access_restored(&ks->access, r.idle_s, r.frequency, ks->now_ms) & 0xffffff;
    db_put(c->db, k, e, EVENT_RESTORE, 1);
    propagate_restore(c, &r);
    reply_ok(c->reply);
}

#define RESTORE_SYNTAX                                                                             \
    "key ttl:integer serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds:integer] "              \
    "[FREQ frequency:integer]"

const struct command dump_commands[] = {
    {
        .name = "dump",
        .run = cmd_dump,
        .arity = 2,
        .flags = CMD_READONLY,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "generic",
        .summary = "Returns a value in a form that RESTORE takes.",
        .since = "2.6.0",
        .complexity = "O(bytes of the value)",
        .syntax = "key",
        .tips = "nondeterministic_output",
    },
    {
        .name = "restore",
        .run = cmd_restore,
        .arity = -4,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_KEYSPACE | ACL_DANGEROUS,
        .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE)},
        .group = "generic",
        .summary = "Makes a key of what DUMP returned.",
        .since = "2.6.0",
        .complexity = "O(bytes of the value); O(N log N) for N members of a sorted set.",
        .syntax = RESTORE_SYNTAX,
        .history = "3.0.0 Takes REPLACE.\n5.0.0 Takes ABSTTL.\n5.0.0 Takes IDLETIME and FREQ.",
    },
    {
        .name = "restore-asking",
        .run = cmd_restore,
        .arity = -4,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_ASKING | CMD_INTERNAL,
        .categories = ACL_KEYSPACE | ACL_DANGEROUS,
        .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE)},
        .group = "server",
        .summary = "RESTORE for a slot that is being moved here.",
        .since = "3.0.0",
        .complexity = "O(bytes of the value); O(N log N) for N members of a sorted set.",
        .syntax = RESTORE_SYNTAX,
        .history = "3.0.0 Takes REPLACE.\n5.0.0 Takes ABSTTL.\n5.0.0 Takes IDLETIME and FREQ.",
    },
    {.name = NULL},
};
