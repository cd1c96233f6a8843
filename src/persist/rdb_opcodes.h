/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of an RDB file begin with; a lower byte is the code of a key's value. */
#ifndef DREY_PERSIST_RDB_OPCODES_H
#define DREY_PERSIST_RDB_OPCODES_H

enum rdb_opcode {
    RDB_OP_SLOT = 244,          /* sizes of a cluster's slot: three lengths */
    RDB_OP_FUNCTIONS = 245,     /* a library: its code */
    RDB_OP_FUNCTIONS_PRE = 246, /* the same before its release, never read again */
    RDB_OP_MODULE = 247,        /* data of a module */
    RDB_OP_IDLE = 248,          /* of the next key: seconds since its last use */
    RDB_OP_FREQUENCY = 249,     /* of the next key: its counter, a byte */
    RDB_OP_FACT = 250,          /* name and value, both strings */
    RDB_OP_SIZES = 251,         /* keys, keys with a deadline */
    RDB_OP_DEADLINE_MS = 252,   /* of the next key: 8 bytes */
    RDB_OP_DEADLINE_S = 253,    /* of the next key: 4 bytes */
    RDB_OP_DB = 254,
    RDB_OP_END = 255,
};

#endif
