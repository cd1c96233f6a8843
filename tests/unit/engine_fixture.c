/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit/engine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cmd/families.h"
#include "exec/config.h"
#include "script/script_engine.h"

enum { DATABASES = 16, WORDS_MAX = 512 };

void engine_fixture_open(struct engine_fixture *f) {
    struct engine *e = f->engine;
    f->memory_before = mem_used();
    f->config = config_new("1.0");
    engine_init(e, f->config);
    engine_add_families(e, command_families);
    if (f->families) engine_add_families(e, f->families);
    if (f->scripts) scripts_init(e);
    if (f->prepare) f->prepare(e);
    engine_open(e, f->databases ? f->databases : DATABASES);
    if (f->scripts) scripts_open(e);
    for (size_t i = 0; i < f->session_count; i++) session_init(&f->sessions[i], e, &f->pool);
}

void engine_fixture_close(struct engine_fixture *f) {
    for (size_t i = 0; i < f->session_count; i++) session_release(&f->sessions[i]);
    reply_pool_release(&f->pool);
    if (f->scripts) scripts_release(f->engine);
    engine_release(f->engine);
    config_free(f->config);
    assert_int_equal(mem_used(), f->memory_before);
}

void engine_run(struct session *s, const struct slice *argv, int argc) {
    struct request r = {.argv = argv, .argc = argc};
    engine_tick(s->engine);
    dispatch_prepare_all(s, &r, 1);
    dispatch_run(s, &r);
    dispatch_settle(s->engine);
}

void engine_run_line(struct session *s, char *line) {
    struct slice argv[WORDS_MAX];
    int argc = 0;
    char *rest;
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        assert_true(argc < WORDS_MAX);
        argv[argc++] = slice_str(word);
    }
    engine_run(s, argv, argc);
}

void engine_take_replies(struct session *s, struct buf *to) {
    struct slice piece;
    buf_append_str(to, "");
    while (reply_slices(s->reply, &piece, 1)) {
        buf_append_slice(to, piece);
        reply_consume(s->reply, piece.len);
    }
}
