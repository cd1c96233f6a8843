/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/digest.h"

#include <stdio.h>

#include "base/hash.h"

/* Any fixed numbers: the fraction of the golden ratio, times lane and word. */
static const struct hash_seed seeds[DIGEST_LANES] = {
    {0x9e3779b97f4a7c15ULL, 0x3c6ef372fe94f82aULL},
    {0xdaa66d2c7ddf743fULL, 0x78dde6e5fd29f054ULL},
    {0x1715609f7c746c69ULL, 0xb54cda58fbbee87eULL},
};

void digest_chain(struct digest *d, struct slice bytes) {
    for (int i = 0; i < DIGEST_LANES; i++) {
        uint64_t pair[2] = {d->lanes[i], hash_bytes(&seeds[i], bytes)};
        d->lanes[i] = hash_bytes(&seeds[i], slice_of(pair, sizeof pair));
    }
    d->bytes += bytes.len + (bytes.len < 64 ? 1 : bytes.len < 16384 ? 2 : 5);
}

void digest_add(struct digest *d, const struct digest *part) {
    for (int i = 0; i < DIGEST_LANES; i++) d->lanes[i] += part->lanes[i];
    d->bytes += part->bytes;
}

void digest_hex(const struct digest *d, char text[DIGEST_HEX + 1]) {
    snprintf(text, DIGEST_HEX + 1, "%016llx%016llx%08x", (unsigned long long)d->lanes[0],
             (unsigned long long)d->lanes[1], (unsigned)(d->lanes[2] >> 32));
}
