/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(struct slice) == sizeof(struct iovec) &&
                   offsetof(struct slice, ptr) == offsetof(struct iovec, iov_base) &&
                   offsetof(struct slice, len) == offsetof(struct iovec, iov_len),
               "slices are handed to the system as they are");

ssize_t socket_receive(int fd, void *to, size_t len) {
    return syscall(SYS_recvfrom, fd, to, len, 0, NULL, NULL);
}

static ssize_t send_once(int fd, const struct slice *slices, size_t count) {
    if (count == 1) return syscall(SYS_sendto, fd, slices->ptr, slices->len, MSG_NOSIGNAL, NULL, 0);
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)slices, .msg_iovlen = count};
    return syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
}

ssize_t socket_send(int fd, const struct slice *slices, size_t count) {
    ssize_t sent;
    do {
        sent = send_once(fd, slices, count);
    } while (sent < 0 && errno == EINTR);
    return sent;
}
