/* SPDX-License-Identifier: BSD-3-Clause */
/* What a connection is sent beside replies: more than anybody would want to have in memory for it,
 * so it's made when the socket takes it. That's for layers above: replication. A stream is embedded
 * in what its owner keeps of the client, and hangs on the client until that's closed. */
#ifndef DREY_SERVER_CLIENT_STREAM_H
#define DREY_SERVER_CLIENT_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "server/client.h"

struct client_stream_ops {
    /* All that was to be sent is gone: adds what comes next to own_reply, about `most` bytes. */
    void (*fill)(struct client *c, size_t most);
    /* Is there something to add now? */
    bool (*ready)(const struct client *c);
    /* Bytes that are kept to be added, now or later: output limits hold for them. */
    uint64_t (*waiting)(const struct client *c);
    /* Something was read from the connection. */
    void (*received)(struct client *c);
    /* A request of it ran; own_reply was so long before. */
    void (*ran)(struct client *c, size_t reply_before);
    /* Of what was added so many bytes are gone. */
    void (*sent)(struct client *c, size_t bytes);
    /* The client is being closed, and the stream hangs on it no more. */
    void (*ended)(struct client *c, struct client_stream *stream);
    /* What it takes of memory. */
    size_t (*memory)(const struct client *c);
};

struct client_stream {
    const struct client_stream_ops *ops;
};

static inline bool client_stream_ready(const struct client *c) {
    return c->stream && c->stream->ops->ready(c);
}

/* Once; the client is on its way out. */
static inline void client_stream_end(struct client *c) {
    struct client_stream *stream = c->stream;
    c->stream = NULL;
    if (stream) stream->ops->ended(c, stream);
}

#endif
