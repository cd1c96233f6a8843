/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/assert.h"
#include "server/sigsafe.h"
#include "server/stacks.h"

enum {
    HANDLER_STACK = 256 * 1024, /* the callbacks format texts on it */
    ARGUMENT_MAX = 128,         /* bytes shown of each argument */
    ARGUMENTS_MAX = 32,         /* arguments shown */
    STACK_WORDS = 16,
    REPORT_SECONDS = 30, /* then the process ends with the report as it is */
};

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static struct crash *current;
static void *handler_stack;
static _Atomic int reporter;     /* thread id of the one that writes the report */
static _Atomic bool frame_begun; /* the first line is written */

/* ---- sections ---- */

static int report_fd(void) {
    int fd = log_fd_open(current->log);
    return fd < 0 ? STDERR_FILENO : fd;
}

static void begin_frame(int fd) {
    if (!atomic_exchange(&frame_begun, true))
        sigsafe_text(fd, "\n\n=== DREY BUG REPORT START: Cut & paste starting from here ===\n");
}

static void put_line(int fd, const char *text) {
    log_fd_put_head(fd);
    sigsafe_text(fd, text);
    sigsafe_text(fd, "\n");
}

static void put_section(int fd, const char *name) {
    sigsafe_text(fd, "\n------ ");
    sigsafe_text(fd, name);
    sigsafe_text(fd, " ------\n");
}

struct machine {
    uint64_t instruction, stack;
};

#if defined(__x86_64__)
static struct machine machine_of(const ucontext_t *context) {
    const greg_t *r = context->uc_mcontext.gregs;
    return (struct machine){(uint64_t)r[REG_RIP], (uint64_t)r[REG_RSP]};
}

static void put_registers(int fd, const ucontext_t *context) {
    static const struct {
        const char *name;
        int index;
    } names[] = {
        {"RAX:", REG_RAX},   {" RBX:", REG_RBX}, {"\nRCX:", REG_RCX},       {" RDX:", REG_RDX},
        {"\nRDI:", REG_RDI}, {" RSI:", REG_RSI}, {"\nRBP:", REG_RBP},       {" RSP:", REG_RSP},
        {"\nR8 :", REG_R8},  {" R9 :", REG_R9},  {"\nR10:", REG_R10},       {" R11:", REG_R11},
        {"\nR12:", REG_R12}, {" R13:", REG_R13}, {"\nR14:", REG_R14},       {" R15:", REG_R15},
        {"\nRIP:", REG_RIP}, {" EFL:", REG_EFL}, {"\nCSGSFS:", REG_CSGSFS},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        sigsafe_text(fd, names[i].name);
        sigsafe_hex(fd, (uint64_t)context->uc_mcontext.gregs[names[i].index], 16);
    }
    sigsafe_text(fd, "\n");
}
#elif defined(__aarch64__)
static struct machine machine_of(const ucontext_t *context) {
    return (struct machine){context->uc_mcontext.pc, context->uc_mcontext.sp};
}

static void put_registers(int fd, const ucontext_t *context) {
    for (int i = 0; i < 31; i++) {
        sigsafe_text(fd, i % 2 ? " X" : i ? "\nX" : "X");
        sigsafe_dec(fd, i);
        sigsafe_text(fd, ":");
        sigsafe_hex(fd, context->uc_mcontext.regs[i], 16);
    }
    sigsafe_text(fd, " SP:");
    sigsafe_hex(fd, context->uc_mcontext.sp, 16);
    sigsafe_text(fd, "\nPC:");
    sigsafe_hex(fd, context->uc_mcontext.pc, 16);
    sigsafe_text(fd, "\n");
}
#else
#error "crash.c: where are the registers of this machine?"
#endif

/* Through the kernel, because the stack pointer may be what is broken. */
static void put_stack_words(int fd, uint64_t stack) {
    uint64_t words[STACK_WORDS];
    struct iovec here = {words, sizeof(words)}, there = {(void *)(uintptr_t)stack, sizeof(words)};
    ssize_t got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    for (ssize_t i = got / (ssize_t)sizeof(words[0]) - 1; i >= 0; i--) {
        sigsafe_text(fd, "(");
        sigsafe_hex(fd, stack + (uint64_t)i * sizeof(words[0]), 16);
        sigsafe_text(fd, ") -> ");
        sigsafe_hex(fd, words[i], 16);
        sigsafe_text(fd, "\n");
    }
}

static void put_stacks(int fd) {
    put_section(fd, "STACK TRACE");
    stacks_write_own(fd);
    stacks_write_others(fd);
    sigsafe_text(fd, "\n------ STACK TRACE DONE ------\n");
}

static void put_machine(int fd, const ucontext_t *context) {
    put_section(fd, "REGISTERS");
    if (current->hide_user_data) {
        sigsafe_text(fd, "hidden by hide-user-data-from-log\n");
        return;
    }
    put_registers(fd, context);
    put_stack_words(fd, machine_of(context).stack);
}

/* Bytes as a terminal can show them. */
static void put_printable(int fd, struct slice text) {
    char shown[ARGUMENT_MAX];
    size_t len = text.len < sizeof(shown) ? text.len : sizeof(shown);
    for (size_t i = 0; i < len; i++)
        shown[i] = text.ptr[i] >= ' ' && text.ptr[i] <= '~' ? text.ptr[i] : '?';
    log_fd_put(fd, slice_of(shown, len));
    if (len == text.len) return;
    sigsafe_text(fd, "... (");
    sigsafe_dec(fd, (int64_t)(text.len - len));
    sigsafe_text(fd, " more bytes)");
}

static void put_command(int fd) {
    if (!current->command) return;
    struct slice args[ARGUMENTS_MAX];
    size_t count = current->command(current->context, args, ARGUMENTS_MAX);
    if (count == 0) return;
    put_section(fd, "CURRENT COMMAND");
    sigsafe_text(fd, "argc: ");
    sigsafe_dec(fd, (int64_t)count);
    sigsafe_text(fd, "\n");
    for (size_t i = 0; i < count && i < ARGUMENTS_MAX; i++) {
        sigsafe_text(fd, "argv[");
        sigsafe_dec(fd, (int64_t)i);
        sigsafe_text(fd, "]: ");
        if (i > 0 && current->hide_user_data) {
            sigsafe_text(fd, "(");
            sigsafe_dec(fd, (int64_t)args[i].len);
            sigsafe_text(fd, " bytes, hidden)");
        } else {
            put_printable(fd, args[i]);
        }
        sigsafe_text(fd, "\n");
    }
}

/* The lines of /proc/self/maps that may be executed: what addresses of the trace belong to. */
static void put_code_map(int fd) {
    put_section(fd, "MEMORY MAP OF CODE");
    int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    char text[4096];
    size_t kept = 0;
    ssize_t got;
    while (maps >= 0 && (got = read(maps, text + kept, sizeof(text) - kept)) > 0) {
        char *at = text, *end = text + kept + got, *newline;
        while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
            struct slice line = slice_of(at, (size_t)(newline + 1 - at));
            const char *flags = memchr(line.ptr, ' ', line.len);
            if (flags && newline - flags > 4 && flags[3] == 'x') log_fd_put(fd, line);
            at = newline + 1;
        }
        kept = (size_t)(end - at);
        if (kept == sizeof(text)) kept = 0; /* no line is that long */
        memmove(text, at, kept);
    }
    if (maps >= 0) close(maps);
}

static void put_info(int fd) {
    if (!current->info) return;
    struct buf text = BUF_INIT;
    current->info(current->context, &text);
    put_section(fd, "INFO OUTPUT");
    log_fd_put(fd, buf_slice(&text));
    buf_release(&text);
}

static void put_end(int fd) {
    sigsafe_text(fd, "\n=== DREY BUG REPORT END. Please report the crash with all of the text "
                     "from the start line on. ===\n\n");
}

/* ---- handlers ---- */

static void put_cause(int fd, const siginfo_t *info, const ucontext_t *context) {
    log_fd_put_head(fd);
    sigsafe_text(fd, "Drey ");
    sigsafe_text(fd, current->version);
    sigsafe_text(fd, " crashed by signal: ");
    sigsafe_dec(fd, info->si_signo);
    sigsafe_text(fd, ", si_code: ");
    sigsafe_dec(fd, info->si_code);
    sigsafe_text(fd, "\n");

    bool sent = info->si_code <= 0;
    if (sent && info->si_pid != getpid()) {
        log_fd_put_head(fd);
        sigsafe_text(fd, "Killed by PID: ");
        sigsafe_dec(fd, info->si_pid);
        sigsafe_text(fd, ", UID: ");
        sigsafe_dec(fd, info->si_uid);
        sigsafe_text(fd, "\n");
    }
    if (!sent) {
        log_fd_put_head(fd);
        sigsafe_text(fd, "Accessing address: 0x");
        sigsafe_hex(fd, (uint64_t)(uintptr_t)info->si_addr, 1);
        sigsafe_text(fd, "\n");
    }
    log_fd_put_head(fd);
    sigsafe_text(fd, "Crashed running the instruction at: 0x");
    sigsafe_hex(fd, machine_of(context).instruction, 1);
    sigsafe_text(fd, "\n");
}

/* The signal again, with its default action. */
static _Noreturn void die_of(int signal_number) {
    sigset_t set;
    signal(signal_number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal_number);
    _exit(128 + signal_number);
}

static _Noreturn void on_second_crash(int signal_number) {
    int fd = report_fd();
    sigsafe_text(fd, "\n");
    put_line(fd, "Crashed again while writing the report.");
    put_end(fd);
    die_of(signal_number);
}

static void on_crash(int signal_number, siginfo_t *info, void *raw_context) {
    int own = (int)syscall(SYS_gettid), other = 0;
    if (!atomic_compare_exchange_strong(&reporter, &other, own)) {
        if (other == own) on_second_crash(signal_number);
        /* The thread that is at it ends the process; this one still answers for its stack. */
        for (;;) pause();
    }
    /* A callback may wait for a lock that the crash has left locked. */
    signal(SIGALRM, SIG_DFL);
    alarm(REPORT_SECONDS);

    int fd = report_fd();
    begin_frame(fd);
    put_cause(fd, info, raw_context);
    put_stacks(fd);
    put_machine(fd, raw_context);
    put_code_map(fd);
    put_command(fd);
    put_info(fd);
    put_end(fd);
    die_of(signal_number);
}

static void on_alarm(int signal_number, siginfo_t *info, void *context) {
    int saved = errno, fd = report_fd();
    bool own = info->si_code > 0; /* the kernel's timer, not kill(2) */
    sigsafe_text(fd, "\n");
    put_line(fd, own ? "--- WATCHDOG TIMER EXPIRED ---" : "Received SIGALRM");
    put_stacks(fd);
    if (own)
        put_line(fd,
                 "Sorry: the server is busy with what the trace shows. Slow commands or slow disks "
                 "are likely causes (see the latency monitor and the slow log).");
    put_line(fd, "--------\n");
    log_fd_close(current->log, fd);
    errno = saved;
}

static void on_assert(const char *expr, const char *file, int line, const char *func) {
    int fd = report_fd();
    begin_frame(fd);
    put_line(fd, "=== ASSERTION FAILED ===");
    log_fd_put_head(fd);
    sigsafe_text(fd, "==> ");
    sigsafe_text(fd, file);
    sigsafe_text(fd, ":");
    sigsafe_dec(fd, line);
    sigsafe_text(fd, " '");
    sigsafe_text(fd, expr);
    sigsafe_text(fd, "' is not true (");
    sigsafe_text(fd, func);
    sigsafe_text(fd, ")\n");
    log_fd_close(current->log, fd);
}

/* ---- settings ---- */

static void handle(int signal_number, void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {.sa_sigaction = handler,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | flags};
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, NULL);
}

static void start_handler_stack(void) {
    size_t guard = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, guard + HANDLER_STACK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return; /* then handlers run on the thread's own stack */
    mprotect(memory, guard, PROT_NONE);
    stack_t stack = {.ss_sp = memory + guard, .ss_size = HANDLER_STACK};
    sigaltstack(&stack, NULL);
    handler_stack = memory;
}

void crash_start(struct crash *crash) {
    current = crash;
    if (!handler_stack) start_handler_stack();
    stacks_init();
    assert_set_hook(on_assert);
    handle(SIGALRM, on_alarm, SA_RESTART);
}

void crash_enable(bool on) {
    for (size_t i = 0; i < sizeof(crash_signals) / sizeof(crash_signals[0]); i++) {
        /* SA_NODEFER: a crash in the handler comes back to it instead of killing the process
         * silently. */
        if (on)
            handle(crash_signals[i], on_crash, SA_NODEFER);
        else
            signal(crash_signals[i], SIG_DFL);
    }
}

void crash_watchdog(int64_t period_ms) {
    struct itimerval timer = {.it_value = {period_ms / 1000, period_ms % 1000 * 1000}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

void crash_stop(void) {
    crash_watchdog(0);
    crash_enable(false);
    signal(SIGALRM, SIG_DFL);
    signal(stacks_signal(), SIG_DFL);
    assert_set_hook(NULL);
    if (handler_stack) {
        sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
        munmap(handler_stack, (size_t)sysconf(_SC_PAGESIZE) + HANDLER_STACK);
        handler_stack = NULL;
    }
    current = NULL;
}
