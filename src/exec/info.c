/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/info.h"

#include "base/alloc.h"
#include "base/num.h"

struct info {
    struct info_section *sections;
    size_t count;
};

struct info *info_new(void) {
    return mem_zalloc(sizeof(struct info));
}

void info_free(struct info *info) {
    if (!info) return;
    mem_free(info->sections);
    mem_free(info);
}

static size_t last_of_same(const struct info *info, const char *name) {
    size_t at = info->count;
    while (at > 0 && strcmp(info->sections[at - 1].name, name) != 0) at--;
    return at ? at : info->count;
}

void info_register(struct info *info, struct info_section section) {
    info->sections = mem_realloc(info->sections, (info->count + 1) * sizeof section);
    size_t at = last_of_same(info, section.name);
    memmove(&info->sections[at + 1], &info->sections[at], (info->count - at) * sizeof section);
    info->sections[at] = section;
    info->count++;
}

static bool wanted(const struct info_section *section, const struct slice *names, int count) {
    if (count == 0) return section->shown == INFO_DEFAULT;
    for (int i = 0; i < count; i++) {
        if (slice_is(names[i], section->name)) return true;
        if (slice_is(names[i], "everything") && section->shown <= INFO_EVERYTHING) return true;
        if (slice_is(names[i], "all") && section->shown <= INFO_ALL) return true;
        if (slice_is(names[i], "default") && section->shown == INFO_DEFAULT) return true;
    }
    return false;
}

void info_write(const struct info *info, const struct slice *names, int count, struct buf *out) {
    const char *open = "";
    for (size_t i = 0; i < info->count; i++) {
        const struct info_section *section = &info->sections[i];
        if (!wanted(section, names, count)) continue;
        if (strcmp(open, section->name) != 0)
            buf_appendf(out, "%s# %s\r\n", out->len ? "\r\n" : "", section->title);
        open = section->name;
        section->write(section->ctx, out);
    }
}

void info_u64(struct buf *out, const char *name, uint64_t value) {
    char digits[NUM_I64_MAX];
    buf_append_str(out, name);
    buf_append_char(out, ':');
    buf_append(out, digits, num_from_u64(digits, value));
    buf_append_str(out, "\r\n");
}

void info_i64(struct buf *out, const char *name, int64_t value) {
    buf_appendf(out, "%s:%lld\r\n", name, (long long)value);
}

void info_str(struct buf *out, const char *name, const char *value) {
    buf_appendf(out, "%s:%s\r\n", name, value);
}

void info_f2(struct buf *out, const char *name, double value) {
    buf_appendf(out, "%s:%.2f\r\n", name, value);
}
