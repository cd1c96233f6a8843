/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/transaction.h"

#include "base/alloc.h"
#include "exec/admission.h"
#include "exec/call.h"
#include "exec/watch.h"

/* Arguments lie in blocks that never move: most transactions are done with the first, which is part
 * of the struct. */
enum { FIRST_BLOCK = 1024, BLOCK = 16 * 1024, FIRST_REQUESTS = 16 };

struct block {
    struct block *next;
    size_t size;
    char bytes[];
};

/* Big arguments keep the memory they were received in, as in the request itself. */
struct queued {
    struct request request;
    struct bytes **big;
    size_t big_count;
};

struct transaction {
    struct queued *queued; /* `here`, or memory of their own */
    size_t count, cap;
    unsigned any_flags, all_flags; /* of what is queued */
    bool failed;                   /* a request was refused */
    size_t memory;                 /* of blocks, and of big arguments */
    struct block *blocks;          /* the newest first */
    char *at, *end;                /* where arguments go next */
    struct queued here[FIRST_REQUESTS];
    char first[FIRST_BLOCK];
};

/* Queueing. */

void transaction_begin(struct session *s) {
    struct transaction *t = mem_alloc(sizeof *t);
    t->queued = t->here;
    t->count = 0;
    t->cap = FIRST_REQUESTS;
    t->any_flags = 0;
    t->all_flags = ~0u;
    t->failed = false;
    t->memory = 0;
    t->blocks = NULL;
    t->at = t->first;
    t->end = t->first + FIRST_BLOCK;
    s->transaction = t;
    s->gates |= GATE_MULTI;
}

static void *take_slow(struct transaction *t, size_t size) {
    size_t room = size > BLOCK / 4 ? size : BLOCK;
    struct block *b = mem_alloc(sizeof *b + room);
    *b = (struct block){.next = t->blocks, .size = room};
    t->blocks = b;
    t->memory += mem_class_size(sizeof *b + room);
    if (room > size) {
        t->at = b->bytes + size;
        t->end = b->bytes + room;
    }
    return b->bytes;
}

static void *take(struct transaction *t, size_t size) {
    size = (size + 7) & ~(size_t)7;
    if ((size_t)(t->end - t->at) < size) return take_slow(t, size);
    char *p = t->at;
    t->at += size;
    return p;
}

static struct queued *add(struct transaction *t) {
    if (t->count == t->cap) {
        struct queued *more = mem_alloc(2 * t->cap * sizeof *more);
        memcpy(more, t->queued, t->count * sizeof *more);
        if (t->queued != t->here) mem_free(t->queued);
        t->queued = more;
        t->cap *= 2;
    }
    return &t->queued[t->count++];
}

static bool is_big(const struct engine *e, struct slice arg) {
    for (size_t i = 0; i < e->arg_bytes_count; i++)
        if (e->arg_bytes[i]->data == arg.ptr) return true;
    return false;
}

static void keep_big(struct transaction *t, struct queued *q, const struct engine *e) {
    q->big_count = e->arg_bytes_count;
    q->big = NULL;
    if (!q->big_count) return;
    q->big = take(t, q->big_count * sizeof *q->big);
    for (size_t i = 0; i < q->big_count; i++) {
        q->big[i] = bytes_ref(e->arg_bytes[i]);
        t->memory += bytes_memory(q->big[i]);
    }
}

static const struct slice *keep_args(struct transaction *t, const struct engine *e,
                                     const struct request *r) {
    size_t argc = (size_t)r->argc, bytes = 0;
    for (size_t i = 0; i < argc; i++) bytes += is_big(e, r->argv[i]) ? 0 : r->argv[i].len;
    struct slice *argv = take(t, argc * sizeof *argv + bytes);
    char *to = (char *)(argv + argc);
    for (size_t i = 0; i < argc; i++) {
        argv[i] = r->argv[i];
        if (is_big(e, argv[i])) continue;
        slice_put(to, argv[i]);
        argv[i].ptr = to;
        to += argv[i].len;
    }
    return argv;
}

void transaction_queue(struct session *s, const struct request *r) {
    struct transaction *t = s->transaction;
    struct queued *q = add(t);
    q->request = *r;
    q->request.elements = NULL; /* a command before it may change them */
    q->request.argv = keep_args(t, s->engine, r);
    keep_big(t, q, s->engine);
    unsigned flags = admission_flags(s, r);
    t->any_flags |= flags;
    t->all_flags &= flags;
    reply_status(s->reply, "QUEUED");
}

void transaction_fail(struct session *s) {
    if (s->transaction) s->transaction->failed = true;
}

/* Ending. */

static void transaction_free(struct transaction *t) {
    for (size_t i = 0; i < t->count; i++)
        for (size_t k = 0; k < t->queued[i].big_count; k++) bytes_unref(t->queued[i].big[k]);
    while (t->blocks) {
        struct block *b = t->blocks;
        t->blocks = b->next;
        mem_free(b);
    }
    if (t->queued != t->here) mem_free(t->queued);
    mem_free_sized(t, sizeof *t);
}

static struct transaction *take_transaction(struct session *s) {
    struct transaction *t = s->transaction;
    s->transaction = NULL;
    s->gates &= ~(unsigned)GATE_MULTI;
    return t;
}

void transaction_discard(struct session *s) {
    struct transaction *t = take_transaction(s);
    if (t) transaction_free(t);
    if (s->watch.count) watch_clear(s);
}

/* The keys of all that will run, looked up ahead together. */
static void touch_keys(const struct session *s, const struct transaction *t) {
    enum { TOGETHER = 64 };
    uint64_t hashes[TOGETHER];
    for (size_t i = 0; i < t->count;) {
        size_t n = 0;
        for (; i < t->count && n < TOGETHER; i++)
            if (t->queued[i].request.hashed_arg) hashes[n++] = t->queued[i].request.hash;
        table_touch_all(&s->db->table, hashes, n);
    }
}

/* The user's rights may have changed since the request was queued. */
static bool still_permitted_or_reply(struct session *s, const struct request *r) {
    static const char *const reasons[] = {
        [ACL_DENIED_COMMAND] = "no permission to execute the command or subcommand",
        [ACL_DENIED_KEY] = "no permission to touch the specified keys",
        [ACL_DENIED_CHANNEL] = "no permission to access one of the channels used as arguments to "
                               "the command",
    };
    struct acl_denial denial = acl_ask(s, r);
    if (denial.verdict == ACL_ALLOWED) return true;
    acl_report(s, r, denial, ACL_IN_MULTI);
    reply_errorf(s->reply,
                 "NOPERM ACLs rules changed between the moment the transaction was accumulated and "
                 "the EXEC call. This command is no longer allowed for the following reason: %s",
                 reasons[denial.verdict]);
    return false;
}

static void run_all(struct session *s, const struct transaction *t) {
    struct engine *e = s->engine;
    bool could_wait = s->can_wait;
    uint32_t errors = s->reply->errors;
    touch_keys(s, t);
    reply_array(s->reply, t->count);
    s->can_wait = false;
    e->in_transaction = true;
    for (size_t i = 0; i < t->count; i++) {
        const struct queued *q = &t->queued[i];
        if ((s->gates & GATE_RESTRICTED) && !still_permitted_or_reply(s, &q->request)) continue;
        e->arg_bytes = q->big;
        e->arg_bytes_count = q->big_count;
        dispatch_run_nested(s, &q->request);
    }
    e->in_transaction = false;
    e->arg_bytes_count = 0;
    s->reply->errors = errors; /* those were theirs: EXEC hasn't failed */
    s->can_wait = could_wait;
    dispatch_settle(e);
}

/* Watches end before anything runs: what does could only touch them. */
void transaction_exec(struct session *s) {
    bool holds = !s->transaction->failed && watch_holds(s);
    if (s->watch.count) watch_clear(s);
    struct transaction *t = take_transaction(s);
    if (t->failed)
        reply_error(s->reply, "EXECABORT Transaction discarded because of previous errors.");
    else if (!holds)
        reply_null_array(s->reply);
    else
        run_all(s, t);
    transaction_free(t);
}

void transaction_refuse(struct session *s, const char *error) {
    reply_errorf(s->reply, "EXECABORT Transaction discarded because of: %s",
                 strncmp(error, "ERR ", 4) == 0 ? error + 4 : error);
    transaction_discard(s);
}

/* What it is. */

unsigned transaction_flags(const struct session *s, unsigned own) {
    enum { OPENING = CMD_LOADING | CMD_STALE | CMD_NO_AUTH | CMD_ALLOW_BUSY };
    const unsigned asking = CMD_WRITE | CMD_DENYOOM | CMD_MAY_REPLICATE | CMD_READONLY;
    const struct transaction *t = s->transaction;
    if (!t || !t->count) return own;
    return (own & ~(unsigned)OPENING) | (own & t->all_flags & OPENING) | (t->any_flags & asking);
}

int transaction_count(const struct session *s) {
    return s->transaction ? (int)s->transaction->count : -1;
}

const struct request *transaction_request(const struct session *s, size_t at) {
    return &s->transaction->queued[at].request;
}

size_t transaction_memory(const struct session *s) {
    const struct transaction *t = s->transaction;
    size_t memory = s->watch.memory;
    if (!t) return memory;
    memory += mem_class_size(sizeof *t) + t->memory;
    if (t->queued != t->here) memory += mem_class_size(t->cap * sizeof *t->queued);
    return memory;
}
