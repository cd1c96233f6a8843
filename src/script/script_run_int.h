/* SPDX-License-Identifier: BSD-3-Clause */
/* Of script_run.c, for whoever makes the state. */
#ifndef DREY_SCRIPT_SCRIPT_RUN_INT_H
#define DREY_SCRIPT_SCRIPT_RUN_INT_H

#include "script/script_engine.h"

/* Sets up what every run needs; on a state that has its sandbox. */
void script_run_open(struct script_engine *s);

/* Sets the hook that looks at the time, in place of another. */
void script_run_set_hook(struct script_engine *s);

#endif
