/* SPDX-License-Identifier: BSD-3-Clause */
/* What the server looks at of commands as they run (exec/engine.h's observer), for those who asked
 * for it: monitors, clients that cache. */
#ifndef DREY_SERVER_OBSERVER_H
#define DREY_SERVER_OBSERVER_H

struct server;

void observer_start(struct server *s);

#endif
