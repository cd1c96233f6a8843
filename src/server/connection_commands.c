/* SPDX-License-Identifier: BSD-3-Clause */
/* AUTH, HELLO, PING, ECHO, QUIT, RESET. */
#include "base/num.h"
#include "base/version.h"
#include "exec/redact.h"
#include "exec/transaction.h"
#include "pubsub/pubsub.h"
#include "server/client_acl.h"
#include "server/client_names.h"
#include "server/families.h"
#include "server/server.h"

/* Authentication. */

/* As the user from now on. */
static bool authenticate_or_reply(struct call *c, struct slice name, struct slice password) {
    struct acl_user *user = acl_authenticate(&c->engine->acl, name, password);
    if (user) {
        session_set_user(c->session, user);
        c->session->gates &= ~(unsigned)GATE_AUTH;
        return true;
    }
    acl_report_auth(c->session, c->argv[0], name);
    reply_error(c->reply, ERR_WRONGPASS);
    return false;
}

static void cmd_auth(struct call *c) {
    if (c->argc > 3) {
        reply_error(c->reply, ERR_SYNTAX);
        return;
    }
    if (c->argc == 2 && c->engine->acl.default_user->rights.no_password) {
        reply_error(c->reply, "ERR AUTH <password> called without any password configured for the "
                              "default user. Are you sure your configuration is correct?");
        return;
    }
    struct slice user = c->argc == 3 ? c->argv[1] : SLICE("default");
    if (authenticate_or_reply(c, user, c->argv[c->argc - 1])) reply_ok(c->reply);
}

/* HELLO. */

struct hello {
    int64_t version; /* 0: as it is */
    bool auth, set_name;
    struct slice user, password, name;
};

static bool parse_hello_or_reply(struct call *c, struct hello *h) {
    if (c->argc > 1 && !num_to_i64(c->argv[1], &h->version)) {
        reply_error(c->reply, "ERR Protocol version is not an integer or out of range");
        return false;
    }
    if (c->argc > 1 && h->version != 2 && h->version != 3) {
        reply_error(c->reply, ERR_NOPROTO);
        return false;
    }
    for (int i = 2; i < c->argc; i++) {
        int more = c->argc - 1 - i;
        if (more >= 2 && arg_is(c, i, "auth")) {
            h->auth = true;
            h->user = c->argv[++i];
            h->password = c->argv[++i];
        } else if (more >= 1 && arg_is(c, i, "setname")) {
            h->set_name = true;
            h->name = c->argv[++i];
            if (!client_name_or_reply(c, h->name)) return false;
        } else {
            reply_errorf(c->reply, "ERR Syntax error in HELLO option '%.*s'", (int)c->argv[i].len,
                         c->argv[i].ptr);
            return false;
        }
    }
    return true;
}

/* Both words behind AUTH, wherever parsing would find it. */
static bool hello_is_secret(const struct engine *e, const struct slice *argv, int argc, int arg) {
    for (int i = 2; i < arg; i++) {
        if (argc - 1 - i >= 2 && slice_is(argv[i], "auth")) {
            if (arg <= i + 2) return true;
            i += 2;
        } else {
            i += slice_is(argv[i], "setname");
        }
    }
    return false;
}

static void reply_server(struct call *c, const struct client *client) {
    struct reply *r = c->reply;
    reply_map(r, 7);
    reply_bulk_str(r, "server");
    reply_bulk_str(r, "redis");
    reply_bulk_str(r, "version");
    reply_bulk_str(r, DREY_REDIS_VERSION);
    reply_bulk_str(r, "proto");
    reply_i64(r, r->resp);
    reply_bulk_str(r, "id");
    reply_i64(r, (int64_t)client->id);
    reply_bulk_str(r, "mode");
    reply_bulk_str(r, call_in_cluster(c) ? "cluster" : "standalone");
    reply_bulk_str(r, "role");
    reply_bulk_str(r, "master");
    reply_bulk_str(r, "modules");
    reply_array(r, 0);
}

static void cmd_hello(struct call *c) {
    struct client *client = client_of(c->session);
    struct hello h = {0};
    if (!parse_hello_or_reply(c, &h)) return;
    if (h.auth && !authenticate_or_reply(c, h.user, h.password)) return;
    if (c->session->gates & GATE_AUTH) {
        reply_error(c->reply,
                    "NOAUTH HELLO must be called with the client already authenticated, otherwise "
                    "the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the "
                    "client and select the RESP protocol version at the same time");
        return;
    }
    if (h.set_name) client_set_text(client, CLIENT_NAME, h.name);
    if (h.version) c->session->own_reply.resp = c->reply->resp = (uint8_t)h.version;
    reply_server(c, client);
}

/* The rest. */

/* Who listens to channels on RESP2 takes everything for a message. */
static void reply_pong_message(struct call *c) {
    reply_array(c->reply, 2);
    reply_bulk_str(c->reply, "pong");
    reply_bulk(c->reply, c->argc == 2 ? c->argv[1] : SLICE(""));
}

static void cmd_ping(struct call *c) {
    if (c->argc > 2)
        call_reply_wrong_args(c);
    else if (c->session->subscriber && c->session->own_reply.resp < 3)
        reply_pong_message(c);
    else if (c->argc == 2)
        reply_bulk(c->reply, c->argv[1]);
    else
        reply_status(c->reply, "PONG");
}

static void cmd_echo(struct call *c) {
    reply_bulk(c->reply, c->argv[1]);
}

static void cmd_quit(struct call *c) {
    reply_ok(c->reply);
    client_close_after_reply(client_of(c->session));
}

/* As if the client had just connected, but for what it told of its library. */
static void cmd_reset(struct call *c) {
    struct client *client = client_of(c->session);
    if (client->kind == CLIENT_REPLICA || client->kind == CLIENT_PRIMARY) {
        reply_error(c->reply, "ERR can only reset normal client connections");
        return;
    }
    transaction_discard(c->session);
    monitor_remove(client);
    tracking_stop(client);
    pubsub_leave(c->session);
    session_select(c->session, 0);
    c->session->no_touch = false;
    c->session->script_debug = SESSION_DEBUG_NO;
    c->session->own_reply.resp = 2;
    client_be_default_user(client);
    client->reply_mode = CLIENT_REPLY_ON;
    client->no_evict = false;
    client_set_text(client, CLIENT_NAME, SLICE(""));
    client_memory_count(client);
    reply_status(&c->session->own_reply, "RESET"); /* although replies may have been off */
}

enum {
    ANYTIME = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_NO_AUTH | CMD_ALLOW_BUSY,
};

const struct command connection_commands[] = {
    {"auth", cmd_auth, -2, ANYTIME, ACL_CONNECTION, .is_secret = redact_all, .group = "connection",
     .since = "1.0.0", .summary = "Authenticates the connection.",
     .complexity = "O(N) in the number of passwords of the user", .syntax = "[username] password",
     .history = "6.0.0 Takes a user name, too."},
    {"hello", cmd_hello, -1, ANYTIME, ACL_CONNECTION, .is_secret = hello_is_secret,
     .group = "connection", .since = "6.0.0",
     .summary = "Agrees on the protocol version, and tells about the server.", .complexity = "O(1)",
     .syntax = "[arguments:(protover:integer [AUTH auth:(username password)] [SETNAME "
               "clientname])]",
     .history = "6.2.0 The protocol version is optional."},
    {"ping", cmd_ping, -1, CMD_FAST | CMD_QUICK | CMD_SUBSCRIBED, ACL_CONNECTION,
     .group = "connection", .since = "1.0.0",
     .summary = "Answers, to show that the server is there.", .complexity = "O(1)",
     .syntax = "[message]", .tips = "request_policy:all_shards\nresponse_policy:all_succeeded"},
    {"echo", cmd_echo, 2, CMD_LOADING | CMD_STALE | CMD_FAST, ACL_CONNECTION, .group = "connection",
     .since = "1.0.0", .summary = "Returns its argument.", .complexity = "O(1)",
     .syntax = "message"},
    {"quit", cmd_quit, -1, ANYTIME | CMD_UNQUEUED | CMD_SUBSCRIBED, ACL_CONNECTION,
     .group = "connection", .since = "1.0.0", .summary = "Closes the connection.",
     .complexity = "O(1)", .deprecated_since = "7.2.0", .replaced_by = "closing the connection"},
    {"reset", cmd_reset, 1, ANYTIME | CMD_UNQUEUED | CMD_SUBSCRIBED, ACL_CONNECTION,
     .group = "connection", .since = "6.2.0",
     .summary = "Puts the connection back to the state of a new one.", .complexity = "O(1)"},
    {.name = NULL},
};
