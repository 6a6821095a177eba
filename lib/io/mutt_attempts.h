/*
 * Attempts to deliver that did not succeed at once, noted in Redis for who
 * asks what became of an event: of the last 10,000 such events, the last ones
 * of each.  For people; nothing is decided by them, and what cannot be noted
 * is left out.
 */

#ifndef MUTT_ATTEMPTS_H
#define MUTT_ATTEMPTS_H

#include "core/mutt_error.h"
#include "core/mutt_str.h"
#include "core/mutt_time.h"
#include "core/mutt_uuid.h"
#include "mutt_redis.h"

#define MUTT_ATTEMPTS_PENDING 256

typedef struct {
    mutt_usec_t at;
    int64_t number;      /* from 1 */
    const char *outcome; /* a word */
    const char *reason;  /* a word; "" for none */
    long status;         /* the webhook's answer; 0 for none */
    double seconds;
} mutt_attempt_t;

/* Those that are to be noted; zeros are none. */
typedef struct {
    struct {
        char event_id[MUTT_UUID_LEN + 1];
        char text[256];
    } pending[MUTT_ATTEMPTS_PENDING];
    size_t n;
} mutt_attempts_t;

/* Remembers an attempt, unless too many wait. */
void mutt_attempts_add(mutt_attempts_t *attempts, mutt_str_t event_id,
                       const mutt_attempt_t *attempt);

/* Writes them to Redis, if there are any; they are forgotten then. */
MUTT_CHECKED mutt_rc_t mutt_attempts_flush(mutt_attempts_t *attempts,
                                           mutt_redis_t *redis,
                                           mutt_err_t *err);

#endif
