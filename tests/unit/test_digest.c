/* SPDX-License-Identifier: BSD-3-Clause */
/* Digests: the same for the same contents in any order they may come in, others for others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "type/digest.h"

enum { PARTS = 20, ROUNDS = 200 };

static struct digest of(uint64_t part) {
    struct digest d = DIGEST_INIT;
    digest_chain(&d, slice_of(&part, sizeof part));
    return d;
}

static void assert_same(const struct digest *a, const struct digest *b, bool same) {
    char x[DIGEST_HEX + 1], y[DIGEST_HEX + 1];
    digest_hex(a, x);
    digest_hex(b, y);
    assert_int_equal(strlen(x), DIGEST_HEX);
    assert_int_equal(strspn(x, "0123456789abcdef"), DIGEST_HEX);
    if (same)
        assert_string_equal(x, y);
    else
        assert_string_not_equal(x, y);
}

static void shuffle(uint64_t *parts, struct random *rng) {
    for (size_t i = PARTS - 1; i > 0; i--) {
        size_t j = random_below(rng, i + 1);
        uint64_t part = parts[i];
        parts[i] = parts[j];
        parts[j] = part;
    }
}

static void sum(const uint64_t *parts, size_t n, struct digest *added, struct digest *chained) {
    *added = *chained = (struct digest)DIGEST_INIT;
    for (size_t i = 0; i < n; i++) {
        struct digest d = of(parts[i]);
        digest_add(added, &d);
        digest_chain(chained, slice_of(&parts[i], sizeof parts[i]));
    }
}

static void order(void **state) {
    struct random rng;
    random_seed_fixed(&rng, 7);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t parts[PARTS], moved[PARTS];
        for (size_t i = 0; i < PARTS; i++) parts[i] = random_u64(&rng);
        memcpy(moved, parts, sizeof parts);
        shuffle(moved, &rng);
        struct digest a, b, x, y;
        sum(parts, PARTS, &a, &x);
        sum(moved, PARTS, &b, &y);
        assert_same(&a, &b, true);
        assert_same(&x, &y, memcmp(parts, moved, sizeof parts) == 0);
        moved[random_below(&rng, PARTS)]++;
        sum(moved, PARTS, &b, &y);
        assert_same(&a, &b, false);
        sum(parts, PARTS - 1, &b, &y);
        assert_same(&a, &b, false);
        assert_same(&x, &y, false);
    }
}

/* Where one string ends and the next begins counts, and the same part twice isn't none. */
static void boundaries(void **state) {
    struct digest a = DIGEST_INIT, b = DIGEST_INIT, none = DIGEST_INIT, twice = of(1);
    digest_chain(&a, SLICE("ab"));
    digest_chain(&a, SLICE("c"));
    digest_chain(&b, SLICE("a"));
    digest_chain(&b, SLICE("bc"));
    assert_same(&a, &b, false);
    b = none;
    digest_chain(&b, SLICE(""));
    assert_same(&b, &none, false);
    digest_add(&twice, &twice);
    assert_same(&twice, &none, false);
}

static void zero(void **state) {
    struct digest none = DIGEST_INIT;
    char text[DIGEST_HEX + 1];
    digest_hex(&none, text);
    assert_string_equal(text, "0000000000000000000000000000000000000000");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order),
        cmocka_unit_test(boundaries),
        cmocka_unit_test(zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
