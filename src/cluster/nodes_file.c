/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/nodes_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/words.h"
#include "cluster/describe.h"
#include "persist/durable.h"

enum {
    WORDS_MIN = 8, /* of a node's line */
    READ_STEP = 64 * 1024,
    BUS_PORT_ABOVE = 10000, /* of files that don't tell the bus's port */
};

/* Reading. */

/* The node of that name, made if it isn't known yet; NULL: that's no name. */
static struct cluster_node *node_named(struct cluster *c, struct slice name) {
    struct cluster_node *n = node_set_find(&c->nodes, name);
    if (n || !node_name_valid(name)) return n;
    n = node_new(name.ptr, 0);
    n->shard_id[0] = '\0';
    node_set_add(&c->nodes, n);
    return n;
}

/* What is before the first `end`, which *rest is then behind of; all of it if there's none. */
static struct slice take_until(struct slice *rest, char end) {
    const char *at = rest->len ? memchr(rest->ptr, end, rest->len) : NULL;
    struct slice part = slice_of(rest->ptr, at ? (size_t)(at - rest->ptr) : rest->len);
    size_t taken = at ? part.len + 1 : part.len;
    *rest = slice_of(rest->ptr + taken, rest->len - taken);
    return part;
}

static bool port_of(struct slice text, uint16_t *port) {
    uint64_t number;
    if (!num_to_u64(text, &number) || number > UINT16_MAX) return false;
    *port = (uint16_t)number;
    return true;
}

static void text_of(char **text, struct slice value) {
    char *copy = mem_alloc(value.len + 1);
    slice_put(copy, value);
    copy[value.len] = '\0';
    mem_free(*text);
    *text = copy;
}

/* "name=value"; those that aren't known are of later versions. */
static bool read_detail(struct cluster_node *n, struct slice detail) {
    struct slice name = take_until(&detail, '=');
    if (slice_eq(name, SLICE("shard-id"))) {
        if (!node_name_valid(detail)) return false;
        slice_put(n->shard_id, detail);
    } else if (slice_eq(name, SLICE("nodename"))) {
        text_of(&n->nodename, detail);
    } else if (slice_eq(name, SLICE("tls-port"))) {
        return port_of(detail, &n->tls_port);
    } else if (slice_eq(name, SLICE("tcp-port"))) {
        return port_of(detail, &n->port);
    }
    return true;
}

/* "ip:port[@bus-port][,hostname[,name=value]...]". An IPv6 address has colons of its own. */
static bool read_address(const struct cluster *c, struct cluster_node *n, struct slice text) {
    uint16_t first;
    struct slice address = take_until(&text, ',');
    size_t colon = address.len;
    while (colon && address.ptr[colon - 1] != ':') colon--;
    if (!colon || colon > NODE_IP_MAX) return false;
    struct slice ports = slice_of(address.ptr + colon, address.len - colon);
    struct slice port = take_until(&ports, '@');
    memset(n->ip, 0, sizeof n->ip);
    slice_put(n->ip, slice_of(address.ptr, colon - 1));
    if (!port_of(port, &first)) return false;
    node_set_ports(n, c->by_tls, first, 0);
    n->bus_port = (uint16_t)(first + BUS_PORT_ABOVE);
    if (ports.len && !port_of(ports, &n->bus_port)) return false;
    text_of(&n->hostname, take_until(&text, ','));
    while (text.len)
        if (!read_detail(n, take_until(&text, ','))) return false;
    return true;
}

static bool read_flags(struct cluster *c, struct cluster_node *n, struct slice text) {
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {
#define NODE_FLAG_NAME(constant, bit, name) {NODE_##constant, name},
        NODE_FLAGS(NODE_FLAG_NAME)
#undef NODE_FLAG_NAME
            {0, "noflags"}};
    while (text.len) {
        struct slice name = take_until(&text, ',');
        size_t i = 0, count = sizeof names / sizeof names[0];
        while (i < count && !slice_eq(name, slice_str(names[i].name))) i++;
        if (i == count) return false;
        n->flags |= names[i].bit;
    }
    n->flags &= ~(unsigned)NODE_HANDSHAKE; /* its name is known, then */
    if (!(n->flags & NODE_MYSELF)) return true;
    if (c->self && c->self != n) return false;
    c->self = n;
    return true;
}

static bool slot_of_text(struct slice text, unsigned *slot) {
    uint64_t number;
    if (!num_to_u64(text, &number) || number >= SLOT_COUNT) return false;
    *slot = (unsigned)number;
    return true;
}

/* "[slot->-name]" or "[slot-<-name]" */
static bool read_moving(struct cluster *c, struct slice text) {
    enum { AROUND = 5 }; /* brackets and arrow */
    if (text.len < AROUND + NODE_NAME_LEN + 1 || text.ptr[text.len - 1] != ']') return false;
    struct slice inner = slice_of(text.ptr + 1, text.len - 2);
    unsigned slot;
    if (!slot_of_text(take_until(&inner, '-'), &slot) || inner.len != NODE_NAME_LEN + 2)
        return false;
    struct cluster_node *other = node_named(c, slice_of(inner.ptr + 2, NODE_NAME_LEN));
    bool leaves = inner.ptr[0] == '>', comes = inner.ptr[0] == '<';
    if (!other || inner.ptr[1] != '-' || !(leaves || comes)) return false;
    (leaves ? c->slots->migrating : c->slots->importing)[slot] = other;
    return true;
}

static bool read_slots(struct cluster *c, struct cluster_node *n, struct slice text) {
    unsigned first, last;
    if (text.len && text.ptr[0] == '[') return read_moving(c, text);
    if (!slot_of_text(take_until(&text, '-'), &first)) return false;
    last = first;
    if (text.len && !slot_of_text(text, &last)) return false;
    for (; first <= last; first++) cluster_give_slot(c, first, n);
    return true;
}

/* When pings and pongs were isn't known any more: as of now. */
static bool read_times(struct cluster_node *n, const struct slice *words) {
    uint64_t ping, pong, now = (uint64_t)clock_wall_ms();
    if (!num_to_u64(words[0], &ping) || !num_to_u64(words[1], &pong)) return false;
    n->ping_ms = ping ? now : 0;
    n->pong_ms = pong ? now : 0;
    return num_to_u64(words[2], &n->config_epoch);
}

static bool read_node(struct cluster *c, const struct words *w) {
    const struct slice *word = w->items;
    if (w->count < WORDS_MIN) return false;
    struct cluster_node *n = node_named(c, word[0]);
    if (!n || !read_address(c, n, word[1]) || !read_flags(c, n, word[2])) return false;
    if (!slice_eq(word[3], SLICE("-")) && !(n->primary = node_named(c, word[3]))) return false;
    if (n->primary) n->primary->adopts = true;
    if (n->primary == n || !read_times(n, word + 4)) return false;
    for (size_t i = WORDS_MIN; i < w->count; i++)
        if (!read_slots(c, n, word[i])) return false;
    return true;
}

static bool read_vars(struct cluster *c, const struct words *w) {
    for (size_t i = 1; i < w->count; i += 2) {
        bool known = true;
        uint64_t *var = NULL;
        if (slice_eq(w->items[i], SLICE("currentEpoch")))
            var = &c->current_epoch;
        else if (slice_eq(w->items[i], SLICE("lastVoteEpoch")))
            var = &c->last_vote_epoch;
        else
            known = false;
        if (known && (i + 1 == w->count || !num_to_u64(w->items[i + 1], var))) return false;
    }
    return true;
}

static bool read_line(struct cluster *c, struct slice line) {
    struct words w;
    if (!words_split(line, &w)) return false;
    bool ok = true;
    if (w.count) ok = slice_eq(w.items[0], SLICE("vars")) ? read_vars(c, &w) : read_node(c, &w);
    words_release(&w);
    return ok;
}

/* What lines didn't say. Files before 7.2 tell no shards: replicas are of their primary's. */
static void complete(struct cluster *c) {
    for (size_t i = 0; i < c->nodes.count; i++) {
        struct cluster_node *n = c->nodes.all[i];
        if (!*n->shard_id && !n->primary) random_hex(n->shard_id, NODE_NAME_LEN);
    }
    for (size_t i = 0; i < c->nodes.count; i++) {
        struct cluster_node *n = c->nodes.all[i];
        if (!n->primary) continue;
        if (!*n->primary->shard_id) random_hex(n->primary->shard_id, NODE_NAME_LEN);
        memcpy(n->shard_id, n->primary->shard_id, sizeof n->shard_id);
    }
    c->current_epoch = cluster_max_epoch(c);
}

bool nodes_file_parse(struct cluster *c, struct slice text, size_t *line) {
    bool ok = true;
    for (*line = 1; ok && text.len; ++*line) ok = read_line(c, take_until(&text, '\n'));
    --*line;
    complete(c);
    if (ok && c->self) return true;
    if (ok) *line = 0;
    return false;
}

/* Writing. */

void nodes_file_write(const struct cluster *c, struct buf *to) {
    describe_nodes(c, NODE_HANDSHAKE, NULL, to);
    buf_appendf(to, "vars currentEpoch %llu lastVoteEpoch %llu\n",
                (unsigned long long)c->current_epoch, (unsigned long long)c->last_vote_epoch);
}

/* The file of that name is another one after each rename. */
static bool lock(struct cluster *c) {
    int fd = open(c->config.file, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (c->file_fd >= 0) close(c->file_fd);
        c->file_fd = fd;
        return true;
    }
    if (errno == EWOULDBLOCK)
        log_warning(&c->server->log,
                    "Sorry, the cluster configuration file %s is already used by a different Redis "
                    "Cluster node. Please make sure that different nodes use different cluster "
                    "configuration files.",
                    c->config.file);
    else
        log_warning(&c->server->log, "Can't open and lock %s: %s", c->config.file, strerror(errno));
    if (fd >= 0) close(fd);
    return false;
}

bool nodes_file_try_save(struct cluster *c) {
    struct buf text = BUF_INIT;
    nodes_file_write(c, &text);
    c->due &= ~(unsigned)CLUSTER_SAVE;
    int error = durable_put(c->config.file, buf_slice(&text));
    buf_release(&text);
    if (error) log_warning(&c->server->log, "Can't write %s: %s", c->config.file, strerror(error));
    return !error && lock(c);
}

void nodes_file_save(struct cluster *c) {
    if (nodes_file_try_save(c)) return;
    log_warning(&c->server->log, "Fatal: can't update cluster config file.");
    exit(1);
}

/* The whole file; false with errno. */
static bool read_all(int fd, struct buf *to) {
    for (;;) {
        ssize_t n = read(fd, buf_reserve(to, READ_STEP), READ_STEP);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n == 0;
        to->len += (size_t)n;
    }
}

static bool load(struct cluster *c, struct slice text) {
    size_t line;
    c->due = 0;
    if (nodes_file_parse(c, text, &line)) {
        log_notice(&c->server->log, "Node configuration loaded, I'm %s", c->self->name);
        c->due = CLUSTER_JUDGE;
        return true;
    }
    if (line)
        log_warning(&c->server->log,
                    "Unrecoverable error: corrupted cluster config file \"%s\", line %zu.",
                    c->config.file, line);
    else
        log_warning(&c->server->log,
                    "Unrecoverable error: corrupted cluster config file \"%s\": no line says "
                    "\"myself\".",
                    c->config.file);
    return false;
}

bool nodes_file_open(struct cluster *c) {
    if (!lock(c)) return false;
    struct buf text = BUF_INIT;
    bool ok = read_all(c->file_fd, &text);
    if (!ok)
        log_warning(&c->server->log, "Can't read %s: %s", c->config.file, strerror(errno));
    else if (text.len)
        ok = load(c, buf_slice(&text));
    buf_release(&text);
    if (c->self || !ok) return ok;
    c->self = node_new(NULL, NODE_MYSELF | NODE_PRIMARY);
    node_set_add(&c->nodes, c->self);
    log_notice(&c->server->log, "No cluster configuration found, I'm %s", c->self->name);
    return nodes_file_try_save(c);
}
