#include "mutt_breaker.h"


void
mutt_breaker_init(mutt_breaker_t *b, unsigned threshold, mutt_usec_t open_us)
{
    *b = (mutt_breaker_t) { .open_us = open_us,
                            .threshold = threshold > 0 ? threshold : 1 };
}


bool
mutt_breaker_allow(mutt_breaker_t *b, mutt_usec_t now)
{
    if (b->state == MUTT_BREAKER_CLOSED) {
        return true;
    }

    if (now < b->until) {
        return false;
    }

    b->state = MUTT_BREAKER_HALF_OPEN;
    b->until = now + b->open_us;

    return true;
}


void
mutt_breaker_ok(mutt_breaker_t *b, mutt_usec_t now)
{
    (void) now;
    b->state = MUTT_BREAKER_CLOSED;
    b->failures = 0;
}


void
mutt_breaker_failed(mutt_breaker_t *b, mutt_usec_t now)
{
    b->failures += b->failures < b->threshold;

    if (b->state == MUTT_BREAKER_OPEN || b->failures < b->threshold) {
        return;
    }

    b->state = MUTT_BREAKER_OPEN;
    b->until = now + b->open_us;
}


mutt_breaker_state_t
mutt_breaker_state(const mutt_breaker_t *b, mutt_usec_t now)
{
    return b->state == MUTT_BREAKER_OPEN && now >= b->until
               ? MUTT_BREAKER_HALF_OPEN
               : b->state;
}
