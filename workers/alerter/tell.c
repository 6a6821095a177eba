#include "alerter.h"

#include "core/mutt_uuid.h"


mutt_rc_t
alerter_trace(batch_t *b, size_t i, mutt_err_t *err)
{
    unsigned char random[MUTT_JOURNEY_RANDOM];
    char next[MUTT_TRACEPARENT_LEN + 1];
    mutt_journey_t *journey = &b->journeys[i];
    mutt_event_t *event = &b->events[i];

    if (event->traceparent.len == 0 || !mutt_random(random, sizeof(random)) ||
        !mutt_journey_begin(journey, event, random)) {
        return MUTT_OK;
    }

    mutt_journey_traceparent(journey, next);
    event->traceparent = mutt_pool_dup(b->pool, mutt_str(next));
    journey->claimed = b->claimed_at;
    journey->matching = mutt_time_now();

    return event->traceparent.data == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory for a trace")
               : MUTT_OK;
}


/* Where a settled event went; static text. */
static const char *
outcome_of(const batch_t *b, size_t i)
{
    static const char *const outcomes[] = {
        [MUTT_TO_ALERT] = "alert",
        [MUTT_TO_LOGGED] = "logged",
        [MUTT_TO_SUPPRESSED] = "suppressed",
        [MUTT_TO_UNHANDLED] = "unhandled",
        [MUTT_TO_RETRY] = "retry",
        [MUTT_TO_DLQ] = "dlq",
        [MUTT_TO_SHED] = "shed",
        [MUTT_TO_DEAD] = "dead",
        [MUTT_TO_DEAD_EXTERNAL] = "dead",
    };

    return outcomes[b->verdicts[i].dest];
}


void
alerter_tell_traces(batch_t *b)
{
    mutt_span_t spans[MUTT_JOURNEY_SPANS];
    mutt_usec_t now = b->journeys == NULL ? 0 : mutt_time_now();

    for (size_t i = 0; b->journeys != NULL && i < b->claim.n; i++) {
        mutt_journey_t *journey = &b->journeys[i];

        if (journey->on) {
            journey->committed = now;
            journey->outcome = outcome_of(b, i);
            mutt_tracer_add(mutt_run_tracer(b->run), spans,
                            mutt_journey_spans(journey, &b->events[i], spans));
        }
    }
}


void
alerter_tell_events(batch_t *b)
{
    mutt_log_t *log = mutt_run_log(b->run);

    for (size_t i = 0; mutt_log_wants(log, MUTT_LOG_DEBUG) && i < b->claim.n;
         i++) {
        const mutt_event_t *event = &b->events[i];

        if (event->event_id.len > 0) {
            mutt_log_event(
                log, MUTT_LOG_DEBUG, "event",
                &(mutt_log_about_t) { .correlation_id = event->correlation_id,
                                      .traceparent = event->traceparent },
                "event %.*s: %s", MUTT_STR_ARG(event->event_id),
                outcome_of(b, i));
        }
    }
}


void
alerter_tell_live(batch_t *b)
{
    mutt_live_event_t events[MUTT_LIVE_SAMPLE];
    mutt_redis_t *redis = mutt_run_redis(b->run);
    size_t n = 0;
    size_t row = 0;

    if (!mutt_live_wants(&b->a->live, redis, b->claim.n)) {
        return;
    }

    size_t step = (b->claim.n + MUTT_LIVE_SAMPLE - 1) / MUTT_LIVE_SAMPLE;

    for (size_t i = 0; i < b->claim.n; i += step) {
        mutt_live_event_t *e = &events[n];

        if (b->events[i].event_id.len == 0) {
            continue;
        }

        while (row < b->n_rows && b->row_items[row] < i) {
            row++;
        }

        *e = (mutt_live_event_t) { .event = &b->events[i],
                                   .outcome = outcome_of(b, i) };

        if (row < b->n_rows && b->row_items[row] == i) {
            e->rule_id = b->rows[row].rule_id;
            e->decision = b->rows[row].decision;
            e->forwarded = b->rows[row].forwarded;
        }

        if (b->teams != NULL) {
            e->team = b->teams[i];
        }

        n++;
    }

    mutt_live_tell(&b->a->live, redis, events, n);
}


void
alerter_note_insert(batch_t *b, mutt_usec_t took)
{
    mutt_usec_t now = b->journeys == NULL ? 0 : mutt_time_now();

    for (size_t k = 0; b->journeys != NULL && k < b->n_rows; k++) {
        b->journeys[b->row_items[k]].inserting = now - took;
        b->journeys[b->row_items[k]].inserted = now;
    }
}


void
alerter_count(batch_t *b, int64_t metas)
{
    uint64_t *m = mutt_run_metrics(b->run);
    uint64_t by_dest[MUTT_TO_DEAD_EXTERNAL + 1] = { 0 };

    for (size_t i = 0; i < b->claim.n; i++) {
        by_dest[b->verdicts[i].dest]++;

        if (b->rules[i] != 0) {
            mutt_run_hit(b->run, b->rules[i]);
        }
    }

    mutt_metric_add(m, MUTT_M_ALERTER_EVENTS_HANDLED,
                    by_dest[MUTT_TO_ALERT] + by_dest[MUTT_TO_LOGGED] +
                        by_dest[MUTT_TO_SUPPRESSED]);
    mutt_metric_add(m, MUTT_M_ALERTER_EVENTS_UNHANDLED,
                    by_dest[MUTT_TO_UNHANDLED]);
    mutt_metric_add(m, MUTT_M_ALERTER_EVENTS_POISON,
                    by_dest[MUTT_TO_DEAD] + by_dest[MUTT_TO_DEAD_EXTERNAL] +
                        by_dest[MUTT_TO_DLQ]);
    mutt_metric_add(m, MUTT_M_ALERTER_EVENTS_ERROR, by_dest[MUTT_TO_RETRY]);
    mutt_metric_add(m, MUTT_M_ALERTER_SHED_DLQ, by_dest[MUTT_TO_SHED]);
    b->a->shed += by_dest[MUTT_TO_SHED];
    mutt_metric_add(m, MUTT_M_ALERTER_FORWARDED_ALL, by_dest[MUTT_TO_ALERT]);
    mutt_metric_add(m, MUTT_M_ALERTER_META_ALL, (uint64_t) metas);
    mutt_metric_observe(m, MUTT_M_ALERTER_LATENCY_ALL,
                        (double) (mutt_time_mono() - b->began) /
                            (double) MUTT_USEC_SEC);
    mutt_metric_set(m, MUTT_M_ALERTER_PROCESSING_DEPTH_ALL, 0);
}
