/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/snapshot_wait.h"

#include "base/alloc.h"
#include "exec/transaction.h"

enum { USES_ON_STACK = 32 };

/* Does the command change a value in place, and not take it as a whole? */
static bool is_edit(unsigned flags) {
    return (flags & KEY_RW) && !(flags & KEY_DELETE);
}

static bool holds_key(struct snapshot *snapshot, const struct session *s, const struct request *r) {
    struct key_use on_stack[USES_ON_STACK], *uses = on_stack;
    bool holds = false;
    if (!(r->cmd->flags & (CMD_WRITE | CMD_MAY_REPLICATE))) return false;
    if (r->argc > USES_ON_STACK) uses = mem_alloc((size_t)r->argc * sizeof *uses);
    int count = command_keys(r->cmd, r->argv, r->argc, uses);
    for (int i = 0; i < count && !holds; i++)
        holds = snapshot_must_wait(snapshot, s->db, r->argv[uses[i].arg], is_edit(uses[i].flags));
    if (uses != on_stack) mem_free(uses);
    return holds;
}

bool snapshot_holds(struct snapshot *snapshot, const struct session *s, const struct request *r) {
    if (!(r->cmd->flags & CMD_RUNS_QUEUED))
        return !(s->gates & GATE_MULTI) && holds_key(snapshot, s, r);
    for (int i = 0; i < transaction_count(s); i++)
        if (holds_key(snapshot, s, transaction_request(s, (size_t)i))) return true;
    return false;
}
