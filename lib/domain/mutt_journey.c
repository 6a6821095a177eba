#include "mutt_journey.h"

#include <stdio.h>

enum { QUEUE, PROCESS, MATCH, AUDIT };


bool
mutt_journey_begin(mutt_journey_t *journey, const mutt_event_t *event,
                   const unsigned char random[MUTT_JOURNEY_RANDOM])
{
    *journey = (mutt_journey_t) { 0 };

    if (!mutt_trace_parse(event->traceparent, &journey->from) ||
        !journey->from.sampled) {
        return false;
    }

    journey->on = true;
    journey->first =
        event->attempts == 0 && event->replays == 0 &&
        mutt_trace_origin_parse(event->trace_origin, &journey->origin);
    memcpy(journey->ids, random, sizeof(journey->ids));

    return true;
}


void
mutt_journey_traceparent(const mutt_journey_t *journey,
                         char out[MUTT_TRACEPARENT_LEN + 1])
{
    mutt_trace_t next = journey->from;

    memcpy(next.span, journey->ids[PROCESS], MUTT_SPAN_ID);
    mutt_trace_format(&next, out);
}


/* A span of the journey's trace, with what all of them tell. */
static mutt_span_t *
add(const mutt_journey_t *j, const mutt_event_t *event, mutt_span_t *out,
    mutt_span_what_t what, const unsigned char *id, const unsigned char *parent)
{
    *out = (mutt_span_t) { .what = what };
    memcpy(out->trace, j->from.trace, MUTT_TRACE_ID);
    memcpy(out->id, id, MUTT_SPAN_ID);
    memcpy(out->parent, parent, MUTT_SPAN_ID);
    (void) snprintf(out->event_id, sizeof(out->event_id), "%.*s",
                    MUTT_STR_ARG(event->event_id));
    (void) snprintf(out->correlation_id, sizeof(out->correlation_id), "%.*s",
                    MUTT_STR_ARG(event->correlation_id));

    return out;
}


size_t
mutt_journey_spans(const mutt_journey_t *j, const mutt_event_t *event,
                   mutt_span_t out[MUTT_JOURNEY_SPANS])
{
    mutt_usec_t received = event->received_usec;
    mutt_span_t *next = out;
    mutt_span_t *s;

    if (j->first) {
        s = add(j, event, next++, MUTT_SPAN_INGEST, j->from.span,
                j->origin.parent);
        s->start = received - j->origin.took;
        s->end = received;

        s = add(j, event, next++, MUTT_SPAN_QUEUE, j->ids[QUEUE], j->from.span);
        s->start = received;
        s->end = j->claimed;
    }

    s = add(j, event, next++, MUTT_SPAN_PROCESS, j->ids[PROCESS], j->from.span);
    s->start = j->claimed;
    s->end = j->committed;
    s->outcome = j->outcome;
    s->rule_id = j->rule_id;
    s->failed = j->failed;

    s = add(j, event, next++, MUTT_SPAN_MATCH, j->ids[MATCH], j->ids[PROCESS]);
    s->start = j->matching;
    s->end = j->matched;
    s->rule_id = j->rule_id;

    if (j->inserting != 0) {
        s = add(j, event, next++, MUTT_SPAN_AUDIT, j->ids[AUDIT],
                j->ids[PROCESS]);
        s->start = j->inserting;
        s->end = j->inserted;
        s->failed = j->failed;
    }

    return (size_t) (next - out);
}
