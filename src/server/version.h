/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DREY_SERVER_VERSION_H
#define DREY_SERVER_VERSION_H

#define DREY_VERSION       "0.1.0"
/* What clients are told that look for Redis's version before they use a command. */
#define DREY_REDIS_VERSION "7.2.4"

#endif
