/* SPDX-License-Identifier: BSD-3-Clause */
/* Places and distances as arguments and replies of the GEO commands. */
#ifndef DREY_CMD_GEO_ARGS_H
#define DREY_CMD_GEO_ARGS_H

#include "exec/call.h"
#include "type/geo.h"

/* Arguments i and i + 1 as a place: longitude, latitude. */
bool geo_point_or_reply(struct call *c, int i, struct geo_point *p);
/* Argument i as a unit, in metres: m, km, ft, mi. */
bool geo_unit_or_reply(struct call *c, int i, double *unit);

/* Where a member of a sorted set is; false if it's not there. `e` may be NULL. */
bool geo_member_point(const struct entry *e, struct slice member, struct geo_point *p);
struct geo_point geo_score_point(double score);

void geo_reply_point(struct call *c, struct geo_point p);
void geo_reply_distance(struct call *c, double distance);

#endif
