/* SPDX-License-Identifier: BSD-3-Clause */
/* May a request run, as a user's rights go? */
#ifndef DREY_EXEC_ACL_CHECK_H
#define DREY_EXEC_ACL_CHECK_H

#include "exec/acl_rights.h"

/* In the order of how far the request got. */
enum acl_verdict { ACL_ALLOWED, ACL_DENIED_COMMAND, ACL_DENIED_KEY, ACL_DENIED_CHANNEL };

struct acl_denial {
    enum acl_verdict verdict;
    int arg; /* the key or channel that it was, as an argument's index; of a command 0 */
};

/* The request needn't have the right number of arguments. Of several selectors the denial is that
 * of the one that got furthest. O(selectors * keys * patterns). */
struct acl_denial acl_check(const struct acl_rights *r, const struct command_entry *cmd,
                            const struct slice *argv, int argc);

/* True: acl_check would allow it. Asks by the user's own rules, and of commands only whose keys are
 * known by their places. */
bool acl_check_quick(const struct acl_rights *r, const struct command_entry *cmd,
                     const struct slice *argv, int argc);

/* Does some selector allow the request, and any key to be read as well? */
bool acl_check_reads_any(const struct acl_rights *r, const struct command_entry *cmd,
                         const struct slice *argv, int argc);

/* May a session be subscribed to it? `literal`: to a pattern, which must be one of those allowed
 * as it stands. */
bool acl_check_channel(const struct acl_rights *r, struct slice channel, bool literal);

#endif
