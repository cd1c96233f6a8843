/* SPDX-License-Identifier: BSD-3-Clause */
/* COMMAND DOCS: the rows' documentation, with the argument tree that command_syntax.h reads from
 * their syntax. */
#ifndef DREY_CMD_COMMAND_DOCS_H
#define DREY_CMD_COMMAND_DOCS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct call;

void cmd_command_docs(struct call *c);

/* Lines of a row's text field (history, tips), NULL being none. */
size_t command_lines_count(const char *text);
/* Moves *text behind its first line, which is handed out; false at the end. */
bool command_lines_next(const char **text, struct slice *line);

#endif
