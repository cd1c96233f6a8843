/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/acl_rights.h"

#include "base/alloc.h"
#include "base/glob.h"

/* Patterns. */

static struct slice text_copy(struct slice text) {
    char *copy = mem_alloc(text.len + 1);
    slice_put(copy, text);
    copy[text.len] = '\0';
    return slice_of(copy, text.len);
}

static struct acl_pattern *pattern_find(const struct acl_patterns *p, struct slice text) {
    for (size_t i = 0; i < p->n; i++)
        if (slice_eq(p->items[i].text, text)) return &p->items[i];
    return NULL;
}

static void pattern_init(struct acl_pattern *p, struct slice text) {
    size_t prefix = glob_literal_prefix_len(text);
    size_t head = prefix < sizeof p->head ? prefix : sizeof p->head;
    bool then_any = prefix + 1 == text.len && text.ptr[prefix] == '*';
    *p = (struct acl_pattern){.text = text, .prefix = prefix, .then_any = then_any};
    p->then_any_short = then_any && prefix == head;
    memcpy(&p->head, text.ptr, head);
    memset(&p->head_set, 0xff, head);
}

void acl_patterns_add(struct acl_patterns *p, struct slice text, unsigned access) {
    struct acl_pattern *known = pattern_find(p, text);
    if (!known) {
        p->items = mem_realloc(p->items, (p->n + 1) * sizeof *p->items);
        known = &p->items[p->n++];
        pattern_init(known, text_copy(text));
    }
    known->access |= access;
    known->denied = 0;
    if (!(known->access & ACL_MAY_READ)) known->denied |= KEY_ACCESS;
    if (!(known->access & ACL_MAY_WRITE)) known->denied |= KEY_INSERT | KEY_DELETE | KEY_UPDATE;
}

void acl_patterns_clear(struct acl_patterns *p) {
    for (size_t i = 0; i < p->n; i++) mem_free((char *)p->items[i].text.ptr);
    mem_free(p->items);
    *p = (struct acl_patterns){0};
}

static void patterns_copy(struct acl_patterns *to, const struct acl_patterns *from) {
    *to = (struct acl_patterns){0};
    for (size_t i = 0; i < from->n; i++)
        acl_patterns_add(to, from->items[i].text, from->items[i].access);
}

/* Commands. */

static void first_args_clear(struct acl_selector *s) {
    for (size_t i = 0; i < s->first_arg_count; i++) mem_free(s->first_args[i].arg);
    mem_free(s->first_args);
    s->first_args = NULL;
    s->first_arg_count = 0;
}

static void first_args_forget(struct acl_selector *s, uint16_t command) {
    size_t kept = 0;
    for (size_t i = 0; i < s->first_arg_count; i++) {
        if (s->first_args[i].command == command)
            mem_free(s->first_args[i].arg);
        else
            s->first_args[kept++] = s->first_args[i];
    }
    s->first_arg_count = kept;
}

void acl_selector_add_first_arg(struct acl_selector *s, uint16_t command, struct slice arg) {
    for (size_t i = 0; i < s->first_arg_count; i++)
        if (s->first_args[i].command == command && slice_is(arg, s->first_args[i].arg)) return;
    s->first_args = mem_realloc(s->first_args, (s->first_arg_count + 1) * sizeof *s->first_args);
    s->first_args[s->first_arg_count++] =
        (struct acl_first_arg){command, (char *)text_copy(arg).ptr};
}

void acl_selector_set_all(struct acl_selector *s, bool allow) {
    memset(s->commands, allow ? 0xff : 0, sizeof s->commands);
    first_args_clear(s);
}

static void set_one(struct acl_selector *s, uint16_t command, bool allow) {
    uint64_t bit = 1ULL << (command % 64), *word = &s->commands[command / 64];
    *word = allow ? *word | bit : *word & ~bit;
    first_args_forget(s, command);
}

void acl_selector_set(struct acl_selector *s, const struct command_entry *cmd, bool allow) {
    set_one(s, cmd->id, allow);
    for (size_t i = 0; i < cmd->sub_count; i++) set_one(s, cmd->subcommands[i].id, allow);
}

/* Selectors. */

void acl_selector_init(struct acl_selector *s, bool all_channels) {
    *s = (struct acl_selector){.all_channels = all_channels};
    buf_append_str(&s->rules, "-@all");
}

void acl_selector_release(struct acl_selector *s) {
    first_args_clear(s);
    acl_patterns_clear(&s->keys);
    acl_patterns_clear(&s->channels);
    buf_release(&s->rules);
}

static void selector_copy(struct acl_selector *to, const struct acl_selector *from) {
    *to = *from;
    to->first_args = NULL;
    to->first_arg_count = 0;
    for (size_t i = 0; i < from->first_arg_count; i++)
        acl_selector_add_first_arg(to, from->first_args[i].command,
                                   slice_str(from->first_args[i].arg));
    patterns_copy(&to->keys, &from->keys);
    patterns_copy(&to->channels, &from->channels);
    buf_init(&to->rules);
    buf_append_slice(&to->rules, buf_slice(&from->rules));
}

void acl_rights_add_selector(struct acl_rights *r, struct acl_selector *s) {
    r->selectors = mem_realloc(r->selectors, (r->selector_count + 1) * sizeof *r->selectors);
    r->selectors[r->selector_count++] = *s;
}

void acl_rights_clear_selectors(struct acl_rights *r) {
    while (r->selector_count > 1) acl_selector_release(&r->selectors[--r->selector_count]);
}

/* Passwords. */

static size_t password_at(const struct acl_passwords *p, const char digest[SHA256_HEX]) {
    size_t i = 0;
    while (i < p->n && !sha256_hex_eq(p->items[i], digest)) i++;
    return i;
}

void acl_passwords_add(struct acl_passwords *p, const char digest[SHA256_HEX]) {
    if (password_at(p, digest) < p->n) return;
    p->items = mem_realloc(p->items, (p->n + 1) * sizeof *p->items);
    memcpy(p->items[p->n++], digest, SHA256_HEX);
}

bool acl_passwords_remove(struct acl_passwords *p, const char digest[SHA256_HEX]) {
    size_t at = password_at(p, digest);
    if (at == p->n) return false;
    memmove(p->items[at], p->items[at + 1], (--p->n - at) * sizeof *p->items);
    return true;
}

void acl_passwords_clear(struct acl_passwords *p) {
    mem_free(p->items);
    *p = (struct acl_passwords){0};
}

bool acl_passwords_have(const struct acl_passwords *p, const char digest[SHA256_HEX]) {
    bool found = false;
    for (size_t i = 0; i < p->n; i++) found |= sha256_hex_eq(p->items[i], digest);
    return found;
}

/* Rights. */

void acl_rights_init(struct acl_rights *r, bool all_channels) {
    struct acl_selector own;
    *r = (struct acl_rights){0};
    acl_selector_init(&own, all_channels);
    acl_rights_add_selector(r, &own);
}

void acl_rights_give_all(struct acl_rights *r) {
    struct acl_selector *s = &r->selectors[0];
    r->enabled = r->no_password = true;
    s->all_keys = s->all_channels = true;
    acl_selector_set_all(s, true);
    buf_clear(&s->rules);
    buf_append_str(&s->rules, "+@all");
}

void acl_rights_release(struct acl_rights *r) {
    for (size_t i = 0; i < r->selector_count; i++) acl_selector_release(&r->selectors[i]);
    mem_free(r->selectors);
    acl_passwords_clear(&r->passwords);
    *r = (struct acl_rights){0};
}

void acl_rights_copy(struct acl_rights *to, const struct acl_rights *from) {
    *to = *from;
    to->passwords = (struct acl_passwords){0};
    for (size_t i = 0; i < from->passwords.n; i++)
        acl_passwords_add(&to->passwords, from->passwords.items[i]);
    to->selectors = mem_alloc(from->selector_count * sizeof *to->selectors);
    for (size_t i = 0; i < from->selector_count; i++)
        selector_copy(&to->selectors[i], &from->selectors[i]);
}

static bool selector_is_all(const struct acl_selector *s) {
    for (size_t i = 0; i < sizeof s->commands / sizeof *s->commands; i++)
        if (s->commands[i] != UINT64_MAX) return false;
    return s->all_keys && s->all_channels;
}

bool acl_rights_are_all(const struct acl_rights *r) {
    for (size_t i = 0; i < r->selector_count; i++)
        if (selector_is_all(&r->selectors[i])) return true;
    return false;
}

static bool channel_is_kept(const struct acl_rights *r, struct slice pattern) {
    for (size_t i = 0; i < r->selector_count; i++)
        if (pattern_find(&r->selectors[i].channels, pattern)) return true;
    return false;
}

bool acl_rights_keep_channels(const struct acl_rights *r, const struct acl_rights *old) {
    for (size_t i = 0; i < r->selector_count; i++)
        if (r->selectors[i].all_channels) return true;
    for (size_t i = 0; i < old->selector_count; i++) {
        const struct acl_selector *s = &old->selectors[i];
        if (s->all_channels) return false;
        for (size_t k = 0; k < s->channels.n; k++)
            if (!channel_is_kept(r, s->channels.items[k].text)) return false;
    }
    return true;
}
