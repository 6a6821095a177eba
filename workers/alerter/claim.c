#include "alerter.h"

#include "core/mutt_failpoint.h"


batch_t *
alerter_create_batch(mutt_run_t *run, alerter_t *a)
{
    mutt_pool_t *pool =
        a->pools[a->flying != NULL && a->flying->pool == a->pools[0]];

    mutt_pool_reset(pool);

    batch_t *b = mutt_pool_calloc(pool, sizeof(batch_t));

    if (b != NULL) {
        b->run = run;
        b->a = a;
        b->pool = pool;
    }

    return b;
}


mutt_rc_t
alerter_claim(batch_t *b, mutt_err_t *err)
{
    alerter_t *a = b->a;
    const batch_t *ahead = a->flying;
    mutt_queue_t *queue = mutt_run_queue(b->run);
    uint64_t *metrics = mutt_run_metrics(b->run);
    size_t max = (size_t) mutt_set_int(mutt_run_base_settings(b->run),
                                       MUTT_SET_ALERTER_BATCH_MAX) >>
                 a->halved;

    max = max == 0 ? 1 : max;
    MUTT_PASS("alerter.claim");

    mutt_rc_t rc =
        ahead == NULL
            ? mutt_queue_claim(queue, max, alerter_alerts_max(b->run, a),
                               b->pool, &b->claim, err)
            : mutt_queue_claim_more(queue, max, &ahead->claim, b->pool,
                                    &b->claim, err);

    if (rc != MUTT_OK && rc != MUTT_AGAIN) {
        return rc;
    }

    b->began = mutt_time_mono();
    b->claimed_at = mutt_time_now();
    /* the alerts of the claim ahead are not there yet */
    b->alerts = b->claim.alert_depth + (ahead == NULL ? 0 : ahead->raised);

    alerter_feel_pressure(b->run, a, b->alerts);
    mutt_metric_set(metrics, MUTT_M_ALERTER_QUEUE_DEPTH_ALL,
                    (double) b->claim.alert_depth);
    mutt_metric_set(metrics, MUTT_M_ALERTER_PROCESSING_DEPTH_ALL,
                    (double) (b->claim.n + (ahead ? ahead->claim.n : 0)));

    return rc;
}
