/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/sliced.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/clock.h"
#include "exec/call.h"
#include "exec/info.h"

static void append(struct sliced *all, struct sliced_job *job) {
    job->prev = all->last;
    job->next = NULL;
    if (all->last)
        all->last->next = job;
    else
        all->first = job;
    all->last = job;
}

static void take_out(struct sliced *all, struct sliced_job *job) {
    if (job->prev)
        job->prev->next = job->next;
    else
        all->first = job->next;
    if (job->next)
        job->next->prev = job->prev;
    else
        all->last = job->prev;
}

/* Its session waits no more, whatever the reason. */
static void release(void *state) {
    struct sliced_job *job = state;
    take_out(&job->session->engine->sliced, job);
    job->kind->free(job);
}

static size_t memory(const void *state) {
    const struct sliced_job *job = state;
    return job->kind->memory(job);
}

static size_t output(const void *state) {
    const struct sliced_job *job = state;
    return job->kind->output ? job->kind->output(job) : 0;
}

void sliced_start(struct call *c, const struct sliced_kind *kind, struct sliced_job *job) {
    static const struct block_kind block = {.release = release, .memory = memory, .output = output};
    struct sliced *all = &c->engine->sliced;
    job->kind = kind;
    job->session = c->session;
    if (!c->session->can_wait) {
        bool done = kind->step(job, UINT64_MAX);
        ASSERT(done);
        kind->reply(job, c->reply);
        kind->free(job);
        return;
    }
    job->id = ++all->started;
    job->started_us = (uint64_t)clock_mono_us();
    job->writes = c->cmd->flags & CMD_WRITE;
    append(all, job);
    blocking_start(c, &block, job, 0);
}

static struct sliced_job *next_job(const struct engine *e, bool writes_too) {
    struct sliced_job *job = e->sliced.first;
    while (job && job->writes && !writes_too) job = job->next;
    return job;
}

bool sliced_ready(const struct engine *e, bool writes_too) {
    return next_job(e, writes_too) != NULL;
}

void sliced_run(struct engine *e, uint64_t until_ns, bool writes_too) {
    struct sliced_job *job = next_job(e, writes_too);
    if (!job) return;
    struct session *s = job->session;
    uint64_t start = ticks_now(&e->ticks);
    bool done = job->kind->step(job, until_ns);
    s->blocked->ns += ticks_to_ns(&e->ticks, ticks_now(&e->ticks) - start);
    if (done) {
        job->kind->reply(job, blocking_reply(s));
        blocking_end(s);
        return;
    }
    take_out(&e->sliced, job);
    append(&e->sliced, job);
    e->blocking.hooks.grew(s);
}

void sliced_write_info(void *engine, struct buf *out) {
    const struct engine *e = engine;
    uint64_t now_us = (uint64_t)clock_mono_us(), count = 0;
    for (const struct sliced_job *job = e->sliced.first; job; job = job->next) count++;
    info_u64(out, "jobs_started", e->sliced.started);
    info_u64(out, "jobs_running", count);
    for (const struct sliced_job *job = e->sliced.first; job; job = job->next) {
        const struct blocked *b = job->session->blocked;
        buf_appendf(out, "job_%llu:command=%s,elapsed_ms=%llu,usec=%llu",
                    (unsigned long long)job->id, b->cmd->full_name,
                    (unsigned long long)(now_us - job->started_us) / 1000,
                    (unsigned long long)b->ns / 1000);
        job->kind->describe(job, out);
        buf_append_str(out, "\r\n");
    }
}
