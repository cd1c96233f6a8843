/* SPDX-License-Identifier: BSD-3-Clause */
/* SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and their UN- forms, PUBLISH, SPUBLISH, PUBSUB. */
#ifndef DREY_PUBSUB_PUBSUB_COMMANDS_H
#define DREY_PUBSUB_PUBSUB_COMMANDS_H

#include "exec/command.h"

/* Ends with NULL. */
extern const struct command *const pubsub_families[];

#endif
