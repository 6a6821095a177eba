/*
 * Heartbeat of one worker and recovery of dead ones; the side thread's half
 * of the queue, on a connection of its own.  A worker is dead when its beat
 * counter has not changed for lease_us on this process's monotonic clock,
 * all of it watched by this janitor since its own start and since the last
 * reconnection.
 */

#ifndef MUTT_JANITOR_H
#define MUTT_JANITOR_H

#include "conf/mutt_settings.h"
#include "core/mutt_error.h"
#include "core/mutt_time.h"
#include "mutt_redis.h"

typedef struct mutt_janitor_s mutt_janitor_t;

mutt_janitor_t *mutt_janitor_create(const mutt_settings_t *settings,
                                    const char *kind, const char *pod,
                                    mutt_usec_t lease);
void mutt_janitor_destroy(mutt_janitor_t *janitor);

/*
 * Beats, looks at all workers of its kind, recovers the dead ones in chunks
 * of at most 1,000.  token is the worker's own ("": not registered, so
 * no beat).  *recovered counts items.
 */
MUTT_CHECKED mutt_rc_t mutt_janitor_turn(mutt_janitor_t *janitor,
                                         mutt_redis_t *redis, const char *token,
                                         mutt_usec_t now_mono,
                                         int64_t *recovered, mutt_err_t *err);

/* The connection was lost: watching starts anew. */
void mutt_janitor_forget(mutt_janitor_t *janitor);

#endif
