/* SPDX-License-Identifier: BSD-3-Clause */
#include "pubsub/notify.h"

#include <string.h>

#include "base/buf.h"
#include "exec/config.h"
#include "exec/engine.h"
#include "pubsub/pubsub.h"

/* --- The parameter --- */

/* In the order in which they're shown. A stands for the first EVENTS_IN_A. */
static const char letters[] = "g$lshzxetdKEmn";
enum { EVENTS_IN_A = 10, EVENTS_ALL = (1 << EVENTS_IN_A) - 1 };

static int letter_bit(char letter) {
    const char *at = letter ? strchr(letters, letter) : NULL;
    return at ? 1 << (at - letters) : 0;
}

static bool letters_parse(const struct config_input *in, void *value) {
    int bits = 0;
    for (size_t i = 0; i < in->n * in->words[0].len; i++) {
        char letter = in->words[0].ptr[i];
        int bit = letter == 'A' ? EVENTS_ALL : letter_bit(letter);
        if (!bit) {
            buf_append_str(in->why, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
            return false;
        }
        bits |= bit;
    }
    *(int *)value = bits;
    return true;
}

static void letters_format(const struct config_param *param, const void *value, struct buf *out) {
    int bits = *(const int *)value;
    int from = 0;
    if ((bits & EVENTS_ALL) == EVENTS_ALL) {
        buf_append_char(out, 'A');
        from = EVENTS_IN_A;
    }
    for (int i = from; letters[i]; i++)
        if (bits & (1 << i)) buf_append_char(out, letters[i]);
}

static const struct config_type letters_type = {
    .size = sizeof(int), .parse = letters_parse, .format = letters_format};

static bool letters_changed(const struct config_change *change) {
    struct notify *n = change->owner;
    bool any = false;
    for (size_t event = 0; event < EVENT_COUNT; event++) {
        n->wanted[event] = n->letters & letter_bit(db_event_table[event].class);
        any |= n->wanted[event];
    }
    n->on_keyspace = n->letters & letter_bit('K');
    n->on_keyevent = n->letters & letter_bit('E');
    engine_listen(n->engine, LISTEN_NOTIFY, any && (n->on_keyspace || n->on_keyevent));
    return true;
}

static const struct config_param rows[] = {
    {"notify-keyspace-events", CONFIG_OTHER(struct notify, letters, letters_type), "",
     .flags = CONFIG_APPLY_LOAD, .group = "Events", .apply = letters_changed,
     .about = "Changes of keys to publish, a letter for each class, on channels K, E or both."},
};

/* --- Publishing --- */

static void publish(struct engine *e, const char *about, uint32_t database, struct slice name,
                    struct slice payload) {
    struct buf channel = BUF_INIT;
    buf_reserve(&channel, 40 + name.len);
    buf_append_str(&channel, about);
    buf_append_i64(&channel, database);
    buf_append_str(&channel, "__:");
    buf_append_slice(&channel, name);
    pubsub_publish(e->pubsub, PUBSUB_CHANNEL, buf_slice(&channel), payload);
    buf_release(&channel);
}

static void on_event(struct engine *e, struct db *db, struct slice key, enum db_event event) {
    const struct notify *n = pubsub_notify(e->pubsub);
    if (!n->wanted[event] || !pubsub_anybody(e->pubsub)) return;
    struct slice name = slice_str(db_event_table[event].name);
    if (n->on_keyspace) publish(e, "__keyspace@", db->id, key, name);
    if (n->on_keyevent) publish(e, "__keyevent@", db->id, name, key);
}

void notify_start(struct notify *n, struct engine *e) {
    n->engine = e;
    e->notify = on_event;
    config_register(e->config, rows, sizeof rows / sizeof *rows, n);
}
