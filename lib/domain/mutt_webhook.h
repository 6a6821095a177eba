/* What the webhook is sent for an alert: CONTRACT 5.3. */

#ifndef MUTT_WEBHOOK_H
#define MUTT_WEBHOOK_H

#include <stdint.h>

#include "core/mutt_buf.h"
#include "core/mutt_json_fast.h"
#include "core/mutt_pool.h"
#include "core/mutt_time.h"

/* An alert, read; text lives in the pool. */
typedef struct {
    int64_t attempts;
    mutt_usec_t received_at; /* by ingest; 0 when unknown */
    mutt_str_t event_id;
    mutt_str_t correlation_id;
    mutt_str_t traceparent;
    mutt_str_t idempotency_key; /* event_id:rule_id, or the event id */
    mutt_str_t body;            /* the webhook's JSON */
} mutt_delivery_t;

/*
 * Reads an element of the alert queue and writes its webhook body.
 * MUTT_INVALID, with the reason in err, when it is no alert.
 */
MUTT_CHECKED mutt_rc_t mutt_webhook_read(mutt_json_reader_t *reader,
                                         mutt_str_t element, mutt_pool_t *pool,
                                         mutt_delivery_t *delivery,
                                         mutt_err_t *err);

#endif
