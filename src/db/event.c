/* SPDX-License-Identifier: BSD-3-Clause */
#include "db/event.h"

const struct db_event_info db_event_table[EVENT_COUNT] = {
#define DB_EVENT_ROW(constant, class, name) [EVENT_##constant] = {class, name},
    DB_EVENTS(DB_EVENT_ROW)
#undef DB_EVENT_ROW
};
