/* SPDX-License-Identifier: BSD-3-Clause */
/* The event loop: what is delivered, to whom, in which order. Timers mostly have times that have
 * passed, so that nothing here waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "io/loop.h"

static struct loop *l;

static int open_loop(void **unused) {
    l = loop_new();
    return l ? 0 : -1;
}

static int close_loop(void **unused) {
    loop_free(l);
    return 0;
}

/* Turns that don't sleep, whatever there is. */
static void turns(int count) {
    while (count--) {
        loop_no_sleep(l);
        loop_turn(l);
    }
}

/* A watch that counts what it's told. */
struct probe {
    struct loop_watch watch;
    int calls;
    unsigned ready;
    void (*then)(struct probe *p);
    struct probe *other;
};

static void on_ready(struct loop_watch *watch, unsigned ready) {
    struct probe *p = (struct probe *)watch;
    p->calls++;
    p->ready = ready;
    if (p->then) p->then(p);
}

static void probe_start(struct probe *p, int fd, unsigned interest) {
    p->watch = (struct loop_watch){.fd = fd, .on_ready = on_ready};
    assert_int_equal(loop_watch_start(l, &p->watch, interest), 0);
    assert_int_equal(p->watch.interest, interest);
}

static void probe_close(struct probe *p) {
    loop_watch_stop(l, &p->watch);
    close(p->watch.fd);
}

/* What one turn tells a probe: 0 if nothing. */
static unsigned told(struct probe *p) {
    int before = p->calls;
    turns(1);
    assert_in_range(p->calls - before, 0, 1);
    return p->calls == before ? 0 : p->ready;
}

static void pipes(void **unused) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct probe in = {0}, out = {0};
    char byte;
    probe_start(&in, ends[0], LOOP_READ);
    probe_start(&out, ends[1], LOOP_WRITE);
    assert_int_equal(told(&in), 0);
    assert_int_equal(out.calls, 1);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(told(&in), LOOP_READ);
    assert_int_equal(told(&in), LOOP_READ); /* it's still there */
    assert_int_equal(loop_watch_change(l, &in.watch, 0), 0);
    assert_int_equal(told(&in), 0);
    assert_int_equal(loop_watch_change(l, &in.watch, LOOP_READ), 0);
    assert_int_equal(told(&in), LOOP_READ);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(told(&in), 0);
    probe_close(&out);
    assert_int_equal(told(&in), LOOP_READ); /* the end of the data */
    loop_watch_stop(l, &in.watch);
    assert_int_equal(told(&in), 0);
    assert_int_equal(loop_watch_start(l, &in.watch, LOOP_READ), 0);
    assert_int_equal(told(&in), LOOP_READ);
    probe_close(&in);
}

/* Each thing that happens to a socket, for each interest: only what was asked for is told. */
static void interests(void **unused) {
    enum { NOTHING, DATA, HALF_CLOSED, CLOSED, CASES };
    static const unsigned happens[CASES] = {
        [NOTHING] = LOOP_WRITE,
        [DATA] = LOOP_READ | LOOP_WRITE,
        [HALF_CLOSED] = LOOP_READ | LOOP_WRITE | LOOP_HANGUP,
        [CLOSED] = LOOP_READ | LOOP_WRITE | LOOP_HANGUP,
    };
    for (unsigned interest = 0; interest < 8; interest++) {
        for (int event = 0; event < CASES; event++) {
            int ends[2];
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
            struct probe p = {0};
            probe_start(&p, ends[0], interest);
            if (event == DATA) assert_int_equal(write(ends[1], "x", 1), 1);
            if (event == HALF_CLOSED) shutdown(ends[1], SHUT_WR);
            if (event == CLOSED) close(ends[1]);
            assert_int_equal(told(&p), happens[event] & interest);
            probe_close(&p);
            if (event != CLOSED) close(ends[1]);
        }
    }
}

/* What is told of data once is told again when asked for, when more comes, when the interest
 * changes, and when a poll within a turn left it out; the end is told in each turn. */
static void told_once(void **unused) {
    int ends[2];
    char bytes[8];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    struct probe p = {.watch = {.fd = ends[0], .on_ready = on_ready, .reads_all = true}};
    assert_int_equal(loop_watch_start(l, &p.watch, LOOP_READ), 0);
    assert_int_equal(told(&p), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(told(&p), LOOP_READ);
    assert_int_equal(told(&p), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(told(&p), LOOP_READ);
    assert_int_equal(told(&p), 0);
    loop_watch_again(l, &p.watch);
    assert_int_equal(told(&p), LOOP_READ);
    assert_int_equal(told(&p), 0);
    assert_int_equal(loop_watch_change(l, &p.watch, LOOP_HANGUP), 0);
    assert_int_equal(told(&p), 0);
    assert_int_equal(loop_watch_change(l, &p.watch, LOOP_READ), 0);
    assert_int_equal(told(&p), LOOP_READ);
    assert_int_equal(told(&p), 0);
    assert_int_equal(loop_watch_change(l, &p.watch, LOOP_READ | LOOP_WRITE), 0);
    for (int i = 0; i < 3; i++) assert_int_equal(told(&p), LOOP_READ | LOOP_WRITE);
    assert_int_equal(loop_watch_change(l, &p.watch, LOOP_READ), 0);
    assert_int_equal(told(&p), LOOP_READ);
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_poll(l); /* it isn't told by that */
    loop_poll(l);
    assert_int_equal(told(&p), LOOP_READ);
    assert_int_equal(told(&p), 0);
    loop_watch_again(l, &p.watch);
    assert_int_equal(read(ends[0], bytes, sizeof bytes), 3);
    assert_int_equal(told(&p), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    shutdown(ends[1], SHUT_WR);
    for (int i = 0; i < 3; i++) assert_int_equal(told(&p), LOOP_READ);
    assert_int_equal(read(ends[0], bytes, sizeof bytes), 1);
    assert_int_equal(told(&p), LOOP_READ);
    probe_close(&p);
    close(ends[1]);
}

static void poll_twice(struct probe *p) {
    int calls = p->other->calls;
    loop_poll(l);
    assert_int_equal(p->other->calls, calls + p->other->watch.nested);
    loop_poll(l);
    assert_int_equal(p->other->calls, calls + p->other->watch.nested);
}

/* A poll tells those that are nested of what the turn around it knows already. */
static void polled_within_turn(void **unused) {
    for (int nested = 0; nested < 2; nested++) {
        int first[2], second[2];
        assert_int_equal(pipe(first), 0);
        assert_int_equal(pipe(second), 0);
        struct probe b = {.watch = {.fd = second[0], .on_ready = on_ready, .reads_all = true}};
        struct probe a = {.watch = {.fd = first[0], .on_ready = on_ready, .reads_all = true},
                          .then = poll_twice,
                          .other = &b};
        b.watch.nested = nested;
        assert_int_equal(loop_watch_start(l, &a.watch, LOOP_READ), 0);
        assert_int_equal(loop_watch_start(l, &b.watch, LOOP_READ), 0);
        assert_int_equal(write(first[1], "x", 1), 1);
        assert_int_equal(write(second[1], "x", 1), 1);
        turns(3);
        assert_int_equal(a.calls, 1);
        assert_int_equal(b.calls, 1);
        probe_close(&a);
        probe_close(&b);
        close(first[1]);
        close(second[1]);
    }
}

static int idle_turns;

static void count_turn(struct loop_timer *timer) {
    idle_turns++;
}

/* A lost connection that nobody wants to hear of doesn't keep the loop awake: a single turn lasts
 * until the timer. */
static void no_interest_no_wakeups(void **unused) {
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    struct probe p = {0};
    probe_start(&p, ends[0], LOOP_READ);
    assert_int_equal(loop_watch_change(l, &p.watch, 0), 0);
    close(ends[1]);
    struct loop_timer timer = {.on_due = count_turn};
    idle_turns = 0;
    turns(1);
    uint64_t before = loop_stats(l)->turns.total;
    loop_timer_start(l, &timer, loop_now_us(l) + 20000);
    while (!idle_turns) loop_turn(l);
    assert_in_range(loop_stats(l)->turns.total - before, 1, 3);
    assert_int_equal(p.calls, 0);
    probe_close(&p);
}

static void failures_say_why(void **unused) {
    struct probe p = {.watch = {.fd = -1, .on_ready = on_ready}};
    assert_int_equal(loop_watch_start(l, &p.watch, LOOP_READ), -1);
    assert_int_equal(errno, EBADF);
    FILE *file = tmpfile();
    p.watch.fd = fileno(file);
    assert_int_equal(loop_watch_start(l, &p.watch, LOOP_READ), -1);
    assert_int_equal(errno, EPERM);
    loop_watch_stop(l, &p.watch);
    fclose(file);
}

/* Stopping while events are being delivered. */

static void stop_other(struct probe *p) {
    probe_close(p->other);
    p->other->then = NULL;
}

static int ready_fd(void) {
    return eventfd(1, EFD_NONBLOCK);
}

static void stopped_by_another(void **unused) {
    for (int order = 0; order < 2; order++) {
        struct probe a = {.then = stop_other}, b = {.then = stop_other};
        a.other = &b;
        b.other = &a;
        probe_start(order ? &b : &a, ready_fd(), LOOP_READ);
        probe_start(order ? &a : &b, ready_fd(), LOOP_READ);
        turns(1);
        assert_int_equal(a.calls + b.calls, 1);
        struct probe *left = a.calls ? &a : &b;
        left->then = NULL;
        turns(2);
        assert_int_equal(a.calls + b.calls, 3);
        probe_close(left);
    }
}

static struct probe fresh;
static bool same_watch; /* the new one takes the place of the old one in memory, too */

/* Closes another watched descriptor, and watches a new one that gets the same number, as a new
 * connection does. */
static void replace_other(struct probe *p) {
    struct probe *to = same_watch ? p->other : &fresh;
    int fd = p->other->watch.fd;
    probe_close(p->other);
    int again = eventfd(0, EFD_NONBLOCK);
    assert_int_equal(again, fd);
    probe_start(to, again, LOOP_READ);
    p->then = NULL;
}

static void number_used_again(void **unused) {
    for (int round = 0; round < 2; round++) {
        same_watch = round == 1;
        struct probe a = {.then = replace_other}, b = {.then = replace_other};
        a.other = &b;
        b.other = &a;
        fresh = (struct probe){0};
        probe_start(&a, ready_fd(), LOOP_READ);
        probe_start(&b, ready_fd(), LOOP_READ);
        turns(3);
        assert_int_equal(fresh.calls, 0); /* nothing has happened to that one */
        assert_int_equal(a.calls + b.calls, 3);
        assert_true(a.calls == 0 || b.calls == 0);
        probe_close(a.calls ? &a : &b);
        probe_close(same_watch ? (a.calls ? &b : &a) : &fresh);
    }
}

static void free_self(struct probe *p) {
    probe_close(p);
    free(p);
}

static void change_other(struct probe *p) {
    assert_int_equal(loop_watch_change(l, &p->other->watch, 0), 0);
}

static void freed_and_changed_by_handlers(void **unused) {
    struct probe *p = calloc(1, sizeof(*p));
    p->then = free_self;
    probe_start(p, ready_fd(), LOOP_READ);
    struct probe a = {.then = change_other}, b = {.then = change_other};
    a.other = &b;
    b.other = &a;
    probe_start(&a, ready_fd(), LOOP_READ);
    probe_start(&b, ready_fd(), LOOP_READ);
    turns(3);
    assert_int_equal(a.calls + b.calls, 3);
    assert_true(a.calls == 0 || b.calls == 0);
    probe_close(&a);
    probe_close(&b);
}

/* More ready descriptors than epoll is asked for at once; each handler stops some at random. */
enum { MANY = 700 };

static struct random rng;
static struct probe many[MANY];

static void stop_some(struct probe *p) {
    for (int i = 0; i < 2; i++) {
        struct probe *victim = &many[random_below(&rng, MANY)];
        if (victim->watch.fd < 0) continue;
        probe_close(victim);
        victim->watch.fd = -1;
        victim->calls = -1000000;
    }
    assert_true(p->calls == -1000000 || p->calls > 0);
}

static int told_least(void) {
    int least = many[0].calls;
    for (int i = 1; i < MANY; i++) least = many[i].calls < least ? many[i].calls : least;
    return least;
}

static int watched(void) {
    int count = 0;
    for (int i = 0; i < MANY; i++) count += many[i].watch.fd >= 0;
    return count;
}

static void many_ready_many_stopped(void **unused) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < MANY + 100 ? limit.rlim_max : MANY + 100;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    random_seed_fixed(&rng, 4);
    memset(many, 0, sizeof(many));
    for (int i = 0; i < MANY; i++) probe_start(&many[i], ready_fd(), LOOP_READ);
    for (int turn = 0; told_least() < 1 && turn < MANY; turn++) turns(1);
    for (int i = 0; i < MANY; i++) {
        assert_in_range(many[i].calls, 1, 2);
        many[i].then = stop_some;
    }
    for (int turn = 0; watched() > MANY - 300 && turn < MANY; turn++) turns(1);
    int left = 0;
    for (int i = 0; i < MANY; i++) {
        assert_true(many[i].watch.fd >= 0 || many[i].calls == -1000000);
        if (many[i].watch.fd < 0) continue;
        left++;
        probe_close(&many[i]);
    }
    assert_in_range(left, 1, MANY - 300);
}

/* Timers. */

enum { TIMERS = 200 };

struct alarm {
    struct loop_timer timer;
    int runs;
    void (*then)(struct alarm *a);
};

static struct alarm alarms[TIMERS];
static uint64_t last_due;
static int runs_in_all;

static void on_due(struct loop_timer *timer) {
    struct alarm *a = (struct alarm *)timer;
    assert_false(loop_timer_running(timer));
    assert_true(timer->due_us >= last_due);
    last_due = timer->due_us;
    a->runs++;
    runs_in_all++;
    if (a->then) a->then(a);
}

static void alarms_init(void) {
    memset(alarms, 0, sizeof(alarms));
    for (int i = 0; i < TIMERS; i++) alarms[i].timer.on_due = on_due;
    last_due = 0;
    runs_in_all = 0;
}

/* Started, moved and stopped at random; then those that are due run in order, the others don't. */
static void timers_in_order(void **unused) {
    const uint64_t far = (uint64_t)1 << 60;
    random_seed_fixed(&rng, 5);
    for (int round = 0; round < 200; round++) {
        alarms_init();
        uint64_t spread = 1 + random_below(&rng, round % 2 ? 20 : 1000000);
        for (int step = 0; step < TIMERS * 3; step++) {
            struct alarm *a = &alarms[random_below(&rng, TIMERS)];
            uint64_t due = random_below(&rng, spread) + (random_below(&rng, 3) ? 0 : far);
            if (random_below(&rng, 4)) {
                loop_timer_start(l, &a->timer, due);
                assert_int_equal(a->timer.due_us, due);
                assert_true(loop_timer_running(&a->timer));
            } else {
                loop_timer_stop(l, &a->timer);
                assert_false(loop_timer_running(&a->timer));
            }
        }
        bool expected[TIMERS];
        for (int i = 0; i < TIMERS; i++)
            expected[i] = loop_timer_running(&alarms[i].timer) && alarms[i].timer.due_us < far;
        turns(1);
        for (int i = 0; i < TIMERS; i++) {
            assert_int_equal(alarms[i].runs, expected[i]);
            loop_timer_stop(l, &alarms[i].timer);
        }
    }
}

static void start_self_at_0(struct alarm *a) {
    last_due = 0;
    loop_timer_start(l, &a->timer, 0);
}

static void start_self_now(struct alarm *a) {
    last_due = 0;
    loop_timer_start(l, &a->timer, loop_now_us(l));
}

/* Timers that are always due run once a turn each, and keep neither others nor events waiting. */
static void always_due(void **unused) {
    alarms_init();
    struct probe p = {0};
    probe_start(&p, ready_fd(), LOOP_READ);
    for (int i = 0; i < 4; i++) {
        alarms[i].then = i % 2 ? start_self_now : start_self_at_0;
        loop_timer_start(l, &alarms[i].timer, 0);
    }
    for (int i = 4; i < TIMERS; i++)
        loop_timer_start(l, &alarms[i].timer, i % 2 ? 5 : (uint64_t)1 << 60);
    for (int turn = 1; turn <= 50; turn++) {
        last_due = 0;
        loop_turn(l);
        assert_int_equal(p.calls, turn);
        for (int i = 0; i < TIMERS; i++)
            assert_int_equal(alarms[i].runs, i < 4 ? turn : i % 2 ? 1 : 0);
    }
    for (int i = 0; i < TIMERS; i++) loop_timer_stop(l, &alarms[i].timer);
    probe_close(&p);
}

static void start_next(struct alarm *a) {
    loop_timer_start(l, &a[1].timer, 1);
}

static void stop_next(struct alarm *a) {
    loop_timer_stop(l, &a[1].timer);
}

static void move_next(struct alarm *a) {
    loop_timer_start(l, &a[1].timer, (uint64_t)1 << 60);
}

static void timers_about_timers(void **unused) {
    alarms_init();
    alarms[0].then = start_next;
    loop_timer_start(l, &alarms[0].timer, 1);
    loop_turn(l);
    assert_int_equal(runs_in_all, 1); /* what a timer starts waits for the next turn */
    loop_turn(l);
    assert_int_equal(alarms[1].runs, 1);

    alarms_init();
    alarms[0].then = stop_next;
    alarms[2].then = move_next;
    for (int i = 0; i < 4; i++) loop_timer_start(l, &alarms[i].timer, (uint64_t)i);
    turns(2);
    assert_int_equal(alarms[0].runs, 1);
    assert_int_equal(alarms[1].runs, 0);
    assert_int_equal(alarms[2].runs, 1);
    assert_int_equal(alarms[3].runs, 0);
    assert_true(loop_timer_running(&alarms[3].timer));
    loop_timer_stop(l, &alarms[3].timer);
}

static void start_alarm(struct probe *p) {
    loop_timer_start(l, &alarms[0].timer, 0);
    p->then = NULL;
}

/* One that an event starts is still this turn's. */
static void timer_started_by_event(void **unused) {
    alarms_init();
    struct probe p = {.then = start_alarm};
    probe_start(&p, ready_fd(), LOOP_READ);
    turns(1);
    assert_int_equal(alarms[0].runs, 1);
    probe_close(&p);
}

/* The loop sleeps until the timer, not longer than needs be and never short of it. */
static void sleeps_until_due(void **unused) {
    alarms_init();
    turns(1);
    for (uint64_t span_us = 0; span_us < 5000; span_us += 700) {
        last_due = 0;
        int before = alarms[0].runs;
        uint64_t due = loop_now_us(l) + span_us, turns_before = loop_stats(l)->turns.total;
        loop_timer_start(l, &alarms[0].timer, due);
        while (alarms[0].runs == before) loop_turn(l);
        assert_true(loop_now_us(l) >= due);
        assert_in_range(loop_stats(l)->turns.total - turns_before, 1, 3);
    }
}

/* Running. */

static int turn_ends, runs_at_turn_end;

static void on_turn_end(void *ctx) {
    ++*(int *)ctx;
    runs_at_turn_end = runs_in_all;
}

static void stop_loop(struct alarm *a) {
    if (a->runs == 3)
        loop_stop(l);
    else
        start_self_at_0(a);
}

static void runs_until_stopped(void **unused) {
    alarms_init();
    turn_ends = 0;
    loop_on_turn_end(l, on_turn_end, &turn_ends);
    alarms[0].then = stop_loop;
    loop_timer_start(l, &alarms[0].timer, 0);
    for (int round = 1; round <= 2; round++) {
        loop_run(l);
        assert_int_equal(turn_ends, 3 * round);
        assert_int_equal(runs_at_turn_end, 3 * round); /* after timers */
        assert_int_equal(loop_stats(l)->turns.total, 3 * round);
        alarms[0].runs = 0;
        last_due = 0;
        loop_timer_start(l, &alarms[0].timer, 0);
    }
    assert_true(loop_stats(l)->busy_ns >= loop_stats(l)->longest_ns);
}

/* One turn that is busy all the time, and one that is busy for none of it. */
static void work(struct loop_timer *timer) {
    int64_t until_ns = clock_thread_cpu_ns() + 3000000;
    while (clock_thread_cpu_ns() < until_ns) {
    }
}

static void stand_still(struct loop_timer *timer) {
    usleep(3000);
}

static void cpu_time_of_turns(void **unused) {
    const struct loop_stats *stats = loop_stats(l);
    struct loop_timer timer = {.on_due = work};
    loop_timer_start(l, &timer, 0);
    turns(1);
    assert_int_equal(stats->on_cpu.total, 0); /* costs nothing until it's asked for */
    loop_read_cpu_time(l, true);
    loop_timer_start(l, &timer, 0);
    turns(1);
    assert_int_equal(stats->on_cpu.total, 1);
    assert_true(stats->on_cpu_longest_ns >= 3000000);
    uint64_t on_cpu_ns = stats->on_cpu_longest_ns, off_cpu_ns = stats->off_cpu_ns;
    timer.on_due = stand_still;
    loop_timer_start(l, &timer, 0);
    turns(1);
    assert_true(stats->off_cpu_ns - off_cpu_ns >= 2900000);
    assert_true(stats->off_cpu_longest_ns >= 2900000);
    assert_int_equal(stats->on_cpu_longest_ns, on_cpu_ns);
    assert_int_equal(stats->on_cpu.total, 2);
    loop_read_cpu_time(l, true);
    assert_int_equal(stats->on_cpu.total, 2);
    loop_read_cpu_time(l, false);
    turns(1);
    assert_int_equal(stats->on_cpu.total, 0);
    assert_int_equal(stats->off_cpu_longest_ns, 0);
}

static void *write_event(void *fd) {
    uint64_t one = 1;
    assert_int_equal(write(*(int *)fd, &one, sizeof(one)), sizeof(one));
    return NULL;
}

static void stop_on_event(struct probe *p) {
    uint64_t count;
    assert_int_equal(read(p->watch.fd, &count, sizeof(count)), sizeof(count));
    loop_stop(l);
}

/* Nothing but another thread's event ends the sleep. */
static void woken_by_thread(void **unused) {
    struct probe p = {.then = stop_on_event};
    probe_start(&p, eventfd(0, EFD_NONBLOCK), LOOP_READ);
    for (int round = 1; round <= 20; round++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, write_event, &p.watch.fd), 0);
        loop_run(l);
        assert_int_equal(p.calls, round);
        pthread_join(thread, NULL);
    }
    probe_close(&p);
}

/* A hundred events of a tenth of a millisecond: a turn tells some, and timers get theirs between.
 */
static void take_a_while(struct probe *p) {
    int64_t until = clock_mono_us() + 100;
    while (clock_mono_us() < until) continue;
}

struct turn_timer {
    struct loop_timer timer;
    int calls;
};

static void count_and_restart(struct loop_timer *timer) {
    ((struct turn_timer *)timer)->calls++;
    loop_timer_start(l, timer, 0);
}

static void turns_end_between_events(void **unused) {
    enum { PROBES = 100 };
    struct probe probes[PROBES] = {0};
    struct turn_timer timer = {.timer.on_due = count_and_restart};
    for (int i = 0; i < PROBES; i++) {
        probe_start(&probes[i], eventfd(1, 0), LOOP_READ);
        probes[i].then = take_a_while;
    }
    loop_timer_start(l, &timer.timer, 0);
    int at_once = 0, in_all = 0, before_last = 0;
    turns(1);
    for (int i = 0; i < PROBES; i++) at_once += probes[i].calls;
    assert_in_range(at_once, 1, 16);
    /* One that goes while its event waits to be told isn't told. */
    struct probe *gone = &probes[PROBES - 1];
    if (gone->calls) gone = &probes[0];
    assert_int_equal(gone->calls, 0);
    probe_close(gone);
    while (in_all < PROBES - 1 && before_last < PROBES) {
        turns(1);
        before_last++;
        in_all = 0;
        for (int i = 0; i < PROBES; i++) in_all += probes[i].calls;
    }
    assert_int_equal(in_all, PROBES - 1); /* each once: none twice before all had theirs */
    assert_int_equal(gone->calls, 0);
    assert_in_range(before_last, 3, PROBES);
    assert_int_equal(timer.calls, before_last + 1);
    loop_timer_stop(l, &timer.timer);
    for (int i = 0; i < PROBES; i++)
        if (&probes[i] != gone) probe_close(&probes[i]);
}

#define LOOP_TEST(test) cmocka_unit_test_setup_teardown(test, open_loop, close_loop)

int main(void) {
    const struct CMUnitTest tests[] = {
        LOOP_TEST(pipes),
        LOOP_TEST(interests),
        LOOP_TEST(told_once),
        LOOP_TEST(polled_within_turn),
        LOOP_TEST(no_interest_no_wakeups),
        LOOP_TEST(failures_say_why),
        LOOP_TEST(stopped_by_another),
        LOOP_TEST(number_used_again),
        LOOP_TEST(freed_and_changed_by_handlers),
        LOOP_TEST(many_ready_many_stopped),
        LOOP_TEST(turns_end_between_events),
        LOOP_TEST(timers_in_order),
        LOOP_TEST(always_due),
        LOOP_TEST(timers_about_timers),
        LOOP_TEST(timer_started_by_event),
        LOOP_TEST(sleeps_until_due),
        LOOP_TEST(runs_until_stopped),
        LOOP_TEST(cpu_time_of_turns),
        LOOP_TEST(woken_by_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
