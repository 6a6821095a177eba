/* What an answer of the webhook means; CONTRACT 5.3. */

#ifndef MUTT_OUTCOME_H
#define MUTT_OUTCOME_H

#include <stdint.h>

#include "core/mutt_str.h"
#include "core/mutt_time.h"

/* How an attempt ended. */
typedef enum {
    MUTT_SEND_ANSWERED, /* with an HTTP status */
    MUTT_SEND_TIMEOUT,
    MUTT_SEND_CONNECT /* no connection, or lost, or TLS refused */
} mutt_send_t;

typedef enum {
    MUTT_OUTCOME_DELIVERED,
    MUTT_OUTCOME_RETRY,   /* counts for the breaker */
    MUTT_OUTCOME_LIMITED, /* 429: retry, hold everybody, no failure */
    MUTT_OUTCOME_KEY,     /* 401: perhaps the other key */
    MUTT_OUTCOME_CONFIG,  /* 401, 403, 404: hold; opens the breaker */
    MUTT_OUTCOME_REFUSED  /* this alert is refused for good */
} mutt_outcome_t;

mutt_outcome_t mutt_outcome_of(mutt_send_t send, long status);

/*
 * Milliseconds that a Retry-After asks to wait, RFC 9110 10.2.3: seconds, or
 * an HTTP date of the preferred form.  At most an hour; 0 for anything else.
 */
int64_t mutt_retry_after_ms(mutt_str_t text, mutt_usec_t now);

/*
 * The delay before retry number n (from 0): full jitter, random in
 * 0..min(last, first * 2^n) milliseconds.
 */
int64_t mutt_retry_delay_ms(int64_t n, double first_s, double last_s,
                            uint32_t random);

#endif
