/* SPDX-License-Identifier: BSD-3-Clause */
/* What has to be repeated elsewhere to get the same data: the commands that go into the append-only
 * file and to replicas, as RESP text.
 *
 * A unit is what happens at once: a command with the keys that expired on its way, a transaction, a
 * script, a command that had waited. Its commands are collected, and handed to each taker's
 * engine.feed one by one when it's over, between MULTI and EXEC if they're several. What happens
 * outside commands (a key expires or is evicted, a slice of a long deletion) is a unit of its own.
 *
 * A command goes out as it was sent if keyspace.dirty has moved, behind what it caused on its way;
 * unless its handler says otherwise: that others stand for it, where it depends on the time, on
 * chance, on other clients or on what isn't exact, or that nothing does. Those that run commands
 * (EXEC, EVAL) say the latter.
 *
 * While nobody is there to be fed (GATE_PROPAGATED is off) nothing of this is done: it costs one
 * bit of a test that is made anyway. */
#ifndef DREY_EXEC_PROPAGATE_H
#define DREY_EXEC_PROPAGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct call;
struct db;
struct engine;

/* Who is fed. */
enum propagate_taker { PROPAGATE_AOF, PROPAGATE_REPLICAS, PROPAGATE_TAKERS };

/* In place of a database's number, for MULTI and EXEC: whichever is selected. As in Redis a SELECT
 * that's needed for the commands in between stands behind MULTI. */
#define PROPAGATE_ANY_DB UINT32_MAX

/* A command that was collected: its text ends there, where the next one's begins. */
struct propagated {
    size_t end;
    uint32_t db;
    uint8_t takers; /* bits of enum propagate_taker */
};

/* Of a command that runs. */
struct propagate_frame {
    uint64_t dirty; /* keyspace.dirty when it began */
    bool said;      /* its handler has said what goes out */
};

/* Of an engine: the unit that's under way. */
struct propagate {
    struct buf text;
    struct propagated *commands;
    size_t count, cap;
    unsigned depth;  /* commands that run, one inside the other */
    unsigned takers; /* bits of enum propagate_taker: those that are fed */
    struct propagate_frame frame;
};

/* Begins or ends feeding a taker, whose engine.feed is there. What the unit under way has collected
 * so far isn't for one that begins. */
void propagate_switch(struct engine *e, enum propagate_taker taker, bool on);
/* Ends feeding all of them, and goes on: what changes in between isn't to be told. */
unsigned propagate_pause(struct engine *e);
void propagate_resume(struct engine *e, unsigned paused);
void propagate_release(struct engine *e);

/* Has the unit under way changed data that engine.feed hasn't been told of? Then whoever would make
 * a copy of the data, to which what is fed from now on is to be added, has to wait for its end. */
bool propagate_is_behind(const struct engine *e);

/* Around a command's handler, by whoever runs it and GATE_PROPAGATED is on; `outer` is for the
 * second call. */
void propagate_enter(struct engine *e, struct propagate_frame *outer);
void propagate_leave(const struct call *c, const struct propagate_frame *outer);

/* For handlers. Each of these may be called several times, and costs a test when GATE_PROPAGATED is
 * off; call_propagates (call.h) tells whether it's worth to prepare more. */

/* Has the command that runs changed something so far, that somebody has to be told of? */
bool propagate_due(const struct call *c);
/* This goes out in place of the command. */
void propagate_instead(const struct call *c, int argc, const struct slice *argv);
/* Nothing goes out, but for what is said otherwise. */
void propagate_nothing(const struct call *c);
/* The command goes out as it was, even if it has changed nothing. */
void propagate_as_it_was(const struct call *c);
/* The same to replicas alone: what has no place in a file. */
void propagate_to_replicas(const struct call *c);
/* DEL of the key, or UNLINK. */
void propagate_deletion(const struct call *c, struct slice key, bool lazy);

/* The same as propagate_instead, word by word: exactly `argc` words must follow. */
void propagate_open(const struct call *c, size_t argc);
void propagate_word(const struct call *c, struct slice word);
void propagate_words(const struct call *c, int first, int end); /* of the call's arguments */
void propagate_i64(const struct call *c, int64_t number);
void propagate_u64(const struct call *c, uint64_t number);

/* For what happens outside commands, or beside what they do: part of the unit that is under way, if
 * one is, and fed at once otherwise. */
void propagate_effect(struct engine *e, const struct db *db, int argc, const struct slice *argv);
void propagate_removal(struct engine *e, const struct db *db, struct slice key, bool lazy);

#endif
