/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/synced.h"

#include "repl/repl.h"

void synced_reset(struct synced *s) {
    *s = (struct synced){.offset = -1};
}

void synced_turn_end(struct repl *r) {
    const struct engine *e = &r->server->engine;
    const struct aof *aof = &r->server->persist.aof;
    struct synced *s = &r->synced;
    if (aof->state != AOF_ON) {
        synced_reset(s);
        return;
    }
    if (s->noted && aof_has_synced(aof, s->noted_fed)) {
        s->offset = s->noted_offset;
        s->noted = false;
    }
    if (s->noted || s->offset == r->offset) return;
    if (aof_has_synced(aof, e->fed))
        s->offset = r->offset;
    else
        *s = (struct synced){s->offset, true, r->offset, e->fed};
}
