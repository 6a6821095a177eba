/*
 * mutt-forwarder: admit, send, settle.
 *
 * Many requests are in flight at once and are settled in the order of their
 * answers; nobody sleeps on an alert.  While there is more to send, what was
 * delivered is settled together, at most half of what is in hand.  What may be
 * sent now is decided in Redis, by breaker and limit together, before an alert
 * leaves the queue; an alert that has to wait waits there or among the retries.
 */

#include <stdio.h>
#include <stdlib.h>

#include "core/mutt_failpoint.h"
#include "core/mutt_uuid.h"
#include "domain/mutt_alert.h"
#include "domain/mutt_trace.h"
#include "domain/mutt_webhook.h"
#include "io/mutt_attempts.h"
#include "io/mutt_http.h"
#include "io/mutt_outbox.h"
#include "run/mutt_worker.h"

#define SLOTS 1024
#define POOL_BLOCK 16384
#define PAYLOAD_MAX (64u << 20)
#define KEY_MAX 8192

/* between two looks at an empty or held queue: first for as long as alerts came
 * a short while ago */
#define IDLE_FIRST_MS 2
#define IDLE_LAST_MS 50
#define IDLE_AFTER (1000 * 1000)
#define DUE_EVERY (100 * 1000)

/* what is delivered is settled together while there is more to send, but not
 * later than this */
#define SETTLE_AFTER (2 * 1000)

/* a 429 that does not say for how long */
#define LIMITED_MS 1000

/* An alert in hand. */
typedef struct slot_s {
    struct slot_s *next; /* of those that are free, or done */
    bool used;
    bool done; /* settle says what is to happen */
    bool probe;
    int key; /* of the two it was sent with */
    mutt_pool_t *pool;
    mutt_str_t item; /* as it lies in the processing list */
    mutt_delivery_t delivery;
    mutt_settle_t settle;
    bool traced;
    mutt_trace_t from;                          /* its parent's span */
    unsigned char span[MUTT_SPAN_ID];           /* of this attempt */
    char traceparent[MUTT_TRACEPARENT_LEN + 1]; /* of the request */
    mutt_usec_t sent_at;
} slot_t;

typedef struct {
    mutt_http_t *http;
    mutt_json_reader_t *reader;
    mutt_pool_t *pool; /* of one turn */
    mutt_outbox_names_t names;
    char authorization[2][KEY_MAX];
    int key; /* the one that worked last */
    slot_t slots[SLOTS];
    slot_t *free;
    size_t used;
    slot_t *done; /* to be settled */
    size_t n_done;
    mutt_usec_t done_at; /* since when there are some */
    bool urgent;         /* they must be settled at once */
    bool more;           /* the queue held more than was admitted */
    mutt_usec_t due_at;
    int idle_ms;
    mutt_usec_t taken_at; /* when the queue last had an alert */
    mutt_usec_t held_until;
    bool blocked;     /* told of the present hold already */
    char failure[32]; /* the last one */
    mutt_attempts_t attempts;
} forwarder_t;


static double
retry_seconds(mutt_run_t *run, mutt_setting_t id)
{
    return mutt_set_float(mutt_run_base_settings(run), id);
}


static mutt_outbox_limits_t
limits_of(mutt_run_t *run)
{
    const mutt_settings_t *s = mutt_run_settings(run);

    return (mutt_outbox_limits_t) {
        .rate_limit = mutt_set_int(s, MUTT_SET_MOOG_RATE_LIMIT),
        .rate_period_s = mutt_set_int(s, MUTT_SET_MOOG_RATE_PERIOD),
        .breaker_enabled = mutt_set_bool(s, MUTT_SET_CIRCUIT_BREAKER_ENABLED),
        .breaker_threshold =
            mutt_set_int(s, MUTT_SET_CIRCUIT_BREAKER_THRESHOLD),
        .breaker_timeout_s = mutt_set_int(s, MUTT_SET_CIRCUIT_BREAKER_TIMEOUT),
        .probe_timeout_ms =
            (int64_t) (retry_seconds(run, MUTT_SET_MOOG_WEBHOOK_TIMEOUT) *
                       1000) +
            5000,
    };
}


static void
set_key(char out[KEY_MAX], const char *key)
{
    out[0] = '\0';

    if (key[0] != '\0') {
        (void) snprintf(out, KEY_MAX, "Bearer %s", key);
    }
}


static mutt_rc_t
forwarder_check(const mutt_settings_t *settings, mutt_err_t *err)
{
    const char *url = mutt_set_text(settings, MUTT_SET_MOOG_WEBHOOK_URL);

    return url[0] == '\0'
               ? mutt_fail(err, MUTT_CONFIG,
                           "MOOG_WEBHOOK_URL is not set: the address that "
                           "alerts are posted to")
               : mutt_http_check_url(url, "MOOG_WEBHOOK_URL", err);
}


static mutt_rc_t
forwarder_setup(mutt_run_t *run, mutt_err_t *err)
{
    forwarder_t *f = mutt_run_ctx(run);
    const mutt_settings_t *s = mutt_run_base_settings(run);
    mutt_http_options_t options = {
        .url = mutt_set_text(s, MUTT_SET_MOOG_WEBHOOK_URL),
        .ca = mutt_set_text(s, MUTT_SET_MOOG_CA_CERT_PATH),
        .timeout_ms =
            (long) (mutt_set_float(s, MUTT_SET_MOOG_WEBHOOK_TIMEOUT) * 1000),
        .connections = SLOTS,
    };

    for (size_t i = SLOTS; i > 0; i--) {
        f->slots[i - 1].next = f->free;
        f->free = &f->slots[i - 1];
    }

    f->reader = mutt_json_reader_create();
    f->pool = mutt_pool_create(POOL_BLOCK);
    f->idle_ms = IDLE_FIRST_MS;
    f->names.queue = mutt_str(mutt_set_text(s, MUTT_SET_ALERT_QUEUE_NAME));
    f->names.dlq = mutt_str(mutt_set_text(s, MUTT_SET_MOOG_DLQ_NAME));
    f->names.dead = mutt_str(mutt_set_text(s, MUTT_SET_DEAD_LETTER_QUEUE));
    set_key(f->authorization[0], mutt_set_text(s, MUTT_SET_MOOG_API_KEY));
    set_key(f->authorization[1], mutt_set_text(s, MUTT_SET_MOOG_API_KEY_NEXT));

    if (f->reader == NULL || f->pool == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory at start");
    }

    return mutt_http_create(&options, &f->http, err);
}


static void
free_slot(forwarder_t *f, slot_t *slot)
{
    mutt_pool_reset(slot->pool);
    slot->used = false;
    slot->done = false;
    slot->next = f->free;
    f->free = slot;
    f->used--;
}


/* All that was done is settled. */
static void
free_done(forwarder_t *f)
{
    while (f->done != NULL) {
        slot_t *slot = f->done;

        f->done = slot->next;
        free_slot(f, slot);
    }

    f->n_done = 0;
    f->urgent = false;
}


static void
forwarder_teardown(mutt_run_t *run)
{
    forwarder_t *f = mutt_run_ctx(run);

    mutt_http_destroy(f->http);

    for (size_t i = 0; i < SLOTS; i++) {
        mutt_pool_destroy(f->slots[i].pool);
    }

    mutt_pool_destroy(f->pool);
    mutt_json_reader_destroy(f->reader);
    explicit_bzero(f->authorization, sizeof(f->authorization));
}


static slot_t *
take_slot(forwarder_t *f, mutt_str_t item)
{
    slot_t *slot = f->free;

    if (slot == NULL) {
        return NULL;
    }

    if (slot->pool == NULL) {
        slot->pool = mutt_pool_create(POOL_BLOCK);
    }

    if (slot->pool == NULL) {
        return NULL;
    }

    slot->item = mutt_pool_dup(slot->pool, item);

    if (slot->item.data == NULL) {
        return NULL;
    }

    f->free = slot->next;
    slot->used = true;
    slot->done = false;
    slot->probe = false;
    f->used++;

    return slot;
}


/* Only what is delivered may wait for others: what is not may be the last that
 * the breaker needs to open, or hold the queue. */
static void
decide(forwarder_t *f, slot_t *slot, mutt_sent_t sent, mutt_sign_t sign)
{
    slot->settle = (mutt_settle_t) {
        .item = slot->item,
        .sent = sent,
        .sign = sign,
    };
    slot->done = true;
    slot->next = f->done;
    f->done = slot;
    f->urgent = f->urgent || sent != MUTT_SENT_OK || slot->probe;

    if (f->n_done++ == 0) {
        f->done_at = mutt_time_mono();
    }
}


/* Gives the settlement its payload: the alert with its failure noted. */
static void
note_failure(slot_t *slot, int64_t attempts, const char *reason)
{
    char at[MUTT_TIME_LEN + 1];
    mutt_buf_t out;

    mutt_time_format(mutt_time_now(), at);
    mutt_buf_init(&out, PAYLOAD_MAX);
    mutt_alert_write_failed(&out, slot->item, attempts, at, reason);

    if (mutt_buf_ok(&out)) {
        slot->settle.payload = mutt_pool_dup(slot->pool, mutt_buf_str(&out));
    }

    mutt_buf_done(&out);

    /* without memory for it the alert goes back as it was */
    if (slot->settle.payload.data == NULL) {
        slot->settle.sent = MUTT_SENT_BACK;
    }
}


static void
decide_malformed(mutt_run_t *run, forwarder_t *f, slot_t *slot)
{
    char at[MUTT_TIME_LEN + 1];
    mutt_buf_t out;

    decide(f, slot, MUTT_SENT_DEAD, MUTT_SIGN_NONE);
    mutt_time_format(mutt_time_now(), at);
    mutt_buf_init(&out, PAYLOAD_MAX);
    mutt_alert_write_malformed(&out, slot->item, at, "malformed");

    if (mutt_buf_ok(&out)) {
        slot->settle.payload = mutt_pool_dup(slot->pool, mutt_buf_str(&out));
    }

    mutt_buf_done(&out);

    if (slot->settle.payload.data == NULL) {
        slot->settle.sent = MUTT_SENT_BACK;
    }

    mutt_metric_add(mutt_run_metrics(run), MUTT_M_MOOG_ALERTS_ERROR, 1);
}


/* The traceparent of the request, its span the attempt's if it is traced. */
static const char *
begin_span(mutt_run_t *run, slot_t *slot)
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


static void
end_span(mutt_run_t *run, const slot_t *slot, const mutt_http_done_t *done,
         mutt_outcome_t outcome)
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


static void
send_alert(mutt_run_t *run, forwarder_t *f, slot_t *slot)
{
    mutt_err_t err;
    mutt_rc_t rc = mutt_webhook_read(f->reader, slot->item, slot->pool,
                                     &slot->delivery, &err);

    if (rc == MUTT_INVALID) {
        mutt_log_failure(mutt_run_log(run), MUTT_LOG_ERROR, "webhook", &err,
                         "an item of the alert queue is no alert");
        decide_malformed(run, f, slot);
        return;
    }

    if (rc == MUTT_OK) {
        mutt_http_request_t request = {
            .body = slot->delivery.body,
            .authorization = f->authorization[f->key],
            .idempotency_key = slot->delivery.idempotency_key.data,
            .traceparent = begin_span(run, slot),
            .data = slot,
        };

        slot->key = f->key;
        rc = mutt_http_send(f->http, &request, &err);
    }

    if (rc != MUTT_OK) {
        mutt_log_failure(mutt_run_log(run), MUTT_LOG_ERROR, "webhook", &err,
                         "an alert cannot be sent and goes back");
        decide(f, slot, MUTT_SENT_BACK, MUTT_SIGN_NONE);
    }
}


/* Retries later, or gives up behind the last retry. */
static void
decide_retry(mutt_run_t *run, forwarder_t *f, slot_t *slot, const char *reason)
{
    const mutt_settings_t *s = mutt_run_base_settings(run);
    uint64_t *m = mutt_run_metrics(run);
    int64_t attempts = slot->delivery.attempts + 1;
    uint32_t random = 0;

    /* a failed probe says nothing of the alert that was sent with it */
    if (slot->probe) {
        decide(f, slot, MUTT_SENT_BACK, MUTT_SIGN_BAD);
        return;
    }

    if (attempts > mutt_set_int(s, MUTT_SET_MOOG_MAX_RETRIES)) {
        decide(f, slot, MUTT_SENT_DLQ, MUTT_SIGN_BAD);
        note_failure(slot, attempts, "retry_exhausted");
        mutt_metric_add(m, MUTT_M_MOOG_REQUESTS_RETRY_EXHAUSTED, 1);
        mutt_metric_add(m, MUTT_M_MOOG_ALERTS_DLQ, 1);
        return;
    }

    (void) mutt_random(&random, sizeof(random));
    decide(f, slot, MUTT_SENT_RETRY, MUTT_SIGN_BAD);
    slot->settle.delay_ms = mutt_retry_delay_ms(
        attempts - 1, retry_seconds(run, MUTT_SET_MOOG_RETRY_BASE_DELAY),
        retry_seconds(run, MUTT_SET_MOOG_RETRY_MAX_DELAY), random);
    note_failure(slot, attempts, reason);
}


static void
decide_limited(forwarder_t *f, slot_t *slot, mutt_str_t retry_after)
{
    int64_t hold = mutt_retry_after_ms(retry_after, mutt_time_now());

    /* the queue is held, so the alert need not lie among the retries */
    decide(f, slot, MUTT_SENT_BACK, MUTT_SIGN_NONE);
    slot->settle.hold_ms = hold > 0 ? hold : LIMITED_MS;
}


/* Whether another key is there to be tried; then it is the one in use. */
static bool
try_other_key(mutt_run_t *run, forwarder_t *f, int used)
{
    if (f->key != used) {
        return true;
    }

    if (f->authorization[1 - used][0] == '\0' || used == 1) {
        return false;
    }

    f->key = 1;
    mutt_log(mutt_run_log(run), MUTT_LOG_WARNING, "webhook",
             "MOOG_API_KEY was refused, MOOG_API_KEY_NEXT is used from now");

    return true;
}


static void
decide_refused(mutt_run_t *run, forwarder_t *f, slot_t *slot, long status)
{
    char reason[32];

    (void) snprintf(reason, sizeof(reason), "http_%ld", status);
    decide(f, slot, MUTT_SENT_DLQ, MUTT_SIGN_NONE);
    note_failure(slot, slot->delivery.attempts + 1, reason);
    mutt_metric_add(mutt_run_metrics(run), MUTT_M_MOOG_ALERTS_DLQ, 1);
    mutt_log_event(mutt_run_log(run), MUTT_LOG_ERROR, "webhook",
                   &(mutt_log_about_t) { slot->delivery.correlation_id,
                                         slot->delivery.traceparent,
                                         mutt_str(reason) },
                   "the webhook refuses an alert with status %ld, "
                   "it is dead-lettered",
                   status);
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


static void
tell_latency(uint64_t *m, const slot_t *slot)
{
    mutt_usec_t since = slot->delivery.received_at;

    if (since > 0) {
        mutt_metric_observe_in(m, MUTT_M_DELIVERY_LATENCY_ALL,
                               (double) (mutt_time_now() - since) /
                                   (double) MUTT_USEC_SEC,
                               slot->traced ? slot->from.trace : NULL);
    }
}


/* For who wants to follow an event. */
static void
tell_delivered(mutt_run_t *run, const slot_t *slot, long status)
{
    const mutt_delivery_t *d = &slot->delivery;

    mutt_log_event(
        mutt_run_log(run), MUTT_LOG_DEBUG, "webhook",
        &(mutt_log_about_t) { .correlation_id = d->correlation_id,
                              .traceparent = mutt_str(slot->traceparent) },
        "event %.*s: delivered with status %ld", MUTT_STR_ARG(d->event_id),
        status);
}


/* What is delivered at the first attempt needs no history. */
static void
note_attempt(forwarder_t *f, const slot_t *slot, const mutt_http_done_t *done,
             const char *reason)
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


static void
on_done(mutt_run_t *run, forwarder_t *f, const mutt_http_done_t *done)
{
    slot_t *slot = done->data;
    mutt_outcome_t outcome = mutt_outcome_of(done->send, done->status);
    uint64_t *m = mutt_run_metrics(run);
    char reason[32] = "connect";

    MUTT_PASS("forwarder.answered");
    mutt_metric_add(m, request_series(done, outcome), 1);
    mutt_metric_observe(m, MUTT_M_MOOG_LATENCY_ALL, done->seconds);
    end_span(run, slot, done, outcome);

    if (done->send == MUTT_SEND_TIMEOUT) {
        (void) snprintf(reason, sizeof(reason), "timeout");
    } else if (done->send == MUTT_SEND_ANSWERED) {
        (void) snprintf(reason, sizeof(reason), "http_%ld", done->status);
    }

    switch (outcome) {
    case MUTT_OUTCOME_DELIVERED:
        decide(f, slot, MUTT_SENT_OK, MUTT_SIGN_GOOD);
        mutt_metric_add(m, MUTT_M_MOOG_ALERTS_OK, 1);
        tell_latency(m, slot);
        tell_delivered(run, slot, done->status);
        break;

    case MUTT_OUTCOME_KEY:
        if (try_other_key(run, f, slot->key)) {
            decide(f, slot, MUTT_SENT_BACK, MUTT_SIGN_NONE);
            break;
        }
        (void) snprintf(f->failure, sizeof(f->failure), "%s", reason);
        decide_retry(run, f, slot, reason);
        break;

    case MUTT_OUTCOME_CONFIG:
    case MUTT_OUTCOME_RETRY:
        (void) snprintf(f->failure, sizeof(f->failure), "%s", reason);
        decide_retry(run, f, slot, reason);
        break;

    case MUTT_OUTCOME_LIMITED:
        decide_limited(f, slot, done->retry_after);
        break;

    case MUTT_OUTCOME_REFUSED:
        decide_refused(run, f, slot, done->status);
        break;
    }

    note_attempt(f, slot, done, reason);
}


static void
tell_breaker(mutt_run_t *run, const forwarder_t *f, mutt_breaker_state_t from,
             mutt_breaker_state_t to)
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


/*
 * Whether what is done is to be settled now.  A call costs Redis as much as
 * many alerts in it do, so a busy forwarder settles, and is given more, by the
 * half of what it has in hand; the other half is in flight meanwhile.
 */
static bool
worth_settling(const forwarder_t *f)
{
    return f->n_done > 0 &&
           (f->urgent || !f->more || f->n_done * 2 >= f->used ||
            mutt_time_mono() - f->done_at >= SETTLE_AFTER);
}


/* Settles all that is done, in one step of Redis. */
static mutt_rc_t
settle(mutt_run_t *run, forwarder_t *f, mutt_err_t *err)
{
    mutt_settle_t settles[SLOTS];
    mutt_settled_t settled;
    mutt_outbox_limits_t limits = limits_of(run);
    size_t n = f->n_done;

    /* the one that was done first goes first */
    for (slot_t *slot = f->done; slot != NULL; slot = slot->next) {
        settles[--n] = slot->settle;
    }

    mutt_rc_t rc = mutt_outbox_settle(mutt_run_queue(run), &f->names, &limits,
                                      settles, f->n_done, &settled, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    free_done(f);
    tell_breaker(run, f, settled.from, settled.to);

    return MUTT_OK;
}


static mutt_rc_t
collect(mutt_run_t *run, forwarder_t *f, int wait_ms, mutt_err_t *err)
{
    mutt_http_done_t done;
    mutt_rc_t rc = mutt_http_turn(f->http, wait_ms, err);

    while (rc == MUTT_OK && mutt_http_next(f->http, &done)) {
        on_done(run, f, &done);
    }

    return rc == MUTT_OK && worth_settling(f) ? settle(run, f, err) : rc;
}


static mutt_rc_t
move_due(mutt_run_t *run, forwarder_t *f, mutt_usec_t now, mutt_err_t *err)
{
    size_t moved = 0;

    if (now < f->due_at) {
        return MUTT_OK;
    }

    f->due_at = now + DUE_EVERY;

    mutt_rc_t rc = mutt_attempts_flush(&f->attempts, mutt_run_redis(run), err);

    return rc == MUTT_OK
               ? mutt_outbox_due(
                     mutt_run_queue(run), &f->names,
                     (int64_t) (retry_seconds(run,
                                              MUTT_SET_MOOG_RETRY_MAX_DELAY) *
                                1000),
                     &moved, err)
               : rc;
}


static void
tell_held(mutt_run_t *run, forwarder_t *f, const mutt_admission_t *admission)
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


static void
take(mutt_run_t *run, forwarder_t *f, mutt_str_t item, bool probe)
{
    slot_t *slot = take_slot(f, item);

    /* it stays in the processing list, where recovery finds it */
    if (slot == NULL) {
        mutt_log(mutt_run_log(run), MUTT_LOG_ERROR, "queue",
                 "out of memory for an alert, it waits for recovery");
        return;
    }

    slot->probe = probe;
    send_alert(run, f, slot);
}


static mutt_rc_t
admit(mutt_run_t *run, forwarder_t *f, mutt_usec_t now, size_t *taken,
      mutt_err_t *err)
{
    size_t most = (size_t) mutt_set_int(mutt_run_settings(run),
                                        MUTT_SET_MOOG_MAX_INFLIGHT);
    mutt_outbox_limits_t limits = limits_of(run);
    mutt_admission_t admission;

    *taken = 0;

    if (f->used >= most || now < f->held_until) {
        f->more = f->more && f->used >= most;
        return MUTT_OK;
    }

    mutt_rc_t rc = mutt_outbox_admit(mutt_run_queue(run), &f->names, &limits,
                                     most - f->used, f->pool, &admission, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    tell_breaker(run, f, admission.breaker_before, admission.breaker);
    tell_held(run, f, &admission);

    if (admission.wait_ms > 0) {
        int64_t wait =
            admission.wait_ms < IDLE_LAST_MS ? admission.wait_ms : IDLE_LAST_MS;

        f->held_until = now + wait * 1000;
    }

    if (admission.n > 0) {
        MUTT_PASS("forwarder.admitted");
    }

    for (size_t i = 0; i < admission.n; i++) {
        take(run, f, admission.items[i], admission.probe);
    }

    *taken = admission.n;
    f->more = admission.queue_depth > 0 && admission.wait_ms == 0;

    return MUTT_OK;
}


/* Not so long that what is done would be settled late. */
static int
wait_of(const forwarder_t *f)
{
    return f->n_done > 0 ? 1 : f->idle_ms;
}


static mutt_rc_t
forwarder_turn(mutt_run_t *run, mutt_err_t *err)
{
    forwarder_t *f = mutt_run_ctx(run);
    mutt_usec_t now = mutt_time_mono();
    size_t taken = 0;

    mutt_pool_reset(f->pool);

    mutt_rc_t rc = move_due(run, f, now, err);

    if (rc == MUTT_OK) {
        rc = admit(run, f, now, &taken, err);
    }

    if (taken > 0) {
        f->taken_at = now;
        f->idle_ms = IDLE_FIRST_MS;
    }

    mutt_err_t why;
    mutt_rc_t collected =
        collect(run, f, taken > 0 ? 0 : wait_of(f), rc == MUTT_OK ? err : &why);

    if (rc == MUTT_OK) {
        rc = collected;
    }

    if (rc != MUTT_OK || taken > 0) {
        return rc;
    }

    if (f->used > 0 || now - f->taken_at < IDLE_AFTER) {
        f->idle_ms = IDLE_FIRST_MS;
    } else {
        f->idle_ms =
            f->idle_ms * 2 > IDLE_LAST_MS ? IDLE_LAST_MS : f->idle_ms * 2;
    }

    return MUTT_AGAIN;
}


/*
 * What the processing list holds after a reconnection: alerts that are in
 * flight here, and those of an admission whose answer was lost, which are
 * sent now.  What was done and is no longer listed has been settled.
 */
static mutt_rc_t
forwarder_registered(mutt_run_t *run, mutt_err_t *err)
{
    forwarder_t *f = mutt_run_ctx(run);
    bool listed[SLOTS] = { false };
    mutt_str_t *items;
    size_t n;

    mutt_pool_reset(f->pool);

    mutt_rc_t rc =
        mutt_outbox_resume(mutt_run_queue(run), f->pool, &n, &items, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    mutt_str_t *unknown = mutt_pool_alloc(f->pool, (n + 1) * sizeof(*unknown));
    size_t n_unknown = 0;

    if (unknown == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory to resume");
    }

    for (size_t i = 0; i < n; i++) {
        size_t k = 0;

        while (k < SLOTS && (!f->slots[k].used || listed[k] ||
                             !mutt_str_eq(f->slots[k].item, items[i]))) {
            k++;
        }

        if (k < SLOTS) {
            listed[k] = true;
        } else {
            unknown[n_unknown++] = items[i];
        }
    }

    slot_t *done = f->done;

    f->done = NULL;
    f->n_done = 0;

    while (done != NULL) {
        slot_t *slot = done;

        done = slot->next;

        if (listed[slot - f->slots]) {
            slot->next = f->done;
            f->done = slot;
            f->n_done++;
        } else {
            free_slot(f, slot);
        }
    }

    for (size_t i = 0; i < n_unknown; i++) {
        take(run, f, unknown[i], false);
    }

    return MUTT_OK;
}


static mutt_rc_t
forwarder_drain(mutt_run_t *run, mutt_err_t *err)
{
    forwarder_t *f = mutt_run_ctx(run);

    if (f->used == 0) {
        return MUTT_OK;
    }

    f->more = false;

    mutt_rc_t rc = collect(run, f, IDLE_LAST_MS, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    return f->used == 0 ? MUTT_OK : MUTT_AGAIN;
}


static const mutt_worker_t forwarder = {
    .service = "mutt-moog-forwarder",
    .kind = "moog",
    .reader = MUTT_S_FORWARDER,
    .port = MUTT_SET_METRICS_PORT_MOOG,
    .traces = true,
    .watches = { MUTT_WATCH_FORWARDERS },
    .ctx_size = sizeof(forwarder_t),
    .check = forwarder_check,
    .setup = forwarder_setup,
    .registered = forwarder_registered,
    .turn = forwarder_turn,
    .drain = forwarder_drain,
    .teardown = forwarder_teardown,
};


int
main(int argc, char **argv)
{
    return mutt_worker_main(&forwarder, argc, argv);
}
