/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/server.h"

int main(int argc, char **argv) {
    struct server *s = server_new(argc, argv);
    return s ? server_run(s) : 1;
}
