/* How long the oldest item of each list has been under way. */

#ifndef MUTT_QUEUE_AGE_H
#define MUTT_QUEUE_AGE_H

#include "core/mutt_json_fast.h"
#include "mutt_redis.h"

typedef enum {
    MUTT_AGE_INGEST,
    MUTT_AGE_ALERT,
    MUTT_AGE_DLQ_ALERTER,
    MUTT_AGE_DLQ_MOOG,
    MUTT_AGE_LISTS
} mutt_age_list_t;

/*
 * Seconds since ingest received the item that each list gives next; 0 for an
 * empty list, and for an item that does not say.  Any return but MUTT_OK is
 * Redis'; the ages are undefined then.
 */
MUTT_CHECKED mutt_rc_t mutt_queue_ages(mutt_redis_t *redis,
                                       const mutt_settings_t *settings,
                                       mutt_json_reader_t *reader,
                                       double ages[MUTT_AGE_LISTS],
                                       mutt_err_t *err);

#endif
