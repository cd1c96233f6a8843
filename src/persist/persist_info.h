/* SPDX-License-Identifier: BSD-3-Clause */
/* INFO's section of files. What Redis says of its child's memory ("cow") is said here of the
 * memory of entries that were written out of the walk's order, since they were about to change. */
#ifndef DREY_PERSIST_PERSIST_INFO_H
#define DREY_PERSIST_PERSIST_INFO_H

struct buf;

/* `persist` is the struct persist. */
void persist_write_info(void *persist, struct buf *out);

#endif
