/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as what RESTORE is given: refused, or a value that holds all that must hold, dumps and
 * restores as what it is, and stays sound under commands.
 *
 * An input is the code and the bytes of a value, as RDB files have them; version and checksum are
 * added, so that damage gets past them. As it is it's tried, too. */
#include <stdint.h>
#include <stdlib.h>

#include "fuzz/engine.h"
#include "type/rdb_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void restore(struct slice payload) {
    struct slice argv[] = {SLICE("RESTORE"), SLICE("key"), SLICE("0"), payload, SLICE("REPLACE")};
    fuzz_engine();
    if (fuzz_ask(argv, 5).ptr[0] == '+') fuzz_use_all();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rdb_writer w = {.version = RDB_VERSION_MAX};
    buf_append(&w.buf, data, size);
    restore(buf_slice(&w.buf));
    rdb_seal(&w);
    restore(buf_slice(&w.buf));
    buf_release(&w.buf);
    return 0;
}
