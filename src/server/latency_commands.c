/* SPDX-License-Identifier: BSD-3-Clause */
/* LATENCY: the latency monitor, and the histograms that all commands have. */
#include "base/clock.h"
#include "exec/call.h"
#include "server/families.h"
#include "server/latency_report.h"
#include "server/server.h"

static struct latency_monitor *monitor_of(const struct call *c) {
    return &server_of(c->engine)->latency;
}

/* The monitor. */

static void cmd_latency_latest(struct call *c) {
    const struct latency_monitor *m = monitor_of(c);
    struct reply_mark mark = reply_begin(c->reply);
    size_t n = 0;
    for (int event = 0; event < LATENCY_EVENT_COUNT; event++) {
        const struct latency_series *series = m->series[event];
        if (!series) continue;
        const struct latency_sample *last = latency_sample_at(series, series->count - 1);
        reply_array(c->reply, 4);
        reply_bulk_str(c->reply, latency_event_name((enum latency_event)event));
        reply_i64(c->reply, last->time_s);
        reply_i64(c->reply, last->ms);
        reply_i64(c->reply, series->worst_ms);
        n++;
    }
    reply_end_array(c->reply, mark, n);
}

/* NULL if there are no samples. */
static const struct latency_series *series_named(const struct call *c, int arg) {
    enum latency_event event = latency_event_find(c->argv[arg]);
    return event < LATENCY_EVENT_COUNT ? monitor_of(c)->series[event] : NULL;
}

static void cmd_latency_history(struct call *c) {
    const struct latency_series *series = series_named(c, 2);
    size_t count = series ? series->count : 0;
    reply_array(c->reply, count);
    for (size_t i = 0; i < count; i++) {
        const struct latency_sample *sample = latency_sample_at(series, i);
        reply_array(c->reply, 2);
        reply_i64(c->reply, sample->time_s);
        reply_i64(c->reply, sample->ms);
    }
}

static void cmd_latency_graph(struct call *c) {
    const struct latency_series *series = series_named(c, 2);
    if (!series) {
        reply_errorf(c->reply, "ERR No samples available for event '%.*s'", (int)c->argv[2].len,
                     c->argv[2].ptr);
        return;
    }
    struct buf graph = BUF_INIT;
    latency_graph(series, latency_event_find(c->argv[2]), (uint32_t)(clock_wall_us() / 1000000),
                  &graph);
    reply_verbatim(c->reply, buf_slice(&graph), "txt");
    buf_release(&graph);
}

static void cmd_latency_doctor(struct call *c) {
    struct buf report = BUF_INIT;
    latency_doctor(server_of(c->engine), &report);
    reply_verbatim(c->reply, buf_slice(&report), "txt");
    buf_release(&report);
}

static bool names_event(const struct call *c, const char *name) {
    for (int i = 2; i < c->argc; i++)
        if (arg_is(c, i, name)) return true;
    return c->argc == 2;
}

/* As in Redis events are named in any case here, but only here. */
static void cmd_latency_reset(struct call *c) {
    int64_t forgotten = 0;
    for (int event = 0; event < LATENCY_EVENT_COUNT; event++)
        if (names_event(c, latency_event_name((enum latency_event)event)))
            forgotten += latency_monitor_forget(monitor_of(c), (enum latency_event)event);
    reply_i64(c->reply, forgotten);
}

/* The histograms. */

enum { FIRST_BOUND_BIT = 10, LAST_BOUND_BIT = 40 };

/* Redis's bounds: the powers of two of nanoseconds, each as the last value of the cell that it
 * begins in a histogram of two significant digits. */
static uint64_t bound_ns(unsigned bit) {
    return ((uint64_t)1 << bit) + ((uint64_t)1 << (bit - 7)) - 1;
}

/* Microseconds up to which calls took, and how many took that or less. Bounds between which no call
 * lies are left out. */
static void reply_histogram(struct reply *r, const struct command_entry *cmd) {
    const struct histogram *h = cmd->stats.latency;
    uint64_t before = 0;
    size_t n = 0;
    reply_bulk_str(r, cmd->full_name);
    reply_map(r, 2);
    reply_bulk_str(r, "calls");
    reply_i64(r, (int64_t)h->total);
    reply_bulk_str(r, "histogram_usec");
    struct reply_mark mark = reply_begin(r);
    for (unsigned bit = FIRST_BOUND_BIT; bit <= LAST_BOUND_BIT && before < h->total; bit++) {
        uint64_t within = histogram_at_most(h, bound_ns(bit));
        if (within == before) continue;
        reply_i64(r, (int64_t)(bound_ns(bit) / 1000));
        reply_i64(r, (int64_t)within);
        before = within;
        n++;
    }
    reply_end_map(r, mark, n);
}

/* Of the command, if it was called, and its subcommands; returns how many. */
static size_t reply_histograms(struct reply *r, const struct command_entry *cmd) {
    size_t n = 0;
    if (cmd->stats.latency && cmd->stats.latency->total) {
        reply_histogram(r, cmd);
        n++;
    }
    for (size_t i = 0; i < cmd->sub_count; i++) n += reply_histograms(r, &cmd->subcommands[i]);
    return n;
}

/* What is no command is passed over. */
static void cmd_latency_histogram(struct call *c) {
    const struct command_table *commands = c->engine->commands;
    struct reply_mark mark = reply_begin(c->reply);
    size_t n = 0;
    for (int i = 2; i < c->argc; i++) {
        const struct command_entry *cmd = command_find_full(commands, c->argv[i]);
        if (cmd) n += reply_histograms(c->reply, cmd);
    }
    for (size_t i = 0; c->argc == 2 && i < command_table_count(commands); i++)
        n += reply_histograms(c->reply, command_table_at(commands, i));
    reply_end_map(c->reply, mark, n);
}

static void cmd_latency_help(struct call *c) {
    static const char *const lines[] = {
        "DOCTOR",
        "    Say what took long, and what may help.",
        "GRAPH <event>",
        "    Draw the samples of <event>.",
        "HISTOGRAM [<command> ...]",
        "    Show for these commands (default: all) how many calls took how long, or less.",
        "HISTORY <event>",
        "    Show the samples of <event>: time and milliseconds.",
        "LATEST",
        "    Show for each event the last sample and the worst.",
        "RESET [<event> ...]",
        "    Forget the samples of these events (default: of all).",
        NULL};
    call_reply_help(c, lines);
}

#define FLAGS   (CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE)
#define ASK_ALL "nondeterministic_output\nrequest_policy:all_nodes\nresponse_policy:special"

static const struct command subcommands[] = {
    {
        .name = "doctor",
        .run = cmd_latency_doctor,
        .arity = 2,
        .flags = FLAGS,
        .group = "server",
        .summary = "Says what took long, and what may help.",
        .since = "2.8.13",
        .complexity = "O(1)",
        .tips = ASK_ALL,
    },
    {
        .name = "graph",
        .run = cmd_latency_graph,
        .arity = 3,
        .flags = FLAGS,
        .group = "server",
        .summary = "Draws the samples of an event.",
        .since = "2.8.13",
        .complexity = "O(1)",
        .syntax = "event",
        .tips = ASK_ALL,
    },
    COMMAND_HELP(cmd_latency_help, 0, "server", "2.8.13"),
    {
        .name = "histogram",
        .run = cmd_latency_histogram,
        .arity = -2,
        .flags = FLAGS,
        .group = "server",
        .summary = "Shows how the times of calls are distributed, of some commands or all.",
        .since = "7.0.0",
        .complexity = "O(N) in the number of commands shown",
        .syntax = "[command ...]",
        .tips = ASK_ALL,
    },
    {
        .name = "history",
        .run = cmd_latency_history,
        .arity = 3,
        .flags = FLAGS,
        .group = "server",
        .summary = "Shows the samples of an event.",
        .since = "2.8.13",
        .complexity = "O(1)",
        .syntax = "event",
        .tips = ASK_ALL,
    },
    {
        .name = "latest",
        .run = cmd_latency_latest,
        .arity = 2,
        .flags = FLAGS,
        .group = "server",
        .summary = "Shows the last sample of each event, and the worst.",
        .since = "2.8.13",
        .complexity = "O(1)",
        .tips = ASK_ALL,
    },
    {
        .name = "reset",
        .run = cmd_latency_reset,
        .arity = -2,
        .flags = FLAGS,
        .group = "server",
        .summary = "Forgets the samples of some events or all.",
        .since = "2.8.13",
        .complexity = "O(1)",
        .syntax = "[event ...]",
        .tips = "request_policy:all_nodes\nresponse_policy:all_succeeded",
    },
    {.name = NULL},
};

const struct command latency_commands[] = {
    {
        .name = "latency",
        .arity = -2,
        .subcommands = subcommands,
        .group = "server",
        .summary = "Holds the commands about latency.",
        .since = "2.8.13",
        .complexity = "Depends on the subcommand.",
    },
    {.name = NULL},
};
