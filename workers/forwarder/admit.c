#include "forwarder.h"

#include "core/mutt_failpoint.h"

/* a queue that is held is looked at again after this, if not before */
#define HELD_MS 50


mutt_outbox_limits_t
forwarder_limits(mutt_run_t *run)
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
            (int64_t) (mutt_set_float(mutt_run_base_settings(run),
                                      MUTT_SET_MOOG_WEBHOOK_TIMEOUT) *
                       1000) +
            5000,
    };
}


mutt_rc_t
forwarder_admit(mutt_run_t *run, forwarder_t *f, mutt_usec_t now, size_t *taken,
                mutt_err_t *err)
{
    size_t most = (size_t) mutt_set_int(mutt_run_settings(run),
                                        MUTT_SET_MOOG_MAX_INFLIGHT);
    mutt_outbox_limits_t limits = forwarder_limits(run);
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

    forwarder_tell_breaker(run, f, admission.breaker_before, admission.breaker);
    forwarder_tell_held(run, f, &admission);

    if (admission.wait_ms > 0) {
        int64_t wait =
            admission.wait_ms < HELD_MS ? admission.wait_ms : HELD_MS;

        f->held_until = now + wait * 1000;
    }

    if (admission.n > 0) {
        MUTT_PASS("forwarder.admitted");
    }

    for (size_t i = 0; i < admission.n; i++) {
        forwarder_take(run, f, admission.items[i], admission.probe);
    }

    *taken = admission.n;
    f->more = admission.queue_depth > 0 && admission.wait_ms == 0;

    return MUTT_OK;
}
