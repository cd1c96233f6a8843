/* SPDX-License-Identifier: BSD-3-Clause */
/* The hand-over to another thread is one word, `asked`: the thread id whose turn it is. The thread
 * claims its turn by changing it to CLAIMED and ends it with DONE; the asker withdraws by changing
 * it back to DONE. So a thread that comes too late writes nothing, and one that has begun is waited
 * for. */
#include "server/stacks.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/sigsafe.h"

enum {
    FRAMES_MAX = 100,
    DONE = 0,
    CLAIMED = -1,
    ANSWER_MS = 200,  /* to come to the handler */
    WRITING_MS = 1000 /* to write the trace, once begun */
};

static _Atomic int asked = DONE;
static _Atomic int asked_fd;

static void write_head(int fd, pid_t tid, const char *mark) {
    char path[64], name[32];
    sigsafe_task_path(path, tid, "comm");
    size_t len = sigsafe_read(path, name, sizeof(name));
    if (len > 0) name[len - 1] = '\0'; /* the newline */

    sigsafe_text(fd, "\n");
    sigsafe_dec(fd, tid);
    sigsafe_text(fd, " ");
    sigsafe_text(fd, name);
    sigsafe_text(fd, mark);
    sigsafe_text(fd, "\n");
}

static void write_trace(int fd, const char *mark) {
    write_head(fd, (pid_t)syscall(SYS_gettid), mark);
    void *frames[FRAMES_MAX];
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), fd);
}

static void answer(int signal_number) {
    int saved = errno, own = (int)syscall(SYS_gettid);
    if (atomic_compare_exchange_strong(&asked, &own, CLAIMED)) {
        write_trace(atomic_load(&asked_fd), "");
        atomic_store(&asked, DONE);
    }
    errno = saved;
}

int stacks_signal(void) {
    return SIGRTMAX - 1;
}

void stacks_init(void) {
    void *frame[1];
    backtrace(frame, 1);
    struct sigaction action = {.sa_handler = answer, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    sigaction(stacks_signal(), &action, NULL);
}

void stacks_write_own(int fd) {
    write_trace(fd, " *");
}

static bool wait_until_done(int limit_ms) {
    const struct timespec pause = {0, 1000000};
    int64_t end_ms = clock_mono_ms() + limit_ms;
    while (atomic_load(&asked) != DONE) {
        if (clock_mono_ms() > end_ms) return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

/* Threads that libraries start for themselves, such as the allocator's, block all signals. */
static bool blocks_the_signal(pid_t tid) {
    static const char label[] = "SigBlk:\t";
    char path[64], status[4096];
    sigsafe_task_path(path, tid, "status");
    sigsafe_read(path, status, sizeof(status));
    const char *mask = strstr(status, label);
    if (!mask) return false;
    return strtoull(mask + sizeof(label) - 1, NULL, 16) >> (stacks_signal() - 1) & 1;
}

static void ask(int fd, pid_t tid) {
    if (blocks_the_signal(tid)) {
        write_head(fd, tid, " (not asked: it blocks signals, as threads of libraries do)");
        return;
    }
    atomic_store(&asked_fd, fd);
    atomic_store(&asked, (int)tid);
    bool sent = syscall(SYS_tgkill, getpid(), tid, stacks_signal()) == 0;
    if (sent && wait_until_done(ANSWER_MS)) return;
    int expected = (int)tid;
    if (!atomic_compare_exchange_strong(&asked, &expected, DONE)) {
        wait_until_done(WRITING_MS);
        return;
    }
    if (!sent) return; /* it has ended meanwhile */
    write_head(fd, tid, " (no answer: it is stuck in the kernel, or the machine is busy)");
}

/* What the kernel's getdents64 fills in. */
struct entry {
    uint64_t inode;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
};

void stacks_write_others(int fd) {
    pid_t own = (pid_t)syscall(SYS_gettid);
    int dir = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return;
    /* The C library's readdir allocates. */
    _Alignas(struct entry) char room[2048];
    long len;
    while ((len = syscall(SYS_getdents64, dir, room, sizeof(room))) > 0) {
        for (long at = 0; at < len;) {
            const struct entry *entry = (const struct entry *)(room + at);
            at += entry->size;
            pid_t tid = atoi(entry->name);
            if (tid > 0 && tid != own) ask(fd, tid);
        }
    }
    close(dir);
}
