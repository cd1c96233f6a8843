/* SPDX-License-Identifier: BSD-3-Clause */
/* The latency monitor's series, and how they're drawn and summed up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "server/latency_report.h"

enum { MS = 1000 * 1000 };

/* Against all samples ever, the worst of each second. */
static void the_worst_of_each_second_stays(void **unused) {
    enum { MOST = 1000 };
    static struct latency_sample seen[MOST];
    struct latency_series *series = mem_zalloc(sizeof *series);
    struct random r;
    size_t count = 0;
    uint32_t time_s = 5, worst = 0;
    random_seed_fixed(&r, 1);
    while (count < MOST - 1) {
        uint32_t ms = (uint32_t)random_below(&r, 500);
        latency_series_add(series, time_s, ms);
        if (ms > worst) worst = ms;
        if (count && seen[count - 1].time_s == time_s) {
            if (ms > seen[count - 1].ms) seen[count - 1].ms = ms;
        } else {
            seen[count++] = (struct latency_sample){time_s, ms};
        }
        size_t kept = count < LATENCY_SAMPLES ? count : LATENCY_SAMPLES;
        assert_int_equal(series->count, kept);
        assert_int_equal(series->worst_ms, worst);
        for (size_t i = 0; i < kept; i++) {
            const struct latency_sample *sample = latency_sample_at(series, i);
            assert_int_equal(sample->time_s, seen[count - kept + i].time_s);
            assert_int_equal(sample->ms, seen[count - kept + i].ms);
        }
        time_s += (uint32_t)random_below(&r, 3);
    }
    mem_free(series);
}

static void only_from_the_threshold_on(void **unused) {
    struct latency_monitor m = {0};
    latency_monitor_see(&m, LATENCY_COMMAND, UINT64_MAX);
    assert_null(m.series[LATENCY_COMMAND]);
    m.threshold_ns = 10 * MS;
    latency_monitor_see(&m, LATENCY_COMMAND, 10 * MS - 1);
    assert_null(m.series[LATENCY_COMMAND]);
    latency_monitor_see(&m, LATENCY_COMMAND, 10 * MS);
    assert_int_equal(m.series[LATENCY_COMMAND]->worst_ms, 10);
    assert_null(m.series[LATENCY_FAST_COMMAND]);
    assert_true(latency_monitor_forget(&m, LATENCY_COMMAND));
    assert_false(latency_monitor_forget(&m, LATENCY_COMMAND));
    latency_monitor_see(&m, LATENCY_CRON, UINT64_MAX);
    assert_int_equal(m.series[LATENCY_CRON]->worst_ms,
                     UINT64_MAX / MS < UINT32_MAX ? UINT64_MAX / MS : UINT32_MAX);
    latency_monitor_release(&m);
}

static void names(void **unused) {
    for (int event = 0; event < LATENCY_EVENT_COUNT; event++) {
        struct slice name = slice_str(latency_event_name((enum latency_event)event));
        assert_int_equal(latency_event_find(name), event);
    }
    assert_int_equal(latency_event_find(SLICE("COMMAND")), LATENCY_EVENT_COUNT);
    assert_int_equal(latency_event_find(SLICE("comman")), LATENCY_EVENT_COUNT);
}

static struct latency_series *series_of(const uint32_t *ms, size_t count, uint32_t now_s) {
    struct latency_series *series = mem_zalloc(sizeof *series);
    for (size_t i = 0; i < count; i++)
        latency_series_add(series, now_s - (uint32_t)(count - i), ms[i]);
    return series;
}

static void expect_graph(const uint32_t *ms, size_t count, const char *wanted) {
    struct latency_series *series = series_of(ms, count, 100000);
    struct buf out = BUF_INIT;
    latency_graph(series, LATENCY_COMMAND, 100000, &out);
    assert_string_equal(out.data, wanted);
    buf_release(&out);
    mem_free(series);
}

#define RULE                                                                                       \
    "----------------------------------------"                                                     \
    "----------------------------------------\n"

/* As Redis 7.0 draws the same samples. */
static void graph(void **unused) {
    static const uint32_t rising[] = {10,  20,  30,  40,  50,  60, 70, 80, 90,
                                      100, 110, 120, 130, 140, 15, 35, 130};
    expect_graph(rising, sizeof rising / sizeof rising[0],
                 "command - high 140 ms, low 10 ms (all time high 140 ms)\n" RULE
                 "          _o##  #\n"
                 "       _o#||||  |\n"
                 "    _o#|||||||  |\n"
                 "__o#||||||||||_#|\n"
                 "                 \n"
                 "11111111987654321\n"
                 "76543210sssssssss\n"
                 "ssssssss         \n");
    static const uint32_t three[] = {20, 55, 5};
    expect_graph(three, 3,
                 "command - high 55 ms, low 5 ms (all time high 55 ms)\n" RULE " # \n"
                 " | \n"
                 "_| \n"
                 "||_\n"
                 "   \n"
                 "321\n"
                 "sss\n");
}

static void graph_of_equals(void **unused) {
    static const uint32_t one[] = {7};
    expect_graph(one, 1,
                 "command - high 7 ms, low 7 ms (all time high 7 ms)\n" RULE
                 " \n \n \n_\n \n1\ns\n");
}

/* No line is longer than 80 columns, and each sample has one column. */
static void graph_of_many(void **unused) {
    uint32_t ms[LATENCY_SAMPLES];
    for (size_t i = 0; i < LATENCY_SAMPLES; i++) ms[i] = (uint32_t)i;
    struct latency_series *series = series_of(ms, LATENCY_SAMPLES, 1000 * 1000);
    struct buf out = BUF_INIT;
    latency_graph(series, LATENCY_COMMAND, 1000 * 1000, &out);
    size_t units = 0;
    for (const char *line = out.data; *line;) {
        size_t len = strcspn(line, "\n");
        assert_in_range(len, 0, 80);
        for (size_t i = 0; i < len && line > strchr(out.data, '\n'); i++)
            units += line[i] == 's' || line[i] == 'm';
        line += len + 1;
    }
    assert_int_equal(units, LATENCY_SAMPLES);
    buf_release(&out);
    mem_free(series);
}

static void summary(void **unused) {
    static const uint32_t ms[] = {10, 20, 60};
    struct latency_series *series = series_of(ms, 3, 1000);
    struct latency_summary sum = latency_summarize(series, 1000);
    assert_int_equal(sum.spikes, 3);
    assert_int_equal(sum.worst_ms, 60);
    assert_true(sum.average_ms > 29.99 && sum.average_ms < 30.01);
    assert_true(sum.deviation_ms > 19.99 && sum.deviation_ms < 20.01);
    assert_true(sum.period_s > 0.99 && sum.period_s < 1.01);
    mem_free(series);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_of_each_second_stays),
        cmocka_unit_test(only_from_the_threshold_on),
        cmocka_unit_test(names),
        cmocka_unit_test(graph),
        cmocka_unit_test(graph_of_equals),
        cmocka_unit_test(graph_of_many),
        cmocka_unit_test(summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
