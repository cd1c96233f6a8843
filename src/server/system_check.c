/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/system_check.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 128 };

struct setting {
    const char *name, *path;
    bool (*bad)(const char *text);
    const char *advice;
};

/* Reading these takes a system call, or a trap into the hypervisor. */
static bool slow_clock(const char *text) {
    static const char *const slow[] = {"xen", "hpet", "acpi_pm", "jiffies", "pit"};
    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++)
        if (strcmp(text, slow[i]) == 0) return true;
    return false;
}

/* Redis warns whenever this isn't 1, because its fork for a snapshot may need it. Without a fork
 * only the strict mode matters: it makes allocations fail long before memory is used up. */
static bool strict_overcommit(const char *text) {
    return strcmp(text, "2") == 0;
}

static bool always_huge(const char *text) {
    return strstr(text, "[always]") != NULL;
}

static const struct setting clock_source = {
    "clock", "/sys/devices/system/clocksource/clocksource0/current_clocksource", slow_clock,
    "The kernel's clock source is a slow one, and every request reads the clock. If "
    "/sys/devices/system/clocksource/clocksource0/available_clocksource names tsc or kvm-clock, "
    "write that to current_clocksource beside it."};

static const struct setting overcommit = {
    "overcommit", "/proc/sys/vm/overcommit_memory", strict_overcommit,
    "Memory overcommit is off (vm.overcommit_memory = 2): allocations can fail while memory is "
    "free. To fix this run 'sysctl vm.overcommit_memory=1' and add it to /etc/sysctl.conf."};

static const struct setting huge_pages = {
    "huge-pages", "/sys/kernel/mm/transparent_hugepage/enabled", always_huge,
    "Transparent Huge Pages (THP) are always on in this kernel: memory use and latency suffer. To "
    "fix this run 'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled' as root, keep it "
    "over reboots, and restart the server."};

enum verdict { FINE, BAD, UNKNOWN };

static enum verdict look_at(const struct setting *setting) {
    char text[TEXT_MAX];
    int fd = open(setting->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return UNKNOWN;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len < 0) return UNKNOWN;
    text[len] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return setting->bad(text) ? BAD : FINE;
}

bool system_check(struct buf *report) {
    static const struct setting *const all[] = {&clock_source, &overcommit, &huge_pages};
    bool fine = true;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        enum verdict verdict = look_at(all[i]);
        fine &= verdict != BAD;
        buf_appendf(report, "[%s]...", all[i]->name);
        if (verdict == BAD)
            buf_appendf(report, "WARNING:\n%s\n", all[i]->advice);
        else
            buf_append_str(report, verdict == FINE ? "OK\n" : "skipped\n");
    }
    return fine;
}

static void warn_if_bad(struct log *log, const struct setting *setting) {
    if (look_at(setting) == BAD) log_warning(log, "WARNING %s", setting->advice);
}

void system_warn(struct log *log, bool thp_off) {
    warn_if_bad(log, &clock_source);
    warn_if_bad(log, &overcommit);
    if (!thp_off) warn_if_bad(log, &huge_pages);
}
