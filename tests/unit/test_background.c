/* SPDX-License-Identifier: BSD-3-Clause */
/* Helper threads: order, which thread runs what, and that nothing is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "io/background.h"
#include "server/stacks.h"

enum { JOBS = 2000 };

struct job {
    struct background_job job;
    enum background_queue queue;
    int number;
    void *load; /* allocated by the test's thread, freed by the helper */
    bool ran;
};

static struct loop *l;
static struct background *b;
static pthread_t loop_thread;

/* What the helpers of each queue have run, and what came back: written by one thread each. */
static int ran[BACKGROUND_QUEUES], finished[BACKGROUND_QUEUES];
static int out_of_order, wrong_thread;
static pthread_t helper[BACKGROUND_QUEUES];
static sem_t gate;

static int set_up(void **unused) {
    memset(ran, 0, sizeof(ran));
    memset(finished, 0, sizeof(finished));
    loop_thread = pthread_self();
    sem_init(&gate, 0, 0);
    l = loop_new();
    b = background_new(l);
    return b ? 0 : -1;
}

static int tear_down(void **unused) {
    loop_free(l);
    sem_destroy(&gate);
    assert_int_equal(out_of_order, 0);
    assert_int_equal(wrong_thread, 0);
    return 0;
}

static void run(struct background_job *base) {
    struct job *job = (struct job *)base;
    if (job->number == 0) helper[job->queue] = pthread_self();
    if (pthread_equal(pthread_self(), loop_thread) ||
        !pthread_equal(pthread_self(), helper[job->queue]))
        wrong_thread++;
    if (job->number != ran[job->queue]++) out_of_order++;
    mem_free(job->load);
    job->ran = true;
}

static void run_and_free(struct background_job *base) {
    run(base);
    mem_free(base);
}

static void run_after_gate(struct background_job *base) {
    sem_wait(&gate);
    run(base);
}

static void done(struct background_job *base) {
    struct job *job = (struct job *)base;
    if (!pthread_equal(pthread_self(), loop_thread)) wrong_thread++;
    assert_true(job->ran);
    assert_int_equal(job->number, finished[job->queue]);
    finished[job->queue]++;
    mem_free(job);
}

static void add(enum background_queue queue, int number, void (*fn)(struct background_job *)) {
    struct job *job = mem_alloc(sizeof(*job));
    *job = (struct job){
        .queue = queue, .number = number, .load = mem_alloc(100 + (size_t)number % 997)};
    job->job.run = fn;
    job->job.done = fn == run_and_free ? NULL : done;
    background_add(b, queue, &job->job);
}

static void in_order_and_in_the_right_thread(void **unused) {
    size_t before = mem_used();
    for (int i = 0; i < JOBS; i++) {
        add(BACKGROUND_FREE, i, run);
        add(BACKGROUND_FILE, i, run);
        if (i % 300 == 0) {
            loop_no_sleep(l);
            loop_turn(l);
        }
    }
    while (finished[BACKGROUND_FREE] < JOBS || finished[BACKGROUND_FILE] < JOBS) loop_turn(l);
    assert_int_equal(background_pending(b, BACKGROUND_FREE), 0);
    assert_int_equal(background_pending(b, BACKGROUND_FILE), 0);
    assert_int_equal(mem_used(), before); /* what helpers freed is counted once they're done */
    assert_false(pthread_equal(helper[BACKGROUND_FREE], helper[BACKGROUND_FILE]));
    background_free(b);
}

static void one_queue_does_not_hold_up_another(void **unused) {
    add(BACKGROUND_FREE, 0, run_after_gate);
    for (int i = 1; i < 10; i++) add(BACKGROUND_FREE, i, run);
    for (int i = 0; i < 10; i++) add(BACKGROUND_FILE, i, run);
    while (finished[BACKGROUND_FILE] < 10) loop_turn(l);
    assert_int_equal(background_pending(b, BACKGROUND_FILE), 0);
    assert_int_equal(background_pending(b, BACKGROUND_FREE), 10);
    assert_int_equal(finished[BACKGROUND_FREE], 0);
    sem_post(&gate);
    while (finished[BACKGROUND_FREE] < 10) loop_turn(l);
    assert_int_equal(background_pending(b, BACKGROUND_FREE), 0);
    background_free(b);
}

static void free_finishes_jobs(void **unused) {
    add(BACKGROUND_FREE, 0, run_after_gate);
    add(BACKGROUND_FILE, 0, run_after_gate);
    for (int i = 1; i < JOBS; i++) {
        add(BACKGROUND_FREE, i, run);
        add(BACKGROUND_FILE, i, run_and_free);
    }
    sem_post(&gate);
    sem_post(&gate);
    background_free(b);
    assert_int_equal(ran[BACKGROUND_FREE], JOBS);
    assert_int_equal(ran[BACKGROUND_FILE], JOBS);
    assert_int_equal(finished[BACKGROUND_FREE], JOBS);
    assert_int_equal(finished[BACKGROUND_FILE], 1);
}

static void drain_waits_for_one_queue(void **unused) {
    add(BACKGROUND_FREE, 0, run_after_gate);
    for (int i = 0; i < JOBS; i++) add(BACKGROUND_FILE, i, run);
    background_drain(b, BACKGROUND_FILE);
    assert_int_equal(ran[BACKGROUND_FILE], JOBS);
    assert_int_equal(finished[BACKGROUND_FILE], 0);
    background_drain(b, BACKGROUND_LOG); /* has no jobs, and no thread */
    sem_post(&gate);
    background_free(b);
    assert_int_equal(finished[BACKGROUND_FILE], JOBS);
}

static void free_without_jobs(void **unused) {
    background_free(b);
    loop_no_sleep(l);
    loop_turn(l); /* the loop has forgotten it */
}

static sigset_t helper_mask;

static void read_mask(struct background_job *base) {
    pthread_sigmask(SIG_BLOCK, NULL, &helper_mask);
    run(base);
}

/* Signals that anyone may send go to the loop's thread; faults, and the request for a stack trace,
 * to the thread itself. */
static void signals_of_helpers(void **unused) {
    const int blocked[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGALRM, SIGPIPE};
    const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, stacks_signal()};
    sigset_t before, after;
    sigfillset(&helper_mask);
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    add(BACKGROUND_FILE, 0, read_mask);
    background_free(b);
    for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
        assert_int_equal(sigismember(&helper_mask, blocked[i]), 1);
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
        assert_int_equal(sigismember(&helper_mask, open[i]), 0);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (int i = 1; i < SIGRTMAX; i++)
        assert_int_equal(sigismember(&before, i), sigismember(&after, i));
    assert_int_equal(sigismember(&after, SIGTERM), 0);
}

#define BACKGROUND_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        BACKGROUND_TEST(in_order_and_in_the_right_thread),
        BACKGROUND_TEST(one_queue_does_not_hold_up_another),
        BACKGROUND_TEST(free_finishes_jobs),
        BACKGROUND_TEST(drain_waits_for_one_queue),
        BACKGROUND_TEST(free_without_jobs),
        BACKGROUND_TEST(signals_of_helpers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
