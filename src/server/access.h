/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may use what enable-debug-command, enable-module-command and enable-protected-configs
 * guard. */
#ifndef DREY_SERVER_ACCESS_H
#define DREY_SERVER_ACCESS_H

#include "exec/command_table.h"
#include "server/client.h"
#include "server/server_config.h"

/* `access`: the parameter's value, of enum server_access. */
static inline bool access_granted(int access, struct session *s) {
    if (access != SERVER_ACCESS_LOCAL) return access == SERVER_ACCESS_YES;
    return s->is_client && client_of(s)->local;
}

/* The engine's guard: the error for who may not run a protected command: DEBUG, or one that changes
 * MODULEs. */
const char *access_guard(struct session *s, const struct command_entry *cmd);

#endif
