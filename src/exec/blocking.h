/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that wait before they reply: WAIT for replicas, FLUSHALL for memory to be free. The
 * handler replies nothing and calls blocking_start; until one of these ends that, its session runs
 * nothing else:
 *
 *   blocking_reply, blocking_end   what it waited for has come
 *   blocking_time_out              its time is up
 *   blocking_unblock               CLIENT UNBLOCK
 *   blocking_cancel                the session ends: nobody is there for a reply
 *
 * The session's owner keeps the input meanwhile and watches the time; it's told by hooks. A session
 * whose owner can't do that (session.can_wait is false) is answered at once, as if time was up.
 *
 * What a command waits for is the business of its family, which keeps who waits and calls
 * blocking_reply; for keys that's blocking_keys.h.
 *
 * A command that waits is counted when it's answered, with the time that handler and reply took. A
 * cancelled one isn't. A session that doesn't wait costs a pointer; all here is O(1). */
#ifndef DREY_EXEC_BLOCKING_H
#define DREY_EXEC_BLOCKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec/key_index.h"

struct call;
struct command_entry;
struct reply;
struct request;
struct session;

/* What a command waits for: a const instance for each such thing. */
struct block_kind {
    /* Replies to session->reply what the command says when time is up. NULL: it has no timeout,
     * can't be unblocked by others, and must only be started if the session can wait. */
    void (*timed_out)(struct session *s, void *state);
    /* The session waits no more, whatever the end: frees `state`, or lets it forget the session.
     * NULL: there's nothing to do. */
    void (*release)(void *state);
    /* The bytes that `state` takes. NULL: nothing worth counting. */
    size_t (*memory)(const void *state);
    /* Those of them that are a reply in the making: output limits hold for it. NULL: none. */
    size_t (*output)(const void *state);
};

#define BLOCKING_NEVER UINT64_MAX

/* A command that waits. */
struct blocked {
    const struct block_kind *kind;
    void *state;
    struct command_entry *cmd;
    const struct slice *argv; /* the state's, if it keeps the arguments; else NULL */
    int argc;
    size_t argument_bytes; /* of the command: their lengths together */
    uint64_t due_us;       /* monotonic clock; BLOCKING_NEVER: it has no timeout */
    uint64_t ns;           /* the handler's time */
    uint64_t reply_at;     /* ticks at which the reply was begun */
    uint32_t errors;       /* of the session's reply, before it */
    size_t reply_len;      /* and its length */
};

/* What sessions' owner does. */
struct blocking_hooks {
    /* From now on nothing more of the session runs. blocking_time_out is to be called when the
     * clock passes session->blocked->due_us, blocking_cancel if the session ends before. */
    void (*started)(struct session *s);
    void (*replying)(struct session *s); /* session->reply must be where the reply is to go */
    void (*stayed)(struct session *s);   /* there was no reply after all, it waits on */
    void (*ended)(struct session *s);    /* the reply is there, the session may go on */
    void (*grew)(struct session *s);     /* it waits on, and that takes more memory than before */
};

/* Of an engine. */
struct blocking {
    size_t count; /* sessions that wait */
    size_t timed; /* those of them that do so for a limited time */
    struct blocking_hooks hooks;

    /* blocking_keys.h */
    struct key_index keys; /* that are waited for */
    bool serving;
    struct indexed_key *ready, **ready_end;
    /* Must a waiter's command wait on, though its key is ready? NULL: no. Who says so marks the
     * keys again (blocking_flushed) when it needn't any more. */
    bool (*holds)(const struct session *s, const struct request *r);
};

/* Makes the call's session wait, up to `timeout_ms` (0: for ever). Takes over `state`. To be called
 * once, and last, in a handler that hasn't replied. */
void blocking_start(struct call *c, const struct block_kind *kind, void *state,
                    uint64_t timeout_ms);

/* Ends a wait: whoever has what it was for writes one reply to what the first returns, then calls
 * the second. That may run whatever else waits for the session, later; the session stays. */
struct reply *blocking_reply(struct session *s);
void blocking_end(struct session *s);
/* The same: an error was replied, as the session mayn't run the command any more. */
void blocking_refuse(struct session *s);
/* Instead of the second: nothing was replied. */
void blocking_stay(struct session *s);

/* The session must be waiting for something with a timeout. */
void blocking_time_out(struct session *s);

/* Ends the wait as if time was up, or with an error; false if the session doesn't wait, or for
 * something that can't be given up. */
bool blocking_unblock(struct session *s, bool with_error);

/* The bytes that the session's waiting takes, and those of them that are a reply in the making; 0
 * if it doesn't wait. */
size_t blocking_memory(const struct session *s);
size_t blocking_output(const struct session *s);

/* Does nothing if the session doesn't wait. */
void blocking_cancel(struct session *s);

#endif
