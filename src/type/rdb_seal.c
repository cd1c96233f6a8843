/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/rdb_seal.h"

#include <endian.h>
#include <string.h>

#include "base/crc64.h"

enum { SEAL = 10, VERSION_BYTES = 2 };

void rdb_seal(struct rdb_writer *w) {
    uint16_t version = htole16((uint16_t)w->version);
    buf_append(&w->buf, &version, sizeof version);
    rdb_put_u64(w, crc64(0, w->buf.data, w->buf.len));
}

bool rdb_unseal(struct slice payload, struct slice *bytes, bool any_sum) {
    uint16_t version;
    uint64_t sum;
    if (payload.len < SEAL) return false;
    *bytes = slice_of(payload.ptr, payload.len - SEAL);
    memcpy(&version, payload.ptr + bytes->len, sizeof version);
    memcpy(&sum, payload.ptr + bytes->len + VERSION_BYTES, sizeof sum);
    if (le16toh(version) > RDB_VERSION_MAX) return false;
    return any_sum || le64toh(sum) == crc64(0, payload.ptr, bytes->len + VERSION_BYTES);
}
