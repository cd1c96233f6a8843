/* SPDX-License-Identifier: BSD-3-Clause */
/* A disk that fails when a test wants it to. The library preload.c, loaded into a server by
 * LD_PRELOAD, stands between it and the system's calls on files, and does what the test says in
 * memory that both share: the file named by the environment variable DREY_FAULTS.
 *
 * Calls on files whose path begins with `dir` and whose name fits the pattern `name` are numbered
 * from the moment they're of a kind in `calls`. Those from number `first` on, `times` of them, are
 * struck:
 *
 *   FAIL         with the errno `error`
 *   SHORT        a write takes only half of the bytes, and says so
 *   HOLD         waits until `held` is false
 *   KILL_BEFORE  SIGKILL in place of the call; KILL_AFTER: behind it;
 *   KILL_HALF    behind half of a write, behind the call otherwise
 *   LOSE         the power fails: of every file there's only what was synced, then as KILL_BEFORE
 *   LOSE_NAMES   and names that were given or changed since their directory was synced are as
 *                before
 *
 * What the library knows is from its process's begin on, armed or not, so `dir` is to be set
 * before: what is there by then counts as synced. */
#ifndef DREY_TESTS_FAULTS_H
#define DREY_TESTS_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>

enum fault_call {
    FAULT_OPEN = 1, /* for writing */
    FAULT_WRITE = 2,
    FAULT_SYNC = 4,
    FAULT_RENAME = 8,
    FAULT_TRUNCATE = 16,
    FAULT_UNLINK = 32,
    FAULT_MKDIR = 64,
    FAULT_READ = 128,
    FAULT_CHANGES = FAULT_READ - 1, /* all but reading */
};

enum fault_action {
    FAULT_FAIL,
    FAULT_SHORT,
    FAULT_HOLD,
    FAULT_KILL_BEFORE,
    FAULT_KILL_AFTER,
    FAULT_KILL_HALF,
    FAULT_LOSE,
    FAULT_LOSE_NAMES,
    FAULT_ACTIONS,
};

struct faults {
    char dir[128];
    char name[64];
    enum fault_action action;
    int error;
    long first, times;
    atomic_bool held;
    /* `calls` last: nothing is struck while it's 0. */
    atomic_uint calls;
    atomic_long seen, struck;
};

#endif
