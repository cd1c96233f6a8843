/* SPDX-License-Identifier: BSD-3-Clause */
/* Payloads of DUMP and RESTORE, and those of FUNCTION: bytes in the format of RDB files, then the
 * format's version (2 bytes) and the CRC-64 of all before it (8 bytes), both little-endian. Those
 * of Redis and Valkey are read, and ours by them. */
#ifndef DREY_TYPE_RDB_SEAL_H
#define DREY_TYPE_RDB_SEAL_H

#include "type/rdb.h"

/* Ends the payload in w->buf. */
void rdb_seal(struct rdb_writer *w);

/* The bytes that a payload seals: false if it isn't one (any_sum: its sum isn't looked at), or of a
 * newer version. */
bool rdb_unseal(struct slice payload, struct slice *bytes, bool any_sum);

#endif
