/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/server_config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/alloc.h"
#include "server/server_config_types.h"

#define LISTEN   "Listening"
#define CLIENTS  "Clients"
#define SECURITY "Security"
#define PROCESS  "Process"
#define LOG      "Log"
#define LATENCY  "Slow log and latency"

#define LOG_THRESHOLD(kind)                                                                        \
    CONFIG_INT(struct server_config, command_log[COMMAND_LOG_##kind].threshold, -1, LLONG_MAX)
#define LOG_MAX_LEN(kind)                                                                          \
    CONFIG_INT(struct server_config, command_log[COMMAND_LOG_##kind].max_len, 0, LONG_MAX)

/* Where two names mean the same, CONFIG GET shows the first. */
static const struct config_word access_words[] = {{"no", SERVER_ACCESS_NO},
                                                  {"yes", SERVER_ACCESS_YES},
                                                  {"local", SERVER_ACCESS_LOCAL},
                                                  {NULL, 0}};

static const struct config_word supervised_words[] = {{"upstart", SERVER_SUPERVISED_UPSTART},
                                                      {"systemd", SERVER_SUPERVISED_SYSTEMD},
                                                      {"auto", SERVER_SUPERVISED_AUTO},
                                                      {"no", SERVER_SUPERVISED_NO},
                                                      {NULL, 0}};

static const struct config_word oom_words[] = {{"no", SERVER_OOM_NO},
                                               {"yes", SERVER_OOM_RELATIVE},
                                               {"relative", SERVER_OOM_RELATIVE},
                                               {"absolute", SERVER_OOM_ABSOLUTE},
                                               {NULL, 0}};

static const struct config_word shutdown_words[] = {{"default", 0},
                                                    {"save", SERVER_SHUTDOWN_SAVE},
                                                    {"nosave", SERVER_SHUTDOWN_NOSAVE},
                                                    {"now", SERVER_SHUTDOWN_NOW},
                                                    {"force", SERVER_SHUTDOWN_FORCE},
                                                    {NULL, 0}};

static const struct config_word loglevel_words[] = {
    {"debug", SERVER_LOG_DEBUG},     {"verbose", SERVER_LOG_VERBOSE}, {"notice", SERVER_LOG_NOTICE},
    {"warning", SERVER_LOG_WARNING}, {"nothing", SERVER_LOG_NOTHING}, {NULL, 0}};

static const struct config_word facility_words[] = {{"user", LOG_USER},     {"local0", LOG_LOCAL0},
                                                    {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2},
                                                    {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},
                                                    {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6},
                                                    {"local7", LOG_LOCAL7}, {NULL, 0}};

static bool refuse(const struct config_change *change, const char *reason) {
    buf_append_str(change->why, reason);
    return false;
}

/* --- Checks --- */

static bool check_bind(const struct config_change *change) {
    const struct config_list *list = change->value;
    return list->n <= 16 || refuse(change, "Too many bind addresses specified.");
}

static bool check_shutdown(const struct config_change *change) {
    int flags = *(const int *)change->value;
    bool both = (flags & SERVER_SHUTDOWN_SAVE) && (flags & SERVER_SHUTDOWN_NOSAVE);
    return !both || refuse(change, "shutdown options SAVE and NOSAVE can't be used simultaneously");
}

/* Is this, up to its closing brace, one of the names that a title may hold? */
static bool title_variable(struct slice name) {
    static const char *const known[] = {"title",    "listen-addr", "server-mode", "port",
                                        "tls-port", "unixsocket",  "config-file"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (slice_eq(name, slice_str(known[i]))) return true;
    return false;
}

/* "{{" stands for a brace. */
static bool title_is_valid(const char *at) {
    if (!at[strspn(at, " ")]) return false;
    while ((at = strchr(at, '{'))) {
        const char *end = strchr(++at, '}');
        if (*at == '{') {
            at++;
            continue;
        }
        if (!end || !title_variable(slice_of(at, (size_t)(end - at)))) return false;
        at = end + 1;
    }
    return true;
}

static bool check_proc_title(const struct config_change *change) {
    return title_is_valid(*(char *const *)change->value) ||
           refuse(change, "template format is invalid or contains unknown variables");
}

/* --- Hooks --- */

/* The working directory, as an absolute path, in server->dir. */
static bool dir_read(struct server_config *server) {
    char *path = getcwd(NULL, 0);
    if (!path) return false;
    mem_free(server->dir);
    server->dir = mem_strdup(path);
    free(path);
    return true;
}

static bool apply_dir(const struct config_change *change) {
    struct server_config *server = change->owner;
    if (chdir(server->dir) == 0 && dir_read(server)) return true;
    return refuse(change, strerror(errno));
}

#define APPLY(name)                                                                                \
    static bool apply_##name(const struct config_change *change) {                                 \
        const struct server_config_hooks *hooks = &((struct server_config *)change->owner)->hooks; \
        return !hooks->name || hooks->name(hooks->ctx, change->why);                               \
    }
APPLY(listen)
APPLY(bind)
APPLY(maxclients)
APPLY(timeouts)
APPLY(buffers)
APPLY(tracking)
APPLY(log)
APPLY(crash_log)
APPLY(watchdog)
APPLY(proc_title)
APPLY(oom_score)
APPLY(command_logs)
APPLY(latency)
APPLY(purging)

/* Takes any number, but works with 1 to 500, and says so. */
static bool apply_hz(const struct config_change *change) {
    struct server_config *server = change->owner;
    if (server->hz < 1) server->hz = 1;
    if (server->hz > 500) server->hz = 500;
    return true;
}

static const struct config_param rows[] = {
    {"port", CONFIG_INT(struct server_config, port, 0, 65535), "6379", .group = LISTEN,
     .apply = apply_listen, .about = "TCP port; 0 for none."},
    {"bind", CONFIG_LIST(struct server_config, bind), "* -::*", .group = LISTEN,
     .flags = CONFIG_MULTI_ARG, .check = check_bind, .apply = apply_bind,
     .about = "Addresses to listen on; with a leading dash one that may be missing."},
    {"tcp-backlog", CONFIG_INT(struct server_config, tcp_backlog, 0, INT_MAX), "511",
     .group = LISTEN, .flags = CONFIG_IMMUTABLE,
     .about = "Connections that may wait to be accepted."},
    {"unixsocket", CONFIG_STRING(struct server_config, unixsocket), NULL, .group = LISTEN,
     .flags = CONFIG_IMMUTABLE | CONFIG_EMPTY_IS_NULL,
     .about = "Path of a Unix socket to listen on."},
    {"unixsocketperm", CONFIG_OCTAL(struct server_config, unixsocketperm, 0, 0777), "0",
     .group = LISTEN, .flags = CONFIG_IMMUTABLE,
     .about = "Mode of the Unix socket, octal; 0 to leave it to the umask."},
    {"unixsocketgroup", CONFIG_STRING(struct server_config, unixsocketgroup), NULL, .group = LISTEN,
     .flags = CONFIG_IMMUTABLE | CONFIG_EMPTY_IS_NULL,
     .about = "Name of the group that the Unix socket belongs to, if not the process's."},
    {"bind-source-addr", CONFIG_STRING(struct server_config, bind_source_addr), NULL,
     .group = LISTEN, .flags = CONFIG_EMPTY_IS_NULL,
     .about = "Address from which connections to other servers are made."},
    {"socket-mark-id", CONFIG_INT(struct server_config, socket_mark_id, 0, UINT_MAX), "0",
     .group = LISTEN, .flags = CONFIG_IMMUTABLE,
     .about = "Firewall mark of the sockets; 0 for none."},
    {"maxclients", CONFIG_INT(struct server_config, maxclients, 1, UINT_MAX), "10000",
     .group = CLIENTS, .apply = apply_maxclients, .about = "Connections at the same time."},
    {"timeout", CONFIG_INT(struct server_config, timeout, 0, INT_MAX), "0", .group = CLIENTS,
     .apply = apply_timeouts,
     .about = "Seconds after which an idle connection is closed; 0 for never."},
    {"tcp-keepalive", CONFIG_INT(struct server_config, tcp_keepalive, 0, INT_MAX), "300",
     .group = CLIENTS, .about = "Seconds between probes of an idle TCP connection; 0 for none."},
    {"client-query-buffer-limit",
     CONFIG_MEMORY(struct server_config, client_query_buffer_limit, 1024 * 1024, LONG_MAX), "1gb",
     .group = CLIENTS, .apply = apply_buffers,
     .about = "Bytes of unfinished requests at which a client is closed."},
    {"client-output-buffer-limit",
     CONFIG_OTHER(struct server_config, client_output_buffer_limit, server_type_output_limits),
     "normal 0 0 0 slave 256mb 64mb 60 pubsub 32mb 8mb 60", .group = CLIENTS,
     .flags = CONFIG_MULTI_ARG, .apply = apply_buffers,
     .about = "Unread replies at which a client is closed: class, hard, soft, seconds above soft."},
    {"maxmemory-clients", CONFIG_PERCENT(struct server_config, maxmemory_clients, LLONG_MAX), "0",
     .group = CLIENTS, .apply = apply_buffers,
     .about = "Memory of all clients, in bytes or percent of maxmemory; the largest are closed."},
    {"tracking-table-max-keys",
     CONFIG_INT(struct server_config, tracking_table_max_keys, 0, LONG_MAX), "1000000",
     .group = CLIENTS, .apply = apply_tracking,
     .about = "Keys to remember for client-side caching; 0 for no limit."},
    {"protected-mode", CONFIG_BOOL(struct server_config, protected_mode), "yes", .group = SECURITY,
     .about = "Without a password, answer clients of this machine only."},
    {"enable-protected-configs",
     CONFIG_ENUM(struct server_config, enable_protected_configs, access_words), "no",
     .group = SECURITY, .flags = CONFIG_IMMUTABLE,
     .about = "Who may CONFIG SET protected parameters: no, yes, or local connections."},
    {"enable-debug-command", CONFIG_ENUM(struct server_config, enable_debug_command, access_words),
     "no", .group = SECURITY, .flags = CONFIG_IMMUTABLE,
     .about = "Who may use DEBUG: no, yes, or local connections."},
    {"enable-module-command",
     CONFIG_ENUM(struct server_config, enable_module_command, access_words), "no",
     .group = SECURITY, .flags = CONFIG_IMMUTABLE,
     .about = "Who may use MODULE: no, yes, or local connections."},
    {"rename-command", CONFIG_LINES(struct server_config, rename_command, 2, 2), NULL,
     .group = SECURITY, .flags = CONFIG_FILE_ONLY | CONFIG_NO_REWRITE | CONFIG_SENSITIVE,
     .about = "A command and its new name; an empty name takes the command away."},
    {"extended-redis-compatibility",
     CONFIG_BOOL(struct server_config, extended_redis_compatibility), "no", .group = SECURITY,
     .about = "Show names and fields as Redis does where Valkey has its own."},
    {"databases", CONFIG_INT(struct server_config, databases, 1, INT_MAX), "16", .group = PROCESS,
     .flags = CONFIG_IMMUTABLE, .about = "Databases for SELECT."},
    {"dir", CONFIG_STRING(struct server_config, dir), NULL, .group = PROCESS,
     .flags = CONFIG_PROTECTED | CONFIG_NOT_LOADING | CONFIG_APPLY_LOAD | CONFIG_ALWAYS_WRITE,
     .apply = apply_dir, .about = "Working directory: where data files, and relative paths, are."},
    {"daemonize", CONFIG_BOOL(struct server_config, daemonize), "no", .group = PROCESS,
     .flags = CONFIG_IMMUTABLE, .about = "Go into the background."},
    {"pidfile", CONFIG_STRING(struct server_config, pidfile), NULL, .group = PROCESS,
     .flags = CONFIG_IMMUTABLE | CONFIG_EMPTY_IS_NULL,
     .about = "File to write the process id to; a daemon without one uses /var/run/drey.pid."},
    {"supervised", CONFIG_ENUM(struct server_config, supervised, supervised_words), "no",
     .group = PROCESS, .flags = CONFIG_IMMUTABLE,
     .about = "Tell a service manager when ready: no, systemd, upstart, or auto."},
    {"hz", CONFIG_INT(struct server_config, hz, 0, INT_MAX), "10", .group = PROCESS,
     .flags = CONFIG_KEPT | CONFIG_APPLY_LOAD, .apply = apply_hz,
     .about = "Rounds of background work a second (kept, without effect)."},
    {"set-proc-title", CONFIG_BOOL(struct server_config, set_proc_title), "yes", .group = PROCESS,
     .flags = CONFIG_IMMUTABLE, .about = "Show the state of the server in the list of processes."},
    {"proc-title-template", CONFIG_STRING(struct server_config, proc_title_template),
     "{title} {listen-addr} {server-mode}", .group = PROCESS, .check = check_proc_title,
     .apply = apply_proc_title,
     .about = "What to show there; {title}, {listen-addr}, {port} and the like stand for values."},
    {"jemalloc-bg-thread", CONFIG_BOOL(struct server_config, purge_in_background), "yes",
     .group = PROCESS, .apply = apply_purging,
     .about = "Give unused pages back from a thread, so that no request waits for it."},
    {"oom-score-adj", CONFIG_ENUM(struct server_config, oom_score_adj, oom_words), "no",
     .group = PROCESS, .apply = apply_oom_score,
     .about = "Tell the kernel whom to kill first when memory is short: no, relative, absolute."},
    {"oom-score-adj-values",
     CONFIG_OTHER(struct server_config, oom_score_adj_values, server_type_oom_values), "0 200 800",
     .group = PROCESS, .flags = CONFIG_MULTI_ARG, .apply = apply_oom_score,
     .about = "What to tell it for the server, for a replica, for helper processes."},
    {"disable-thp", CONFIG_BOOL(struct server_config, disable_thp), "yes", .group = PROCESS,
     .flags = CONFIG_IMMUTABLE,
     .about = "Do without transparent huge pages, which take more memory."},
    {"shutdown-on-sigterm", CONFIG_BITS(struct server_config, shutdown_on_sigterm, shutdown_words),
     "default", .group = PROCESS, .flags = CONFIG_MULTI_ARG, .check = check_shutdown,
     .about = "How to stop on SIGTERM: save, nosave, now, force."},
    {"shutdown-on-sigint", CONFIG_BITS(struct server_config, shutdown_on_sigint, shutdown_words),
     "default", .group = PROCESS, .flags = CONFIG_MULTI_ARG, .check = check_shutdown,
     .about = "How to stop on SIGINT."},
    {"shutdown-timeout", CONFIG_INT(struct server_config, shutdown_timeout, 0, INT_MAX), "10",
     .group = PROCESS, .about = "Seconds to wait for replicas that lag when stopping."},
    {"loglevel", CONFIG_ENUM(struct server_config, loglevel, loglevel_words), "notice",
     .group = LOG, .apply = apply_log, .about = "Least important messages to log."},
    {"logfile", CONFIG_STRING(struct server_config, logfile), "", .group = LOG,
     .flags = CONFIG_IMMUTABLE, .about = "Log file; empty for standard output."},
    {"syslog-enabled", CONFIG_BOOL(struct server_config, syslog_enabled), "no", .group = LOG,
     .flags = CONFIG_IMMUTABLE, .about = "Log to syslog, too."},
    {"syslog-ident", CONFIG_STRING(struct server_config, syslog_ident), "redis", .group = LOG,
     .flags = CONFIG_IMMUTABLE, .about = "Name to use in syslog."},
    {"syslog-facility", CONFIG_ENUM(struct server_config, syslog_facility, facility_words),
     "local0", .group = LOG, .flags = CONFIG_IMMUTABLE, .about = "Facility to use in syslog."},
    {"crash-log-enabled", CONFIG_BOOL(struct server_config, crash_log_enabled), "yes", .group = LOG,
     .apply = apply_crash_log, .about = "Log a report when crashing."},
    {"watchdog-period", CONFIG_INT(struct server_config, watchdog_period, 0, INT_MAX), "0",
     .group = LOG, .flags = CONFIG_HIDDEN, .apply = apply_watchdog,
     .about = "Milliseconds of one turn after which to log where the server is; 0 for off."},
    {"hide-user-data-from-log", CONFIG_BOOL(struct server_config, hide_user_data_from_log), "yes",
     .group = LOG, .apply = apply_log,
     .about = "Keep keys and values out of log and crash report."},
    {"always-show-logo", CONFIG_BOOL(struct server_config, always_show_logo), "no", .group = LOG,
     .flags = CONFIG_IMMUTABLE,
     .about = "Show the logo at start even if the log isn't a terminal."},
    {"slowlog-log-slower-than", LOG_THRESHOLD(SLOW), "10000", .group = LATENCY,
     .alias = "commandlog-execution-slower-than", .apply = apply_command_logs,
     .about = "Microseconds from which a command goes to the slow log; 0 for all, -1 for none."},
    {"slowlog-max-len", LOG_MAX_LEN(SLOW), "128", .group = LATENCY,
     .alias = "commandlog-slow-execution-max-len", .apply = apply_command_logs,
     .about = "Entries of the slow log."},
    {"commandlog-request-larger-than", LOG_THRESHOLD(LARGE_REQUEST), "1048576", .group = LATENCY,
     .apply = apply_command_logs,
     .about = "Bytes from which a request goes to the log of large ones; 0 for all, -1 for none."},
    {"commandlog-large-request-max-len", LOG_MAX_LEN(LARGE_REQUEST), "128", .group = LATENCY,
     .apply = apply_command_logs, .about = "Entries of that log."},
    {"commandlog-reply-larger-than", LOG_THRESHOLD(LARGE_REPLY), "1048576", .group = LATENCY,
     .apply = apply_command_logs,
     .about = "Bytes from which a reply goes to the log of large ones; 0 for all, -1 for none."},
    {"commandlog-large-reply-max-len", LOG_MAX_LEN(LARGE_REPLY), "128", .group = LATENCY,
     .apply = apply_command_logs, .about = "Entries of that log."},
    {"latency-monitor-threshold",
     CONFIG_INT(struct server_config, latency_monitor_threshold, 0, LLONG_MAX), "0",
     .group = LATENCY, .apply = apply_latency,
     .about = "Milliseconds from which an event goes to the latency monitor; 0 for off."},
    {"latency-tracking", CONFIG_BOOL(struct server_config, latency_tracking), "yes",
     .group = LATENCY, .apply = apply_latency,
     .about = "Keep a histogram of times for each command."},
    {"latency-tracking-info-percentiles",
     CONFIG_OTHER(struct server_config, latency_percentiles, server_type_percentiles), "50 99 99.9",
     .group = LATENCY, .flags = CONFIG_MULTI_ARG, .about = "Percentiles that INFO shows of them."},
};

void server_config_register(struct config *cfg, struct server_config *server) {
    config_register(cfg, rows, sizeof(rows) / sizeof(rows[0]), server);
    dir_read(server);
}
