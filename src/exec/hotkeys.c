/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/hotkeys.h"

#include "base/alloc.h"
#include "exec/call.h"
#include "exec/command_table.h"

enum {
    USES_SLOTS = 256, /* 32 KB */
    BYTES_SLOTS = 128,
    KEYS_MAX = 32, /* of one command: of more, so many are drawn */
    ARGS_AT_HAND = 64,

    EVERY_FIRST = 64,
    EVERY_MAX = 1024,
    ROUND_MAX = 4096, /* looks in a round of the cron that no load should lead to */
    ROUND_STEP = 1024,
    COST_FIRST_NS = 150,
    COST_MEASURED = 16, /* one look of so many is timed */
    COST_LIMIT = 8,     /* times the cost so far: more was the kernel's doing */
    ADAPT_COMMANDS = 1000,
    ADAPT_NS = 1000000000, /* of time beyond this nothing is saved up */
};

#define SHARE      0.003  /* of the time that requests take */
#define IDLE_SHARE 0.0003 /* of all time */

/* The gap up to the next request to look at. */
static void draw_gap(struct hotkeys *h) {
    h->weight = h->every;
    h->left = 1 + random_below(&h->rng, 2 * h->every - 1);
}

static void stop(struct hotkeys *h) {
    hitters_free(h->uses);
    hitters_free(h->bytes);
    h->uses = h->bytes = NULL;
    h->left = 0; /* after 2^64 requests */
}

static void start(struct hotkeys *h, uint64_t window_us) {
    random_seed(&h->rng);
    h->uses = hitters_new(USES_SLOTS, window_us, random_u64(&h->rng));
    h->bytes = hitters_new(BYTES_SLOTS, window_us, random_u64(&h->rng));
    if (!h->every) h->every = EVERY_FIRST;
    if (h->cost_ns == 0) h->cost_ns = COST_FIRST_NS;
    draw_gap(h);
}

void hotkeys_configure(struct engine *e) {
    struct hotkeys *h = &e->hotkeys;
    stop(h);
    if (e->settings.hotkeys_tracking)
        start(h, (uint64_t)e->settings.hotkeys_window_seconds * 1000000);
}

void hotkeys_release(struct hotkeys *h) {
    stop(h);
}

void hotkeys_reset(struct hotkeys *h) {
    if (!h->uses) return;
    hitters_clear(h->uses);
    hitters_clear(h->bytes);
}

size_t hotkeys_bytes(const struct hotkeys *h) {
    return h->uses ? hitters_bytes(h->uses) + hitters_bytes(h->bytes) : 0;
}

/* Looking. */

/* A request that was run: how many like it it stands for, and what it replied. */
struct look {
    const struct call *call;
    uint64_t weight, reply_bytes;
};

static void note_key(const struct look *look, int arg, uint64_t uses, uint64_t bytes) {
    const struct call *c = look->call;
    struct engine *e = c->engine;
    struct key k = call_key(c, arg);
    struct hitter_key key = {k.hash, c->db->id, k.name};
    hitters_add(e->hotkeys.uses, &key, uses, e->now_us);
    hitters_add(e->hotkeys.bytes, &key, bytes, e->now_us);
    if (c->cmd->flags & CMD_WRITE) bigkeys_note(&e->bigkeys, c->db, k.hash);
}

/* The keys among the uses (channels and the like aren't), moved to the front. */
static int only_keys(struct key_use *uses, int n) {
    int kept = 0;
    for (int i = 0; i < n; i++)
        if (!(uses[i].flags & KEY_NOT_KEY)) uses[kept++] = uses[i];
    return kept;
}

/* Moves KEYS_MAX of them, drawn, to the front; returns how many are there. */
static int draw_keys(struct random *rng, struct key_use *uses, int n) {
    if (n <= KEYS_MAX) return n;
    for (int i = 0; i < KEYS_MAX; i++) {
        int other = i + (int)random_below(rng, (uint64_t)(n - i));
        struct key_use drawn = uses[other];
        uses[other] = uses[i];
        uses[i] = drawn;
    }
    return KEYS_MAX;
}

static void note_keys(const struct look *look, struct key_use *uses) {
    const struct call *c = look->call;
    int all = only_keys(uses, command_keys(c->cmd, c->argv, c->argc, uses));
    if (all <= 0) return;
    int n = draw_keys(&c->engine->hotkeys.rng, uses, all);
    uint64_t each = look->weight * (uint64_t)all / (uint64_t)n;
    uint64_t bytes = look->weight * look->reply_bytes / (uint64_t)n;
    for (int i = 0; i < n; i++) note_key(look, uses[i].arg, each, bytes);
}

static void note(const struct look *look) {
    struct key_use at_hand[ARGS_AT_HAND];
    const struct call *c = look->call;
    if (!c->cmd->row->keys[0].kind || (c->cmd->categories & ACL_SCRIPTING)) return;
    if (c->argc <= ARGS_AT_HAND) {
        note_keys(look, at_hand);
        return;
    }
    struct key_use *uses = mem_alloc((size_t)c->argc * sizeof *uses);
    note_keys(look, uses);
    mem_free(uses);
}

/* The cost follows what is measured, each time by a sixteenth of the way. */
static void count_cost(struct hotkeys *h, double ns) {
    if (ns > COST_LIMIT * h->cost_ns) ns = COST_LIMIT * h->cost_ns;
    h->cost_ns += (ns - h->cost_ns) / 16;
}

/* After a time with little to do gaps are short; when much comes at once they grow before the cron
 * sees it. */
static void check_surge(struct hotkeys *h) {
    uint64_t n = ++h->looked_in_round;
    if (n > ROUND_MAX && n % ROUND_STEP == 0 && h->every < EVERY_MAX) h->every *= 2;
}

static void look_at(const struct look *look) {
    struct hotkeys *h = &look->call->engine->hotkeys;
    const struct ticks *ticks = &look->call->engine->ticks;
    bool timed = h->looked++ % COST_MEASURED == 0;
    uint64_t began = timed ? ticks_now(ticks) : 0;
    note(look);
    if (timed) count_cost(h, (double)ticks_to_ns(ticks, ticks_now(ticks) - began));
    h->spent_ns += h->cost_ns;
    check_surge(h);
}

/* A reply may come later, or be gone already: then it counts as none. */
void hotkeys_run(struct call *c) {
    struct hotkeys *h = &c->engine->hotkeys;
    struct look look = {.call = c, .weight = h->weight};
    size_t before = reply_len(c->reply);
    draw_gap(h); /* before it runs, as it may run others */
    c->cmd->row->run(c);
    size_t after = reply_len(c->reply);
    look.reply_bytes = after > before ? after - before : 0;
    if (h->uses) look_at(&look); /* else this very command has turned it off */
}

void hotkeys_adapt(struct engine *e, uint64_t cpu_ns) {
    struct hotkeys *h = &e->hotkeys;
    h->looked_in_round = 0;
    bool counted_anew = e->stats.commands < h->commands_before;
    uint64_t commands = e->stats.commands - h->commands_before;
    if (commands < ADAPT_COMMANDS && !counted_anew) return;
    uint64_t busy = cpu_ns - h->cpu_ns_before, now = ticks_now(&e->ticks);
    uint64_t all = ticks_to_ns(&e->ticks, now - h->ticks_before);
    h->commands_before = e->stats.commands;
    h->cpu_ns_before = cpu_ns;
    h->ticks_before = now;
    if (counted_anew) return;
    /* CPU time, not time passed: where the kernel lets others run the budget isn't larger. */
    double budget = SHARE * (double)busy,
           least = IDLE_SHARE * (double)(all < ADAPT_NS ? all : ADAPT_NS);
    if (budget < least) budget = least;
    double every = h->cost_ns * (double)commands / (budget + 1) + 0.5;
    h->every = every < 1 ? 1 : every > EVERY_MAX ? EVERY_MAX : (uint64_t)every;
}

void hotkeys_write_info(void *ctx, struct buf *out) {
    const struct engine *e = ctx;
    const struct hotkeys *h = &e->hotkeys;
    info_u64(out, "hotkeys_tracking", h->uses != NULL);
    info_i64(out, "hotkeys_window_seconds", e->settings.hotkeys_window_seconds);
    info_u64(out, "hotkeys_bytes", hotkeys_bytes(h));
    info_u64(out, "hotkeys_sampled_commands", h->looked);
    info_u64(out, "hotkeys_sampled_one_of", h->uses ? h->every : 0);
    info_u64(out, "hotkeys_cpu_usec", (uint64_t)(h->spent_ns / 1000));
    bigkeys_write_info(&e->bigkeys, &e->keyspace, out);
}
