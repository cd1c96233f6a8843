/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/sha256.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

void sha256_hex(struct slice bytes, char to[SHA256_HEX]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)(bytes.len ? bytes.ptr : ""), bytes.len, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        to[2 * i] = digits[digest[i] >> 4];
        to[2 * i + 1] = digits[digest[i] & 15];
    }
    OPENSSL_cleanse(digest, sizeof digest);
}

bool sha256_hex_eq(const char *a, const char *b) {
    return CRYPTO_memcmp(a, b, SHA256_HEX) == 0;
}
