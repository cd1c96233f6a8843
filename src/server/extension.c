/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/extension.h"

#include "server/server.h"

#define EXTEND_OR_FAIL(station)                                                                    \
    bool server_extend_##station(struct server *s) {                                               \
        for (const struct server_extension *const *at = s->extensions; *at; at++)                  \
            if ((*at)->station && !(*at)->station(s)) return false;                                \
        return true;                                                                               \
    }
EXTEND_OR_FAIL(open)
EXTEND_OR_FAIL(listen)
EXTEND_OR_FAIL(begin)

bool server_extend_holds_end(struct server *s) {
    for (const struct server_extension *const *at = s->extensions; *at; at++)
        if ((*at)->holds_end && (*at)->holds_end(s)) return true;
    return false;
}

bool server_extend_debug(struct call *c) {
    const struct server *s = server_of(c->engine);
    for (const struct server_extension *const *at = s->extensions; *at; at++)
        if ((*at)->debug && (*at)->debug(c)) return true;
    return false;
}

void server_extend_memory(const struct server *s, struct memory_overview *m) {
    for (const struct server_extension *const *at = s->extensions; *at; at++)
        if ((*at)->memory) (*at)->memory(s, m);
}
