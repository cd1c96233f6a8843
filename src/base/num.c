/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/num.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/dtoa.h"

/* ---- integers ---- */

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

static size_t count_digits(uint64_t value) {
    size_t count = 1;
    for (;; value /= 10000, count += 4) {
        if (value < 10) return count;
        if (value < 100) return count + 1;
        if (value < 1000) return count + 2;
        if (value < 10000) return count + 3;
    }
}

size_t num_from_u64(char *to, uint64_t value) {
    size_t len = count_digits(value);
    char *at = to + len;
    while (value >= 100) {
        at -= 2;
        memcpy(at, digit_pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10)
        memcpy(to, digit_pairs + value * 2, 2);
    else
        *to = (char)('0' + value);
    return len;
}

size_t num_from_i64(char *to, int64_t value) {
    if (value >= 0) return num_from_u64(to, (uint64_t)value);
    *to = '-';
    return 1 + num_from_u64(to + 1, 0 - (uint64_t)value);
}

bool num_to_u64(struct slice text, uint64_t *out) {
    if (text.len == 0 || text.len > 20) return false;
    if (text.ptr[0] == '0' && text.len > 1) return false;

    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned char)text.ptr[i] - '0';
        if (digit > 9) return false;
        /* Nineteen digits can't overflow. */
        if (i == 19 && (value > UINT64_MAX / 10 || value * 10 > UINT64_MAX - digit)) return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool num_to_i64(struct slice text, int64_t *out) {
    if (!text.len) return false;
    bool negative = text.len > 1 && text.ptr[0] == '-';
    uint64_t magnitude;
    if (!num_to_u64(slice_of(text.ptr + negative, text.len - negative), &magnitude)) return false;
    if (negative && magnitude == 0) return false;
    if (magnitude > (uint64_t)INT64_MAX + negative) return false;
    *out = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

int64_t num_leading_i64(struct slice text) {
    if (!text.len) return 0;
    const char *at = text.ptr, *end = text.ptr + text.len;
    while (at < end && (*at == ' ' || (*at >= '\t' && *at <= '\r'))) at++;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    uint64_t magnitude = 0, most = (uint64_t)INT64_MAX + negative;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (magnitude > (most - digit) / 10) return negative ? INT64_MIN : INT64_MAX;
        magnitude = 10 * magnitude + digit;
    }
    return (int64_t)(negative ? 0 - magnitude : magnitude);
}

/* ---- floating point from text ---- */

enum { SIMPLE_DIGITS = 18 };

/* A number without exponent and of at most SIMPLE_DIGITS digits: mantissa / 10^scale. */
struct simple {
    uint64_t mantissa;
    int scale;
    bool negative;
};

static bool simple_parse(struct slice text, struct simple *out) {
    *out = (struct simple){0};
    if (!text.len) return false;
    const char *at = text.ptr, *end = text.ptr + text.len;
    if (at < end && (*at == '-' || *at == '+')) out->negative = *at++ == '-';
    if (end - at > SIMPLE_DIGITS + 1) return false;

    int digits = 0;
    const char *point = NULL;
    for (; at < end; at++) {
        unsigned digit = (unsigned char)*at - '0';
        if (digit > 9) {
            if (*at != '.' || point) return false;
            point = at;
            continue;
        }
        out->mantissa = out->mantissa * 10 + digit;
        digits++;
    }
    out->scale = point ? (int)(end - point) - 1 : 0;
    return digits > 0 && digits <= SIMPLE_DIGITS;
}

/* The C library's reader wants a terminated string; a copy of `text` that doesn't fit `room` bytes
 * is allocated. */
static char *terminated(struct slice text, char *room, size_t size) {
    char *copy = text.len < size ? room : mem_try_alloc(text.len + 1);
    if (!copy) return NULL;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

/* newlocale for all of "C" hands out the library's own constant object: no allocation, nothing to
 * free. */
static locale_t c_locale(void) {
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static bool float_candidate(struct slice text) {
    return text.len > 0 && !isspace((unsigned char)text.ptr[0]);
}

static bool read_double(struct slice text, double *out) {
    char room[512];
    char *copy = terminated(text, room, sizeof(room)), *end;
    if (!copy) return false;
    errno = 0;
    double value = strtod_l(copy, &end, c_locale());
    bool whole = (size_t)(end - copy) == text.len;
    if (copy != room) mem_free(copy);
    /* ERANGE with anything but infinity and 0 is a denormal value, which is fine. */
    bool range = errno == ERANGE && (isinf(value) || value == 0);
    if (!whole || range || isnan(value)) return false;
    *out = value;
    return true;
}

bool num_to_double(struct slice text, double *out) {
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                   1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    if (!float_candidate(text)) return false;

    /* Both operands are exact doubles, so one division rounds once: correct (Clinger 1990). */
    struct simple simple;
    if (simple_parse(text, &simple) && simple.mantissa <= (uint64_t)1 << DBL_MANT_DIG) {
        double value = (double)simple.mantissa / power[simple.scale];
        *out = simple.negative ? -value : value;
        return true;
    }
    return read_double(text, out);
}

bool num_to_ldouble(struct slice text, long double *out) {
    if (!float_candidate(text) || text.len >= NUM_LDOUBLE_MAX) return false;

#if LDBL_MANT_DIG >= 64
    static const long double power[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,
                                        1e7L,  1e8L,  1e9L,  1e10L, 1e11L, 1e12L, 1e13L,
                                        1e14L, 1e15L, 1e16L, 1e17L, 1e18L};
    struct simple simple;
    if (simple_parse(text, &simple)) {
        long double quick = (long double)simple.mantissa / power[simple.scale];
        *out = simple.negative ? -quick : quick;
        return true;
    }
#endif

    char copy[NUM_LDOUBLE_MAX], *end;
    terminated(text, copy, sizeof(copy));
    errno = 0;
    long double value = strtold_l(copy, &end, c_locale());
    bool range = errno == ERANGE && (isinf(value) || value == 0);
    if ((size_t)(end - copy) != text.len || range || isnan(value)) return false;
    *out = value;
    return true;
}

/* ---- floating point to text ---- */

static size_t put(char *to, const char *text) {
    size_t len = strlen(text);
    memcpy(to, text, len);
    return len;
}

static size_t put_zeros(char *to, int count) {
    memset(to, '0', (size_t)count);
    return (size_t)count;
}

/* "0.00123" or "12.3": the point is `whole` digits from the start, that may be negative. */
static size_t put_plain(char *to, const char *digits, int count, int whole) {
    if (whole <= 0) {
        size_t len = put(to, "0.");
        len += put_zeros(to + len, -whole);
        memcpy(to + len, digits, (size_t)count);
        return len + (size_t)count;
    }
    memcpy(to, digits, (size_t)whole);
    to[whole] = '.';
    memcpy(to + whole + 1, digits + whole, (size_t)(count - whole));
    return (size_t)count + 1;
}

static size_t put_scientific(char *to, const char *digits, int count, int exponent) {
    size_t len = 0;
    to[len++] = digits[0];
    if (count > 1) {
        to[len++] = '.';
        memcpy(to + len, digits + 1, (size_t)count - 1);
        len += (size_t)count - 1;
    }
    to[len++] = 'e';
    to[len++] = exponent < 0 ? '-' : '+';
    return len + num_from_u64(to + len, (uint64_t)abs(exponent));
}

size_t num_from_double(char *to, double value) {
    enum { ZEROS_MAX = 7, SMALL_POWER = -7, PLAIN_EXPONENT = 4 };
    static const double whole_max = 0x1p62;

    if (isnan(value)) return put(to, "nan");
    if (isinf(value)) return put(to, value < 0 ? "-inf" : "inf");
    if (value == 0) return put(to, signbit(value) ? "-0" : "0");
    if (fabs(value) <= whole_max && value == (double)(int64_t)value)
        return num_from_i64(to, (int64_t)value);

    char digits[DTOA_DIGITS_MAX];
    int power, count = dtoa_digits(value, digits, &power);
    int exponent = power + count - 1;
    bool negative = value < 0;
    size_t len = 0;
    if (negative) to[len++] = '-';

    if (power >= 0 && power <= ZEROS_MAX - negative) {
        memcpy(to + len, digits, (size_t)count);
        len += (size_t)count;
        return len + put_zeros(to + len, power);
    }
    if (power < 0 && (power > SMALL_POWER || abs(exponent) < PLAIN_EXPONENT))
        return len + put_plain(to + len, digits, count, exponent + 1);
    return len + put_scientific(to + len, digits, count, exponent);
}

/* Drops zeros at the end of a fraction, the point when nothing is left after it, and the sign of a
 * zero. */
static size_t trim_fraction(char *text, size_t len) {
    while (text[len - 1] == '0') len--;
    if (text[len - 1] == '.') len--;
    if (len == 2 && text[0] == '-' && text[1] == '0') {
        text[0] = '0';
        len = 1;
    }
    return len;
}

#if LDBL_MANT_DIG == 64
/* For magnitudes from 2^-6 to 2^63: the fraction is a multiple of 2^-69, so that 2^70 times it is
 * whole, and that times 10^17 still fits 128 bits: exact. Six times as fast as printf's arithmetic
 * of any precision. */
static size_t put_fixed(char *to, long double magnitude) {
    enum { PLACES = 17, SHIFT = 70 };
    const uint64_t scale = 100000000000000000U;
    const unsigned __int128 half = (unsigned __int128)1 << (SHIFT - 1);

    uint64_t whole = (uint64_t)magnitude;
    unsigned __int128 scaled =
        (unsigned __int128)((magnitude - (long double)whole) * 0x1p70L) * scale;
    uint64_t fraction = (uint64_t)(scaled >> SHIFT);
    unsigned __int128 rest = scaled & (half * 2 - 1);
    if (rest > half || (rest == half && fraction % 2)) fraction++;
    if (fraction == scale) {
        whole++;
        fraction = 0;
    }
    size_t len = num_from_u64(to, whole);
    to[len++] = '.';
    char digits[NUM_I64_MAX];
    size_t count = num_from_u64(digits, fraction);
    len += put_zeros(to + len, PLACES - (int)count);
    memcpy(to + len, digits, count);
    return len + count;
}
#endif

size_t num_from_ldouble(char *to, long double value) {
    if (isnan(value)) return put(to, "nan");
    if (isinf(value)) return put(to, value < 0 ? "-inf" : "inf");
    if (fabsl(value) < 0x1p63L && value == (long double)(int64_t)value)
        return num_from_i64(to, (int64_t)value);

#if LDBL_MANT_DIG == 64
    long double magnitude = fabsl(value);
    if (magnitude >= 0x1p-6L && magnitude < 0x1p63L) {
        size_t sign = value < 0;
        to[0] = '-';
        return trim_fraction(to, sign + put_fixed(to + sign, magnitude));
    }
#endif

    locale_t before = uselocale(c_locale());
    int len = snprintf(to, NUM_LDOUBLE_MAX, "%.17Lf", value);
    uselocale(before);
    return trim_fraction(to, (size_t)len);
}

/* ---- sizes ---- */

bool num_to_bytes(struct slice text, uint64_t *out) {
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {
        {"", 1},           {"b", 1},
        {"k", 1000},       {"kb", 1024},
        {"m", 1000000},    {"mb", 1024 * 1024},
        {"g", 1000000000}, {"gb", 1024 * 1024 * 1024},
    };

    size_t digits = 0;
    uint64_t number = 0;
    for (; digits < text.len && isdigit((unsigned char)text.ptr[digits]); digits++) {
        uint64_t digit = (uint64_t)(text.ptr[digits] - '0');
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return false;
    }
    struct slice suffix = slice_of(text.ptr + digits, text.len - digits);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!slice_is(suffix, units[i].name)) continue;
        if (__builtin_mul_overflow(number, units[i].bytes, &number)) return false;
        *out = number;
        return true;
    }
    return false;
}

size_t num_to_human(char *to, uint64_t bytes) {
    static const char names[] = "KMGTP";
    int unit = 0;
    for (uint64_t rest = bytes >> 10; rest > 0; rest >>= 10) unit++;
    if (unit == 0 || unit > (int)sizeof(names) - 1) {
        size_t len = num_from_u64(to, bytes);
        to[len] = 'B';
        return len + 1;
    }

    /* Hundredths, rounded to nearest and ties to even, as printing the quotient as a double rounds
     * it. */
    int shift = unit * 10;
    unsigned __int128 scaled = (unsigned __int128)bytes * 100;
    uint64_t hundredths = (uint64_t)(scaled >> shift);
    uint64_t rest = (uint64_t)scaled & (((uint64_t)1 << shift) - 1),
             half = (uint64_t)1 << (shift - 1);
    if (rest > half || (rest == half && hundredths % 2)) hundredths++;

    size_t len = num_from_u64(to, hundredths / 100);
    to[len] = '.';
    memcpy(to + len + 1, digit_pairs + hundredths % 100 * 2, 2);
    to[len + 3] = names[unit - 1];
    return len + 4;
}
