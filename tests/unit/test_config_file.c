/* SPDX-License-Identifier: BSD-3-Clause */
/* Config files and command lines, what they may look like and how they fail, CONFIG REWRITE, and
 * the sample config. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "exec/acl_file.h"
#include "exec/config.h"
#include "exec/config_file.h"
#include "exec/config_kept.h"
#include "exec/config_rewrite.h"
#include "exec/config_sample.h"
#include "exec/engine.h"
#include "persist/aof_config.h"
#include "persist/persist_config.h"
#include "repl/link_config.h"
#include "server/server_config.h"

static struct persist_config persist;
static struct aof_config aof;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* All rows that there are, in a folder of the test's own, which is the working directory. */
struct fixture {
    char folder[64], home[4096];
    struct server_config server;
    struct exec_config exec;
    struct engine engine; /* of which there are users only */
    struct config *cfg;
};

static struct link_config repl_link;

static void registry_open(struct fixture *f) {
    f->cfg = config_new("9.9");
    server_config_register(f->cfg, &f->server);
    exec_config_register(f->cfg, &f->exec);
    config_register_kept(f->cfg);
    f->engine = (struct engine){.config = f->cfg, .commands = command_table_new()};
    acl_init(&f->engine.acl, &f->engine);
    persist_config_register(f->cfg, &persist);
    aof_config_register(f->cfg, &aof);
    link_config_register(f->cfg, &repl_link);
}

static void registry_close(struct fixture *f) {
    acl_release(&f->engine.acl);
    command_table_free(f->engine.commands);
    config_free(f->cfg);
}

static void registry_reopen(struct fixture *f) {
    registry_close(f);
    registry_open(f);
}

static int set_up(void **state) {
    struct fixture *f = mem_zalloc(sizeof(*f));
    snprintf(f->folder, sizeof(f->folder), "/tmp/test_config.XXXXXX");
    assert_non_null(getcwd(f->home, sizeof(f->home)));
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(chdir(f->folder), 0);
    registry_open(f);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    char command[128];
    registry_close(f);
    assert_int_equal(chdir(f->home), 0);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->folder);
    assert_int_equal(system(command), 0);
    mem_free(f);
    return 0;
}

static void file_write(const char *name, const char *text) {
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static const char *file_read(const char *name) {
    static char text[64 * 1024];
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* The message of a load that fails, or "". */
static const char *load(struct fixture *f, const char *path, const char *lines) {
    static char message[4096];
    struct buf error = BUF_INIT;
    bool ok = config_load(f->cfg, path, lines, &error);
    assert_int_equal(ok, error.len == 0);
    if (ok) assert_true(acl_load_configured(&f->engine.acl, &error));
    snprintf(message, sizeof(message), "%s", error.len ? error.data : "");
    buf_release(&error);
    return message;
}

static const char *get(struct config *cfg, const char *name) {
    static char value[1024];
    struct buf text = BUF_INIT;
    assert_true(config_value(cfg, slice_str(name), &text));
    snprintf(value, sizeof(value), "%s", text.len ? text.data : "");
    buf_release(&text);
    return value;
}

static bool set(struct fixture *f, const char *name, const char *value) {
    struct slice words[2] = {slice_str(name), slice_str(value)};
    struct buf error = BUF_INIT;
    bool ok =
        config_set(f->cfg, words, 2, (struct config_set_options){.allow_protected = true}, &error);
    buf_release(&error);
    return ok;
}

/* --- Loading --- */

static void a_file(void **state) {
    struct fixture *f = *state;
    file_write("a.conf", "# comment\r\n\n  PORT   7000\t\r\ntimeout 5\ntimeout 6\n\"hz\" '20'\n"
                         "slave-priority 50\nrequirepass \"a b\\x21\"\nmaxmemory 1gb\n"
                         "bind 127.0.0.1 -::1\nlogfile ''\nrename-command GET \"\"\n"
                         "rename-command SET PUT\nuser foo on nopass ~* +@all\nuser bar off\n"
                         "client-output-buffer-limit replica 1 2 3\nshutdown-on-sigint now force\n"
                         "client-output-buffer-limit 'pubsub 4 5 6'\nlist-max-ziplist-entries 5");
    assert_string_equal(load(f, "./a.conf", NULL), "");
    assert_int_equal(f->server.port, 7000);
    assert_int_equal(f->server.timeout, 6);
    assert_int_equal(f->server.hz, 20);
    assert_string_equal(get(f->cfg, "replica-priority"), "50");
    assert_int_equal(f->engine.acl.config.requirepass.len, 4);
    assert_memory_equal(f->engine.acl.config.requirepass.bytes, "a b!", 4);
    assert_int_equal(f->exec.db.maxmemory, 1 << 30);
    assert_int_equal(f->server.bind.n, 2);
    assert_string_equal(f->server.logfile, "");
    assert_int_equal(f->server.rename_command.n, 2);
    assert_string_equal(f->server.rename_command.items[0].items[1], "");
    assert_string_equal(f->server.rename_command.items[1].items[0], "SET");
    assert_string_equal(get(f->cfg, "user"), "foo on nopass ~* +@all\nbar off");
    assert_string_equal(get(f->cfg, "client-output-buffer-limit"),
                        "normal 0 0 0 slave 1 2 3 pubsub 4 5 6");
    assert_string_equal(get(f->cfg, "shutdown-on-sigint"), "now force");
    char path[128];
    snprintf(path, sizeof(path), "%s/a.conf", f->folder);
    assert_string_equal(config_path(f->cfg), path);
    struct buf kept = BUF_INIT;
    config_kept_in_use(f->cfg, &kept);
    assert_string_equal(kept.data, "hz, list-max-ziplist-entries");
    buf_release(&kept);
}

static void save_points_add_up(void **state) {
    struct fixture *f = *state;
    assert_string_equal(get(f->cfg, "save"), "3600 1 300 100 60 10000");
    assert_string_equal(load(f, NULL, "save 900 1\nsave '300 10 60 5'\n"), "");
    assert_string_equal(get(f->cfg, "save"), "900 1 300 10 60 5");
    assert_string_equal(load(f, NULL, "save 1 2\n"), ""); /* the first line replaces */
    assert_string_equal(get(f->cfg, "save"), "1 2");
    assert_string_equal(load(f, NULL, "save 1 2\nsave \"\"\nsave 3 4\n"), "");
    assert_string_equal(get(f->cfg, "save"), "3 4");
    assert_string_equal(load(f, NULL, "save\n"), "");
    assert_string_equal(get(f->cfg, "save"), "");
}

static void includes(void **state) {
    struct fixture *f = *state;
    assert_int_equal(mkdir("d", 0700), 0);
    file_write("d/2.conf", "hz 22\n");
    file_write("d/1.conf", "hz 11\ntimeout 1\n");
    file_write("main.conf", "timeout 9\ninclude d/*.conf\ninclude none/*.conf\nport 7\n");
    assert_string_equal(load(f, "main.conf", NULL), "");
    assert_int_equal(f->server.hz, 22);
    assert_int_equal(f->server.timeout, 1);
    assert_int_equal(f->server.port, 7);

    file_write("missing.conf", "include nofile.conf\n");
    assert_string_equal(load(f, "missing.conf", NULL),
                        "Fatal error, can't open config file 'nofile.conf': "
                        "No such file or directory\n");
    file_write("self.conf", "include self.conf\n");
    assert_string_equal(load(f, "self.conf", NULL),
                        "Fatal error, can't open config file 'self.conf': "
                        "Too many levels of include\n");
    assert_string_equal(load(f, NULL, "include d\n"),
                        "Fatal error, can't open config file 'd': Is a directory\n");
}

static void dir_is_entered_at_once(void **state) {
    struct fixture *f = *state;
    char path[128];
    assert_int_equal(mkdir("sub", 0700), 0);
    file_write("sub/inner.conf", "hz 33\n");
    file_write("main.conf", "dir sub\ninclude inner.conf\n");
    assert_string_equal(load(f, "main.conf", NULL), "");
    assert_int_equal(f->server.hz, 33);
    snprintf(path, sizeof(path), "%s/sub", f->folder);
    assert_string_equal(get(f->cfg, "dir"), path);
    assert_true(set(f, "dir", ".."));
    assert_string_equal(get(f->cfg, "dir"), f->folder);
    assert_false(set(f, "dir", "nosuch"));
    assert_string_equal(get(f->cfg, "dir"), f->folder);
}

/* Line, reason; how it's shown, if not as it is. */
static const char *const bad_lines[][3] = {
    {"nosuch 1", "Bad directive or wrong number of arguments"},
    {";hz 1", "Bad directive or wrong number of arguments"},
    {"hz", "wrong number of arguments"},
    {"hz 1 2", "wrong number of arguments"},
    {"hz abc", "argument couldn't be parsed into an integer"},
    {"hz -1", "argument must be between 0 and 2147483647 inclusive"},
    {"hz \"1", "Unbalanced quotes in configuration line"},
    {"hz \"1\"2", "Unbalanced quotes in configuration line"},
    {"include", "Bad directive or wrong number of arguments"},
    {"rename-command GET", "Bad directive or wrong number of arguments",
     "rename-command (redacted)"},
    {"requirepass a b", "wrong number of arguments", "requirepass (redacted)"},
    {"masterauth \"a", "Unbalanced quotes in configuration line", "masterauth (redacted)"},
    {"user", "Bad directive or wrong number of arguments"},
    {"loadmodule /a/b.so", "loadmodule: modules made for another server can't be loaded"},
    {"sentinel monitor a b 1 2", "sentinel directive while not in sentinel mode"},
    {"replicaof a 65536", "Invalid master port"},
    {"replicaof a", "wrong number of arguments"},
    {"save 1", "Invalid save parameters"},
    {"client-output-buffer-limit \"\"", "Wrong number of arguments in buffer limit configuration."},
    {"appendfilename ''", "appendfilename can't be empty"},
    {"appenddirname a/b", "appenddirname can't be a path, just a dirname"},
    {"unixsocketperm 1000", "argument must be between 0 and 777 inclusive"},
    {"dir /nonexistent/x", "No such file or directory"},
    {"shutdown-on-sigint", "argument(s) must be one of the following: default, save, nosave, "
                           "now, force"},
};

static void bad_lines_are_shown(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(bad_lines); i++) {
        char text[512], message[1024];
        snprintf(text, sizeof(text), "port 1\n\n  %s \ntimeout 3\n", bad_lines[i][0]);
        file_write("bad.conf", text);
        snprintf(message, sizeof(message),
                 "\n*** FATAL CONFIG FILE ERROR (Drey 9.9) ***\n"
                 "Reading the configuration file, at line 3 (%s/bad.conf)\n>>> '%s'\n%s\n",
                 f->folder, bad_lines[i][2] ? bad_lines[i][2] : bad_lines[i][0], bad_lines[i][1]);
        assert_string_equal(load(f, "bad.conf", NULL), message);
        assert_int_equal(f->server.timeout, 0); /* what comes after isn't read */
    }
    file_write("outer.conf", "hz 1\nhz 2\ninclude bad.conf\n");
    file_write("bad.conf", "hz x\n");
    assert_non_null(strstr(load(f, "outer.conf", NULL), "at line 1 (bad.conf)\n>>> 'hz x'\n"));
}

/* --- The command line --- */

struct command_line {
    const char *argv[8];
    const char *name, *value; /* of a parameter afterwards; name NULL: value is in the message */
};

static const struct command_line lines[] = {
    {{"--port", "7001"}, "port", "7001"},
    {{"--PORT", "7001"}, "port", "7001"},
    {{"--port 7002"}, "port", "7002"},
    {{"--requirepass 'a b'"}, "requirepass", "a b"},
    {{"--requirepass", "'a b' \\"}, "requirepass", "'a b' \\"},
    {{"--save", "100", "100"}, "save", "100 100"},
    {{"--save", "100 100 5 5"}, "save", "100 100 5 5"},
    {{"--save", ""}, "save", ""},
    {{"--save"}, "save", ""},
    {{"--save", "--port", "7003"}, "save", ""},
    {{"--save", "--port", "7003"}, "port", "7003"},
    {{"--proc-title-template", "--my--title", "--port", "7004"},
     "proc-title-template",
     "--my--title"},
    {{"--proc-title-template", "--my--title", "--port", "7004"}, "port", "7004"},
    {{"--bind", "a", "b", "--port", "7005"}, "bind", "a b"},
    {{"--shutdown-on-sigint", "nosave", "force", "--shutdown-on-sigterm", "save now"},
     "shutdown-on-sigterm",
     "save now"},
    {{"--oom-score-adj-values", "-1", "-2", "-3"}, "oom-score-adj-values", "-1 -2 -3"},
    {{"f.conf", "--hz", "5"}, "timeout", "77"},
    {{"f.conf", "--timeout", "5"}, "timeout", "5"},
    {{"--hz", "900"}, "hz", "500"},
    {{"f.conf", "loglevel", "verbose", "--hz", "5"}, "loglevel", "verbose"},
    {{"f.conf", "--save 1 2", "--save 3 4"}, "save", "1 2 3 4"},

    {{"--nosuch", "1"}, NULL, "at line 2 (command line)\n>>> 'nosuch \"1\"'\nBad directive"},
    {{"--port", "0", "--nosuch"}, NULL, "at line 3 (command line)\n>>> 'nosuch'\nBad directive"},
    {{"f.conf", "--nosuch", "a b", ""},
     NULL,
     "at line 4 (command line)\n>>> 'nosuch \"a b\" \"\"'"},
    {{"f.conf", "nosuch", "1"}, NULL, ">>> '\"nosuch\" \"1\"'\nBad directive"},
    {{"--hz"}, NULL, ">>> 'hz'\nwrong number of arguments"},
    {{"--hz", "--nosuch"}, NULL, ">>> 'hz \"--nosuch\"'\nargument couldn't"},
    {{"--hz=5"}, NULL, ">>> 'hz=5'\nBad directive"},
    {{"--maxmemory", "1", "mb"}, NULL, ">>> 'maxmemory \"1\" \"mb\"'\nwrong number"},
    {{"nofile.conf", "--hz", "1"}, NULL, "/nofile.conf': No such file or directory"},
};

static void command_lines(void **state) {
    struct fixture *f = *state;
    file_write("f.conf", "port 1\ntimeout 77\n");
    for (size_t i = 0; i < COUNT(lines); i++) {
        char *argv[10] = {(char[]){"drey-server"}};
        struct buf error = BUF_INIT;
        int argc = 1;
        for (; lines[i].argv[argc - 1]; argc++) argv[argc] = mem_strdup(lines[i].argv[argc - 1]);
        bool ok = config_load_argv(f->cfg, argc, argv, &error);
        assert_int_equal(ok, lines[i].name != NULL);
        if (ok)
            assert_string_equal(get(f->cfg, lines[i].name), lines[i].value);
        else
            assert_non_null(strstr(error.data, lines[i].value));
        while (argc > 1) mem_free(argv[--argc]);
        buf_release(&error);
        registry_reopen(f);
    }
}

/* --- CONFIG REWRITE --- */

static void rewrite(struct fixture *f) {
    struct buf error = BUF_INIT;
    assert_true(config_rewrite(f->cfg, false, &error));
    buf_release(&error);
}

static void rewrite_keeps_what_people_wrote(void **state) {
    struct fixture *f = *state;
    char want[1024];
    file_write("a.conf", "# my comment\n\n  timeout   5  \ntimeout 6\nslave-priority 50\n"
                         "maxmemory 100mb\n#hz 1\nloglevel NOTICE\nsave 900 1\n# between\n"
                         "save 300 10\nsave 60 5\nrequirepass 'a b'\ninclude n/*.conf\n"
                         "rename-command GET FETCH\nuser foo  on\nhz 20");
    assert_int_equal(chmod("a.conf", 0600), 0);
    assert_string_equal(load(f, "a.conf", "tcp-keepalive 1\nlatency-tracking yes\n"), "");
    rewrite(f);
    snprintf(
        want, sizeof(want),
        "# my comment\n\ntimeout 6\nslave-priority 50\n"
        "maxmemory 100mb\n#hz 1\nloglevel NOTICE\nsave 900 1\n# between\n"
        "save 300 10\nsave 60 5\nrequirepass 'a b'\ninclude n/*.conf\n"
        "rename-command GET FETCH\nuser default on sanitize-payload "
        "#c8687a08aa5d6ed2044328fa6a697ab8e96dc34291e8c2034ae8c38e6fcc6d65 ~* &* +@all\nhz 20\n"
        "\n# Generated by CONFIG REWRITE\ntcp-keepalive 1\ndir \"%s\"\n"
        "user foo on sanitize-payload resetchannels -@all\n",
        f->folder);
    assert_string_equal(file_read("a.conf"), want);

    assert_true(set(f, "save", "1 2"));
    assert_true(set(f, "requirepass", ""));
    assert_true(set(f, "maxmemory", "3000000"));
    assert_true(set(f, "hz", "10"));
    assert_true(set(f, "masterauth", "it's \"x\""));
    assert_true(set(f, "client-output-buffer-limit", "slave 1mb 2 3"));
    assert_true(set(f, "shutdown-on-sigterm", "nosave now"));
    assert_true(set(f, "proto-max-bulk-len", "2gb"));
    rewrite(f);
    snprintf(want, sizeof(want),
             "# my comment\n\ntimeout 6\nslave-priority 50\n"
             "maxmemory 3000000\n#hz 1\nloglevel NOTICE\nsave 1 2\n# between\n"
             "include n/*.conf\nrename-command GET FETCH\n"
             "user default on nopass sanitize-payload ~* &* +@all\nhz 10\n"
             "\n# Generated by CONFIG REWRITE\ntcp-keepalive 1\ndir \"%s\"\n"
             "user foo on sanitize-payload resetchannels -@all\n"
             "client-output-buffer-limit replica 1mb 2 3\nshutdown-on-sigterm nosave now\n"
             "proto-max-bulk-len 2gb\nmasterauth \"it's \\\"x\\\"\"\n",
             f->folder);
    assert_string_equal(file_read("a.conf"), want);

    assert_true(set(f, "save", ""));
    rewrite(f);
    assert_non_null(strstr(file_read("a.conf"), "loglevel NOTICE\nsave \"\"\n# between\n"));
    struct stat info;
    assert_int_equal(stat("a.conf", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static int files_in(const char *folder) {
    int n = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while (readdir(dir)) n++;
    closedir(dir);
    return n - 2;
}

static void rewrite_refusals_and_links(void **state) {
    struct fixture *f = *state;
    struct buf error = BUF_INIT;
    struct stat info;
    assert_false(config_rewrite(f->cfg, false, &error));
    assert_string_equal(error.data, "ERR The server is running without a config file");
    buf_clear(&error);

    assert_int_equal(mkdir("d", 0700), 0);
    file_write("d/real.conf", "hz 20\n");
    assert_int_equal(symlink("d/real.conf", "link.conf"), 0);
    assert_string_equal(load(f, "link.conf", NULL), "");
    assert_true(set(f, "hz", "30"));
    rewrite(f);
    assert_int_equal(lstat("link.conf", &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_memory_equal(file_read("d/real.conf"), "hz 30\n", 6);
    assert_int_equal(files_in("d"), 1); /* nothing left of the writing */

    assert_int_equal(unlink("d/real.conf"), 0);
    assert_int_equal(unlink("link.conf"), 0);
    rewrite(f); /* a file that has gone comes back */
    assert_non_null(strstr(file_read("link.conf"), "\nhz 30\n"));

    file_write("d/a.conf", "hz 20\n");
    assert_string_equal(load(f, "d/a.conf", NULL), "");
    assert_int_equal(rename("d", "e"), 0);
    assert_false(config_rewrite(f->cfg, false, &error));
    assert_string_equal(error.data, "ERR Rewriting config file: No such file or directory");
    buf_release(&error);
}

/* "name=value" lines of everything. */
static char *everything(struct config *cfg) {
    struct config_pairs pairs;
    struct buf all = BUF_INIT;
    config_get(cfg, &SLICE("*"), 1, &pairs);
    for (size_t i = 0; i < pairs.n; i++) {
        buf_append_slice(&all, pairs.items[i].name);
        buf_append_char(&all, '=');
        buf_append_slice(&all, pairs.items[i].value);
        buf_append_char(&all, '\n');
    }
    config_pairs_release(&pairs);
    return buf_detach(&all);
}

/* Values that some parameter or other takes; each is tried on any. */
static const char *const values[] = {"yes",        "no",          "",
                                     "1",          "5mb",         "7%",
                                     "1 2",        "1 2 3 4",     "1 2 3",
                                     "nosave now", "KEA",         "a b \"c\" 'd' \\x \t#",
                                     "everysec",   "slave 1 2 3", "127.0.0.1 -::1",
                                     "99.5 1",     "-3",          "volatile-ttl"};

/* Random values set, written, read by a new server: everything must be as it was, and writing again
 * must change nothing. */
static void random_rewrites_come_back(void **state) {
    struct fixture *f = *state;
    struct buf error = BUF_INIT;
    srandom(99);
    file_write("a.conf", "# top\nport 5\nsave 1 1\nclient-output-buffer-limit normal 1 1 1\n");
    for (int round = 0; round < 60; round++) {
        assert_string_equal(load(f, "a.conf", NULL), "");
        struct config_pairs pairs;
        config_get(f->cfg, &SLICE("*"), 1, &pairs);
        for (int i = 0; i < 60; i++) {
            char name[64];
            struct slice at = pairs.items[(size_t)random() % pairs.n].name;
            snprintf(name, sizeof(name), "%.*s", (int)at.len, at.ptr);
            if (strcmp(name, "dir") != 0) set(f, name, values[(size_t)random() % COUNT(values)]);
        }
        config_pairs_release(&pairs);
        assert_true(config_rewrite(f->cfg, round % 10 == 9, &error));
        char *before = everything(f->cfg), *text = mem_strdup(file_read("a.conf"));
        registry_reopen(f);
        assert_string_equal(load(f, "a.conf", NULL), "");
        char *after = everything(f->cfg);
        assert_string_equal(after, before);
        rewrite(f);
        assert_string_equal(file_read("a.conf"), text);
        assert_memory_equal(text, "# top\nport ", 11);
        mem_free(before);
        mem_free(after);
        mem_free(text);
    }
    buf_release(&error);
}

/* --- The sample --- */

static void the_sample_changes_nothing(void **state) {
    struct fixture *f = *state;
    struct buf sample = BUF_INIT, live = BUF_INIT;
    char *before = everything(f->cfg);
    config_write_sample(f->cfg, &sample);
    assert_non_null(strstr(sample.data, "\n# port 6379\n"));
    assert_non_null(strstr(sample.data, "\n# client-output-buffer-limit normal 0 0 0 slave "));
    assert_null(strstr(sample.data, "watchdog-period"));
    file_write("sample.conf", sample.data);
    assert_string_equal(load(f, "sample.conf", NULL), "");
    char *after = everything(f->cfg);
    assert_string_equal(after, before);
    mem_free(after);
    /* Nor does it with all lines made live: "# name value". */
    for (char *line = strtok(sample.data, "\n"); line; line = strtok(NULL, "\n")) {
        bool directive = line[0] == '#' && line[1] == ' ' && line[2] >= 'a' && line[2] <= 'z';
        if (directive && !strstr(line, " ...")) buf_appendf(&live, "%s\n", line + 2);
    }
    assert_string_equal(load(f, NULL, live.data), "");
    after = everything(f->cfg);
    assert_string_equal(after, before);
    mem_free(after);
    mem_free(before);
    buf_release(&sample);
    buf_release(&live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(save_points_add_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(includes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dir_is_entered_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_lines_are_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(command_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rewrite_keeps_what_people_wrote, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rewrite_refusals_and_links, set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_rewrites_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_sample_changes_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
