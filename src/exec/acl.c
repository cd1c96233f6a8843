/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/acl.h"

#include <ctype.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "exec/dispatch.h"

#define DEFAULT_NAME SLICE("default")

/* Users. */

static struct acl_user *user_new(struct slice name, bool all_channels) {
    struct acl_user *user = mem_alloc(sizeof *user);
    char *text = mem_alloc(name.len + 1);
    slice_put(text, name);
    text[name.len] = '\0';
    *user = (struct acl_user){.name = {text, name.len}, .refs = 1, .restricted = true};
    acl_rights_init(&user->rights, all_channels);
    return user;
}

struct acl_user *acl_user_ref(struct acl_user *user) {
    if (user) user->refs++;
    return user;
}

void acl_user_unref(struct acl_user *user) {
    if (!user || --user->refs) return;
    acl_rights_release(&user->rights);
    mem_free((char *)user->name.ptr);
    mem_free(user);
}

/* The index of the first user whose name isn't before this one. */
static size_t place_of(const struct acl *acl, struct slice name) {
    size_t low = 0, high = acl->user_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (slice_cmp(acl->users[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct acl_user *acl_user_find(const struct acl *acl, struct slice name) {
    size_t at = place_of(acl, name);
    bool found = at < acl->user_count && slice_eq(acl->users[at]->name, name);
    return found ? acl->users[at] : NULL;
}

struct acl_rules acl_rules_now(const struct acl *acl) {
    return (struct acl_rules){acl->engine->commands,
                              acl->config.pubsub_default == ACL_ALL_CHANNELS};
}

struct acl_user *acl_user_add(struct acl *acl, struct slice name) {
    size_t at = place_of(acl, name);
    acl->users = mem_realloc(acl->users, (acl->user_count + 1) * sizeof *acl->users);
    memmove(&acl->users[at + 1], &acl->users[at], (acl->user_count++ - at) * sizeof *acl->users);
    return acl->users[at] = user_new(name, acl_rules_now(acl).all_channels);
}

void acl_user_set(struct acl *acl, struct acl_user *user, struct acl_rights *rights) {
    bool less_channels = !acl_rights_keep_channels(rights, &user->rights);
    acl_rights_release(&user->rights);
    user->rights = *rights;
    *rights = (struct acl_rights){0};
    user->restricted = !acl_rights_are_all(&user->rights);
    if (acl->hooks.changed) acl->hooks.changed(acl->engine, user, less_channels);
}

void acl_user_remove(struct acl *acl, struct acl_user *user) {
    size_t at = place_of(acl, user->name);
    ASSERT(user != acl->default_user && acl->users[at] == user);
    memmove(&acl->users[at], &acl->users[at + 1], (--acl->user_count - at) * sizeof *acl->users);
    if (acl->hooks.removed) acl->hooks.removed(acl->engine, user);
    acl_user_unref(user);
}

bool acl_name_is_valid(struct slice name) {
    for (size_t i = 0; i < name.len; i++)
        if (isspace((unsigned char)name.ptr[i]) || !name.ptr[i]) return false;
    return true;
}

void acl_init(struct acl *acl, struct engine *e) {
    *acl = (struct acl){.engine = e};
    acl_log_init(&acl->log);
    acl_config_register(acl, e->config);
    acl->default_user = acl_user_add(acl, DEFAULT_NAME);
    acl_rights_give_all(&acl->default_user->rights);
    acl->default_user->restricted = false;
}

void acl_release(struct acl *acl) {
    for (size_t i = 0; i < acl->user_count; i++) acl_user_unref(acl->users[i]);
    mem_free(acl->users);
    acl_log_clear(&acl->log);
}

/* Authentication. */

bool acl_is_open(const struct acl *acl) {
    const struct acl_rights *r = &acl->default_user->rights;
    return r->enabled && r->no_password;
}

/* The digest is made in any case: who tries names is to learn nothing from the time it takes. */
struct acl_user *acl_authenticate(const struct acl *acl, struct slice name, struct slice password) {
    char digest[SHA256_HEX];
    sha256_hex(password, digest);
    struct acl_user *user = acl_user_find(acl, name);
    if (!user || !user->rights.enabled) return NULL;
    const struct acl_rights *r = &user->rights;
    return r->no_password || acl_passwords_have(&r->passwords, digest) ? user : NULL;
}

/* Requests. */

struct acl_denial acl_ask(const struct session *s, const struct request *r) {
    return acl_check(&s->user->rights, r->cmd, r->argv, r->argc);
}

static void report(struct session *s, struct acl_incident *incident) {
    struct acl *acl = &s->engine->acl;
    struct buf client = BUF_INIT;
    acl->stats.denied[incident->reason]++;
    if (acl->hooks.describe) acl->hooks.describe(s, &client);
    incident->client = buf_slice(&client);
    acl_log_add(&acl->log, incident, s->engine->now_us / 1000, (size_t)acl->config.log_max_len);
    buf_release(&client);
}

void acl_report(struct session *s, const struct request *r, struct acl_denial denial,
                enum acl_context context) {
    static const enum acl_reason reasons[] = {
        [ACL_DENIED_COMMAND] = ACL_REASON_COMMAND,
        [ACL_DENIED_KEY] = ACL_REASON_KEY,
        [ACL_DENIED_CHANNEL] = ACL_REASON_CHANNEL,
    };
    bool by_name = denial.verdict == ACL_DENIED_COMMAND;
    struct acl_incident incident = {
        .reason = reasons[denial.verdict],
        .context = context,
        .object = by_name ? slice_str(r->cmd->full_name) : r->argv[denial.arg],
        .user = s->user->name,
    };
    report(s, &incident);
}

void acl_report_auth(struct session *s, struct slice command, struct slice user) {
    struct acl_incident incident = {.reason = ACL_REASON_AUTH,
                                    .context = s->transaction ? ACL_IN_MULTI : ACL_AT_TOP,
                                    .object = command,
                                    .user = user};
    report(s, &incident);
}

void acl_denial_text(const struct acl_user *user, const struct request *r, struct acl_denial denial,
                     bool verbose, struct buf *to) {
    const char *what = denial.verdict == ACL_DENIED_KEY ? "key" : "channel";
    if (denial.verdict == ACL_DENIED_COMMAND) {
        buf_appendf(to, "User %s has no permissions to run the '%s' command", user->name.ptr,
                    r->cmd->full_name);
    } else if (verbose) {
        buf_appendf(to, "User %s has no permissions to access the '", user->name.ptr);
        buf_append_slice(to, r->argv[denial.arg]);
        buf_appendf(to, "' %s", what);
    } else {
        buf_appendf(to, "No permissions to access a %s", what);
    }
}
