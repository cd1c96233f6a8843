/* SPDX-License-Identifier: BSD-3-Clause */
/* The registry: rows, their fields, CONFIG GET and SET.
 *
 * A value is `type->size` bytes, wherever it lies. That makes a change uniform: the new value is
 * parsed into memory of its own, then trades places with the field, so undoing a CONFIG SET is the
 * same swap once more and can't fail.
 *
 * Look-ups are linear: a few hundred rows, and nothing but CONFIG itself looks a name up. */
#include "exec/config.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/glob.h"
#include "exec/config_int.h"
#include "exec/errors.h"

struct config *config_new(const char *version) {
    struct config *cfg = mem_zalloc(sizeof(*cfg));
    cfg->version = version;
    return cfg;
}

void config_free(struct config *cfg) {
    if (!cfg) return;
    for (size_t i = 0; i < cfg->n; i++) {
        config_value_release(cfg->entries[i].param, cfg->entries[i].field);
        mem_free(cfg->entries[i].kept);
    }
    mem_free(cfg->entries);
    mem_free(cfg->path);
    mem_free(cfg);
}

static bool param_is_named(const struct config_param *param, struct slice name) {
    return slice_is(name, param->name) || (param->alias && slice_is(name, param->alias));
}

struct config_entry *config_find(struct config *cfg, struct slice name) {
    for (size_t i = 0; i < cfg->n; i++)
        if (param_is_named(cfg->entries[i].param, name)) return &cfg->entries[i];
    return NULL;
}

void config_value_release(const struct config_param *param, void *value) {
    if (param->type->release) param->type->release(value);
}

bool config_values_equal(const struct config_param *param, const void *a, const void *b) {
    struct buf texts[2] = {BUF_INIT, BUF_INIT};
    param->type->format(param, a, &texts[0]);
    param->type->format(param, b, &texts[1]);
    size_t len = texts[0].len;
    bool equal = len == texts[1].len && (!len || memcmp(texts[0].data, texts[1].data, len) == 0);
    buf_release(&texts[0]);
    buf_release(&texts[1]);
    return equal;
}

/* --- Reading values --- */

/* Words of a row that takes several but was given one: Redis splits it at every single space, so
 * that two in a row make an empty word. Returns how many; *words is to be freed. */
static size_t split_at_spaces(struct slice text, struct slice **words) {
    size_t n = 0, cap = 1;
    for (size_t i = 0; i < text.len; i++) cap += text.ptr[i] == ' ';
    struct slice *list = mem_alloc(cap * sizeof(*list));
    const char *from = text.ptr, *end = text.ptr + text.len;
    for (;;) {
        const char *space = memchr(from, ' ', (size_t)(end - from));
        list[n++] = slice_of(from, (size_t)((space ? space : end) - from));
        if (!space) break;
        from = space + 1;
    }
    *words = list;
    return n;
}

static bool parse_words(const struct config_entry *entry, const struct slice *words, size_t n,
                        struct config_input in, void *value) {
    struct slice *split = NULL;
    in.param = entry->param;
    in.current = entry->field;
    in.words = words;
    in.n = n;
    in.first = !entry->from_file;
    if ((entry->param->flags & CONFIG_MULTI_ARG) && n == 1 && words[0].len) {
        in.n = split_at_spaces(words[0], &split);
        in.words = split;
    }
    memset(value, 0, entry->param->type->size);
    bool ok = entry->param->type->parse(&in, value);
    mem_free(split);
    return ok;
}

bool config_parse(const struct config_entry *entry, const struct slice *words, size_t n,
                  bool from_file, void *value, struct buf *why) {
    struct config_input in = {.from_file = from_file, .why = why};
    if (!parse_words(entry, words, n, in, value)) return false;
    struct config_change change = {entry->param, entry->owner, value, from_file, why};
    if (!entry->param->check || entry->param->check(&change)) return true;
    config_value_release(entry->param, value);
    return false;
}

void config_default(const struct config_entry *entry, void *value) {
    const struct config_param *param = entry->param;
    memset(value, 0, param->type->size);
    if (!param->def) return;
    struct buf why = BUF_INIT;
    struct config_input in = {.why = &why};
    struct slice word = slice_str(param->def);
    bool no_words = (param->flags & CONFIG_MULTI_ARG) && !word.len;
    bool ok = parse_words(entry, &word, !no_words, in, value);
    ASSERT(ok);
    buf_release(&why);
}

bool config_is_default(const struct config_entry *entry) {
    void *value = mem_alloc(entry->param->type->size);
    config_default(entry, value);
    bool same = config_values_equal(entry->param, entry->field, value);
    config_value_release(entry->param, value);
    mem_free(value);
    return same;
}

/* --- Registration --- */

static void entry_add(struct config *cfg, const struct config_param *param, void *owner) {
    ASSERT(!config_find(cfg, slice_str(param->name)));
    ASSERT(!param->alias || !config_find(cfg, slice_str(param->alias)));
    if (cfg->n == cfg->cap) {
        cfg->cap = cfg->cap ? cfg->cap * 2 : 64;
        cfg->entries = mem_realloc(cfg->entries, cfg->cap * sizeof(*cfg->entries));
    }
    struct config_entry *entry = &cfg->entries[cfg->n++];
    *entry = (struct config_entry){.param = param, .owner = owner};
    if (!owner) entry->kept = mem_zalloc(param->type->size);
    entry->field = owner ? (char *)owner + param->offset : entry->kept;
    memset(entry->field, 0, param->type->size);
    config_default(entry, entry->field);
}

void config_register(struct config *cfg, const struct config_param *rows, size_t n, void *owner) {
    for (size_t i = 0; i < n; i++) entry_add(cfg, &rows[i], owner);
}

/* --- CONFIG GET --- */

/* The name under which a pattern finds `name`; ptr NULL: it doesn't. */
static struct slice name_matched(const struct config_param *param, const char *name,
                                 struct slice pattern) {
    struct slice none = {NULL, 0};
    if (!name) return none;
    if (glob_is_literal(pattern)) return slice_is(pattern, name) ? pattern : none;
    if (param->flags & CONFIG_HIDDEN) return none;
    return glob_match_nocase(pattern, slice_str(name)) ? slice_str(name) : none;
}

static void pairs_add(struct config_pairs *pairs, const struct config_entry *entry,
                      struct slice name) {
    size_t from = pairs->text.len;
    entry->param->type->format(entry->param, entry->field, &pairs->text);
    /* The text may still move: config_get sets the pointers when it's complete. */
    pairs->items[pairs->n++] = (struct config_pair){name, slice_of(NULL, pairs->text.len - from)};
}

void config_get(struct config *cfg, const struct slice *patterns, size_t n,
                struct config_pairs *pairs) {
    *pairs = (struct config_pairs){.items = mem_alloc((cfg->n * 2 + 1) * sizeof(*pairs->items))};
    for (size_t i = 0; i < cfg->n; i++) {
        const struct config_param *param = cfg->entries[i].param;
        const char *names[2] = {param->name, param->alias};
        if (param->flags & CONFIG_FILE_ONLY) continue;
        for (size_t k = 0; k < 2; k++) {
            struct slice name = {NULL, 0};
            for (size_t j = 0; j < n && !name.ptr; j++)
                name = name_matched(param, names[k], patterns[j]);
            if (name.ptr) pairs_add(pairs, &cfg->entries[i], name);
        }
    }
    size_t from = 0;
    for (size_t i = 0; i < pairs->n; i++) {
        struct slice *value = &pairs->items[i].value;
        value->ptr = pairs->text.data ? pairs->text.data + from : "";
        from += value->len;
    }
}

void config_pairs_release(struct config_pairs *pairs) {
    buf_release(&pairs->text);
    mem_free(pairs->items);
    *pairs = (struct config_pairs){0};
}

bool config_value(struct config *cfg, struct slice name, struct buf *out) {
    const struct config_entry *entry = config_find(cfg, name);
    if (entry) entry->param->type->format(entry->param, entry->field, out);
    return entry != NULL;
}

bool config_is_sensitive(struct config *cfg, struct slice name) {
    const struct config_entry *entry = config_find(cfg, name);
    return entry && (entry->param->flags & CONFIG_SENSITIVE);
}

/* --- CONFIG SET --- */

/* One name and value of a CONFIG SET. */
struct setting {
    struct config_entry *entry;
    struct slice name; /* as given */
    bool by_alias;     /* a row may be set under both its names at once, as in Redis */
    void *value;       /* the new value; after the swap, the old one. NULL: not parsed yet */
    bool changed;
    bool applied;
};

static const char *refusal(const struct config_param *param, struct config_set_options options) {
    if (param->flags & CONFIG_IMMUTABLE) return "can't set immutable config";
    if ((param->flags & CONFIG_PROTECTED) && !options.allow_protected)
        return "can't set protected config";
    return NULL;
}

static bool set_failed(const struct setting *set, const char *reason, struct buf *error) {
    buf_append_str(error, "ERR CONFIG SET failed (possibly related to argument '");
    buf_append_slice(error, set->name);
    buf_append_str(error, "')");
    if (reason && *reason) buf_appendf(error, " - %s", reason);
    return false;
}

/* Finds the rows of all names; nothing is parsed before all may be set. */
static bool settings_find(struct config *cfg, const struct slice *words,
                          struct config_set_options options, struct setting *sets, size_t n,
                          struct buf *error) {
    for (size_t i = 0; i < n; i++) {
        struct slice name = words[i * 2];
        struct config_entry *entry = config_find(cfg, name);
        if (!entry || (entry->param->flags & CONFIG_FILE_ONLY)) {
            buf_append_str(error, "ERR Unknown option or number of arguments for CONFIG SET - '");
            buf_append_slice(error, name);
            buf_append_str(error, "'");
            return false;
        }
        sets[i].entry = entry;
        sets[i].name = name;
        sets[i].by_alias = !slice_is(name, entry->param->name);
        const char *reason = refusal(entry->param, options);
        if (reason) return set_failed(&sets[i], reason, error);
        if ((entry->param->flags & CONFIG_NOT_LOADING) && options.loading) {
            buf_append_str(error, ERR_LOADING);
            return false;
        }
        for (size_t j = 0; j < i; j++)
            if (sets[j].entry == entry && sets[j].by_alias == sets[i].by_alias)
                return set_failed(&sets[i], "duplicate parameter", error);
    }
    return true;
}

static bool settings_parse(const struct slice *words, struct setting *sets, size_t n,
                           struct buf *error) {
    struct buf why = BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        const struct config_entry *entry = sets[i].entry;
        struct slice value = words[i * 2 + 1];
        bool no_words = (entry->param->flags & CONFIG_MULTI_ARG) && !value.len;
        void *parsed = mem_alloc(entry->param->type->size);
        if (!config_parse(entry, &value, !no_words, false, parsed, &why)) {
            mem_free(parsed);
            set_failed(&sets[i], why.data, error);
            buf_release(&why);
            return false;
        }
        sets[i].value = parsed;
    }
    buf_release(&why);
    return true;
}

static void memory_swap(void *a, void *b, size_t size) {
    char *x = a, *y = b;
    for (size_t i = 0; i < size; i++) {
        char c = x[i];
        x[i] = y[i];
        y[i] = c;
    }
}

static void setting_swap(struct setting *set) {
    memory_swap(set->entry->field, set->value, set->entry->param->type->size);
}

static bool setting_apply(const struct setting *set, struct buf *why) {
    const struct config_entry *entry = set->entry;
    struct config_change change = {entry->param, entry->owner, entry->field, false, why};
    return entry->param->apply(&change);
}

/* Has an earlier setting of the list called the same hook for the same owner? */
static bool applied_before(const struct setting *sets, size_t i) {
    const struct config_entry *mine = sets[i].entry;
    for (size_t j = 0; j < i; j++) {
        const struct config_entry *other = sets[j].entry;
        if (sets[j].applied && other->owner == mine->owner &&
            other->param->apply == mine->param->apply)
            return true;
    }
    return false;
}

/* Puts all fields back, in reverse order since one row may have been set under both its names, and
 * lets the hooks that saw the new values see the old ones. */
static void settings_undo(struct setting *sets, size_t n) {
    struct buf why = BUF_INIT;
    for (size_t i = n; i-- > 0;) setting_swap(&sets[i]);
    for (size_t i = 0; i < n; i++)
        if (sets[i].applied) setting_apply(&sets[i], &why);
    buf_release(&why);
}

static bool settings_apply(struct setting *sets, size_t n, struct buf *error) {
    struct buf why = BUF_INIT;
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        const struct config_param *param = sets[i].entry->param;
        sets[i].changed = (param->flags & CONFIG_VOLATILE) ||
                          !config_values_equal(param, sets[i].entry->field, sets[i].value);
        setting_swap(&sets[i]);
    }
    for (size_t i = 0; i < n && ok; i++) {
        if (!sets[i].changed || !sets[i].entry->param->apply || applied_before(sets, i)) continue;
        sets[i].applied = true;
        ok = setting_apply(&sets[i], &why);
        if (!ok) set_failed(&sets[i], why.data, error);
    }
    if (!ok) settings_undo(sets, n);
    buf_release(&why);
    return ok;
}

static void settings_free(struct setting *sets, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!sets[i].value) continue;
        config_value_release(sets[i].entry->param, sets[i].value);
        mem_free(sets[i].value);
    }
    mem_free(sets);
}

bool config_set(struct config *cfg, const struct slice *words, size_t n,
                struct config_set_options options, struct buf *error) {
    size_t count = n / 2;
    struct setting *sets = mem_zalloc((count + 1) * sizeof(*sets));
    bool ok = settings_find(cfg, words, options, sets, count, error) &&
              settings_parse(words, sets, count, error) && settings_apply(sets, count, error);
    settings_free(sets, count);
    return ok;
}

/* --- A line of the file --- */

bool config_set_from_file(struct config_entry *entry, const struct slice *words, size_t n,
                          struct buf *why) {
    const struct config_param *param = entry->param;
    if (!(param->flags & (CONFIG_MULTI_ARG | CONFIG_FILE_ONLY)) && n != 1) {
        buf_append_str(why, "wrong number of arguments");
        return false;
    }
    void *value = mem_alloc(param->type->size);
    bool ok = config_parse(entry, words, n, true, value, why);
    if (ok) {
        memory_swap(entry->field, value, param->type->size);
        config_value_release(param, value);
        entry->from_file = true;
    }
    mem_free(value);
    if (!ok || !param->apply || !(param->flags & CONFIG_APPLY_LOAD)) return ok;
    struct config_change change = {param, entry->owner, entry->field, true, why};
    return param->apply(&change);
}
