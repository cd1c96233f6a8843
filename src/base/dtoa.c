/* SPDX-License-Identifier: BSD-3-Clause */
/* Grisu2. The value and the two ends of the interval that reads back as the value are scaled by a
 * cached power of ten so that their binary exponents fall between -60 and -32: then the upper end
 * is a 32-bit whole part and a fraction of at most 60 bits, and its digits come out with small
 * integers. Digits are taken until the rest is inside the interval (shrunk by one unit at each end,
 * because the scaling rounds), then the last one is turned towards the value itself.
 *
 * "wide" below is a floating point number without sign: f * 2^e, 64 bits of f. */
#include "base/dtoa.h"

#include <stdint.h>
#include <string.h>

enum {
    FRACTION_BITS = 52,
    EXPONENT_BIAS = 1075,  /* of a double's exponent field, its fraction taken as an integer */
    POWER_FIRST = -348,    /* the first cached power of ten */
    POWER_STEP = 8,        /* from one cached power to the next */
    SCALED_EXPONENT = -60, /* the least binary exponent after scaling */
};

#define HIDDEN_BIT ((uint64_t)1 << FRACTION_BITS)

struct wide {
    uint64_t f;
    int e;
};

/* Correctly rounded 64-bit significands of 10^(POWER_FIRST + i * POWER_STEP); the exponents follow
 * from i. */
static const uint64_t power_significand[] = {
    0xfa8fd5a0081c0288, 0xbaaee17fa23ebf76, 0x8b16fb203055ac76, 0xcf42894a5dce35ea,
    0x9a6bb0aa55653b2d, 0xe61acf033d1a45df, 0xab70fe17c79ac6ca, 0xff77b1fcbebcdc4f,
    0xbe5691ef416bd60c, 0x8dd01fad907ffc3c, 0xd3515c2831559a83, 0x9d71ac8fada6c9b5,
    0xea9c227723ee8bcb, 0xaecc49914078536d, 0x823c12795db6ce57, 0xc21094364dfb5637,
    0x9096ea6f3848984f, 0xd77485cb25823ac7, 0xa086cfcd97bf97f4, 0xef340a98172aace5,
    0xb23867fb2a35b28e, 0x84c8d4dfd2c63f3b, 0xc5dd44271ad3cdba, 0x936b9fcebb25c996,
    0xdbac6c247d62a584, 0xa3ab66580d5fdaf6, 0xf3e2f893dec3f126, 0xb5b5ada8aaff80b8,
    0x87625f056c7c4a8b, 0xc9bcff6034c13053, 0x964e858c91ba2655, 0xdff9772470297ebd,
    0xa6dfbd9fb8e5b88f, 0xf8a95fcf88747d94, 0xb94470938fa89bcf, 0x8a08f0f8bf0f156b,
    0xcdb02555653131b6, 0x993fe2c6d07b7fac, 0xe45c10c42a2b3b06, 0xaa242499697392d3,
    0xfd87b5f28300ca0e, 0xbce5086492111aeb, 0x8cbccc096f5088cc, 0xd1b71758e219652c,
    0x9c40000000000000, 0xe8d4a51000000000, 0xad78ebc5ac620000, 0x813f3978f8940984,
    0xc097ce7bc90715b3, 0x8f7e32ce7bea5c70, 0xd5d238a4abe98068, 0x9f4f2726179a2245,
    0xed63a231d4c4fb27, 0xb0de65388cc8ada8, 0x83c7088e1aab65db, 0xc45d1df942711d9a,
    0x924d692ca61be758, 0xda01ee641a708dea, 0xa26da3999aef774a, 0xf209787bb47d6b85,
    0xb454e4a179dd1877, 0x865b86925b9bc5c2, 0xc83553c5c8965d3d, 0x952ab45cfa97a0b3,
    0xde469fbd99a05fe3, 0xa59bc234db398c25, 0xf6c69a72a3989f5c, 0xb7dcbf5354e9bece,
    0x88fcf317f22241e2, 0xcc20ce9bd35c78a5, 0x98165af37b2153df, 0xe2a0b5dc971f303a,
    0xa8d9d1535ce3b396, 0xfb9b7cd9a4a7443c, 0xbb764c4ca7a44410, 0x8bab8eefb6409c1a,
    0xd01fef10a657842c, 0x9b10a4e5e9913129, 0xe7109bfba19c0c9d, 0xac2820d9623bf429,
    0x80444b5e7aa7cf85, 0xbf21e44003acdd2d, 0x8e679c2f5e44ff8f, 0xd433179d9c8cb841,
    0x9e19db92b4e31ba9, 0xeb96bf6ebadf77d9, 0xaf87023b9bf0ee6b,
};

static const uint32_t small_power[] = {1,      10,      100,      1000,      10000,
                                       100000, 1000000, 10000000, 100000000, 1000000000};

static struct wide wide_normal(struct wide w) {
    int shift = __builtin_clzll(w.f);
    return (struct wide){w.f << shift, w.e - shift};
}

/* The upper 64 bits of the product, rounded to nearest. */
static struct wide wide_mul(struct wide a, struct wide b) {
    unsigned __int128 product = (unsigned __int128)a.f * b.f + ((uint64_t)1 << 63);
    return (struct wide){(uint64_t)(product >> 64), a.e + b.e + 64};
}

/* The smallest cached power of ten that scales a normal number of exponent e to at least
 * SCALED_EXPONENT; *k is its decimal exponent. 78913 / 2^18 is log10(2), 1741647 / 2^19 is
 * log2(10), close enough for all exponents of doubles. */
static struct wide cached_power(int e, int *k) {
    int need = SCALED_EXPONENT - 1 - e;     /* floor(log2(power)) must be at least this */
    int decimal = -((-need * 78913) >> 18); /* ceil(need * log10(2)) */
    int index = (decimal - POWER_FIRST + POWER_STEP - 1) / POWER_STEP;
    *k = POWER_FIRST + index * POWER_STEP;
    return (struct wide){power_significand[index], ((*k * 1741647) >> 19) - 63};
}

/* Lowers the last digit while that brings it nearer to the value and stays in the interval. `rest`:
 * upper end minus the digits so far; `width`: of the interval; `unit`: one of the last digit;
 * `gap`: upper end minus value. */
static void turn_last_digit(char *last, uint64_t width, uint64_t rest, uint64_t unit,
                            uint64_t gap) {
    while (rest < gap && width - rest >= unit &&
           (rest + unit < gap || gap - rest > rest + unit - gap)) {
        (*last)--;
        rest += unit;
    }
}

static int whole_digits(uint32_t whole) {
    int count = 1;
    while (count < 10 && whole >= small_power[count]) count++;
    return count;
}

/* Digits of `high`, stopping inside the interval from high - width to high. *k: power of ten of the
 * last digit. */
static int generate(struct wide high, uint64_t width, uint64_t gap, char *digits, int *k) {
    int point = -high.e;
    uint64_t mask = ((uint64_t)1 << point) - 1;
    uint32_t whole = (uint32_t)(high.f >> point);
    uint64_t fraction = high.f & mask;
    int len = 0;

    for (int kappa = whole_digits(whole) - 1; kappa >= 0; kappa--) {
        digits[len++] = (char)('0' + whole / small_power[kappa]);
        whole %= small_power[kappa];
        uint64_t rest = ((uint64_t)whole << point) + fraction;
        if (rest <= width) {
            *k = kappa;
            turn_last_digit(digits + len - 1, width, rest, (uint64_t)small_power[kappa] << point,
                            gap);
            return len;
        }
    }
    for (*k = -1;; (*k)--) {
        fraction *= 10;
        width *= 10;
        gap *= 10;
        digits[len++] = (char)('0' + (fraction >> point));
        fraction &= mask;
        if (fraction < width) break;
    }
    turn_last_digit(digits + len - 1, width, fraction, mask + 1, gap);
    return len;
}

int dtoa_digits(double value, char *digits, int *exponent) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint64_t fraction = bits & (HIDDEN_BIT - 1);
    int field = (int)(bits >> FRACTION_BITS & 0x7ff);
    struct wide v = field ? (struct wide){fraction | HIDDEN_BIT, field - EXPONENT_BIAS}
                          : (struct wide){fraction, 1 - EXPONENT_BIAS};

    /* The ends lie half way to the neighbours; below a power of two the neighbour is half as far.
     */
    struct wide high = wide_normal((struct wide){v.f * 2 + 1, v.e - 1});
    struct wide low = v.f == HIDDEN_BIT ? (struct wide){v.f * 4 - 1, v.e - 2}
                                        : (struct wide){v.f * 2 - 1, v.e - 1};
    low = (struct wide){low.f << (low.e - high.e), high.e};
    v = wide_normal(v);

    int k;
    struct wide power = cached_power(v.e, &k);
    v = wide_mul(v, power);
    high = wide_mul(high, power);
    low = wide_mul(low, power);
    high.f--;
    low.f++;
    int len = generate(high, high.f - low.f, high.f - v.f, digits, exponent);
    *exponent -= k;
    return len;
}
