/* SPDX-License-Identifier: BSD-3-Clause */
/* A config file for users to start from. */
#ifndef DREY_EXEC_CONFIG_SAMPLE_H
#define DREY_EXEC_CONFIG_SAMPLE_H

#include "exec/config.h"

/* Every parameter with its line of description and its default, commented out, grouped in order of
 * registration. What only tests use is left out. */
void config_write_sample(struct config *cfg, struct buf *out);

#endif
