/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading what a primary sends in place of the data that are there. Others are answered meanwhile,
 * mostly that the data set is being loaded; the primary is told that this goes on. */
#ifndef DREY_REPL_SYNC_LOAD_H
#define DREY_REPL_SYNC_LOAD_H

#include <stdbool.h>

struct repl_link;

/* Is the snapshot to be loaded as it comes? */
bool sync_load_directly(const struct repl_link *l);

/* The snapshot in the background is given up: it would take the place of what the primary sent. */
void sync_load_stop_saving(struct repl_link *l);

/* Load the server's snapshot file, or from the link's connection, where the mark (if there's one)
 * is read, too. False: that failed, or the process is to end; the log says why. Then there are no
 * data, or those that there were before. */
bool sync_load_file(struct repl_link *l);
bool sync_load_socket(struct repl_link *l);

#endif
