#include "mutt_attempts.h"

#include <stdio.h>
#include <string.h>

#include "domain/mutt_keys.h"

#define EVENTS_KEPT "10000"
#define BYTES_KEPT "2048"


void
mutt_attempts_add(mutt_attempts_t *attempts, mutt_str_t event_id,
                  const mutt_attempt_t *attempt)
{
    char at[MUTT_TIME_LEN + 1];
    char status[16] = "null";

    if (attempts->n == MUTT_ATTEMPTS_PENDING || event_id.len == 0 ||
        event_id.len > MUTT_UUID_LEN) {
        return;
    }

    size_t i = attempts->n++;

    if (attempt->status != 0) {
        (void) snprintf(status, sizeof(status), "%ld", attempt->status);
    }

    mutt_time_format(attempt->at, at);
    (void) snprintf(attempts->pending[i].event_id,
                    sizeof(attempts->pending[i].event_id), "%.*s",
                    MUTT_STR_ARG(event_id));
    (void) snprintf(attempts->pending[i].text,
                    sizeof(attempts->pending[i].text),
                    "{\"at\":\"%s\",\"attempt\":%lld,\"outcome\":\"%s\","
                    "\"reason\":\"%s\",\"status\":%s,\"seconds\":%.3f}",
                    at, (long long) attempt->number, attempt->outcome,
                    attempt->reason, status, attempt->seconds);
}


mutt_rc_t
mutt_attempts_flush(mutt_attempts_t *attempts, mutt_redis_t *redis,
                    mutt_err_t *err)
{
    mutt_str_t keys[] = { mutt_str(mutt_keys[MUTT_KEY_ATTEMPTS]),
                          mutt_str(mutt_keys[MUTT_KEY_ATTEMPTS_ORDER]) };
    mutt_str_t args[2 + 2 * MUTT_ATTEMPTS_PENDING];
    const mutt_reply_t *reply;
    size_t n = attempts->n;

    if (n == 0) {
        return MUTT_OK;
    }

    args[0] = MUTT_STR(EVENTS_KEPT);
    args[1] = MUTT_STR(BYTES_KEPT);

    for (size_t i = 0; i < n; i++) {
        args[2 + 2 * i] = mutt_str(attempts->pending[i].event_id);
        args[3 + 2 * i] = mutt_str(attempts->pending[i].text);
    }

    attempts->n = 0;

    mutt_rc_t rc = mutt_redis_script(redis, MUTT_SCRIPT_ATTEMPTS, 2, keys,
                                     2 + 2 * n, args, &reply, err);

    /* a Redis that is full, or whose keys are of another kind, notes none */
    return mutt_redis_connected(redis) ? MUTT_OK : rc;
}
