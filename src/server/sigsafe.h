/* SPDX-License-Identifier: BSD-3-Clause */
/* Printing from signal handlers: only write(2) and the like, no lock, no memory, no stdio. A
 * descriptor that can't be written loses the text. */
#ifndef DREY_SERVER_SIGSAFE_H
#define DREY_SERVER_SIGSAFE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

void sigsafe_text(int fd, const char *text);
void sigsafe_dec(int fd, int64_t value);

/* At least `digits` hexadecimal digits (up to 16), without "0x". */
void sigsafe_hex(int fd, uint64_t value, int digits);

/* Reads up to size - 1 bytes of a file and terminates them; the length, 0 on failure. */
size_t sigsafe_read(const char *path, char *to, size_t size);

/* "/proc/self/task/TID/NAME" into `to`, that must have 64 bytes; NAME up to 16. */
void sigsafe_task_path(char *to, pid_t tid, const char *name);

#endif
