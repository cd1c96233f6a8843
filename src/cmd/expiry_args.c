/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd/expiry_args.h"

static const char *const words[] = {
    [EXPIRY_EX] = "EX",     [EXPIRY_PX] = "PX",           [EXPIRY_EXAT] = "EXAT",
    [EXPIRY_PXAT] = "PXAT", [EXPIRY_KEEPTTL] = "KEEPTTL", [EXPIRY_PERSIST] = "PERSIST",
};

static bool has_number(enum expiry_form form) {
    return form >= EXPIRY_EX && form <= EXPIRY_PXAT;
}

static enum expiry_form form_of(const struct call *c, int i) {
    for (enum expiry_form form = EXPIRY_EX; form <= EXPIRY_PERSIST; form++)
        if (arg_is(c, i, words[form])) return form;
    return EXPIRY_NONE;
}

int expiry_option_read(const struct call *c, int i, enum expiry_form also,
                       struct expiry_option *option) {
    enum expiry_form form = form_of(c, i);
    bool allowed = has_number(form) ? i + 1 < c->argc : form == also;
    if (form == EXPIRY_NONE || !allowed) return 0;
    if (option->form != EXPIRY_NONE && option->form != form) return 0;
    *option = (struct expiry_option){form, i + 1};
    return has_number(form) ? 2 : 1;
}

void expiry_reply_invalid(struct call *c) {
    reply_errorf(c->reply, "ERR invalid expire time in '%s' command", c->cmd->full_name);
}

/* The Unix time in ms; false if it's out of range. */
static bool to_time(const struct call *c, enum expiry_form form, int64_t number, int64_t *at_ms) {
    bool seconds = form == EXPIRY_EX || form == EXPIRY_EXAT;
    bool from_now = form == EXPIRY_EX || form == EXPIRY_PX;
    if (seconds && __builtin_mul_overflow(number, 1000, &number)) return false;
    int64_t base = from_now ? (int64_t)c->engine->keyspace.now_ms : 0;
    return !__builtin_add_overflow(number, base, at_ms);
}

bool expiry_time_or_reply(struct call *c, int i, enum expiry_form form, int64_t *at_ms) {
    int64_t number;
    if (!arg_i64_or_reply(c, i, &number)) return false;
    if (to_time(c, form, number, at_ms)) return true;
    expiry_reply_invalid(c);
    return false;
}

bool expiry_deadline_or_reply(struct call *c, int i, enum expiry_form form, uint64_t *deadline) {
    int64_t number, at_ms;
    if (!arg_i64_or_reply(c, i, &number)) return false;
    if (number < 1 || !to_time(c, form, number, &at_ms)) {
        expiry_reply_invalid(c);
        return false;
    }
    *deadline = (uint64_t)at_ms;
    return true;
}

bool expiry_option_or_reply(struct call *c, const struct expiry_option *option,
                            uint64_t *deadline) {
    if (has_number(option->form))
        return expiry_deadline_or_reply(c, option->arg, option->form, deadline);
    *deadline = option->form == EXPIRY_KEEPTTL ? DB_KEEP_DEADLINE : ENTRY_NO_DEADLINE;
    return true;
}

void expiry_propagate(const struct call *c, struct slice key, uint64_t deadline, int rest) {
    if (!call_propagates(c)) return;
    propagate_open(c, 3 + (size_t)(c->argc - rest));
    propagate_word(c, SLICE("PEXPIREAT"));
    propagate_word(c, key);
    propagate_u64(c, deadline);
    propagate_words(c, rest, c->argc);
}

unsigned expiry_condition_read(const struct call *c, int i) {
    static const struct {
        const char *word;
        enum expiry_condition condition;
    } conditions[] = {{"NX", EXPIRY_IF_NONE},
                      {"XX", EXPIRY_IF_ANY},
                      {"GT", EXPIRY_IF_LATER},
                      {"LT", EXPIRY_IF_EARLIER}};
    for (size_t k = 0; k < sizeof conditions / sizeof conditions[0]; k++)
        if (arg_is(c, i, conditions[k].word)) return conditions[k].condition;
    return 0;
}

bool expiry_conditions_hold(unsigned conditions, uint64_t present, int64_t at_ms) {
    bool none = present == ENTRY_NO_DEADLINE;
    if ((conditions & EXPIRY_IF_NONE) && !none) return false;
    if ((conditions & EXPIRY_IF_ANY) && none) return false;
    if ((conditions & EXPIRY_IF_LATER) && (none || at_ms <= (int64_t)present)) return false;
    return !(conditions & EXPIRY_IF_EARLIER) || none || at_ms < (int64_t)present;
}
