/* SPDX-License-Identifier: BSD-3-Clause */
/* May a request run? What it's called and how many arguments it has, then the gates, of which
 * nearly always none is closed, so that all of them cost one test. */
#ifndef DREY_EXEC_ADMISSION_H
#define DREY_EXEC_ADMISSION_H

#include "exec/dispatch.h"

enum admission {
    ADMISSION_GRANTED,
    ADMISSION_REFUSED,  /* the error is replied */
    ADMISSION_DEFERRED, /* the transaction has queued it, and replied that */
};

enum admission admission_ask_slow(struct session *s, const struct request *r);

static inline bool admission_arity_fits(const struct command_entry *cmd, int argc) {
    return cmd->arity >= 0 ? argc == cmd->arity : argc >= -cmd->arity;
}

static inline enum admission admission_ask(struct session *s, const struct request *r) {
    const struct command_entry *cmd = r->cmd;
    bool plain = cmd && cmd->plain && admission_arity_fits(cmd, r->argc);
    unsigned gates = s->engine->gates | s->gates;
    if (__builtin_expect(plain && !gates, 1)) return ADMISSION_GRANTED;
    if (plain && gates == GATE_RESTRICTED &&
        acl_check_quick(&s->user->rights, cmd, r->argv, r->argc))
        return ADMISSION_GRANTED;
    return admission_ask_slow(s, r);
}

/* The same question, of a request that was granted it before and waited since. */
bool admission_still_or_reply(struct session *s, const struct request *r);

/* Would the request be granted or deferred? Leaves no trace. */
bool admission_likely(struct session *s, const struct request *r);

/* Should the request wait while the engine's `overdue` is set? */
bool admission_awaits_memory(const struct session *s, const struct request *r);

/* The command's flags; EXEC's are those of what it would run, those of commands that run scripts
 * say what the script may do. */
unsigned admission_flags(const struct session *s, const struct request *r);

/* The commands to refuse, as for any caller: unknown ones, wrong numbers of arguments. */
bool admission_known_or_reply(struct session *s, const struct request *r);

#endif
