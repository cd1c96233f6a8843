/* SPDX-License-Identifier: BSD-3-Clause */
/* A file is read into a list of its own first, so that an error changes nothing. Then users that
 * are there already get their new rights in place, since sessions hold them. */
#include "exec/acl_file.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/file.h"

/* --- Reading --- */

struct loaded {
    struct slice name;
    struct acl_rights rights;
};

struct loader {
    struct acl_rules rules;
    const char *file;
    struct loaded *users;
    size_t n;
    struct buf *why;
};

static void loader_release(struct loader *l) {
    for (size_t i = 0; i < l->n; i++) acl_rights_release(&l->users[i].rights);
    mem_free(l->users);
}

/* Space at both ends doesn't count. */
static struct slice trimmed(struct slice line) {
    while (line.len && memchr(" \t\r\n", line.ptr[0], 4)) line.ptr++, line.len--;
    while (line.len && memchr(" \t\r\n", line.ptr[line.len - 1], 4)) line.len--;
    return line;
}

/* Splits at each single space. The list is to be freed. */
static struct slice *split(struct slice line, size_t *n) {
    struct slice *words = mem_alloc((line.len + 1) * sizeof *words);
    *n = 0;
    for (const char *at = line.ptr, *end = at + line.len;;) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        words[(*n)++] = slice_of(at, (size_t)((space ? space : end) - at));
        if (!space) return words;
        at = space + 1;
    }
}

static bool is_known(const struct loader *l, struct slice name) {
    for (size_t i = 0; i < l->n; i++)
        if (slice_eq(l->users[i].name, name)) return true;
    return false;
}

/* Only of a command that isn't there the rule is shown: others may hold passwords. */
static void rule_failed(struct loader *l, int line, struct slice rule, const char *error) {
    buf_appendf(l->why, "%s:%d: ", l->file, line);
    if (error == acl_unknown_command) {
        buf_append_str(l->why, "Error in applying operation '");
        buf_append_slice(l->why, rule);
        buf_append_str(l->why, "': ");
    }
    buf_appendf(l->why, "%s. ", error);
}

static void apply_rules(struct loader *l, int line, const struct slice *words, size_t n) {
    struct acl_rule_list list;
    size_t unclosed;
    if (!acl_rule_list_join(&list, words, n, &unclosed)) {
        buf_appendf(l->why, "%s:%d: Unmatched parenthesis in selector definition.", l->file, line);
        return;
    }
    const char *error = NULL;
    for (size_t i = 0; i < list.n; i++) {
        struct slice rule = trimmed(buf_slice(&list.items[i]));
        const char *failed = acl_rule_apply(&l->rules, &l->users[l->n - 1].rights, rule);
        bool shown = failed && (failed == acl_unknown_command || !error);
        if (shown) rule_failed(l, line, rule, failed);
        if (failed) error = failed;
    }
    acl_rule_list_release(&list);
}

static void read_user(struct loader *l, int line, const struct slice *words, size_t n) {
    if (n < 2 || !slice_eq(words[0], SLICE("user"))) {
        buf_appendf(l->why, "%s:%d should start with user keyword followed by the username. ",
                    l->file, line);
        return;
    }
    struct slice name = words[1];
    if (!acl_name_is_valid(name)) {
        buf_appendf(l->why, "%s:%d: username '%.*s' contains invalid characters. ", l->file, line,
                    (int)name.len, name.ptr);
    } else if (is_known(l, name)) {
        buf_appendf(l->why, "WARNING: Duplicate user '%.*s' found on line %d. ", (int)name.len,
                    name.ptr, line);
    } else {
        l->users = mem_realloc(l->users, (l->n + 1) * sizeof *l->users);
        struct loaded *user = &l->users[l->n++];
        user->name = name;
        acl_rights_init(&user->rights, l->rules.all_channels);
        apply_rules(l, line, words + 2, n - 2);
    }
}

static void read_users(struct loader *l, struct slice text) {
    int line = 1;
    for (const char *at = text.ptr, *end = at + text.len; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        struct slice trimmed_line = trimmed(slice_of(at, (size_t)(stop - at)));
        if (trimmed_line.len) {
            size_t n;
            struct slice *words = split(trimmed_line, &n);
            read_user(l, line, words, n);
            mem_free(words);
        }
        at = stop + 1;
    }
}

/* --- Taking over --- */

/* The default user is always there: without a line of its own it may do all. */
static void add_default(struct loader *l, struct slice name) {
    if (is_known(l, name)) return;
    l->users = mem_realloc(l->users, (l->n + 1) * sizeof *l->users);
    struct loaded *user = &l->users[l->n++];
    user->name = name;
    acl_rights_init(&user->rights, l->rules.all_channels);
    acl_rights_give_all(&user->rights);
}

static void take_over(struct acl *acl, struct loader *l) {
    for (size_t i = acl->user_count; i-- > 0;)
        if (!is_known(l, acl->users[i]->name)) acl_user_remove(acl, acl->users[i]);
    for (size_t i = 0; i < l->n; i++) {
        struct acl_user *user = acl_user_find(acl, l->users[i].name);
        if (!user) user = acl_user_add(acl, l->users[i].name);
        acl_user_set(acl, user, &l->users[i].rights);
    }
}

bool acl_load_file(struct acl *acl, struct buf *why) {
    const char *path = acl->config.file;
    struct loader l = {.rules = acl_rules_now(acl), .file = path, .why = why};
    struct buf text = BUF_INIT;
    if (file_read(path, &text, NULL)) {
        buf_appendf(why, "Error loading ACLs, opening file '%s': %s", path, strerror(errno));
        return false;
    }
    size_t before = why->len;
    read_users(&l, buf_slice(&text));
    bool ok = why->len == before;
    if (ok) {
        add_default(&l, acl->default_user->name);
        take_over(acl, &l);
    } else {
        buf_append_str(why, "WARNING: ACL errors detected, no change to the previously active ACL "
                            "rules was performed");
    }
    loader_release(&l);
    buf_release(&text);
    return ok;
}

/* --- The configuration's lines --- */

/* A rule as the log may show it: no passwords. */
static void append_rule(struct buf *to, struct slice rule) {
    bool secret = rule.len && memchr("><#!", rule.ptr[0], 4);
    buf_append_slice(to, secret ? SLICE("(redacted)") : rule);
}

static const char *declare(const struct acl *acl, const struct config_list *line,
                           struct acl_rights *rights, struct buf *rule) {
    struct slice *words = mem_alloc(line->n * sizeof *words);
    struct acl_rules rules = acl_rules_now(acl);
    struct acl_rule_list list;
    size_t unclosed;
    for (size_t i = 0; i < line->n; i++) words[i] = slice_str(line->items[i]);
    const char *error = NULL;
    if (acl_rule_list_join(&list, words + 1, line->n - 1, &unclosed)) {
        for (size_t i = 0; i < list.n && !error; i++) {
            error = acl_rule_apply(&rules, rights, buf_slice(&list.items[i]));
            if (error) append_rule(rule, buf_slice(&list.items[i]));
        }
        acl_rule_list_release(&list);
    }
    mem_free(words);
    return error;
}

static bool load_line(struct acl *acl, const struct config_list *line, struct buf *why) {
    struct slice name = slice_str(line->items[0]);
    if (!acl_name_is_valid(name)) {
        buf_append_str(why, "Spaces not allowed in ACL usernames");
        return false;
    }
    struct acl_rights rights;
    struct buf rule = BUF_INIT;
    acl_rights_init(&rights, acl_rules_now(acl).all_channels);
    const char *error = declare(acl, line, &rights, &rule);
    if (error) {
        buf_appendf(why, "Error loading ACL rule '%s' for the user named '%s': %s", rule.data,
                    name.ptr, error);
        acl_rights_release(&rights);
    } else {
        struct acl_user *user = acl_user_find(acl, name);
        acl_user_set(acl, user ? user : acl_user_add(acl, name), &rights);
    }
    buf_release(&rule);
    return !error;
}

bool acl_load_configured(struct acl *acl, struct buf *why) {
    const struct config_lines *lines = &acl->config.declared.lines;
    if (acl->config.requirepass.bytes) acl_config_apply_password(acl);
    if (lines->n && acl_has_file(acl)) {
        buf_append_str(why, "Users are declared in the configuration file, and it names an ACL "
                            "file as well (aclfile): only one of them may hold users.");
        return false;
    }
    if (acl_has_file(acl)) return acl_load_file(acl, why);
    for (size_t i = 0; i < lines->n; i++)
        if (!load_line(acl, &lines->items[i], why)) return false;
    return true;
}

/* --- Writing --- */

bool acl_save_file(const struct acl *acl, struct buf *why) {
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < acl->user_count; i++) {
        buf_appendf(&text, "user %s ", acl->users[i]->name.ptr);
        acl_rights_describe(&acl->users[i]->rights, &text);
        buf_append_char(&text, '\n');
    }
    bool ok = file_replace(acl->config.file, buf_slice(&text), 0600) == 0;
    if (!ok) buf_append_str(why, strerror(errno));
    buf_release(&text);
    return ok;
}
