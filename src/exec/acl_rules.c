/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/acl_rules.h"

#include <ctype.h>

#include "base/alloc.h"
#include "base/words.h"

const char acl_unknown_command[] = "Unknown command or category name in ACL";
static const char syntax_error[] = "Syntax error";

/* Can it be a part of a rule as text? */
static bool is_clean(struct slice text) {
    for (size_t i = 0; i < text.len; i++)
        if (isspace((unsigned char)text.ptr[i]) || !text.ptr[i]) return false;
    return true;
}

/* --- Words about commands, as text --- */

static void append_lower(struct buf *to, struct slice text) {
    for (size_t i = 0; i < text.len; i++)
        buf_append_char(to, (char)tolower((unsigned char)text.ptr[i]));
}

/* Is the kept rule `word` ("+get|x") about `name` ("get") or a part of it? */
static bool is_about(struct slice word, struct slice name) {
    if (word.len <= name.len || memcmp(word.ptr + 1, name.ptr, name.len) != 0) return false;
    return word.len == name.len + 1 || word.ptr[name.len + 1] == '|';
}

/* A rule goes to the end; what it overrules is taken out. */
static void note_rule(struct acl_selector *s, bool allow, struct slice name) {
    struct buf lower = BUF_INIT, kept = BUF_INIT;
    append_lower(&lower, name);
    const char *at = s->rules.data, *end = at + s->rules.len;
    while (at < end) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        struct slice word = slice_of(at, (size_t)((space ? space : end) - at));
        if (!is_about(word, buf_slice(&lower))) {
            buf_append_slice(&kept, word);
            buf_append_char(&kept, ' ');
        }
        at += word.len + 1;
    }
    buf_append_char(&kept, allow ? '+' : '-');
    buf_append_slice(&kept, buf_slice(&lower));
    buf_release(&lower);
    buf_release(&s->rules);
    s->rules = kept;
}

/* --- Commands --- */

static const char *all_commands(struct acl_selector *s, bool allow) {
    acl_selector_set_all(s, allow);
    buf_clear(&s->rules);
    buf_append_str(&s->rules, allow ? "+@all" : "-@all");
    return NULL;
}

unsigned acl_category(struct slice name) {
#define IF_CATEGORY(constant, word)                                                                \
    if (slice_is(name, word)) return ACL_##constant;
    COMMAND_CATEGORIES(IF_CATEGORY)
#undef IF_CATEGORY
    return 0;
}

static void set_category(struct acl_selector *s, struct command_entry *cmd, unsigned category,
                         bool allow) {
    if (cmd->categories & category) acl_selector_set(s, cmd, allow);
    for (size_t i = 0; i < cmd->sub_count; i++)
        set_category(s, &cmd->subcommands[i], category, allow);
}

static const char *category_rule(const struct acl_rules *rules, struct acl_selector *s,
                                 struct slice rule, bool allow) {
    struct slice name = slice_of(rule.ptr + 1, rule.len - 1);
    if (slice_is(name, "all")) return all_commands(s, allow);
    unsigned category = acl_category(name);
    if (!category) return acl_unknown_command;
    for (size_t i = 0; i < command_table_count(rules->commands); i++)
        set_category(s, command_table_at(rules->commands, i), category, allow);
    note_rule(s, allow, rule);
    return NULL;
}

/* "get|x": a command that has no subcommands, and its first argument. */
static const char *first_arg_rule(const struct acl_rules *rules, struct acl_selector *s,
                                  struct slice rule, bool allow) {
    const char *bar = memchr(rule.ptr, '|', rule.len);
    if (!bar || !allow) return acl_unknown_command;
    struct slice name = slice_of(rule.ptr, (size_t)(bar - rule.ptr));
    struct slice arg = slice_of(bar + 1, rule.len - name.len - 1);
    const struct command_entry *cmd = command_find(rules->commands, name);
    if (!cmd) return acl_unknown_command;
    const char *bar_in_arg = memchr(arg.ptr, '|', arg.len);
    size_t head = bar_in_arg ? (size_t)(bar_in_arg - arg.ptr) : arg.len;
    if (cmd->sub_count) {
        bool is_sub = bar_in_arg && command_find_sub(cmd, slice_of(arg.ptr, head));
        return is_sub ? "Allowing first-arg of a subcommand is not supported" : acl_unknown_command;
    }
    if (bar_in_arg) return acl_unknown_command;
    if (!arg.len || !is_clean(arg)) return syntax_error;
    if (!acl_selector_has(s, cmd->id)) acl_selector_add_first_arg(s, cmd->id, arg);
    note_rule(s, true, rule);
    return NULL;
}

static const char *command_rule(const struct acl_rules *rules, struct acl_selector *s,
                                struct slice rule) {
    bool allow = rule.ptr[0] == '+';
    rule = slice_of(rule.ptr + 1, rule.len - 1);
    if (rule.len && rule.ptr[0] == '@') return category_rule(rules, s, rule, allow);
    const struct command_entry *cmd = rule.len ? command_find_full(rules->commands, rule) : NULL;
    if (!cmd) return first_arg_rule(rules, s, rule, allow);
    acl_selector_set(s, cmd, allow);
    note_rule(s, allow, rule);
    return NULL;
}

/* --- Patterns --- */

/* "~x", "%R~x". The letters after '%' in any order, each once. */
static const char *key_rule(struct acl_selector *s, struct slice rule) {
    unsigned access = rule.ptr[0] == '~' ? ACL_MAY_BOTH : 0;
    size_t at = 1;
    if (s->all_keys)
        return "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does "
               "not have any effect. Try 'resetkeys' to start with an empty list of patterns";
    for (bool prefixed = !access; prefixed && at < rule.len; at++) {
        char letter = (char)toupper((unsigned char)rule.ptr[at]);
        unsigned one = letter == 'R' ? ACL_MAY_READ : letter == 'W' ? ACL_MAY_WRITE : 0;
        if (rule.ptr[at] == '~')
            prefixed = false;
        else if (!one || (access & one))
            return syntax_error;
        access |= one;
    }
    struct slice pattern = slice_of(rule.ptr + at, rule.len - at);
    if (!access || !is_clean(pattern)) return syntax_error;
    acl_patterns_add(&s->keys, pattern, access);
    return NULL;
}

static const char *channel_rule(struct acl_selector *s, struct slice rule) {
    struct slice pattern = slice_of(rule.ptr + 1, rule.len - 1);
    if (s->all_channels)
        return "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and "
               "does not have any effect. Try 'resetchannels' to start with an empty list of "
               "channels";
    if (!is_clean(pattern)) return syntax_error;
    acl_patterns_add(&s->channels, pattern, 0);
    return NULL;
}

/* --- Words --- */

static void set_keys(struct acl_selector *s, bool all) {
    acl_patterns_clear(&s->keys);
    s->all_keys = all;
}

static void set_channels(struct acl_selector *s, bool all) {
    acl_patterns_clear(&s->channels);
    s->all_channels = all;
}

static const char *selector_rule(const struct acl_rules *rules, struct acl_selector *s,
                                 struct slice rule) {
    if (slice_is(rule, "allkeys") || slice_is(rule, "~*")) return set_keys(s, true), NULL;
    if (slice_is(rule, "resetkeys")) return set_keys(s, false), NULL;
    if (slice_is(rule, "allchannels") || slice_is(rule, "&*")) return set_channels(s, true), NULL;
    if (slice_is(rule, "resetchannels")) return set_channels(s, false), NULL;
    if (slice_is(rule, "allcommands")) return all_commands(s, true);
    if (slice_is(rule, "nocommands")) return all_commands(s, false);
    switch (rule.ptr[0]) {
    case '~':
    case '%': return key_rule(s, rule);
    case '&': return channel_rule(s, rule);
    case '+':
    case '-': return command_rule(rules, s, rule);
    default: return syntax_error;
    }
}

static const char *add_selector(const struct acl_rules *rules, struct acl_rights *r,
                                struct slice inner) {
    struct words words;
    struct acl_selector s;
    const char *error = NULL;
    bool whole = !inner.len || !memchr(inner.ptr, '\0', inner.len); /* it would end there */
    if (!whole || !words_split(inner, &words)) return syntax_error;
    acl_selector_init(&s, rules->all_channels);
    for (size_t i = 0; i < words.count && !error; i++)
        if (words.items[i].len) error = selector_rule(rules, &s, words.items[i]);
    words_release(&words);
    if (error)
        acl_selector_release(&s);
    else
        acl_rights_add_selector(r, &s);
    return error;
}

/* --- Passwords --- */

static void forget_passwords(struct acl_rights *r, bool none_needed) {
    acl_passwords_clear(&r->passwords);
    r->no_password = none_needed;
}

static bool is_digest(struct slice text) {
    if (text.len != SHA256_HEX) return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return false;
    }
    return true;
}

/* ">secret" and "<secret", or their digests: "#…" and "!…". */
static const char *password_rule(struct acl_rights *r, struct slice rule) {
    char digest[SHA256_HEX];
    struct slice given = slice_of(rule.ptr + 1, rule.len - 1);
    bool adds = rule.ptr[0] == '>' || rule.ptr[0] == '#';
    if (rule.ptr[0] == '>' || rule.ptr[0] == '<')
        sha256_hex(given, digest);
    else if (is_digest(given))
        memcpy(digest, given.ptr, sizeof digest);
    else
        return "The password hash must be exactly 64 characters and contain only lowercase "
               "hexadecimal characters";
    if (adds) {
        acl_passwords_add(&r->passwords, digest);
        r->no_password = false;
        return NULL;
    }
    return acl_passwords_remove(&r->passwords, digest)
               ? NULL
               : "The password you are trying to remove from the user does not exist";
}

static void reset(const struct acl_rules *rules, struct acl_rights *r) {
    acl_rights_release(r);
    acl_rights_init(r, rules->all_channels);
}

/* True if it's one of the words about the user as such. */
static bool user_word(const struct acl_rules *rules, struct acl_rights *r, struct slice rule) {
    if (slice_is(rule, "on"))
        r->enabled = true;
    else if (slice_is(rule, "off"))
        r->enabled = false;
    else if (slice_is(rule, "nopass"))
        forget_passwords(r, true);
    else if (slice_is(rule, "resetpass"))
        forget_passwords(r, false);
    else if (slice_is(rule, "sanitize-payload"))
        r->skip_sanitize = false;
    else if (slice_is(rule, "skip-sanitize-payload"))
        r->skip_sanitize = true;
    else if (slice_is(rule, "clearselectors"))
        acl_rights_clear_selectors(r);
    else if (slice_is(rule, "reset"))
        reset(rules, r);
    else
        return false;
    return true;
}

const char *acl_rule_apply(const struct acl_rules *rules, struct acl_rights *r, struct slice rule) {
    if (!rule.len || user_word(rules, r, rule)) return NULL;
    if (memchr("><#!", rule.ptr[0], 4)) return password_rule(r, rule);
    if (rule.ptr[0] == '(' && rule.ptr[rule.len - 1] == ')' && rule.len > 1)
        return add_selector(rules, r, slice_of(rule.ptr + 1, rule.len - 2));
    return selector_rule(rules, &r->selectors[0], rule);
}

/* --- Words of selectors --- */

static bool opens(struct slice word) {
    return word.len && word.ptr[0] == '(';
}

static bool closes(const struct buf *rule) {
    return rule->len && rule->data[rule->len - 1] == ')';
}

bool acl_rule_list_join(struct acl_rule_list *list, const struct slice *words, size_t n,
                        size_t *unclosed) {
    *list = (struct acl_rule_list){.items = mem_alloc((n + 1) * sizeof *list->items)};
    bool open = false;
    for (size_t i = 0; i < n; i++) {
        if (open) {
            buf_append_char(&list->items[list->n - 1], ' ');
        } else {
            buf_init(&list->items[list->n++]);
            if (opens(words[i])) *unclosed = i;
        }
        struct buf *rule = &list->items[list->n - 1];
        buf_append_slice(rule, words[i]);
        open = (open || opens(words[i])) && !closes(rule);
    }
    if (open) acl_rule_list_release(list);
    return !open;
}

void acl_rule_list_release(struct acl_rule_list *list) {
    for (size_t i = 0; i < list->n; i++) buf_release(&list->items[i]);
    mem_free(list->items);
    *list = (struct acl_rule_list){0};
}

/* --- As text --- */

bool acl_word_is_bare(struct slice word) {
    for (size_t i = 0; i < word.len; i++)
        if (word.ptr[i] <= ' ' || word.ptr[i] > '~' || memchr("\\\"'", word.ptr[i], 3))
            return false;
    return word.len > 0;
}

/* `inner`: it's a part of a selector in parentheses, so it must not seem to be its end. */
static void append_word(struct buf *to, struct slice word, bool inner) {
    if (!inner || (acl_word_is_bare(word) && word.ptr[word.len - 1] != ')'))
        buf_append_slice(to, word);
    else
        words_quote(to, word);
}

/* A pattern behind its mark, with a space in front if it's not the first word. */
static void append_pattern(struct buf *to, const char *mark, struct slice pattern, bool inner) {
    struct buf word = BUF_INIT;
    buf_append_str(&word, mark);
    buf_append_slice(&word, pattern);
    append_word(to, buf_slice(&word), inner);
    buf_release(&word);
}

/* "~*" alone would read as all keys, behind which no others may stand. */
static const char *key_mark(const struct acl_patterns *keys, const struct acl_pattern *p) {
    if (p->access == ACL_MAY_READ) return "%R~";
    if (p->access == ACL_MAY_WRITE) return "%W~";
    return keys->n > 1 && slice_eq(p->text, SLICE("*")) ? "%RW~" : "~";
}

static void append_keys(const struct acl_selector *s, bool inner, struct buf *to) {
    if (s->all_keys) buf_append_str(to, "~*");
    for (size_t i = 0; i < s->keys.n; i++) {
        const struct acl_pattern *p = &s->keys.items[i];
        if (i) buf_append_char(to, ' ');
        append_pattern(to, key_mark(&s->keys, p), p->text, inner);
    }
}

static void append_channels(const struct acl_selector *s, bool inner, struct buf *to) {
    if (s->all_channels) buf_append_str(to, "&*");
    for (size_t i = 0; i < s->channels.n; i++) {
        if (i) buf_append_char(to, ' ');
        append_pattern(to, "&", s->channels.items[i].text, inner);
    }
}

void acl_selector_keys(const struct acl_selector *s, struct buf *to) {
    append_keys(s, false, to);
}

void acl_selector_channels(const struct acl_selector *s, struct buf *to) {
    append_channels(s, false, to);
}

static void append_rules(const struct acl_selector *s, bool inner, struct buf *to) {
    for (const char *at = s->rules.data, *end = at + s->rules.len; at < end;) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        size_t len = (size_t)((space ? space : end) - at);
        append_word(to, slice_of(at, len), inner);
        if (space) buf_append_char(to, ' ');
        at += len + 1;
    }
}

static void describe_selector(const struct acl_selector *s, bool inner, struct buf *to) {
    size_t before = to->len;
    append_keys(s, inner, to);
    if (to->len > before) buf_append_char(to, ' ');
    if (!s->all_channels) buf_append_str(to, "resetchannels ");
    before = to->len;
    append_channels(s, inner, to);
    if (to->len > before) buf_append_char(to, ' ');
    append_rules(s, inner, to);
}

void acl_rights_describe(const struct acl_rights *r, struct buf *to) {
    buf_append_str(to, r->enabled ? "on " : "off ");
    if (r->no_password) buf_append_str(to, "nopass ");
    buf_append_str(to, r->skip_sanitize ? "skip-sanitize-payload " : "sanitize-payload ");
    for (size_t i = 0; i < r->passwords.n; i++) {
        buf_append_char(to, '#');
        buf_append(to, r->passwords.items[i], SHA256_HEX);
        buf_append_char(to, ' ');
    }
    describe_selector(&r->selectors[0], false, to);
    for (size_t i = 1; i < r->selector_count; i++) {
        buf_append_str(to, " (");
        describe_selector(&r->selectors[i], true, to);
        buf_append_char(to, ')');
    }
}
