/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/aof_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/num.h"

enum {
    WINDOW = 256 * 1024,
    HEADER_MAX = 32,               /* a header line: its mark, digits, the line's end */
    NOTE_MAX = 64 * 1024,          /* as long as a line may be that isn't a command */
    FOLLOWS_MAX = 64 << 20,        /* of a torn tail so much is looked through */
    WINDOW_KEPT = 4 * 1024 * 1024, /* a larger window shrinks back */
};

enum outcome { FINE, CUT, WRONG, FAILED };

/* The window. */

static bool read_more(struct aof_reader *r) {
    if (r->len == r->cap) {
        r->cap *= 2;
        r->data = mem_realloc(r->data, r->cap);
    }
    ssize_t n;
    do n = read(r->fd, r->data + r->len, r->cap - r->len);
    while (n < 0 && errno == EINTR);
    if (n < 0) r->error = errno;
    if (n > 0) r->len += (size_t)n;
    return n > 0;
}

/* Makes the `n` bytes from `off` on, counted from the item's begin, readable. */
static enum outcome need(struct aof_reader *r, size_t off, size_t n) {
    if (off + n <= r->len - r->at) return FINE;
    if (n > r->size || r->window_at + r->at + off + n > r->size) return CUT;
    while (off + n > r->len - r->at)
        if (!read_more(r)) return r->error ? FAILED : CUT;
    return FINE;
}

/* What was read leaves the window. */
static void move_window(struct aof_reader *r) {
    memmove(r->data, r->data + r->at, r->len - r->at);
    r->window_at += r->at;
    r->len -= r->at;
    r->at = 0;
    if (r->cap <= WINDOW_KEPT || r->len > WINDOW) return;
    r->cap = WINDOW;
    r->data = mem_realloc(r->data, r->cap);
}

/* Parts of a command; `off` is from the item's begin, and moves behind the part. */

static enum outcome wrong(struct aof_reader *r, size_t off, const char *what) {
    r->bad = what;
    r->bad_at = r->item_at + off;
    return WRONG;
}

/* `mark`, decimal digits, the line's end. */
static enum outcome take_header(struct aof_reader *r, size_t *off, char mark, int64_t *value) {
    size_t begin = *off, at = begin;
    int64_t sum = 0;
    enum outcome o = need(r, at, 1);
    if (o != FINE) return o;
    if (r->data[r->at + at++] != mark)
        return wrong(r, begin, mark == '*' ? "no command begins here" : "no argument begins here");
    for (;; at++) {
        if ((o = need(r, at, 1)) != FINE) return o;
        char c = r->data[r->at + at];
        if (c == '\r' && at > begin + 1) break;
        if (c < '0' || c > '9' || at - begin > HEADER_MAX || sum > INT64_MAX / 10 - 10)
            return wrong(r, begin, "a count or length that is no number");
        sum = sum * 10 + (c - '0');
    }
    if ((o = need(r, at, 2)) != FINE) return o;
    if (r->data[r->at + at + 1] != '\n') return wrong(r, at, "a line without an end");
    *off = at + 2;
    *value = sum;
    return FINE;
}

/* The bytes may move while more are read, so arguments are offsets at first. */
static void add_arg(struct aof_reader *r, size_t off, size_t len) {
    if ((size_t)r->argc == r->argv_cap) {
        r->argv_cap = r->argv_cap ? 2 * r->argv_cap : 16;
        r->argv = mem_realloc(r->argv, r->argv_cap * sizeof *r->argv);
    }
    r->argv[r->argc++] = (struct slice){(const char *)(uintptr_t)off, len};
}

static enum outcome take_arg(struct aof_reader *r, size_t *off) {
    int64_t len;
    enum outcome o = take_header(r, off, '$', &len);
    if (o != FINE) return o;
    if ((uint64_t)len > SIZE_MAX / 4) return wrong(r, *off, "an argument of impossible length");
    o = need(r, *off, (size_t)len);
    if (o != FINE) return o;
    add_arg(r, *off, (size_t)len);
    *off += (size_t)len;
    for (int i = 0; i < 2; i++) { /* half of the line's end may be there */
        if ((o = need(r, *off + (size_t)i, 1)) != FINE) return o;
        if (r->data[r->at + *off + (size_t)i] != "\r\n"[i])
            return wrong(r, *off, "an argument that doesn't end where its length says");
    }
    *off += 2;
    return FINE;
}

static enum outcome take_command(struct aof_reader *r, size_t *off) {
    int64_t count;
    r->argc = 0;
    enum outcome o = take_header(r, off, '*', &count);
    if (o != FINE) return o;
    if (count < 1 || count > INT32_MAX) return wrong(r, 0, "a command without a name");
    while (r->argc < count)
        if ((o = take_arg(r, off)) != FINE) return o;
    for (int i = 0; i < r->argc; i++) r->argv[i].ptr = r->data + r->at + (uintptr_t)r->argv[i].ptr;
    r->lines += 1 + 2 * (uint64_t)r->argc;
    return FINE;
}

static enum outcome take_note(struct aof_reader *r, size_t *off) {
    const char *end;
    size_t len = 1;
    while (!(end = memchr(r->data + r->at, '\n', len))) {
        enum outcome o = need(r, len, 1);
        if (o != FINE) return o;
        if (len > NOTE_MAX) return wrong(r, 0, "a note without an end");
        len = r->len - r->at;
    }
    *off = (size_t)(end + 1 - (r->data + r->at));
    size_t text = *off - 2;
    if (text && end[-1] == '\r') text--;
    r->note = slice_of(r->data + r->at + 1, text);
    r->lines++;
    return FINE;
}

/* Damage or a torn tail? */

/* The rest of a file, in one piece, and a bit for each byte of it: set where it was tried whether
 * commands begin that are whole up to the file's end. */
struct rest {
    struct aof_reader reader;
    uint8_t *tried;
};

/* Does it consist of whole commands, one at least, from `off` on? */
static bool is_whole_from(struct rest *rest, size_t off) {
    struct aof_reader *r = &rest->reader;
    size_t begin = off;
    for (r->at = off; r->at < r->len; r->at += off) {
        uint8_t *tried = &rest->tried[r->at / 8], bit = (uint8_t)(1 << r->at % 8);
        if (*tried & bit) return false;
        *tried |= bit;
        off = 0;
        if (take_command(r, &off) != FINE) return false;
    }
    return r->at > begin;
}

/* Is there a place behind the item's first bytes from which on the file is whole again? Then it
 * isn't the file's end that is missing. Linear, as no command is looked at twice. */
static bool only_middle_is_bad(struct aof_reader *r) {
    while (r->len - r->at < FOLLOWS_MAX && read_more(r)) continue;
    const char *data = r->data + r->at, *end = r->data + r->len, *at = data + 1;
    struct rest rest = {.reader = {.fd = -1, .data = r->data + r->at, .len = r->len - r->at}};
    rest.reader.size = rest.reader.len;
    rest.tried = mem_zalloc(rest.reader.len / 8 + 1);
    bool found = false;
    while (!found && at < end && (at = memmem(at, (size_t)(end - at), "\r\n*", 3))) {
        at += 2;
        found = is_whole_from(&rest, (size_t)(at - data));
    }
    mem_free(rest.reader.argv);
    mem_free(rest.tried);
    return found;
}

static enum aof_item cut(struct aof_reader *r) {
    if (!only_middle_is_bad(r)) return AOF_TORN;
    wrong(r, 0, "a command that doesn't end where it should: whole ones follow it");
    return AOF_DAMAGED;
}

/* The file. */

int aof_reader_open(struct aof_reader *r, const char *path, uint64_t from) {
    struct stat stat;
    *r = (struct aof_reader){.fd = open(path, O_RDONLY | O_CLOEXEC), .cap = WINDOW};
    if (r->fd < 0) return errno;
    if (fstat(r->fd, &stat) < 0 || lseek(r->fd, (off_t)from, SEEK_SET) < 0) {
        int error = errno;
        close(r->fd);
        return error;
    }
    r->size = (uint64_t)stat.st_size;
    r->window_at = r->item_at = from;
    r->data = mem_alloc(r->cap);
    return 0;
}

void aof_reader_close(struct aof_reader *r) {
    close(r->fd);
    mem_free(r->data);
    mem_free(r->argv);
}

enum aof_item aof_reader_next(struct aof_reader *r) {
    size_t off = 0;
    move_window(r);
    r->item_at = r->bad_at = r->window_at;
    if (!r->len && !read_more(r)) return r->error ? AOF_UNREADABLE : AOF_END;
    bool is_note = r->data[0] == '#';
    switch (is_note ? take_note(r, &off) : take_command(r, &off)) {
    case FINE: r->at = off; return is_note ? AOF_NOTE : AOF_COMMAND;
    case CUT: return cut(r);
    case WRONG: return AOF_DAMAGED;
    default: return AOF_UNREADABLE;
    }
}

bool aof_begins_with_rdb(const char *path) {
    char head[5];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    bool is = read(fd, head, sizeof head) == sizeof head && !memcmp(head, "REDIS", sizeof head);
    close(fd);
    return is;
}

bool aof_note_time(struct slice note, int64_t *unix_s) {
    if (note.len < 4 || memcmp(note.ptr, "TS:", 3) != 0) return false;
    return num_to_i64(slice_of(note.ptr + 3, note.len - 3), unix_s);
}
