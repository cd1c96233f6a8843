/* SPDX-License-Identifier: BSD-3-Clause */
/* Any lines as the rules of a user: refused, or rights whose text reads as the same rights again,
 * which allow and deny the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine.h"
#include "exec/acl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 256 };

static void must(bool holds) {
    if (!holds) abort();
}

static size_t split(struct slice text, char at, struct slice *words) {
    size_t n = 0;
    const char *from = text.ptr, *end = text.ptr + text.len;
    while (n < WORDS_MAX) {
        const char *stop = memchr(from, at, (size_t)(end - from));
        words[n++] = slice_of(from, (size_t)((stop ? stop : end) - from));
        if (!stop) break;
        from = stop + 1;
    }
    return n;
}

/* False: a rule was refused. */
static bool apply(const struct acl *acl, struct acl_rights *r, struct slice text, char at) {
    struct slice *words = mem_alloc(WORDS_MAX * sizeof *words);
    struct acl_rules rules = acl_rules_now(acl);
    struct acl_rule_list list;
    size_t unclosed;
    bool fine = acl_rule_list_join(&list, words, split(text, at, words), &unclosed);
    if (fine) {
        for (size_t i = 0; i < list.n && fine; i++)
            fine = !acl_rule_apply(&rules, r, buf_slice(&list.items[i]));
        acl_rule_list_release(&list);
    }
    mem_free(words);
    return fine;
}

static void compare(const struct acl *acl, const struct acl_rights *a, const struct acl_rights *b) {
    static const char *const keys[] = {"", "a", "key:1", "*", "\xff"};
    const struct command_table *commands = acl->engine->commands;
    for (size_t i = 0; i < command_table_count(commands); i++) {
        const struct command_entry *cmd = command_table_at(commands, i);
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            struct slice argv[] = {slice_str(cmd->name), slice_str(keys[k]), SLICE("a"),
                                   slice_str(keys[k])};
            struct acl_denial x = acl_check(a, cmd, argv, 4), y = acl_check(b, cmd, argv, 4);
            /* Some pattern "*" reads as all keys, as in Redis, where it doesn't match the empty. */
            must((x.verdict == y.verdict && x.arg == y.arg) || !*keys[k]);
            if (acl_check_quick(a, cmd, argv, 4)) must(x.verdict == ACL_ALLOWED);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct acl *acl = &fuzz_engine()->acl;
    struct acl_rights r, again, copy;
    struct buf text = BUF_INIT, same = BUF_INIT;
    if (size > 4096) return 0;
    acl_rights_init(&r, false);
    bool fine = apply(acl, &r, slice_of(data, size), '\n');
    acl_rights_describe(&r, &text);
    if (fine && text.len < WORDS_MAX) { /* so it's no more words than that */
        acl_rights_init(&again, false);
        must(apply(acl, &again, buf_slice(&text), ' '));
        acl_rights_describe(&again, &same);
        must(same.len == text.len && memcmp(same.data, text.data, text.len) == 0);
        acl_rights_copy(&copy, &r);
        compare(acl, &copy, &again);
        acl_rights_release(&copy);
        acl_rights_release(&again);
    }
    acl_rights_release(&r);
    buf_release(&text);
    buf_release(&same);
    return 0;
}
