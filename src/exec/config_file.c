/* SPDX-License-Identifier: BSD-3-Clause */
/* File, stdin and command line become one text, so that a line number in a message means the same
 * as in Redis: the lines of the file, an end of line, then one line for each option. */
#include "exec/config_file.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/words.h"
#include "exec/config_int.h"

enum {
    MAX_FILE_BYTES = 64 * 1024 * 1024, /* an `include /dev/zero` must end */
    MAX_DEPTH = 16,                    /* files that include each other */
};

struct loader {
    struct config *cfg;
    struct buf *error;
    int depth;
};

static bool load_file(struct loader *loader, const char *path);

static bool cannot_open(struct loader *loader, const char *path, const char *reason) {
    buf_appendf(loader->error, "Fatal error, can't open config file '%s': %s\n", path, reason);
    return false;
}

/* Appends all that can be read. NULL, or why it can't. */
static const char *read_all(FILE *file, struct buf *text) {
    char chunk[16 * 1024];
    size_t n;
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        buf_append(text, chunk, n);
        if (text->len > MAX_FILE_BYTES) return "File too large";
    }
    return ferror(file) ? strerror(errno) : NULL;
}

static bool read_file(struct loader *loader, const char *path, struct buf *text) {
    FILE *file = fopen(path, "re");
    if (!file) return cannot_open(loader, path, strerror(errno));
    const char *reason = read_all(file, text);
    fclose(file);
    return !reason || cannot_open(loader, path, reason);
}

/* --- Lines --- */

static struct slice trimmed(struct slice line) {
    while (line.len && memchr(" \t\r\n", line.ptr[0], 4)) line.ptr++, line.len--;
    while (line.len && memchr(" \t\r\n", line.ptr[line.len - 1], 4)) line.len--;
    return line;
}

/* Names without wildcards must exist; a pattern may match nothing. */
static bool include_files(struct loader *loader, const char *pattern) {
    glob_t found;
    if (!strpbrk(pattern, "*?[")) return load_file(loader, pattern);
    if (glob(pattern, 0, NULL, &found) != 0) return true;
    bool ok = true;
    for (size_t i = 0; i < found.gl_pathc && ok; i++) ok = load_file(loader, found.gl_pathv[i]);
    globfree(&found);
    return ok;
}

static bool run_directive(struct loader *loader, const struct words *words, struct buf *why) {
    struct slice name = words->items[0];
    size_t n = words->count - 1;
    if (slice_is(name, "include") && n == 1) return include_files(loader, words->items[1].ptr);
    if (slice_is(name, "loadmodule")) {
        buf_append_str(why, "loadmodule: modules made for another server can't be loaded");
        return false;
    }
    if (slice_is(name, "sentinel")) {
        buf_append_str(why, "sentinel directive while not in sentinel mode");
        return false;
    }
    struct config_entry *entry = config_find(loader->cfg, name);
    if (entry) return config_set_from_file(entry, words->items + 1, n, why);
    buf_append_str(why, "Bad directive or wrong number of arguments");
    return false;
}

/* False with `why` empty: an included file has failed and told so. */
static bool run_line(struct loader *loader, struct slice line, struct buf *why) {
    struct words words;
    if (!line.len || line.ptr[0] == '#') return true;
    if (!words_split(line, &words)) {
        buf_append_str(why, "Unbalanced quotes in configuration line");
        return false;
    }
    bool ok = !words.count || run_directive(loader, &words, why);
    words_release(&words);
    return ok;
}

/* The line as it may be shown: of a password's only what it is for. */
static void append_line(struct loader *loader, struct slice line, struct buf *to) {
    struct words words;
    bool readable = words_split(line, &words);
    struct slice name = readable && words.count ? words.items[0] : line;
    size_t end = strcspn(name.ptr, " \t");
    if (!readable && end < name.len) name.len = end;
    if (name.len < line.len && config_is_sensitive(loader->cfg, name)) {
        buf_append_slice(to, name);
        buf_append_str(to, " (redacted)");
    } else {
        buf_append_slice(to, line);
    }
    if (readable) words_release(&words);
}

/* `origin`: where the text comes from, and from its line `options_line` on it's the command line.
 */
static bool load_text(struct loader *loader, struct slice text, const char *origin,
                      int64_t options_line) {
    struct buf why = BUF_INIT;
    int64_t number = 1;
    bool ok = true;
    for (const char *at = text.len ? text.ptr : "", *end = at + text.len; at < end && ok;
         number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        struct slice line = trimmed(slice_of(at, (size_t)(stop - at)));
        ok = run_line(loader, line, &why);
        if (!ok && why.len) {
            buf_appendf(loader->error,
                        "\n*** FATAL CONFIG FILE ERROR (Drey %s) ***\n"
                        "Reading the configuration file, at line %" PRId64 " (%s)\n>>> '",
                        loader->cfg->version, number,
                        number >= options_line ? "command line" : origin);
            append_line(loader, line, loader->error);
            buf_appendf(loader->error, "'\n%s\n", why.data);
        }
        at = stop + 1;
    }
    buf_release(&why);
    return ok;
}

static bool load_file(struct loader *loader, const char *path) {
    struct buf text = BUF_INIT;
    if (loader->depth >= MAX_DEPTH) return cannot_open(loader, path, "Too many levels of include");
    loader->depth++;
    bool ok =
        read_file(loader, path, &text) && load_text(loader, buf_slice(&text), path, INT64_MAX);
    loader->depth--;
    buf_release(&text);
    return ok;
}

/* --- All of it --- */

/* `path` from the working directory of now, since `dir` may change it while loading; leading "./"
 * and "../" are resolved. */
static char *absolute_path(const char *path) {
    char cwd[PATH_MAX];
    if (path[0] == '/' || !getcwd(cwd, sizeof(cwd))) return mem_strdup(path);
    for (;;) {
        char *slash = strrchr(cwd, '/');
        if (strncmp(path, "./", 2) == 0) {
            path += 2;
        } else if (strncmp(path, "../", 3) == 0 && slash) {
            path += 3;
            *slash = '\0';
        } else {
            break;
        }
    }
    struct buf out = BUF_INIT;
    buf_appendf(&out, "%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd, path);
    return buf_detach(&out);
}

static int64_t count_lines(struct slice text) {
    int64_t n = 0;
    for (size_t i = 0; i < text.len; i++) n += text.ptr[i] == '\n';
    return n;
}

static bool read_source(struct loader *loader, const char *path, struct buf *text) {
    if (!path) return true;
    if (strcmp(path, "-") != 0) {
        loader->cfg->path = absolute_path(path);
        return read_file(loader, loader->cfg->path, text);
    }
    const char *reason = read_all(stdin, text);
    return !reason || cannot_open(loader, path, reason);
}

bool config_load(struct config *cfg, const char *path, const char *lines, struct buf *error) {
    struct loader loader = {.cfg = cfg, .error = error, .depth = 1};
    struct buf text = BUF_INIT;
    mem_free(cfg->path);
    cfg->path = NULL;
    for (size_t i = 0; i < cfg->n; i++) cfg->entries[i].from_file = false;
    bool ok = read_source(&loader, path, &text);
    if (ok) {
        const char *origin = cfg->path ? cfg->path : "standard input";
        int64_t options_line = INT64_MAX;
        if (lines) {
            buf_append_char(&text, '\n');
            options_line = count_lines(buf_slice(&text)) + 1;
            buf_append_str(&text, lines);
        }
        ok = load_text(&loader, buf_slice(&text), origin, options_line);
    }
    buf_release(&text);
    return ok;
}

const char *config_path(const struct config *cfg) {
    return cfg->path;
}

/* --- The command line --- */

/* Begins a line with "name" or "name value" as it stands in an argument; true if the next argument
 * is the value, whatever it looks like. */
static bool begin_option(struct buf *lines, const char *option, const char *next) {
    struct words words;
    if (lines->len) buf_append_char(lines, '\n');
    buf_append_str(lines, option);
    buf_append_char(lines, ' ');
    if (slice_is(slice_str(option), "save") && (!next || strncmp(next, "--", 2) == 0)) {
        buf_append_str(lines, "\"\"");
        return false;
    }
    if (!words_split(slice_str(option), &words)) return false;
    bool name_only = words.count == 1;
    words_release(&words);
    return name_only;
}

static void options_to_lines(int argc, char **argv, struct buf *lines) {
    bool value_follows = false;
    for (int i = 0; i < argc; i++) {
        if (!value_follows && strncmp(argv[i], "--", 2) == 0) {
            value_follows = begin_option(lines, argv[i] + 2, i + 1 < argc ? argv[i + 1] : NULL);
            continue;
        }
        words_quote(lines, slice_str(argv[i]));
        buf_append_char(lines, ' ');
        value_follows = false;
    }
}

bool config_load_argv(struct config *cfg, int argc, char **argv, struct buf *error) {
    const char *path = NULL;
    struct buf lines = BUF_INIT;
    int first = 1;
    if (argc > 1 && (argv[1][0] != '-' || !argv[1][1])) path = argv[first++];
    if (argc > first) options_to_lines(argc - first, argv + first, &lines);
    bool ok = config_load(cfg, path, lines.data, error);
    buf_release(&lines);
    return ok;
}
