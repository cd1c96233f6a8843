/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/background.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/cell.h"

enum {
    FREE_NICENESS = 10,
    YIELD_BYTES = 64 * 1024, /* are freed in some 0.1 ms */
};

struct worker {
    struct background *owner;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake, ran; /* there's a job; one has run */
    bool ending;              /* under lock, as the list is */
    struct background_job *first, *last;
    atomic_size_t pending;
};

struct background {
    struct loop *loop;
    struct loop_watch watch; /* the eventfd that tells of finished jobs */
    pthread_mutex_t lock;    /* of `finished` */
    struct background_job *finished;
    struct worker workers[BACKGROUND_QUEUES];
};

static void report(struct background *b, struct background_job *job) {
    pthread_mutex_lock(&b->lock);
    job->next = b->finished;
    b->finished = job;
    pthread_mutex_unlock(&b->lock);
    uint64_t one = 1;
    ASSERT(write(b->watch.fd, &one, sizeof one) == sizeof one || errno == EAGAIN);
}

static void run_finished(struct background *b) {
    pthread_mutex_lock(&b->lock);
    struct background_job *job = b->finished, *in_order = NULL;
    b->finished = NULL;
    pthread_mutex_unlock(&b->lock);
    while (job) {
        struct background_job *next = job->next;
        job->next = in_order;
        in_order = job;
        job = next;
    }
    while (in_order) {
        struct background_job *next = in_order->next;
        in_order->done(in_order);
        in_order = next;
    }
}

static void on_finished(struct loop_watch *watch, unsigned ready) {
    uint64_t count;
    if (read(watch->fd, &count, sizeof count) < 0) return;
    run_finished((struct background *)((char *)watch - offsetof(struct background, watch)));
}

static void yield(void) {
    sched_yield();
}

/* What can wait shouldn't take a CPU from the loop, or from clients on the same machine. Where they
 * share one, the scheduler would let a helper go before a turn that is under way as soon as it has
 * a job (but not as SCHED_BATCH), and let it have the CPU for milliseconds then (but for what is
 * between two yields). */
static void give_way(enum background_queue queue) {
    if (queue != BACKGROUND_FREE && queue != BACKGROUND_SNAPSHOT) return;
    const struct sched_param none = {0};
    sched_setscheduler(0, SCHED_BATCH, &none);
    mem_set_step_hook(yield, YIELD_BYTES);
    if (queue == BACKGROUND_FREE)
        setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), FREE_NICENESS);
}

static void *worker_main(void *arg) {
    struct worker *w = arg;
    give_way((enum background_queue)(w - w->owner->workers));
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->first && !w->ending) pthread_cond_wait(&w->wake, &w->lock);
        struct background_job *job = w->first;
        if (!job) break;
        w->first = job->next;
        pthread_mutex_unlock(&w->lock);
        bool report_it = job->done != NULL;
        job->run(job);
        cell_flush();
        mem_count_flush();
        atomic_fetch_sub(&w->pending, 1);
        if (report_it) report(w->owner, job);
        sched_yield();
        pthread_mutex_lock(&w->lock);
        pthread_cond_signal(&w->ran);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct background *background_new(struct loop *l) {
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) return NULL;
    struct background *b = mem_zalloc(sizeof *b);
    b->loop = l;
    b->watch = (struct loop_watch){.fd = fd, .on_ready = on_finished};
    pthread_mutex_init(&b->lock, NULL);
    for (size_t i = 0; i < BACKGROUND_QUEUES; i++) {
        b->workers[i].owner = b;
        pthread_mutex_init(&b->workers[i].lock, NULL);
        pthread_cond_init(&b->workers[i].wake, NULL);
        pthread_cond_init(&b->workers[i].ran, NULL);
    }
    ASSERT(loop_watch_start(l, &b->watch, LOOP_READ) == 0);
    return b;
}

/* Signals are the loop thread's business, but for a fault of the helper's own (blocked, it would
 * end the process without a report) and the one that asks a thread for its stack trace
 * (stacks_signal() of server/stacks.h). */
static void block_signals(sigset_t *before) {
    const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGRTMAX - 1};
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) sigdelset(&blocked, open[i]);
    pthread_sigmask(SIG_BLOCK, &blocked, before);
}

static void worker_start(struct worker *w) {
    sigset_t before;
    block_signals(&before);
    ASSERT(pthread_create(&w->thread, NULL, worker_main, w) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    w->started = true;
}

void background_add(struct background *b, enum background_queue queue, struct background_job *job) {
    struct worker *w = &b->workers[queue];
    if (!w->started) worker_start(w);
    job->next = NULL;
    atomic_fetch_add(&w->pending, 1);
    pthread_mutex_lock(&w->lock);
    if (w->first)
        w->last->next = job;
    else
        w->first = job;
    w->last = job;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void background_drain(struct background *b, enum background_queue queue) {
    struct worker *w = &b->workers[queue];
    pthread_mutex_lock(&w->lock);
    while (atomic_load(&w->pending)) pthread_cond_wait(&w->ran, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

size_t background_pending(const struct background *b, enum background_queue queue) {
    return atomic_load(&b->workers[queue].pending);
}

void background_free(struct background *b) {
    for (size_t i = 0; i < BACKGROUND_QUEUES; i++) {
        struct worker *w = &b->workers[i];
        pthread_mutex_lock(&w->lock);
        w->ending = true;
        pthread_cond_signal(&w->wake);
        pthread_mutex_unlock(&w->lock);
        if (w->started) pthread_join(w->thread, NULL);
        pthread_cond_destroy(&w->wake);
        pthread_cond_destroy(&w->ran);
        pthread_mutex_destroy(&w->lock);
    }
    run_finished(b);
    pthread_mutex_destroy(&b->lock);
    loop_watch_stop(b->loop, &b->watch);
    close(b->watch.fd);
    mem_free(b);
}
