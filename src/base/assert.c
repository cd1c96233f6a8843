/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

static assert_hook *hook_on_failure;

void assert_set_hook(assert_hook *hook) {
    hook_on_failure = hook;
}

void assert_failed(const char *expr, const char *file, int line, const char *func) {
    if (hook_on_failure)
        hook_on_failure(expr, file, line, func);
    else
        fprintf(stderr, "ASSERTION FAILED: %s:%d (%s) '%s' is not true\n", file, line, func, expr);
    abort();
}
