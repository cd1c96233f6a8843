/* SPDX-License-Identifier: BSD-3-Clause */
/* Places on Earth as numbers of 52 bits, as Redis stores them in the scores of sorted sets.
 *
 * A cell of step s halves the ranges of longitude and latitude s times each; its number has a bit
 * for each halving, longitude first: x1 y1 x2 y2 ... So all that lies in a cell is one range of
 * scores. Latitudes end at +-85.05112878, where Mercator's map is a square. */
#ifndef DREY_TYPE_GEO_H
#define DREY_TYPE_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GEO_STEPS = 26, /* the finest */
    GEO_HASH_LEN = 11,
    GEO_CELLS = 9, /* a cell and those around it */
};

#define GEO_LON_MAX 180.0
#define GEO_LAT_MAX 85.05112878

/* In degrees. */
struct geo_point {
    double lon, lat;
};

static inline bool geo_valid(struct geo_point p) {
    return p.lon >= -GEO_LON_MAX && p.lon <= GEO_LON_MAX && p.lat >= -GEO_LAT_MAX &&
           p.lat <= GEO_LAT_MAX;
}

/* The finest cell of a point, and the point in the middle of it. The cell must be below 2^52. */
uint64_t geo_cell(struct geo_point p);
struct geo_point geo_cell_point(uint64_t cell);

/* The text that other systems call a geohash. No terminator. */
void geo_hash(struct geo_point p, char text[GEO_HASH_LEN]);

/* In metres, on a sphere. */
double geo_distance(struct geo_point a, struct geo_point b);

/* What is searched: a circle or a box around a point. */
struct geo_shape {
    struct geo_point center;
    bool box;
    double radius, width, height; /* in units */
    double unit;                  /* metres */
};

/* Is the point in it? Then *distance is that from the center. */
bool geo_shape_has(const struct geo_shape *s, struct geo_point p, double *distance);

/* Scores from `from` to before `to`. */
struct geo_range {
    double from, to;
};
/* The cells that cover a shape as ranges of scores, in Redis's order: the middle, north, south,
 * east, west, north-east, north-west, south-east, south-west, those left out that aren't needed.
 * Returns how many. */
size_t geo_cover(const struct geo_shape *s, struct geo_range ranges[GEO_CELLS]);

#endif
