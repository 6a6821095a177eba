/* Taking what may be sent. */

#include "forwarder.h"

#include "core/mutt_failpoint.h"

/* for so long after the last alert the queue is looked at often */
#define IDLE_AFTER (1000 * 1000)


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
forwarder_begin_admit(mutt_run_t *run, forwarder_t *f, size_t room,
                      mutt_err_t *err)
{
    mutt_outbox_limits_t limits = forwarder_limits(run);

    return mutt_outbox_begin_admit(mutt_run_queue(run), &f->names, &limits,
                                   room, err);
}


/* When the queue is looked at again: at once if there is more in it, else after
 * a while that gets longer when it has been empty for long. */
static void
plan_look(forwarder_t *f, mutt_usec_t now, size_t taken)
{
    if (taken > 0) {
        f->taken_at = now;
        f->idle_ms = IDLE_FIRST_MS;
    }

    f->look_at = f->more ? now : now + f->idle_ms * 1000;

    if (f->used > 0 || now - f->taken_at < IDLE_AFTER) {
        f->idle_ms = IDLE_FIRST_MS;
    } else {
        f->idle_ms =
            f->idle_ms * 2 > IDLE_LAST_MS ? IDLE_LAST_MS : f->idle_ms * 2;
    }
}


mutt_rc_t
forwarder_end_admit(mutt_run_t *run, forwarder_t *f, mutt_usec_t now,
                    mutt_err_t *err)
{
    mutt_admission_t admission;
    mutt_rc_t rc =
        mutt_outbox_end_admit(mutt_run_queue(run), f->pool, &admission, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    forwarder_tell_breaker(run, f, admission.breaker_before, admission.breaker);
    forwarder_tell_held(run, f, &admission);

    if (admission.wait_ms > 0) {
        int64_t wait =
            admission.wait_ms < IDLE_LAST_MS ? admission.wait_ms : IDLE_LAST_MS;

        f->held_until = now + wait * 1000;
    }

    if (admission.n > 0) {
        MUTT_PASS("forwarder.admitted");
    }

    for (size_t i = 0; i < admission.n && rc == MUTT_OK; i++) {
        rc = forwarder_take(f, admission.items[i], admission.probe, err);
    }

    f->more = admission.queue_depth > 0 && admission.wait_ms == 0;
    plan_look(f, now, admission.n);

    return rc;
}
