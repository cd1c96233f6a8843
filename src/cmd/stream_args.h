/* SPDX-License-Identifier: BSD-3-Clause */
/* What the commands on streams share: ids as arguments, keys and groups that have to be there. */
#ifndef DREY_CMD_STREAM_ARGS_H
#define DREY_CMD_STREAM_ARGS_H

#include "exec/call.h"
#include "type/stream_group.h"
#include "type/t_stream.h"

#define ERR_STREAM_ID "ERR Invalid stream ID specified as stream command argument"

/* Argument i as an id; without the second number it's `seq`. */
bool arg_stream_id_or_reply(struct call *c, int i, uint64_t seq, struct stream_id *id);

/* The ends of a range, arguments `from` and `to`: also -, + and exclusive ones. */
bool arg_stream_range_or_reply(struct call *c, int from, int to, struct stream_id range[2]);
/* The lower end alone. */
bool arg_stream_start_or_reply(struct call *c, int i, struct stream_id *start);

/* A number that is taken as 0 if it's below. `error` NULL: the usual text. */
bool arg_not_negative_or_reply(struct call *c, int i, const char *error, uint64_t *out);

/* The stream of a key; *s is NULL if there's none. */
bool find_stream_or_reply(struct call *c, int i, enum db_access access, struct entry **e,
                          struct stream **s);

/* The group of name `group` of a key; NOGROUP if it isn't there, or the key. */
bool find_group_or_reply(struct call *c, int key, int group, enum db_access access,
                         struct entry **e, struct stream_group **g);

/* The consumer, which is created if there's none, and has been seen now. That it's new has to go
 * out (exec/propagate.h) unless it gets an entry, whose XCLAIM creates it, too. */
struct stream_consumer *call_consumer(struct call *c, struct key k, struct entry *e,
                                      struct stream_group *g, struct slice name);

/* unknown subcommand or wrong number of arguments */
void reply_subcommand_syntax(struct call *c);

#endif
