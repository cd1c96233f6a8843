/* SPDX-License-Identifier: BSD-3-Clause */
/* ASSERT is always on and ends the process with expression, place and stack in the log; DASSERT
 * only in debug and sanitizer builds (-DDREY_DEBUG). Bytes from disk, peers or clients are never
 * asserted: they are checked and refused. */
#ifndef DREY_BASE_ASSERT_H
#define DREY_BASE_ASSERT_H

#define ASSERT(expr)                                                                               \
    (__builtin_expect(!(expr), 0) ? assert_failed(#expr, __FILE__, __LINE__, __func__) : (void)0)

#ifdef DREY_DEBUG
#define DASSERT(expr) ASSERT(expr)
#else
#define DASSERT(expr) ((void)sizeof(!(expr)))
#endif

/* Called with the failed expression before the process aborts; the crash report installs itself
 * here (process-wide, since an abort is). */
typedef void assert_hook(const char *expr, const char *file, int line, const char *func);
void assert_set_hook(assert_hook *hook);

_Noreturn void assert_failed(const char *expr, const char *file, int line, const char *func);

#endif
