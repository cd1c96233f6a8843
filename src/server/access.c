/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/access.h"

#include "server/server.h"

const char *access_guard(struct session *s, const struct command_entry *cmd) {
    const struct server_config *config = &server_of(s->engine)->config;
    if (access_granted(config->enable_debug_command, s)) return NULL;
    return "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", "
           "you can run it from a local connection, otherwise you need to set this option in the "
           "configuration file, and then restart the server.";
}
