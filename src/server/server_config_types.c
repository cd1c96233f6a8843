/* SPDX-License-Identifier: BSD-3-Clause */
/* The values that no general type covers: output buffer limits, OOM scores, percentiles */
#include "server/server_config_types.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/num.h"
#include "base/words.h"
#include "server/server_config.h"

static bool refuse(const struct config_input *in, const char *reason) {
    buf_append_str(in->why, reason);
    return false;
}

/* --- client-output-buffer-limit: groups of class, hard, soft, seconds --- */

static const char *const class_names[SERVER_OUTPUT_CLASSES] = {"normal", "replica", "pubsub"};

/* What a line is written with, and what CONFIG GET has said since before replicas were called so.
 */
static const char *class_shown(int class) {
    return class == SERVER_OUTPUT_REPLICA ? "slave" : class_names[class];
}

static int class_find(struct slice name) {
    for (int i = 0; i < SERVER_OUTPUT_CLASSES; i++)
        if (slice_is(name, class_names[i]) || slice_is(name, class_shown(i))) return i;
    return -1;
}

static bool limits_parse(const struct config_input *in, void *value) {
    struct server_output_limits *limits = value;
    *limits = *(const struct server_output_limits *)in->current;
    if (in->n % 4) return refuse(in, "Wrong number of arguments in buffer limit configuration.");
    for (size_t i = 0; i < in->n; i += 4) {
        const struct slice *words = in->words + i;
        struct server_output_limit limit;
        int class = class_find(words[0]);
        if (class < 0)
            return refuse(in, "Invalid client class specified in buffer limit configuration.");
        if (!num_to_bytes(words[1], &limit.hard_bytes) ||
            !num_to_bytes(words[2], &limit.soft_bytes) ||
            !num_to_i64(words[3], &limit.soft_seconds) || limit.soft_seconds < 0)
            return refuse(in, "Error in hard, soft or soft_seconds setting in buffer limit "
                              "configuration.");
        limits->of[class] = limit;
    }
    return true;
}

static void limits_format(const struct config_param *param, const void *value, struct buf *out) {
    const struct server_output_limits *limits = value;
    for (int i = 0; i < SERVER_OUTPUT_CLASSES; i++)
        buf_appendf(out, "%s%s %" PRIu64 " %" PRIu64 " %" PRId64, i ? " " : "", class_shown(i),
                    limits->of[i].hard_bytes, limits->of[i].soft_bytes, limits->of[i].soft_seconds);
}

static struct server_output_limits default_limits(const struct config_param *param) {
    struct server_output_limits zero = {0}, limits = {0};
    struct buf why = BUF_INIT;
    struct words words;
    if (words_split(slice_str(param->def), &words)) {
        struct config_input in = {
            .param = param, .current = &zero, .words = words.items, .n = words.count, .why = &why};
        limits_parse(&in, &limits);
        words_release(&words);
    }
    buf_release(&why);
    return limits;
}

/* A line for each class that isn't at its default. */
static void limits_rewrite(const struct config_param *param, const void *value, struct buf *lines) {
    const struct server_output_limits *limits = value;
    struct server_output_limits defaults = default_limits(param);
    for (int i = 0; i < SERVER_OUTPUT_CLASSES; i++) {
        const struct server_output_limit *limit = &limits->of[i];
        if (limit->hard_bytes == defaults.of[i].hard_bytes &&
            limit->soft_bytes == defaults.of[i].soft_bytes &&
            limit->soft_seconds == defaults.of[i].soft_seconds)
            continue;
        buf_appendf(lines, "%s %s ", param->name, class_names[i]);
        config_append_bytes(lines, limit->hard_bytes);
        buf_append_char(lines, ' ');
        config_append_bytes(lines, limit->soft_bytes);
        buf_appendf(lines, " %" PRId64 "\n", limit->soft_seconds);
    }
}

const struct config_type server_type_output_limits = {.size = sizeof(struct server_output_limits),
                                                      .adds_up = true,
                                                      .parse = limits_parse,
                                                      .format = limits_format,
                                                      .rewrite = limits_rewrite};

/* --- oom-score-adj-values: three numbers --- */

static bool oom_parse(const struct config_input *in, void *value) {
    struct server_oom_values *values = value;
    if (in->n != 3) return refuse(in, "wrong number of arguments");
    for (size_t i = 0; i < 3; i++) {
        int64_t *number = &values->of[i];
        if (!num_to_i64(in->words[i], number) || *number < -2000 || *number > 2000)
            return refuse(in, "Invalid oom-score-adj-values, elements must be between -2000 and "
                              "2000.");
    }
    return true;
}

static void oom_format(const struct config_param *param, const void *value, struct buf *out) {
    const struct server_oom_values *values = value;
    buf_appendf(out, "%" PRId64 " %" PRId64 " %" PRId64, values->of[0], values->of[1],
                values->of[2]);
}

static void oom_rewrite(const struct config_param *param, const void *value, struct buf *lines) {
    buf_appendf(lines, "%s ", param->name);
    oom_format(param, value, lines);
    buf_append_char(lines, '\n');
}

const struct config_type server_type_oom_values = {.size = sizeof(struct server_oom_values),
                                                   .parse = oom_parse,
                                                   .format = oom_format,
                                                   .rewrite = oom_rewrite};

/* --- latency-tracking-info-percentiles: any number of them, or none --- */

static bool percentiles_parse(const struct config_input *in, void *value) {
    struct server_percentiles *list = value;
    size_t n = in->n == 1 && in->words[0].len == 0 ? 0 : in->n;
    double *items = mem_alloc((n + 1) * sizeof(*items));
    const char *reason = NULL;
    for (size_t i = 0; i < n && !reason; i++) {
        if (!num_to_double(in->words[i], &items[i]))
            reason = "Invalid latency-tracking-info-percentiles parameters";
        else if (items[i] < 0 || items[i] > 100)
            reason = "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
    }
    if (reason) {
        mem_free(items);
        return refuse(in, reason);
    }
    *list = (struct server_percentiles){items, n};
    return true;
}

static void percentiles_format(const struct config_param *param, const void *value,
                               struct buf *out) {
    const struct server_percentiles *list = value;
    for (size_t i = 0; i < list->n; i++) {
        if (i) buf_append_char(out, ' ');
        server_append_percentile(out, list->items[i]);
    }
}

void server_append_percentile(struct buf *out, double percentile) {
    char text[32]; /* 100.000000 at the most */
    int len = snprintf(text, sizeof(text), "%f", percentile);
    while (text[len - 1] == '0') len--;
    if (text[len - 1] == '.') len--;
    buf_append(out, text, (size_t)len);
}

static void percentiles_release(void *value) {
    struct server_percentiles *list = value;
    mem_free(list->items);
    *list = (struct server_percentiles){0};
}

static void percentiles_rewrite(const struct config_param *param, const void *value,
                                struct buf *lines) {
    const struct server_percentiles *list = value;
    buf_appendf(lines, "%s ", param->name);
    percentiles_format(param, value, lines);
    buf_append_str(lines, list->n ? "\n" : "\"\"\n");
}

const struct config_type server_type_percentiles = {.size = sizeof(struct server_percentiles),
                                                    .parse = percentiles_parse,
                                                    .format = percentiles_format,
                                                    .release = percentiles_release,
                                                    .rewrite = percentiles_rewrite};
