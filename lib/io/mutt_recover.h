/* Taking a worker's claimed items back; used at start and by the janitor. */

#ifndef MUTT_RECOVER_H
#define MUTT_RECOVER_H

#include "mutt_queue_names.h"
#include "mutt_redis.h"

/*
 * Moves everything a worker holds back to its queue, in chunks, provided
 * that its fence still has the observed token ("" for none).  *moved counts
 * items; a changed token moves nothing and is no failure.  What has used up
 * its attempts becomes a dead letter, failed now for the reason "crashed".
 */
MUTT_CHECKED mutt_rc_t mutt_recover(mutt_redis_t *redis,
                                    const mutt_queue_names_t *names,
                                    mutt_str_t token, int64_t *moved,
                                    mutt_err_t *err);

#endif
