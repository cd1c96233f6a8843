/* SPDX-License-Identifier: BSD-3-Clause */
/* Users in files: the lines of the configuration, or a file of their own (aclfile). */
#ifndef DREY_EXEC_ACL_FILE_H
#define DREY_EXEC_ACL_FILE_H

#include "exec/acl.h"

/* At start, once all commands are there: requirepass, and the users that were configured. False
 * with the reason in `why`. */
bool acl_load_configured(struct acl *acl, struct buf *why);

/* ACL LOAD: the users are those of the file, or, with the errors in `why`, stay as they are. */
bool acl_load_file(struct acl *acl, struct buf *why);

/* ACL SAVE. False with the reason in `why`. */
bool acl_save_file(const struct acl *acl, struct buf *why);

/* Is there a file? */
static inline bool acl_has_file(const struct acl *acl) {
    return acl->config.file[0] != '\0';
}

#endif
