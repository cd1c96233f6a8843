/* SPDX-License-Identifier: BSD-3-Clause */
/* What is noted of commands that stand out when they're over: in the logs of commands and by the
 * latency monitor.
 *
 * None of it costs a command anything while its threshold is at its usual height:
 *
 *   time     the engine shows commands of slow_ns and more; only a threshold below a millisecond
 *            has it time each by itself (GATE_TIMED)
 *   request  one as large as that fills a read, so each read is compared, not each request
 *   reply    a client's share of a turn is measured by its replies anyway
 */
#ifndef DREY_SERVER_WATCHING_H
#define DREY_SERVER_WATCHING_H

#include "exec/dispatch.h"
#include "server/latency_monitor.h"

struct server;

/* Bytes of replies after which a closer look is worth its cost, whatever is logged. */
enum { WATCHING_STEP = 16 * 1024 };

/* The thresholds are new: at start, and after CONFIG SET. Logs that are too long are cut. */
void watching_apply(struct server *s);

/* The engine's observer says so: a command has taken that long. */
void watching_time(struct server *s, struct session *session, const struct request *r, uint64_t ns);

/* Requests that were run came in a read large enough to hold a large one. */
void watching_requests(struct session *session, const struct request *requests, size_t count);

/* A reply has engine.large_reply bytes or more. */
void watching_reply(struct session *session, const struct request *r, size_t bytes);

/* A part of the loop's turn that isn't a command has taken that long. */
void watching_part(struct server *s, enum latency_event event, uint64_t ns);

/* A slice of eviction took `ns`, in which freeing one key took up to longest_ns. */
void watching_evicted(struct server *s, uint64_t ns, uint64_t longest_ns);

/* Something of files, as the engine's observer is told. */
void watching_file(struct server *s, enum file_event event, uint64_t ns);

/* At the very end of each turn of the loop: what is left of it when all these are taken off. */
void watching_turn_end(struct server *s);

void watching_release(struct server *s);

#endif
