/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef DREY_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "base/alloc.h"
#include "base/num.h"

char *process_executable(const char *argv0) {
    struct buf path = BUF_INIT;
    char *found = NULL;
    if (argv0[0] == '/') {
        buf_append_str(&path, argv0);
    } else if (strchr(argv0, '/') && (found = getcwd(NULL, 0))) {
        buf_appendf(&path, "%s/%s", found, strncmp(argv0, "./", 2) == 0 ? argv0 + 2 : argv0);
    } else if ((found = realpath("/proc/self/exe", NULL))) {
        buf_append_str(&path, found);
    }
    free(found);
    return buf_detach(&path);
}

/* ---- background ---- */

/* Makes these standard descriptors /dev/null. 0 or a negative errno. */
static int close_standard(int first, int last) {
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0) return -errno;
    int failed = 0;
    for (int standard = first; standard <= last; standard++)
        if (dup2(fd, standard) < 0) failed = -errno;
    if (fd > STDERR_FILENO) close(fd);
    return failed;
}

/* The process that was called: its status is the daemon's success. A daemon that ends closes its
 * end of the pipe without a word. */
static _Noreturn void await_daemon(int pipe_end) {
    char word;
    ssize_t got;
    while ((got = read(pipe_end, &word, 1)) < 0 && errno == EINTR) {
    }
    _exit(got == 1 ? 0 : 1);
}

int process_daemonize(int *starter) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    pid_t pid = fork();
    if (pid < 0) {
        int failed = -errno;
        close(ends[0]);
        close(ends[1]);
        return failed;
    }
    if (pid > 0) {
        close(ends[1]);
        await_daemon(ends[0]);
    }
    close(ends[0]);
    *starter = ends[1];
    /* A leader of a session could get a terminal again by opening one; its child can't. */
    if (setsid() < 0) return -errno;
    pid = fork();
    if (pid < 0) return -errno;
    if (pid > 0) _exit(0);
    return close_standard(STDIN_FILENO, STDOUT_FILENO);
}

void process_daemon_started(int starter) {
    if (starter < 0) return;
    close_standard(STDERR_FILENO, STDERR_FILENO);
    ssize_t told = write(starter, "", 1);
    (void)told; /* perhaps nobody waits any more */
    close(starter);
}

/* For small files of /proc and for the pidfile. 0 or a negative errno. */
static int write_number(const char *path, int flags, int number) {
    int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);
    if (fd < 0) return -errno;
    char text[NUM_I64_MAX + 1];
    size_t len = num_from_i64(text, number);
    text[len++] = '\n';
    ssize_t done = write(fd, text, len);
    int failed = done < 0 ? -errno : done != (ssize_t)len ? -ENOSPC : 0;
    if (close(fd) < 0 && !failed) failed = -errno;
    return failed;
}

int process_write_pidfile(const char *path) {
    return write_number(path, O_CREAT | O_TRUNC, getpid());
}

mode_t process_umask(void) {
    mode_t mask = umask(0077);
    umask(mask);
    return mask;
}

/* ---- service manager ---- */

static enum process_supervision supervise_upstart(struct log *log) {
    if (!getenv("UPSTART_JOB")) {
        log_warning(log, "upstart supervision requested, but UPSTART_JOB not found!");
        return PROCESS_SUPERVISED_NO;
    }
    log_notice(log, "supervised by upstart, will stop to signal readiness.");
    raise(SIGSTOP);
    unsetenv("UPSTART_JOB");
    return PROCESS_SUPERVISED_UPSTART;
}

static enum process_supervision supervise_systemd(struct log *log) {
#ifdef DREY_SYSTEMD
    if (!getenv("NOTIFY_SOCKET")) {
        log_warning(log, "systemd supervision error: NOTIFY_SOCKET not found!");
        return PROCESS_SUPERVISED_NO;
    }
    log_notice(log, "Supervised by systemd. Please make sure you set appropriate values for "
                    "TimeoutStartSec and TimeoutStopSec in your service unit.");
    return PROCESS_SUPERVISED_SYSTEMD;
#else
    log_warning(log, "systemd supervision requested or auto-detected, but Drey is compiled without "
                     "libsystemd support!");
    return PROCESS_SUPERVISED_NO;
#endif
}

enum process_supervision process_supervise(struct log *log, enum process_supervision wanted) {
    if (wanted == PROCESS_SUPERVISED_AUTO) {
        wanted = getenv("UPSTART_JOB")     ? PROCESS_SUPERVISED_UPSTART
                 : getenv("NOTIFY_SOCKET") ? PROCESS_SUPERVISED_SYSTEMD
                                           : PROCESS_SUPERVISED_NO;
    }
    if (wanted == PROCESS_SUPERVISED_UPSTART) return supervise_upstart(log);
    if (wanted == PROCESS_SUPERVISED_SYSTEMD) return supervise_systemd(log);
    return PROCESS_SUPERVISED_NO;
}

#ifdef DREY_SYSTEMD
static void notify(enum process_supervision how, const char *state, const char *status) {
    if (how != PROCESS_SUPERVISED_SYSTEMD) return;
    sd_notifyf(0, "%s%s%s", state, status ? "STATUS=" : "", status ? status : "");
}

int64_t process_alive_interval_ms(enum process_supervision how) {
    uint64_t limit_us = 0;
    if (how != PROCESS_SUPERVISED_SYSTEMD || sd_watchdog_enabled(0, &limit_us) <= 0) return 0;
    int64_t half_ms = (int64_t)(limit_us / 2000);
    return half_ms > 0 ? half_ms : 1;
}
#else
static void notify(enum process_supervision how, const char *state, const char *status) {}

int64_t process_alive_interval_ms(enum process_supervision how) {
    return 0;
}
#endif

void process_notify_ready(enum process_supervision how, const char *status) {
    notify(how, "READY=1\n", status);
}

void process_notify_stopping(enum process_supervision how) {
    notify(how, "STOPPING=1\n", NULL);
}

void process_notify_alive(enum process_supervision how) {
    notify(how, "WATCHDOG=1\n", NULL);
}

/* ---- limits ---- */

/* The best limit up to `wanted` that the system grants, after setting it. *failure: why it isn't
 * `wanted`. */
static rlim_t raise_limit(rlim_t wanted, struct rlimit before, int *failure) {
    struct rlimit limit = {wanted, before.rlim_max > wanted ? before.rlim_max : wanted};
    *failure = 0;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return wanted;
    *failure = errno;
    limit = (struct rlimit){before.rlim_max, before.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? before.rlim_max : before.rlim_cur;
}

static uint32_t raise_open_files(struct log *log, uint32_t maxclients) {
    struct rlimit before;
    if (getrlimit(RLIMIT_NOFILE, &before) < 0) {
        enum { ASSUMED_FDS = 1024 };
        uint32_t fit = ASSUMED_FDS - PROCESS_RESERVED_FDS;
        log_warning(log,
                    "Unable to obtain the current NOFILE limit (%s), assuming 1024 and setting "
                    "the max clients configuration accordingly.",
                    strerror(errno));
        return maxclients < fit ? maxclients : fit;
    }

    rlim_t wanted = (rlim_t)maxclients + PROCESS_RESERVED_FDS;
    if (before.rlim_cur >= wanted) return maxclients;
    int failure;
    rlim_t got = raise_limit(wanted, before, &failure);
    if (got >= wanted) {
        log_notice(
            log, "Increased maximum number of open files to %llu (it was originally set to %llu).",
            (unsigned long long)got, (unsigned long long)before.rlim_cur);
        return maxclients;
    }
    if (got <= PROCESS_RESERVED_FDS) {
        log_warning(
            log,
            "Your current 'ulimit -n' of %llu is not enough for the server to start. Please "
            "increase your open file limit to at least %llu. Exiting.",
            (unsigned long long)before.rlim_cur, (unsigned long long)wanted);
        return 0;
    }
    uint32_t fit = (uint32_t)(got - PROCESS_RESERVED_FDS);
    log_warning(log, "You requested maxclients of %u requiring at least %llu max file descriptors.",
                maxclients, (unsigned long long)wanted);
    log_warning(log, "Server can't set maximum open files to %llu because of OS error: %s.",
                (unsigned long long)wanted, strerror(failure));
    log_warning(
        log,
        "Current maximum open files is %llu. maxclients has been reduced to %u to compensate "
        "for low ulimit. If you need higher maxclients increase 'ulimit -n'.",
        (unsigned long long)got, fit);
    return fit;
}

/* The kernel's table of a process's descriptors doubles when it's full, and waits for all CPUs then
 * if there are threads: 5 to 10 ms (measured), six times while the first thousand clients connect.
 * A descriptor as high as the highest makes it large at once, and it never shrinks. */
static void grow_descriptor_table(uint32_t clients) {
    enum { CLIENTS_MOST = 65536 }; /* for 512 KB of the kernel's memory */
    if (clients > CLIENTS_MOST) clients = CLIENTS_MOST;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    int highest = fcntl(fd, F_DUPFD_CLOEXEC, (int)clients + PROCESS_RESERVED_FDS - 1);
    if (highest >= 0) close(highest);
    close(fd);
}

uint32_t process_raise_open_files(struct log *log, uint32_t maxclients) {
    uint32_t most = raise_open_files(log, maxclients);
    if (most) grow_descriptor_table(most);
    return most;
}

/* ---- title ---- */

/* Moves the strings of a vector away as long as they lie one behind the other from `end` on;
 * returns the new end. */
static char *move_strings(char **strings, char *end) {
    for (; *strings; strings++) {
        if (*strings == end) end += strlen(*strings) + 1;
        *strings = mem_strdup(*strings);
    }
    return end;
}

void process_title_init(struct process_title *title, int argc, char **argv) {
    *title = (struct process_title){0};
    if (argc == 0) return;
    title->area = argv[0];
    /* The kernel lays the environment out behind the arguments, and ps shows what is written over
     * both. */
    char *end = move_strings(argv, title->area);
    end = move_strings(environ, end);
    title->size = (size_t)(end - title->area);
}

static void append_variable(struct buf *to, struct slice name,
                            const struct process_title_values *values, bool *known) {
    const struct {
        const char *name, *text;
        int number;
    } variables[] = {
        {"title", values->title, 0},
        {"listen-addr", values->listen_addr, 0},
        {"server-mode", values->server_mode, 0},
        {"unixsocket", values->unixsocket, 0},
        {"config-file", values->config_file, 0},
        {"port", NULL, values->port},
        {"tls-port", NULL, values->tls_port},
    };
    *known = false;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]) && !*known; i++) {
        if (!slice_eq(name, slice_str(variables[i].name))) continue;
        *known = true;
        if (variables[i].text)
            buf_append_str(to, variables[i].text);
        else
            buf_append_i64(to, variables[i].number);
    }
}

static bool expand(struct buf *to, const char *format, const struct process_title_values *values) {
    for (const char *at = format; *at;) {
        if (*at != '{' || at[1] == '{') {
            buf_append_char(to, *at);
            at += *at == '{' ? 2 : 1;
            continue;
        }
        const char *close = strchr(at, '}');
        bool known = false;
        if (close) append_variable(to, slice_of(at + 1, (size_t)(close - at - 1)), values, &known);
        if (!known) return false;
        at = close + 1;
    }
    return true;
}

bool process_title_expand(struct buf *to, const char *format,
                          const struct process_title_values *values) {
    struct buf full = BUF_INIT;
    bool good = expand(&full, format, values);
    struct slice text = buf_slice(&full);
    while (text.len > 0 && text.ptr[text.len - 1] == ' ') text.len--;
    while (text.len > 0 && text.ptr[0] == ' ') text = slice_of(text.ptr + 1, text.len - 1);
    good = good && text.len > 0;
    if (good) buf_append_slice(to, text);
    buf_release(&full);
    return good;
}

void process_title_set(const struct process_title *title, const char *text) {
    if (title->size == 0) return;
    size_t len = strlen(text);
    if (len > title->size - 1) len = title->size - 1;
    memcpy(title->area, text, len);
    memset(title->area + len, 0, title->size - len);
}

/* ---- kernel ---- */

static bool read_text(const char *path, char *to, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t len = read(fd, to, size - 1);
    close(fd);
    if (len < 0) return false;
    to[len] = '\0';
    return true;
}

int process_oom_adjust(struct process_oom *oom, enum process_oom_mode mode, int value) {
    enum { SCORE_MAX = 1000 };
    static const char path[] = "/proc/self/oom_score_adj";
    if (!oom->changed) {
        char text[32];
        if (mode == PROCESS_OOM_NO) return 0;
        if (!read_text(path, text, sizeof(text))) return -errno;
        oom->original = atoi(text);
    }
    int score = mode == PROCESS_OOM_ABSOLUTE ? value : oom->original;
    if (mode == PROCESS_OOM_RELATIVE) score += value;
    if (score > SCORE_MAX) score = SCORE_MAX;
    if (score < -SCORE_MAX) score = -SCORE_MAX;
    int failed = write_number(path, 0, score);
    if (!failed) oom->changed = mode != PROCESS_OOM_NO;
    return failed;
}

int process_disable_thp(void) {
    return prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) < 0 ? -errno : 0;
}
