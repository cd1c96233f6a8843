/* SPDX-License-Identifier: BSD-3-Clause */
/* The digits of a double: Grisu2, from Florian Loitsch, "Printing Floating-Point Numbers Quickly
 * and Accurately with Integers" (PLDI 2010).
 *
 * Why this one and not an always-shortest algorithm: Redis 7.2 prints scores with Grisu2, too, and
 * clients compare the text. Its digits always read back as the same double; for about one value in
 * a thousand they are one digit more than the shortest possible, and there the text is Redis's.
 * About 100 ns, no division of wide integers, no memory. */
#ifndef DREY_BASE_DTOA_H
#define DREY_BASE_DTOA_H

enum { DTOA_DIGITS_MAX = 18 };

/* Writes the decimal digits of |value| (finite, not 0) to `digits`, DTOA_DIGITS_MAX bytes, without
 * a terminator, leading or trailing zeros, and returns how many; value = digits * 10^(*exponent).
 */
int dtoa_digits(double value, char *digits, int *exponent);

#endif
