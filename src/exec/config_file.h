/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading the configuration: a file (or stdin), the files it includes, and the options of the
 * command line, which count as further lines of the file.
 *
 * The command line is read as Redis 7 reads it:
 *
 *     drey-server [FILE | -] [--name value...]...
 *
 * - A first argument without a leading "--" is the file, "-" is stdin; a first argument that isn't
 * a file's name but is followed by options may leave out its dashes when a file came before (`FILE
 * loglevel verbose`).
 * - "--name" starts a directive, what follows up to the next "--name" are its words, each kept as
 * one word with quotes where it needs them. `--name` with nothing behind it, at the end or before
 * another option, is a directive with one empty word for `save` and without words for others.
 * - The value of a directive that takes exactly one word may itself start with dashes.
 * - "--name value" in one argument is split as a line of the file would be.
 *
 * A bad line stops the load; what was read before it stays set, so the caller should give up. */
#ifndef DREY_EXEC_CONFIG_FILE_H
#define DREY_EXEC_CONFIG_FILE_H

#include "exec/config.h"

/* Loads what the command line says; argv[0] is skipped. On false `error` holds the whole message
 * for stderr ("*** FATAL CONFIG FILE ERROR ..." with line number, the line, the reason, and the
 * file), lines ended. */
bool config_load_argv(struct config *cfg, int argc, char **argv, struct buf *error);

/* The same for a file ("-": stdin; NULL: none) and lines to add to it (NULL: none). */
bool config_load(struct config *cfg, const char *path, const char *lines, struct buf *error);

/* The absolute path of the file that was loaded; NULL: none (also for stdin). Borrowed. */
const char *config_path(const struct config *cfg);

#endif
