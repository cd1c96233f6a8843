/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/tracking.h"

#include "base/alloc.h"
#include "script/script_run.h"
#include "server/families.h"
#include "server/server.h"

enum {
    DROPPED_AT_ONCE = 1000, /* keys that go in one turn because fewer are allowed now */
    USES_ON_STACK = 16,
};

/* Telling. */

/* What a message is about: all keys, one, or (as the array that RESP has for them) several. */
struct invalidation {
    enum { ALL_KEYS, ONE_KEY, SOME_KEYS } what;
    struct slice key;
    struct bytes *keys;
};

static void append(struct reply *r, const struct invalidation *what) {
    if (r->resp > 2) {
        reply_push(r, 2);
        reply_bulk_str(r, "invalidate");
    } else {
        reply_array(r, 3);
        reply_bulk_str(r, "message");
        reply_bulk_str(r, "__redis__:invalidate");
    }
    if (what->what == ALL_KEYS) {
        reply_null(r);
    } else if (what->what == ONE_KEY) {
        reply_array(r, 1);
        reply_bulk(r, what->key);
    } else {
        reply_shared(r, what->keys, 0, what->keys->len);
    }
}

static void tell_broken(struct client *c) {
    const struct push_hooks *push = &c->server->engine.push;
    c->tracking->broken = true;
    if (c->session.own_reply.resp < 3) return;
    struct reply *r = push->begin(&c->session);
    if (!r) return;
    reply_push(r, 2);
    reply_bulk_str(r, "tracking-redir-broken");
    reply_i64(r, (int64_t)c->tracking->modes.redirect);
    push->end(&c->session);
}

/* With RESP2 only subscribers can be told anything that isn't a reply. */
static bool can_be_told(const struct client *c, bool redirected) {
    return c->session.own_reply.resp > 2 || (redirected && c->kind == CLIENT_PUBSUB);
}

/* `at_once`: no reply is being written. */
static void tell(struct client *c, const struct invalidation *what, bool at_once) {
    const struct push_hooks *push = &c->server->engine.push;
    uint64_t redirect = c->tracking->modes.redirect;
    if (redirect) {
        struct client *receiver = client_by_id(c->server, redirect);
        if (!receiver || receiver->closing) {
            tell_broken(c);
            return;
        }
        c = receiver;
    }
    if (!can_be_told(c, redirect != 0)) return;
    struct reply *r = push->begin(&c->session);
    if (!r) return;
    append(at_once ? &c->session.own_reply : r, what);
    push->end(&c->session);
}

/* Keys that were read. */

/* Whose command runs: of a client that waited and is being answered, its own. */
static struct client *current(const struct server *s) {
    return s->pushes.answering ? s->pushes.answering : s->running;
}

/* Why a key isn't tracked any more. */
enum reason {
    CHANGED,
    EVICTED, /* for a command that hasn't begun to reply */
    DROPPED, /* there are too many: it's nobody's doing */
};

/* Tells whoever has read the key, and frees it. */
static void invalidate(struct server *s, struct tracked_key *k, enum reason reason) {
    const struct invalidation what = {.what = ONE_KEY, .key = tracked_key_name(k)};
    const struct client *by = reason == DROPPED ? NULL : current(s);
    for (uint32_t i = 0; i < k->count; i++) {
        struct client *c = client_by_id(s, k->ids[i]);
        if (!c || c->closing || !c->tracking || c->tracking->modes.bcast) continue;
        if (c->tracking->modes.noloop && c == by) continue;
        tell(c, &what, reason == EVICTED);
    }
    tracked_key_free(k);
}

static bool above(const struct server *s, size_t count) {
    return s->config.tracking_table_max_keys && count > (uint64_t)s->config.tracking_table_max_keys;
}

static void remember(struct server *s, struct slice name, uint64_t client) {
    struct tracked_keys *keys = &s->tracking.keys;
    uint64_t hash = table_hash(&keys->table, name);
    if (above(s, tracked_keys_count(keys) + 1) && !tracked_keys_has(keys, name, hash))
        invalidate(s, tracked_keys_take_random(keys, &s->tracking.rng), DROPPED);
    tracked_keys_add(keys, name, hash, client);
}

/* Scripts only read through the commands that they run. Channels of SSUBSCRIBE are keys in the
 * command's specifications only. */
static bool reads_keys(const struct command_entry *cmd) {
    return (cmd->flags & CMD_READONLY) && !(cmd->flags & CMD_PUBSUB) &&
           !(cmd->categories & ACL_SCRIPTING);
}

static bool wants_keys(const struct client *c) {
    const struct tracking_modes *modes = &c->tracking->modes;
    if (modes->bcast || (modes->optin && !c->caching)) return false;
    return !(modes->optout && c->caching);
}

void tracking_ran(struct server *s, const struct request *r) {
    const struct client *c = current(s);
    struct key_use on_stack[USES_ON_STACK], *uses = on_stack;
    if (!c || !c->tracking || !reads_keys(r->cmd) || !wants_keys(c)) return;
    if (r->argc > USES_ON_STACK) uses = mem_alloc((size_t)r->argc * sizeof *uses);
    int count = command_keys(r->cmd, r->argv, r->argc, uses);
    for (int i = 0; i < count; i++) remember(s, r->argv[uses[i].arg], c->id);
    if (uses != on_stack) mem_free(uses);
}

/* What CLIENT CACHING says is for the next request that isn't CLIENT, or a whole transaction. */
void tracking_requested(struct client *c, const struct request *r) {
    const struct command_entry *parent = r->cmd ? r->cmd->parent : NULL;
    if ((parent && parent->row == client_commands) || c->session.gates & GATE_MULTI) return;
    c->caching = false;
}

/* Fewer keys allowed than there are. */

static void drop_some(struct server *s) {
    struct tracked_keys *keys = &s->tracking.keys;
    for (int i = 0; i < DROPPED_AT_ONCE && above(s, tracked_keys_count(keys)); i++)
        invalidate(s, tracked_keys_take_random(keys, &s->tracking.rng), DROPPED);
    if (above(s, tracked_keys_count(keys))) loop_timer_start(s->loop, &s->tracking.timer, 0);
}

static void on_timer(struct loop_timer *timer) {
    drop_some((struct server *)((char *)timer - offsetof(struct server, tracking.timer)));
}

static bool limit_changed(void *ctx, struct buf *why) {
    drop_some(ctx);
    return true;
}

/* Changes. */

static void listen_if_needed(struct server *s) {
    bool needed = s->tracking.clients.count || tracked_keys_count(&s->tracking.keys);
    engine_listen(&s->engine, LISTEN_CHANGES, needed);
}

static void note_change(struct server *s, struct slice key, enum db_event event) {
    struct engine *e = &s->engine;
    struct tracking *t = &s->tracking;
    if (tracking_prefixes_count(&t->prefixes)) {
        /* As in Redis what a script does is told to its caller, NOLOOP or not. */
        const struct client *by = script_running(e) ? NULL : current(s);
        tracking_prefixes_note(&t->prefixes, key, by ? by->id : 0);
    }
    uint64_t hash = table_hash(&t->keys.table, key);
    struct tracked_key *k = tracked_keys_take(&t->keys, key, hash);
    if (!k) return;
    invalidate(s, k, event == EVENT_EVICTED && e->admitting ? EVICTED : CHANGED);
    if (!tracked_keys_count(&t->keys)) listen_if_needed(s);
}

/* What is said about a key that is evicted can take more than the key did: more keys would have to
 * go for it, and so on. It's on its way in a moment, and doesn't count until then. */
void tracking_changed(struct engine *e, struct slice key, enum db_event event) {
    struct server *s = server_of(e);
    size_t before = mem_used();
    note_change(s, key, event);
    if (event != EVENT_EVICTED) return;
    size_t *uncounted = &s->tracking.uncounted, now = mem_used();
    if (now > before) keyspace_uncount(&e->keyspace, uncounted, *uncounted + now - before);
}

void tracking_turn_over(struct server *s) {
    if (s->tracking.uncounted) keyspace_uncount(&s->engine.keyspace, &s->tracking.uncounted, 0);
}

struct discard_job {
    struct background_job job;
    struct engine *engine;
    size_t bytes;
    struct tracked_keys keys;
};

static void discard(struct background_job *job) {
    struct discard_job *discarded = (struct discard_job *)job;
    tracked_keys_release(&discarded->keys);
    engine_left(discarded->engine, discarded->bytes);
    mem_free(discarded);
}

void tracking_flushed(struct engine *e) {
    static const struct invalidation what = {.what = ALL_KEYS};
    struct server *s = server_of(e);
    struct tracking *t = &s->tracking;
    for (struct client_link *l = client_queue_first(&t->clients); l;
         l = client_queue_next(&t->clients, l))
        tell(((struct client_tracking *)l)->client, &what, false);
    if (!tracked_keys_count(&t->keys)) return;
    struct discard_job *job = mem_alloc(sizeof *job);
    *job = (struct discard_job){.job.run = discard, .engine = e, .keys = t->keys};
    job->bytes = tracked_keys_memory(&t->keys);
    engine_leaving(e, job->bytes);
    tracked_keys_init(&t->keys, &e->keyspace.seed);
    background_add(s->background, BACKGROUND_FREE, &job->job);
    listen_if_needed(s);
}

/* BCAST. */

static void append_text(struct buf *to, char type, size_t n) {
    buf_append_char(to, type);
    buf_append_i64(to, (int64_t)n);
    buf_append_str(to, "\r\n");
}

/* The array of the keys but those that one client alone has changed; NULL: there's none. */
static struct bytes *keys_but_of(const struct tracking_prefix *prefix, uint64_t client) {
    struct buf text = BUF_INIT;
    size_t count = 0;
    for (size_t i = 0; i < prefix->changed_count; i++)
        count += !client || prefix->changed[i]->by != client;
    append_text(&text, '*', count);
    for (size_t i = 0; i < prefix->changed_count; i++) {
        const struct changed_key *k = prefix->changed[i];
        if (client && k->by == client) continue;
        append_text(&text, '$', k->name_len);
        buf_append_slice(&text, changed_key_name(k));
        buf_append_str(&text, "\r\n");
    }
    struct bytes *keys = count ? bytes_copy(buf_slice(&text)) : NULL;
    buf_release(&text);
    return keys;
}

static void tell_prefix(void *ctx, const struct tracking_prefix *prefix) {
    struct server *s = ctx;
    struct bytes *all = keys_but_of(prefix, 0);
    for (size_t i = 0; i < prefix->client_count; i++) {
        struct client *c = client_by_id(s, prefix->clients[i]);
        if (c->closing) continue;
        struct bytes *keys =
            c->tracking->modes.noloop ? keys_but_of(prefix, c->id) : bytes_ref(all);
        if (!keys) continue;
        tell(c, &(struct invalidation){.what = SOME_KEYS, .keys = keys}, false);
        bytes_unref(keys);
    }
    bytes_unref(all);
}

void tracking_turn_end(struct server *s) {
    tracking_prefixes_tell_all(&s->tracking.prefixes, tell_prefix, s);
}

/* Beginning and end. */

static void add_prefix(struct client *c, struct slice name) {
    struct client_tracking *t = c->tracking;
    size_t at = t->prefix_count, count = t->prefix_count;
    while (at && slice_cmp(tracking_prefix_name(t->prefixes[at - 1]), name) >= 0) at--;
    if (at < count && slice_eq(tracking_prefix_name(t->prefixes[at]), name)) return;
    t->prefixes = mem_realloc(t->prefixes, (count + 1) * sizeof(struct tracking_prefix *));
    memmove(t->prefixes + at + 1, t->prefixes + at,
            (count - at) * sizeof(struct tracking_prefix *));
    t->prefixes[at] = tracking_prefixes_add(&c->server->tracking.prefixes, name, c->id);
    t->prefix_count++;
    t->prefixes_memory += mem_usable_size(t->prefixes[at]) + sizeof c->id;
}

void tracking_start(struct client *c, const struct tracking_modes *modes,
                    const struct slice *prefixes, size_t prefix_count) {
    struct server *s = c->server;
    if (!c->tracking) {
        c->tracking = mem_zalloc(sizeof *c->tracking);
        c->tracking->client = c;
        client_queue_push(&s->tracking.clients, &c->tracking->link);
        c->session.gates |= GATE_TRACKED;
        listen_if_needed(s);
    }
    c->tracking->modes = *modes;
    c->tracking->broken = false;
    if (modes->bcast) {
        tracking_turn_end(s);
        if (!prefix_count) add_prefix(c, SLICE(""));
        for (size_t i = 0; i < prefix_count; i++) add_prefix(c, prefixes[i]);
    }
    client_memory_count(c);
}

void tracking_stop(struct client *c) {
    struct client_tracking *t = c->tracking;
    if (!t) return;
    struct server *s = c->server;
    for (size_t i = 0; i < t->prefix_count; i++)
        tracking_prefixes_remove(&s->tracking.prefixes, t->prefixes[i], c->id);
    client_queue_remove(&s->tracking.clients, &t->link);
    mem_free(t->prefixes);
    mem_free_sized(t, sizeof *t);
    c->tracking = NULL;
    c->caching = false;
    c->session.gates &= ~(unsigned)GATE_TRACKED;
    listen_if_needed(s);
    client_memory_count(c);
}

size_t tracking_memory(const struct client *c) {
    const struct client_tracking *t = c->tracking;
    if (!t) return 0;
    size_t memory = mem_class_size(sizeof *t);
    if (t->prefixes) memory += mem_usable_size(t->prefixes);
    return memory + t->prefixes_memory;
}

void tracking_init(struct server *s) {
    struct tracking *t = &s->tracking;
    tracked_keys_init(&t->keys, &s->engine.keyspace.seed);
    tracking_prefixes_init(&t->prefixes, &s->engine.keyspace.seed);
    client_queue_init(&t->clients);
    random_seed(&t->rng);
    t->timer.on_due = on_timer;
    s->config.hooks.tracking = limit_changed;
}

void tracking_release(struct server *s) {
    tracked_keys_release(&s->tracking.keys);
    tracking_prefixes_release(&s->tracking.prefixes);
}
