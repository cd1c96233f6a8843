/* SPDX-License-Identifier: BSD-3-Clause */
/* Types of configuration values that only the server has (see server_config.h for what they fill).
 */
#ifndef DREY_SERVER_SERVER_CONFIG_TYPES_H
#define DREY_SERVER_SERVER_CONFIG_TYPES_H

#include "exec/config.h"

extern const struct config_type server_type_output_limits, server_type_oom_values,
    server_type_percentiles;

/* "99.9", "50": up to six digits after the point, as CONFIG GET and INFO name them. */
void server_append_percentile(struct buf *out, double percentile);

#endif
