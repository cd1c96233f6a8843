/* SPDX-License-Identifier: BSD-3-Clause */
/* What a user may do: passwords, and one or more selectors. A request is allowed if a single
 * selector allows all of it: the command, each key in the way it's used, each channel.
 *
 * A selector is compiled as it's edited: the commands (and subcommands, each on its own) are a set
 * of bits by command_entry.id; the rules that led there are kept as text, since that's what ACL
 * LIST shows and files hold. About 200 bytes, and the texts. */
#ifndef DREY_EXEC_ACL_RIGHTS_H
#define DREY_EXEC_ACL_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/sha256.h"
#include "exec/command_table.h"

/* What may be done with keys. */
enum acl_access { ACL_MAY_READ = 1 << 0, ACL_MAY_WRITE = 1 << 1 };
#define ACL_MAY_BOTH ((unsigned)(ACL_MAY_READ | ACL_MAY_WRITE))

struct acl_pattern {
    struct slice text;
    unsigned access;     /* of enum acl_access; 0 for channels */
    unsigned denied;     /* of enum key_spec_flag: uses of keys that it doesn't include */
    size_t prefix;       /* so many bytes at the start are to be met as they stand, */
    bool then_any;       /* and what follows them is a lone '*' */
    bool then_any_short; /* as then_any, and `head` has the whole prefix */
    uint64_t head;       /* the first eight of these bytes, as they lie in memory, */
    uint64_t head_set;   /* and which of its bytes are any */
};

struct acl_patterns {
    struct acl_pattern *items;
    size_t n;
};

/* A command that is allowed only with this first argument. */
struct acl_first_arg {
    uint16_t command; /* command_entry.id */
    char *arg;
};

struct acl_selector {
    bool all_keys, all_channels;
    uint64_t commands[COMMAND_IDS / 64];
    struct acl_first_arg *first_args;
    size_t first_arg_count;
    struct acl_patterns keys, channels;
    struct buf rules; /* "-@all +get": about commands, in lower case */
};

/* Each password is kept as the hexadecimal digits of its SHA-256. */
struct acl_passwords {
    char (*items)[SHA256_HEX];
    size_t n;
};

struct acl_rights {
    bool enabled;       /* may authenticate */
    bool no_password;   /* any password will do */
    bool skip_sanitize; /* kept for compatibility: payloads of RESTORE are always checked */
    struct acl_passwords passwords;
    struct acl_selector *selectors; /* the first is the user's own rules */
    size_t selector_count;
};

/* What a new user starts with: nothing, except channels if `all_channels` (acl-pubsub-default). */
void acl_rights_init(struct acl_rights *r, bool all_channels);
void acl_rights_release(struct acl_rights *r);
void acl_rights_copy(struct acl_rights *to, const struct acl_rights *from);

/* Everything, to anybody: what the default user starts with. `r` is as acl_rights_init left it. */
void acl_rights_give_all(struct acl_rights *r);

/* Is nothing denied, whatever the request? */
bool acl_rights_are_all(const struct acl_rights *r);

/* Does `r` still allow the subscriptions that `old` did, as far as patterns tell? */
bool acl_rights_keep_channels(const struct acl_rights *r, const struct acl_rights *old);

void acl_selector_init(struct acl_selector *s, bool all_channels);
void acl_selector_release(struct acl_selector *s);
/* Takes `s` over. */
void acl_rights_add_selector(struct acl_rights *r, struct acl_selector *s);
/* All but the first. */
void acl_rights_clear_selectors(struct acl_rights *r);

/* Adds a pattern, or to what one may do with it. */
void acl_patterns_add(struct acl_patterns *p, struct slice text, unsigned access);
void acl_patterns_clear(struct acl_patterns *p);

static inline bool acl_selector_has(const struct acl_selector *s, uint16_t command) {
    return s->commands[command / 64] >> (command % 64) & 1;
}
/* All commands, also those that aren't there yet; or none. */
void acl_selector_set_all(struct acl_selector *s, bool allow);
/* A command with all its subcommands. What first arguments it was allowed with is forgotten. */
void acl_selector_set(struct acl_selector *s, const struct command_entry *cmd, bool allow);
void acl_selector_add_first_arg(struct acl_selector *s, uint16_t command, struct slice arg);

/* By digests. Adding twice is adding once; removing what isn't there is false. */
void acl_passwords_add(struct acl_passwords *p, const char digest[SHA256_HEX]);
bool acl_passwords_remove(struct acl_passwords *p, const char digest[SHA256_HEX]);
void acl_passwords_clear(struct acl_passwords *p);
/* In a time that doesn't depend on which of them it is, if any. */
bool acl_passwords_have(const struct acl_passwords *p, const char digest[SHA256_HEX]);

#endif
