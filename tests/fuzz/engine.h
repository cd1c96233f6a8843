/* SPDX-License-Identifier: BSD-3-Clause */
/* An engine for fuzz targets that load data: all commands, no server, no files of its own. */
#ifndef DREY_TEST_FUZZ_ENGINE_H
#define DREY_TEST_FUZZ_ENGINE_H

#include "exec/engine.h"

/* The engine, the same one each time, without data. */
struct engine *fuzz_engine(void);

/* The reply to a command; it's kept until the next. */
struct slice fuzz_ask(const struct slice *argv, int argc);

/* Aborts unless all that must hold does for every value of any engine. */
void fuzz_check(const struct engine *e);

/* Aborts unless all that must hold does for every value, each is the same after it's been dumped
 * and restored, and the commands that read and change values of its type find nothing amiss. The
 * values are others afterwards. */
void fuzz_use_all(void);

#endif
