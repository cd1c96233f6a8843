/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line: what isn't asked here is a configuration file and options (exec/config_file.h).
 */
#include <stdio.h>
#include <string.h>

#include "base/heap.h"
#include "base/version.h"
#include "cluster/cluster.h"
#include "exec/acl.h"
#include "exec/config_kept.h"
#include "exec/config_sample.h"
#include "repl/repl.h"
#include "server/server.h"
#include "server/system_check.h"

/* jemalloc reads this before main. Unused pages go back to the system soon (from a thread of its
 * own, see jemalloc-bg-thread): when values change their sizes, pages of the old
 * ones are left over (RSS of full caches of 100 to 150 MB behind such a change: 1.64 of maxmemory
 * if they stay for 5 s, 1.13 for 0.5 s, 1.11 not at all; for the same CPU time). */
const char *malloc_conf = "dirty_decay_ms:500,muzzy_decay_ms:0";

/* The exit status is redis-server's. */
static int print_help(void) {
    fputs("Usage: drey-server [FILE] [--parameter value...]...\n"
          "       drey-server - [--parameter value...]...    the file is read from standard input\n"
          "       drey-server --version | --help | --sample-config | --check-system\n"
          "\n"
          "FILE is a configuration as Redis has it; --sample-config prints one of all parameters.\n"
          "Options are lines of the file: --port 7777 --save \"\" --loglevel verbose\n"
          "--restore-to TIME starts with the data that the append-only log had then (with\n"
          "aof-timestamp-enabled yes while it was written); what is later stays in files aside.\n"
          "TIME is in seconds since 1970 or such as 2026-11-21T14:05:00Z, 2026-11-21T15:05+01:00.\n"
          "--check-system looks for settings of this machine that make servers slow or unsafe.\n",
          stderr);
    return 1;
}

/* In redis-server's form: what starts servers takes the first number for Redis's version. */
static int print_version(void) {
    printf("Drey server v=%s sha=00000000:0 malloc=%s bits=64 build=0000000000000000 drey=%s\n",
           DREY_REDIS_VERSION, heap_allocator(), DREY_VERSION);
    return 0;
}

static int print_sample(void) {
    struct config *config = config_new(DREY_VERSION);
    struct server_config server = {0};
    struct exec_config exec = {0};
    struct acl acl = {0};
    struct persist_config persist = {0};
    struct aof_config aof = {0};
    struct repl_config repl = {0};
    struct cluster_config cluster = {0};
    struct link_config link = {0};
    server_config_register(config, &server);
    exec_config_register(config, &exec);
    acl_config_register(&acl, config);
    persist_config_register(config, &persist);
    aof_config_register(config, &aof);
    repl_config_register(config, &repl);
    cluster_config_register(config, &cluster);
    link_config_register(config, &link);
    config_register_kept(config);
    struct buf sample = BUF_INIT;
    config_write_sample(config, &sample);
    fwrite(sample.data, 1, sample.len, stdout);
    buf_release(&sample);
    config_free(config);
    return 0;
}

/* As Redis's: each setting's name and whether it's fine; 1 if one isn't. */
static int print_system_check(void) {
    struct buf report = BUF_INIT;
    bool fine = system_check(&report);
    fwrite(report.data, 1, report.len, stdout);
    buf_release(&report);
    return fine ? 0 : 1;
}

static const struct {
    const char *name, *letter;
    int (*run)(void);
} actions[] = {
    {"--help", "-h", print_help},
    {"--version", "-v", print_version},
    {"--sample-config", NULL, print_sample},
    {"--check-system", NULL, print_system_check},
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < sizeof actions / sizeof *actions; i++) {
        const char *letter = actions[i].letter;
        if (!strcmp(argv[1], actions[i].name) || (letter && !strcmp(argv[1], letter)))
            return actions[i].run();
    }
    static const struct server_extension *const extensions[] = {&repl_extension, &cluster_extension,
                                                                NULL};
    struct server *s = server_new(argc, argv, extensions);
    if (!s) return 1;
    int status = server_run(s);
    struct restart restart = s->restart;
#ifdef DREY_DEBUG
    server_free(s); /* who looks for leaks sees only those */
#else
    server_leave(s);
#endif
    if (restart.wanted && restart_now(&restart) < 0) status = 1;
    restart_release(&restart);
    return status;
}
