/* SPDX-License-Identifier: BSD-3-Clause */
/* From a script's text to the compiled script in the cache. */
#ifndef DREY_SCRIPT_SCRIPT_LOAD_H
#define DREY_SCRIPT_SCRIPT_LOAD_H

#include "script/script_engine.h"

/* The first line of a script or library that starts with "#!": the engine's name and options. */
struct shebang {
    struct slice engine;  /* "lua" */
    struct slice options; /* what follows, words between blanks */
    struct slice rest;    /* from the line's end on, so that lines count as they are */
};

/* False: the text has no such line ("#!" without a line end is one, too; see `broken`). */
bool shebang_read(struct slice text, struct shebang *line, bool *broken);

/* The next word of the options, taken off them; false at the end. */
bool shebang_next(struct slice *options, struct slice *word);

/* Flags between commas, "a,b": ored to *flags; false with the one that's unknown. */
bool script_flags_parse(struct slice list, unsigned *flags, struct slice *unknown);

/* The script of that text, compiled if it's new; NULL: an error was replied. */
struct script *script_load_or_reply(struct call *c, struct slice text);

/* What a text says of itself on its first line, as flags of enum script_flag. Whatever is wrong
 * with that line: SCRIPT_UNDECLARED. */
unsigned script_text_flags(struct slice text);

/* Forgets all scripts, soon or later. */
void script_flush(struct script_engine *s);

#endif
