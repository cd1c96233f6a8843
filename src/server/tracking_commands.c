/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/tracking_commands.h"

#include "base/alloc.h"
#include "server/server.h"

/* CLIENT TRACKING. */

struct options {
    struct tracking_modes modes;
    struct slice *prefixes; /* room for all arguments */
    size_t prefix_count;
};

static bool redirect_or_reply(struct call *c, int arg, struct tracking_modes *modes) {
    int64_t id;
    if (modes->redirect) {
        reply_error(c->reply, "ERR A client can only redirect to a single other client");
        return false;
    }
    if (!arg_i64_or_reply(c, arg, &id)) return false;
    modes->redirect = (uint64_t)id;
    if (client_by_id(server_of(c->engine), modes->redirect)) return true;
    reply_error(c->reply, "ERR The client ID you want redirect to does not exist");
    return false;
}

static bool *flag_of(struct call *c, int arg, struct tracking_modes *modes) {
    if (arg_is(c, arg, "bcast")) return &modes->bcast;
    if (arg_is(c, arg, "optin")) return &modes->optin;
    if (arg_is(c, arg, "optout")) return &modes->optout;
    if (arg_is(c, arg, "noloop")) return &modes->noloop;
    return NULL;
}

static bool parse_or_reply(struct call *c, struct options *o) {
    for (int i = 3; i < c->argc; i++) {
        bool *flag = flag_of(c, i, &o->modes);
        if (flag) {
            *flag = true;
        } else if (arg_is(c, i, "redirect") && i + 1 < c->argc) {
            if (!redirect_or_reply(c, ++i, &o->modes)) return false;
        } else if (arg_is(c, i, "prefix") && i + 1 < c->argc) {
            o->prefixes[o->prefix_count++] = c->argv[++i];
        } else {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
    }
    return true;
}

/* Why these modes don't go together, or with those that the client (if it tracks) has. */
static const char *modes_error(const struct options *o, const struct client_tracking *now) {
    const struct tracking_modes *modes = &o->modes;
    if (!modes->bcast && o->prefix_count)
        return "ERR PREFIX option requires BCAST mode to be enabled";
    if (now && now->modes.bcast != modes->bcast)
        return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, "
               "and then re-enabling it with a different mode.";
    if (modes->bcast && (modes->optin || modes->optout))
        return "ERR OPTIN and OPTOUT are not compatible with BCAST";
    if (modes->optin && modes->optout)
        return "ERR You can't specify both OPTIN mode and OPTOUT mode";
    if (now && ((modes->optin && now->modes.optout) || (modes->optout && now->modes.optin)))
        return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, "
               "and then re-enabling it with a different mode.";
    return NULL;
}

static bool overlap(struct slice a, struct slice b) {
    size_t len = a.len < b.len ? a.len : b.len;
    return slice_eq(slice_of(a.ptr, len), slice_of(b.ptr, len));
}

/* One of the client's prefixes that overlaps with `name`; NULL: none does. They are in order, and
 * but for the empty one none is the beginning of another: so it's that, or stands where `name`
 * would. */
static const struct tracking_prefix *overlapping(const struct client_tracking *t,
                                                 struct slice name) {
    size_t low = 0, high = t->prefix_count;
    if (high && !t->prefixes[0]->name_len) return t->prefixes[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (slice_cmp(tracking_prefix_name(t->prefixes[middle]), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low ? low - 1 : 0; i <= low && i < t->prefix_count; i++)
        if (overlap(tracking_prefix_name(t->prefixes[i]), name)) return t->prefixes[i];
    return NULL;
}

static void reply_overlap(struct call *c, struct slice name, const char *what, struct slice other) {
    reply_errorf(c->reply,
                 "ERR Prefix '%.*s' overlaps with %s prefix '%.*s'. Prefixes for a single client "
                 "must not overlap.",
                 (int)name.len, name.ptr, what, (int)other.len, other.ptr);
}

/* A key must not be told twice to one client. */
static bool distinct_or_reply(struct call *c, const struct options *o,
                              const struct client_tracking *now) {
    for (size_t i = 0; i < o->prefix_count; i++) {
        struct slice name = o->prefixes[i];
        const struct tracking_prefix *existing = now ? overlapping(now, name) : NULL;
        if (existing) {
            reply_overlap(c, name, "an existing", tracking_prefix_name(existing));
            return false;
        }
        for (size_t j = i + 1; j < o->prefix_count; j++)
            if (overlap(name, o->prefixes[j])) {
                reply_overlap(c, name, "another provided", o->prefixes[j]);
                return false;
            }
    }
    return true;
}

static void start(struct call *c, const struct options *o) {
    struct client *client = client_of(c->session);
    const char *error = modes_error(o, client->tracking);
    if (error) {
        reply_error(c->reply, error);
        return;
    }
    if (!distinct_or_reply(c, o, client->tracking)) return;
    tracking_start(client, &o->modes, o->prefixes, o->prefix_count);
    reply_ok(c->reply);
}

void tracking_cmd_tracking(struct call *c) {
    struct options o = {.prefixes = mem_alloc((size_t)c->argc * sizeof *o.prefixes)};
    if (!parse_or_reply(c, &o)) {
        /* replied */
    } else if (arg_is(c, 2, "on")) {
        start(c, &o);
    } else if (arg_is(c, 2, "off")) {
        tracking_stop(client_of(c->session));
        reply_ok(c->reply);
    } else {
        reply_error(c->reply, ERR_SYNTAX);
    }
    mem_free(o.prefixes);
}

/* CLIENT CACHING. */

static const char *caching_error(const struct call *c, const struct client_tracking *t) {
    if (!t)
        return "ERR CLIENT CACHING can be called only when the client is in tracking mode with "
               "OPTIN or OPTOUT mode enabled";
    bool yes = arg_is(c, 2, "yes"), no = arg_is(c, 2, "no");
    if (!yes && !no) return ERR_SYNTAX;
    if (yes && !t->modes.optin)
        return "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.";
    if (no && !t->modes.optout)
        return "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.";
    return NULL;
}

void tracking_cmd_caching(struct call *c) {
    struct client *client = client_of(c->session);
    const char *error = caching_error(c, client->tracking);
    if (error) {
        reply_error(c->reply, error);
        return;
    }
    client->caching = true;
    reply_ok(c->reply);
}

/* Introspection. */

static int64_t redirect_of(const struct client *c) {
    return c->tracking ? (int64_t)c->tracking->modes.redirect : -1;
}

void tracking_cmd_getredir(struct call *c) {
    reply_i64(c->reply, redirect_of(client_of(c->session)));
}

static void reply_flags(struct reply *r, const struct client *c) {
    const struct client_tracking *t = c->tracking;
    const struct {
        bool set;
        const char *name;
    } flags[] = {
        {!t, "off"},
        {t, "on"},
        {t && t->modes.bcast, "bcast"},
        {t && t->modes.optin, "optin"},
        {t && t->modes.optin && c->caching, "caching-yes"},
        {t && t->modes.optout, "optout"},
        {t && t->modes.optout && c->caching, "caching-no"},
        {t && t->modes.noloop, "noloop"},
        {t && t->broken, "broken_redirect"},
    };
    struct reply_mark mark = reply_begin(r);
    size_t count = 0;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (!flags[i].set) continue;
        reply_bulk_str(r, flags[i].name);
        count++;
    }
    reply_end_set(r, mark, count);
}

void tracking_cmd_trackinginfo(struct call *c) {
    const struct client *client = client_of(c->session);
    size_t prefixes = client->tracking ? client->tracking->prefix_count : 0;
    reply_map(c->reply, 3);
    reply_bulk_str(c->reply, "flags");
    reply_flags(c->reply, client);
    reply_bulk_str(c->reply, "redirect");
    reply_i64(c->reply, redirect_of(client));
    reply_bulk_str(c->reply, "prefixes");
    reply_array(c->reply, prefixes);
    for (size_t i = 0; i < prefixes; i++)
        reply_bulk(c->reply, tracking_prefix_name(client->tracking->prefixes[i]));
}
