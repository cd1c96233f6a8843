/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules of users: what each one means, what is wrong with it, that rights as text are the same
 * rights again; and checks of random requests under random rules, against a model that reads all
 * rules anew for each question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/glob.h"
#include "base/words.h"
#include "cmd/families.h"
#include "exec/acl_file.h"
#include "exec/config.h"
#include "exec/dispatch.h"
#include "pubsub/pubsub.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct config *config;
static struct engine engine;
static size_t memory_before;

static int set_up(void **unused) {
    memory_before = mem_used();
    config = config_new("1.0");
    engine_init(&engine, config);
    engine_add_families(&engine, command_families);
    pubsub_start(&engine, NULL);
    engine_open(&engine, 16);
    return 0;
}

static int tear_down(void **unused) {
    engine_release(&engine);
    pubsub_free(engine.pubsub);
    config_free(config);
    assert_int_equal(mem_used(), memory_before);
    return 0;
}

/* --- Rules as text --- */

/* Applies words as ACL SETUSER does; the error, or NULL. */
static const char *apply_words(struct acl_rights *r, const struct slice *words, size_t n) {
    struct acl_rules rules = acl_rules_now(&engine.acl);
    struct acl_rule_list list;
    size_t unclosed;
    if (!acl_rule_list_join(&list, words, n, &unclosed)) return "unclosed";
    const char *error = NULL;
    for (size_t i = 0; i < list.n && !error; i++)
        error = acl_rule_apply(&rules, r, buf_slice(&list.items[i]));
    acl_rule_list_release(&list);
    return error;
}

static const char *apply_text(struct acl_rights *r, const char *text) {
    struct words words;
    assert_true(words_split(slice_str(text), &words));
    const char *error = apply_words(r, words.items, words.count);
    words_release(&words);
    return error;
}

/* The words of a file: split at single spaces, quotes don't count. */
static const char *apply_plain(struct acl_rights *r, struct slice text) {
    struct slice words[256];
    size_t n = 0;
    for (const char *at = text.ptr, *end = at + text.len;;) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        assert_true(n < COUNT(words));
        words[n++] = slice_of(at, (size_t)((space ? space : end) - at));
        if (!space) return apply_words(r, words, n);
        at = space + 1;
    }
}

#define SECRET "#2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b" /* "secret" */
#define KEYS_CLOSED                                                                                \
    "!Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not "     \
    "have any effect. Try 'resetkeys' to start with an empty list of patterns"

/* Rules, and how they read again; behind '!' the error. */
static const struct {
    const char *rules, *text;
} texts[] = {
    {"", "off sanitize-payload resetchannels -@all"},
    {"on nopass ~* &* +@all", "on nopass sanitize-payload ~* &* +@all"},
    {"ON NoPass AllKeys ALLCHANNELS allcommands", "on nopass sanitize-payload ~* &* +@all"},
    {"on >secret", "on sanitize-payload " SECRET " resetchannels -@all"},
    {"nopass >secret", "off sanitize-payload " SECRET " resetchannels -@all"},
    {">secret nopass", "off nopass sanitize-payload resetchannels -@all"},
    {">secret >secret <secret", "off sanitize-payload resetchannels -@all"},
    {SECRET, "off sanitize-payload " SECRET " resetchannels -@all"},
    {">secret !2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
     "off sanitize-payload resetchannels -@all"},
    {"<x", "!The password you are trying to remove from the user does not exist"},
    {"#12", "!The password hash must be exactly 64 characters and contain only lowercase "
            "hexadecimal characters"},
    {"skip-sanitize-payload", "off skip-sanitize-payload resetchannels -@all"},
    {"~a %R~b %w~c %WR~d &x &y*",
     "off sanitize-payload ~a %R~b %W~c ~d resetchannels &x &y* -@all"},
    {"%R~a %W~a ~b ~b", "off sanitize-payload ~a ~b resetchannels -@all"},
    {"%RW~*", "off sanitize-payload ~* resetchannels -@all"},
    {"%RW~* ~b", "off sanitize-payload %RW~* ~b resetchannels -@all"},
    {"~* ~b", KEYS_CLOSED},
    {"~b ~* resetkeys ~c", "off sanitize-payload ~c resetchannels -@all"},
    {"&b &* resetchannels &c", "off sanitize-payload resetchannels &c -@all"},
    {"%~a", "!Syntax error"},
    {"%X~a", "!Syntax error"},
    {"%RR~a", "!Syntax error"},
    {"'~a b'", "!Syntax error"},
    {"'&a\tb'", "!Syntax error"},
    {"nonsense", "!Syntax error"},
    {"+get -set +@READ +GET", "off sanitize-payload resetchannels -@all -set +@read +get"},
    {"+@all -@dangerous -@all", "off sanitize-payload resetchannels -@all"},
    {"+acl|list -acl +acl|cat", "off sanitize-payload resetchannels -@all -acl +acl|cat"},
    {"+acl|list +acl", "off sanitize-payload resetchannels -@all +acl"},
    {"+select|0 +SELECT|1 +select|0",
     "off sanitize-payload resetchannels -@all +select|1 +select|0"},
    {"+nonsense", "!Unknown command or category name in ACL"},
    {"+@nonsense", "!Unknown command or category name in ACL"},
    {"-get|x", "!Unknown command or category name in ACL"},
    {"+get|x|y", "!Unknown command or category name in ACL"},
    {"+get|", "!Syntax error"},
    {"+acl|cat|x", "!Allowing first-arg of a subcommand is not supported"},
    {"+acl|nonsense", "!Unknown command or category name in ACL"},
    {"(+get ~x) (%R~y)", "off sanitize-payload resetchannels -@all (~x resetchannels -@all +get) "
                         "(%R~y resetchannels -@all)"},
    {"'( ~x   +get )' ()", "off sanitize-payload resetchannels -@all (~x resetchannels -@all +get) "
                           "(resetchannels -@all)"},
    {"(+get clearselectors", "!unclosed"},
    {"(+get ) clearselectors", "off sanitize-payload resetchannels -@all"},
    {"(on)", "!Syntax error"},
    {"(>x)", "!Syntax error"},
    {")", "!Syntax error"},
    {"(+get (~x)", "!Syntax error"},
    {"on >secret ~x (+get) reset", "off sanitize-payload resetchannels -@all"},
};

static void rules_read_as_text(void **unused) {
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct acl_rights r, again;
        struct buf text = BUF_INIT, same = BUF_INIT;
        acl_rights_init(&r, false);
        const char *error = apply_text(&r, texts[i].rules);
        if (error) {
            buf_appendf(&text, "!%s", error);
        } else {
            acl_rights_describe(&r, &text);
            acl_rights_init(&again, true);
            assert_null(apply_plain(&again, buf_slice(&text)));
            acl_rights_describe(&again, &same);
            assert_string_equal(same.data, text.data);
            acl_rights_release(&again);
        }
        assert_string_equal(text.data, texts[i].text);
        acl_rights_release(&r);
        buf_release(&text);
        buf_release(&same);
    }
}

/* Words that a selector's text could be broken by. */
static void odd_words_in_selectors(void **unused) {
    static const char *const odd[] = {"(~a) +get)", "(~\"\\\"x\" +get)",
                                      "(~a\\\\ &'b' +get|\"x)y)\")", "(~\x01\xff +get)"};
    for (size_t i = 0; i < COUNT(odd); i++) {
        struct acl_rights r, again;
        struct buf text = BUF_INIT, same = BUF_INIT;
        struct slice word = slice_str(odd[i]);
        acl_rights_init(&r, false);
        assert_null(apply_words(&r, &word, 1));
        acl_rights_describe(&r, &text);
        acl_rights_init(&again, false);
        assert_null(apply_plain(&again, buf_slice(&text)));
        acl_rights_describe(&again, &same);
        assert_string_equal(same.data, text.data);
        assert_int_equal(again.selector_count, 2);
        acl_rights_release(&again);
        acl_rights_release(&r);
        buf_release(&text);
        buf_release(&same);
    }
}

/* --- Checks against a model --- */

static const char *const rule_words[] = {"+@all",
                                         "-@all",
                                         "+@read",
                                         "-@read",
                                         "+@write",
                                         "-@write",
                                         "+@slow",
                                         "-@slow",
                                         "+@pubsub",
                                         "+get",
                                         "-get",
                                         "+set",
                                         "-set",
                                         "+mget",
                                         "+copy",
                                         "-copy",
                                         "+acl",
                                         "-acl",
                                         "+acl|cat",
                                         "-acl|cat",
                                         "+acl|list",
                                         "+object",
                                         "-object",
                                         "+object|encoding",
                                         "+select|0",
                                         "+select|1",
                                         "-select",
                                         "+select",
                                         "+get|k1",
                                         "+publish",
                                         "+psubscribe",
                                         "+eval",
                                         "~k*",
                                         "~k1",
                                         "%R~r*",
                                         "%W~w*",
                                         "%R~w1",
                                         "~[kr]?",
                                         "resetkeys",
                                         "allkeys",
                                         "&c*",
                                         "&c1",
                                         "resetchannels",
                                         "allchannels",
                                         "~kind:1*",
                                         "%W~kind:1:aa*z",
                                         "%R~road:of:gold*",
                                         "~road:of:g",
                                         "~kind:1:a"};

static const char *const requests[] = {"get k1",
                                       "get k2",
                                       "get r1",
                                       "get w1",
                                       "get x",
                                       "set k1 v",
                                       "set w1 v",
                                       "set r1 v",
                                       "set w1 v get",
                                       "mget k1 r1 r2",
                                       "mget k1 r1 w1",
                                       "mget x",
                                       "copy r1 w1",
                                       "copy k1 k2",
                                       "copy w1 r1",
                                       "exists w1",
                                       "exists r1",
                                       "type x",
                                       "del w1 k1",
                                       "del r1",
                                       "acl cat",
                                       "acl list",
                                       "acl setuser x",
                                       "object encoding k1",
                                       "object help",
                                       "select 0",
                                       "select 1",
                                       "select",
                                       "publish c1 m",
                                       "publish x m",
                                       "subscribe c1 c2",
                                       "subscribe c1 x",
                                       "psubscribe c*",
                                       "psubscribe c?",
                                       "unsubscribe x",
                                       "ping",
                                       "sort k1 store w1",
                                       "sort r1",
                                       "eval_ro x 1 r1",
                                       "sinterstore w1 r1 r2",
                                       "sinterstore r1 r1",
                                       "rpoplpush k1 w1",
                                       "bitfield r1 get u4 0",
                                       "bitfield r1 set u4 0 1",
                                       "get kind:1:a",
                                       "get kind:2:a",
                                       "get kind:1",
                                       "set kind:1:aabz v",
                                       "get road:of:gold",
                                       "get road:of:gold:1",
                                       "get road:of:goal",
                                       "set road:of:g v",
                                       "del road:of:g kind:1:a x",
                                       "mset kind:1:aaz v kind:1:aaaz v",
                                       "blpop kind:1:a road:of:g 1",
                                       "blpop road:of:gold 1"};

enum { RULES_MAX = 24 };

struct model {
    const char *rules[RULES_MAX]; /* of one selector, all that were accepted */
    size_t n;
};

static bool is_named(const struct command_entry *cmd, const char *name) {
    if (strcmp(cmd->full_name, name) == 0) return true;
    return cmd->parent && strcmp(cmd->parent->full_name, name) == 0;
}

static bool in_category(const struct command_entry *cmd, unsigned category) {
    return (cmd->categories & category) || (cmd->parent && (cmd->parent->categories & category));
}

/* "get|k1" of a command without subcommands. */
static bool is_first_arg(const struct command_entry *cmd, const char *rule, struct slice arg) {
    const char *bar = strchr(rule, '|');
    if (!bar || cmd->parent || cmd->sub_count) return false;
    size_t len = (size_t)(bar - rule);
    return strlen(cmd->full_name) == len && memcmp(cmd->full_name, rule, len) == 0 &&
           slice_is(arg, bar + 1);
}

static bool model_allows_command(const struct model *m, const struct request *r) {
    bool allowed = false, by_arg = false;
    for (size_t i = 0; i < m->n; i++) {
        const char *rule = m->rules[i];
        if (rule[0] != '+' && rule[0] != '-') continue;
        bool all = strcmp(rule + 1, "@all") == 0, one = false;
        if (rule[1] == '@' && !all) one = in_category(r->cmd, acl_category(slice_str(rule + 2)));
        if (all || one || is_named(r->cmd, rule + 1)) {
            allowed = rule[0] == '+';
            by_arg = false;
        }
        if (r->argc > 1 && is_first_arg(r->cmd, rule + 1, r->argv[1])) by_arg = true;
    }
    return allowed || by_arg || (r->cmd->flags & CMD_NO_AUTH);
}

static bool model_allows_key(const struct model *m, struct slice key, unsigned flags) {
    bool all = false, allowed = false;
    unsigned asked =
        (flags & KEY_ACCESS ? 1 : 0) | (flags & (KEY_INSERT | KEY_UPDATE | KEY_DELETE) ? 2 : 0);
    /* Two patterns of the same text add up. */
    for (size_t i = 0; i < m->n; i++) {
        const char *rule = m->rules[i], *text = strchr(rule, '~');
        if (strcmp(rule, "resetkeys") == 0) all = allowed = false;
        if (strcmp(rule, "allkeys") == 0) all = true;
        if (!text || !glob_match(slice_str(text + 1), key)) continue;
        unsigned access = 0;
        for (size_t k = 0; k < m->n; k++) {
            const char *other = strchr(m->rules[k], '~');
            if (strcmp(m->rules[k], "resetkeys") == 0) access = 0;
            if (!other || strcmp(other, text) != 0) continue;
            access |= m->rules[k][0] == '~' ? 3 : m->rules[k][1] == 'R' ? 1 : 2;
        }
        if ((access & asked) == asked) allowed = true;
    }
    return all || allowed;
}

static bool model_allows_channel(const struct model *m, struct slice channel, bool literal) {
    bool all = false, allowed = false;
    for (size_t i = 0; i < m->n; i++) {
        const char *rule = m->rules[i];
        if (strcmp(rule, "resetchannels") == 0) all = allowed = false;
        if (strcmp(rule, "allchannels") == 0) all = true;
        if (rule[0] != '&') continue;
        struct slice text = slice_str(rule + 1);
        if (literal ? slice_eq(text, channel) : glob_match(text, channel)) allowed = true;
    }
    return all || allowed;
}

static enum acl_verdict model_verdict(const struct model *m, const struct request *r) {
    struct key_use uses[32];
    if (!model_allows_command(m, r)) return ACL_DENIED_COMMAND;
    int n = command_keys(r->cmd, r->argv, r->argc, uses);
    for (int i = 0; i < n; i++)
        if (!model_allows_key(m, r->argv[uses[i].arg], uses[i].flags)) return ACL_DENIED_KEY;
    const char *name = r->cmd->full_name;
    bool pattern = strcmp(name, "psubscribe") == 0, publish = strcmp(name, "publish") == 0;
    if (!pattern && !publish && strcmp(name, "subscribe") != 0) return ACL_ALLOWED;
    for (int i = 1; i < (publish ? 2 : r->argc); i++)
        if (!model_allows_channel(m, r->argv[i], pattern)) return ACL_DENIED_CHANNEL;
    return ACL_ALLOWED;
}

enum { SELECTORS = 3 };

/* Random rules for each selector; those that are refused leave no trace. */
static void random_rights(struct acl_rights *r, struct model *models, struct random *rng) {
    struct acl_rules rules = acl_rules_now(&engine.acl);
    acl_rights_init(r, false);
    for (size_t s = 0; s < SELECTORS; s++) {
        struct acl_rights one;
        acl_rights_init(&one, false);
        models[s].n = 0;
        for (size_t i = random_below(rng, RULES_MAX); i > 0; i--) {
            const char *word = rule_words[random_below(rng, COUNT(rule_words))];
            if (acl_rule_apply(&rules, &one, slice_str(word))) continue;
            models[s].rules[models[s].n++] = word;
        }
        struct acl_selector own = one.selectors[0];
        one.selector_count = 0;
        acl_rights_release(&one);
        if (s == 0) {
            acl_selector_release(&r->selectors[0]);
            r->selectors[0] = own;
        } else {
            acl_rights_add_selector(r, &own);
        }
    }
}

static void check_request(const struct acl_rights *r, const struct model *models,
                          const char *text) {
    struct words words;
    struct session s;
    struct reply_pool pool = {0};
    assert_true(words_split(slice_str(text), &words));
    session_init(&s, &engine, &pool);
    struct request request = {.argv = words.items, .argc = (int)words.count};
    dispatch_prepare_all(&s, &request, 1);
    if (request.cmd) {
        enum acl_verdict wanted = ACL_DENIED_COMMAND;
        for (size_t i = 0; i < SELECTORS && wanted != ACL_ALLOWED; i++) {
            enum acl_verdict one = model_verdict(&models[i], &request);
            if (one == ACL_ALLOWED || one > wanted) wanted = one;
        }
        struct acl_denial denial = acl_check(r, request.cmd, request.argv, request.argc);
        if (acl_check_quick(r, request.cmd, request.argv, request.argc))
            assert_int_equal(denial.verdict, ACL_ALLOWED);
        if (denial.verdict != wanted) fail_msg("%s: %d, not %d", text, denial.verdict, wanted);
        assert_true(denial.arg < request.argc && (denial.arg > 0) == (denial.verdict > 1));
    }
    session_release(&s);
    reply_pool_release(&pool);
    words_release(&words);
}

static void random_rules_against_a_model(void **unused) {
    struct random rng;
    random_seed_fixed(&rng, 7);
    for (int round = 0; round < 1500; round++) {
        struct acl_rights r, again;
        struct model models[SELECTORS];
        struct buf text = BUF_INIT;
        random_rights(&r, models, &rng);
        acl_rights_describe(&r, &text);
        acl_rights_init(&again, false);
        assert_null(apply_plain(&again, buf_slice(&text)));
        for (size_t i = 0; i < COUNT(requests); i++) {
            check_request(&r, models, requests[i]);
            check_request(&again, models, requests[i]);
        }
        acl_rights_release(&again);
        acl_rights_release(&r);
        buf_release(&text);
    }
}

/* --- Users --- */

static int changes, removals, fewer;

static void on_changed(struct engine *e, struct acl_user *user, bool less_channels) {
    changes++;
    fewer += less_channels;
}

static void on_removed(struct engine *e, struct acl_user *user) {
    removals++;
}

static void set(const char *name, const char *rules) {
    struct acl_user *user = acl_user_find(&engine.acl, slice_str(name));
    struct acl_rights r;
    if (!user) user = acl_user_add(&engine.acl, slice_str(name));
    acl_rights_copy(&r, &user->rights);
    assert_null(apply_text(&r, rules));
    acl_user_set(&engine.acl, user, &r);
}

static void users_and_passwords(void **unused) {
    struct acl *acl = &engine.acl;
    changes = removals = fewer = 0;
    acl->hooks = (struct acl_hooks){.changed = on_changed, .removed = on_removed};
    assert_true(acl_is_open(acl) && !acl->default_user->restricted);
    set("zoe", ">one >two &x");
    set("amy", "on nopass ~* &* +@all");
    set("bob", "on >one (+@all ~* &*)");
    assert_int_equal(acl->user_count, 4);
    assert_string_equal(acl->users[0]->name.ptr, "amy");
    assert_string_equal(acl->users[3]->name.ptr, "zoe");
    assert_false(acl->users[0]->restricted || acl->users[1]->restricted);
    assert_true(acl->users[3]->restricted);
    assert_null(acl_authenticate(acl, SLICE("zoe"), SLICE("one")));
    set("zoe", "on");
    assert_non_null(acl_authenticate(acl, SLICE("zoe"), SLICE("one")));
    assert_non_null(acl_authenticate(acl, SLICE("zoe"), SLICE("two")));
    assert_null(acl_authenticate(acl, SLICE("zoe"), SLICE("three")));
    assert_null(acl_authenticate(acl, SLICE("zoe"), SLICE("")));
    assert_null(acl_authenticate(acl, SLICE("nobody"), SLICE("one")));
    assert_non_null(acl_authenticate(acl, SLICE("amy"), SLICE("anything")));
    assert_int_equal(fewer, 0);
    set("zoe", "&y");
    assert_int_equal(fewer, 0);
    set("zoe", "resetchannels &y");
    assert_int_equal(fewer, 1);
    set("default", "off");
    assert_false(acl_is_open(acl));
    assert_int_equal(changes, 7);
    struct acl_user *held = acl_user_ref(acl_user_find(acl, SLICE("zoe")));
    acl_user_remove(acl, held);
    assert_int_equal(removals, 1);
    assert_null(acl_user_find(acl, SLICE("zoe")));
    assert_string_equal(held->name.ptr, "zoe");
    acl_user_unref(held);
}

static char file[64];

static void check_load(const char *text, const char *error) {
    struct buf why = BUF_INIT;
    assert_int_equal(file_replace(file, slice_str(text), 0600), 0);
    assert_int_equal(acl_load_file(&engine.acl, &why), !error);
    if (error) assert_non_null(strstr(why.data, error));
    buf_release(&why);
}

static void files(void **unused) {
    struct acl *acl = &engine.acl;
    struct buf text = BUF_INIT, again = BUF_INIT, why = BUF_INIT;
    snprintf(file, sizeof file, "/tmp/test_acl.%d", (int)getpid());
    mem_free(acl->config.file);
    acl->config.file = mem_strdup(file);
    set("old", "on");
    check_load("user a on\r\n\n  user b +get  ~x \nuser a off\n",
               "Duplicate user 'a' found on line 4");
    check_load("nonsense", "should start with user keyword followed by the username");
    check_load("user", "should start with user keyword followed by the username");
    check_load("user a (+get", "Unmatched parenthesis in selector definition.");
    check_load("user a >secret +bad", ":1: Error in applying operation '+bad': Unknown command");
    check_load("user a >secret secret", ":1: Syntax error. WARNING: ACL errors detected");
    assert_non_null(acl_user_find(acl, SLICE("old")));
    check_load("user a on >x (+get ~y) &z\nuser b\n", NULL);
    assert_null(acl_user_find(acl, SLICE("old")));
    assert_int_equal(acl->user_count, 3);
    assert_true(acl_is_open(acl));
    assert_true(acl_save_file(acl, &why));
    assert_int_equal(file_read(file, &text, NULL), 0);
    assert_non_null(strstr(text.data, "user b off sanitize-payload resetchannels -@all\n"));
    check_load(text.data, NULL);
    assert_true(acl_save_file(acl, &why));
    assert_int_equal(file_read(file, &again, NULL), 0);
    assert_string_equal(again.data, text.data);
    unlink(file);
    assert_false(acl_load_file(acl, &why));
    assert_non_null(strstr(why.data, "No such file or directory"));
    buf_release(&text);
    buf_release(&again);
    buf_release(&why);
}

/* --- The log --- */

static void the_log(void **unused) {
    struct acl_log log;
    acl_log_init(&log);
    struct acl_incident incident = {
        .object = SLICE("get"), .user = SLICE("u"), .client = SLICE("id=1")};
    for (int i = 0; i < 3; i++) acl_log_add(&log, &incident, 1000 + (uint64_t)i, 2);
    assert_int_equal(log.n, 1);
    const struct acl_log_entry *e = acl_log_first(&log);
    assert_int_equal(e->count, 3);
    assert_int_equal(e->created_ms, 1000);
    assert_int_equal(e->updated_ms, 1002);
    incident.object = SLICE("set");
    acl_log_add(&log, &incident, 1003, 2);
    incident.context = ACL_IN_MULTI;
    acl_log_add(&log, &incident, 1004, 2);
    assert_int_equal(log.n, 2);
    e = acl_log_first(&log);
    assert_int_equal(e->id, 2);
    e = acl_log_next(&log, e);
    assert_int_equal(e->id, 1);
    assert_null(acl_log_next(&log, e));
    acl_log_add(&log, &incident, 1004 + 60001, 2);
    assert_int_equal(acl_log_first(&log)->id, 3);
    acl_log_add(&log, &incident, 99999, 0);
    assert_int_equal(log.n, 0);
    acl_log_clear(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rules_read_as_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(odd_words_in_selectors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_rules_against_a_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(users_and_passwords, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files, set_up, tear_down),
        cmocka_unit_test(the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
