/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/access.h"

#include "server/families.h"
#include "server/server.h"

#define NOT_ALLOWED(command, option)                                                               \
    "ERR " command " command not allowed. If the " option                                          \
    " option is set to \"local\", you can run it from a local connection, otherwise you need to "  \
    "set this option in the configuration file, and then restart the server."

const char *access_guard(struct session *s, const struct command_entry *cmd) {
    const struct server_config *config = &server_of(s->engine)->config;
    bool debug = cmd->row == debug_commands;
    if (access_granted(debug ? config->enable_debug_command : config->enable_module_command, s))
        return NULL;
    return debug ? NOT_ALLOWED("DEBUG", "enable-debug-command")
                 : NOT_ALLOWED("MODULE", "enable-module-command");
}
