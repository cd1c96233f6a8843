/* SPDX-License-Identifier: BSD-3-Clause */
/* drey-check-aof: looks whether the files of an append-only log are sound, cuts off what isn't at
 * its end, or all that was written after a moment. The commands aren't run: it sees what a loader
 * must stumble over. It works on Redis's files as well, and on those of before there were
 * manifests. Words that scripts look for in the output are those of redis-check-aof. */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/moment.h"
#include "persist/aof_files.h"
#include "persist/aof_reader.h"
#include "persist/durable.h"
#include "persist/persist_config.h"
#include "persist/rdb_load.h"

struct check {
    bool fix, yes; /* without being asked */
    bool to_time;
    int64_t until_s;
};

/* A file of the log, and what was found. */
struct file {
    const struct check *check;
    const char *path, *name;
    const char *kind; /* "BASE ", "INCR " or "": how it's called in the output */
    bool last;
    uint64_t from;  /* where its commands begin */
    uint64_t whole; /* bytes up to where all is well */
    uint64_t lines; /* up to there */
    uint64_t later; /* where the first note of a later time begins; UINT64_MAX: nowhere */
    bool in_transaction;
    struct aof_reader reader;
};

static const char *base_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The RDB part. */

/* *end: where it ends. */
static bool check_rdb(const char *path, uint64_t *end) {
    enum { DATABASES = 1 << 14 };
    struct config *config = config_new("");
    struct persist_config settings = {.loading_interval = INT64_MAX};
    struct engine e;
    struct buf why = BUF_INIT;
    engine_init(&e, config);
    engine_open(&e, DATABASES);
    struct loading loading = {.engine = &e, .config = &settings};
    static const struct rdb_visitor nobody;
    struct rdb_load load = {.checksum = true, .visitor = &nobody, .loading = &loading};
    loading_begin(&loading, 0);
    bool ok = rdb_load(&e, path, &load, &why);
    loading_end(&loading);
    if (ok)
        printf("RDB preamble is OK, proceeding with AOF tail... (%llu keys)\n",
               (unsigned long long)loading.keys);
    else
        printf("RDB preamble of AOF file is not sane, aborting: %s\n", why.data);
    *end = load.end;
    buf_release(&why);
    engine_release(&e);
    config_free(config);
    return ok;
}

/* Commands. */

static bool is_word(const struct aof_reader *r, const char *word) {
    return r->argc == 1 && slice_is(r->argv[0], word);
}

/* False: a transaction that begins in another one. */
static bool see_command(struct file *f) {
    if (is_word(&f->reader, "multi")) {
        if (f->in_transaction) return false;
        f->in_transaction = true;
    } else if (is_word(&f->reader, "exec")) {
        f->in_transaction = false;
    }
    return true;
}

static void see_note(struct file *f) {
    int64_t time_s;
    if (!f->check->to_time || f->later != UINT64_MAX) return;
    if (aof_note_time(f->reader.note, &time_s) && time_s > f->check->until_s)
        f->later = f->reader.item_at;
}

static void complain(const struct file *f, enum aof_item end) {
    const struct aof_reader *r = &f->reader;
    unsigned long long at = r->item_at;
    switch (end) {
    case AOF_COMMAND: printf("Unexpected MULTI in AOF %s, at byte %llu\n", f->path, at); break;
    case AOF_TORN:
        printf("AOF %s ends in the command that begins at byte %llu\n", f->path, at);
        break;
    case AOF_UNREADABLE: printf("AOF %s can't be read: %s\n", f->path, strerror(r->error)); break;
    case AOF_DAMAGED:
        printf("AOF %s format error: %s, at byte %llu\n", f->path, r->bad,
               (unsigned long long)r->bad_at);
        break;
    default:
        if (f->in_transaction) printf("Reached EOF before reading EXEC for MULTI\n");
    }
}

/* Reads on until something is wrong or the end is there. */
static void read_all(struct file *f) {
    for (;;) {
        if (!f->in_transaction) {
            f->whole = aof_reader_pos(&f->reader);
            f->lines = f->reader.lines;
        }
        enum aof_item item = aof_reader_next(&f->reader);
        bool ok = item == AOF_NOTE || (item == AOF_COMMAND && see_command(f));
        if (item == AOF_NOTE) see_note(f);
        if (ok) continue;
        complain(f, item);
        return;
    }
}

/* Cutting. */

static bool cut_at(const struct file *f, uint64_t size) {
    int error = truncate(f->path, (off_t)size) < 0 ? errno : durable_sync_file(f->path);
    if (error) printf("Failed to truncate AOF %s: %s\n", f->path, strerror(error));
    return !error;
}

static bool agrees(const struct file *f) {
    char answer[16];
    uint64_t size = f->reader.size;
    printf("This will shrink the AOF %s from %llu bytes, with %llu bytes, to %llu bytes\n", f->path,
           (unsigned long long)size, (unsigned long long)(size - f->whole),
           (unsigned long long)f->whole);
    if (f->check->yes) return true;
    printf("Continue? [y/N]: ");
    fflush(stdout);
    return fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y');
}

/* The file isn't sound. True: now it is. */
static bool repair(const struct file *f) {
    if (!f->check->fix) {
        printf("AOF %s is not valid. Use the --fix option to try fixing it.\n", f->path);
        return false;
    }
    if (!f->last) {
        printf("Failed to truncate AOF %s because it is not the last file\n", f->path);
        return false;
    }
    if (!agrees(f)) {
        printf("Aborting...\n");
        return false;
    }
    if (!cut_at(f, f->whole)) return false;
    printf("Successfully truncated AOF %s\n", f->path);
    return true;
}

/* What was written after the moment goes. */
static bool cut_to_time(const struct file *f) {
    long long until_s = f->check->until_s;
    if (!f->last) {
        printf("Failed to truncate AOF %s to timestamp %lld because it is not the last file\n",
               f->path, until_s);
        return false;
    }
    if (f->later == 0) {
        printf("AOF %s has nothing before timestamp %lld, aborting...\n", f->path, until_s);
        return false;
    }
    if (!cut_at(f, f->later)) return false;
    printf("Successfully truncated AOF %s to timestamp %lld\n", f->path, until_s);
    return true;
}

/* Files. */

static bool judge(const struct file *f) {
    uint64_t size = f->reader.size;
    if (f->later != UINT64_MAX) return cut_to_time(f);
    printf("AOF analyzed: filename=%s, size=%llu, ok_up_to=%llu, ok_up_to_line=%llu, diff=%llu\n",
           f->path, (unsigned long long)size, (unsigned long long)f->whole,
           (unsigned long long)f->lines + 1, (unsigned long long)(size - f->whole));
    if (f->whole != size && !repair(f)) return false;
    if (f->check->to_time)
        printf("Truncate nothing in AOF %s to timestamp %lld\n", f->path,
               (long long)f->check->until_s);
    printf("%sAOF %s is valid\n", f->kind, f->name);
    return true;
}

static bool check_file(struct file *f) {
    f->later = UINT64_MAX;
    if (aof_begins_with_rdb(f->path) && !check_rdb(f->path, &f->from)) return false;
    int error = aof_reader_open(&f->reader, f->path, f->from);
    if (error) {
        printf("Cannot open file %s: %s\n", f->path, strerror(error));
        return false;
    }
    read_all(f);
    bool ok = judge(f);
    aof_reader_close(&f->reader);
    return ok;
}

static bool check_part(const struct check *check, const char *dir, const char *name,
                       const char *kind, bool last) {
    struct buf path = BUF_INIT;
    buf_appendf(&path, "%s/%s", dir, name);
    struct file f = {.check = check, .path = path.data, .name = name, .kind = kind, .last = last};
    bool ok = check_file(&f);
    buf_release(&path);
    return ok;
}

static bool base_is_rdb(const char *dir, const char *name) {
    struct buf path = BUF_INIT;
    buf_appendf(&path, "%s/%s", dir, name);
    bool is = aof_begins_with_rdb(path.data);
    buf_release(&path);
    return is;
}

static bool check_parts(const struct check *check, const char *dir, const struct aof_manifest *m) {
    size_t last = m->incrs.n;
    printf("Start checking Multi Part AOF\n");
    if (m->base.name) {
        printf("Start to check BASE AOF (%s format).\n",
               base_is_rdb(dir, m->base.name) ? "RDB" : "RESP");
        if (!check_part(check, dir, m->base.name, "BASE ", !last)) return false;
    }
    if (last) printf("Start to check INCR files.\n");
    for (size_t i = 0; i < last; i++)
        if (!check_part(check, dir, m->incrs.items[i].name, "INCR ", i + 1 == last)) return false;
    printf("All AOF files and manifest are valid\n");
    return true;
}

/* What the path names. */

static bool check_log(const struct check *check, const char *path) {
    struct aof_manifest m = {0};
    struct buf why = BUF_INIT;
    char *copy = mem_strdup(path);
    bool ok = aof_manifest_read(path, &m, &why);
    if (!ok) printf("%s: %s\n", path, why.data);
    ok = ok && check_parts(check, dirname(copy), &m);
    aof_manifest_release(&m);
    buf_release(&why);
    mem_free(copy);
    return ok;
}

static bool check_old(const struct check *check, const char *path) {
    struct file f = {.check = check, .path = path, .name = path, .kind = "", .last = true};
    printf("Start checking Old-Style AOF\n");
    return check_file(&f);
}

static bool is_manifest(const char *path) {
    static const char end[] = ".manifest";
    const char *name = base_of(path);
    size_t len = strlen(name);
    return len > sizeof end - 1 && !strcmp(name + len - (sizeof end - 1), end);
}

static int usage(void) {
    fputs("Usage: drey-check-aof [--fix [--yes] | --truncate-to-timestamp TIME] FILE\n"
          "\n"
          "FILE is the manifest of an append-only log, or a log of one file.\n"
          "--fix cuts off what is incomplete or damaged at the end of the last file; --yes doesn't "
          "ask.\n"
          "--truncate-to-timestamp cuts off all that was written after that time, if there are\n"
          "times in the log (aof-timestamp-enabled yes). TIME is in seconds since 1970 or such as\n"
          "2026-11-21T14:05:00Z, 2026-11-21T15:05+01:00.\n",
          stderr);
    return 1;
}

int main(int argc, char **argv) {
    struct check check = {0};
    int at = 1;
    if (argc > at && !strcmp(argv[at], "--fix")) {
        check.fix = true;
        at++;
        check.yes = argc > at && !strcmp(argv[at], "--yes");
        at += check.yes;
    } else if (argc > at + 1 && !strcmp(argv[at], "--truncate-to-timestamp")) {
        check.to_time = true;
        if (!moment_parse(slice_str(argv[at + 1]), &check.until_s)) return usage();
        at += 2;
    }
    if (argc != at + 1) return usage();
    const char *path = argv[at];
    if (access(path, R_OK) < 0) {
        printf("Cannot open file %s: %s\n", path, strerror(errno));
        return 1;
    }
    bool ok = is_manifest(path) ? check_log(&check, path) : check_old(&check, path);
    return ok ? 0 : 1;
}
