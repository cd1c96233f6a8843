/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients as users: what becomes of them when rights change (exec/acl.h). */
#ifndef DREY_SERVER_CLIENT_ACL_H
#define DREY_SERVER_CLIENT_ACL_H

#include "server/client.h"

/* Hears of changes of users from now on. */
void client_acl_init(struct server *s);

/* As every new connection is; authenticated if that takes no password. */
void client_be_default_user(struct client *c);

#endif
