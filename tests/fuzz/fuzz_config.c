/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as a configuration file: refused with a message, or read; then CONFIG REWRITE writes a
 * file that reads as the same values again. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/version.h"
#include "cluster/cluster.h"
#include "cmd/families.h"
#include "exec/acl_file.h"
#include "exec/config_file.h"
#include "exec/config_kept.h"
#include "exec/config_rewrite.h"
#include "exec/engine.h"
#include "persist/aof_config.h"
#include "persist/persist_config.h"
#include "repl/link_config.h"
#include "repl/repl_config.h"
#include "server/server_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the parameters are read into. */
struct settings {
    struct config *registry;
    struct engine engine;
    struct server_config server;
    struct persist_config persist;
    struct aof_config aof;
    struct repl_config repl;
    struct cluster_config cluster;
    struct link_config link;
};

static char directory[] = "/tmp/fuzz-config-XXXXXX", path[64];

static void must(bool holds) {
    if (!holds) abort();
}

static void clean_up(void) {
    unlink(path);
    rmdir(directory);
}

static void set_up(void) {
    must(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/config", directory);
    atexit(clean_up);
}

static void settings_init(struct settings *s) {
    *s = (struct settings){.registry = config_new(DREY_VERSION)};
    engine_init(&s->engine, s->registry);
    engine_add_families(&s->engine, command_families);
    server_config_register(s->registry, &s->server);
    persist_config_register(s->registry, &s->persist);
    aof_config_register(s->registry, &s->aof);
    repl_config_register(s->registry, &s->repl);
    cluster_config_register(s->registry, &s->cluster);
    link_config_register(s->registry, &s->link);
    config_register_kept(s->registry);
}

static void settings_release(struct settings *s) {
    config_free(s->registry);
    engine_release(&s->engine);
}

static bool load(struct settings *s, struct buf *error) {
    return config_load(s->registry, path, NULL, error) &&
           acl_load_configured(&s->engine.acl, error);
}

static void users_of(const struct settings *s, struct buf *to) {
    const struct acl *acl = &s->engine.acl;
    for (size_t i = 0; i < acl->user_count; i++) {
        buf_append_slice(to, acl->users[i]->name);
        buf_append_char(to, ' ');
        acl_rights_describe(&acl->users[i]->rights, to);
        buf_append_char(to, '\n');
    }
}

static void all_of(struct settings *s, struct config_pairs *pairs) {
    struct slice pattern = SLICE("*");
    config_get(s->registry, &pattern, 1, pairs);
}

static void compare(struct settings *a, struct settings *b) {
    struct config_pairs x, y;
    all_of(a, &x);
    all_of(b, &y);
    must(x.n == y.n);
    for (size_t i = 0; i < x.n; i++) {
        bool same = slice_eq(x.items[i].name, y.items[i].name) &&
                    slice_eq(x.items[i].value, y.items[i].value);
        if (!same)
            fprintf(stderr, "%.*s: '%.*s' became '%.*s'\n", (int)x.items[i].name.len,
                    x.items[i].name.ptr, (int)x.items[i].value.len, x.items[i].value.ptr,
                    (int)y.items[i].value.len, y.items[i].value.ptr);
        must(same);
    }
    config_pairs_release(&x);
    config_pairs_release(&y);
}

static void compare_users(const struct settings *a, const struct settings *b) {
    struct buf x = BUF_INIT, y = BUF_INIT;
    users_of(a, &x);
    users_of(b, &y);
    if (!slice_eq(buf_slice(&x), buf_slice(&y))) {
        fprintf(stderr, "users\n%sbecame\n%s", x.data, y.data);
        abort();
    }
    buf_release(&x);
    buf_release(&y);
}

static void write_file(const uint8_t *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

static void rewrite_and_load(struct settings *s) {
    struct settings again;
    struct buf error = BUF_INIT;
    must(config_rewrite(s->registry, false, &error));
    settings_init(&again);
    bool ok = load(&again, &error);
    if (!ok) fputs(error.data, stderr);
    must(ok);
    compare(s, &again);
    compare_users(s, &again);
    settings_release(&again);
    buf_release(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 16384 || memmem(data, size, "clude", 5)) return 0; /* no files of others */
    if (!path[0]) set_up();
    struct settings s;
    struct buf error = BUF_INIT;
    settings_init(&s);
    write_file(data, size);
    bool ok = load(&s, &error);
    must(ok == !error.len);
    if (ok) rewrite_and_load(&s);
    settings_release(&s);
    buf_release(&error);
    return 0;
}
