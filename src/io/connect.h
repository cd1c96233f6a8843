/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections to other servers, made without waiting. */
#ifndef DREY_IO_CONNECT_H
#define DREY_IO_CONNECT_H

/* Begins to connect by TCP to the host (a name, which is looked up at once and may take its time,
 * or an address), from the address `source` if that isn't NULL. Returns a descriptor that doesn't
 * block and becomes writable once it's decided; -1: *why says why not. */
int connect_start(const char *host, int port, const char *source, const char **why);

/* Of one that has become writable: 0 if it's connected, else an errno. */
int connect_result(int fd);

#endif
