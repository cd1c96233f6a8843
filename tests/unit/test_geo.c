/* SPDX-License-Identifier: BSD-3-Clause */
/* Cells of places: known ones, and coverings against a search of everything. The seed is fixed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "type/geo.h"

enum { PLACES = 3000 };

static struct random rng;

static double between(double min, double max) {
    return min + (max - min) * ((double)random_below(&rng, 1ULL << 53) / (double)(1ULL << 53));
}

static struct geo_point random_point(void) {
    return (struct geo_point){between(-179.99, 179.99), between(-84, 84)};
}

/* What the documentation of GEOADD and GEODIST shows. */
static void known(void **state) {
    struct geo_point palermo = {13.361389, 38.115556}, catania = {15.087269, 37.502669};
    char text[GEO_HASH_LEN];
    assert_int_equal(geo_cell(palermo), 3479099956230698);
    assert_int_equal(geo_cell(catania), 3479447370796909);
    palermo = geo_cell_point(geo_cell(palermo));
    catania = geo_cell_point(geo_cell(catania));
    assert_true(fabs(geo_distance(palermo, catania) - 166274.1516) < 0.0001);
    geo_hash(palermo, text);
    assert_memory_equal(text, "sqc8b49rny0", GEO_HASH_LEN);
    geo_hash(catania, text);
    assert_memory_equal(text, "sqdtr74hyu0", GEO_HASH_LEN);
}

static void valid(void **state) {
    assert_true(geo_valid((struct geo_point){180, 85.05112878}));
    assert_true(geo_valid((struct geo_point){-180, -85.05112878}));
    assert_false(geo_valid((struct geo_point){180.0001, 0}));
    assert_false(geo_valid((struct geo_point){0, -85.06}));
    assert_false(geo_valid((struct geo_point){NAN, 0}));
}

/* A cell is less than a metre wide and high. */
static void there_and_back(void **state) {
    random_seed_fixed(&rng, 1);
    for (unsigned i = 0; i < 10000; i++) {
        struct geo_point p = random_point();
        uint64_t cell = geo_cell(p);
        struct geo_point q = geo_cell_point(cell);
        assert_true(cell < 1ULL << 52);
        assert_true(geo_distance(p, q) < 1);
        assert_int_equal(geo_cell(q), cell);
    }
}

static void distances(void **state) {
    double degree = 6372797.560856 * M_PI / 180;
    assert_true(fabs(geo_distance((struct geo_point){0, 0}, (struct geo_point){1, 0}) - degree) <
                1e-6);
    assert_true(fabs(geo_distance((struct geo_point){5, 0}, (struct geo_point){5, 1}) - degree) <
                1e-6);
    random_seed_fixed(&rng, 2);
    for (unsigned i = 0; i < 1000; i++) {
        struct geo_point a = random_point(), b = random_point(), c = random_point();
        assert_true(geo_distance(a, a) == 0);
        assert_true(geo_distance(a, b) == geo_distance(b, a));
        assert_true(geo_distance(a, b) <= geo_distance(a, c) + geo_distance(c, b) + 1e-6);
    }
}

static bool covered(const struct geo_range *ranges, size_t count, double score) {
    for (size_t i = 0; i < count; i++)
        if (score >= ranges[i].from && score < ranges[i].to) return true;
    return false;
}

/* All places in a shape lie in its cells; far from the poles and from where the map ends. */
static void covers(void **state) {
    random_seed_fixed(&rng, 3);
    for (unsigned i = 0; i < 400; i++) {
        struct geo_shape s = {.center = {between(-120, 120), between(-55, 55)}, .unit = 1000};
        double size = pow(10, between(-2, 3));
        s.box = i % 2;
        s.radius = size;
        s.width = size;
        s.height = size * between(0.1, 1);
        struct geo_range ranges[GEO_CELLS];
        size_t count = geo_cover(&s, ranges);
        assert_true(count > 0 && count <= GEO_CELLS);
        double reach = size / 50;
        unsigned inside = 0;
        for (unsigned n = 0; n < PLACES; n++) {
            struct geo_point p = {s.center.lon + between(-reach, reach),
                                  s.center.lat + between(-reach, reach)};
            double distance;
            if (!geo_valid(p) || !geo_shape_has(&s, p, &distance)) continue;
            inside++;
            assert_true(fabs(distance - geo_distance(p, s.center)) < 1e-6);
            assert_true(covered(ranges, count, (double)geo_cell(p)));
        }
        assert_true(inside > 0);
    }
}

/* The whole Earth, and a point. */
static void extremes(void **state) {
    struct geo_range ranges[GEO_CELLS];
    struct geo_shape all = {.center = {0, 0}, .radius = 30000000, .unit = 1};
    size_t count = geo_cover(&all, ranges);
    random_seed_fixed(&rng, 4);
    for (unsigned i = 0; i < PLACES; i++) {
        struct geo_point p = random_point();
        double distance;
        assert_true(geo_shape_has(&all, p, &distance));
        assert_true(covered(ranges, count, (double)geo_cell(p)));
    }
    struct geo_shape point = {.center = {12, 34}, .radius = 0, .unit = 1};
    count = geo_cover(&point, ranges);
    assert_true(covered(ranges, count, (double)geo_cell(point.center)));
    assert_true(ranges[0].to - ranges[0].from == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known),     cmocka_unit_test(valid),  cmocka_unit_test(there_and_back),
        cmocka_unit_test(distances), cmocka_unit_test(covers), cmocka_unit_test(extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
