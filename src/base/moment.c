/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/moment.h"

#include "base/num.h"

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

/* Just so many digits, taken off the text. */
static bool take_digits(struct slice *text, unsigned count, int *number) {
    if (text->len < count) return false;
    *number = 0;
    for (unsigned i = 0; i < count; i++) {
        char c = text->ptr[i];
        if (c < '0' || c > '9') return false;
        *number = *number * 10 + (c - '0');
    }
    *text = slice_of(text->ptr + count, text->len - count);
    return true;
}

static bool take(struct slice *text, const char *any) {
    if (!text->len || !strchr(any, text->ptr[0])) return false;
    *text = slice_of(text->ptr + 1, text->len - 1);
    return true;
}

static bool is_leap(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970 to the year's first. */
static int64_t days_to(int year) {
    int64_t y = year - 1; /* whole years behind us, counted from the year 1 */
    return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static bool take_date(struct slice *text, int64_t *unix_s) {
    int year, month, day;
    if (!take_digits(text, 4, &year) || !take(text, "-") || !take_digits(text, 2, &month) ||
        !take(text, "-") || !take_digits(text, 2, &day))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_of(year, month)) return false;
    int64_t days = days_to(year) + day - 1;
    for (int m = 1; m < month; m++) days += days_of(year, m);
    *unix_s = days * DAY;
    return true;
}

static bool take_time(struct slice *text, int64_t *unix_s) {
    int hour, minute, second = 0, digit;
    if (!take_digits(text, 2, &hour) || !take(text, ":") || !take_digits(text, 2, &minute))
        return false;
    if (take(text, ":")) {
        if (!take_digits(text, 2, &second)) return false;
        if (take(text, ".,") && !take_digits(text, 1, &digit)) return false;
        while (take_digits(text, 1, &digit)) continue;
    }
    if (hour > 23 || minute > 59 || second > 60) return false;
    *unix_s += hour * HOUR + minute * MINUTE + second;
    return true;
}

static bool take_zone(struct slice *text, int64_t *unix_s) {
    int hour, minute = 0;
    if (!text->len || take(text, "Zz")) return true;
    bool east = text->ptr[0] == '+';
    if (!take(text, "+-") || !take_digits(text, 2, &hour)) return false;
    if (text->len && (take(text, ":"), !take_digits(text, 2, &minute))) return false;
    if (hour > 23 || minute > 59) return false;
    int offset = hour * HOUR + minute * MINUTE;
    *unix_s += east ? -offset : offset;
    return true;
}

bool moment_parse(struct slice text, int64_t *unix_s) {
    if (num_to_i64(text, unix_s)) return *unix_s >= 0;
    if (!take_date(&text, unix_s)) return false;
    if (!text.len) return true;
    return take(&text, "Tt ") && take_time(&text, unix_s) && take_zone(&text, unix_s) && !text.len;
}
