/* SPDX-License-Identifier: BSD-3-Clause */
/* Receiving from and sending to nonblocking stream sockets, as recv(2) and sendmsg(2) do, but
 * straight to the system: the C library's wrappers switch thread cancellation on and off round each
 * call, which nothing here uses, and read and write go through the file layer first. A request of
 * its own costs one of each. Never raises SIGPIPE. */
#ifndef DREY_IO_SOCKET_H
#define DREY_IO_SOCKET_H

#include <sys/types.h>

#include "base/slice.h"

enum { SOCKET_SLICES_MAX = 64 };

/* Bytes received, 0 at the end of the stream, or -1 with errno. */
ssize_t socket_receive(int fd, void *to, size_t len);

/* Sends up to SOCKET_SLICES_MAX slices one after the other: bytes sent, or -1 with errno. Goes on
 * when a signal interrupts. */
ssize_t socket_send(int fd, const struct slice *slices, size_t count);

#endif
