#include "forwarder.h"

#include <stdio.h>

#include "core/mutt_failpoint.h"
#include "core/mutt_uuid.h"
#include "domain/mutt_alert.h"

#define PAYLOAD_MAX (64u << 20)

#define REASON_MAX 32

/* a 429 that does not say for how long */
#define LIMITED_MS 1000


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


void
forwarder_judge_malformed(mutt_run_t *run, forwarder_t *f, slot_t *slot)
{
    char at[MUTT_TIME_LEN + 1];
    mutt_buf_t out;

    forwarder_decide(f, slot, MUTT_SENT_DEAD, MUTT_SIGN_NONE);
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


static double
retry_seconds(mutt_run_t *run, mutt_setting_t id)
{
    return mutt_set_float(mutt_run_base_settings(run), id);
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
        forwarder_decide(f, slot, MUTT_SENT_BACK, MUTT_SIGN_BAD);
        return;
    }

    if (attempts > mutt_set_int(s, MUTT_SET_MOOG_MAX_RETRIES)) {
        forwarder_decide(f, slot, MUTT_SENT_DLQ, MUTT_SIGN_BAD);
        note_failure(slot, attempts, "retry_exhausted");
        mutt_metric_add(m, MUTT_M_MOOG_REQUESTS_RETRY_EXHAUSTED, 1);
        mutt_metric_add(m, MUTT_M_MOOG_ALERTS_DLQ, 1);
        return;
    }

    (void) mutt_random(&random, sizeof(random));
    forwarder_decide(f, slot, MUTT_SENT_RETRY, MUTT_SIGN_BAD);
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
    forwarder_decide(f, slot, MUTT_SENT_BACK, MUTT_SIGN_NONE);
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
    char reason[REASON_MAX];

    (void) snprintf(reason, sizeof(reason), "http_%ld", status);
    forwarder_decide(f, slot, MUTT_SENT_DLQ, MUTT_SIGN_NONE);
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


/* Why an alert is not delivered. */
static void
say_why(const mutt_http_done_t *done, char reason[REASON_MAX])
{
    switch (done->send) {
    case MUTT_SEND_TIMEOUT:
        (void) snprintf(reason, REASON_MAX, "timeout");
        break;
    case MUTT_SEND_CONNECT:
        (void) snprintf(reason, REASON_MAX, "connect");
        break;
    case MUTT_SEND_ANSWERED:
        (void) snprintf(reason, REASON_MAX, "http_%ld", done->status);
        break;
    }
}


void
forwarder_judge(mutt_run_t *run, forwarder_t *f, const mutt_http_done_t *done)
{
    slot_t *slot = done->data;
    mutt_outcome_t outcome = mutt_outcome_of(done->send, done->status);
    char reason[REASON_MAX] = "";

    MUTT_PASS("forwarder.answered");
    forwarder_count(run, done, outcome);
    forwarder_end_span(run, slot, done, outcome);

    if (outcome != MUTT_OUTCOME_DELIVERED) {
        say_why(done, reason);
    }

    switch (outcome) {
    case MUTT_OUTCOME_DELIVERED:
        forwarder_decide(f, slot, MUTT_SENT_OK, MUTT_SIGN_GOOD);
        forwarder_tell_delivered(run, slot, done->status);
        break;

    case MUTT_OUTCOME_KEY:
        if (try_other_key(run, f, slot->key)) {
            forwarder_decide(f, slot, MUTT_SENT_BACK, MUTT_SIGN_NONE);
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

    forwarder_note_attempt(f, slot, done, reason);
}
