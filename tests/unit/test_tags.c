/* SPDX-License-Identifier: BSD-3-Clause */
/* The search for tags in one step against the plain loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "ds/tags.h"

static unsigned plain_match(const uint8_t *tags, uint8_t tag) {
    unsigned found = 0;
    for (unsigned i = 0; i < TAGS_COUNT; i++)
        if (tags[i] == tag) found |= 1u << i;
    return found;
}

/* Every tag alone in every place, with what isn't a tag behind them equal to it. */
static void each_place(void **unused) {
    for (unsigned tag = 0; tag < 256; tag++) {
        for (unsigned at = 0; at < 16; at++) {
            _Alignas(16) uint8_t tags[16];
            for (int i = 0; i < 16; i++) tags[i] = (uint8_t)(tag + 1 + i % 3);
            tags[at] = (uint8_t)tag;
            assert_int_equal(tags_match(tags, (uint8_t)tag), at < TAGS_COUNT ? 1u << at : 0);
        }
    }
}

static void random_tags(void **unused) {
    struct random r;
    random_seed_fixed(&r, 9);
    unsigned all_seen = 0;
    for (int round = 0; round < 200000; round++) {
        _Alignas(16) uint8_t tags[16];
        uint64_t kinds = round % 2 ? 2 : 256, base = random_below(&r, 256);
        for (int i = 0; i < 16; i++) tags[i] = (uint8_t)(base + random_below(&r, kinds));
        uint8_t tag = (uint8_t)(base + random_below(&r, kinds));
        unsigned found = tags_match(tags, tag);
        assert_int_equal(found, plain_match(tags, tag));
        all_seen += found == TAGS_ALL;
    }
    assert_true(all_seen > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_place),
        cmocka_unit_test(random_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
