/* SPDX-License-Identifier: BSD-3-Clause */
/* What the allocator and the kernel say follows what the program does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/heap.h"

enum { BLOCK = 64 * 1024 * 1024 };

static void figures_follow(void **state) {
    struct heap_stats before = heap_stats();
    size_t rss = heap_rss();
    assert_true(rss > 0 && rss < heap_machine());
    char *block = mem_alloc(BLOCK);
    memset(block, 1, BLOCK);
    struct heap_stats with = heap_stats();
    assert_true(with.allocated >= before.allocated + BLOCK);
    assert_true(with.active >= with.allocated && with.resident >= with.active);
    assert_true(heap_rss() >= rss + BLOCK / 2);
    mem_free(block);
    heap_purge();
    assert_true(heap_stats().allocated < before.allocated + BLOCK);
}

static void parameters(void **state) {
    int64_t number = 0;
    const char *text = NULL;
    struct buf report = BUF_INIT;
    assert_true(heap_param_int("nonsense", NULL, &number) < 0);
    assert_true(heap_param_str("nonsense", NULL, &text) < 0);
    assert_true(heap_act("nonsense") < 0);
    if (strncmp(heap_allocator(), "jemalloc", 8) != 0) {
        assert_false(heap_report(&report));
        return;
    }
    assert_int_equal(heap_param_int("arenas.page", NULL, &number), 0);
    assert_int_equal(number % 4096, 0);
    assert_int_equal(heap_param_int("config.stats", NULL, &number), 0); /* a bool */
    assert_in_range(number, 0, 1);
    assert_int_equal(heap_param_str("version", NULL, &text), 0);
    assert_non_null(strstr(heap_allocator(), (char[]){text[0], '.', text[2], '\0'}));
    assert_int_equal(heap_act("thread.tcache.flush"), 0);
    assert_true(heap_report(&report));
    assert_non_null(strstr(report.data, "jemalloc"));
    buf_release(&report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_follow),
        cmocka_unit_test(parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
