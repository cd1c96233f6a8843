/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DREY_BASE_VERSION_H
#define DREY_BASE_VERSION_H

#define DREY_VERSION           "0.1.0"
#define DREY_VERSION_NUM       0x00000100
/* What clients are told that look for Redis's version before they use a command. */
#define DREY_REDIS_VERSION     "7.2.4"
#define DREY_REDIS_VERSION_NUM 0x00070204

#endif
