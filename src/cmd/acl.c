/* SPDX-License-Identifier: BSD-3-Clause */
/* ACL: users and their rights, from outside. */
#include "exec/acl.h"

#include "base/random.h"
#include "cmd/families.h"
#include "exec/acl_file.h"
#include "exec/admission.h"
#include "exec/redact.h"

#define ERR_NO_FILE                                                                                \
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users " \
    "via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis "      \
    "configuration file set) in order to store users in the Redis configuration."

static struct acl *acl_of(const struct call *c) {
    return &c->engine->acl;
}

/* Redis says this where optional arguments are too many. */
static void reply_misused(struct call *c) {
    reply_errorf(c->reply,
                 "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try ACL HELP.",
                 (int)c->argv[1].len, c->argv[1].ptr);
}

static void reply_buf(struct reply *r, struct buf *text) {
    reply_bulk(r, buf_slice(text));
    buf_clear(text);
}

/* Users. */

static void cmd_whoami(struct call *c) {
    if (c->session->user)
        reply_bulk(c->reply, c->session->user->name);
    else
        reply_null(c->reply);
}

static void cmd_users(struct call *c) {
    const struct acl *acl = acl_of(c);
    reply_array(c->reply, acl->user_count);
    for (size_t i = 0; i < acl->user_count; i++) reply_bulk(c->reply, acl->users[i]->name);
}

static void cmd_list(struct call *c) {
    const struct acl *acl = acl_of(c);
    struct buf line = BUF_INIT;
    reply_array(c->reply, acl->user_count);
    for (size_t i = 0; i < acl->user_count; i++) {
        buf_appendf(&line, "user %s ", acl->users[i]->name.ptr);
        acl_rights_describe(&acl->users[i]->rights, &line);
        reply_buf(c->reply, &line);
    }
    buf_release(&line);
}

/* Three pairs of a map. */
static void reply_selector(struct reply *r, const struct acl_selector *s) {
    struct buf text = BUF_INIT;
    reply_bulk_str(r, "commands");
    reply_bulk(r, buf_slice(&s->rules));
    reply_bulk_str(r, "keys");
    acl_selector_keys(s, &text);
    reply_buf(r, &text);
    reply_bulk_str(r, "channels");
    acl_selector_channels(s, &text);
    reply_buf(r, &text);
    buf_release(&text);
}

static void cmd_getuser(struct call *c) {
    const struct acl_user *user = acl_user_find(acl_of(c), c->argv[2]);
    struct reply *r = c->reply;
    if (!user) {
        reply_null(r);
        return;
    }
    const struct acl_rights *rights = &user->rights;
    reply_map(r, 6);
    reply_bulk_str(r, "flags");
    reply_set(r, rights->no_password ? 3 : 2);
    reply_bulk_str(r, rights->enabled ? "on" : "off");
    if (rights->no_password) reply_bulk_str(r, "nopass");
    reply_bulk_str(r, rights->skip_sanitize ? "skip-sanitize-payload" : "sanitize-payload");
    reply_bulk_str(r, "passwords");
    reply_array(r, rights->passwords.n);
    for (size_t i = 0; i < rights->passwords.n; i++)
        reply_bulk(r, slice_of(rights->passwords.items[i], SHA256_HEX));
    reply_selector(r, &rights->selectors[0]);
    reply_bulk_str(r, "selectors");
    reply_array(r, rights->selector_count - 1);
    for (size_t i = 1; i < rights->selector_count; i++) {
        reply_map(r, 3);
        reply_selector(r, &rights->selectors[i]);
    }
}

static bool apply_or_reply(struct call *c, const struct acl_rule_list *list,
                           struct acl_rights *rights) {
    struct acl_rules rules = acl_rules_now(acl_of(c));
    for (size_t i = 0; i < list->n; i++) {
        struct slice rule = buf_slice(&list->items[i]);
        const char *error = acl_rule_apply(&rules, rights, rule);
        if (!error) continue;
        reply_errorf(c->reply, "ERR Error in ACL SETUSER modifier '%.*s': %s", (int)rule.len,
                     rule.ptr, error);
        return false;
    }
    return true;
}

/* All rules, or nothing changes. */
static void set_user(struct call *c, const struct acl_rule_list *list) {
    struct acl *acl = acl_of(c);
    struct acl_user *user = acl_user_find(acl, c->argv[2]);
    struct acl_rights rights;
    if (user)
        acl_rights_copy(&rights, &user->rights);
    else
        acl_rights_init(&rights, acl_rules_now(acl).all_channels);
    if (apply_or_reply(c, list, &rights)) {
        acl_user_set(acl, user ? user : acl_user_add(acl, c->argv[2]), &rights);
        reply_ok(c->reply);
    } else {
        acl_rights_release(&rights);
    }
}

static void cmd_setuser(struct call *c) {
    struct acl_rule_list list;
    size_t unclosed;
    if (!acl_name_is_valid(c->argv[2])) {
        reply_error(c->reply, "ERR Usernames can't contain spaces or null characters");
        return;
    }
    if (!acl_rule_list_join(&list, c->argv + 3, (size_t)c->argc - 3, &unclosed)) {
        struct slice rule = c->argv[3 + unclosed];
        reply_errorf(c->reply, "ERR Unmatched parenthesis in acl selector starting at '%.*s'.",
                     (int)rule.len, rule.ptr);
        return;
    }
    set_user(c, &list);
    acl_rule_list_release(&list);
}

static void cmd_deluser(struct call *c) {
    struct acl *acl = acl_of(c);
    int64_t removed = 0;
    for (int i = 2; i < c->argc; i++)
        if (slice_eq(c->argv[i], acl->default_user->name)) {
            reply_error(c->reply, "ERR The 'default' user cannot be removed");
            return;
        }
    for (int i = 2; i < c->argc; i++) {
        struct acl_user *user = acl_user_find(acl, c->argv[i]);
        if (!user) continue;
        acl_user_remove(acl, user);
        removed++;
    }
    reply_i64(c->reply, removed);
}

/* Commands and passwords. */

static size_t reply_of_category(struct reply *r, const struct command_entry *cmd,
                                unsigned category) {
    size_t count = (cmd->categories & category) != 0;
    if (count) reply_bulk_str(r, cmd->full_name);
    for (size_t i = 0; i < cmd->sub_count; i++)
        count += reply_of_category(r, &cmd->subcommands[i], category);
    return count;
}

static void reply_categories(struct reply *r) {
    static const char *const names[] = {
#define CATEGORY_NAME(constant, name) name,
        COMMAND_CATEGORIES(CATEGORY_NAME)
#undef CATEGORY_NAME
    };
    size_t n = sizeof names / sizeof *names;
    reply_array(r, n);
    for (size_t i = 0; i < n; i++) reply_bulk_str(r, names[i]);
}

static void cmd_cat(struct call *c) {
    if (c->argc > 3) {
        reply_misused(c);
        return;
    }
    if (c->argc == 2) {
        reply_categories(c->reply);
        return;
    }
    unsigned category = acl_category(c->argv[2]);
    if (!category) {
        reply_errorf(c->reply, "ERR Unknown category '%.*s'", (int)c->argv[2].len, c->argv[2].ptr);
        return;
    }
    const struct command_table *commands = c->engine->commands;
    struct reply_mark mark = reply_begin(c->reply);
    size_t count = 0;
    for (size_t i = 0; i < command_table_count(commands); i++)
        count += reply_of_category(c->reply, command_table_at(commands, i), category);
    reply_end_array(c->reply, mark, count);
}

static void cmd_genpass(struct call *c) {
    enum { BITS = 256, BITS_MAX = 4096 };
    char digits[BITS_MAX / 4];
    int64_t bits = BITS;
    if (c->argc > 3) {
        reply_misused(c);
        return;
    }
    if (c->argc == 3 && !arg_i64_or_reply(c, 2, &bits)) return;
    if (bits <= 0 || bits > BITS_MAX) {
        reply_error(c->reply, "ERR ACL GENPASS argument must be the number of bits for the output "
                              "password, a positive number up to 4096");
        return;
    }
    size_t len = ((size_t)bits + 3) / 4;
    random_hex(digits, len);
    reply_bulk(c->reply, slice_of(digits, len));
}

static bool known_or_reply(struct call *c, const struct request *r) {
    if (!r->cmd || (r->cmd->sub_count && r->argc > 1)) {
        reply_errorf(c->reply, "ERR Command '%.*s' not found", (int)r->argv[0].len, r->argv[0].ptr);
        return false;
    }
    if (admission_arity_fits(r->cmd, r->argc)) return true;
    reply_errorf(c->reply, "ERR wrong number of arguments for '%s' command", r->cmd->full_name);
    return false;
}

static void cmd_dryrun(struct call *c) {
    const struct acl_user *user = acl_user_find(acl_of(c), c->argv[2]);
    if (!user) {
        reply_errorf(c->reply, "ERR User '%.*s' not found", (int)c->argv[2].len, c->argv[2].ptr);
        return;
    }
    struct request r = {.argv = c->argv + 3, .argc = c->argc - 3};
    dispatch_prepare_all(c->session, &r, 1);
    if (!known_or_reply(c, &r)) return;
    struct acl_denial denial = acl_check(&user->rights, r.cmd, r.argv, r.argc);
    if (denial.verdict == ACL_ALLOWED) {
        reply_ok(c->reply);
        return;
    }
    struct buf text = BUF_INIT;
    acl_denial_text(user, &r, denial, true, &text);
    reply_buf(c->reply, &text);
    buf_release(&text);
}

/* The log. */

static void reply_entry(struct reply *r, const struct acl_log_entry *e, uint64_t now_ms) {
    reply_map(r, 10);
    reply_bulk_str(r, "count");
    reply_i64(r, (int64_t)e->count);
    reply_bulk_str(r, "reason");
    reply_bulk_str(r, acl_reason_name(e->last.reason));
    reply_bulk_str(r, "context");
    reply_bulk_str(r, acl_context_name(e->last.context));
    reply_bulk_str(r, "object");
    reply_bulk(r, e->last.object);
    reply_bulk_str(r, "username");
    reply_bulk(r, e->last.user);
    reply_bulk_str(r, "age-seconds");
    reply_double(r, (double)(now_ms - e->updated_ms) / 1000);
    reply_bulk_str(r, "client-info");
    reply_bulk(r, e->last.client);
    reply_bulk_str(r, "entry-id");
    reply_i64(r, (int64_t)e->id);
    reply_bulk_str(r, "timestamp-created");
    reply_i64(r, (int64_t)e->created_ms);
    reply_bulk_str(r, "timestamp-last-updated");
    reply_i64(r, (int64_t)e->updated_ms);
}

static void cmd_log(struct call *c) {
    struct acl_log *log = &acl_of(c)->log;
    int64_t most = 10;
    if (c->argc > 3) {
        reply_misused(c);
        return;
    }
    if (c->argc == 3 && arg_is(c, 2, "reset")) {
        acl_log_clear(log);
        reply_ok(c->reply);
        return;
    }
    if (c->argc == 3 && !arg_i64_or_reply(c, 2, &most)) return;
    if (most < 0) most = 0;
    size_t n = (uint64_t)most < log->n ? (size_t)most : log->n;
    const struct acl_log_entry *e = acl_log_first(log);
    reply_array(c->reply, n);
    for (size_t i = 0; i < n; i++, e = acl_log_next(log, e))
        reply_entry(c->reply, e, c->engine->keyspace.now_ms);
}

/* The file. */

static void cmd_load(struct call *c) {
    struct buf why = BUF_INIT;
    if (!acl_has_file(acl_of(c)))
        reply_error(c->reply, ERR_NO_FILE);
    else if (acl_load_file(acl_of(c), &why))
        reply_ok(c->reply);
    else
        reply_errorf(c->reply, "ERR %s", why.data);
    buf_release(&why);
}

static void cmd_save(struct call *c) {
    struct buf why = BUF_INIT;
    if (!acl_has_file(acl_of(c))) {
        reply_error(c->reply, ERR_NO_FILE);
    } else if (acl_save_file(acl_of(c), &why)) {
        reply_ok(c->reply);
    } else {
        log_warning(c->engine->log, "Can't write the ACL file: %s", why.data);
        reply_error(c->reply, "ERR There was an error trying to save the ACLs. Please check the "
                              "server logs for more information");
    }
    buf_release(&why);
}

static void cmd_help(struct call *c) {
    static const char *const lines[] = {
        "CAT [<category>]",
        "    The categories of commands; with <category>, the commands that belong to it.",
        "DELUSER <username> [<username> ...]",
        "    Remove users and close their connections.",
        "DRYRUN <username> <command> [<arg> ...]",
        "    Say whether the user may run the command, without running it.",
        "GENPASS [<bits>]",
        "    A random password of 256 or <bits> bits, in hexadecimal.",
        "GETUSER <username>",
        "    What the user may do.",
        "LIST",
        "    All users with their rules, as files hold them.",
        "LOAD",
        "    Read the users from the ACL file again.",
        "LOG [<count> | RESET]",
        "    What was denied lately, or forget it.",
        "SAVE",
        "    Write the users to the ACL file.",
        "SETUSER <username> [<rule> ...]",
        "    Make a user, or change what it may do.",
        "USERS",
        "    The names of all users.",
        "WHOAMI",
        "    The user of this connection.",
        NULL,
    };
    call_reply_help(c, lines);
}

enum {
    ANYBODY = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
    ADMIN = ANYBODY | CMD_ADMIN,
};

#define PER_USER "O(N) in the number of users"
#define PER_RULE "O(N) in the number of rules"

static const struct command subcommands[] = {
    {"cat", cmd_cat, -2, ANYBODY, .group = "server", .since = "6.0.0",
     .summary = "Lists the categories of commands, or the commands of one.", .complexity = "O(1)",
     .syntax = "[categoryname]"},
    {"deluser", cmd_deluser, -3, ADMIN, .is_secret = redact_all, .group = "server",
     .since = "6.0.0", .summary = "Removes users, and closes their connections.",
     .complexity = "O(N) in the number of connections", .syntax = "username ...",
     .tips = "request_policy:all_nodes\nresponse_policy:all_succeeded"},
    {"dryrun", cmd_dryrun, -4, ADMIN, .group = "server", .since = "7.0.0",
     .summary = "Says whether a user may run a command.", .complexity = "O(1)",
     .syntax = "username command [arg ...]"},
    {"genpass", cmd_genpass, -2, ANYBODY, .group = "server", .since = "6.0.0",
     .summary = "Makes a password up that can't be guessed.", .complexity = "O(1)",
     .syntax = "[bits:integer]"},
    {"getuser", cmd_getuser, 3, ADMIN, .is_secret = redact_all, .group = "server", .since = "6.0.0",
     .summary = "Shows what a user may do.", .complexity = PER_RULE, .syntax = "username",
     .history = "6.2.0 Shows patterns of channels.\n7.0.0 Shows selectors; patterns of keys and "
                "channels are rules, no longer lists."},
    COMMAND_HELP(cmd_help, 0, "server", "6.0.0"),
    {"list", cmd_list, 2, ADMIN, .group = "server", .since = "6.0.0",
     .summary = "Lists all users with their rules.", .complexity = PER_USER},
    {"load", cmd_load, 2, ADMIN, .group = "server", .since = "6.0.0",
     .summary = "Reads the users from the ACL file.", .complexity = PER_USER},
    {"log", cmd_log, -2, ADMIN, .group = "server", .since = "6.0.0",
     .summary = "Shows what was denied lately.",
     .complexity = "O(N) in the number of entries shown", .syntax = "[operation:(count | RESET)]",
     .history = "7.2.0 Entries have an ID and the times of their first and last incident."},
    {"save", cmd_save, 2, ADMIN, .group = "server", .since = "6.0.0",
     .summary = "Writes the users to the ACL file.", .complexity = PER_USER,
     .tips = "request_policy:all_nodes\nresponse_policy:all_succeeded"},
    {"setuser", cmd_setuser, -3, ADMIN, .is_secret = redact_all, .group = "server",
     .since = "6.0.0", .summary = "Makes a user, or changes what it may do.",
     .complexity = PER_RULE, .syntax = "username [rule ...]",
     .history = "6.2.0 Takes patterns of channels.\n7.0.0 Takes selectors, and rights on keys for "
                "reading and writing apart.",
     .tips = "request_policy:all_nodes\nresponse_policy:all_succeeded"},
    {"users", cmd_users, 2, ADMIN, .group = "server", .since = "6.0.0",
     .summary = "Lists the names of all users.", .complexity = PER_USER},
    {"whoami", cmd_whoami, 2, ANYBODY, .group = "server", .since = "6.0.0",
     .summary = "Names the user of the connection.", .complexity = "O(1)"},
    {.name = NULL},
};

const struct command acl_commands[] = {
    {"acl", NULL, -2, 0, .subcommands = subcommands, .group = "server", .since = "6.0.0",
     .summary = "Holds the commands about users and their rights.",
     .complexity = "Depends on the subcommand."},
    {.name = NULL},
};
