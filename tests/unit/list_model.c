/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit/list_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/num.h"

void list_model_insert(struct list_model *m, size_t at, struct slice text) {
    assert_true(m->count < LIST_MODEL_MAX);
    memmove(m->items + at + 1, m->items + at, (m->count - at) * sizeof *m->items);
    char *copy = mem_alloc(text.len + 1);
    slice_put(copy, text);
    m->items[at] = slice_of(copy, text.len);
    m->count++;
}

void list_model_delete(struct list_model *m, size_t at, size_t n) {
    for (size_t i = at; i < at + n; i++) mem_free((void *)m->items[i].ptr);
    memmove(m->items + at, m->items + at + n, (m->count - at - n) * sizeof *m->items);
    m->count -= n;
}

size_t list_model_remove(struct list_model *m, struct slice text, size_t max, bool from_back) {
    size_t removed = 0;
    for (size_t seen = 0, i; seen < m->count && removed < max;) {
        i = from_back ? m->count - 1 - seen : seen;
        if (slice_eq(m->items[i], text)) {
            list_model_delete(m, i, 1);
            removed++;
        } else {
            seen++;
        }
    }
    return removed;
}

struct slice list_model_text(struct random *rng, char to[], size_t max) {
    static const char *const fixed[] = {"",
                                        "0",
                                        "-1",
                                        "127",
                                        "128",
                                        "-129",
                                        "32767",
                                        "32768",
                                        "8388607",
                                        "-8388609",
                                        "2147483648",
                                        "9223372036854775807",
                                        "-9223372036854775808",
                                        "9223372036854775808",
                                        "01",
                                        "a"};
    switch (random_below(rng, 8)) {
    case 0: return slice_str(fixed[random_below(rng, sizeof fixed / sizeof fixed[0])]);
    case 1:
        return slice_of(to, num_from_i64(to, (int64_t)random_u64(rng) >> random_below(rng, 64)));
    case 2: {
        size_t len = random_below(rng, max);
        memset(to, 'a' + (int)random_below(rng, 2), len);
        return slice_of(to, len);
    }
    case 3: {
        size_t len = random_below(rng, 300) % max;
        for (size_t i = 0; i < len; i++) to[i] = (char)random_u64(rng);
        return slice_of(to, len);
    }
    default: {
        size_t len = 1 + random_below(rng, 40);
        memset(to, 'x', len);
        to[0] = (char)('a' + random_below(rng, 3));
        return slice_of(to, len);
    }
    }
}
