/* SPDX-License-Identifier: BSD-3-Clause */
/* LOLWUT: a tree grown at random, with dreys in some of its forks, in dots of Braille characters
 * (each 2 dots wide and 4 high). */
#include <math.h>

#include "base/alloc.h"
#include "base/random.h"
#include "base/version.h"
#include "exec/call.h"
#include "server/families.h"

enum { COLUMNS = 60, ROWS = 20, COLUMNS_MAX = 1000, ROWS_MAX = 1000, FORKS_MAX = 9 };

struct canvas {
    int columns, rows;
    uint8_t *cells; /* a bit per dot, as U+2800 has them */
    struct random *rng;
};

static void dot(struct canvas *canvas, double x, double y) {
    static const uint8_t bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    if (!(x >= 0 && x < 2 * canvas->columns && y >= 0 && y < 4 * canvas->rows)) return;
    int px = (int)x, py = (int)y;
    canvas->cells[(size_t)(py / 4) * (size_t)canvas->columns + (size_t)(px / 2)] |=
        bits[py % 4][px % 2];
}

/* From 0 up to 1. */
static double chance(struct canvas *canvas) {
    return (double)(random_u64(canvas->rng) >> 11) / 9007199254740992.0;
}

static void disc(struct canvas *canvas, double x, double y, double radius) {
    for (double dy = -radius; dy <= radius; dy++)
        for (double dx = -radius; dx <= radius; dx++)
            if (dx * dx + dy * dy <= radius * radius) dot(canvas, x + dx, y + dy);
}

struct branch {
    double x, y, angle, length;
    int forks; /* from the root */
};

/* Draws a branch and what grows out of it. */
static void grow(struct canvas *canvas, struct branch b) {
    double dx = cos(b.angle), dy = -sin(b.angle);
    int width = b.forks < 2 ? 2 - b.forks : 0;
    for (double at = 0; at < b.length; at += 0.5) {
        disc(canvas, b.x, b.y, width);
        b.x += dx / 2;
        b.y += dy / 2;
    }
    if (b.forks >= 2 && b.forks <= 4 && chance(canvas) < 0.15) disc(canvas, b.x, b.y, 3);
    if (b.length < 2 || b.forks == FORKS_MAX) return;
    int children = chance(canvas) < 0.3 ? 3 : 2;
    for (int i = 0; i < children; i++) {
        double spread = (i - (children - 1) / 2.0) * 0.9 + (chance(canvas) - 0.5) * 0.5;
        grow(canvas, (struct branch){b.x, b.y, b.angle + spread,
                                     b.length * (0.6 + 0.2 * chance(canvas)), b.forks + 1});
    }
}

/* Rows without a dot at the top are left out. */
static void canvas_write(const struct canvas *canvas, struct buf *out) {
    bool begun = false;
    for (int row = 0; row < canvas->rows; row++) {
        const uint8_t *cells = canvas->cells + (size_t)row * (size_t)canvas->columns;
        for (int i = 0; i < canvas->columns && !begun; i++) begun = cells[i] != 0;
        if (!begun) continue;
        for (int i = 0; i < canvas->columns; i++) {
            buf_append_char(out, '\xe2');
            buf_append_char(out, (char)(0xa0 | cells[i] >> 6));
            buf_append_char(out, (char)(0x80 | (cells[i] & 0x3f)));
        }
        buf_append_char(out, '\n');
    }
}

static void draw(struct random *rng, int columns, int rows, struct buf *out) {
    struct canvas canvas = {columns, rows, mem_zalloc((size_t)columns * (size_t)rows), rng};
    grow(&canvas, (struct branch){columns, 4.0 * rows - 1, M_PI / 2, 1.1 * rows, 0});
    canvas_write(&canvas, out);
    mem_free(canvas.cells);
}

static int clamp(int64_t value, int most) {
    return value < 1 ? 1 : value > most ? most : (int)value;
}

/* VERSION 5 and 6 take numbers that say how large the picture is; other versions ignore what
 * follows, as Redis does. */
static void cmd_lolwut(struct call *c) {
    int64_t version = 0, sizes[3] = {COLUMNS, ROWS, 0};
    bool versioned = c->argc >= 3 && arg_is(c, 1, "VERSION");
    if (versioned && !arg_i64_or_reply(c, 2, &version)) return;
    int numbers = version == 5 ? 3 : version == 6 ? 2 : 0;
    for (int i = 0; i < numbers && i + 3 < c->argc; i++)
        if (!arg_i64_or_reply(c, i + 3, &sizes[i])) return;
    struct buf text = BUF_INIT;
    draw(&c->engine->keyspace.rng, clamp(sizes[0], COLUMNS_MAX), clamp(sizes[1], ROWS_MAX), &text);
    buf_append_str(&text, "\nA tree with dreys. Drey ver. " DREY_VERSION
                          ", Redis ver. " DREY_REDIS_VERSION "\n");
    reply_verbatim(c->reply, buf_slice(&text), "txt");
    buf_release(&text);
}

const struct command lolwut_commands[] = {
    {
        .name = "lolwut",
        .run = cmd_lolwut,
        .arity = -1,
        .flags = CMD_READONLY | CMD_FAST,
        .group = "server",
        .summary = "Draws a tree, and tells the version.",
        .since = "5.0.0",
        .complexity = "O(N) in the size of the picture",
        .syntax = "[VERSION version:integer [size:integer ...]]",
    },
    {.name = NULL},
};
