/* SPDX-License-Identifier: BSD-3-Clause */
/* The library `struct`: values to and from the bytes of a C struct, after Roberto Ierusalimschy's
 * library of that name, with the limits of the one in Redis 7.2.
 *
 * struct.pack(format, ...), struct.unpack(format, data [, position]) and struct.size(format). A
 * format is a sequence of
 *   > <       big or little endian from here on (at first the machine's)
 *   ![n]      alignment to n at most (8 if n is left out); at first nothing is aligned
 *   b B h H l L T f d   signed and unsigned char, short, long; size_t; float; double
 *   i[n] I[n] signed and unsigned integer of n bytes (4), at most 32
 *   c[n]      n bytes (1); c0: packs all of a string, unpacks as many as the number before says
 *   s         a string that ends with a zero byte
 *   x         a zero byte; a blank is skipped */
#ifndef DREY_SCRIPT_LUA_STRUCT_H
#define DREY_SCRIPT_LUA_STRUCT_H

#include <lua.h>

/* Pushes the library's table; `buf` is the stack index of the state's lua_buf. */
void lua_struct_push(lua_State *L, int buf);

#endif
