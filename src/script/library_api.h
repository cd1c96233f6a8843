/* SPDX-License-Identifier: BSD-3-Clause */
/* What a library sees of the server while it's loaded: redis.register_function, redis.log and the
 * constants of `redis`. */
#ifndef DREY_SCRIPT_LIBRARY_API_H
#define DREY_SCRIPT_LIBRARY_API_H

#include "script/script_engine.h"

/* Pushes a table of the globals `redis` and `server`. */
void library_api_push(struct script_engine *s);

#endif
