/* SPDX-License-Identifier: BSD-3-Clause */
/* The parameters of users: requirepass, user, aclfile, acl-pubsub-default, acllog-max-len. */
#ifndef DREY_EXEC_ACL_CONFIG_H
#define DREY_EXEC_ACL_CONFIG_H

#include "exec/config.h"

struct acl;

enum acl_pubsub_default { ACL_NO_CHANNELS, ACL_ALL_CHANNELS };

/* The lines "user NAME RULE..." of the file. CONFIG REWRITE writes the users there are. */
struct acl_declared {
    struct config_lines lines;
    struct acl *acl;
};

struct acl_config {
    struct config_secret requirepass; /* the default user's password */
    struct acl_declared declared;
    char *file;          /* aclfile; "": none */
    int pubsub_default;  /* enum acl_pubsub_default */
    int64_t log_max_len; /* entries of ACL LOG */
};

void acl_config_register(struct acl *acl, struct config *cfg);

/* Gives the default user the password of requirepass, or lets everybody be it if that's empty. */
void acl_config_apply_password(struct acl *acl);

#endif
