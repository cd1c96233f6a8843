/* SPDX-License-Identifier: BSD-3-Clause */
/* All three functions walk a format in the same way: next_item reads one letter with its number and
 * says how many bytes it takes and how many of padding go before it. What isn't a value (order,
 * alignment, blanks) falls through to `setting`, as in the original, so that the same formats are
 * refused with the same words.
 *
 * Sizes: a number in a format is at most INT_MAX, a format's length bounds how many there are, and
 * unpacking compares with what's left of the data, so nothing overflows 64 bits. */
#include "script/lua_struct.h"

#include <ctype.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdint.h>

#include "script/lua_buf.h"

enum {
    INTEGER_MAX = 32, /* bytes of an integer */
    ALIGNMENT = 8,    /* of `!` without a number: that of the machine's widest types */
};

struct format {
    const char *at;
    bool big_endian;
    size_t alignment;
};

struct item {
    char letter;
    size_t size;
    size_t padding;
};

static struct format format_of(const char *text) {
    return (struct format){text, __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__, 1};
}

static int number(lua_State *L, struct format *f, int otherwise) {
    if (!isdigit((unsigned char)*f->at)) return otherwise;
    int value = 0;
    for (; isdigit((unsigned char)*f->at); f->at++) {
        int digit = *f->at - '0';
        if (value > INT_MAX / 10 || value * 10 > INT_MAX - digit)
            luaL_error(L, "integral size overflow");
        value = value * 10 + digit;
    }
    return value;
}

static size_t integer_size(lua_State *L, struct format *f) {
    int size = number(L, f, sizeof(int));
    if (size > INTEGER_MAX)
        luaL_error(L, "integral size %d is larger than limit of %d", size, INTEGER_MAX);
    return (size_t)size;
}

/* 0 for what isn't a value. */
static size_t item_size(lua_State *L, struct format *f, char letter) {
    switch (letter) {
    case 'x':
    case 'b':
    case 'B': return 1;
    case 'h':
    case 'H': return sizeof(short);
    case 'l':
    case 'L': return sizeof(long);
    case 'T': return sizeof(size_t);
    case 'f': return sizeof(float);
    case 'd': return sizeof(double);
    case 'i':
    case 'I': return integer_size(L, f);
    case 'c': return (size_t)number(L, f, 1);
    default: return 0;
    }
}

/* Integers may have a size that's no power of 2; scripts rely on where the original puts those. */
static size_t padding_before(const struct format *f, const struct item *i, size_t position) {
    if (i->size == 0 || i->letter == 'c') return 0;
    size_t size = i->size < f->alignment ? i->size : f->alignment;
    return (size - (position & (size - 1))) & (size - 1);
}

static struct item next_item(lua_State *L, struct format *f, size_t position) {
    struct item i = {.letter = *f->at++};
    i.size = item_size(L, f, i.letter);
    i.padding = padding_before(f, &i, position);
    return i;
}

static void set_alignment(lua_State *L, struct format *f) {
    int alignment = number(L, f, ALIGNMENT);
    if (alignment <= 0 || (alignment & (alignment - 1)) != 0)
        luaL_error(L, "alignment %d is not a power of 2", alignment);
    f->alignment = (size_t)alignment;
}

static void setting(lua_State *L, struct format *f, char letter) {
    switch (letter) {
    case ' ': return;
    case '>': f->big_endian = true; return;
    case '<': f->big_endian = false; return;
    case '!': set_alignment(L, f); return;
    default: luaL_argerror(L, 1, lua_pushfstring(L, "invalid format option '%c'", letter));
    }
}

/* --- Numbers -------------------------------------------------------------------------------------
 */

/* C leaves open what becomes of a double beyond the integer's range; here it's what x86-64 does. */
static uint64_t from_double(double value) {
    if (value >= 0x1p64) return 0;
    if (value >= 0x1p63) return (uint64_t)(value - 0x1p63) + (UINT64_C(1) << 63);
    if (value >= -0x1p63) return (uint64_t)(int64_t)value;
    return UINT64_C(1) << 63;
}

static void copy_in_order(char *to, const char *from, size_t size, bool big_endian) {
    bool reverse = big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
    for (size_t i = 0; i < size; i++) to[i] = from[reverse ? size - 1 - i : i];
}

static void put_integer(char *to, const struct format *f, size_t size, uint64_t value) {
    for (size_t i = 0; i < size; i++) {
        to[f->big_endian ? size - 1 - i : i] = (char)(value & 0xff);
        value >>= 8;
    }
}

/* Integers of more than 8 bytes yield their lowest 64 bits. The sign bit's place counts modulo 64,
 * as the original's shift does on the machines there are. */
static double get_integer(const char *from, const struct format *f, const struct item *i) {
    uint64_t value = 0;
    for (size_t k = 0; k < i->size; k++) {
        char byte = from[f->big_endian ? k : i->size - 1 - k];
        value = value << 8 | (unsigned char)byte;
    }
    if (isupper((unsigned char)i->letter)) return (double)value;
    uint64_t sign = ~UINT64_C(0) << ((i->size * 8 - 1) & 63);
    if (value & sign) value |= sign;
    return (double)(int64_t)value;
}

static bool is_integer(char letter) {
    return letter && strchr("bBhHlLTiI", letter) != NULL;
}

/* --- Packing -------------------------------------------------------------------------------------
 */

static void pack_float(lua_State *L, struct lua_buf *b, const struct format *f, int arg) {
    float value = (float)luaL_checknumber(L, arg);
    copy_in_order(lua_buf_reserve(L, b, sizeof value), (char *)&value, sizeof value, f->big_endian);
    b->len += sizeof value;
}

static void pack_double(lua_State *L, struct lua_buf *b, const struct format *f, int arg) {
    double value = luaL_checknumber(L, arg);
    copy_in_order(lua_buf_reserve(L, b, sizeof value), (char *)&value, sizeof value, f->big_endian);
    b->len += sizeof value;
}

static void pack_text(lua_State *L, struct lua_buf *b, const struct item *i, int arg) {
    size_t len;
    const char *text = luaL_checklstring(L, arg, &len);
    size_t size = i->size ? i->size : len;
    /* The original has gone on to the next argument when it complains. */
    luaL_argcheck(L, len >= size, arg + 1, "string too short");
    lua_buf_append(L, b, slice_of(text, size));
    if (i->letter == 's') lua_buf_append_char(L, b, '\0');
}

/* True if the item took the argument. */
static bool pack_item(lua_State *L, struct lua_buf *b, struct format *f, const struct item *i,
                      int arg) {
    if (is_integer(i->letter)) {
        uint64_t value = from_double(luaL_checknumber(L, arg));
        put_integer(lua_buf_reserve(L, b, i->size), f, i->size, value);
        b->len += i->size;
        return true;
    }
    switch (i->letter) {
    case 'f': pack_float(L, b, f, arg); return true;
    case 'd': pack_double(L, b, f, arg); return true;
    case 'c':
    case 's': pack_text(L, b, i, arg); return true;
    case 'x': lua_buf_append_char(L, b, '\0'); return false;
    default: setting(L, f, i->letter); return false;
    }
}

static int struct_pack(lua_State *L) {
    struct lua_buf *b = lua_touserdata(L, lua_upvalueindex(1));
    struct format f = format_of(luaL_checkstring(L, 1));
    lua_buf_start(L, b);
    /* Behind the last argument there is none, but a nil, which is what an error speaks of. */
    lua_pushnil(L);
    for (int arg = 2; *f.at;) {
        struct item i = next_item(L, &f, b->len);
        memset(lua_buf_reserve(L, b, i.padding), 0, i.padding);
        b->len += i.padding;
        if (pack_item(L, b, &f, &i, arg)) arg++;
    }
    lua_buf_finish(L, b, true);
    return 1;
}

/* --- Unpacking -----------------------------------------------------------------------------------
 */

struct data {
    struct slice bytes;
    size_t position;
    int values; /* pushed so far */
};

static void must_have(lua_State *L, const struct data *d, size_t size) {
    size_t len = d->bytes.len;
    luaL_argcheck(L, size <= len && d->position <= len - size, 2, "data string too short");
}

static void unpack_fixed(lua_State *L, struct data *d, struct item *i) {
    if (i->size == 0) {
        if (d->values == 0 || !lua_isnumber(L, -1))
            luaL_error(L, "format 'c0' needs a previous size");
        i->size = from_double(lua_tonumber(L, -1));
        lua_pop(L, 1);
        d->values--;
        must_have(L, d, i->size);
    }
    lua_pushlstring(L, d->bytes.ptr + d->position, i->size);
}

static void unpack_terminated(lua_State *L, const struct data *d, struct item *i) {
    const char *from = d->bytes.ptr + d->position;
    const char *end = memchr(from, '\0', d->bytes.len - d->position);
    if (!end) luaL_error(L, "unfinished string in data");
    i->size = (size_t)(end - from) + 1;
    lua_pushlstring(L, from, i->size - 1);
}

static void unpack_floating(lua_State *L, const char *from, const struct format *f, size_t size) {
    float narrow;
    double wide;
    copy_in_order(size == sizeof narrow ? (char *)&narrow : (char *)&wide, from, size,
                  f->big_endian);
    lua_pushnumber(L, size == sizeof narrow ? (double)narrow : wide);
}

static void unpack_item(lua_State *L, struct data *d, struct format *f, struct item *i) {
    const char *from = d->bytes.ptr + d->position;
    d->values++;
    if (is_integer(i->letter)) {
        lua_pushnumber(L, get_integer(from, f, i));
        return;
    }
    switch (i->letter) {
    case 'f':
    case 'd': unpack_floating(L, from, f, i->size); return;
    case 's': unpack_terminated(L, d, i); return;
    case 'c':
        d->values--;
        unpack_fixed(L, d, i);
        d->values++;
        return;
    default: d->values--; break;
    }
    if (i->letter != 'x') setting(L, f, i->letter);
}

static int struct_unpack(lua_State *L) {
    struct format f = format_of(luaL_checkstring(L, 1));
    struct data d = {0};
    d.bytes.ptr = luaL_checklstring(L, 2, &d.bytes.len);
    /* A negative one is a very large one, as in the original: there is no data that far. */
    size_t position = (size_t)luaL_optinteger(L, 3, 1);
    luaL_argcheck(L, position > 0, 3, "offset must be 1 or greater");
    d.position = position - 1;
    while (*f.at) {
        struct item i = next_item(L, &f, d.position);
        d.position += i.padding;
        must_have(L, &d, i.size);
        luaL_checkstack(L, 2, "too many results");
        unpack_item(L, &d, &f, &i);
        d.position += i.size;
    }
    lua_pushinteger(L, (lua_Integer)(d.position + 1));
    return d.values + 1;
}

/* --- Size ----------------------------------------------------------------------------------------
 */

static int struct_size(lua_State *L) {
    struct format f = format_of(luaL_checkstring(L, 1));
    size_t position = 0;
    while (*f.at) {
        struct item i = next_item(L, &f, position);
        position += i.padding + i.size;
        if (i.letter == 's') luaL_argerror(L, 1, "option 's' has no fixed size");
        if (i.letter == 'c' && i.size == 0) luaL_argerror(L, 1, "option 'c0' has no fixed size");
        if (!isalnum((unsigned char)i.letter)) setting(L, &f, i.letter);
    }
    lua_pushinteger(L, (lua_Integer)position);
    return 1;
}

void lua_struct_push(lua_State *L, int buf) {
    lua_createtable(L, 0, 3);
    lua_pushvalue(L, buf);
    lua_pushcclosure(L, struct_pack, 1);
    lua_setfield(L, -2, "pack");
    lua_pushcfunction(L, struct_unpack);
    lua_setfield(L, -2, "unpack");
    lua_pushcfunction(L, struct_size);
    lua_setfield(L, -2, "size");
}
