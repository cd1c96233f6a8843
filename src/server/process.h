/* SPDX-License-Identifier: BSD-3-Clause */
/* The process and the machine round it: background, pidfile, service manager, limits, title,
 * out-of-memory score, kernel settings. All of it is called by the main thread; nothing here is
 * needed to embed the engine. */
#ifndef DREY_SERVER_PROCESS_H
#define DREY_SERVER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/log.h"

/* The path of the running program, absolute (mem_free): as argv[0] has it, links and all, if it was
 * started by a path. */
char *process_executable(const char *argv0);

/* ---- background ---- */

/* Goes to the background: no terminal, a session of its own, standard input and output to
 * /dev/null. The process that called waits inside for process_daemon_started, then ends with status
 * 0, or with 1 if the daemon ends before; the one that returns is another. Standard error stays
 * open until the start is through, so that whoever started it sees why it failed. Before any thread
 * is started. 0, and in *starter what process_daemon_started wants, or a negative errno. */
int process_daemonize(int *starter);

/* The daemon serves: lets the process that started it end. -1: there is none. */
void process_daemon_started(int starter);

/* Writes the process id and a newline; 0 or a negative errno. */
int process_write_pidfile(const char *path);

/* The file mode mask, without changing it: for one-threaded start-up only, since it must be set to
 * be read. */
mode_t process_umask(void);

/* ---- service manager ---- */

enum process_supervision {
    PROCESS_SUPERVISED_NO,
    PROCESS_SUPERVISED_UPSTART,
    PROCESS_SUPERVISED_SYSTEMD,
    PROCESS_SUPERVISED_AUTO,
};

/* What `wanted` comes to: AUTO is decided by UPSTART_JOB and NOTIFY_SOCKET, and what isn't there
 * (or, for systemd, isn't built in) becomes NO with a line in the log. Upstart is told at once that
 * the server is there, by SIGSTOP. */
enum process_supervision process_supervise(struct log *log, enum process_supervision wanted);

/* Tell systemd, if that is what `how` says; else nothing happens. `status`: one line for `systemctl
 * status`. */
void process_notify_ready(enum process_supervision how, const char *status);
void process_notify_stopping(enum process_supervision how);
void process_notify_alive(enum process_supervision how);

/* How often systemd wants process_notify_alive, in milliseconds (half of its limit); 0: never. */
int64_t process_alive_interval_ms(enum process_supervision how);

/* ---- limits ---- */

/* Descriptors that aren't clients': files, listeners, replication, the log. */
enum { PROCESS_RESERVED_FDS = 32 };

/* Raises the limit of open files for maxclients + PROCESS_RESERVED_FDS, the hard one too if that is
 * allowed, and makes room for them in the kernel's table. Returns how many clients there may be, at
 * most maxclients; 0 when not even one fits. All outcomes are logged as Redis does. */
uint32_t process_raise_open_files(struct log *log, uint32_t maxclients);

/* ---- title, as ps shows it ---- */

struct process_title {
    char *area; /* argv's and the environment's memory, ours from process_title_init on */
    size_t size;
};

/* What the variables of a template stand for. */
struct process_title_values {
    const char *title, *listen_addr, *server_mode, *unixsocket, *config_file;
    int port, tls_port;
};

/* Takes over the memory of the arguments and the environment; argv's and environ's strings are
 * moved elsewhere (for good). */
void process_title_init(struct process_title *title, int argc, char **argv);

/* Appends the template with {title} {listen-addr} {server-mode} {port} {tls-port} {unixsocket}
 * {config-file} filled in;
 * "{{" is a brace, spaces at both ends are dropped. False, with nothing appended, for an unknown
 * variable, an open brace or an empty result. Redis accepts a template as a setting if this
 * succeeds with an empty title. */
bool process_title_expand(struct buf *to, const char *format,
                          const struct process_title_values *values);

/* Shows `text`, cut to the room there is. */
void process_title_set(const struct process_title *title, const char *text);

/* ---- kernel ---- */

enum process_oom_mode {
    PROCESS_OOM_NO,       /* leave the score alone, or put back what was there */
    PROCESS_OOM_RELATIVE, /* value is added to the score at start-up */
    PROCESS_OOM_ABSOLUTE,
};

struct process_oom {
    bool changed; /* start: false */
    int original; /* the score before the first change */
};

/* Sets /proc/self/oom_score_adj. 0 or a negative errno. */
int process_oom_adjust(struct process_oom *oom, enum process_oom_mode mode, int value);

/* Turns transparent huge pages off for this process. 0 or a negative errno. */
int process_disable_thp(void);

#endif
