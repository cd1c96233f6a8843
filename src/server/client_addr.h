/* SPDX-License-Identifier: BSD-3-Clause */
/* The two ends of a connection as text: "127.0.0.1:1234", "[::1]:1234", or "/path:0" of a Unix
 * socket. Asked of the kernel each time: a connection needn't keep what is rarely shown. */
#ifndef DREY_SERVER_CLIENT_ADDR_H
#define DREY_SERVER_CLIENT_ADDR_H

struct client;

enum { CLIENT_ADDR_MAX = 160 };

/* Terminated; "?:0" when the connection is gone already. */
void client_addr(const struct client *c, char text[CLIENT_ADDR_MAX]);
void client_local_addr(const struct client *c, char text[CLIENT_ADDR_MAX]);

#endif
