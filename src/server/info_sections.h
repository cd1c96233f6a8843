/* SPDX-License-Identifier: BSD-3-Clause */
/* The sections of INFO, in Redis's order. What a server without persistence, replicas, scripts,
 * channels and cluster has to say of them is said here; modules that bring them register their
 * own. */
#ifndef DREY_SERVER_INFO_SECTIONS_H
#define DREY_SERVER_INFO_SECTIONS_H

struct server;

void info_sections_register(struct server *s);

#endif
