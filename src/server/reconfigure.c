/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/reconfigure.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/heap.h"
#include "exec/config_file.h"
#include "server/server.h"
#include "server/watching.h"

static bool reopen(void *ctx, enum listener_kind kind, const char *error, struct buf *why) {
    struct buf reason = BUF_INIT; /* is in the log */
    bool listening = listeners_reopen(ctx, kind, &reason);
    buf_release(&reason);
    if (!listening) buf_append_str(why, error);
    return listening;
}

static bool on_listen(void *ctx, struct buf *why) {
    return reopen(ctx, LISTENER_TCP, "Unable to listen on this port. Check server logs.", why);
}

static bool on_bind(void *ctx, struct buf *why) {
    const char *error = "Failed to bind to specified addresses.";
    return reopen(ctx, LISTENER_TCP, error, why) && reopen(ctx, LISTENER_TLS, error, why);
}

static bool on_maxclients(void *ctx, struct buf *why) {
    struct server *s = ctx;
    uint32_t most = process_raise_open_files(&s->log, (uint32_t)s->config.maxclients);
    if (most >= (uint64_t)s->config.maxclients) return true;
    buf_appendf(
        why,
        "The operating system is not able to handle the specified number of clients, try with %u",
        most);
    return false;
}

static void apply_log(struct server *s) {
    log_set_level(&s->log, (enum log_level)s->config.loglevel);
    s->crash.hide_user_data = s->config.hide_user_data_from_log;
}

static bool on_log(void *ctx, struct buf *why) {
    apply_log(ctx);
    return true;
}

static bool on_crash_log(void *ctx, struct buf *why) {
    struct server *s = ctx;
    crash_enable(s->config.crash_log_enabled);
    return true;
}

/* The cron holds the watchdog back: as in Redis it gets time for two rounds at least. */
static bool on_watchdog(void *ctx, struct buf *why) {
    struct server *s = ctx;
    int64_t least = 2 * SERVER_CRON_US / 1000;
    if (s->config.watchdog_period && s->config.watchdog_period < least)
        s->config.watchdog_period = least;
    crash_watchdog(s->config.watchdog_period);
    return true;
}

void reconfigure_title(struct server *s) {
    if (!s->config.set_proc_title) return;
    const char *path = config_path(s->registry);
    long long port = server_main_port(s);
    struct buf address = BUF_INIT, title = BUF_INIT;
    if (s->config.bind.n)
        buf_appendf(&address, "%s:%lld", s->config.bind.items[0], port);
    else
        buf_appendf(&address, "*:%lld", port);
    struct process_title_values values = {
        .title = s->executable,
        .listen_addr = port ? address.data : s->config.unixsocket,
        .server_mode = "",
        .port = (int)s->config.port,
        .tls_port = (int)s->tls.port,
        .unixsocket = s->config.unixsocket ? s->config.unixsocket : "",
        .config_file = path ? path : "",
    };
    if (!values.listen_addr) values.listen_addr = "";
    if (process_title_expand(&title, s->config.proc_title_template, &values))
        process_title_set(&s->title, title.data);
    buf_release(&address);
    buf_release(&title);
}

static bool on_proc_title(void *ctx, struct buf *why) {
    reconfigure_title(ctx);
    return true;
}

static bool on_oom_score(void *ctx, struct buf *why) {
    struct server *s = ctx;
    enum process_oom_mode mode = PROCESS_OOM_NO;
    if (s->config.oom_score_adj == SERVER_OOM_RELATIVE) mode = PROCESS_OOM_RELATIVE;
    if (s->config.oom_score_adj == SERVER_OOM_ABSOLUTE) mode = PROCESS_OOM_ABSOLUTE;
    int failed = process_oom_adjust(&s->oom, mode, (int)s->config.oom_score_adj_values.of[0]);
    if (failed == 0) return true;
    log_warning(&s->log, "Unable to write oom_score_adj: %s", strerror(-failed));
    buf_append_str(why, "Failed to set current oom_score_adj. Check server logs.");
    return false;
}

/* The allocator's threads have the priority of the one that asks for them, so that is the one for
 * what can wait. */
struct purging_job {
    struct background_job job; /* first */
    bool on;
};

static void run_purging(struct background_job *job) {
    int64_t on = ((struct purging_job *)job)->on, before;
    heap_param_int("background_thread", &on, &before);
    mem_free(job);
}

static bool on_purging(void *ctx, struct buf *why) {
    struct server *s = ctx;
    struct purging_job *job = mem_alloc(sizeof *job);
    *job = (struct purging_job){.job.run = run_purging, .on = s->config.purge_in_background};
    background_add(s->background, BACKGROUND_FREE, &job->job);
    return true;
}

static bool on_latency(void *ctx, struct buf *why) {
    struct server *s = ctx;
    s->engine.latency_tracking = s->config.latency_tracking;
    watching_apply(s);
    return true;
}

static bool on_command_logs(void *ctx, struct buf *why) {
    watching_apply(ctx);
    return true;
}

void reconfigure_start(struct server *s) {
    struct server_config_hooks *hooks = &s->config.hooks;
    hooks->ctx = s;
    hooks->listen = on_listen;
    hooks->bind = on_bind;
    hooks->maxclients = on_maxclients;
    hooks->log = on_log;
    hooks->crash_log = on_crash_log;
    hooks->watchdog = on_watchdog;
    hooks->proc_title = on_proc_title;
    hooks->oom_score = on_oom_score;
    hooks->latency = on_latency;
    hooks->purging = on_purging;
    hooks->command_logs = on_command_logs;
    apply_log(s);
    on_latency(s, NULL);
    on_watchdog(s, NULL);
    on_purging(s, NULL);
    if (s->config.disable_thp) process_disable_thp();
    if (s->config.oom_score_adj != SERVER_OOM_NO) on_oom_score(s, &(struct buf)BUF_INIT);
    reconfigure_title(s);
}
