/* SPDX-License-Identifier: BSD-3-Clause */
#include "pubsub/message.h"

#include "base/num.h"

enum { AROUND_BULK = 5 }; /* "$", two line ends */

static size_t digits(size_t n) {
    size_t count = 1;
    while (n >= 10) n /= 10, count++;
    return count;
}

size_t message_len(const struct message *m) {
    size_t len = 4; /* "*3\r\n" */
    for (unsigned i = 0; i < m->count; i++)
        len += AROUND_BULK + digits(m->parts[i].len) + m->parts[i].len;
    return len;
}

static char *put_line_end(char *to) {
    to[0] = '\r', to[1] = '\n';
    return to + 2;
}

void message_write(const struct message *m, int resp, char *to) {
    *to++ = resp > 2 ? '>' : '*';
    *to++ = (char)('0' + m->count);
    to = put_line_end(to);
    for (unsigned i = 0; i < m->count; i++) {
        struct slice part = m->parts[i];
        *to++ = '$';
        to = put_line_end(to + num_from_i64(to, (int64_t)part.len));
        slice_put(to, part);
        to = put_line_end(to + part.len);
    }
}
