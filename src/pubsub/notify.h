/* SPDX-License-Identifier: BSD-3-Clause */
/* Keyspace notifications: events of keys, published as messages on two channels.
 *
 *     __keyspace@<database>__:<key>      the event's name
 *     __keyevent@<database>__:<event>    the key's name
 *
 * notify-keyspace-events says which: letters of the classes of events (those of db/event.h, d for
 * modules' events, which there are none of; A for all of them but n and m), and K and E for the
 * channels. Without K and E, or without any class, nothing is listened to, so events cost nothing;
 * nor do those of other classes cost more than a look. */
#ifndef DREY_PUBSUB_NOTIFY_H
#define DREY_PUBSUB_NOTIFY_H

#include <stdbool.h>

#include "db/event.h"

struct engine;

/* Part of struct pubsub. */
struct notify {
    struct engine *engine;
    int letters; /* as set, a bit each */
    bool on_keyspace, on_keyevent;
    bool wanted[EVENT_COUNT];
};

/* Registers the parameter; from then on the engine's events are published as it says. */
void notify_start(struct notify *n, struct engine *e);

#endif
