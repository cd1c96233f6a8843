/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/info_commands.h"

#include <stdlib.h>

#include "server/server.h"

typedef void each_command(void *ctx, const struct command_entry *cmd);

static void for_command(const struct command_entry *cmd, each_command *each, void *ctx) {
    each(ctx, cmd);
    for (size_t i = 0; i < cmd->sub_count; i++) for_command(&cmd->subcommands[i], each, ctx);
}

static void for_commands(const struct engine *e, each_command *each, void *ctx) {
    for (size_t i = 0; i < command_table_count(e->commands); i++)
        for_command(command_table_at(e->commands, i), each, ctx);
}

static void add_ns(void *ctx, const struct command_entry *cmd) {
    uint64_t *sum = ctx;
    *sum += cmd->stats.nanoseconds;
}

uint64_t info_commands_ns(const struct engine *e) {
    uint64_t sum = 0;
    for_commands(e, add_ns, &sum);
    return sum;
}

static void write_calls(void *ctx, const struct command_entry *cmd) {
    struct buf *out = ctx;
    const struct command_stats *stats = &cmd->stats;
    if (!stats->calls && !stats->rejected && !stats->failed) return;
    double us = (double)stats->nanoseconds / 1000;
    buf_appendf(out,
                "cmdstat_%s:calls=%llu,usec=%.0f,usec_per_call=%.2f,rejected_calls=%llu,"
                "failed_calls=%llu\r\n",
                cmd->full_name, (unsigned long long)stats->calls, us,
                stats->calls ? us / (double)stats->calls : 0, (unsigned long long)stats->rejected,
                (unsigned long long)stats->failed);
}

void info_commands_write_calls(void *server, struct buf *out) {
    const struct server *s = server;
    for_commands(&s->engine, write_calls, out);
}

/* Redis lists them in order of the code. */
static int by_code(const void *a, const void *b) {
    const struct error_count *x = *(const struct error_count *const *)a;
    const struct error_count *y = *(const struct error_count *const *)b;
    return strcmp(x->code, y->code);
}

void info_commands_write_errors(void *server, struct buf *out) {
    const struct engine_stats *stats = &((const struct server *)server)->engine.stats;
    const struct error_count rest = {ERROR_CODES_REST, stats->error_rest};
    const struct error_count *sorted[ERROR_CODES_MAX + 1] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < stats->error_codes; i++) sorted[count++] = &stats->errors[i];
    if (rest.count) sorted[count++] = &rest;
    qsort(sorted, count, sizeof sorted[0], by_code);
    for (size_t i = 0; i < count; i++)
        buf_appendf(out, "errorstat_%s:count=%llu\r\n", sorted[i]->code,
                    (unsigned long long)sorted[i]->count);
}

struct latency_writer {
    struct buf *out;
    const struct server_percentiles *percentiles;
};

static void write_latency(void *ctx, const struct command_entry *cmd) {
    const struct latency_writer *writer = ctx;
    const struct server_percentiles *wanted = writer->percentiles;
    const struct histogram *h = cmd->stats.latency;
    if (!h || !h->total || wanted->n == 0) return;
    buf_appendf(writer->out, "latency_percentiles_usec_%s:", cmd->full_name);
    for (size_t i = 0; i < wanted->n; i++)
        buf_appendf(writer->out, "%sp%g=%.3f", i ? "," : "", wanted->items[i],
                    (double)histogram_percentile(h, wanted->items[i]) / 1000);
    buf_append_str(writer->out, "\r\n");
}

void info_commands_write_latency(void *server, struct buf *out) {
    const struct server *s = server;
    struct latency_writer writer = {out, &s->config.latency_percentiles};
    for_commands(&s->engine, write_latency, &writer);
}
