/* SPDX-License-Identifier: BSD-3-Clause */
/* Which keys are used most, and whose replies are largest, over the last minute: always on, as one
 * request of many is looked at.
 *
 * Gaps between those are drawn, each length up to twice the mean with the same chance, so that no
 * rhythm of the requests can hide a key; each counts for as many requests as the mean. The mean
 * follows the load: by what it was measured to take, looking takes 0.3 % of the CPU time that
 * requests take, whether these are dear (one per system call) or cheap (deep pipelines), but at
 * least 0.03 % of all time, so that much is seen of a small load, too. Ranks 10 and 11 of a Zipf
 * distribution of 0.99 over a million keys take 100,000 looks to be told apart nearly always: five
 * seconds of full load, or a minute of any.
 *
 * A use is a key named by a command that was run, alone, in a transaction or by a script (the
 * script's own key arguments aren't uses). Each key of a command counts; of many, some are drawn,
 * and count for all. Bytes are those of the command's reply, in equal parts. */
#ifndef DREY_EXEC_HOTKEYS_H
#define DREY_EXEC_HOTKEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "ds/hitters.h"

struct buf;
struct call;
struct engine;

struct hotkeys {
    uint64_t left;                /* requests up to and with the next to look at */
    uint64_t every;               /* the mean of the gaps */
    uint64_t weight;              /* `every` when this gap was drawn */
    struct hitters *uses, *bytes; /* NULL: off */
    struct random rng;
    uint64_t looked;          /* requests looked at */
    uint64_t looked_in_round; /* of the cron */
    double cost_ns;           /* of one, as measured lately */
    double spent_ns;          /* in all, estimated from that */
    uint64_t commands_before; /* of the engine, when the load was last looked at */
    uint64_t cpu_ns_before, ticks_before;
};

/* Starts, stops or starts anew, as the engine's settings say. */
void hotkeys_configure(struct engine *e);
void hotkeys_release(struct hotkeys *h);

/* Forgets all uses. */
void hotkeys_reset(struct hotkeys *h);

/* Is this request to be looked at? Two instructions on the path of each. */
static inline bool hotkeys_due(struct hotkeys *h) {
    return __builtin_expect(--h->left == 0, 0);
}

/* Runs the command of a request that's due. */
__attribute__((cold, noinline)) void hotkeys_run(struct call *c);

/* Fits the gaps to the load; cpu_ns: CPU time of the thread so far. For the cron. */
void hotkeys_adapt(struct engine *e, uint64_t cpu_ns);

/* Bytes of memory. */
size_t hotkeys_bytes(const struct hotkeys *h);

/* Section of INFO; ctx is the engine. */
void hotkeys_write_info(void *ctx, struct buf *out);

#endif
