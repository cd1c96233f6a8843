/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/debug_restart.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "exec/config_file.h"
#include "exec/config_rewrite.h"
#include "server/server.h"

#define FAILED "ERR failed to restart the server. Check server logs."

void restart_note(struct restart *r, const char *program, char **argv) {
    struct buf path = BUF_INIT;
    buf_append_str(&path, program);
    r->program = buf_detach(&path);
    r->folder = getcwd(NULL, 0);
    r->argv = argv;
}

void restart_release(struct restart *r) {
    mem_free(r->program);
    free(r->folder);
}

int restart_now(const struct restart *r) {
    struct timespec left = {.tv_sec = (time_t)(r->delay_ms / 1000)};
    left.tv_nsec = (long)(r->delay_ms % 1000) * 1000000;
    while (nanosleep(&left, &left) < 0 && errno == EINTR) continue;
    if (r->folder && chdir(r->folder) < 0) return -errno;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(r->program, r->argv);
    return -errno;
}

static bool delay_or_reply(struct call *c, uint64_t *ms) {
    int64_t wanted = 0;
    if (c->argc > 2 && !arg_i64_in_or_reply(c, 2, 0, INT32_MAX, NULL, &wanted)) return false;
    *ms = (uint64_t)wanted;
    return true;
}

static bool save_config(struct call *c) {
    struct server *s = server_of(c->engine);
    struct buf error = BUF_INIT;
    bool fine = !config_path(s->registry) || config_rewrite(s->registry, false, &error);
    if (!fine) log_warning(&s->log, "Can't restart: %s", error.data);
    buf_release(&error);
    return fine;
}

void debug_restart(struct call *c) {
    struct server *s = server_of(c->engine);
    if (!delay_or_reply(c, &s->restart.delay_ms)) return;
    s->restart.wanted = save_config(c) && server_shutdown(s, 0);
    if (!s->restart.wanted) reply_error(c->reply, FAILED);
}

void debug_crash_and_recover(struct call *c) {
    struct server *s = server_of(c->engine);
    if (!delay_or_reply(c, &s->restart.delay_ms)) return;
    log_warning(&s->log, "DEBUG CRASH-AND-RECOVER called");
    int failed = restart_now(&s->restart);
    log_warning(&s->log, "Can't start again: %s", strerror(-failed));
    reply_error(c->reply, FAILED);
}
