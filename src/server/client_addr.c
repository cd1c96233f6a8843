/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_addr.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include <arpa/inet.h>

#include "server/server.h"

static void format_addr(const struct sockaddr_storage *addr, char text[CLIENT_ADDR_MAX]) {
    char host[INET6_ADDRSTRLEN] = "?";
    if (addr->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)addr;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(text, CLIENT_ADDR_MAX, "%s:%d", host, ntohs(in->sin_port));
    } else if (addr->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)addr;
        inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
        snprintf(text, CLIENT_ADDR_MAX, "[%s]:%d", host, ntohs(in->sin6_port));
    } else {
        snprintf(text, CLIENT_ADDR_MAX, "?:0");
    }
}

static void addr_of(const struct client *c, bool peer, char text[CLIENT_ADDR_MAX]) {
    struct sockaddr_storage addr = {0};
    struct sockaddr *to = (struct sockaddr *)&addr;
    socklen_t len = sizeof addr;
    if (c->unix_socket)
        snprintf(text, CLIENT_ADDR_MAX, "%s:0", c->server->config.unixsocket);
    else if ((peer ? getpeername(c->watch.fd, to, &len) : getsockname(c->watch.fd, to, &len)) == 0)
        format_addr(&addr, text);
    else
        snprintf(text, CLIENT_ADDR_MAX, "?:0");
}

void client_addr(const struct client *c, char text[CLIENT_ADDR_MAX]) {
    addr_of(c, true, text);
}

void client_local_addr(const struct client *c, char text[CLIENT_ADDR_MAX]) {
    addr_of(c, false, text);
}
