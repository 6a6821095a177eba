/*
 * Sending.  What has come together is sent a few at a time, and between them
 * requests go on: the webhook has work while the rest is made ready, and its
 * answers do not wait for that.
 */

#include "forwarder.h"

#define AT_A_TIME 8


static void
send_alert(mutt_run_t *run, forwarder_t *f, slot_t *slot)
{
    mutt_err_t err;
    mutt_rc_t rc = mutt_webhook_read(f->reader, slot->item, slot->pool,
                                     &slot->delivery, &err);

    if (rc == MUTT_INVALID) {
        mutt_log_failure(mutt_run_log(run), MUTT_LOG_ERROR, "webhook", &err,
                         "an item of the alert queue is no alert");
        forwarder_judge_malformed(run, f, slot);
        return;
    }

    if (rc == MUTT_OK) {
        mutt_http_request_t request = {
            .body = slot->delivery.body,
            .authorization = f->authorization[f->key],
            .idempotency_key = slot->delivery.idempotency_key.data,
            .traceparent = forwarder_begin_span(run, slot),
            .data = slot,
        };

        slot->key = f->key;
        rc = mutt_http_send(f->http, &request, &err);
    }

    if (rc != MUTT_OK) {
        mutt_log_failure(mutt_run_log(run), MUTT_LOG_ERROR, "webhook", &err,
                         "an alert cannot be sent and goes back");
        forwarder_decide(f, slot, MUTT_SENT_BACK, MUTT_SIGN_NONE);
    }
}


/* Nobody recovers what is in the list of one that lives, so without memory
 * for it this one ends. */
mutt_rc_t
forwarder_take(forwarder_t *f, mutt_str_t item, bool probe, mutt_err_t *err)
{
    slot_t *slot = forwarder_take_slot(f, item);

    if (slot == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for an alert");
    }

    slot->probe = probe;
    slot->next = NULL;
    forwarder_place(f, slot);

    if (f->unsent == NULL) {
        f->unsent = slot;
    } else {
        f->last_unsent->next = slot;
    }

    f->last_unsent = slot;

    return MUTT_OK;
}


void
forwarder_send_some(mutt_run_t *run, forwarder_t *f)
{
    for (int i = 0; i < AT_A_TIME && f->unsent != NULL; i++) {
        slot_t *slot = f->unsent;

        f->unsent = slot->next;
        send_alert(run, f, slot);
    }
}
