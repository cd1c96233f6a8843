/* SPDX-License-Identifier: BSD-3-Clause */
/* An engine for tests: all commands, some sessions, no server. The test says what it wants in the
 * struct's first part, opens it in its set-up and closes it in its tear-down. */
#ifndef DREY_TESTS_ENGINE_FIXTURE_H
#define DREY_TESTS_ENGINE_FIXTURE_H

#include "base/buf.h"
#include "exec/dispatch.h"

struct engine_fixture {
    struct engine *engine;
    struct session *sessions;
    size_t session_count;
    uint32_t databases;                     /* 0: 16 */
    const struct command *const *families;  /* beside all that there are; NULL: none */
    void (*prepare)(struct engine *engine); /* before the engine is opened; NULL: nothing is done */
    bool scripts;                           /* has an interpreter */

    struct config *config;
    struct reply_pool pool;
    size_t memory_before;
};

void engine_fixture_open(struct engine_fixture *f);

/* What a test has for itself is to be released before: all memory must be back then. */
void engine_fixture_close(struct engine_fixture *f);

/* Runs a request. */
void engine_run(struct session *s, const struct slice *argv, int argc);
/* The same for words with blanks between them; the line is cut up. */
void engine_run_line(struct session *s, char *line);

/* Takes the session's replies out, to the end of `to`, which is a text then. */
void engine_take_replies(struct session *s, struct buf *to);

#endif
