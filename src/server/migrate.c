/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/migrate.h"

#include <limits.h>

#include "base/alloc.h"
#include "exec/admission.h"
#include "exec/blocking.h"
#include "exec/blocking_keys.h"
#include "exec/propagate.h"
#include "io/background.h"
#include "server/families.h"
#include "server/migrate_link.h"
#include "server/server.h"
#include "type/rdb_seal.h"

enum { LINKS_MAX = 64, LINK_IDLE_US = 10 * 1000 * 1000, TIMEOUT_DEFAULT_MS = 1000 };

/* A key that's sent. */
struct sent_key {
    uint64_t hash;
    size_t at, len; /* of its name in migration.names */
};

struct migration {
    struct background_job job; /* first */
    struct server *server;
    struct session *session; /* NULL: gone */
    struct migration *next;  /* in migrate.under_way */
    size_t queue;            /* of migrate.queues */
    bool copy, replace;
    uint64_t table_id;
    struct buf target; /* what its connection is kept by: host, port, AUTH */
    struct buf host, auth;
    struct buf names;
    struct sent_key *keys;
    struct migrate_talk talk;
    struct migrate_link link;
};

/* Connections that are kept. */

struct kept_link {
    struct kept_link *next;
    struct buf target;
    struct migrate_link link;
    uint64_t used_us;
};

static void drop_link(struct server *s, struct kept_link **at) {
    struct kept_link *kept = *at;
    *at = kept->next;
    migrate_link_close(&kept->link);
    buf_release(&kept->target);
    mem_free(kept);
    s->migrate.link_count--;
}

static struct kept_link **oldest_link(struct server *s) {
    struct kept_link **at = &s->migrate.links;
    while (*at && (*at)->next) at = &(*at)->next;
    return at;
}

static void on_idle(struct loop_timer *timer) {
    struct server *s = (struct server *)((char *)timer - offsetof(struct server, migrate) -
                                         offsetof(struct migrate, idle));
    struct kept_link **at;
    while (*(at = oldest_link(s)) && (*at)->used_us + LINK_IDLE_US <= loop_now_us(s->loop))
        drop_link(s, at);
    if (*at) loop_timer_start(s->loop, timer, (*at)->used_us + LINK_IDLE_US);
}

static struct migrate_link take_link(struct server *s, struct slice target) {
    struct migrate_link link = {.fd = -1, .db = -1};
    for (struct kept_link **at = &s->migrate.links; *at; at = &(*at)->next) {
        if (!slice_eq(buf_slice(&(*at)->target), target)) continue;
        link = (*at)->link;
        (*at)->link.fd = -1;
        drop_link(s, at);
        break;
    }
    return link;
}

static void keep_link(struct server *s, struct migration *m) {
    if (m->link.fd < 0) return;
    if (s->migrate.link_count == LINKS_MAX) drop_link(s, oldest_link(s));
    struct kept_link *kept = mem_alloc(sizeof *kept);
    *kept = (struct kept_link){
        .next = s->migrate.links,
        .target = m->target,
        .link = m->link,
        .used_us = loop_now_us(s->loop),
    };
    m->target = (struct buf)BUF_INIT;
    m->link.fd = -1;
    s->migrate.links = kept;
    s->migrate.link_count++;
    if (!loop_timer_running(&s->migrate.idle))
        loop_timer_start(s->loop, &s->migrate.idle, kept->used_us + LINK_IDLE_US);
}

/* Who has to wait. */

static bool names_key(const struct migration *m, struct slice name, uint64_t hash) {
    for (size_t i = 0; i < m->talk.count; i++) {
        const struct sent_key *key = &m->keys[i];
        if (key->hash == hash && slice_eq(slice_of(m->names.data + key->at, key->len), name))
            return true;
    }
    return false;
}

static bool is_under_way(const struct server *s, struct slice name) {
    uint64_t hash = hash_bytes(&s->engine.keyspace.seed, name);
    for (const struct migration *m = s->migrate.under_way; m; m = m->next)
        if (names_key(m, name, hash)) return true;
    return false;
}

/* In whatever database. */
static bool names_some(const struct server *s, const struct request *r, bool if_none) {
    struct key_use *uses = mem_alloc((size_t)r->argc * sizeof *uses);
    int n = command_keys(r->cmd, r->argv, r->argc, uses);
    bool some = n <= 0 && if_none;
    for (int i = 0; i < n && !some; i++) some = is_under_way(s, r->argv[uses[i].arg]);
    mem_free(uses);
    return some;
}

bool migrate_holds(const struct session *s, const struct request *r) {
    const struct server *server = server_of(s->engine);
    unsigned flags = admission_flags(s, r);
    if (!server->migrate.under_way || !(flags & (CMD_WRITE | CMD_MAY_REPLICATE))) return false;
    bool script = (flags & CMD_MAY_REPLICATE) && (flags & CMD_NO_MANDATORY_KEYS);
    if (script || (r->cmd->flags & CMD_RUNS_QUEUED)) return true;
    return names_some(server, r, flags & CMD_WRITE);
}

/* Whose wait for a key ends now may have to wait on: BLMOVE, for its destination. */
static bool holds_waiter(const struct session *session, const struct request *r) {
    bool holds = migrate_holds(session, r);
    if (holds) server_of(session->engine)->migrate.held = true;
    return holds;
}

static void serve_held(struct server *s) {
    struct keyspace *ks = &s->engine.keyspace;
    s->engine.blocking.holds = s->migrate.under_way ? holds_waiter : NULL;
    if (!s->migrate.held) return;
    s->migrate.held = false;
    for (uint32_t i = 0; i < ks->count; i++) blocking_flushed(&s->engine, &ks->dbs[i]);
}

static void set_under_way(struct migration *m) {
    struct server *s = m->server;
    if (m->copy) return;
    s->engine.blocking.holds = holds_waiter;
    m->next = s->migrate.under_way;
    s->migrate.under_way = m;
    client_pause_moving(s, true);
}

static void end_under_way(struct migration *m) {
    struct server *s = m->server;
    if (m->copy) return;
    struct migration **at = &s->migrate.under_way;
    while (*at != m) at = &(*at)->next;
    *at = m->next;
    client_pause_moving(s, s->migrate.under_way != NULL);
    serve_held(s);
}

/* What goes to one target goes in order; several don't wait for each other, unless they're more
 * than there are queues. */
static enum background_queue queue_for(struct migration *m) {
    struct migrate_queue *queues = m->server->migrate.queues;
    uint64_t target = hash_bytes(&m->server->engine.keyspace.seed, buf_slice(&m->target));
    size_t best = 0;
    for (size_t i = 0; i < BACKGROUND_NETS; i++) {
        if (queues[i].pending < queues[best].pending) best = i;
        if (!queues[i].pending || queues[i].target != target) continue;
        best = i;
        break;
    }
    queues[best].target = target;
    queues[best].pending++;
    m->queue = best;
    return (enum background_queue)(BACKGROUND_NET + best);
}

/* The end. */

static void migration_free(struct migration *m) {
    migrate_link_close(&m->link);
    tls_context_unref(m->talk.tls);
    buf_release(&m->target);
    buf_release(&m->host);
    buf_release(&m->auth);
    buf_release(&m->names);
    buf_release(&m->talk.restores);
    buf_release(&m->talk.error);
    mem_free(m->talk.restored);
    mem_free(m->keys);
    mem_free(m);
}

static void delete_restored(struct migration *m) {
    struct engine *e = &m->server->engine;
    struct db *db = keyspace_db_of(&e->keyspace, m->table_id);
    if (m->copy || !db) return;
    struct slice *argv = mem_alloc((m->talk.count + 1) * sizeof *argv);
    int argc = 0;
    argv[argc++] = SLICE("DEL");
    for (size_t i = 0; i < m->talk.count; i++) {
        struct slice name = slice_of(m->names.data + m->keys[i].at, m->keys[i].len);
        if (m->talk.restored[i] && db_delete(db, db_key(db, name), true, EVENT_DEL))
            argv[argc++] = name;
    }
    if (argc > 1) propagate_effect(e, db, argc, argv);
    mem_free(argv);
}

static void reply_outcome(const struct migrate_talk *t, struct reply *to) {
    static const char *const failures[MIGRATE_FAILURES] = {
        [MIGRATE_NOT_CONNECTED] = "IOERR error or timeout connecting to the client",
        [MIGRATE_NOT_WRITTEN] = "IOERR error or timeout writing to target instance",
        [MIGRATE_NOT_READ] = "IOERR error or timeout reading to target instance",
    };
    if (t->error.len)
        reply_errorf(to, "ERR Target instance replied with error: %s", t->error.data);
    else if (t->failure)
        reply_error(to, failures[t->failure]);
    else
        reply_ok(to);
}

static void run_talk(struct background_job *job) {
    struct migration *m = (struct migration *)job;
    migrate_talk(&m->talk, &m->link);
}

static void on_talked(struct background_job *job) {
    struct migration *m = (struct migration *)job;
    struct engine *e = &m->server->engine;
    m->server->migrate.queues[m->queue].pending--;
    engine_tick(e);
    delete_restored(m);
    keep_link(m->server, m);
    end_under_way(m);
    if (m->session) {
        reply_outcome(&m->talk, blocking_reply(m->session));
        blocking_end(m->session);
    }
    migration_free(m);
    if (blocking_ready(e)) blocking_serve(e);
}

static void forget_session(void *state) {
    ((struct migration *)state)->session = NULL;
}

static size_t memory_of(const void *state) {
    const struct migration *m = state;
    return m->talk.restores.cap + m->names.cap + m->talk.count * sizeof *m->keys;
}

/* The beginning. */

struct options {
    bool copy, replace;
    int auth, auth_words; /* where it stands, what follows it; 0: nowhere */
    int first_key, last_key;
    int64_t db, timeout_ms;
};

static bool keys_option_or_reply(struct call *c, int i, struct options *o) {
    if (c->argv[3].len) {
        reply_error(c->reply, "ERR When using MIGRATE KEYS option, the key argument must be set to "
                              "the empty string");
        return false;
    }
    o->first_key = i + 1;
    o->last_key = c->argc - 1;
    return true;
}

/* How many words follow an option that authenticates; 0: it's none. */
static int auth_words(struct slice option) {
    return slice_is(option, "AUTH") ? 1 : slice_is(option, "AUTH2") ? 2 : 0;
}

static bool options_or_reply(struct call *c, struct options *o) {
    *o = (struct options){.first_key = 3, .last_key = 3};
    for (int i = 6; i < c->argc; i++) {
        int more = c->argc - 1 - i;
        if (arg_is(c, i, "COPY")) {
            o->copy = true;
        } else if (arg_is(c, i, "REPLACE")) {
            o->replace = true;
        } else if (auth_words(c->argv[i]) && more >= auth_words(c->argv[i])) {
            o->auth = i;
            o->auth_words = auth_words(c->argv[i]);
            i += o->auth_words;
        } else if (arg_is(c, i, "KEYS")) {
            if (!keys_option_or_reply(c, i, o)) return false;
            break;
        } else {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
    }
    if (!arg_i64_or_reply(c, 5, &o->timeout_ms) || !arg_i64_or_reply(c, 4, &o->db)) return false;
    if (o->timeout_ms <= 0) o->timeout_ms = TIMEOUT_DEFAULT_MS;
    if (o->timeout_ms > INT_MAX) o->timeout_ms = INT_MAX;
    return true;
}

static void put_restore(struct call *c, struct migration *m, const struct entry *e,
                        struct slice name) {
    const struct persist_config *config = &c->engine->persist->config;
    struct rdb_writer w = {.version = (unsigned)config->rdb_version, .compress = config->compress};
    struct buf *to = &m->talk.restores;
    uint64_t now = c->engine->keyspace.now_ms, deadline = entry_deadline(e);
    uint64_t ttl = deadline == ENTRY_NO_DEADLINE ? 0 : deadline > now ? deadline - now : 1;
    rdb_save_value(e, &w);
    rdb_seal(&w);
    migrate_put_head(to, m->replace ? 5 : 4);
    migrate_put_word(to, call_in_cluster(c) ? SLICE("RESTORE-ASKING") : SLICE("RESTORE"));
    migrate_put_word(to, name);
    migrate_put_number(to, (int64_t)ttl);
    migrate_put_word(to, buf_slice(&w.buf));
    if (m->replace) migrate_put_word(to, SLICE("REPLACE"));
    buf_release(&w.buf);
}

static void put_keys(struct call *c, struct migration *m, const struct options *o) {
    m->keys = mem_alloc((size_t)(o->last_key - o->first_key + 1) * sizeof *m->keys);
    for (int i = o->first_key; i <= o->last_key; i++) {
        struct key k = call_key(c, i);
        const struct entry *e = call_find(c, k, DB_READ);
        if (!e) continue;
        put_restore(c, m, e, k.name);
        m->keys[m->talk.count++] = (struct sent_key){k.hash, m->names.len, k.name.len};
        buf_append_slice(&m->names, k.name);
    }
    m->talk.restored = mem_zalloc(m->talk.count + 1);
}

static void put_auth(const struct call *c, struct migration *m, const struct options *o) {
    if (!o->auth) return;
    migrate_put_head(&m->auth, (size_t)o->auth_words + 1);
    migrate_put_word(&m->auth, SLICE("AUTH"));
    for (int i = 1; i <= o->auth_words; i++) migrate_put_word(&m->auth, c->argv[o->auth + i]);
}

/* As in Redis a port that's no number is port 0. */
static struct migration *migration_new(struct call *c, const struct options *o) {
    struct server *s = server_of(c->engine);
    struct migration *m = mem_alloc(sizeof *m);
    *m = (struct migration){
        .job = {.run = run_talk, .done = on_talked},
        .server = s,
        .copy = o->copy,
        .replace = o->replace,
        .table_id = c->db->table_id,
        .link = {.fd = -1, .db = -1},
    };
    buf_append_slice(&m->host, c->argv[1]);
    put_auth(c, m, o);
    put_keys(c, m, o);
    migrate_put_word(&m->target, c->argv[1]);
    migrate_put_word(&m->target, c->argv[2]);
    buf_append_slice(&m->target, buf_slice(&m->auth));
    int64_t port = num_leading_i64(c->argv[2]);
    m->talk.host = m->host.data ? m->host.data : "";
    m->talk.port = port > 0 && port <= UINT16_MAX ? (int)port : 0;
    m->talk.db = o->db;
    m->talk.timeout_ms = (int)o->timeout_ms;
    m->talk.hurry = &s->migrate.hurry;
    m->talk.auth = buf_slice(&m->auth);
    if (s->tls.cluster) m->talk.tls = tls_context_ref(s->tls.context);
    return m;
}

static void talk_at_once(struct call *c, struct migration *m) {
    migrate_talk(&m->talk, &m->link);
    delete_restored(m);
    keep_link(m->server, m);
    reply_outcome(&m->talk, c->reply);
    migration_free(m);
}

static void cmd_migrate(struct call *c) {
    static const struct block_kind kind = {.release = forget_session, .memory = memory_of};
    struct server *s = server_of(c->engine);
    struct options o;
    if (!options_or_reply(c, &o)) return;
    propagate_nothing(c);
    struct migration *m = migration_new(c, &o);
    if (!m->talk.count) {
        migration_free(m);
        reply_status(c->reply, "NOKEY");
        return;
    }
    m->link = take_link(s, buf_slice(&m->target));
    if (!c->session->can_wait) {
        talk_at_once(c, m);
        return;
    }
    m->session = c->session;
    set_under_way(m);
    blocking_start(c, &kind, m, 0);
    background_add(s->background, queue_for(m), &m->job);
}

void migrate_init(struct server *s) {
    s->migrate.idle.on_due = on_idle;
}

void migrate_hurry(struct server *s) {
    atomic_store(&s->migrate.hurry, true);
}

void migrate_release(struct server *s) {
    while (s->migrate.links) drop_link(s, &s->migrate.links);
    loop_timer_stop(s->loop, &s->migrate.idle);
}

/* The row. */

static bool is_secret(const struct engine *e, const struct slice *argv, int argc, int arg) {
    for (int i = 6; i < arg && !slice_is(argv[i], "KEYS"); i++) {
        int words = auth_words(argv[i]);
        if (words && arg <= i + words) return true;
        i += words;
    }
    return false;
}

/* The one key, or those behind KEYS. */
static int keys_of(const struct slice *argv, int argc, struct key_use *uses) {
    const unsigned flags = KEY_RW | KEY_ACCESS | KEY_DELETE;
    int first = 3, last = 3, n = 0;
    for (int i = 6; i < argc && !argv[3].len; i++) {
        int secrets = auth_words(argv[i]);
        i += secrets;
        if (secrets || !slice_is(argv[i], "KEYS")) continue;
        first = i + 1;
        last = argc - 1;
        break;
    }
    for (int i = first; i <= last; i++) uses[n++] = (struct key_use){i, flags};
    return n;
}

#define BEHIND_KEYS                                                                                \
    {                                                                                              \
        .flags = KEY_RW | KEY_ACCESS | KEY_DELETE | KEY_INCOMPLETE, .kind = KEYS_RANGE,            \
        .keyword = "KEYS", .begin = -2, .last = -1, .step = 1                                      \
    }

const struct command migrate_commands[] = {
    {
        .name = "migrate",
        .run = cmd_migrate,
        .arity = -6,
        .flags = CMD_WRITE,
        .categories = ACL_KEYSPACE | ACL_DANGEROUS,
        .keys = {KEY_AT(3, KEY_RW | KEY_ACCESS | KEY_DELETE), BEHIND_KEYS},
        .keys_of = keys_of,
        .is_secret = is_secret,
        .group = "generic",
        .summary = "Moves keys to another server; other clients are served meanwhile.",
        .since = "2.6.0",
        .complexity = "O(bytes of the values) here, the same as RESTORE there.",
        .syntax = "host port:integer key-selector:(key | \"\") destination-db:integer timeout "
                  "[COPY] [REPLACE] [authentication:(AUTH password | AUTH2 (username password))] "
                  "[KEYS key ...]",
        .history = "3.0.0 Takes COPY and REPLACE.\n3.0.6 Takes KEYS.\n4.0.7 Takes AUTH.\n"
                   "6.0.0 Takes AUTH2.",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
