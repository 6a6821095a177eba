/*
 * A circuit breaker: after so many failures in a row nobody is let through
 * for a while, then one probe decides.  Pure: the caller passes monotonic
 * time in and reports how each attempt ended.
 *
 *            failures >= threshold          open time over: one probe
 *   CLOSED -------------------------> OPEN <------------------------> HALF OPEN
 *      ^                                       the probe failed            |
 *      +--------------------- any success ---------------------------------+
 *
 * Of one thread.  The webhook's breaker is shared by all forwarders and lives
 * in Redis (lua/admit.lua, lua/settle.lua), by the same table.
 */

#ifndef MUTT_BREAKER_H
#define MUTT_BREAKER_H

#include <stdbool.h>

#include "core/mutt_time.h"

/* The numbers are what mutt_circuit_breaker_state shows. */
typedef enum {
    MUTT_BREAKER_CLOSED = 0,
    MUTT_BREAKER_HALF_OPEN = 1,
    MUTT_BREAKER_OPEN = 2
} mutt_breaker_state_t;

/* open_us may be set anew before any call; that is how a caller adds jitter. */
typedef struct {
    mutt_usec_t open_us; /* how long it stays open, and a probe may take */
    mutt_usec_t until;   /* end of the open time, or of the probe's */
    unsigned threshold;
    unsigned failures; /* in a row */
    mutt_breaker_state_t state;
} mutt_breaker_t;

/* Closed; it opens at threshold (at least 1) failures in a row. */
void mutt_breaker_init(mutt_breaker_t *b, unsigned threshold,
                       mutt_usec_t open_us);

/*
 * Whether an attempt may be made now.  True also for the one probe, after
 * which it is false until the probe is reported or has been lost for open_us.
 */
bool mutt_breaker_allow(mutt_breaker_t *b, mutt_usec_t now);

/* An attempt went well, whichever: closes. */
void mutt_breaker_ok(mutt_breaker_t *b, mutt_usec_t now);

/* An attempt failed.  One that began before it opened prolongs nothing. */
void mutt_breaker_failed(mutt_breaker_t *b, mutt_usec_t now);

/* Half open from when a probe would be let through.  Changes nothing. */
mutt_breaker_state_t mutt_breaker_state(const mutt_breaker_t *b,
                                        mutt_usec_t now);

#endif
