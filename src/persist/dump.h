/* SPDX-License-Identifier: BSD-3-Clause */
/* Payloads of DUMP and RESTORE: bytes in the format of RDB files, then the format's version (2
 * bytes) and the CRC-64 of all before it (8 bytes), both little-endian. Those of Redis and Valkey
 * are read, and ours by them. */
#ifndef DREY_PERSIST_DUMP_H
#define DREY_PERSIST_DUMP_H

#include "type/rdb.h"

/* Ends the payload in w->buf. */
void dump_seal(struct rdb_writer *w);

/* The bytes that a payload seals: false if it isn't one, or of a newer version. */
bool dump_open(struct slice payload, struct slice *bytes);

#endif
