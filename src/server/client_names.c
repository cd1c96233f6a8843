/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_names.h"

bool client_name_is_valid(struct slice name) {
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < '!' || name.ptr[i] > '~') return false;
    return true;
}

bool client_name_or_reply(struct call *c, struct slice name) {
    if (client_name_is_valid(name)) return true;
    reply_error(c->reply,
                "ERR Client names cannot contain spaces, newlines or special characters.");
    return false;
}
