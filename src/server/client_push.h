/* SPDX-License-Identifier: BSD-3-Clause */
/* Pushed messages (exec/push.h) on their way to clients: they are sent at the end of the turn, with
 * whatever else the client gets then, and count for its output limits. Those for a client whose
 * command is just being answered wait here for the end of that reply. */
#ifndef DREY_SERVER_CLIENT_PUSH_H
#define DREY_SERVER_CLIENT_PUSH_H

#include "server/client.h"

struct client_pushes {
    struct reply running;     /* for server->running */
    struct reply answered;    /* for the client below */
    struct client *answering; /* whose wait is being ended, by a command of somebody's; or NULL */
};

void client_pushes_init(struct server *s);
void client_pushes_release(struct server *s);

/* A reply to a client that waited begins, and is over. */
void client_push_answering(struct client *c);
void client_push_answered(struct client *c);

/* A client's first subscription is there, or its last is gone. */
void client_subscribed(struct session *session);

/* The running client's request has been replied to, or waits for its reply, and there's something
 * in pushes.running. */
void client_push_deferred(struct client *c);

/* The client goes: what it hasn't got yet is dropped. */
void client_push_drop_held(struct client *c);

#endif
