#include "mutt_recover.h"

#include <stdio.h>

#include "core/mutt_failpoint.h"
#include "core/mutt_time.h"
#include "domain/mutt_keys.h"

/* more in one script would stop Redis for longer than a millisecond */
#define CHUNK 1000


mutt_rc_t
mutt_recover(mutt_redis_t *redis, const mutt_queue_names_t *names,
             mutt_str_t token, int64_t *moved, mutt_err_t *err)
{
    char observed[32];
    char limit[32];
    char chunk[16];
    char now[MUTT_TIME_LEN + 1];
    const mutt_reply_t *reply;
    int64_t sum = 0;

    (void) snprintf(observed, sizeof(observed), "%.*s", MUTT_STR_ARG(token));
    (void) snprintf(limit, sizeof(limit), "%lld",
                    (long long) names->max_attempts);
    (void) snprintf(chunk, sizeof(chunk), "%d", CHUNK);
    mutt_time_format(mutt_time_now(), now);

    const mutt_str_t keys[] = {
        mutt_str(mutt_keys[MUTT_KEY_FENCE]),
        mutt_str(mutt_keys[MUTT_KEY_WORKERS]),
        mutt_str(mutt_keys[MUTT_KEY_BEATS]),
        mutt_str(names->heartbeat),
        mutt_str(names->processing),
        names->source,
        names->dlq,
    };

    do {
        const mutt_str_t args[] = { mutt_str(names->id), mutt_str(observed),
                                    mutt_str(chunk), mutt_str(limit),
                                    mutt_str(now) };
        mutt_rc_t rc = mutt_redis_script(redis, MUTT_SCRIPT_RECOVER, 7, keys, 5,
                                         args, &reply, err);

        if (rc != MUTT_OK) {
            return rc;
        }

        MUTT_PASS("recover.moved");

        if (reply->integer > 0) {
            sum += reply->integer;
        }

        /* the first chunk took the fence away */
        observed[0] = '\0';
    } while (reply->integer == CHUNK);

    *moved = sum;

    return MUTT_OK;
}
