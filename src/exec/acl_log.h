/* SPDX-License-Identifier: BSD-3-Clause */
/* What was denied lately: ACL LOG. Of the newest entries one that says the same, and isn't older
 * than a minute, counts it instead of a new one. */
#ifndef DREY_EXEC_ACL_LOG_H
#define DREY_EXEC_ACL_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "ds/links.h"

enum acl_reason {
    ACL_REASON_COMMAND,
    ACL_REASON_KEY,
    ACL_REASON_CHANNEL,
    ACL_REASON_AUTH,
    ACL_REASONS,
};

enum acl_context { ACL_AT_TOP, ACL_IN_MULTI, ACL_IN_SCRIPT };

struct acl_incident {
    enum acl_reason reason;
    enum acl_context context;
    struct slice object; /* command, key, channel */
    struct slice user;
    struct slice client; /* as in CLIENT LIST */
};

struct acl_log_entry {
    struct links at;
    uint64_t id, count;
    uint64_t created_ms, updated_ms; /* Unix */
    struct acl_incident last;        /* texts in memory of their own */
};

struct acl_log {
    struct links entries; /* newest first */
    size_t n;
    uint64_t next_id;
};

void acl_log_init(struct acl_log *log);
/* Keeps at most `max` entries. */
void acl_log_add(struct acl_log *log, const struct acl_incident *incident, uint64_t now_ms,
                 size_t max);
void acl_log_clear(struct acl_log *log);

/* The newest entry, and the next older one; NULL: that was the last. */
const struct acl_log_entry *acl_log_first(const struct acl_log *log);
const struct acl_log_entry *acl_log_next(const struct acl_log *log, const struct acl_log_entry *e);

const char *acl_reason_name(enum acl_reason reason);
const char *acl_context_name(enum acl_context context);

#endif
