/*
 * What is shown live to who watches: a sample of events with what was decided
 * of each, in a short stream of Redis.  Costs a look a second while nobody
 * watches, and a message in a tenth of a second while somebody does.
 */

#ifndef MUTT_LIVE_H
#define MUTT_LIVE_H

#include "domain/mutt_event.h"
#include "mutt_redis.h"

/* Zero-initialised. */
typedef struct {
    bool watched;
    mutt_usec_t asked_at;
    mutt_usec_t told_at;
    int64_t passed; /* events since the last message */
} mutt_live_t;

/* An event and its decision. */
typedef struct {
    const mutt_event_t *event;
    int32_t rule_id;      /* 0: none */
    const char *decision; /* NULL: none */
    mutt_str_t team;      /* empty: none */
    const char *outcome;
    bool forwarded;
} mutt_live_event_t;

#define MUTT_LIVE_SAMPLE 20

/*
 * Counts n events that were settled.  True when some of them may be told of
 * now, at most MUTT_LIVE_SAMPLE.  A failure of Redis is whoever asks it next
 * to tell.
 */
bool mutt_live_wants(mutt_live_t *live, mutt_redis_t *redis, size_t n);

void mutt_live_tell(mutt_live_t *live, mutt_redis_t *redis,
                    const mutt_live_event_t *events, size_t n);

#endif
