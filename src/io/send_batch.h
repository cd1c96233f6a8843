/* SPDX-License-Identifier: BSD-3-Clause */
/* Sending to many sockets with one system call, through an io_uring(7): what a message to a channel
 * with a thousand subscribers costs is mostly calls of the system. Each send is what socket_send
 * does with one slice: at once, as much as the socket takes, without waiting.
 *
 *     send_batch_add(b, fd, bytes); ...           at most SEND_BATCH_MAX
 *     const ssize_t *sent = send_batch_run(b);    in the order in which they were added
 *
 * The ring is used for nothing else, and is empty after each run: nothing is ever under way, so
 * sockets may be closed and bytes freed as if it weren't there. Of sends that succeed in full the
 * kernel is asked to say nothing (Linux 5.17), which spares a quarter of what the ring saves. */
#ifndef DREY_IO_SEND_BATCH_H
#define DREY_IO_SEND_BATCH_H

#include <sys/types.h>

#include "base/slice.h"

struct send_batch;

enum {
    SEND_BATCH_MAX = 64,
    SEND_BATCH_BYTES = 1 << 30, /* of one send */
};

/* NULL if there's no such ring to be had: an older kernel, one that does it otherwise, a sandbox
 * that forbids it. Takes about 10 KB. */
struct send_batch *send_batch_new(void);
void send_batch_free(struct send_batch *b); /* NULL is fine */

/* `bytes`, at least one, at most SEND_BATCH_BYTES, must stay until the run. */
void send_batch_add(struct send_batch *b, int fd, struct slice bytes);

/* How many were added since the last run. */
size_t send_batch_count(const struct send_batch *b);

/* Sends them. Of each: bytes sent, or -errno. Valid until the next is added. */
const ssize_t *send_batch_run(struct send_batch *b);

#endif
