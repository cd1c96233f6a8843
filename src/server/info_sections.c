/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/info_sections.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/version.h"
#include "exec/blocking_keys.h"
#include "exec/config_file.h"
#include "persist/persist_info.h"
#include "pubsub/pubsub.h"
#include "script/script_engine.h"
#include "server/info_commands.h"
#include "server/memory_overview.h"
#include "server/server.h"

/* Server. */

static void write_version(const struct server *s, struct buf *out) {
    info_str(out, "redis_version", DREY_REDIS_VERSION);
    info_str(out, "redis_git_sha1", "00000000");
    info_str(out, "redis_git_dirty", "0");
    info_str(out, "redis_build_id", "0000000000000000");
    info_str(out, "redis_mode", s->engine.gates & GATE_CLUSTER ? "cluster" : "standalone");
    info_str(out, "server_name", "drey");
    info_str(out, "drey_version", DREY_VERSION);
    if (!s->config.extended_redis_compatibility) info_str(out, "server_mode", "standalone");
}

static void write_platform(const struct server *s, struct buf *out) {
    const struct ticks *ticks = &s->engine.ticks;
    struct utsname os = {0};
    uname(&os);
    buf_appendf(out, "os:%s %s %s\r\n", os.sysname, os.release, os.machine);
    info_u64(out, "arch_bits", 8 * sizeof(void *));
    if (ticks->counter)
        buf_appendf(out, "monotonic_clock:CPU counter @ %.0f ticks/us\r\n",
                    1000 * 4294967296.0 / (double)ticks->factor);
    else
        info_str(out, "monotonic_clock", "POSIX clock_gettime");
    info_str(out, "multiplexing_api", "epoll");
    info_str(out, "atomicvar_api", "c11-builtin");
#ifdef __clang__
    info_str(out, "gcc_version", "0.0.0");
#else
    buf_appendf(out, "gcc_version:%d.%d.%d\r\n", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

static void write_port(const struct server *s, const char *name, int64_t port, struct buf *out) {
    buf_appendf(out, "name=%s", name);
    for (size_t i = 0; i < s->config.bind.n; i++)
        buf_appendf(out, ",bind=%s", s->config.bind.items[i]);
    buf_appendf(out, ",port=%d\r\n", (int)port);
}

static void write_listeners(const struct server *s, struct buf *out) {
    int count = 0;
    if (s->config.port) {
        buf_appendf(out, "listener%d:", count++);
        write_port(s, "tcp", s->config.port, out);
    }
    if (s->config.unixsocket)
        buf_appendf(out, "listener%d:name=unix,bind=%s\r\n", count++, s->config.unixsocket);
    if (s->tls.port) {
        buf_appendf(out, "listener%d:", count);
        write_port(s, "tls", s->tls.port, out);
    }
}

static void write_server(void *ctx, struct buf *out) {
    const struct server *s = ctx;
    uint64_t up_s = (loop_now_us(s->loop) - s->started_us) / 1000000;
    write_version(s, out);
    write_platform(s, out);
    info_i64(out, "process_id", getpid());
    buf_append_str(out, "process_supervised:");
    config_value(s->registry, SLICE("supervised"), out);
    buf_append_str(out, "\r\n");
    info_str(out, "run_id", s->engine.run_id);
    info_i64(out, "tcp_port", server_main_port(s));
    info_u64(out, "server_time_usec", s->engine.now_us);
    info_u64(out, "uptime_in_seconds", up_s);
    info_u64(out, "uptime_in_days", up_s / 86400);
    info_i64(out, "hz", s->config.hz);
    info_i64(out, "configured_hz", s->config.hz);
    info_u64(out, "lru_clock", (s->engine.now_us / 1000000) & 0xffffff);
    info_str(out, "executable", s->executable);
    const char *path = config_path(s->registry);
    info_str(out, "config_file", path ? path : "");
    info_u64(out, "io_threads_active", 0);
    write_listeners(s, out);
    if (s->shutdown.on) info_u64(out, "shutdown_in_milliseconds", shutdown_left_ms(s));
}

/* Clients. */

static void write_clients(void *ctx, struct buf *out) {
    struct server *s = ctx;
    struct memory_overview m;
    memory_overview_read(s, &m);
    info_u64(out, "connected_clients", s->client_count - s->replica_count);
    info_u64(out, "cluster_connections", 0);
    info_i64(out, "maxclients", s->config.maxclients);
    info_u64(out, "client_recent_max_input_buffer", m.largest_input);
    info_u64(out, "client_recent_max_output_buffer", m.largest_output);
    info_u64(out, "blocked_clients", s->pause.held.count + s->engine.blocking.count);
    info_u64(out, "tracking_clients", s->tracking.clients.count);
    info_u64(out, "pubsub_clients", pubsub_sessions(s->engine.pubsub));
    info_u64(out, "watching_clients", s->engine.watching);
    info_u64(out, "clients_in_timeout_table", s->engine.blocking.timed);
    info_u64(out, "total_watched_keys", key_index_count(&s->engine.watched));
    info_u64(out, "total_blocking_keys", blocking_keys_count(&s->engine, false));
    info_u64(out, "total_blocking_keys_on_nokey", blocking_keys_count(&s->engine, true));
}

/* Sections of what isn't there. */

/* The section has its place; what is in it is the business of repl/. */
static void write_replication(void *ctx, struct buf *out) {}

/* Nothing, or what others add to the section has its place here. */
static void write_nothing(void *ctx, struct buf *out) {}

/* Stats. */

/* Of a rate of bytes per microsecond: KB per second. */
static double kbps(const struct metrics_rate *rate) {
    return 1e6 * metrics_rate_average(rate) / 1024;
}

static void write_traffic(const struct server *s, struct buf *out) {
    const struct metrics *m = &s->metrics;
    info_u64(out, "total_connections_received", s->stats.connections);
    info_u64(out, "total_commands_processed", s->engine.stats.commands);
    info_u64(out, "instantaneous_ops_per_sec",
             (uint64_t)(1e6 * metrics_rate_average(&m->commands)));
    info_u64(out, "total_net_input_bytes", s->stats.net_in);
    info_u64(out, "total_net_output_bytes", s->stats.net_out);
    info_u64(out, "total_net_repl_input_bytes", s->stats.net_repl_in);
    info_u64(out, "total_net_repl_output_bytes", s->stats.net_repl_out);
    info_f2(out, "instantaneous_input_kbps", kbps(&m->net_in));
    info_f2(out, "instantaneous_output_kbps", kbps(&m->net_out));
    info_f2(out, "instantaneous_input_repl_kbps", kbps(&m->net_repl_in));
    info_f2(out, "instantaneous_output_repl_kbps", kbps(&m->net_repl_out));
    info_u64(out, "rejected_connections", s->stats.rejected);
    info_u64(out, "sync_full", s->stats.sync_full);
    info_u64(out, "sync_partial_ok", s->stats.sync_partial_ok);
    info_u64(out, "sync_partial_err", s->stats.sync_partial_err);
}

static void write_keyspace_stats(const struct server *s, struct buf *out) {
    const struct keyspace_stats *ks = &s->engine.keyspace.stats;
    info_u64(out, "expired_keys", ks->expired);
    info_u64(out, "expired_subkeys", ks->expired_parts);
    info_f2(out, "expired_stale_perc", 0); /* each goes when it's due, there's nothing to guess */
    info_u64(out, "expired_time_cap_reached_count", ks->expire_cut_short);
    info_u64(out, "expire_cycle_cpu_milliseconds", s->metrics.expire_ns / 1000000);
    info_u64(out, "evicted_keys", ks->evicted);
    info_u64(out, "evicted_clients", s->stats.evicted_clients);
    info_u64(out, "evicted_scripts", s->engine.scripts->cache.evicted);
    info_u64(out, "total_eviction_exceeded_time", 0);
    info_u64(out, "current_eviction_exceeded_time", 0);
    info_u64(out, "keyspace_hits", ks->hits);
    info_u64(out, "keyspace_misses", ks->misses);
    const struct pubsub *channels = s->engine.pubsub;
    info_u64(out, "pubsub_channels", pubsub_topics(channels, PUBSUB_CHANNEL));
    info_u64(out, "pubsub_patterns", pubsub_topics(channels, PUBSUB_PATTERN));
    info_u64(out, "pubsubshard_channels", pubsub_topics(channels, PUBSUB_SHARD));
    info_u64(out, "latest_fork_usec", s->script_sessions.fork_us);
    info_u64(out, "total_forks", s->script_sessions.forks);
    info_u64(out, "migrate_cached_sockets", s->migrate.link_count);
    info_u64(out, "slave_expires_tracked_keys", s->stats.own_expiries);
    defrag_write_stats(s, out);
    info_u64(out, "tracking_total_keys", tracked_keys_count(&s->tracking.keys));
    info_u64(out, "tracking_total_items", s->tracking.keys.items);
    info_u64(out, "tracking_total_prefixes", tracking_prefixes_count(&s->tracking.prefixes));
}

static void write_loop(const struct server *s, struct buf *out) {
    const struct loop_stats *loop = loop_stats(s->loop);
    const struct metrics *m = &s->metrics;
    info_u64(out, "eventloop_cycles", loop->turns.total);
    info_u64(out, "eventloop_duration_sum", loop->busy_ns / 1000);
    info_u64(out, "eventloop_duration_cmd_sum", info_commands_ns(&s->engine) / 1000);
    info_u64(out, "instantaneous_eventloop_cycles_per_sec",
             (uint64_t)(1e6 * metrics_rate_average(&m->turns)));
    info_u64(out, "instantaneous_eventloop_duration_usec",
             (uint64_t)metrics_rate_average(&m->turn_ns) / 1000);
}

static void write_stats(void *ctx, struct buf *out) {
    const struct server *s = ctx;
    write_traffic(s, out);
    write_keyspace_stats(s, out);
    info_u64(out, "unexpected_error_replies", s->stats.unexpected_errors);
    info_u64(out, "total_error_replies", s->engine.stats.error_replies);
    info_u64(out, "dump_payload_sanitizations", 0);
    info_u64(out, "total_reads_processed", s->stats.reads);
    info_u64(out, "total_writes_processed", s->stats.writes);
    info_u64(out, "io_threaded_reads_processed", 0);
    info_u64(out, "io_threaded_writes_processed", 0);
    info_u64(out, "io_threaded_total_prefetch_batches", 0);
    info_u64(out, "io_threaded_total_prefetch_entries", 0);
    info_u64(out, "client_query_buffer_limit_disconnections", s->stats.query_limit_closes);
    info_u64(out, "client_output_buffer_limit_disconnections", s->stats.output_limit_closes);
    info_u64(out, "reply_buffer_shrinks", 0);
    info_u64(out, "reply_buffer_expands", 0);
    write_loop(s, out);
    const uint64_t *denied = s->engine.acl.stats.denied;
    info_u64(out, "acl_access_denied_auth", denied[ACL_REASON_AUTH]);
    info_u64(out, "acl_access_denied_cmd", denied[ACL_REASON_COMMAND]);
    info_u64(out, "acl_access_denied_key", denied[ACL_REASON_KEY]);
    info_u64(out, "acl_access_denied_channel", denied[ACL_REASON_CHANNEL]);
}

static void write_lengths(struct buf *out, const char *name, const struct histogram *turns,
                          uint64_t longest_ns) {
    static const double percentiles[] = {50, 99, 99.9, 99.99};
    buf_appendf(out, "%s:", name);
    for (size_t i = 0; i < sizeof percentiles / sizeof *percentiles; i++)
        buf_appendf(out, "p%g=%llu,", percentiles[i],
                    (unsigned long long)histogram_percentile(turns, percentiles[i]) / 1000);
    buf_appendf(out, "max=%llu\r\n", (unsigned long long)longest_ns / 1000);
}

/* Others wait for a turn: what lasts longer than a request may take is a stall. CPU time is read
 * while the latency monitor is on. */
static void write_turns(void *ctx, struct buf *out) {
    static const unsigned limits_us[] = {100, 200, 500, 1000, 2000, 5000, 10000, 100000};
    const struct server *s = ctx;
    const struct loop_stats *loop = loop_stats(s->loop);
    const struct histogram *turns = &loop->turns;
    info_u64(out, "loop_turns", turns->total);
    write_lengths(out, "loop_turn_usec", turns, loop->longest_ns);
    if (loop->on_cpu.total) {
        write_lengths(out, "loop_turn_on_cpu_usec", &loop->on_cpu, loop->on_cpu_longest_ns);
        buf_appendf(out, "loop_turn_off_cpu_usec:sum=%llu,max=%llu\r\n",
                    (unsigned long long)loop->off_cpu_ns / 1000,
                    (unsigned long long)loop->off_cpu_longest_ns / 1000);
    }
    buf_append_str(out, "loop_turns_longer_than_usec:");
    for (size_t i = 0; i < sizeof limits_us / sizeof *limits_us; i++) {
        uint64_t at_most = histogram_at_most(turns, 1000ULL * limits_us[i]);
        buf_appendf(out, "%s%u=%llu", i ? "," : "", limits_us[i],
                    (unsigned long long)(turns->total - at_most));
    }
    buf_append_str(out, "\r\n");
}

static void write_debug(void *ctx, struct buf *out) {
    const struct server *s = ctx;
    info_u64(out, "eventloop_duration_aof_sum", s->persist.aof.log.busy_ns / 1000);
    info_u64(out, "eventloop_duration_cron_sum", s->metrics.cron_ns / 1000);
    info_u64(out, "eventloop_duration_max", loop_stats(s->loop)->longest_ns / 1000);
    info_u64(out, "eventloop_cmd_per_cycle_max", s->metrics.turn_commands_max);
}

/* CPU. */

static void write_seconds(struct buf *out, const char *name, struct timeval time) {
    buf_appendf(out, "%s:%ld.%06ld\r\n", name, (long)time.tv_sec, (long)time.tv_usec);
}

static void write_cpu(void *ctx, struct buf *out) {
    struct rusage process, children, thread;
    getrusage(RUSAGE_SELF, &process);
    getrusage(RUSAGE_CHILDREN, &children);
    getrusage(RUSAGE_THREAD, &thread);
    write_seconds(out, "used_cpu_sys", process.ru_stime);
    write_seconds(out, "used_cpu_user", process.ru_utime);
    write_seconds(out, "used_cpu_sys_children", children.ru_stime);
    write_seconds(out, "used_cpu_user_children", children.ru_utime);
    write_seconds(out, "used_cpu_sys_main_thread", thread.ru_stime);
    write_seconds(out, "used_cpu_user_main_thread", thread.ru_utime);
}

/* Keyspace. */

/* Milliseconds that keys with a deadline have left, on average over a few picked at random; 0 if
 * none was met. */
static uint64_t average_ttl(struct db *db) {
    enum { PICKS = 64 };
    uint64_t now_ms = db->keyspace->now_ms, sum = 0, met = 0;
    for (int i = 0; db->deadlines && i < PICKS; i++) {
        const struct entry *e = table_random(&db->table, &db->keyspace->rng); /* deletes nothing */
        if (!e || !(e->flags & ENTRY_DEADLINE)) continue;
        uint64_t deadline = entry_deadline(e);
        sum += deadline > now_ms ? deadline - now_ms : 0;
        met++;
    }
    return met ? sum / met : 0;
}

static void write_keyspace(void *ctx, struct buf *out) {
    struct server *s = ctx;
    struct keyspace *ks = &s->engine.keyspace;
    for (uint32_t i = 0; i < ks->count; i++) {
        struct db *db = &ks->dbs[i];
        if (!db_count(db)) continue;
        uint64_t ttl = average_ttl(db);
        buf_appendf(out, "db%u:keys=%zu,expires=%zu,avg_ttl=%llu\r\n", i, db_count(db),
                    db->deadlines, (unsigned long long)ttl);
    }
}

void info_sections_register(struct server *s) {
    const struct info_section sections[] = {
        {"server", "Server", INFO_DEFAULT, write_server, s},
        {"clients", "Clients", INFO_DEFAULT, write_clients, s},
        {"memory", "Memory", INFO_DEFAULT, memory_overview_write, s},
        {"persistence", "Persistence", INFO_DEFAULT, persist_write_info, &s->persist},
        {"stats", "Stats", INFO_DEFAULT, write_stats, s},
        {"replication", "Replication", INFO_DEFAULT, write_replication, s},
        {"cpu", "CPU", INFO_DEFAULT, write_cpu, s},
        {"modules", "Modules", INFO_DEFAULT, write_nothing, s},
        {"commandstats", "Commandstats", INFO_ALL, info_commands_write_calls, s},
        {"errorstats", "Errorstats", INFO_DEFAULT, info_commands_write_errors, s},
        {"latencystats", "Latencystats", INFO_ALL, info_commands_write_latency, s},
        {"hotkeys", "Hotkeys", INFO_ALL, hotkeys_write_info, &s->engine},
        {"loop", "Loop", INFO_ALL, write_turns, s},
        {"cluster", "Cluster", INFO_DEFAULT, write_nothing, s},
        {"jobs", "Jobs", INFO_DEFAULT, sliced_write_info, &s->engine},
        {"keyspace", "Keyspace", INFO_DEFAULT, write_keyspace, s},
        {"debug", "Debug", INFO_BY_NAME, write_debug, s},
    };
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        info_register(s->engine.info, sections[i]);
}
