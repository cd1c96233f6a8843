/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/aof_manifest.h"

#include <ctype.h>

#include "base/alloc.h"
#include "base/num.h"
#include "base/words.h"

#define ERR_FORMAT "Invalid AOF manifest file format"

/* Parts. */

static void append(struct aof_parts *parts, char *name, uint64_t seq) {
    parts->items = mem_realloc(parts->items, (parts->n + 1) * sizeof *parts->items);
    parts->items[parts->n++] = (struct aof_part){name, seq};
}

/* Newest first, as what is nearest to being needed still. */
static void prepend(struct aof_parts *parts, struct aof_part part) {
    append(parts, NULL, 0);
    memmove(parts->items + 1, parts->items, (parts->n - 1) * sizeof *parts->items);
    parts->items[0] = part;
}

static void parts_release(struct aof_parts *parts) {
    for (size_t i = 0; i < parts->n; i++) mem_free(parts->items[i].name);
    mem_free(parts->items);
    *parts = (struct aof_parts){0};
}

static void parts_copy(struct aof_parts *to, const struct aof_parts *from) {
    *to = (struct aof_parts){0};
    for (size_t i = 0; i < from->n; i++)
        append(to, mem_strdup(from->items[i].name), from->items[i].seq);
}

void aof_manifest_release(struct aof_manifest *m) {
    mem_free(m->base.name);
    parts_release(&m->incrs);
    parts_release(&m->history);
    *m = (struct aof_manifest){0};
}

void aof_manifest_copy(struct aof_manifest *to, const struct aof_manifest *from) {
    *to = *from;
    if (from->base.name) to->base.name = mem_strdup(from->base.name);
    parts_copy(&to->incrs, &from->incrs);
    parts_copy(&to->history, &from->history);
}

/* Reading. */

struct line {
    struct slice name, seq, type;
};

static bool take_pair(struct line *line, struct slice key, struct slice value) {
    if (slice_is(key, "file"))
        line->name = value;
    else if (slice_is(key, "seq"))
        line->seq = value;
    else if (slice_is(key, "type"))
        line->type = value;
    return !slice_is(key, "file") || !memchr(value.ptr, '/', value.len);
}

static const char *add_base(struct aof_manifest *m, struct slice name, uint64_t seq) {
    if (m->base.name) return "Found duplicate base file information";
    m->base = (struct aof_part){mem_strdup(name.ptr), seq};
    m->base_seq = seq;
    return NULL;
}

static const char *add_incr(struct aof_manifest *m, struct slice name, uint64_t seq) {
    if (seq <= m->incr_seq) return "Found a non-monotonic sequence number";
    append(&m->incrs, mem_strdup(name.ptr), seq);
    m->incr_seq = seq;
    return NULL;
}

/* What is wrong with it; NULL: nothing. */
static const char *take_line(struct aof_manifest *m, const struct line *line) {
    int64_t seq = line->seq.len ? num_leading_i64(line->seq) : 0;
    if (!line->name.len || seq < 1 || !line->type.len) return ERR_FORMAT;
    switch (line->type.ptr[0]) {
    case 'b': return add_base(m, line->name, (uint64_t)seq);
    case 'i': return add_incr(m, line->name, (uint64_t)seq);
    case 'h': append(&m->history, mem_strdup(line->name.ptr), (uint64_t)seq); return NULL;
    default: return "Unknown AOF file type";
    }
}

static const char *take_words(struct aof_manifest *m, const struct words *words) {
    struct line line = {{0}, {0}, {0}};
    if (words->count < 6 || words->count % 2) return ERR_FORMAT;
    for (size_t i = 0; i < words->count; i += 2)
        if (!take_pair(&line, words->items[i], words->items[i + 1]))
            return "File can't be a path, just a filename";
    return take_line(m, &line);
}

static const char *parse_line(struct aof_manifest *m, struct slice text) {
    struct words words;
    if (text.len && text.ptr[0] == '#') return NULL;
    while (text.len && isspace((unsigned char)text.ptr[text.len - 1])) text.len--;
    if (memchr(text.ptr, '\0', text.len) || !words_split(text, &words)) return ERR_FORMAT;
    const char *error = take_words(m, &words);
    words_release(&words);
    return error;
}

static const char *next_line(struct slice *text, struct slice *line) {
    const char *end = memchr(text->ptr, '\n', text->len);
    *line = slice_of(text->ptr, end ? (size_t)(end - text->ptr) : text->len);
    if (line->len >= AOF_MANIFEST_LINE_MAX) return "The AOF manifest file contains too long line";
    if (!end) return ERR_FORMAT ": the last line isn't whole";
    *text = slice_of(end + 1, text->len - line->len - 1);
    return NULL;
}

bool aof_manifest_parse(struct aof_manifest *m, struct slice text, struct buf *why) {
    enum { SHOWN = 128 };
    struct slice line;
    const char *error = NULL;
    size_t number = 0;
    if (!text.len) {
        buf_append_str(why, "Found an empty AOF manifest");
        return false;
    }
    while (text.len && !error) {
        number++;
        error = next_line(&text, &line);
        if (!error) error = parse_line(m, line);
    }
    if (!error) return true;
    buf_appendf(why, "%s, at line %zu: '%.*s'", error, number,
                line.len < SHOWN ? (int)line.len : SHOWN, line.ptr);
    aof_manifest_release(m);
    return false;
}

/* Writing. */

static bool needs_quotes(const char *name) {
    for (const char *at = name; *at; at++)
        if (!isgraph((unsigned char)*at) || *at == '"' || *at == '\\' || *at == '\'') return true;
    return false;
}

static void put(struct buf *to, const struct aof_part *part, char type) {
    buf_append_str(to, "file ");
    if (needs_quotes(part->name))
        words_quote(to, slice_str(part->name));
    else
        buf_append_str(to, part->name);
    buf_appendf(to, " seq %llu type %c\n", (unsigned long long)part->seq, type);
}

void aof_manifest_format(const struct aof_manifest *m, struct buf *to) {
    if (m->base.name) put(to, &m->base, 'b');
    for (size_t i = 0; i < m->history.n; i++) put(to, &m->history.items[i], 'h');
    for (size_t i = 0; i < m->incrs.n; i++) put(to, &m->incrs.items[i], 'i');
}

/* Changes. */

const char *aof_manifest_add_base(struct aof_manifest *m, const char *prefix, bool is_rdb) {
    struct buf name = BUF_INIT;
    if (m->base.name) prepend(&m->history, m->base);
    m->base.seq = ++m->base_seq;
    buf_appendf(&name, "%s.%llu.base.%s", prefix, (unsigned long long)m->base.seq,
                is_rdb ? "rdb" : "aof");
    m->base.name = buf_detach(&name);
    return m->base.name;
}

void aof_manifest_adopt(struct aof_manifest *m, const char *name) {
    mem_free(m->base.name);
    m->base = (struct aof_part){mem_strdup(name), 1};
    m->base_seq = 1;
}

const char *aof_manifest_add_incr(struct aof_manifest *m, const char *prefix) {
    struct buf name = BUF_INIT;
    buf_appendf(&name, "%s.%llu.incr.aof", prefix, (unsigned long long)++m->incr_seq);
    append(&m->incrs, buf_detach(&name), m->incr_seq);
    return aof_manifest_last_incr(m);
}

const char *aof_manifest_last_incr(const struct aof_manifest *m) {
    return m->incrs.n ? m->incrs.items[m->incrs.n - 1].name : NULL;
}

void aof_manifest_retire(struct aof_manifest *m, size_t keep) {
    if (m->incrs.n <= keep) return;
    size_t old = m->incrs.n - keep;
    for (size_t i = 0; i < old; i++) prepend(&m->history, m->incrs.items[i]);
    memmove(m->incrs.items, m->incrs.items + old, keep * sizeof *m->incrs.items);
    m->incrs.n = keep;
}

void aof_manifest_forget(struct aof_manifest *m) {
    parts_release(&m->history);
}
