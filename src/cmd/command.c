/* SPDX-License-Identifier: BSD-3-Clause */
/* COMMAND and its subcommands: what the table of commands says of itself. */
#include "base/alloc.h"
#include "base/glob.h"
#include "cmd/command_docs.h"
#include "cmd/families.h"
#include "exec/call.h"

#include <limits.h>

/* COMMAND INFO. */

static const char *const flag_names[] = {
#define FLAG_NAME(constant, name) [CMD_BIT_##constant] = name,
    COMMAND_FLAGS(FLAG_NAME)
#undef FLAG_NAME
};

static const char *const category_names[] = {
#define CATEGORY_NAME(constant, name) [ACL_BIT_##constant] = "@" name,
    COMMAND_CATEGORIES(CATEGORY_NAME)
#undef CATEGORY_NAME
};

static const char *const key_flag_names[] = {
#define KEY_FLAG_NAME(constant, name) [KEY_BIT_##constant] = name,
    KEY_SPEC_FLAGS(KEY_FLAG_NAME)
#undef KEY_FLAG_NAME
};

#define COUNT_OF(names) (sizeof(names) / sizeof((names)[0]))

static void reply_bits(struct reply *r, unsigned bits, const char *const *names, size_t count) {
    unsigned known = bits & ((1u << count) - 1);
    reply_set(r, (size_t)__builtin_popcount(known));
    for (size_t i = 0; i < count; i++)
        if (known & 1u << i) reply_status(r, names[i]);
}

/* First key, last key and step, for clients that know nothing of key specs: what is at fixed places
 * in one run of arguments. */
struct legacy_range {
    int first, last, step;
};

static bool at_fixed_place(const struct key_spec *spec) {
    return spec->kind == KEYS_RANGE && !spec->keyword;
}

static struct legacy_range legacy_range(const struct command *row) {
    struct legacy_range range = {INT_MAX, 0, 1};
    if (at_fixed_place(&row->keys[0]) && row->keys[1].kind == KEYS_NONE)
        range.step = row->keys[0].step;
    int previous = 0;
    for (size_t i = 0; i < COMMAND_KEY_SPECS && row->keys[i].kind; i++) {
        const struct key_spec *spec = &row->keys[i];
        if (!at_fixed_place(spec) || (previous && spec->begin != previous + 1)) continue;
        if (row->keys[1].kind && spec->step != 1) continue;
        int last = spec->last >= 0 ? spec->begin + spec->last : spec->last;
        if (spec->begin < range.first) range.first = spec->begin;
        if (last < 0 || (range.last >= 0 && last > range.last)) range.last = last;
        previous = last;
    }
    return range.first == INT_MAX ? (struct legacy_range){0, 0, 0} : range;
}

static void reply_field_i64(struct reply *r, const char *name, int64_t value) {
    reply_bulk_str(r, name);
    reply_i64(r, value);
}

/* The head of begin_search or find_keys: its type, then a map of `fields` follows. */
static void reply_spec_part(struct reply *r, const char *part, const char *type, size_t fields) {
    reply_bulk_str(r, part);
    reply_map(r, 2);
    reply_bulk_str(r, "type");
    reply_bulk_str(r, type);
    reply_bulk_str(r, "spec");
    reply_map(r, fields);
}

static void reply_begin_search(struct reply *r, const struct key_spec *spec) {
    if (spec->kind == KEYS_UNKNOWN) {
        reply_spec_part(r, "begin_search", "unknown", 0);
    } else if (spec->keyword) {
        reply_spec_part(r, "begin_search", "keyword", 2);
        reply_bulk_str(r, "keyword");
        reply_bulk_str(r, spec->keyword);
        reply_field_i64(r, "startfrom", spec->begin);
    } else {
        reply_spec_part(r, "begin_search", "index", 1);
        reply_field_i64(r, "index", spec->begin);
    }
}

static void reply_find_keys(struct reply *r, const struct key_spec *spec) {
    if (spec->kind == KEYS_UNKNOWN) {
        reply_spec_part(r, "find_keys", "unknown", 0);
    } else if (spec->kind == KEYS_RANGE) {
        reply_spec_part(r, "find_keys", "range", 3);
        reply_field_i64(r, "lastkey", spec->last);
        reply_field_i64(r, "keystep", spec->step);
        reply_field_i64(r, "limit", spec->limit);
    } else {
        reply_spec_part(r, "find_keys", "keynum", 3);
        reply_field_i64(r, "keynumidx", spec->number);
        reply_field_i64(r, "firstkey", spec->first);
        reply_field_i64(r, "keystep", spec->step);
    }
}

static void reply_key_specs(struct reply *r, const struct command *row) {
    size_t count = 0;
    while (count < COMMAND_KEY_SPECS && row->keys[count].kind) count++;
    reply_set(r, count);
    for (size_t i = 0; i < count; i++) {
        const struct key_spec *spec = &row->keys[i];
        reply_map(r, spec->notes ? 4 : 3);
        if (spec->notes) {
            reply_bulk_str(r, "notes");
            reply_bulk_str(r, spec->notes);
        }
        reply_bulk_str(r, "flags");
        reply_bits(r, spec->flags, key_flag_names, COUNT_OF(key_flag_names));
        reply_begin_search(r, spec);
        reply_find_keys(r, spec);
    }
}

static void reply_tips(struct reply *r, const char *tips) {
    reply_set(r, command_lines_count(tips));
    for (struct slice line; command_lines_next(&tips, &line);) reply_bulk(r, line);
}

static void reply_info(struct reply *r, const struct command_entry *cmd) {
    struct legacy_range range = legacy_range(cmd->row);
    reply_array(r, 10);
    reply_bulk_str(r, cmd->full_name);
    reply_i64(r, cmd->row->arity);
    reply_bits(r, cmd->flags, flag_names, COUNT_OF(flag_names));
    reply_i64(r, range.first);
    reply_i64(r, range.last);
    reply_i64(r, range.step);
    reply_bits(r, cmd->categories, category_names, COUNT_OF(category_names));
    reply_tips(r, cmd->row->tips);
    reply_key_specs(r, cmd->row);
    if (cmd->sub_count == 0) {
        reply_set(r, 0);
        return;
    }
    reply_array(r, cmd->sub_count);
    for (size_t i = 0; i < cmd->sub_count; i++) reply_info(r, &cmd->subcommands[i]);
}

/* Commands that have a name: rename-command may have taken one's away. */
static size_t named_count(const struct command_table *t) {
    size_t count = 0;
    for (size_t i = 0; i < command_table_count(t); i++)
        count += command_table_at(t, i)->name[0] != 0;
    return count;
}

static void cmd_command(struct call *c) {
    const struct command_table *t = c->engine->commands;
    reply_array(c->reply, named_count(t));
    for (size_t i = 0; i < command_table_count(t); i++)
        if (command_table_at(t, i)->name[0]) reply_info(c->reply, command_table_at(t, i));
}

static void cmd_command_info(struct call *c) {
    if (c->argc == 2) {
        cmd_command(c);
        return;
    }
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        const struct command_entry *cmd = command_find_full(c->engine->commands, c->argv[i]);
        if (cmd)
            reply_info(c->reply, cmd);
        else
            reply_null(c->reply);
    }
}

static void cmd_command_count(struct call *c) {
    reply_i64(c->reply, (int64_t)named_count(c->engine->commands));
}

/* COMMAND LIST. */

struct list_filter {
    enum { FILTER_NONE, FILTER_MODULE, FILTER_CATEGORY, FILTER_PATTERN } by;
    unsigned category;
    struct slice pattern;
};

static bool filter_parse(const struct call *c, struct list_filter *filter) {
    *filter = (struct list_filter){FILTER_NONE, 0, SLICE("")};
    if (c->argc == 2) return true;
    if (c->argc != 5 || !arg_is(c, 2, "FILTERBY")) return false;
    filter->pattern = c->argv[4];
    if (arg_is(c, 3, "MODULE")) {
        filter->by = FILTER_MODULE;
    } else if (arg_is(c, 3, "ACLCAT")) {
        filter->by = FILTER_CATEGORY;
        filter->category = acl_category(c->argv[4]);
    } else if (arg_is(c, 3, "PATTERN")) {
        filter->by = FILTER_PATTERN;
    }
    return filter->by != FILTER_NONE;
}

/* There are no modules, so no command is of one. */
static bool filter_takes(const struct list_filter *filter, const struct command_entry *cmd) {
    if (filter->by == FILTER_NONE) return true;
    if (filter->by == FILTER_CATEGORY) return (cmd->categories & filter->category) != 0;
    return filter->by == FILTER_PATTERN &&
           glob_match_nocase(filter->pattern, slice_str(cmd->full_name));
}

static size_t list_one(struct reply *r, const struct list_filter *filter,
                       const struct command_entry *cmd) {
    size_t count = filter_takes(filter, cmd);
    if (count) reply_bulk_str(r, cmd->full_name);
    for (size_t i = 0; i < cmd->sub_count; i++) count += list_one(r, filter, &cmd->subcommands[i]);
    return count;
}

static void cmd_command_list(struct call *c) {
    struct list_filter filter;
    if (!filter_parse(c, &filter)) {
        reply_error(c->reply, ERR_SYNTAX);
        return;
    }
    const struct command_table *t = c->engine->commands;
    struct reply_mark mark = reply_begin(c->reply);
    size_t count = 0;
    for (size_t i = 0; i < command_table_count(t); i++)
        if (command_table_at(t, i)->name[0])
            count += list_one(c->reply, &filter, command_table_at(t, i));
    reply_end_array(c->reply, mark, count);
}

/* COMMAND GETKEYS and GETKEYSANDFLAGS. */

/* The command that a request would run; NULL: none. */
static const struct command_entry *find_request(const struct command_table *t,
                                                const struct slice *argv, int argc) {
    const struct command_entry *cmd = command_find(t, argv[0]);
    if (!cmd || !cmd->sub_count || argc == 1) return cmd;
    return command_find_sub(cmd, argv[1]);
}

static bool arity_fits(const struct command_entry *cmd, int argc) {
    int arity = cmd->row->arity;
    return arity >= 0 ? argc == arity : argc >= -arity;
}

/* The keys of the request that starts at argument 2. `uses` has room for argc. */
static bool keys_or_reply(struct call *c, struct key_use *uses, int *count) {
    const struct slice *argv = c->argv + 2;
    int argc = c->argc - 2;
    const struct command_entry *cmd = find_request(c->engine->commands, argv, argc);
    const char *error = NULL;
    if (!cmd)
        error = "ERR Invalid command specified";
    else if (cmd->row->keys[0].kind == KEYS_NONE && !cmd->row->keys_of)
        error = "ERR The command has no key arguments";
    else if (!arity_fits(cmd, argc))
        error = "ERR Invalid number of arguments specified for command";
    if (error) {
        reply_error(c->reply, error);
        return false;
    }
    *count = command_keys(cmd, argv, argc, uses);
    if (*count >= 0) return true;
    reply_error(c->reply, "ERR Invalid arguments specified for command");
    return false;
}

static void reply_keys(struct call *c, bool with_flags) {
    int count;
    struct key_use *uses = mem_alloc((size_t)c->argc * sizeof *uses);
    if (keys_or_reply(c, uses, &count)) {
        reply_array(c->reply, (size_t)count);
        for (int i = 0; i < count; i++) {
            if (with_flags) reply_array(c->reply, 2);
            reply_bulk(c->reply, c->argv[2 + uses[i].arg]);
            if (with_flags)
                reply_bits(c->reply, uses[i].flags, key_flag_names, COUNT_OF(key_flag_names));
        }
    }
    mem_free(uses);
}

static void cmd_command_getkeys(struct call *c) {
    reply_keys(c, false);
}

static void cmd_command_getkeysandflags(struct call *c) {
    reply_keys(c, true);
}

static void cmd_command_help(struct call *c) {
    static const char *const lines[] = {
        "(without a subcommand)",
        "    Describe every command: arity, flags, keys, ACL categories.",
        "COUNT",
        "    Tell how many commands there are.",
        "DOCS [<command> ...]",
        "    Describe the given commands, or all of them, for people: summary, history,",
        "    arguments.",
        "GETKEYS <command> [<arg> ...]",
        "    Tell which arguments of that request are keys.",
        "GETKEYSANDFLAGS <command> [<arg> ...]",
        "    Tell them together with what the command does to each.",
        "INFO [<command> ...]",
        "    Describe the given commands, or all of them, for programs.",
        "LIST [FILTERBY (MODULE <module>|ACLCAT <category>|PATTERN <pattern>)]",
        "    Name the commands, all or those that fit.",
        NULL};
    call_reply_help(c, lines);
}

enum { ANYTIME = CMD_LOADING | CMD_STALE };

static const struct command subcommands[] = {
    {"info", cmd_command_info, -2, ANYTIME, ACL_CONNECTION, .group = "server", .since = "2.8.13",
     .summary = "Describes some commands, or all, in a form for programs.",
     .complexity = "O(N) in the number of commands described", .syntax = "[command-name ...]",
     .tips = "nondeterministic_output_order",
     .history = "7.0.0 Without names it describes all commands.\n"
                "7.0.0 Subcommands are described within their container."},
    {"count", cmd_command_count, 2, ANYTIME, ACL_CONNECTION, .group = "server", .since = "2.8.13",
     .summary = "Tells how many commands there are.", .complexity = "O(1)"},
    {"docs", cmd_command_docs, -2, ANYTIME, ACL_CONNECTION, .group = "server", .since = "7.0.0",
     .summary = "Describes some commands, or all, in a form for people.",
     .complexity = "O(N) in the number of commands described", .syntax = "[command-name ...]",
     .tips = "nondeterministic_output_order"},
    {"getkeys", cmd_command_getkeys, -3, ANYTIME, ACL_CONNECTION, .group = "server",
     .since = "2.8.13", .summary = "Finds the keys in a request.",
     .complexity = "O(N) in the number of arguments", .syntax = "command [arg ...]"},
    {"getkeysandflags", cmd_command_getkeysandflags, -3, ANYTIME, ACL_CONNECTION, .group = "server",
     .since = "7.0.0", .summary = "Finds the keys in a request, and what it does to each.",
     .complexity = "O(N) in the number of arguments", .syntax = "command [arg ...]"},
    {"help", cmd_command_help, 2, ANYTIME, ACL_CONNECTION, .group = "server", .since = "5.0.0",
     .summary = "Explains the subcommands.", .complexity = "O(1)"},
    {"list", cmd_command_list, -2, ANYTIME, ACL_CONNECTION, .group = "server", .since = "7.0.0",
     .summary = "Lists the names of commands.", .complexity = "O(N) in the number of commands",
     .syntax = "[FILTERBY filterby:(MODULE module-name | ACLCAT category | PATTERN pattern)]",
     .tips = "nondeterministic_output_order"},
    {.name = NULL},
};

const struct command command_commands[] = {
    {"command", cmd_command, -1, ANYTIME, ACL_CONNECTION, .subcommands = subcommands,
     .group = "server", .since = "2.8.13",
     .summary = "Describes all commands in a form for programs.",
     .complexity = "O(N) in the number of commands", .tips = "nondeterministic_output_order"},
    {.name = NULL},
};
