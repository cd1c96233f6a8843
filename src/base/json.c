/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/json.h"

#include <stdint.h>

/* Bytes of the character at `at`, by the table of RFC 3629; 0: it's none. */
static size_t utf8_len(const unsigned char *at, size_t left) {
    unsigned c = at[0];
    if (c < 0x80) return 1;
    size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || len > left) return 0;
    unsigned low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < len; i++)
        if (at[i] >> 6 != 2) return 0;
    return len;
}

static bool is_utf8(struct slice bytes) {
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    for (size_t i = 0, len; i < bytes.len; i += len)
        if (!(len = utf8_len(at + i, bytes.len - i))) return false;
    return true;
}

static void put_char(struct buf *to, char c) {
    if (c == '"' || c == '\\')
        buf_appendf(to, "\\%c", c);
    else if ((unsigned char)c < 0x20 || c == 0x7f)
        buf_appendf(to, "\\u%04x", (unsigned char)c);
    else
        buf_append_char(to, c);
}

static void put_base64(struct buf *to, struct slice bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t three = (uint32_t)at[i] << 16;
        if (left > 1) three |= (uint32_t)at[i + 1] << 8;
        if (left > 2) three |= at[i + 2];
        char four[4] = {digits[three >> 18], digits[three >> 12 & 63], '=', '='};
        if (left > 1) four[2] = digits[three >> 6 & 63];
        if (left > 2) four[3] = digits[three & 63];
        buf_append(to, four, sizeof four);
    }
}

void json_put_bytes(struct buf *to, struct slice bytes) {
    bool text = is_utf8(bytes);
    buf_append_str(to, text ? "\"" : "{\"base64\":\"");
    if (text)
        for (size_t i = 0; i < bytes.len; i++) put_char(to, bytes.ptr[i]);
    else
        put_base64(to, bytes);
    buf_append_str(to, text ? "\"" : "\"}");
}

void json_put_name(struct buf *to, const char *name) {
    buf_appendf(to, "\"%s\":", name);
}
