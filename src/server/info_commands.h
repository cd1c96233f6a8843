/* SPDX-License-Identifier: BSD-3-Clause */
/* INFO commandstats, errorstats and latencystats. */
#ifndef DREY_SERVER_INFO_COMMANDS_H
#define DREY_SERVER_INFO_COMMANDS_H

#include <stdint.h>

#include "base/buf.h"
#include "exec/engine.h"

/* Nanoseconds that all commands took since the last CONFIG RESETSTAT. O(commands). */
uint64_t info_commands_ns(const struct engine *e);

void info_commands_write_calls(void *server, struct buf *out);
void info_commands_write_errors(void *server, struct buf *out);
void info_commands_write_latency(void *server, struct buf *out);

#endif
