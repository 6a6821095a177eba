/*
 * Dead letters that have lain too long, taken out of their lists for good: by
 * _failed_at, a page at a time, each in the step that checks that it is still
 * where it was.  Letters without a time stay.
 */

#ifndef MUTT_PRUNE_H
#define MUTT_PRUNE_H

#include "core/mutt_json_fast.h"
#include "core/mutt_time.h"
#include "mutt_redis.h"

/* The list in hand and how far it has been looked at; zeros begin. */
typedef struct {
    int list;
    int64_t place;
} mutt_prune_t;

/*
 * Looks at the next letters.  MUTT_AGAIN: all lists have been looked at.
 * *removed of them failed before cutoff; with dry they stay.
 */
MUTT_CHECKED mutt_rc_t mutt_prune_step(mutt_prune_t *prune, mutt_redis_t *redis,
                                       const mutt_settings_t *settings,
                                       mutt_json_reader_t *reader,
                                       mutt_usec_t cutoff, bool dry,
                                       int64_t *removed, mutt_err_t *err);

#endif
