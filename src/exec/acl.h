/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may do what: the users of an engine. Sessions belong to one (session_set_user); while its
 * rights are everything, as those of the default user are to begin with, nothing is asked. Else the
 * session's GATE_RESTRICTED is closed, and each request is checked (acl_check.h).
 *
 *   acl_rights   passwords and selectors         acl_rules   rules as text
 *   acl_check    requests against rights         acl_log     what was denied
 *   acl_file     users in files                  acl_config  parameters
 *
 * Rights change in place: sessions of the user have the new ones at once. */
#ifndef DREY_EXEC_ACL_H
#define DREY_EXEC_ACL_H

#include "exec/acl_check.h"
#include "exec/acl_config.h"
#include "exec/acl_log.h"
#include "exec/acl_rules.h"

struct engine;
struct request;
struct session;

struct acl_user {
    struct slice name; /* terminated by a NUL */
    size_t refs;       /* the list's, and each session's */
    bool restricted;   /* its rights aren't everything */
    struct acl_rights rights;
};

/* What the sessions' owner does. Each may be NULL. */
struct acl_hooks {
    /* The user's rights have changed: session_heed_rights for each session of it. `less_channels`:
     * it may have lost the right to what it's subscribed to. */
    void (*changed)(struct engine *e, struct acl_user *user, bool less_channels);
    /* The user is gone, its sessions have to end. */
    void (*removed)(struct engine *e, struct acl_user *user);
    /* Appends what CLIENT LIST says of the session. */
    void (*describe)(struct session *s, struct buf *to);
};

struct acl_stats {
    uint64_t denied[ACL_REASONS];
};

struct acl {
    struct engine *engine;
    struct acl_user **users; /* by name */
    size_t user_count;
    struct acl_user *default_user; /* one of them, always there */
    struct acl_config config;
    struct acl_log log;
    struct acl_stats stats;
    struct acl_hooks hooks;
};

/* Makes the default user, and registers the parameters. The engine's commands may come later. */
void acl_init(struct acl *acl, struct engine *e);
void acl_release(struct acl *acl);

/* What rules are read with now. */
struct acl_rules acl_rules_now(const struct acl *acl);

/* Users. Those found are borrowed. */
struct acl_user *acl_user_find(const struct acl *acl, struct slice name);
/* A new user, without rights; there mustn't be one of that name. */
struct acl_user *acl_user_add(struct acl *acl, struct slice name);
/* Gives the user other rights (taken over). */
void acl_user_set(struct acl *acl, struct acl_user *user, struct acl_rights *rights);
/* Not of the default user. */
void acl_user_remove(struct acl *acl, struct acl_user *user);
bool acl_name_is_valid(struct slice name);

struct acl_user *acl_user_ref(struct acl_user *user); /* NULL is fine */
void acl_user_unref(struct acl_user *user);

/* May anybody be the default user, without a password? */
bool acl_is_open(const struct acl *acl);
/* The user who has that password and may authenticate; NULL: there's none. */
struct acl_user *acl_authenticate(const struct acl *acl, struct slice name, struct slice password);

/* May the session's user run this? */
struct acl_denial acl_ask(const struct session *s, const struct request *r);
/* Counts and logs that it mayn't. */
void acl_report(struct session *s, const struct request *r, struct acl_denial denial,
                enum acl_context context);
/* Counts and logs a failed attempt to become `user`; `command`: by what. */
void acl_report_auth(struct session *s, struct slice command, struct slice user);

/* Appends what the user is told. `verbose`: with the key or channel that it was. */
void acl_denial_text(const struct acl_user *user, const struct request *r, struct acl_denial denial,
                     bool verbose, struct buf *to);

#endif
