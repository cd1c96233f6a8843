/* SPDX-License-Identifier: BSD-3-Clause */
/* HGETDEL, HGETEX and HSETEX, as Redis 8.0 has them: values of fields, and what becomes of the
 * fields, in one step. */
#include "cmd/families.h"
#include "cmd/hash_fields.h"
#include "cmd/hash_reply.h"

static void reply_nulls(struct call *c, const struct hash_fields *fields) {
    reply_array(c->reply, (size_t)fields->count);
    for (int i = 0; i < fields->count; i++) reply_null(c->reply);
}

/* HGETDEL. */

static void cmd_hgetdel(struct call *c) {
    static const struct hash_fields_errors errors = {
        "ERR Mandatory argument FIELDS is missing or not at the right position",
        "ERR Number of fields must be a positive integer",
        "ERR The `numfields` parameter must match the number of arguments",
    };
    struct hash_fields fields = {.step = 1};
    struct key k = call_key(c, 1);
    struct entry *e;
    struct hash_changed changed = {0};
    size_t deleted = 0;
    if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_HASH, &e)) return;
    if (!hash_fields_or_reply(c, 2, &errors, &fields)) return;
    if (!e) {
        reply_nulls(c, &fields);
        return;
    }
    e = db_edit(c->db, k, e, TYPE_HASH);
    reply_array(c->reply, (size_t)fields.count);
    for (int i = 0; i < fields.count; i++) {
        struct slice field = c->argv[fields.first + i];
        hash_reply_value(c->reply, e, field);
        if (!hash_delete(e, field)) continue;
        hash_changed_add(&changed, c, field);
        deleted++;
    }
    db_edited(c->db, k, e, EVENT_HDEL, deleted);
    hash_propagate_deletion(c, &changed);
}

/* Options of HGETEX and HSETEX. */

enum existence { IF_EITHER, IF_NONE_EXISTS, IF_ALL_EXIST };

struct request {
    enum existence existence;
    struct expiry_option expiry;
    struct hash_fields fields;
    uint64_t deadline; /* HASH_NO_DEADLINE, HASH_KEEP_DEADLINE, or a time */
    bool past;         /* a time that has passed: the fields go */
};

/* Reads the expiry option that argument i is; returns how many arguments it takes, 0: none is
 * there, -1: there was one before. */
static int read_expiry(const struct call *c, int i, enum expiry_form also, struct request *r) {
    struct expiry_option option = {0};
    int taken = expiry_option_read(c, i, also, &option);
    if (taken && r->expiry.form != EXPIRY_NONE) return -1;
    if (taken) r->expiry = option;
    return taken;
}

static bool read_existence(const struct call *c, int i, enum existence *existence) {
    bool none = arg_is(c, i, "FNX"), all = arg_is(c, i, "FXX");
    if (none || all) *existence = none ? IF_NONE_EXISTS : IF_ALL_EXIST;
    return none || all;
}

/* Reads argument i, and what belongs to it; returns how many arguments these are, or 0 after an
 * error. `also` says which command it is: HSETEX has KEEPTTL. */
static int option_or_reply(struct call *c, int i, enum expiry_form also, struct request *r) {
    bool sets = also == EXPIRY_KEEPTTL;
    enum existence existence;
    int taken = read_expiry(c, i, also, r);
    if (taken > 0) return taken;
    if (taken < 0) {
        reply_errorf(c->reply,
                     "ERR Only one of EX, PX, EXAT, PXAT or %s arguments can be specified",
                     sets ? "KEEPTTL" : "PERSIST");
    } else if (sets && read_existence(c, i, &existence)) {
        if (r->existence == IF_EITHER) {
            r->existence = existence;
            return 1;
        }
        reply_error(c->reply, "ERR Only one of FXX or FNX arguments can be specified");
    } else {
        struct slice arg = c->argv[i];
        reply_errorf(c->reply, "ERR unknown argument: %.*s", (int)arg.len, arg.ptr);
    }
    return 0;
}

static bool has_time(const struct request *r) {
    return r->expiry.form >= EXPIRY_EX && r->expiry.form <= EXPIRY_PXAT;
}

static bool deadline_or_reply(struct call *c, struct request *r) {
    const struct keyspace *ks = &c->engine->keyspace;
    int64_t at_ms;
    if (r->expiry.form == EXPIRY_KEEPTTL) r->deadline = HASH_KEEP_DEADLINE;
    if (!has_time(r)) return true;
    if (!hash_time_or_reply(c, r->expiry.arg, r->expiry.form, &at_ms)) return false;
    r->deadline = (uint64_t)at_ms;
    r->past = at_ms <= (int64_t)ks->now_ms && !ks->no_expiry;
    return true;
}

static bool request_or_reply(struct call *c, enum expiry_form also, struct request *r) {
    static const struct hash_fields_errors errors = {
        "ERR missing FIELDS argument",
        "ERR invalid number of fields",
        "ERR wrong number of arguments",
    };
    *r = (struct request){.deadline = HASH_NO_DEADLINE};
    r->fields.step = also == EXPIRY_KEEPTTL ? 2 : 1;
    int i = 2;
    while (i < c->argc && !arg_is(c, i, "FIELDS")) {
        int taken = option_or_reply(c, i, also, r);
        if (!taken) return false;
        i += taken;
    }
    return hash_fields_or_reply(c, i, &errors, &r->fields) && deadline_or_reply(c, r);
}

/* HGETEX. */

/* True if the field is changed. */
static bool getex_field(struct call *c, struct entry *e, struct slice field,
                        const struct request *r) {
    struct hash_item item;
    if (!hash_get(e, field, &item)) return false;
    if (r->past) return hash_delete(e, field);
    if (item.deadline == r->deadline) return false;
    hash_set_deadline(e, field, r->deadline);
    return true;
}

static enum db_event getex_event(const struct request *r) {
    if (r->past) return EVENT_HDEL;
    return r->expiry.form == EXPIRY_PERSIST ? EVENT_HPERSIST : EVENT_HEXPIRE;
}

static void cmd_hgetex(struct call *c) {
    struct key k = call_key(c, 1);
    struct request r;
    struct entry *e;
    struct hash_changed changed = {0};
    size_t changes = 0;
    if (!call_find_typed_or_reply(c, k, DB_READ, TYPE_HASH, &e)) return;
    if (!request_or_reply(c, EXPIRY_PERSIST, &r)) return;
    if (!e) {
        reply_nulls(c, &r.fields);
        return;
    }
    e = db_edit(c->db, k, e, TYPE_HASH);
    reply_array(c->reply, (size_t)r.fields.count);
    for (int i = 0; i < r.fields.count; i++) {
        struct slice field = c->argv[r.fields.first + i];
        hash_reply_value(c->reply, e, field);
        if (r.expiry.form == EXPIRY_NONE || !getex_field(c, e, field, &r)) continue;
        hash_changed_add(&changed, c, field);
        changes++;
    }
    db_edited(c->db, k, e, getex_event(&r), changes);
    if (r.past)
        hash_propagate_deletion(c, &changed);
    else
        hash_propagate_deadline(c, &changed, r.deadline);
}

/* HSETEX. */

static bool existence_holds(const struct call *c, const struct entry *e, const struct request *r) {
    if (r->existence == IF_EITHER) return true;
    for (int i = 0; i < r->fields.count; i++) {
        struct hash_item item;
        bool exists = e && hash_get(e, c->argv[r->fields.first + 2 * i], &item);
        if (exists != (r->existence == IF_ALL_EXIST)) return false;
    }
    return true;
}

/* Fields that would have expired at once go instead of being set. */
static void delete_fields(struct call *c, struct key k, struct entry *e, const struct request *r) {
    struct hash_changed changed = {0};
    size_t deleted = 0;
    if (!e) return;
    e = db_edit(c->db, k, e, TYPE_HASH);
    for (int i = 0; i < r->fields.count; i++) {
        struct slice field = c->argv[r->fields.first + 2 * i];
        if (!hash_delete(e, field)) continue;
        hash_changed_add(&changed, c, field);
        deleted++;
    }
    db_edited(c->db, k, e, EVENT_HDEL, deleted);
    hash_propagate_deletion(c, &changed);
}

/* With a time it's HSETEX of all fields with that time, else as it was. */
static void propagate_timed(const struct call *c, const struct request *r) {
    int first = r->fields.first - 2; /* FIELDS and the number */
    if (!has_time(r) || !call_propagates(c)) return;
    propagate_open(c, 4 + (size_t)(c->argc - first));
    propagate_words(c, 0, 2);
    propagate_word(c, SLICE("PXAT"));
    propagate_u64(c, r->deadline);
    propagate_words(c, first, c->argc);
}

static void set_fields(struct call *c, struct key k, struct entry *e, const struct request *r) {
    size_t count = (size_t)r->fields.count;
    e = db_edit(c->db, k, e, TYPE_HASH);
    for (size_t i = 0; i < count; i++) {
        int at = r->fields.first + 2 * (int)i;
        struct hash_input in = {c->argv[at + 1], call_arg_bytes(c, at + 1), r->deadline};
        hash_set(e, call_type_settings(c), c->argv[at], &in);
    }
    db_edited(c->db, k, e, EVENT_HSET, count);
    if (has_time(r)) db_also(c->db, k, EVENT_HEXPIRE);
    propagate_timed(c, r);
}

static void cmd_hsetex(struct call *c) {
    struct key k = call_key(c, 1);
    struct request r;
    struct entry *e;
    if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_HASH, &e)) return;
    if (!request_or_reply(c, EXPIRY_KEEPTTL, &r)) return;
    bool holds = existence_holds(c, e, &r);
    if (holds && r.past)
        delete_fields(c, k, e, &r);
    else if (holds)
        set_fields(c, k, e, &r);
    reply_i64(c->reply, holds);
}

#define TIME_SYNTAX                                                                                \
    "EX seconds:integer | PX milliseconds:integer | EXAT unix-time-seconds:unix-time | "           \
    "PXAT unix-time-milliseconds:unix-time"
#define FIELDS_SYNTAX "fields:(FIELDS numfields:integer field ...)"

const struct command hash_ex_commands[] = {
    {
        .name = "hgetdel",
        .run = cmd_hgetdel,
        .arity = -5,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "hash",
        .summary = "Tells the values of fields and deletes them.",
        .since = "8.0.0",
        .complexity = "O(1) for each field.",
        .syntax = "key " FIELDS_SYNTAX,
    },
    {
        .name = "hgetex",
        .run = cmd_hgetex,
        .arity = -5,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .group = "hash",
        .summary = "Tells the values of fields and sets or removes their deadlines.",
        .since = "8.0.0",
        .complexity = "O(1) for each field.",
        .syntax = "key [expiration:(" TIME_SYNTAX " | PERSIST)] " FIELDS_SYNTAX,
    },
    {
        .name = "hsetex",
        .run = cmd_hsetex,
        .arity = -6,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "hash",
        .summary = "Sets fields together with their deadline, if they exist or don't.",
        .since = "8.0.0",
        .complexity = "O(1) for each field.",
        .syntax = "key [condition:(FNX | FXX)] [expiration:(" TIME_SYNTAX
                  " | KEEPTTL)] fields:(FIELDS numfields:integer data:(field value) ...)",
    },
    {.name = NULL},
};
