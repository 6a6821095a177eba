/*
 * How hard the alert queue presses back on the alerter: CONTRACT 5.4.  A
 * level is reached above its threshold and left at 90 % of it, so that a
 * depth around a threshold does not flap.
 */

#ifndef MUTT_PRESSURE_H
#define MUTT_PRESSURE_H

#include <stdint.h>

typedef enum {
    MUTT_PRESSURE_NONE,
    MUTT_PRESSURE_WARN,
    MUTT_PRESSURE_SHED
} mutt_pressure_t;

/* The thresholds, in alerts; a shed threshold of at most warn's is allowed. */
typedef struct {
    int64_t warn;
    int64_t shed;
} mutt_pressure_limits_t;

/* The level at a depth of the queue, when it was before so far. */
mutt_pressure_t mutt_pressure_at(mutt_pressure_t before, int64_t depth,
                                 const mutt_pressure_limits_t *limits);

/* The depth that a level of MUTT_PRESSURE_SHED is left at. */
int64_t mutt_pressure_end(int64_t threshold);

#endif
