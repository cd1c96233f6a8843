/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_kill.h"

#include <sys/socket.h>

#include "base/num.h"
#include "pubsub/pubsub.h"
#include "server/client_addr.h"
#include "server/client_list.h"
#include "server/server.h"

/* A member that is zero filters nothing. */
struct kill_filter {
    uint64_t id;
    struct slice addr, laddr; /* ptr NULL: any */
    const struct acl_user *user;
    bool by_kind;
    enum client_kind kind;
    int64_t max_age; /* seconds: this old or older */
    bool skip_me;
};

static bool parse_id(struct call *c, struct slice value, struct kill_filter *f) {
    int64_t id;
    if (!num_to_i64(value, &id) || id < 1) {
        reply_error(c->reply, "ERR client-id should be greater than 0");
        return false;
    }
    f->id = (uint64_t)id;
    return true;
}

static bool parse_addr(struct call *c, struct slice value, struct kill_filter *f) {
    f->addr = value;
    return true;
}

static bool parse_laddr(struct call *c, struct slice value, struct kill_filter *f) {
    f->laddr = value;
    return true;
}

static bool parse_type(struct call *c, struct slice value, struct kill_filter *f) {
    f->by_kind = client_kind_parse(value, &f->kind);
    if (!f->by_kind)
        reply_errorf(c->reply, "ERR Unknown client type '%.*s'", (int)value.len, value.ptr);
    return f->by_kind;
}

static bool parse_user(struct call *c, struct slice value, struct kill_filter *f) {
    f->user = acl_user_find(&c->engine->acl, value);
    if (f->user) return true;
    reply_errorf(c->reply, "ERR No such user '%.*s'", (int)value.len, value.ptr);
    return false;
}

static bool parse_skip_me(struct call *c, struct slice value, struct kill_filter *f) {
    f->skip_me = slice_is(value, "yes");
    if (f->skip_me || slice_is(value, "no")) return true;
    reply_error(c->reply, ERR_SYNTAX);
    return false;
}

static bool parse_max_age(struct call *c, struct slice value, struct kill_filter *f) {
    if (!num_to_i64(value, &f->max_age)) {
        reply_error(c->reply, "ERR maxage is not an integer or out of range");
        return false;
    }
    if (f->max_age > 0) return true;
    reply_error(c->reply, "ERR maxage should be greater than 0");
    return false;
}

static const struct {
    const char *name;
    bool (*parse)(struct call *c, struct slice value, struct kill_filter *f);
} filters[] = {
    {"id", parse_id},          {"type", parse_type}, {"addr", parse_addr},
    {"laddr", parse_laddr},    {"user", parse_user}, {"skipme", parse_skip_me},
    {"maxage", parse_max_age},
};

static bool parse_filter_or_reply(struct call *c, int i, struct kill_filter *f) {
    for (size_t k = 0; i + 1 < c->argc && k < sizeof filters / sizeof *filters; k++)
        if (arg_is(c, i, filters[k].name)) return filters[k].parse(c, c->argv[i + 1], f);
    reply_error(c->reply, ERR_SYNTAX);
    return false;
}

static bool matches(const struct client *c, const struct kill_filter *f) {
    char addr[CLIENT_ADDR_MAX];
    if (f->by_kind && c->kind != f->kind) return false;
    if (f->user && c->session.user != f->user) return false;
    if (f->max_age) {
        uint64_t age = (loop_now_us(c->server->loop) - c->created_us) / 1000000;
        if (age < (uint64_t)f->max_age) return false;
    }
    if (f->addr.ptr) {
        client_addr(c, addr);
        if (!slice_eq(f->addr, slice_str(addr))) return false;
    }
    if (f->laddr.ptr) {
        client_local_addr(c, addr);
        if (!slice_eq(f->laddr, slice_str(addr))) return false;
    }
    return true;
}

/* The client that asks is closed once it has its reply. */
static bool kill_if_matching(struct call *c, struct client *one, const struct kill_filter *f) {
    bool is_me = c->session->is_client && one == client_of(c->session);
    if (one->closing || (is_me && f->skip_me) || !matches(one, f)) return false;
    if (is_me) {
        client_close_after_reply(one);
    } else {
        client_close_soon(one);
        pubsub_leave(&one->session);
        shutdown(one->watch.fd, SHUT_RDWR); /* closed for its owner, too, before the reply is out */
    }
    return true;
}

static int64_t kill_matching(struct call *c, const struct kill_filter *f) {
    const struct server *s = server_of(c->engine);
    if (f->id) {
        struct client *one = client_by_id(s, f->id);
        return one && kill_if_matching(c, one, f);
    }
    int64_t killed = 0;
    for (struct client *one = s->clients; one; one = one->next)
        killed += kill_if_matching(c, one, f);
    return killed;
}

void client_kill(struct call *c) {
    bool old_form = c->argc == 3;
    struct kill_filter f = {.skip_me = !old_form};
    if (old_form) f.addr = c->argv[2];
    for (int i = 2; !old_form && i < c->argc; i += 2)
        if (!parse_filter_or_reply(c, i, &f)) return;
    int64_t killed = kill_matching(c, &f);
    if (!old_form)
        reply_i64(c->reply, killed);
    else if (killed)
        reply_ok(c->reply);
    else
        reply_error(c->reply, "ERR No such client");
}
