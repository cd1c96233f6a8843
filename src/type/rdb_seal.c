/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/rdb_seal.h"

#include <endian.h>
#include <string.h>

#include "base/crc64.h"
#include "base/load.h"

enum { SEAL = 10, VERSION_BYTES = 2 };

void rdb_seal(struct rdb_writer *w) {
    uint16_t version = htole16((uint16_t)w->version);
    buf_append(&w->buf, &version, sizeof version);
    rdb_put_u64(w, crc64(0, w->buf.data, w->buf.len));
}

bool rdb_unseal(struct slice payload, struct slice *bytes, bool any_sum) {
    if (payload.len < SEAL) return false;
    *bytes = slice_of(payload.ptr, payload.len - SEAL);
    const char *version = payload.ptr + bytes->len, *sum = version + VERSION_BYTES;
    if (load_le16(version) > RDB_VERSION_MAX) return false;
    return any_sum || load_le64(sum) == crc64(0, payload.ptr, bytes->len + VERSION_BYTES);
}
