/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies list what is found cell by cell, and COUNT with ANY ends there, so which cells a search
 * looks at, and in which order, is visible: the rules here are Redis's. */
#include "type/geo.h"

#include <math.h>

#define EARTH_RADIUS 6372797.560856
#define MERCATOR_MAX 20037726.37 /* metres from the equator to the top of the map */
#define DEGREE       (M_PI / 180.0)

/* Ranges of degrees. */
struct span {
    double min, max;
};
static const struct span LON = {-GEO_LON_MAX, GEO_LON_MAX};
static const struct span LAT = {-GEO_LAT_MAX, GEO_LAT_MAX};
static const struct span HASH_LAT = {-90, 90}; /* of the text form */

/* Spreads 32 bits to the even ones of 64. */
static uint64_t spread(uint64_t bits) {
    bits = (bits | bits << 16) & 0x0000ffff0000ffffULL;
    bits = (bits | bits << 8) & 0x00ff00ff00ff00ffULL;
    bits = (bits | bits << 4) & 0x0f0f0f0f0f0f0f0fULL;
    bits = (bits | bits << 2) & 0x3333333333333333ULL;
    return (bits | bits << 1) & 0x5555555555555555ULL;
}

static uint32_t gather(uint64_t bits) {
    bits &= 0x5555555555555555ULL;
    bits = (bits | bits >> 1) & 0x3333333333333333ULL;
    bits = (bits | bits >> 2) & 0x0f0f0f0f0f0f0f0fULL;
    bits = (bits | bits >> 4) & 0x00ff00ff00ff00ffULL;
    bits = (bits | bits >> 8) & 0x0000ffff0000ffffULL;
    return (uint32_t)(bits | bits >> 16);
}

/* A cell by its column and row. */
struct cell {
    uint32_t x, y;
    unsigned steps;
};

static uint32_t part_of(double degrees, struct span range, unsigned steps) {
    double part = (degrees - range.min) / (range.max - range.min);
    return (uint32_t)(part * (double)(1ULL << steps));
}

static struct cell cell_of(struct geo_point p, struct span lat, unsigned steps) {
    return (struct cell){part_of(p.lon, LON, steps), part_of(p.lat, lat, steps), steps};
}

static uint64_t cell_number(struct cell c) {
    return spread(c.x) << 1 | spread(c.y);
}

static struct cell cell_from(uint64_t number) {
    return (struct cell){gather(number >> 1), gather(number), GEO_STEPS};
}

/* The degrees that a column or row covers. */
static struct span part_span(uint32_t part, struct span range, unsigned steps) {
    double scale = range.max - range.min, parts = (double)(1ULL << steps);
    return (struct span){range.min + (part * 1.0 / parts) * scale,
                         range.min + ((part + 1.0) / parts) * scale};
}

static double middle_of(uint32_t part, struct span range) {
    struct span s = part_span(part, range, GEO_STEPS);
    double middle = (s.min + s.max) / 2;
    return middle > range.max ? range.max : middle < range.min ? range.min : middle;
}

uint64_t geo_cell(struct geo_point p) {
    return cell_number(cell_of(p, LAT, GEO_STEPS));
}

struct geo_point geo_cell_point(uint64_t number) {
    struct cell c = cell_from(number);
    return (struct geo_point){middle_of(c.x, LON), middle_of(c.y, LAT)};
}

/* The text has latitudes up to the poles. 52 bits fill ten letters: the last is always 0. */
void geo_hash(struct geo_point p, char text[GEO_HASH_LEN]) {
    static const char letters[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    uint64_t bits = cell_number(cell_of(p, HASH_LAT, GEO_STEPS));
    for (int i = 0; i < GEO_HASH_LEN - 1; i++) text[i] = letters[bits >> (47 - 5 * i) & 31];
    text[GEO_HASH_LEN - 1] = letters[0];
}

/* Distances. */

static double lat_distance(double a, double b) {
    return EARTH_RADIUS * fabs(b * DEGREE - a * DEGREE);
}

/* The haversine formula. */
double geo_distance(struct geo_point a, struct geo_point b) {
    double v = sin((b.lon * DEGREE - a.lon * DEGREE) / 2);
    if (v == 0.0) return lat_distance(a.lat, b.lat);
    double lat_a = a.lat * DEGREE, lat_b = b.lat * DEGREE;
    double u = sin((lat_b - lat_a) / 2);
    return 2.0 * EARTH_RADIUS * asin(sqrt(u * u + cos(lat_a) * cos(lat_b) * v * v));
}

bool geo_shape_has(const struct geo_shape *s, struct geo_point p, double *distance) {
    if (!s->box) {
        *distance = geo_distance(s->center, p);
        return *distance <= s->radius * s->unit;
    }
    if (lat_distance(p.lat, s->center.lat) > s->height * s->unit / 2) return false;
    struct geo_point beside = {s->center.lon, p.lat};
    if (geo_distance(p, beside) > s->width * s->unit / 2) return false;
    *distance = geo_distance(s->center, p);
    return true;
}

/* Covering a shape. */

/* The step at which a cell and its neighbours cover a circle, mostly. */
static unsigned steps_for(double radius, double lat) {
    int steps = 1;
    if (radius == 0) return GEO_STEPS;
    for (; radius < MERCATOR_MAX; radius *= 2) steps++;
    steps -= 2;
    if (fabs(lat) > 66) steps--; /* cells get narrow towards the poles */
    if (fabs(lat) > 80) steps--;
    return steps < 1 ? 1 : steps > GEO_STEPS ? GEO_STEPS : (unsigned)steps;
}

/* The degrees that a shape lies between. */
struct bounds {
    struct span lon, lat;
};

static struct bounds bounds_of(const struct geo_shape *s) {
    double height = s->unit * (s->box ? s->height / 2 : s->radius);
    double width = s->unit * (s->box ? s->width / 2 : s->radius);
    double lat = height / EARTH_RADIUS / DEGREE;
    double top = width / EARTH_RADIUS / cos((s->center.lat + lat) * DEGREE) / DEGREE;
    double bottom = width / EARTH_RADIUS / cos((s->center.lat - lat) * DEGREE) / DEGREE;
    double lon = s->center.lat < 0 ? bottom : top; /* the side nearer to a pole is the wider one */
    return (struct bounds){{s->center.lon - lon, s->center.lon + lon},
                           {s->center.lat - lat, s->center.lat + lat}};
}

/* Goes round the world. At the very end of a range, 180 degrees say, a part is one too many; it's
 * taken back only by moving, as Redis does. */
static uint32_t moved(uint32_t part, int by, unsigned steps) {
    return by ? (part + (uint32_t)by) & (uint32_t)((1ULL << steps) - 1) : part;
}

static struct cell beside(struct cell c, int x, int y) {
    return (struct cell){moved(c.x, x, c.steps), moved(c.y, y, c.steps), c.steps};
}

static struct span lon_of(struct cell c) {
    return part_span(c.x, LON, c.steps);
}

static struct span lat_of(struct cell c) {
    return part_span(c.y, LAT, c.steps);
}

/* Does the shape reach beyond the cells around this one? */
static bool too_small(struct cell c, const struct bounds *b) {
    return lat_of(beside(c, 0, 1)).max < b->lat.max || lat_of(beside(c, 0, -1)).min > b->lat.min ||
           lon_of(beside(c, 1, 0)).max < b->lon.max || lon_of(beside(c, -1, 0)).min > b->lon.min;
}

/* Is the neighbour in that direction needed, or does the cell itself go as far as the shape? */
static bool needed(struct cell c, int x, int y, const struct bounds *b) {
    if (c.steps < 2) return true;
    struct span lon = lon_of(c), lat = lat_of(c);
    if (y < 0 && lat.min < b->lat.min) return false;
    if (y > 0 && lat.max > b->lat.max) return false;
    if (x < 0 && lon.min < b->lon.min) return false;
    return !(x > 0 && lon.max > b->lon.max);
}

size_t geo_cover(const struct geo_shape *s, struct geo_range ranges[GEO_CELLS]) {
    static const struct {
        int x, y;
    } order[GEO_CELLS] = {{0, 0}, {0, 1},  {0, -1}, {1, 0},  {-1, 0},
                          {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
    struct bounds b = bounds_of(s);
    double radius =
        s->box ? sqrt(s->width / 2 * (s->width / 2) + s->height / 2 * (s->height / 2)) : s->radius;
    unsigned steps = steps_for(radius * s->unit, s->center.lat);
    struct cell c = cell_of(s->center, LAT, steps);
    if (steps > 1 && too_small(c, &b)) c = cell_of(s->center, LAT, steps - 1);
    size_t count = 0;
    for (unsigned i = 0; i < GEO_CELLS; i++) {
        if (!needed(c, order[i].x, order[i].y, &b)) continue;
        uint64_t number = cell_number(beside(c, order[i].x, order[i].y));
        unsigned finer = 2 * (GEO_STEPS - c.steps);
        struct geo_range range = {(double)(number << finer), (double)((number + 1) << finer)};
        /* Where cells are huge, neighbours can be the same. */
        if (count && ranges[count - 1].from == range.from) continue;
        ranges[count++] = range;
    }
    return count;
}
