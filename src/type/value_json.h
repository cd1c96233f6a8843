/* SPDX-License-Identifier: BSD-3-Clause */
/* Values as JSON, with all that's in them; bytes as in base/json.h, times are Unix times in ms.
 *
 *   string  bytes
 *   list    [bytes, ...]
 *   set     [bytes, ...]
 *   zset    [[bytes, score], ...] by rank; scores as text ("1.5", "inf"), exact
 *   hash    [[field, value], ...]; of a field with a deadline [field, value, deadline]
 *   stream  {"entries": [[id, [field, value, ...]], ...], "length", "last_id", "entries_added",
 *            "max_deleted_id", "groups": [{"name", "last_id", "entries_read" (null: unknown),
 *            "pending": [[id, consumer, delivered, deliveries], ...],
 *            "consumers": [{"name", "seen", "active" (null: never)}, ...]}, ...]} */
#ifndef DREY_TYPE_VALUE_JSON_H
#define DREY_TYPE_VALUE_JSON_H

#include "base/buf.h"
#include "type/entry.h"

void value_json(const struct entry *e, struct buf *to);

#endif
