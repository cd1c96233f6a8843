/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/acl_config.h"

#include <limits.h>

#include "base/alloc.h"
#include "base/words.h"
#include "exec/acl.h"
#include "exec/config_types.h"

#define USERS "Users"

void acl_config_apply_password(struct acl *acl) {
    const struct config_secret *secret = &acl->config.requirepass;
    struct acl_rights rights;
    acl_rights_copy(&rights, &acl->default_user->rights);
    acl_passwords_clear(&rights.passwords);
    rights.no_password = !secret->bytes;
    if (secret->bytes) {
        char digest[SHA256_HEX];
        sha256_hex(slice_of(secret->bytes, secret->len), digest);
        acl_passwords_add(&rights.passwords, digest);
    }
    acl_user_set(acl, acl->default_user, &rights);
}

static bool password_changed(const struct config_change *change) {
    const struct acl_config *config = change->owner;
    acl_config_apply_password(config->declared.acl);
    return true;
}

/* --- user: rules, as far as they can be judged before all commands are known --- */

static bool is_declared(const struct config_lines *lines, struct slice name) {
    for (size_t i = 0; i < lines->n; i++)
        if (slice_eq(slice_str(lines->items[i].items[0]), name)) return true;
    return false;
}

static const char *rules_error(const struct config_input *in) {
    struct acl_rule_list list;
    struct acl_rights rights;
    size_t unclosed;
    const struct acl_declared *declared = in->current;
    if (!in->first && is_declared(&declared->lines, in->words[0]))
        return "Duplicate user found. A user can only be defined once in config files";
    if (!acl_rule_list_join(&list, in->words + 1, in->n - 1, &unclosed))
        return "Unmatched parenthesis in selector definition.";
    const char *error = NULL;
    struct acl_rules rules = acl_rules_now(declared->acl);
    acl_rights_init(&rights, rules.all_channels);
    for (size_t i = 0; i < list.n && !error; i++) {
        error = acl_rule_apply(&rules, &rights, buf_slice(&list.items[i]));
        if (error == acl_unknown_command) error = NULL; /* acl_load says so, once all are there */
    }
    acl_rights_release(&rights);
    acl_rule_list_release(&list);
    return error;
}

static bool declared_parse(const struct config_input *in, void *value) {
    const struct acl_declared *old = in->current;
    struct acl_declared *declared = value;
    declared->acl = old->acl;
    const char *error = in->n ? rules_error(in) : NULL;
    if (error) {
        buf_append_str(in->why, "Error in user declaration '");
        buf_append_slice(in->why, in->words[0]);
        buf_appendf(in->why, "': %s", error);
        return false;
    }
    static const struct acl_declared none;
    struct config_input lines = *in;
    if (in->first) lines.current = &none;
    return config_type_lines.parse(&lines, &declared->lines);
}

static void declared_format(const struct config_param *param, const void *value, struct buf *out) {
    const struct acl_declared *declared = value;
    config_type_lines.format(param, &declared->lines, out);
}

static void declared_release(void *value) {
    struct acl_declared *declared = value;
    config_type_lines.release(&declared->lines);
}

static void append_word(struct buf *line, struct slice word) {
    buf_append_char(line, ' ');
    if (acl_word_is_bare(word))
        buf_append_slice(line, word);
    else
        words_quote(line, word);
}

static void append_user(const struct acl_user *user, struct buf *lines) {
    struct buf rules = BUF_INIT;
    buf_append_str(lines, "user");
    append_word(lines, user->name);
    acl_rights_describe(&user->rights, &rules);
    for (const char *at = rules.data, *end = at + rules.len; at < end;) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        size_t len = (size_t)((space ? space : end) - at);
        append_word(lines, slice_of(at, len));
        at += len + 1;
    }
    buf_append_char(lines, '\n');
    buf_release(&rules);
}

/* With a file of their own users aren't the configuration's business. */
static void declared_rewrite(const struct config_param *param, const void *value,
                             struct buf *lines) {
    const struct acl *acl = ((const struct acl_declared *)value)->acl;
    if (!acl || acl->config.file[0]) return; /* a default value has none */
    for (size_t i = 0; i < acl->user_count; i++) append_user(acl->users[i], lines);
}

static const struct config_type type_declared = {
    .size = sizeof(struct acl_declared),
    .adds_up = true,
    .parse = declared_parse,
    .format = declared_format,
    .release = declared_release,
    .rewrite = declared_rewrite,
};

/* --- Rows --- */

static const struct config_word pubsub_words[] = {
    {"allchannels", ACL_ALL_CHANNELS}, {"resetchannels", ACL_NO_CHANNELS}, {NULL, 0}};

static const struct config_param rows[] = {
    {"requirepass", CONFIG_SECRET(struct acl_config, requirepass), NULL, .group = USERS,
     .flags = CONFIG_SENSITIVE, .apply = password_changed,
     .about = "The default user's password; empty for none."},
    {"user", &type_declared, CONFIG_FIELD(struct acl_config, declared, struct acl_declared), 1,
     UINT64_MAX, NULL, NULL, .group = USERS,
     .flags = CONFIG_FILE_ONLY | CONFIG_SENSITIVE | CONFIG_ALWAYS_WRITE,
     .about = "A user and its rules."},
    {"aclfile", CONFIG_STRING(struct acl_config, file), "", .group = USERS,
     .flags = CONFIG_IMMUTABLE, .about = "File with the users, instead of lines here."},
    {"acl-pubsub-default", CONFIG_ENUM(struct acl_config, pubsub_default, pubsub_words),
     "resetchannels", .group = USERS,
     .about = "Channels of a new user: allchannels or resetchannels."},
    {"acllog-max-len", CONFIG_INT(struct acl_config, log_max_len, 0, LONG_MAX), "128",
     .group = USERS, .about = "Entries of the ACL log."},
};

void acl_config_register(struct acl *acl, struct config *cfg) {
    config_register(cfg, rows, sizeof rows / sizeof rows[0], &acl->config);
    acl->config.declared.acl = acl;
}
