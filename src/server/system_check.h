/* SPDX-License-Identifier: BSD-3-Clause */
/* Settings of the machine that make a server slow or unsafe: logged at start, and what
 * `--check-system` looks for. */
#ifndef DREY_SERVER_SYSTEM_CHECK_H
#define DREY_SERVER_SYSTEM_CHECK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/log.h"

/* Appends a line "[name]...OK" for each setting, "WARNING:" and what to do instead of OK for one
 * that is bad, "skipped" for one that this machine doesn't have. False if one is bad. */
bool system_check(struct buf *report);

/* Logs a warning for each bad setting. `thp_off`: this process is exempt from huge pages. */
void system_warn(struct log *log, bool thp_off);

#endif
