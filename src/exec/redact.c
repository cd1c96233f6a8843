/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/redact.h"

struct slice redact_arg(const struct engine *e, const struct command_entry *cmd,
                        const struct slice *argv, int argc, int i) {
    int named = cmd->parent ? 2 : 1;
    bool secret = i >= named && cmd->row->is_secret && cmd->row->is_secret(e, argv, argc, i);
    return secret ? SLICE("(redacted)") : argv[i];
}

bool redact_all(const struct engine *e, const struct slice *argv, int argc, int i) {
    return true;
}
