/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"

enum {
    EVENTS_PER_WAIT = 512,
    EVENTS_PER_POLL = 64,
    /* Of a turn; what is left of the events waits for the next. What they ask for is still to be
     * run and sent then: with 1 ms, turns amid a storm of connections had 4 ms. */
    EVENTS_NS = 500 * 1000,
    CLOCK_STEP = 4, /* events between two looks at the clock, unless one took long */
};

/* Events being told: those of epoll_wait, and within one of those turns those of loop_poll. */
struct delivery {
    struct epoll_event *events;
    int count, at;
    struct delivery *outer;
};

struct loop {
    int epoll_fd;
    bool stopping, no_sleep, took_long, in_timers, reads_cpu_time;
    uint64_t now_us;   /* when this turn began; reading the clock takes 25 ns: 0.5 % of a turn */
    uint64_t ended_us; /* when the last one ended */
    uint64_t timers_until_us; /* timers due until then have run, or are running (in_timers) */
    struct epoll_event events[EVENTS_PER_WAIT];
    struct delivery waited;    /* those, told in one turn or more */
    struct delivery *delivery; /* the innermost; at least `waited` */
    size_t ready_count;        /* at the beginning of this turn */
    struct loop_timer **heap;  /* 1-based */
    size_t heap_len, heap_cap;
    void (*turn_end)(void *ctx);
    void *turn_end_ctx;
    struct loop_stats stats;
};

struct loop *loop_new(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) return NULL;
    struct loop *l = mem_zalloc(sizeof *l);
    l->epoll_fd = fd;
    l->waited.events = l->events;
    l->delivery = &l->waited;
    l->now_us = l->ended_us = (uint64_t)clock_mono_us();
    return l;
}

void loop_free(struct loop *l) {
    close(l->epoll_fd);
    mem_free(l->heap);
    mem_free(l);
}

void loop_forked(struct loop *l) {
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->waited.at = l->waited.count;
}

/* Told once: without the flag the kernel looks again, when it's asked for more, at all that it told
 * of before (measured: 2 % of a GET). */
static bool told_once(const struct loop_watch *w, unsigned interest) {
    return w->reads_all && interest == LOOP_READ;
}

static int control(struct loop *l, int op, struct loop_watch *w, unsigned interest) {
    struct epoll_event event = {.data.ptr = w};
    if (told_once(w, interest)) event.events |= EPOLLET | EPOLLRDHUP | EPOLLPRI;
    if (interest & LOOP_READ) event.events |= EPOLLIN;
    if (interest & LOOP_WRITE) event.events |= EPOLLOUT;
    if (interest & LOOP_HANGUP) event.events |= EPOLLRDHUP;
    if (epoll_ctl(l->epoll_fd, op, w->fd, &event) < 0) return -1;
    w->interest = (uint8_t)interest;
    return 0;
}

int loop_watch_start(struct loop *l, struct loop_watch *w, unsigned interest) {
    w->interest = 0;
    return loop_watch_change(l, w, interest);
}

/* Without interest it's no business of epoll's, that would announce errors and hang-ups all the
 * same, in each turn. */
int loop_watch_change(struct loop *l, struct loop_watch *w, unsigned interest) {
    if (w->interest == interest) return 0;
    int op = !w->interest ? EPOLL_CTL_ADD : !interest ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    return control(l, op, w, interest);
}

void loop_watch_again(struct loop *l, struct loop_watch *w) {
    if (told_once(w, w->interest)) control(l, EPOLL_CTL_MOD, w, w->interest);
}

void loop_watch_stop(struct loop *l, struct loop_watch *w) {
    loop_watch_change(l, w, 0);
    for (struct delivery *d = l->delivery; d; d = d->outer)
        for (int i = d->at; i < d->count; i++)
            if (d->events[i].data.ptr == w) d->events[i].data.ptr = NULL;
}

static void heap_put(struct loop *l, size_t at, struct loop_timer *t) {
    l->heap[at] = t;
    t->heap_pos = at;
}

static void heap_sift(struct loop *l, size_t at, struct loop_timer *t) {
    for (; at > 1 && l->heap[at / 2]->due_us > t->due_us; at /= 2) heap_put(l, at, l->heap[at / 2]);
    for (size_t child; (child = 2 * at) <= l->heap_len; at = child) {
        if (child < l->heap_len && l->heap[child + 1]->due_us < l->heap[child]->due_us) child++;
        if (l->heap[child]->due_us >= t->due_us) break;
        heap_put(l, at, l->heap[child]);
    }
    heap_put(l, at, t);
}

/* One that is started by a timer and is due already waits for the next turn, so that events and
 * other timers get theirs in between; that turn doesn't sleep. */
void loop_timer_start(struct loop *l, struct loop_timer *t, uint64_t due_us) {
    if (l->in_timers && due_us <= l->timers_until_us) {
        due_us = l->timers_until_us + 1;
        l->no_sleep = true;
    }
    t->due_us = due_us;
    if (!t->heap_pos) {
        if (l->heap_len + 1 >= l->heap_cap) {
            l->heap_cap = l->heap_cap ? 2 * l->heap_cap : 16;
            l->heap = mem_realloc(l->heap, l->heap_cap * sizeof *l->heap);
        }
        t->heap_pos = ++l->heap_len;
    }
    heap_sift(l, t->heap_pos, t);
}

void loop_timer_stop(struct loop *l, struct loop_timer *t) {
    if (!t->heap_pos) return;
    struct loop_timer *last = l->heap[l->heap_len--];
    if (last != t) heap_sift(l, t->heap_pos, last);
    t->heap_pos = 0;
}

uint64_t loop_now_us(const struct loop *l) {
    return l->now_us;
}

size_t loop_ready_count(const struct loop *l) {
    return l->ready_count;
}

void loop_on_turn_end(struct loop *l, void (*fn)(void *ctx), void *ctx) {
    l->turn_end = fn;
    l->turn_end_ctx = ctx;
}

void loop_no_sleep(struct loop *l) {
    l->no_sleep = true;
}

void loop_took_long(struct loop *l) {
    l->took_long = true;
}

struct loop_stats *loop_stats(struct loop *l) {
    return &l->stats;
}

/* Rounded up, so that a timer is due when the sleep ends. */
static int sleep_ms(struct loop *l) {
    if (l->no_sleep || l->stopping) return 0;
    if (l->heap_len == 0) return -1;
    uint64_t due = l->heap[1]->due_us;
    if (due <= l->ended_us) return 0;
    uint64_t ms = (due - l->ended_us + 999) / 1000;
    return ms > 1000 * 3600 ? 1000 * 3600 : (int)ms;
}

/* What has become due within the turn is the next one's, which doesn't sleep then. */
static void run_timers(struct loop *l) {
    l->timers_until_us = l->now_us > l->timers_until_us ? l->now_us : l->timers_until_us + 1;
    l->in_timers = true;
    while (l->heap_len && l->heap[1]->due_us <= l->timers_until_us) {
        struct loop_timer *t = l->heap[1];
        loop_timer_stop(l, t);
        t->on_due(t);
    }
    l->in_timers = false;
}

/* Does reading what there is leave nothing? Not the end, nor what lies behind urgent data: a read
 * stops there. (Whoever hangs up costs a call more, as who closes reads on to the end.) */
static bool settled_by_reading(unsigned events) {
    if (events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) return false;
    return (events & (EPOLLIN | EPOLLPRI)) != (EPOLLIN | EPOLLPRI);
}

static void tell(struct loop *l, const struct epoll_event *event, bool nested) {
    struct loop_watch *w = event->data.ptr;
    if (!w) return;
    bool later = nested && !w->nested;
    if (__builtin_expect(later || !settled_by_reading(event->events), 0)) loop_watch_again(l, w);
    if (later) return;
    unsigned ready = 0;
    if (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP)) ready |= LOOP_READ;
    if (event->events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) ready |= LOOP_WRITE;
    if (event->events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) ready |= LOOP_HANGUP;
    if (ready & w->interest) w->on_ready(w, ready & w->interest);
}

/* What the turns around a poll know already, and haven't passed on. */
static void tell_held(struct loop *l) {
    int left = EVENTS_PER_POLL;
    for (struct delivery *d = l->delivery; d; d = d->outer) {
        for (int i = d->at; i < d->count && left; i++) {
            struct epoll_event event = d->events[i];
            const struct loop_watch *w = event.data.ptr;
            if (!w || !w->nested) continue;
            d->events[i].data.ptr = NULL;
            tell(l, &event, true);
            left--;
        }
    }
}

void loop_poll(struct loop *l) {
    l->now_us = (uint64_t)clock_mono_us();
    tell_held(l);
    struct epoll_event events[EVENTS_PER_POLL];
    struct delivery d = {.events = events, .outer = l->delivery};
    d.count = epoll_wait(l->epoll_fd, events, EVENTS_PER_POLL, 0);
    l->delivery = &d;
    while (d.at < d.count) tell(l, &events[d.at++], true);
    l->delivery = d.outer;
}

/* Replies go out at the end of a turn. So with many events it ends before all are told: those who
 * were first needn't wait for the last, nor does what timers have to do. */
static void tell_waited(struct loop *l, uint64_t until_ns) {
    struct delivery *d = &l->waited;
    for (unsigned n = 1; d->at < d->count && !l->stopping; n++) {
        if (d->at + 1 < d->count) __builtin_prefetch(d->events[d->at + 1].data.ptr);
        tell(l, &d->events[d->at++], false);
        if (n % CLOCK_STEP && !l->took_long) continue;
        l->took_long = false;
        if ((uint64_t)clock_mono_ns() >= until_ns) return;
    }
}

static void await_events(struct loop *l) {
    int n = epoll_wait(l->epoll_fd, l->events, EVENTS_PER_WAIT, sleep_ms(l));
    ASSERT(n >= 0 || errno == EINTR);
    l->waited.count = n > 0 ? n : 0;
    l->waited.at = 0;
}

/* The two clocks aren't read at one moment. */
static void note_cpu_time(struct loop_stats *stats, uint64_t busy_ns, uint64_t on_cpu_ns) {
    uint64_t off_cpu_ns = busy_ns > on_cpu_ns ? busy_ns - on_cpu_ns : 0;
    histogram_add(&stats->on_cpu, on_cpu_ns);
    if (on_cpu_ns > stats->on_cpu_longest_ns) stats->on_cpu_longest_ns = on_cpu_ns;
    stats->off_cpu_ns += off_cpu_ns;
    if (off_cpu_ns > stats->off_cpu_longest_ns) stats->off_cpu_longest_ns = off_cpu_ns;
}

void loop_turn(struct loop *l) {
    if (l->waited.at == l->waited.count) await_events(l);
    l->no_sleep = false;
    bool reads_cpu_time = l->reads_cpu_time;
    int64_t cpu_before_ns = reads_cpu_time ? clock_thread_cpu_ns() : 0;
    uint64_t start_ns = (uint64_t)clock_mono_ns();
    l->now_us = start_ns / 1000;
    l->ready_count = (size_t)(l->waited.count - l->waited.at);
    tell_waited(l, start_ns + EVENTS_NS);
    run_timers(l);
    if (l->turn_end) l->turn_end(l->turn_end_ctx);
    uint64_t end_ns = (uint64_t)clock_mono_ns(), busy_ns = end_ns - start_ns;
    l->ended_us = end_ns / 1000;
    histogram_add(&l->stats.turns, busy_ns);
    l->stats.busy_ns += busy_ns;
    if (busy_ns > l->stats.longest_ns) l->stats.longest_ns = busy_ns;
    if (reads_cpu_time && l->reads_cpu_time)
        note_cpu_time(&l->stats, busy_ns, (uint64_t)(clock_thread_cpu_ns() - cpu_before_ns));
}

void loop_read_cpu_time(struct loop *l, bool on) {
    struct loop_stats *stats = &l->stats;
    if (l->reads_cpu_time == on) return;
    l->reads_cpu_time = on;
    stats->on_cpu = (struct histogram){0};
    stats->on_cpu_longest_ns = stats->off_cpu_ns = stats->off_cpu_longest_ns = 0;
}

void loop_run(struct loop *l) {
    l->stopping = false;
    l->ended_us = (uint64_t)clock_mono_us();
    while (!l->stopping) loop_turn(l);
}

void loop_stop(struct loop *l) {
    l->stopping = true;
}

bool loop_stopping(const struct loop *l) {
    return l->stopping;
}
