/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/version.h"
#include "cmd/families.h"
#include "exec/acl_file.h"
#include "exec/blocking_keys.h"
#include "exec/config_file.h"
#include "exec/config_kept.h"
#include "exec/redact.h"
#include "pubsub/pubsub.h"
#include "script/script_engine.h"
#include "server/access.h"
#include "server/busy.h"
#include "server/families.h"
#include "server/info_sections.h"
#include "server/observer.h"
#include "server/reconfigure.h"
#include "server/system_check.h"
#include "server/watching.h"

enum {
    EVICTION_US = 1000,             /* until eviction begins */
    EVICTION_RETRY_US = 100 * 1000, /* when nothing may be evicted */
    POOL_KEPT = 16,                 /* reply chunks kept for reuse */
};

int64_t server_main_port(const struct server *s) {
    return s->config.port ? s->config.port : s->tls.port;
}

struct server *server_of(const struct engine *e) {
    return e->server;
}

/* Commands that need memory evict for themselves. What is over the limit beyond that goes here, a
 * slice a turn: because the limit was lowered, or it's not commands that take the memory. As in
 * Redis, no key goes during CLIENT PAUSE. */
static bool eviction_due(const struct server *s) {
    const struct db_config *db = &s->engine.settings.db;
    return evict_wanted(&s->engine.keyspace, db) && db->maxmemory_policy != DB_POLICY_NOEVICTION &&
           !client_pause_on(&s->pause);
}

static void on_eviction(struct loop_timer *timer) {
    struct server *s = (struct server *)((char *)timer - offsetof(struct server, eviction));
    engine_tick(&s->engine);
    s->engine.evicting = false;
    if (!eviction_due(s)) return;
    enum evict_result result = dispatch_make_room(&s->engine, false);
    s->engine.evicting = result == EVICT_MORE;
    if (blocking_ready(&s->engine)) blocking_serve(&s->engine);
    if (result == EVICT_NOTHING)
        loop_timer_start(s->loop, timer, loop_now_us(s->loop) + EVICTION_RETRY_US);
    else if (result == EVICT_MORE)
        loop_timer_start(s->loop, timer, 0);
}

/* What is kept for reuse mustn't cost keys when the limit is near. */
static void trim_pool(struct server *s) {
    size_t kept = s->reply_pool.count * (sizeof(struct reply_chunk) + REPLY_CHUNK);
    if (mem_used() + kept > s->engine.settings.db.maxmemory)
        reply_pool_trim(&s->reply_pool, POOL_KEPT);
}

static void schedule_eviction(struct server *s) {
    if (!s->engine.settings.db.maxmemory) return;
    trim_pool(s);
    if (eviction_due(s) && !loop_timer_running(&s->eviction))
        loop_timer_start(s->loop, &s->eviction, (uint64_t)clock_mono_us() + EVICTION_US);
}

/* Who has set another limit may look for what has become of it with the next command. */
static void heed_new_limit(struct server *s) {
    uint64_t limit = s->engine.settings.db.maxmemory;
    if (limit == s->eviction_limit) return;
    s->eviction_limit = limit;
    if (limit) on_eviction(&s->eviction);
}

void server_tell_alive(struct server *s, uint64_t now_us) {
    if (!s->alive_interval_us || now_us < s->alive_due_us) return;
    process_notify_alive(s->supervision);
    s->alive_due_us = now_us + s->alive_interval_us;
}

static void on_cron(struct loop_timer *timer) {
    struct server *s = (struct server *)((char *)timer - offsetof(struct server, cron));
    uint64_t start_ns = (uint64_t)clock_mono_ns();
    if (!s->debug.no_cron) {
        server_heed_signals(s);
        shutdown_cron(s);
        ticks_calibrate(&s->engine.ticks);
        reply_pool_trim(&s->reply_pool, POOL_KEPT);
        metrics_sample(s);
        uint64_t cpu_ns = (uint64_t)clock_thread_cpu_ns();
        hotkeys_adapt(&s->engine, cpu_ns);
        bigkeys_round(&s->engine, cpu_ns);
        defrag_cron(s);
        persist_cron(&s->persist);
        chores_cron(s);
        script_sessions_cron(s);
        SERVER_EXTEND(s, cron);
    }
    server_tell_alive(s, start_ns / 1000);
    if (s->config.watchdog_period) crash_watchdog(s->config.watchdog_period);
    loop_timer_start(s->loop, &s->cron, loop_now_us(s->loop) + SERVER_CRON_US);
    uint64_t ns = (uint64_t)clock_mono_ns() - start_ns;
    s->metrics.cron_ns += ns;
    watching_part(s, LATENCY_CRON, ns);
}

/* Signals. The handler only notes them: it ends the loop's sleep, and the turn's end looks; or
 * else, when it came just before that sleep, the cron timer does. */

static volatile sig_atomic_t stop_signal;
/* Files that a save which is interrupted leaves: names in the working directory. */
static char unfinished[2][64];

static void on_turn_end(void *ctx) {
    struct server *s = ctx;
    client_arrivals_run(s);
    if (__builtin_expect(stop_signal, 0) && !s->debug.no_cron) server_heed_signals(s);
    heed_new_limit(s);
    persist_turn_end(&s->persist);
    SERVER_EXTEND(s, turn_end);
    clients_turn_end(s);
    SERVER_EXTEND(s, turn_over);
    tracking_turn_over(s);
    metrics_turn_end(s);
    schedule_eviction(s);
    chores_turn_end(s);
    watching_turn_end(s);
}

static void on_stop_signal(int signal) {
    if (stop_signal) { /* somebody insists */
        for (size_t i = 0; i < sizeof unfinished / sizeof *unfinished; i++) unlink(unfinished[i]);
        _exit(1);
    }
    stop_signal = signal;
}

static void catch_signals(void) {
    snprintf(unfinished[0], sizeof unfinished[0], "temp-%ld.rdb", (long)getpid());
    snprintf(unfinished[1], sizeof unfinished[1], "temp-rewriteaof-bg-%ld.aof", (long)getpid());
    struct sigaction stop = {.sa_handler = on_stop_signal}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGHUP, &ignore, NULL);
}

void server_heed_signals(struct server *s) {
    if (!stop_signal || s->shutdown.on || loop_stopping(s->loop)) return;
    if (s->persist.loading.on)
        log_warning(&s->log, "Received shutdown signal during loading, scheduling shutdown.");
    else
        log_warning(&s->log, "Received %s scheduling shutdown...",
                    stop_signal == SIGINT ? "SIGINT" : "SIGTERM");
    int how = stop_signal == SIGINT ? s->config.shutdown_on_sigint : s->config.shutdown_on_sigterm;
    shutdown_begin(s, (unsigned)how);
}

void server_shutdown_failed(void) {
    stop_signal = 0;
}

bool server_abort_shutdown(struct server *s) {
    if (!stop_signal || loop_stopping(s->loop)) return false;
    stop_signal = 0;
    log_notice(&s->log, "Shutdown manually aborted.");
    return true;
}

static bool saves_at_shutdown(const struct server *s, unsigned how) {
    if (how & SERVER_SHUTDOWN_SAVE) return true;
    return !(how & SERVER_SHUTDOWN_NOSAVE) && s->persist.config.save.n > 0;
}

/* Until the log's first base is there, what is on disk is as of when the log was off. */
static bool has_first_base(struct server *s, unsigned how) {
    if (s->persist.aof.state != AOF_STARTING) return true;
    bool force = how & SERVER_SHUTDOWN_FORCE;
    log_warning(&s->log, force ? "Writing initial AOF. Exiting anyway."
                               : "Writing initial AOF, can't exit.");
    return force;
}

bool server_shutdown(struct server *s, unsigned how) {
    if (!has_first_base(s, how)) return false;
    if (!s->persist.loading.on && saves_at_shutdown(s, how)) {
        log_notice(&s->log, "Saving the final RDB snapshot before exiting.");
        if (!persist_save(&s->persist) && !(how & SERVER_SHUTDOWN_FORCE)) {
            log_warning(&s->log, "Error trying to save the DB, can't exit.");
            return false;
        }
    }
    process_notify_stopping(s->supervision);
    if (busy_serving(s) || s->persist.loading.on)
        listeners_close(s);                        /* the turn's end may be a moment away */
    if (s->running) client_close_soon(s->running); /* what it sent behind isn't run any more */
    loop_stop(s->loop);
    return true;
}

/* Start. */

static size_t crash_command(void *ctx, struct slice *args, size_t max) {
    const struct server *s = ctx;
    if (!s->running_request) return 0;
    const struct request *r = s->running_request;
    size_t argc = (size_t)r->argc;
    for (size_t i = 0; i < argc && i < max; i++)
        args[i] = r->cmd ? redact_arg(&s->engine, r->cmd, r->argv, r->argc, (int)i) : r->argv[i];
    return argc;
}

static void crash_info(void *ctx, struct buf *to) {
    const struct server *s = ctx;
    info_write(s->engine.info, &SLICE("everything"), 1, to);
}

static bool start_log(struct server *s) {
    const struct server_config *config = &s->config;
    int failed = log_set_file(&s->log, config->logfile);
    if (failed) {
        fprintf(stderr, "Can't open the log file %s: %s\n", config->logfile, strerror(-failed));
        return false;
    }
    if (config->syslog_enabled)
        log_start_syslog(&s->log, config->syslog_ident, config->syslog_facility);
    return true;
}

static void log_start(struct server *s) {
    const struct server_config *config = &s->config;
    int pid = (int)getpid();
    log_notice(&s->log, "Drey is starting");
    log_notice(&s->log, "Drey version=%s, bits=64, pid=%d, just started", DREY_VERSION, pid);
    if (config_path(s->registry))
        log_notice(&s->log, "Configuration loaded");
    else
        log_warning(&s->log,
                    "Warning: no config file specified, using the default config. In order to "
                    "specify a config file use %s /path/to/drey.conf",
                    s->executable);
    struct buf kept = BUF_INIT;
    config_kept_in_use(s->registry, &kept);
    if (kept.len) log_warning(&s->log, "These settings are kept but have no effect: %s", kept.data);
    buf_release(&kept);
    bool to_terminal = !config->logfile[0] && isatty(STDOUT_FILENO);
    if (!config->always_show_logo && !to_terminal) {
        struct buf cluster = BUF_INIT;
        config_value(s->registry, SLICE("cluster-enabled"), &cluster);
        log_notice(&s->log, "Running mode=%s, port=%lld.",
                   slice_is(buf_slice(&cluster), "yes") ? "cluster" : "standalone",
                   (long long)server_main_port(s));
        buf_release(&cluster);
        return;
    }
    struct buf logo = BUF_INIT;
    buf_appendf(&logo,
                "\n"
                "      __  (\\_      Drey %s\n"
                "     (_ \\ ( '>\n"
                "       ) \\/_)=    Port: %lld\n"
                "       (_(_ )_     PID: %d\n\n",
                DREY_VERSION, (long long)server_main_port(s), pid);
    log_raw(&s->log, LOG_LEVEL_NOTICE, buf_slice(&logo));
    buf_release(&logo);
}

/* What must not be renamed away says why. */
static bool rename_commands(struct server *s) {
    const struct config_lines *lines = &s->config.rename_command;
    for (size_t i = 0; i < lines->n; i++) {
        struct slice from = slice_str(lines->items[i].items[0]);
        struct slice to = slice_str(lines->items[i].items[1]);
        if (command_table_rename(s->engine.commands, from, to)) continue;
        bool known = command_find(s->engine.commands, from) != NULL;
        fprintf(stderr, "rename-command %.*s %.*s: %s\n", (int)from.len, from.ptr, (int)to.len,
                to.ptr, known ? "the target name is taken" : "no such command");
        return false;
    }
    return true;
}

static bool load_config(struct server *s, int argc, char **argv) {
    struct buf error = BUF_INIT;
    bool ok = config_load_argv(s->registry, argc, argv, &error);
    if (!ok) fputs(error.data, stderr);
    buf_release(&error);
    return ok && rename_commands(s) && start_log(s);
}

/* From here on the process is what it will be: in the background, say. */
static bool become_server(struct server *s, int argc, char **argv) {
    process_title_init(&s->title, argc, argv);
    s->supervision = process_supervise(&s->log, (enum process_supervision)s->config.supervised);
    if (s->config.daemonize && s->supervision == PROCESS_SUPERVISED_NO) {
        int failed = process_daemonize(&s->starter);
        if (failed) {
            fprintf(stderr, "Can't go to the background: %s\n", strerror(-failed));
            return false;
        }
    }
    log_start(s);
    uint32_t most = process_raise_open_files(&s->log, (uint32_t)s->config.maxclients);
    if (most == 0) return false;
    s->config.maxclients = most;
    system_warn(&s->log, s->config.disable_thp);
    return true;
}

static void assemble(struct server *s) {
    log_init(&s->log);
    s->starter = -1;
    s->debug.peak_reset_us = SERVER_PEAK_RESET_US;
    s->started_us = (uint64_t)clock_mono_us();
    s->registry = config_new(DREY_VERSION);
    engine_init(&s->engine, s->registry);
    engine_add_families(&s->engine, command_families);
    engine_add_families(&s->engine, server_families);
    persist_init(&s->persist, &s->engine, s->registry);
    s->persist.snapshot.on_written = client_pause_snapshot_moved;
    scripts_init(&s->engine);
    s->engine.server = s;
    s->engine.guard = access_guard;
    s->engine.yield = busy_yield;
    s->reading = &s->first_reading;
    s->engine.log = &s->log;
    server_config_register(s->registry, &s->config);
    s->tls.server = s;
    server_tls_register(s->registry, &s->tls);
    defrag_register(s->registry, &s->defrag.config);
    config_register_kept(s->registry);
    pubsub_start(&s->engine, client_subscribed);
    info_sections_register(s);
    reply_init(&s->muted, &s->reply_pool, 2);
    chores_init(s);
    migrate_init(s);
    SERVER_EXTEND(s, init);
    s->eviction.on_due = on_eviction;
    s->cron.on_due = on_cron;
}

static bool log_is_seen(const struct server *s) {
    return !s->config.logfile[0] && s->starter < 0;
}

/* They are there before anybody can connect. */
static bool load_users(struct server *s) {
    struct buf why = BUF_INIT;
    bool loaded = acl_load_configured(&s->engine.acl, &why);
    if (!loaded) {
        log_warning(&s->log, "Aborting startup because of ACL errors: %s", why.data);
        if (!log_is_seen(s)) fprintf(stderr, "Can't load the users: %s\n", why.data);
    }
    buf_release(&why);
    return loaded;
}

static bool start_tls(struct server *s) {
    bool started = server_tls_start(s);
    if (!started && !log_is_seen(s)) fputs("Can't configure TLS: see the log\n", stderr);
    return started;
}

struct server *server_new(int argc, char **argv, const struct server_extension *const *extensions) {
    tls_count_memory();
    struct server *s = mem_zalloc(sizeof *s);
    s->extensions = extensions;
    s->executable = process_executable(argv[0]);
    restart_note(&s->restart, s->executable, argv);
    assemble(s);
    if (!load_config(s, argc, argv) || !become_server(s, argc, argv)) return NULL;
    s->loop = loop_new();
    if (!s->loop) {
        fprintf(stderr, "Can't create the event loop: %s\n", strerror(errno));
        return NULL;
    }
    s->engine.background = s->background = background_new(s->loop);
    engine_open(&s->engine, (uint32_t)s->config.databases);
    persist_open(&s->persist);
    scripts_open(&s->engine);
    loop_on_turn_end(s->loop, on_turn_end, s);
    clients_init(s);
    script_sessions_init(s);
    loop_timer_start(s->loop, &s->cron, 0);
    s->crash = (struct crash){.log = &s->log,
                              .version = DREY_VERSION,
                              .context = s,
                              .command = crash_command,
                              .info = crash_info,
                              .hide_user_data = s->config.hide_user_data_from_log};
    crash_start(&s->crash);
    crash_enable(s->config.crash_log_enabled);
    reconfigure_start(s);
    observer_start(s);
    metrics_start(s);
    catch_signals();
    return start_tls(s) && load_users(s) && server_extend_open(s) ? s : NULL;
}

static const char *pidfile_of(const struct server *s) {
    if (s->config.pidfile && *s->config.pidfile) return s->config.pidfile;
    return s->config.daemonize ? "/var/run/drey.pid" : NULL;
}

/* What fails is logged; whoever started it reads that, or else a line on standard error. */
static bool start_listening(struct server *s) {
    struct buf why = BUF_INIT;
    bool listening = listeners_open(s, &why);
    if (listening && s->listeners.count == 0) {
        log_warning(&s->log, "Configured to not listen anywhere, exiting.");
        buf_append_str(&why, "configured to not listen anywhere");
        listening = false;
    }
    if (!listening && !log_is_seen(s)) fprintf(stderr, "Can't listen: %s\n", why.data);
    buf_release(&why);
    return listening;
}

void server_release_starter(struct server *s) {
    process_daemon_started(s->starter);
    s->starter = -1;
}

/* True as well if the process is to end before that's done. */
static bool load_data(struct server *s) {
    bool loaded = persist_begin(&s->persist);
    if (loop_stopping(s->loop)) return true;
    if (loaded) return server_extend_begin(s);
    log_warning(&s->log, "Fatal error loading the DB, check server logs. Exiting.");
    if (!log_is_seen(s)) fprintf(stderr, "Can't load the data set: see the log\n");
    return false;
}

static void serve(struct server *s) {
    if (s->config.port) log_notice(&s->log, "Ready to accept connections tcp");
    if (s->tls.port) log_notice(&s->log, "Ready to accept connections tls");
    if (s->config.unixsocket) log_notice(&s->log, "Ready to accept connections unix");
    s->alive_interval_us = (uint64_t)process_alive_interval_ms(s->supervision) * 1000;
    process_notify_ready(s->supervision, "Ready to accept connections");
    server_release_starter(s);
    loop_run(s->loop);
}

int server_run(struct server *s) {
    if (!start_listening(s) || !server_extend_listen(s)) return 1;
    const char *pidfile = pidfile_of(s);
    int failed = pidfile ? process_write_pidfile(pidfile) : 0;
    if (failed) log_warning(&s->log, "Can't write the pidfile %s: %s", pidfile, strerror(-failed));
    log_notice(&s->log, "Server initialized");
    bool loaded = load_data(s);
    if (loaded && !loop_stopping(s->loop)) serve(s);
    SERVER_EXTEND(s, end);
    persist_end(&s->persist);
    if (pidfile && !failed) {
        log_notice(&s->log, "Removing the pid file.");
        unlink(pidfile);
    }
    if (!loaded) return 1;
    listeners_close(s);
    log_warning(&s->log, "Drey is now ready to exit, bye bye...");
    return s->exit_status;
}

void server_leave(struct server *s) {
    clients_release(s);
    script_sessions_release(s);
    migrate_hurry(s);
    background_free(s->background);
    migrate_release(s);
    crash_stop();
    log_release(&s->log);
}

void server_free(struct server *s) {
    clients_release(s);
    script_sessions_release(s);
    migrate_hurry(s);
    background_free(s->background);
    migrate_release(s);
    config_free(s->registry); /* what it has the values of is still there */
    SERVER_EXTEND(s, release);
    persist_release(&s->persist);
    crash_stop();
    server_tls_release(s);
    scripts_release(&s->engine);
    engine_release(&s->engine);
    watching_release(s);
    pubsub_free(s->engine.pubsub);
    reply_release(&s->muted);
    reply_pool_release(&s->reply_pool);
    request_args_release(&s->first_reading.args);
    busy_release(s);
    loop_free(s->loop);
    log_release(&s->log);
    mem_free(s->executable);
    mem_free(s);
}
