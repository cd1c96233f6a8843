/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/watching.h"

#include "base/clock.h"
#include "base/num.h"
#include "exec/admission.h"
#include "exec/redact.h"
#include "server/client_addr.h"
#include "server/server.h"

enum { TOGETHER_NS = 1000 * 1000 }; /* commands are timed in groups down to this */

/* Thresholds. */

static bool is_on(const struct server_command_log *config) {
    return config->threshold >= 0 && config->max_len > 0;
}

static uint64_t in_ns(uint64_t value, uint64_t unit_ns) {
    uint64_t ns;
    return __builtin_mul_overflow(value, unit_ns, &ns) ? UINT64_MAX : ns;
}

/* 0 is for all: even an empty line is a request of some bytes. */
static size_t bytes_from(const struct server_command_log *config) {
    return is_on(config) ? (size_t)config->threshold : SIZE_MAX;
}

void watching_apply(struct server *s) {
    struct engine *e = &s->engine;
    const struct server_command_log *config = s->config.command_log;
    s->latency.threshold_ns = in_ns((uint64_t)s->config.latency_monitor_threshold, 1000 * 1000);
    e->slow_ns = s->latency.threshold_ns ? s->latency.threshold_ns : UINT64_MAX;
    if (is_on(&config[COMMAND_LOG_SLOW])) {
        uint64_t ns = in_ns((uint64_t)config[COMMAND_LOG_SLOW].threshold, 1000);
        if (ns < e->slow_ns) e->slow_ns = ns;
    }
    bool monitored = s->latency.threshold_ns != 0;
    e->evict_pool.timed = e->observer.times_files = monitored;
    loop_read_cpu_time(s->loop, monitored);
    e->gates &= ~(unsigned)GATE_TIMED;
    if (e->slow_ns < TOGETHER_NS) e->gates |= GATE_TIMED;
    s->large_request = bytes_from(&config[COMMAND_LOG_LARGE_REQUEST]);
    e->large_reply = bytes_from(&config[COMMAND_LOG_LARGE_REPLY]);
    s->watching_step = e->large_reply < WATCHING_STEP ? e->large_reply : WATCHING_STEP;
    for (int kind = 0; kind < COMMAND_LOGS; kind++)
        command_log_trim(&s->command_log[kind], (size_t)config[kind].max_len);
}

/* The logs. */

/* The client whose command it is: of a script's, who called that. NULL: nobody's. */
static const struct client *sender_of(struct session *session) {
    while (session->caller) session = session->caller;
    return session->is_client ? client_of(session) : NULL;
}

static void log_command(struct server *s, struct session *session, const struct request *r,
                        enum command_log_kind kind, uint64_t value) {
    char address[CLIENT_ADDR_MAX] = "?:0";
    struct slice argv[COMMAND_LOG_ARGS];
    const struct client *c = sender_of(session);
    for (int i = 0; i < r->argc && i < COMMAND_LOG_ARGS; i++)
        argv[i] = redact_arg(&s->engine, r->cmd, r->argv, r->argc, i);
    if (c) client_addr(c, address);
    struct command_log_record record = {
        .time_s = clock_wall_us() / 1000000,
        .value = (int64_t)value,
        .argv = argv,
        .argc = r->argc,
        .address = slice_str(address),
        .name = slice_str(c ? client_text(c, CLIENT_NAME) : ""),
    };
    command_log_add(&s->command_log[kind], &record, (size_t)s->config.command_log[kind].max_len);
}

/* EXEC isn't logged, as in Redis: what it runs is. */
static bool is_logged(const struct server *s, const struct request *r, enum command_log_kind kind,
                      uint64_t value) {
    const struct server_command_log *config = &s->config.command_log[kind];
    return is_on(config) && value >= (uint64_t)config->threshold &&
           !(r->cmd->flags & CMD_SKIP_SLOWLOG);
}

void watching_time(struct server *s, struct session *session, const struct request *r,
                   uint64_t ns) {
    bool fast = r->cmd->flags & CMD_FAST;
    latency_monitor_see(&s->latency, fast ? LATENCY_FAST_COMMAND : LATENCY_COMMAND, ns);
    if (is_logged(s, r, COMMAND_LOG_SLOW, ns / 1000))
        log_command(s, session, r, COMMAND_LOG_SLOW, ns / 1000);
}

/* The length of "$<value>\r\n". */
static size_t header_len(uint64_t value) {
    char digits[NUM_I64_MAX];
    return num_from_u64(digits, value) + 3;
}

static size_t request_bytes(const struct request *r) {
    size_t bytes = header_len((uint64_t)r->argc);
    for (int i = 0; i < r->argc; i++) bytes += header_len(r->argv[i].len) + r->argv[i].len + 2;
    return bytes;
}

void watching_requests(struct session *session, const struct request *requests, size_t count) {
    struct server *s = server_of(session->engine);
    for (size_t i = 0; i < count; i++) {
        const struct request *r = &requests[i];
        if (!r->cmd || !admission_likely(session, r)) continue;
        size_t bytes = request_bytes(r);
        if (is_logged(s, r, COMMAND_LOG_LARGE_REQUEST, bytes))
            log_command(s, session, r, COMMAND_LOG_LARGE_REQUEST, bytes);
    }
}

void watching_reply(struct session *session, const struct request *r, size_t bytes) {
    struct server *s = server_of(session->engine);
    if (r->cmd && is_logged(s, r, COMMAND_LOG_LARGE_REPLY, bytes))
        log_command(s, session, r, COMMAND_LOG_LARGE_REPLY, bytes);
}

/* The loop. */

void watching_part(struct server *s, enum latency_event event, uint64_t ns) {
    s->latency.parts_ns += ns;
    latency_monitor_see(&s->latency, event, ns);
}

void watching_evicted(struct server *s, uint64_t ns, uint64_t longest_ns) {
    latency_monitor_see(&s->latency, LATENCY_EVICTION_CYCLE, ns);
    latency_monitor_see(&s->latency, LATENCY_EVICTION_DEL, longest_ns);
}

void watching_file(struct server *s, enum file_event event, uint64_t ns) {
    static const enum latency_event events[] = {
        [FILE_LOG_WRITE] = LATENCY_AOF_WRITE,
        [FILE_LOG_WRITE_BESIDE_SYNC] = LATENCY_AOF_WRITE_PENDING_FSYNC,
        [FILE_LOG_WRITE_BESIDE_SNAPSHOT] = LATENCY_AOF_WRITE_ACTIVE_CHILD,
        [FILE_LOG_WRITE_ALONE] = LATENCY_AOF_WRITE_ALONE,
        [FILE_LOG_SYNC] = LATENCY_AOF_FSYNC_ALWAYS,
        [FILE_LOG_RENAME] = LATENCY_AOF_RENAME,
    };
    bool again = event >= FILE_LOG_WRITE_BESIDE_SYNC && event <= FILE_LOG_WRITE_ALONE;
    s->latency.parts_ns += again ? 0 : ns;
    latency_monitor_see(&s->latency, events[event], ns);
}

void watching_turn_end(struct server *s) {
    struct latency_monitor *m = &s->latency;
    if (!m->threshold_ns) return;
    uint64_t turn_ns = 1000 * ((uint64_t)clock_mono_us() - loop_now_us(s->loop));
    uint64_t parts_ns = m->parts_ns + s->engine.busy_ns - m->busy_ns;
    m->busy_ns = s->engine.busy_ns;
    m->parts_ns = 0;
    if (turn_ns > parts_ns) latency_monitor_see(m, LATENCY_EVENTLOOP, turn_ns - parts_ns);
}

void watching_release(struct server *s) {
    for (int kind = 0; kind < COMMAND_LOGS; kind++) command_log_trim(&s->command_log[kind], 0);
    latency_monitor_release(&s->latency);
}
