/* SPDX-License-Identifier: BSD-3-Clause */
/* The types of values that configuration parameters have: those at hand, and what it takes to make
 * one of a module's own. */
#ifndef DREY_EXEC_CONFIG_TYPES_H
#define DREY_EXEC_CONFIG_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct config_param;

struct config_word {
    const char *name;
    int value;
};

/* A password. */
struct config_secret {
    char *bytes; /* NULL: none */
    size_t len;
};

struct config_list {
    char **items;
    size_t n;
};

struct config_lines {
    struct config_list *items;
    size_t n;
};

/* What a type is asked to read. */
struct config_input {
    const struct config_param *param;
    const void *current; /* the value in force, for types whose input changes only a part or adds */
    const struct slice *words;
    size_t n;
    bool from_file;  /* file or argv; else CONFIG SET or the default */
    bool first;      /* no line of the file has set it yet: what adds up starts from nothing */
    struct buf *why; /* the reason of a refusal, as the user is to read it */
};

/* A type of values. `value` points to `size` bytes. Values are moved by memcpy. */
struct config_type {
    size_t size;
    bool adds_up; /* several lines of the file make one value */
    /* Fills *value (zero-filled before) or returns false with the reason in in->why, nothing left
     * to release. */
    bool (*parse)(const struct config_input *in, void *value);
    /* Appends the value as CONFIG GET shows it. */
    void (*format)(const struct config_param *param, const void *value, struct buf *out);
    /* Frees what the value owns; NULL: nothing. */
    void (*release)(void *value);
    /* Appends the lines ("name word...\n" each) that CONFIG REWRITE is to write; none: the
     * parameter's lines go. NULL: one line of the name and what format says, quoted where needed.
     */
    void (*rewrite)(const struct config_param *param, const void *value, struct buf *lines);
};

extern const struct config_type config_type_bool, config_type_int, config_type_memory,
    config_type_percent, config_type_enum, config_type_bits, config_type_octal, config_type_string,
    config_type_secret, config_type_list, config_type_lines;

/* The name of a value of an enum, "unknown" if there is none. */
const char *config_word_name(const struct config_word *words, int value);

/* For types of a module's own: a number of bytes in the largest unit that divides it ("64mb"), and
 * " word" for a line of the file, with quotes if it needs them. */
void config_append_bytes(struct buf *out, uint64_t bytes);
void config_append_word(struct buf *line, struct slice word);

/* The lines that CONFIG REWRITE writes for a value. */
void config_lines_of(const struct config_param *param, const void *value, struct buf *lines);

/* Copies of the words; release with config_list_release. */
void config_list_copy(struct config_list *to, const struct slice *words, size_t n);

/* Of struct config_list, in the form that a struct config_type asks for. */
void config_list_format(const struct config_param *param, const void *value, struct buf *out);
void config_list_release(void *value);

#endif
