/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine: one instance of everything that commands work on. No sockets, no clients: a server, a
 * test or a program that embeds it runs sessions on it. Several engines may live in one process.
 * One thread each. */
#ifndef DREY_EXEC_ENGINE_H
#define DREY_EXEC_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/slice.h"
#include "base/ticks.h"
#include "db/evict.h"
#include "db/keyspace.h"
#include "exec/acl.h"
#include "exec/bigkeys.h"
#include "exec/blocking.h"
#include "exec/command_table.h"
#include "exec/exec_config.h"
#include "exec/hotkeys.h"
#include "exec/info.h"
#include "exec/key_index.h"
#include "exec/propagate.h"
#include "exec/push.h"
#include "exec/sliced.h"
#include "io/background.h"

/* What replies of one error code (the first word) add up to. */
struct error_count {
    char code[32];
    uint64_t count;
};
/* Scripts reply what codes they like, so few of those are kept; beyond that only codes that look
 * like a server's own (upper case) are, the rest adds up under one name, as in Valkey 8. */
enum { ERROR_CODES_ANY = 128, ERROR_CODES_MAX = ERROR_CODES_ANY + 64 };
#define ERROR_CODES_REST "ERRORSTATS_OVERFLOW"

struct engine_stats {
    uint64_t commands; /* run */
    uint64_t error_replies;
    struct error_count errors[ERROR_CODES_MAX];
    size_t error_codes;
    uint64_t error_rest; /* replies of codes that aren't kept */
};

/* Reasons why a command must be looked at more closely before it runs, or behind it; 0 nearly
 * always, so that one test of engine->gates | session->gates hides them all. */
enum gate {
    GATE_AUTH = 1 << 0,      /* session: not authenticated */
    GATE_LOADING = 1 << 1,   /* engine: the data set is being loaded */
    GATE_MEMORY = 1 << 2,    /* engine: there was more than maxmemory when the batch began */
    GATE_MULTI = 1 << 3,     /* session: commands are queued for EXEC */
    GATE_MONITORED = 1 << 4, /* engine: the observer wants to see commands as they run */
    GATE_TRACKED = 1 << 5, /* session: the observer wants to see its commands when they have run */
    GATE_TIMED = 1 << 6,   /* engine: it wants to see all of them, and each one's own time */
    GATE_BUSY = 1 << 7,    /* engine: a script runs too long, see engine.busy_error */
    GATE_SUBSCRIBED = 1 << 8,  /* session: it listens to channels, so on RESP2 it may do little */
    GATE_KEYLESS = 1 << 9,     /* session: a monitor's, which keeps off keys */
    GATE_PROPAGATED = 1 << 10, /* engine: what changes data is fed to somebody, see propagate.h */
    GATE_DISK = 1 << 11,       /* engine: files can't be written, see engine.disk_error */
    GATE_CLUSTER = 1 << 12,    /* engine: keys may be another node's, see engine.cluster */
    GATE_READONLY = 1 << 13,   /* session: reads of a replica's keys are welcome (READONLY) */
    GATE_REPLICA = 1 << 14,    /* engine: it follows another one, see engine.replica */
    GATE_RESTRICTED = 1 << 15, /* session: its user may not do everything, see acl.h */
    GATE_REPLICAS = 1 << 16,   /* engine: too few replicas have what is written */
};

/* What an engine that follows another one may do by itself; filled in by whoever makes it follow.
 * While GATE_REPLICA is on that's asked for each request but those of a session that is obeyed. */
struct engine_replica {
    bool read_only;          /* only obeyed sessions write, or let keys expire */
    const char *write_error; /* why a session may not write; NULL: it may */
    const char *stale_error; /* why it may not see the data, which are old; NULL: it may */
    /* A command of an obeyed session writes though files can't be written; the process may end. */
    void (*unwritten)(struct engine *e);
};

struct engine;
struct persist;
struct session;
struct request;
struct script_engine;

/* What takes time because of files, on the engine's own thread. */
enum file_event {
    FILE_LOG_WRITE,
    FILE_LOG_WRITE_BESIDE_SYNC, /* the same, by what else went on */
    FILE_LOG_WRITE_BESIDE_SNAPSHOT,
    FILE_LOG_WRITE_ALONE,
    FILE_LOG_SYNC,
    FILE_LOG_RENAME,
};

/* Who looks at commands that run, one by one, and at what they do; filled in once at start. Those
 * that run for EXEC or a script are shown, too, before the outer one is over. A script's session
 * has the GATE_TRACKED of its caller's. */
struct engine_observer {
    void (*before)(struct session *s, const struct request *r); /* GATE_MONITORED */
    /* GATE_MONITORED, GATE_TRACKED: the handler has returned, perhaps to wait. When what waits runs
     * again that isn't shown. */
    void (*ran)(struct session *s, const struct request *r);
    /* LISTEN_CHANGES: keyspace events that db_event_modifies holds for, of keys by their names
     * alone; and all keys are going, or being exchanged for others. */
    void (*changed)(struct engine *e, struct slice key, enum db_event event);
    void (*flushed)(struct engine *e);
    /* GATE_TIMED, and whatever took engine.slow_ns or more. A command that waits is
     * shown when it's answered: with its name alone if nothing else is known of it any more. */
    void (*after)(struct session *s, const struct request *r, uint64_t ns);
    /* One that ran for EXEC or a script has replied engine.large_reply bytes or more. */
    void (*large_reply)(struct session *s, const struct request *r, size_t bytes);
    /* A slice of eviction took `ns`, freeing one key up to longest_ns; while evict_pool.timed. */
    void (*evicted)(struct engine *e, uint64_t ns, uint64_t longest_ns);
    /* Something of files took so long; while times_files. */
    void (*file)(struct engine *e, enum file_event event, uint64_t ns);
    bool times_files;
};

/* The place of a data set in the history of a primary's writes. */
struct engine_history {
    char id[41];
    int64_t offset;
    int64_t db; /* selected there */
};

/* Libraries of functions, as files keep them; NULL hooks: there are none. */
struct engine_libraries {
    void (*visit)(struct engine *e, void (*visit)(void *ctx, struct slice text), void *ctx);
    /* With `replace` one of the same name gives way; else that's an error. */
    bool (*load)(struct engine *e, struct slice text, bool replace, struct buf *error);
    void (*clear)(struct engine *e); /* none is there afterwards */
};

/* While GATE_CLUSTER is on: which requests run here. */
struct engine_cluster {
    /* False: the keys are another node's, or nobody's to use now; that's replied. */
    bool (*admits)(struct session *s, const struct request *r);
    /* The same for a command of a script that `caller` runs: an error text, or NULL. *slot is its
     * keys'; -1: it has none. */
    const char *(*refusal)(struct session *caller, const struct request *r, int *slot);
    /* A message is published here: who listens may be elsewhere. */
    void (*published)(struct engine *e, bool shard, struct slice channel, struct slice text);
};

/* Quick commands of one kind that ran one after the other, not accounted for yet. */
struct timed_group {
    struct command_entry *cmd;
    unsigned count, failed;
    struct session *session; /* whose they were, and the last of them */
    const struct request *last;
};

/* Who wants to know of keyspace events; while nobody does they cost nothing. */
enum engine_listener {
    LISTEN_BLOCKING = 1 << 0,
    LISTEN_WATCH = 1 << 1,
    LISTEN_CHANGES = 1 << 2, /* the observer */
    LISTEN_NOTIFY = 1 << 3,
};

struct pubsub;

struct engine {
    struct keyspace keyspace;
    struct command_table *commands;
    struct config *config; /* the registry, all modules' parameters */
    struct exec_config settings;
    struct evict_pool evict_pool;
    struct info *info;
    struct engine_stats stats;
    struct blocking blocking;
    struct sliced sliced;
    struct push_hooks push;
    struct key_index watched; /* keys of WATCH */
    struct acl acl;
    size_t watching; /* sessions that watch some */
    struct engine_observer observer;
    uint64_t slow_ns;              /* commands that take this long are shown to the observer */
    size_t large_reply;            /* bytes of a reply that is, too */
    struct log *log;               /* borrowed */
    struct background *background; /* borrowed; NULL: everything is done at once */
    struct ticks ticks;
    uint64_t ticks_at; /* up to when time has been accounted for */
    struct timed_group timed;
    uint64_t now_us;              /* Unix time, set by engine_tick */
    uint64_t wall_us, wall_ticks; /* the wall clock as last read, and when that was */
    uint64_t busy_ns;   /* spent in commands so far: what shares of time are measured by */
    unsigned gates;     /* of enum gate */
    size_t least_used;  /* memory since it's above maxmemory; maxmemory, if it isn't */
    bool overdue;       /* see engine_tick */
    bool evicting;      /* slices of eviction go by themselves, one a turn; the owner sets it */
    unsigned listeners; /* of enum engine_listener */
    struct hotkeys hotkeys;
    struct bigkeys bigkeys;
    /* Arguments of the request that runs which have memory of their own: values can share it. */
    struct bytes *const *arg_bytes;
    size_t arg_bytes_count;
    bool in_transaction;   /* EXEC runs */
    bool admitting;        /* keys may be evicted for a command that hasn't begun to reply */
    bool latency_tracking; /* histograms per command (latency-tracking) */
    char run_id[41];
    /* Why a session may not run a CMD_PROTECTED command, as an error reply; NULL: it may. Without a
     * guard all may. */
    const char *(*guard)(struct session *s, const struct command_entry *cmd);
    struct script_engine *scripts; /* NULL: this engine runs none */
    /* Answers others while a command takes long, which are told busy_error; nothing else happens
     * meanwhile. False: the process is to end, and so is the command. NULL: there are no others. */
    bool (*yield)(struct engine *e);
    const char *busy_error;
    /* Keyspace notifications, while LISTEN_NOTIFY is on. */
    void (*notify)(struct engine *e, struct db *db, struct slice key, enum db_event event);
    /* Takes what changes the data, each command's RESP text with its database (or
     * PROPAGATE_ANY_DB), while its taker is fed; the text is borrowed. Must not run commands.
     * See propagate.h. */
    void (*feed[PROPAGATE_TAKERS])(struct engine *e, uint32_t db, struct slice command);
    uint64_t fed;        /* bytes that the append-only log has taken so far */
    uint64_t replicated; /* and those of replicas: the offset in their history */
    struct propagate propagate;
    struct pubsub *pubsub;   /* channels, see pubsub/pubsub.h; NULL: there are none */
    struct persist *persist; /* persist/persist.h */
    /* FLUSHALL has emptied all databases; NULL: nobody cares. */
    void (*flushed_all)(struct engine *e);
    /* While GATE_DISK is on: why writes are refused, as an error reply; NULL: they aren't. */
    const char *(*disk_error)(const struct engine *e);
    struct engine_libraries libraries;
    struct engine_cluster cluster;
    struct engine_replica replica;
    /* Where the data are in what history, for snapshots to say so; false: in none. NULL: the same.
     */
    bool (*history)(const struct engine *e, struct engine_history *at);
    bool loading_aside; /* GATE_LOADING: into other databases than those that are there */
    void *server;       /* for the layers above: whoever runs this engine */
};

/* Registers the engine's own parameters in `config`, which lives longer. Databases come with
 * engine_open, once the config is loaded. */
void engine_init(struct engine *e, struct config *config);
/* Adds commands: lists of rows, ended by NULL. */
void engine_add_families(struct engine *e, const struct command *const *families);
void engine_open(struct engine *e, uint32_t databases);
void engine_release(struct engine *e);

/* Reads the wall clock, and whether memory is over its limit: once per batch of requests. What a
 * batch may add without being noticed is bounded by what a client may do in a turn.
 *
 * As in Redis commands may run that take memory while eviction, which goes in slices, is under way
 * or what was deleted is still being freed. They could take more than that brings: small keys go
 * for large ones that come, or a helper thread lags. So memory above the limit may shrink but not
 * grow: once it's a 32nd of the limit above the least that it has been since, such commands are
 * `overdue` and should wait until it isn't, or nothing is left that could go. */
void engine_tick(struct engine *e);

/* Evicts for a slice's time if memory is over its limit. For a command, while slices go by
 * themselves, no more than brings memory back to the least it has been since it's above: so a turn
 * with many commands that take memory hasn't as many slices. */
enum evict_result engine_make_room(struct engine *e, bool for_command);

/* A job that frees `bytes`, about, is going to BACKGROUND_FREE; until it has called the second
 * that's as good as free. */
void engine_leaving(struct engine *e, size_t bytes);
void engine_left(struct engine *e, size_t bytes);

void engine_listen(struct engine *e, enum engine_listener who, bool on);

/* Counts an error reply by its first word. */
void engine_count_error(struct engine *e, struct slice text);

/* CONFIG RESETSTAT's part. */
void engine_reset_stats(struct engine *e);

#endif
