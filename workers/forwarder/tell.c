#include "forwarder.h"

#include <stdio.h>

#include "core/mutt_uuid.h"


const char *
forwarder_begin_span(mutt_run_t *run, slot_t *slot)
{
    mutt_str_t given = slot->delivery.traceparent;

    slot->traced = false;
    slot->traceparent[0] = '\0';

    if (!mutt_trace_parse(given, &slot->from)) {
        return "";
    }

    mutt_trace_t next = slot->from;

    slot->traced = next.sampled && mutt_run_tracer(run) != NULL &&
                   mutt_random(slot->span, sizeof(slot->span));

    if (slot->traced) {
        memcpy(next.span, slot->span, sizeof(next.span));
    }

    mutt_trace_format(&next, slot->traceparent);
    slot->sent_at = mutt_time_now();

    return slot->traceparent;
}


void
forwarder_end_span(mutt_run_t *run, const slot_t *slot,
                   const mutt_http_done_t *done, mutt_outcome_t outcome)
{
    static const char *const outcomes[] = {
        [MUTT_OUTCOME_DELIVERED] = "delivered",
        [MUTT_OUTCOME_RETRY] = "retry",
        [MUTT_OUTCOME_LIMITED] = "limited",
        [MUTT_OUTCOME_KEY] = "key_refused",
        [MUTT_OUTCOME_CONFIG] = "retry",
        [MUTT_OUTCOME_REFUSED] = "refused",
    };
    const mutt_delivery_t *d = &slot->delivery;

    if (!slot->traced) {
        return;
    }

    mutt_span_t span = {
        .what = MUTT_SPAN_DELIVERY,
        .start = slot->sent_at,
        .end = mutt_time_now(),
        .failed = outcome != MUTT_OUTCOME_DELIVERED,
        .outcome = outcomes[outcome],
        .http_status = done->send == MUTT_SEND_ANSWERED ? done->status : 0,
    };

    memcpy(span.trace, slot->from.trace, sizeof(span.trace));
    memcpy(span.id, slot->span, sizeof(span.id));
    memcpy(span.parent, slot->from.span, sizeof(span.parent));
    (void) snprintf(span.event_id, sizeof(span.event_id), "%.*s",
                    MUTT_STR_ARG(d->event_id));
    (void) snprintf(span.correlation_id, sizeof(span.correlation_id), "%.*s",
                    MUTT_STR_ARG(d->correlation_id));
    mutt_tracer_add(mutt_run_tracer(run), &span, 1);
}


static mutt_series_t
request_series(const mutt_http_done_t *done, mutt_outcome_t outcome)
{
    if (outcome == MUTT_OUTCOME_DELIVERED) {
        return MUTT_M_MOOG_REQUESTS_OK;
    }

    if (outcome == MUTT_OUTCOME_LIMITED) {
        return MUTT_M_MOOG_REQUESTS_RATE_LIMIT;
    }

    switch (done->send) {
    case MUTT_SEND_TIMEOUT:
        return MUTT_M_MOOG_REQUESTS_TIMEOUT;
    case MUTT_SEND_CONNECT:
        return MUTT_M_MOOG_REQUESTS_CONNECT;
    case MUTT_SEND_ANSWERED:
        break;
    }

    return MUTT_M_MOOG_REQUESTS_HTTP;
}


void
forwarder_count(mutt_run_t *run, const mutt_http_done_t *done,
                mutt_outcome_t outcome)
{
    uint64_t *m = mutt_run_metrics(run);

    mutt_metric_add(m, request_series(done, outcome), 1);
    mutt_metric_observe(m, MUTT_M_MOOG_LATENCY_ALL, done->seconds);
}


static void
count_delivery(uint64_t *m, const slot_t *slot)
{
    mutt_usec_t since = slot->delivery.received_at;

    mutt_metric_add(m, MUTT_M_MOOG_ALERTS_OK, 1);

    if (since > 0) {
        mutt_metric_observe_in(m, MUTT_M_DELIVERY_LATENCY_ALL,
                               (double) (mutt_time_now() - since) /
                                   (double) MUTT_USEC_SEC,
                               slot->traced ? slot->from.trace : NULL);
    }
}


void
forwarder_tell_delivered(mutt_run_t *run, const slot_t *slot, long status)
{
    const mutt_delivery_t *d = &slot->delivery;

    count_delivery(mutt_run_metrics(run), slot);
    mutt_log_event(
        mutt_run_log(run), MUTT_LOG_DEBUG, "webhook",
        &(mutt_log_about_t) { .correlation_id = d->correlation_id,
                              .traceparent = mutt_str(slot->traceparent) },
        "event %.*s: delivered with status %ld", MUTT_STR_ARG(d->event_id),
        status);
}


/* What is delivered at the first attempt needs no history. */
void
forwarder_note_attempt(forwarder_t *f, const slot_t *slot,
                       const mutt_http_done_t *done, const char *reason)
{
    static const char *const outcomes[] = {
        [MUTT_SENT_OK] = "delivered",    [MUTT_SENT_RETRY] = "retry",
        [MUTT_SENT_DLQ] = "dead_letter", [MUTT_SENT_DEAD] = "dead",
        [MUTT_SENT_BACK] = "held",
    };
    bool delivered = slot->settle.sent == MUTT_SENT_OK;
    mutt_attempt_t attempt = {
        .at = mutt_time_now(),
        .number = slot->delivery.attempts + 1,
        .outcome = outcomes[slot->settle.sent],
        .reason = delivered ? "" : reason,
        .status = done->send == MUTT_SEND_ANSWERED ? done->status : 0,
        .seconds = done->seconds,
    };

    if (!delivered || slot->delivery.attempts > 0) {
        mutt_attempts_add(&f->attempts, slot->delivery.event_id, &attempt);
    }
}


void
forwarder_tell_breaker(mutt_run_t *run, const forwarder_t *f,
                       mutt_breaker_state_t from, mutt_breaker_state_t to)
{
    static const char *const names[] = { "closed", "half open", "open" };
    uint64_t *m = mutt_run_metrics(run);

    mutt_metric_set(m, MUTT_M_BREAKER_STATE_MOOG, (double) to);
    mutt_metric_set(m, MUTT_M_MOOG_CIRCUIT_OPEN_ALL,
                    to == MUTT_BREAKER_CLOSED ? 0 : 1);
    mutt_run_check(run, "webhook", true,
                   to == MUTT_BREAKER_CLOSED ? "ok" : "breaker not closed");

    if (from == to) {
        return;
    }

    if (to == MUTT_BREAKER_OPEN) {
        mutt_metric_add(m, MUTT_M_MOOG_TRIPS_ALL, 1);
        mutt_metric_add(m,
                        from == MUTT_BREAKER_CLOSED
                            ? MUTT_M_BREAKER_CHANGES_CLOSED_OPEN
                            : MUTT_M_BREAKER_CHANGES_HALF_OPEN,
                        1);
    } else {
        mutt_metric_add(m,
                        to == MUTT_BREAKER_CLOSED
                            ? MUTT_M_BREAKER_CHANGES_HALF_CLOSED
                            : MUTT_M_BREAKER_CHANGES_OPEN_HALF,
                        1);
    }

    mutt_log(mutt_run_log(run), MUTT_LOG_WARNING, "breaker", "%s -> %s%s%s",
             names[from], names[to],
             to == MUTT_BREAKER_OPEN && f->failure[0] != '\0'
                 ? ", last failure: "
                 : "",
             to == MUTT_BREAKER_OPEN ? f->failure : "");
}


void
forwarder_tell_held(mutt_run_t *run, forwarder_t *f,
                    const mutt_admission_t *admission)
{
    uint64_t *m = mutt_run_metrics(run);
    bool held = admission->wait_ms > 0;

    if (held && !f->blocked) {
        mutt_metric_add(m,
                        admission->limited ? MUTT_M_MOOG_RATE_HITS_ALL
                                           : MUTT_M_MOOG_BLOCKED_ALL,
                        1);
    }

    f->blocked = held;
    mutt_metric_set(m, MUTT_M_MOOG_RETRY_DEPTH_ALL,
                    (double) admission->retry_depth);
    mutt_metric_set(m, MUTT_M_MOOG_DLQ_DEPTH_ALL,
                    (double) admission->dlq_depth);
    mutt_metric_set(m, MUTT_M_MOOG_PROCESSING_DEPTH_ALL, (double) f->used);
    mutt_metric_set(m, MUTT_M_BREAKER_FAILURES_MOOG,
                    (double) admission->breaker_failures);
}
