/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/acl_log.h"

#include "base/alloc.h"

enum {
    TOGETHER_MS = 60 * 1000, /* incidents this close to the last of their kind are one entry */
    LOOKED_AT = 10,          /* of the newest entries */
};

void acl_log_init(struct acl_log *log) {
    *log = (struct acl_log){0};
    links_init(&log->entries);
}

/* The texts of an incident, in one piece of memory that `object` begins. */
static void copy_texts(struct acl_incident *to, const struct acl_incident *from) {
    char *text = mem_alloc(from->object.len + from->user.len + from->client.len + 1);
    *to = *from;
    to->object.ptr = text;
    slice_put(text, from->object);
    to->user.ptr = text += from->object.len;
    slice_put(text, from->user);
    to->client.ptr = text += from->user.len;
    slice_put(text, from->client);
}

static void entry_free(struct acl_log *log, struct acl_log_entry *e) {
    links_remove(&e->at);
    mem_free((char *)e->last.object.ptr);
    mem_free(e);
    log->n--;
}

static void trim(struct acl_log *log, size_t max) {
    while (log->n > max) entry_free(log, LINKS_OF(log->entries.prev, struct acl_log_entry, at));
}

static bool same(const struct acl_incident *a, const struct acl_incident *b) {
    return a->reason == b->reason && a->context == b->context && slice_eq(a->object, b->object) &&
           slice_eq(a->user, b->user);
}

static struct acl_log_entry *find(struct acl_log *log, const struct acl_incident *incident,
                                  uint64_t now_ms) {
    struct links *at = log->entries.next;
    for (size_t i = 0; i < LOOKED_AT && at != &log->entries; i++, at = at->next) {
        struct acl_log_entry *e = LINKS_OF(at, struct acl_log_entry, at);
        if (same(&e->last, incident) && now_ms - e->updated_ms <= TOGETHER_MS) return e;
    }
    return NULL;
}

static void count_again(struct acl_log *log, struct acl_log_entry *e,
                        const struct acl_incident *incident, uint64_t now_ms) {
    struct acl_incident last;
    copy_texts(&last, incident);
    mem_free((char *)e->last.object.ptr);
    e->last = last;
    e->count++;
    e->updated_ms = now_ms;
    links_remove(&e->at);
    links_add_first(&log->entries, &e->at);
}

void acl_log_add(struct acl_log *log, const struct acl_incident *incident, uint64_t now_ms,
                 size_t max) {
    struct acl_log_entry *e = max ? find(log, incident, now_ms) : NULL;
    if (e) {
        count_again(log, e, incident, now_ms);
    } else if (max) {
        e = mem_alloc(sizeof *e);
        *e = (struct acl_log_entry){
            .id = log->next_id++, .count = 1, .created_ms = now_ms, .updated_ms = now_ms};
        copy_texts(&e->last, incident);
        links_add_first(&log->entries, &e->at);
        log->n++;
    }
    trim(log, max);
}

void acl_log_clear(struct acl_log *log) {
    trim(log, 0);
}

static const struct acl_log_entry *entry_at(const struct acl_log *log, struct links *at) {
    return at == &log->entries ? NULL : LINKS_OF(at, struct acl_log_entry, at);
}

const struct acl_log_entry *acl_log_first(const struct acl_log *log) {
    return entry_at(log, log->entries.next);
}

const struct acl_log_entry *acl_log_next(const struct acl_log *log, const struct acl_log_entry *e) {
    return entry_at(log, e->at.next);
}

const char *acl_reason_name(enum acl_reason reason) {
    static const char *const names[ACL_REASONS] = {"command", "key", "channel", "auth"};
    return names[reason];
}

const char *acl_context_name(enum acl_context context) {
    static const char *const names[] = {"toplevel", "multi", "lua"};
    return names[context];
}
