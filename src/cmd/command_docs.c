/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd/command_docs.h"

#include "exec/call.h"
#include "exec/command_syntax.h"

bool command_lines_next(const char **text, struct slice *line) {
    if (!*text || !**text) return false;
    const char *end = strchrnul(*text, '\n');
    *line = slice_of(*text, (size_t)(end - *text));
    *text = *end ? end + 1 : end;
    return true;
}

size_t command_lines_count(const char *text) {
    size_t count = 0;
    for (struct slice line; command_lines_next(&text, &line);) count++;
    return count;
}

static void reply_field(struct reply *r, const char *name, const char *value) {
    reply_bulk_str(r, name);
    reply_bulk_str(r, value);
}

/* Arguments. */

/* Keys are numbered by the spec that finds them: the first key argument belongs to the first, and
 * so on; what is left over belongs to the last. */
struct key_numbers {
    int64_t next, last;
};

static int64_t next_key(struct key_numbers *keys) {
    return keys->next < keys->last ? keys->next++ : keys->last;
}

static void reply_arguments(struct reply *r, const struct syntax_arg *args,
                            struct key_numbers *keys);

static void reply_argument_flags(struct reply *r, const struct syntax_arg *arg) {
    reply_bulk_str(r, "flags");
    reply_set(r, (size_t)arg->optional + arg->multiple + arg->multiple_token);
    if (arg->optional) reply_status(r, "optional");
    if (arg->multiple) reply_status(r, "multiple");
    if (arg->multiple_token) reply_status(r, "multiple_token");
}

static void reply_argument(struct reply *r, const struct syntax_arg *arg,
                           struct key_numbers *keys) {
    struct reply_mark mark = reply_begin(r);
    size_t fields = 2;
    reply_field(r, "name", arg->name);
    reply_field(r, "type", command_syntax_type_name(arg->type));
    if (!arg->parts) {
        reply_field(r, "display_text", arg->name);
        fields++;
    }
    if (arg->type == SYNTAX_KEY && keys->last >= 0) {
        reply_bulk_str(r, "key_spec_index");
        reply_i64(r, next_key(keys));
        fields++;
    }
    if (arg->token.ptr) {
        reply_bulk_str(r, "token");
        reply_bulk(r, arg->token);
        fields++;
    }
    if (arg->optional || arg->multiple) {
        reply_argument_flags(r, arg);
        fields++;
    }
    if (arg->parts) {
        reply_bulk_str(r, "arguments");
        reply_arguments(r, arg->parts, keys);
        fields++;
    }
    reply_end_map(r, mark, fields);
}

static void reply_arguments(struct reply *r, const struct syntax_arg *args,
                            struct key_numbers *keys) {
    size_t count = 0;
    for (const struct syntax_arg *arg = args; arg; arg = arg->next) count++;
    reply_array(r, count);
    for (; args; args = args->next) reply_argument(r, args, keys);
}

static size_t reply_row_arguments(struct reply *r, const struct command *row) {
    struct syntax_arg *args;
    size_t error_at;
    if (!command_syntax_parse(row->syntax, &args, &error_at) || !args) return 0;
    struct key_numbers keys = {0, -1};
    while (keys.last + 1 < COMMAND_KEY_SPECS && row->keys[keys.last + 1].kind) keys.last++;
    reply_bulk_str(r, "arguments");
    reply_arguments(r, args, &keys);
    command_syntax_free(args);
    return 1;
}

/* Commands. */

static size_t reply_text(struct reply *r, const char *name, const char *value) {
    if (value) reply_field(r, name, value);
    return value != NULL;
}

static size_t reply_doc_flags(struct reply *r, const struct command *row) {
    bool deprecated = row->deprecated_since != NULL, internal = (row->flags & CMD_INTERNAL) != 0;
    if (!deprecated && !internal) return 0;
    reply_bulk_str(r, "doc_flags");
    reply_set(r, (size_t)deprecated + internal);
    if (deprecated) reply_status(r, "deprecated");
    if (internal) reply_status(r, "syscmd");
    return 1;
}

/* Lines of "version text". */
static size_t reply_history(struct reply *r, const char *history) {
    if (!history) return 0;
    reply_bulk_str(r, "history");
    reply_set(r, command_lines_count(history));
    for (struct slice line; command_lines_next(&history, &line);) {
        const char *space = memchr(line.ptr, ' ', line.len);
        size_t version = space ? (size_t)(space - line.ptr) : line.len;
        size_t text = space ? version + 1 : version;
        reply_array(r, 2);
        reply_bulk(r, slice_of(line.ptr, version));
        reply_bulk(r, slice_of(line.ptr + text, line.len - text));
    }
    return 1;
}

static void reply_docs(struct reply *r, const struct command_entry *cmd);

static size_t reply_subcommands(struct reply *r, const struct command_entry *cmd) {
    if (cmd->sub_count == 0) return 0;
    reply_bulk_str(r, "subcommands");
    reply_map(r, cmd->sub_count);
    for (size_t i = 0; i < cmd->sub_count; i++) reply_docs(r, &cmd->subcommands[i]);
    return 1;
}

/* Name and description: a pair of a map. */
static void reply_docs(struct reply *r, const struct command_entry *cmd) {
    const struct command *row = cmd->row;
    reply_bulk_str(r, cmd->full_name);
    struct reply_mark mark = reply_begin(r);
    size_t fields = reply_text(r, "summary", row->summary);
    fields += reply_text(r, "since", row->since);
    fields += reply_text(r, "group", row->group);
    fields += reply_text(r, "complexity", row->complexity);
    fields += reply_doc_flags(r, row);
    fields += reply_text(r, "deprecated_since", row->deprecated_since);
    fields += reply_text(r, "replaced_by", row->replaced_by);
    fields += reply_history(r, row->history);
    fields += reply_row_arguments(r, row);
    fields += reply_subcommands(r, cmd);
    reply_end_map(r, mark, fields);
}

void cmd_command_docs(struct call *c) {
    const struct command_table *t = c->engine->commands;
    struct reply_mark mark = reply_begin(c->reply);
    size_t pairs = 0;
    for (size_t i = 0; c->argc == 2 && i < command_table_count(t); i++) {
        const struct command_entry *cmd = command_table_at(t, i);
        if (!cmd->name[0]) continue;
        reply_docs(c->reply, cmd);
        pairs++;
    }
    for (int i = 2; i < c->argc; i++) {
        const struct command_entry *cmd = command_find_full(t, c->argv[i]);
        if (!cmd) continue;
        reply_docs(c->reply, cmd);
        pairs++;
    }
    reply_end_map(c->reply, mark, pairs);
}
