/*
 * What the alerter notes of a traced event on its way through it, and the
 * spans that come of it: the two before it (ingest, the wait in the queue)
 * when it meets the event for the first time, and its own.
 */

#ifndef MUTT_JOURNEY_H
#define MUTT_JOURNEY_H

#include "mutt_event.h"
#include "mutt_trace.h"

#define MUTT_JOURNEY_SPANS 5
#define MUTT_JOURNEY_RANDOM (4 * MUTT_SPAN_ID)

/* Moments are 0 where nothing of the kind happened. */
typedef struct {
    bool on;
    bool first; /* neither a retry nor a replay */
    mutt_trace_t from;
    mutt_trace_origin_t origin;
    unsigned char ids[4][MUTT_SPAN_ID];
    mutt_usec_t claimed;
    mutt_usec_t matching;
    mutt_usec_t matched;
    mutt_usec_t inserting;
    mutt_usec_t inserted;
    mutt_usec_t committed;
    int32_t rule_id;
    bool failed;
    const char *outcome; /* static text */
} mutt_journey_t;

/*
 * Begins the journey of an event whose traceparent is of a sampled trace;
 * false, and the journey is off, for all others.
 */
bool mutt_journey_begin(mutt_journey_t *journey, const mutt_event_t *event,
                        const unsigned char random[MUTT_JOURNEY_RANDOM]);

/* The traceparent of what the alerter makes of the event. */
void mutt_journey_traceparent(const mutt_journey_t *journey,
                              char out[MUTT_TRACEPARENT_LEN + 1]);

/* The spans of a journey that has ended; how many. */
size_t mutt_journey_spans(const mutt_journey_t *journey,
                          const mutt_event_t *event,
                          mutt_span_t out[MUTT_JOURNEY_SPANS]);

#endif
