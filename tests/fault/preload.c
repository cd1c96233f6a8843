/* SPDX-License-Identifier: BSD-3-Clause */
/* See faults.h. All calls on files of the test go through one lock: when the power fails nothing
 * else comes on disk, and nothing else is acknowledged because it had. */
#include "fault/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES = 512, NAMES = 512 };

/* A file that was opened for writing. */
struct file {
    dev_t dev;
    ino_t ino;
    int fd; /* of the library's own */
    off_t synced;
};

/* A name that was made, or moved there (`from` isn't ""), and whose directory isn't synced. */
struct name {
    char path[PATH_MAX], from[PATH_MAX];
    char before[PATH_MAX + 32]; /* what had the name, if anything, has this one besides */
};

static struct faults *faults;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILES];
static int file_count;
static struct name names[NAMES];
static int name_count;

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("DREY_FAULTS");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd < 0) return;
    void *shared = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared != MAP_FAILED) faults = shared;
    syscall(SYS_close, fd);
}

/* Paths. */

static bool is_watched(const char *path) {
    size_t len = strlen(faults->dir);
    return len && strncmp(path, faults->dir, len) == 0;
}

/* Relative ones are in the working directory. */
static bool watches_path(const char *path, char full[PATH_MAX]) {
    char here[PATH_MAX / 2];
    if (!faults) return false;
    if (*path == '/')
        snprintf(full, PATH_MAX, "%s", path);
    else if (getcwd(here, sizeof here))
        snprintf(full, PATH_MAX, "%s/%.1000s", here, path);
    else
        return false;
    return is_watched(full);
}

static bool watches_fd(int fd, char full[PATH_MAX]) {
    char link[64];
    if (!faults) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, full, PATH_MAX - 1);
    if (len < 0) return false;
    full[len] = '\0';
    return is_watched(full);
}

/* What is on disk. */

static struct file *file_of(int fd) {
    struct stat stat;
    if (fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode)) return NULL;
    for (int i = 0; i < file_count; i++)
        if (files[i].dev == stat.st_dev && files[i].ino == stat.st_ino) return &files[i];
    if (file_count == FILES) abort();
    struct file *f = &files[file_count++];
    *f = (struct file){stat.st_dev, stat.st_ino, fcntl(fd, F_DUPFD_CLOEXEC, 100), stat.st_size};
    return f;
}

static bool is_in(const char *path, const char *dir) {
    size_t len = (size_t)(strrchr(path, '/') - path);
    return strlen(dir) == len && memcmp(path, dir, len) == 0;
}

static void note_sync(int fd, const char *path) {
    struct stat stat;
    struct file *f = file_of(fd);
    if (f && fstat(fd, &stat) == 0) f->synced = stat.st_size;
    if (f) return;
    for (int i = 0; i < name_count;) {
        if (!is_in(names[i].path, path)) {
            i++;
            continue;
        }
        if (*names[i].before) unlinkat(AT_FDCWD, names[i].before, 0);
        memmove(&names[i], &names[i + 1], (size_t)(--name_count - i) * sizeof *names);
    }
}

static void note_name(const char *path, const char *from) {
    static unsigned number;
    if (name_count == NAMES) abort();
    struct name *n = &names[name_count++];
    *n = (struct name){0};
    snprintf(n->path, sizeof n->path, "%s", path);
    snprintf(n->from, sizeof n->from, "%s", from);
    if (*from) {
        snprintf(n->before, sizeof n->before, "%s-before-%u", path, number++);
        if (link(path, n->before) < 0) *n->before = '\0';
    }
}

static void take_back_names(void) {
    while (name_count--) {
        const struct name *n = &names[name_count];
        if (*n->from)
            syscall(SYS_renameat2, AT_FDCWD, n->path, AT_FDCWD, n->from, 0);
        else
            syscall(SYS_unlinkat, AT_FDCWD, n->path, 0);
        if (*n->before) syscall(SYS_renameat2, AT_FDCWD, n->before, AT_FDCWD, n->path, 0);
    }
}

static _Noreturn void end(void) {
    for (int i = 0; faults->action >= FAULT_LOSE && i < file_count; i++) {
        struct stat stat;
        if (fstat(files[i].fd, &stat) == 0 && stat.st_size > files[i].synced &&
            syscall(SYS_ftruncate, files[i].fd, files[i].synced) < 0)
            abort();
    }
    if (faults->action == FAULT_LOSE_NAMES) take_back_names();
    for (;;) kill(getpid(), SIGKILL);
}

/* Striking. */

struct call {
    char path[PATH_MAX];
    bool struck;
};

/* The others go on meanwhile. */
static void hold(struct call *c) {
    pthread_mutex_unlock(&lock);
    while (atomic_load(&faults->held)) usleep(1000);
    pthread_mutex_lock(&lock);
    c->struck = false;
}

static void begin(struct call *c, enum fault_call kind) {
    const char *slash = strrchr(c->path, '/');
    pthread_mutex_lock(&lock);
    c->struck = false;
    if (!(atomic_load(&faults->calls) & kind)) return;
    if (*faults->name && fnmatch(faults->name, slash + 1, 0) != 0) return;
    long number = atomic_fetch_add(&faults->seen, 1);
    c->struck = number >= faults->first && number - faults->first < faults->times;
    if (!c->struck) return;
    atomic_fetch_add(&faults->struck, 1);
    if (faults->action == FAULT_HOLD) hold(c);
    if (!c->struck) return;
    if (faults->action == FAULT_KILL_BEFORE || faults->action >= FAULT_LOSE) end();
}

/* Fails it? */
static bool fails(const struct call *c) {
    return c->struck && faults->action == FAULT_FAIL;
}

static long done(const struct call *c, long result, int error) {
    if (c->struck && faults->action == FAULT_FAIL) {
        result = -1;
        error = faults->error;
    } else if (c->struck && faults->action != FAULT_SHORT) {
        end();
    }
    pthread_mutex_unlock(&lock);
    if (result < 0) errno = error;
    return result;
}

static long finish(const struct call *c, long result) {
    return done(c, result, errno);
}

#define DONE(c, call) (fails(c) ? done(c, -1, 0) : finish(c, call))

/* The calls. */

int open(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    int mode = flags & O_CREAT ? va_arg(args, int) : 0;
    va_end(args);
    struct call c;
    if ((flags & O_ACCMODE) == O_RDONLY || !watches_path(path, c.path))
        return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    begin(&c, FAULT_OPEN);
    bool is_new = access(path, F_OK) < 0;
    int fd = fails(&c) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    int error = errno;
    if (fd >= 0 && is_new) note_name(c.path, "");
    struct file *f = fd >= 0 ? file_of(fd) : NULL;
    if (f && flags & O_TRUNC) f->synced = 0;
    return (int)done(&c, fd, error);
}

ssize_t write(int fd, const void *bytes, size_t len) {
    struct call c;
    if (!watches_fd(fd, c.path)) return syscall(SYS_write, fd, bytes, len);
    begin(&c, FAULT_WRITE);
    file_of(fd);
    bool half = c.struck && (faults->action == FAULT_SHORT || faults->action == FAULT_KILL_HALF);
    return DONE(&c, syscall(SYS_write, fd, bytes, half && len > 1 ? len / 2 : len));
}

ssize_t read(int fd, void *bytes, size_t len) {
    struct call c;
    if (!watches_fd(fd, c.path)) return syscall(SYS_read, fd, bytes, len);
    begin(&c, FAULT_READ);
    bool half = c.struck && faults->action == FAULT_SHORT;
    return DONE(&c, syscall(SYS_read, fd, bytes, half && len > 1 ? len / 2 : len));
}

static int sync_by(long number, int fd) {
    struct call c;
    if (!watches_fd(fd, c.path)) return (int)syscall(number, fd);
    begin(&c, FAULT_SYNC);
    if (!c.struck || faults->action != FAULT_FAIL) note_sync(fd, c.path);
    return (int)DONE(&c, syscall(number, fd));
}

int fsync(int fd) {
    return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd) {
    return sync_by(SYS_fdatasync, fd);
}

int rename(const char *from, const char *to) {
    struct call c;
    char source[PATH_MAX];
    if (!watches_path(from, source) || !watches_path(to, c.path))
        return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    begin(&c, FAULT_RENAME);
    if (!fails(&c)) note_name(c.path, source);
    return (int)DONE(&c, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int ftruncate(int fd, off_t len) {
    struct call c;
    if (!watches_fd(fd, c.path)) return (int)syscall(SYS_ftruncate, fd, len);
    begin(&c, FAULT_TRUNCATE);
    struct file *f = file_of(fd);
    if (f && f->synced > len && !fails(&c)) f->synced = len;
    return (int)DONE(&c, syscall(SYS_ftruncate, fd, len));
}

int truncate(const char *path, off_t len) {
    struct call c;
    if (!watches_path(path, c.path)) return (int)syscall(SYS_truncate, path, len);
    begin(&c, FAULT_TRUNCATE);
    return (int)DONE(&c, syscall(SYS_truncate, path, len));
}

int unlink(const char *path) {
    struct call c;
    if (!watches_path(path, c.path)) return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    begin(&c, FAULT_UNLINK);
    return (int)DONE(&c, syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

int mkdir(const char *path, mode_t mode) {
    struct call c;
    if (!watches_path(path, c.path)) return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    begin(&c, FAULT_MKDIR);
    return (int)DONE(&c, syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}
