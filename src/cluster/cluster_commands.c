/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/cluster.h"
#include "cluster/election.h"
#include "cluster/families.h"
#include "cluster/node_commands.h"
#include "cluster/replica.h"
#include "cluster/show_commands.h"
#include "cluster/slot_commands.h"
#include "exec/call.h"

struct cluster *cluster_or_reply(struct call *c) {
    struct cluster *cluster = cluster_of(c->engine);
    if (cluster->config.enabled) return cluster;
    reply_error(c->reply, "ERR This instance has cluster support disabled");
    return NULL;
}

void cluster_reply_too_many(struct call *c) {
    reply_errorf(
        c->reply,
        "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try CLUSTER HELP.",
        (int)c->argv[1].len, c->argv[1].ptr);
}

static void cmd_asking(struct call *c) {
    if (!cluster_or_reply(c)) return;
    c->session->asking = 2;
    reply_ok(c->reply);
}

static void cmd_readonly(struct call *c) {
    if (!cluster_or_reply(c)) return;
    c->session->gates |= GATE_READONLY;
    reply_ok(c->reply);
}

static void cmd_readwrite(struct call *c) {
    if (!cluster_or_reply(c)) return;
    c->session->gates &= ~(unsigned)GATE_READONLY;
    reply_ok(c->reply);
}

static void cmd_help(struct call *c) {
    static const char *const lines[] = {
        "ADDSLOTS <slot> [<slot> ...]",
        "    Make free slots this node's.",
        "ADDSLOTSRANGE <start-slot> <end-slot> [<start-slot> <end-slot> ...]",
        "    The same for ranges, ends included.",
        "BUMPEPOCH",
        "    Give this node the highest epoch of configuration.",
        "COUNT-FAILURE-REPORTS <node-id>",
        "    How many say that a node has failed.",
        "COUNTKEYSINSLOT <slot>",
        "    How many keys of <slot> are here.",
        "DELSLOTS <slot> [<slot> ...]",
        "    Make slots nobody's, as far as this node knows.",
        "DELSLOTSRANGE <start-slot> <end-slot> [<start-slot> <end-slot> ...]",
        "    The same for ranges, ends included.",
        "FAILOVER [FORCE|TAKEOVER]",
        "    Make this replica a primary in place of its own: FORCE when that is down, TAKEOVER",
        "    without asking the other primaries.",
        "FLUSHSLOTS",
        "    Give up all slots of this node, which must have no keys.",
        "FORGET <node-id>",
        "    Know nothing more of a node.",
        "GETKEYSINSLOT <slot> <count>",
        "    Up to <count> keys of <slot> that are here.",
        "INFO",
        "    How the cluster does.",
        "KEYSLOT <key>",
        "    The slot that <key> is in.",
        "LINKS",
        "    The connections between this node and others.",
        "MEET <ip> <port> [<bus-port>]",
        "    Get to know a node, and those that it knows.",
        "MYID",
        "    This node's name.",
        "MYSHARDID",
        "    The name of this node's shard: of a primary and its replicas.",
        "NODES",
        "    A line for each node that is known:",
        "    <id> <ip:port@bus-port[,hostname]> <flags> <primary> <ping> <pong> <epoch> <link> "
        "<slot> ...",
        "REPLICAS <node-id>",
        "    The same for the replicas of a node.",
        "REPLICATE <node-id>",
        "    Make this node a replica of another one.",
        "RESET [HARD|SOFT]",
        "    Forget slots and nodes; HARD: take a new name and begin at epoch 0, too.",
        "SAVECONFIG",
        "    Write the state of the cluster to disk.",
        "SET-CONFIG-EPOCH <epoch>",
        "    Set the epoch of a new node that knows no others.",
        "SETSLOT <slot> (IMPORTING <node-id>|MIGRATING <node-id>|NODE <node-id>|STABLE)",
        "    Begin and end moving a slot.",
        "SHARDS",
        "    Slots and nodes by shards.",
        "SLOTS",
        "    Ranges of slots: start, end, primary, replicas.",
        NULL,
    };
    if (cluster_or_reply(c)) call_reply_help(c, lines);
}

enum {
    TELLING = CMD_STALE,
    CHANGING = CMD_ADMIN | CMD_STALE | CMD_NO_ASYNC_LOADING,
};

#define RANGES_SYNTAX "(start-slot:integer end-slot:integer) ..."

static const struct command subcommands[] = {
    {"addslots", cluster_cmd_addslots, -3, CHANGING, .group = "cluster", .since = "3.0.0",
     .summary = "Makes free slots this node's.", .complexity = "O(N) in the number of slots.",
     .syntax = "slot:integer ..."},
    {"addslotsrange", cluster_cmd_addslotsrange, -4, CHANGING, .group = "cluster", .since = "7.0.0",
     .summary = "Makes ranges of free slots this node's.",
     .complexity = "O(N) in the number of slots in the ranges.", .syntax = RANGES_SYNTAX},
    {"bumpepoch", cluster_cmd_bumpepoch, 2, CHANGING, .group = "cluster", .since = "3.0.0",
     .summary = "Gives this node the highest epoch of configuration.", .complexity = "O(1)",
     .tips = "nondeterministic_output"},
    {"count-failure-reports", cluster_cmd_count_failure_reports, 3, CMD_ADMIN | CMD_STALE,
     .group = "cluster", .since = "3.0.0", .summary = "Counts who says that a node has failed.",
     .complexity = "O(N) in the number of reports.", .syntax = "node-id",
     .tips = "nondeterministic_output"},
    {"countkeysinslot", cluster_cmd_countkeysinslot, 3, TELLING, .group = "cluster",
     .since = "3.0.0", .summary = "Counts the keys of a slot.", .complexity = "O(1)",
     .syntax = "slot:integer"},
    {"delslots", cluster_cmd_delslots, -3, CHANGING, .group = "cluster", .since = "3.0.0",
     .summary = "Makes slots nobody's, as far as this node knows.",
     .complexity = "O(N) in the number of slots.", .syntax = "slot:integer ..."},
    {"delslotsrange", cluster_cmd_delslotsrange, -4, CHANGING, .group = "cluster", .since = "7.0.0",
     .summary = "Makes ranges of slots nobody's, as far as this node knows.",
     .complexity = "O(N) in the number of slots in the ranges.", .syntax = RANGES_SYNTAX},
    {"failover", cluster_cmd_failover, -2, CHANGING, .group = "cluster", .since = "3.0.0",
     .summary = "Makes a replica take its primary's place.", .complexity = "O(1)",
     .syntax = "options:[FORCE | TAKEOVER]"},
    {"flushslots", cluster_cmd_flushslots, 2, CHANGING, .group = "cluster", .since = "3.0.0",
     .summary = "Gives up all slots of this node.", .complexity = "O(1)"},
    {"forget", cluster_cmd_forget, 3, CHANGING, .group = "cluster", .since = "3.0.0",
     .summary = "Forgets a node.", .complexity = "O(N) in the number of nodes.",
     .syntax = "node-id"},
    {"getkeysinslot", cluster_cmd_getkeysinslot, 4, TELLING, .group = "cluster", .since = "3.0.0",
     .summary = "Lists keys of a slot.", .complexity = "O(N) in the number of keys listed.",
     .syntax = "slot:integer count", .tips = "nondeterministic_output"},
    {"help", cmd_help, 2, CMD_LOADING | CMD_STALE, .group = "cluster", .since = "5.0.0",
     .summary = "Explains the subcommands.", .complexity = "O(1)"},
    {"info", cluster_cmd_info, 2, TELLING, .group = "cluster", .since = "3.0.0",
     .summary = "Tells how the cluster does.", .complexity = "O(1)",
     .tips = "nondeterministic_output"},
    {"keyslot", cluster_cmd_keyslot, 3, TELLING, .group = "cluster", .since = "3.0.0",
     .summary = "Tells which slot a key is in.", .complexity = "O(N) in the length of the key.",
     .syntax = "key:string"},
    {"links", cluster_cmd_links, 2, TELLING, .group = "cluster", .since = "7.0.0",
     .summary = "Tells the connections of the bus.", .complexity = "O(N) in the number of nodes.",
     .tips = "nondeterministic_output"},
    {"meet", cluster_cmd_meet, -4, CHANGING, .group = "cluster", .since = "3.0.0",
     .summary = "Makes two nodes know each other.", .complexity = "O(1)",
     .syntax = "ip:string port:integer [cluster_bus_port:integer]",
     .history = "4.0.0 Takes the port of the bus."},
    {"myid", cluster_cmd_myid, 2, TELLING, .group = "cluster", .since = "3.0.0",
     .summary = "Tells this node's name.", .complexity = "O(1)"},
    {"myshardid", cluster_cmd_myshardid, 2, TELLING, .group = "cluster", .since = "7.2.0",
     .summary = "Tells the name of this node's shard.", .complexity = "O(1)",
     .tips = "nondeterministic_output"},
    {"nodes", cluster_cmd_nodes, 2, TELLING, .group = "cluster", .since = "3.0.0",
     .summary = "Describes all nodes, a line each.", .complexity = "O(N) in the number of nodes.",
     .tips = "nondeterministic_output"},
    {"replicas", cluster_cmd_replicas, 3, CMD_ADMIN | CMD_STALE, .group = "cluster",
     .since = "5.0.0", .summary = "Describes the replicas of a node.",
     .complexity = "O(N) in the number of nodes.", .syntax = "node-id",
     .tips = "nondeterministic_output"},
    {"replicate", cluster_cmd_replicate, 3, CHANGING, .group = "cluster", .since = "3.0.0",
     .summary = "Makes this node a replica of another one.", .complexity = "O(1)",
     .syntax = "node-id"},
    {"reset", cluster_cmd_reset, -2, CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE, .group = "cluster",
     .since = "3.0.0", .summary = "Forgets slots and nodes.",
     .complexity = "O(N) in the number of nodes.", .syntax = "[HARD | SOFT]"},
    {"saveconfig", cluster_cmd_saveconfig, 2, CHANGING, .group = "cluster", .since = "3.0.0",
     .summary = "Writes the state of the cluster to disk.", .complexity = "O(1)"},
    {"set-config-epoch", cluster_cmd_set_config_epoch, 3, CHANGING, .group = "cluster",
     .since = "3.0.0", .summary = "Sets the epoch of configuration of a new node.",
     .complexity = "O(1)", .syntax = "config-epoch:integer"},
    {"setslot", cluster_cmd_setslot, -4, CHANGING, .group = "cluster", .since = "3.0.0",
     .summary = "Begins and ends moving a slot.", .complexity = "O(1)",
     .syntax = "slot:integer subcommand:(IMPORTING node-id | MIGRATING node-id | NODE node-id | "
               "STABLE)"},
    {"shards", cluster_cmd_shards, 2, TELLING, .group = "cluster", .since = "7.0.0",
     .summary = "Tells slots and nodes by shards.", .complexity = "O(N) in the number of nodes.",
     .tips = "nondeterministic_output"},
    {"slaves", cluster_cmd_replicas, 3, CMD_ADMIN | CMD_STALE, .group = "cluster", .since = "3.0.0",
     .summary = "Describes the replicas of a node.", .complexity = "O(N) in the number of nodes.",
     .syntax = "node-id", .deprecated_since = "5.0.0", .replaced_by = "`CLUSTER REPLICAS`",
     .tips = "nondeterministic_output"},
    {"slots", cluster_cmd_slots, 2, TELLING, .group = "cluster", .since = "3.0.0",
     .summary = "Tells ranges of slots and the nodes that have them.",
     .complexity = "O(N) in the number of nodes.",
     .history = "4.0.0 Names of nodes.\n7.0.0 Further addresses of nodes.",
     .deprecated_since = "7.0.0", .replaced_by = "`CLUSTER SHARDS`",
     .tips = "nondeterministic_output"},
    {.name = NULL},
};

static const struct command commands[] = {
    {"cluster", NULL, -2, 0, .subcommands = subcommands, .group = "cluster", .since = "3.0.0",
     .summary = "Looks at and changes the cluster.", .complexity = "Depends on the subcommand."},
    {"asking", cmd_asking, 1, CMD_FAST, ACL_CONNECTION, .group = "cluster", .since = "3.0.0",
     .summary = "Lets the next command use a slot that is coming here.", .complexity = "O(1)"},
    {"readonly", cmd_readonly, 1, CMD_LOADING | CMD_STALE | CMD_FAST, ACL_CONNECTION,
     .group = "cluster", .since = "3.0.0",
     .summary = "Lets the connection read a replica's own copy.", .complexity = "O(1)"},
    {"readwrite", cmd_readwrite, 1, CMD_LOADING | CMD_STALE | CMD_FAST, ACL_CONNECTION,
     .group = "cluster", .since = "3.0.0",
     .summary = "Sends the connection's reads to primaries again.", .complexity = "O(1)"},
    {.name = NULL},
};

const struct command *const cluster_families[] = {commands, NULL};
