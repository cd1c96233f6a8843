/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules of Redis's ACLs ("on", ">secret", "~key:*", "+@read", "(+get %R~x)"): as they change
 * rights, and rights as rules again. */
#ifndef DREY_EXEC_ACL_RULES_H
#define DREY_EXEC_ACL_RULES_H

#include "exec/acl_rights.h"

/* What rules are read with. */
struct acl_rules {
    const struct command_table *commands;
    bool all_channels; /* what new users and selectors start with (acl-pubsub-default) */
};

/* Why a rule is none, as Redis words it. Compared by address. */
extern const char acl_unknown_command[];

/* Applies one rule, or a whole selector in its parentheses; an empty one does nothing. NULL, or why
 * not: then the rights may have changed in part, so work on a copy. */
const char *acl_rule_apply(const struct acl_rules *rules, struct acl_rights *r, struct slice rule);

/* Joins the words of each selector, "(+get" "~x)", to one rule. `items` are mem_alloc'ed texts, to
 * be released with acl_rule_list_release. False: a parenthesis isn't closed, the word is the one at
 * *unclosed. */
struct acl_rule_list {
    struct buf *items;
    size_t n;
};
bool acl_rule_list_join(struct acl_rule_list *list, const struct slice *words, size_t n,
                        size_t *unclosed);
void acl_rule_list_release(struct acl_rule_list *list);

/* The category of that name (without '@', any case); 0: there's none. */
unsigned acl_category(struct slice name);

/* Does words_split read the word as it stands? */
bool acl_word_is_bare(struct slice word);

/* Appends the rules that lead to these rights, as ACL LIST shows them. */
void acl_rights_describe(const struct acl_rights *r, struct buf *to);

/* Parts of a selector as text: "~a %R~b", "&x". */
void acl_selector_keys(const struct acl_selector *s, struct buf *to);
void acl_selector_channels(const struct acl_selector *s, struct buf *to);

#endif
