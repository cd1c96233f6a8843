/* SPDX-License-Identifier: BSD-3-Clause */
/* One call of a command, as its handler sees it, and what handlers need all the time: keys,
 * arguments, errors. The ..._or_reply functions reply the error and return false; the handler then
 * just returns. */
#ifndef DREY_EXEC_CALL_H
#define DREY_EXEC_CALL_H

#include "base/num.h"
#include "exec/errors.h"
#include "exec/session.h"

struct call {
    struct engine *engine;
    struct session *session;
    struct db *db; /* the selected one */
    struct reply *reply;
    struct command_entry *cmd;
    const struct slice *argv; /* borrowed for the call */
    int argc;
    int hashed_arg; /* the argument whose hash is already known, or 0 */
    uint64_t hash;
    bool element_hashed; /* that of the row's element_arg is, too */
    uint64_t element_hash;
};

/* Is somebody fed what this call does? See propagate.h. */
static inline bool call_propagates(const struct call *c) {
    return (c->engine->gates & GATE_PROPAGATED) &&
           (c->engine->propagate.takers & ~(unsigned)c->session->unpropagated);
}

/* Is this a member of a cluster, which has one database, and not all keys? */
static inline bool call_in_cluster(const struct call *c) {
    return c->engine->gates & GATE_CLUSTER;
}

/* Argument i as a key. */
__attribute__((always_inline)) static inline struct key call_key(const struct call *c, int i) {
    if (i == c->hashed_arg) return (struct key){c->argv[i], c->hash};
    return db_key(c->db, c->argv[i]);
}

/* The entry to read or to change, counted as a hit, miss or use as it should be. */
static inline struct entry *call_find(const struct call *c, struct key k, enum db_access access) {
    if (c->session->no_touch && access <= DB_WRITE) access = access == DB_READ ? DB_LOOK : DB_PEEK;
    return db_find(c->db, k, access);
}

/* For commands with many keys: a group of them at a time, hashed, and the cache lines that their
 * look-ups need asked for, so that the misses overlap. The keys are the arguments first, first +
 * step and so on before `end`; returns how many were put into `keys`, 0 at the end. */
enum { CALL_KEYS_AHEAD = 32 };
int call_keys_ahead(const struct call *c, int first, int end, int step,
                    struct key keys[CALL_KEYS_AHEAD]);

/* Finds a key that must hold `type` if it exists: false (and WRONGTYPE replied) if it holds
 * another. *e is NULL if it doesn't exist. */
bool call_find_typed_or_reply(struct call *c, struct key k, enum db_access access,
                              enum type_id type, struct entry **e);

/* The thresholds that collections are made by. */
static inline const struct type_settings *call_type_settings(const struct call *c) {
    return c->engine->keyspace.types;
}

/* The memory of its own that a long argument was received in, and that holds nothing else; NULL: it
 * has none. Borrowed. */
struct bytes *call_arg_bytes(const struct call *c, int arg);

/* Makes argument `arg` the key's value, as db_set_string; a long one that was received in memory of
 * its own isn't copied. */
void call_set_string(struct call *c, struct key k, int arg, uint64_t deadline, enum db_event event);

/* Makes `e` (in no database; its key is k's) the key's value, as the ...STORE commands do: an empty
 * collection only deletes what the key holds. Takes e over. Counts so many changes, or one for the
 * key deleted. */
void call_store(struct call *c, struct key k, struct entry *e, enum db_event event, size_t changes);

bool arg_is(const struct call *c, int i, const char *word); /* any case */
bool arg_i64_or_reply(struct call *c, int i, int64_t *out);
/* `error` NULL: the usual texts. */
bool arg_i64_in_or_reply(struct call *c, int i, int64_t min, int64_t max, const char *error,
                         int64_t *out);
/* An optional count, 1 if it's not there, which must be the last argument. */
bool arg_count_or_reply(struct call *c, int i, int64_t min, const char *error, int64_t *out);
/* A timeout in milliseconds; 0 means none. */
bool arg_timeout_or_reply(struct call *c, int i, uint64_t *ms);
/* The same in seconds, with decimals. */
bool arg_timeout_s_or_reply(struct call *c, int i, uint64_t *ms);
bool arg_double_or_reply(struct call *c, int i, double *out);
bool arg_ldouble_or_reply(struct call *c, int i, long double *out);

/* The sum as it's stored and replied, in `text`; refused if it's no number that a client could
 * read.
 */
bool call_sum_or_reply(struct call *c, long double value, long double by,
                       char text[NUM_LDOUBLE_MAX], struct slice *sum);

/* Refuses strings longer than proto-max-bulk-len, computed without overflow: offset + len; and such
 * that there's no memory for. */
bool call_string_size_or_reply(struct call *c, uint64_t offset, uint64_t len);
/* Refuses strings of a length that's allowed but that there's no memory for: with a high limit a
 * few bytes of request could end the process. */
bool call_string_memory_or_reply(struct call *c, uint64_t len);

void call_reply_wrong_args(struct call *c); /* wrong number of arguments for '…' command */

/* Will nobody get the reply, because it has outgrown what a client, or a script, may get? */
bool call_reply_unwanted(const struct call *c);

/* For a command that has replied with `count` elements and could go on for as long as it likes:
 * should it stop? Asks now and then. */
static inline bool call_should_stop(const struct call *c, uint64_t count) {
    enum { ASK_EVERY = 1024 };
    return count % ASK_EVERY == 0 && call_reply_unwanted(c);
}

/* The reply of a HELP subcommand: title lines, then those given (NULL-terminated), then HELP's own.
 */
void call_reply_help(struct call *c, const char *const *lines);

#endif
