/*
 * How the objectives stood before: a point of each evaluation as it is kept in
 * Redis, and what GET /api/v2/slo/history answers.  Pure.
 */

#ifndef MUTT_SLO_HISTORY_H
#define MUTT_SLO_HISTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/mutt_buf.h"
#include "mutt_slo.h"

/* How far back points of 5 minutes reach, and points of an hour. */
#define MUTT_SLO_FINE_HOURS 48
#define MUTT_SLO_HISTORY_HOURS 720

/* A point as text, of one line. */
void mutt_slo_point_write(mutt_buf_t *out, const mutt_slo_point_t *point);

/* The same back; false when the text, which ends in a NUL, is none. */
bool mutt_slo_point_read(const char *text, mutt_slo_point_t *point);

/* Appends the JSON of n points, the oldest first. */
void mutt_slo_history_write(mutt_buf_t *out, int64_t hours,
                            const mutt_slo_point_t *points, size_t n);

#endif
