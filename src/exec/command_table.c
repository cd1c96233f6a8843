/* SPDX-License-Identifier: BSD-3-Clause */
/* Look-up by name is on the path of every request: an open-addressed array indexed by a hash of the
 * first eight letters and the length, which for the commands there are has next to no collisions.
 * Names come from users only as queries, so it needs no key. */
#include "exec/command_table.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/load.h"
#include "base/num.h"

enum { SLOTS = 2048, NAME_MAX_LEN = 64 };

struct command_table {
    struct command_entry *slots[SLOTS];
    struct command_entry **list;
    size_t count, cap;
    uint16_t ids; /* given out */
};

/* The first eight letters, in lower case: all of most names. Eight bytes at once: the top bit of
 * each sum says whether the byte is at least 'A', and whether it's beyond 'Z'. */
static inline uint64_t name_prefix(struct slice name) {
    const uint64_t ones = 0x0101010101010101ULL, tops = 0x80 * ones;
    uint64_t word = name.len < 8 ? load_le_part(name.ptr, name.len) : load_le64(name.ptr);
    uint64_t low = word & ~tops;
    uint64_t upper = (low + (0x80 - 'A') * ones) & ~(low + (0x7f - 'Z') * ones) & ~word & tops;
    return word | upper >> 2;
}

static inline uint32_t name_slot(uint64_t prefix, size_t len) {
    return (uint32_t)(((prefix ^ (uint64_t)len << 59) * 0x9e3779b97f4a7c15ULL) >> 53) % SLOTS;
}

static inline char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static inline bool name_is(struct slice name, const char *lower_name) {
    for (size_t i = 0; i < name.len; i++)
        if (lower(name.ptr[i]) != lower_name[i] || !lower_name[i]) return false;
    return lower_name[name.len] == '\0';
}

struct command_table *command_table_new(void) {
    return mem_zalloc(sizeof(struct command_table));
}

static void entry_release(struct command_entry *e) {
    for (size_t i = 0; i < e->sub_count; i++) entry_release(&e->subcommands[i]);
    mem_free(e->subcommands);
    mem_free(e->stats.latency);
    mem_free(e->name);
    mem_free(e->full_name);
}

void command_table_free(struct command_table *t) {
    for (size_t i = 0; i < t->count; i++) {
        entry_release(t->list[i]);
        mem_free(t->list[i]);
    }
    mem_free(t->list);
    mem_free(t);
}

/* What flags imply for ACLs, as Redis has it. */
static unsigned implied_categories(const struct command *row) {
    unsigned flags = row->flags, categories = row->categories;
    if (flags & CMD_WRITE) categories |= ACL_WRITE;
    if ((flags & CMD_READONLY) && !(categories & ACL_SCRIPTING)) categories |= ACL_READ;
    if (flags & CMD_ADMIN) categories |= ACL_ADMIN | ACL_DANGEROUS;
    if (flags & CMD_PUBSUB) categories |= ACL_PUBSUB;
    if (flags & CMD_BLOCKING) categories |= ACL_BLOCKING;
    categories |= flags & CMD_FAST ? ACL_FAST : ACL_SLOW;
    return categories;
}

/* Redis flags a command "movablekeys" when its specs don't tell the keys by position alone. */
static unsigned implied_flags(const struct command *row) {
    unsigned flags = row->flags;
    for (size_t i = 0; i < COMMAND_KEY_SPECS && row->keys[i].kind; i++)
        if (row->keys[i].kind != KEYS_RANGE || row->keys[i].keyword) flags |= CMD_MOVABLE_KEYS;
    return flags;
}

static void entry_set_name(struct command_entry *e, char *name) {
    mem_free(e->name);
    e->name = name;
    e->name_len = strlen(name);
    e->name_prefix = name_prefix(slice_str(name));
}

static void check_specs(const struct command *row) {
    for (size_t i = 0; i < COMMAND_KEY_SPECS && row->keys[i].kind; i++)
        ASSERT(row->keys[i].kind == KEYS_UNKNOWN ? row->keys_of != NULL : row->keys[i].step > 0);
}

static enum command_named named_by(const struct command *row) {
    const struct key_spec *spec = &row->keys[0];
    bool by_arguments = row->keys_of && !(spec->flags & KEY_VARIABLE_FLAGS);
    if (by_arguments || row->channels || row->keys[1].kind) return COMMAND_NAMES_MORE;
    if (!spec->kind) return COMMAND_NAMES_NOTHING;
    bool placed = spec->kind == KEYS_RANGE && !spec->keyword && spec->limit < 2;
    return placed && !(spec->flags & KEY_NOT_KEY) ? COMMAND_NAMES_KEYS : COMMAND_NAMES_MORE;
}

static void entry_init(struct command_entry *e, const struct command *row,
                       struct command_entry *parent) {
    check_specs(row);
    const struct key_spec *spec = &row->keys[0];
    bool at_once = spec->kind == KEYS_RANGE && !spec->keyword;
    *e = (struct command_entry){
        .row = row,
        .parent = parent,
        .first_key = at_once ? spec->begin : 0,
        .element_arg = (int16_t)row->element_arg,
        .arity = (int16_t)row->arity,
        .open = row->run && !(row->flags & CMD_PROTECTED),
        .plain = row->run && !(row->flags & CMD_PROTECTED) && !row->subcommands,
        .one_word = !row->subcommands && !parent,
        .named = (uint8_t)named_by(row),
        .last_key = (int16_t)(spec->last < 0 ? spec->last : spec->begin + spec->last),
        .key_step = spec->step,
        .one_key = named_by(row) == COMMAND_NAMES_KEYS && spec->last == 0 ? spec->begin : 0,
        .key_use = spec->flags,
        .flags = implied_flags(row),
        .categories = implied_categories(row),
    };
    entry_set_name(e, mem_strdup(row->name));
    struct buf full = BUF_INIT;
    if (parent) buf_appendf(&full, "%s|", parent->row->name);
    buf_append_str(&full, row->name);
    e->full_name = buf_detach(&full);
    if (!row->subcommands) return;
    while (row->subcommands[e->sub_count].name) e->sub_count++;
    e->subcommands = mem_alloc(e->sub_count * sizeof *e->subcommands);
    for (size_t i = 0; i < e->sub_count; i++)
        entry_init(&e->subcommands[i], &row->subcommands[i], e);
}

static void slots_put(struct command_table *t, struct command_entry *e) {
    uint32_t at = name_slot(e->name_prefix, e->name_len);
    while (t->slots[at]) at = (at + 1) % SLOTS;
    t->slots[at] = e;
}

static void slots_rebuild(struct command_table *t) {
    memset(t->slots, 0, sizeof t->slots);
    for (size_t i = 0; i < t->count; i++)
        if (t->list[i]->name[0]) slots_put(t, t->list[i]);
}

static void give_ids(struct command_table *t, struct command_entry *e) {
    e->id = t->ids++;
    for (size_t i = 0; i < e->sub_count; i++) give_ids(t, &e->subcommands[i]);
    ASSERT(t->ids <= COMMAND_IDS);
}

void command_table_add(struct command_table *t, const struct command *rows) {
    for (; rows->name; rows++) {
        ASSERT(!command_find(t, slice_str(rows->name)));
        if (t->count == t->cap) {
            t->cap = t->cap ? 2 * t->cap : 256;
            t->list = mem_realloc(t->list, t->cap * sizeof(struct command_entry *));
        }
        struct command_entry *e = mem_alloc(sizeof *e);
        entry_init(e, rows, NULL);
        give_ids(t, e);
        t->list[t->count++] = e;
        slots_put(t, e);
        ASSERT(t->count < SLOTS / 2);
    }
}

bool command_table_rename(struct command_table *t, struct slice name, struct slice to) {
    struct command_entry *e = command_find(t, name);
    if (!e || to.len > NAME_MAX_LEN || (to.len && command_find(t, to))) return false;
    char *name_to = mem_alloc(to.len + 1);
    for (size_t i = 0; i < to.len; i++) name_to[i] = lower(to.ptr[i]);
    name_to[to.len] = '\0';
    entry_set_name(e, name_to);
    slots_rebuild(t);
    return true;
}

struct command_entry *command_find(const struct command_table *t, struct slice name) {
    uint64_t prefix = name_prefix(name);
    for (uint32_t at = name_slot(prefix, name.len); t->slots[at]; at = (at + 1) % SLOTS) {
        struct command_entry *e = t->slots[at];
        if (e->name_prefix != prefix || e->name_len != name.len) continue;
        if (name.len <= 8 || name_is(name, e->name)) return e;
    }
    return NULL;
}

struct command_entry *command_find_sub(const struct command_entry *container, struct slice name) {
    for (size_t i = 0; i < container->sub_count; i++)
        if (name_is(name, container->subcommands[i].name)) return &container->subcommands[i];
    return NULL;
}

struct command_entry *command_find_full(const struct command_table *t, struct slice full_name) {
    const char *bar = memchr(full_name.ptr, '|', full_name.len);
    if (!bar) return command_find(t, full_name);
    size_t len = (size_t)(bar - full_name.ptr);
    struct command_entry *e = command_find(t, slice_of(full_name.ptr, len));
    return e ? command_find_sub(e, slice_of(bar + 1, full_name.len - len - 1)) : NULL;
}

size_t command_table_count(const struct command_table *t) {
    return t->count;
}

struct command_entry *command_table_at(const struct command_table *t, size_t i) {
    return t->list[i];
}

static void reset_stats(struct command_entry *e) {
    mem_free(e->stats.latency);
    e->stats = (struct command_stats){0};
    for (size_t i = 0; i < e->sub_count; i++) reset_stats(&e->subcommands[i]);
}

void command_table_reset_stats(struct command_table *t) {
    for (size_t i = 0; i < t->count; i++) reset_stats(t->list[i]);
}

/* Keys. */

static int begin_of(const struct key_spec *spec, const struct slice *argv, int argc) {
    if (!spec->keyword) return spec->begin;
    int step = spec->begin < 0 ? -1 : 1, at = spec->begin < 0 ? argc + spec->begin : spec->begin;
    for (; at > 0 && at < argc; at += step)
        if (slice_is(argv[at], spec->keyword)) return at + 1;
    return -1;
}

static int range_keys(const struct key_spec *spec, int begin, int argc, struct key_use *uses) {
    int last = begin + spec->last;
    if (spec->last < 0) {
        last = argc + spec->last;
        if (spec->limit > 1) last = begin + (argc - begin) / spec->limit + spec->last;
    }
    if (last >= argc || last < begin) return -1;
    int n = 0;
    for (int at = begin; at <= last; at += spec->step)
        uses[n++] = (struct key_use){at, spec->flags};
    return n;
}

/* As Redis reads the number here: as an int, and no matter what follows. */
static int counted_keys(const struct key_spec *spec, int begin, const struct slice *argv, int argc,
                        struct key_use *uses) {
    int at = begin + spec->number, first = begin + spec->first;
    int count = at < argc ? (int)(uint32_t)num_leading_i64(argv[at]) : 0;
    if (count <= 0 || count > (argc - first + spec->step - 1) / spec->step) return -1;
    for (int i = 0; i < count; i++) uses[i] = (struct key_use){first + i * spec->step, spec->flags};
    return count;
}

static int specified_keys(const struct command *row, const struct slice *argv, int argc,
                          struct key_use *uses) {
    int n = 0;
    for (size_t i = 0; i < COMMAND_KEY_SPECS && row->keys[i].kind; i++) {
        const struct key_spec *spec = &row->keys[i];
        int begin = begin_of(spec, argv, argc);
        if (begin < 0 || begin >= argc) {
            if (spec->keyword && i > 0) continue; /* an option with keys, left out */
            return -1;
        }
        int found = spec->kind == KEYS_NUMBER ? counted_keys(spec, begin, argv, argc, uses + n)
                                              : range_keys(spec, begin, argc, uses + n);
        if (found < 0) return -1;
        n += found;
    }
    return n;
}

int command_keys(const struct command_entry *cmd, const struct slice *argv, int argc,
                 struct key_use *uses) {
    const struct command *row = cmd->row;
    int n = row->keys_of ? row->keys_of(argv, argc, uses) : specified_keys(row, argv, argc, uses);
    return n < 0 && (cmd->flags & CMD_NO_MANDATORY_KEYS) ? 0 : n;
}
