/* SPDX-License-Identifier: BSD-3-Clause */
/* What CONFIG SET sets in motion in the server: the hooks of server_config.h. */
#ifndef DREY_SERVER_RECONFIGURE_H
#define DREY_SERVER_RECONFIGURE_H

struct server;

/* Once the configuration is loaded and crashes are reported: applies what the process and the log
 * need of it, and installs the hooks. */
void reconfigure_start(struct server *s);

/* Shows the title that ps is to show, from proc-title-template. */
void reconfigure_title(struct server *s);

#endif
