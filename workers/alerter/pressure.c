#include "alerter.h"

/* the depths of the queues are looked at this often, besides by claims */
#define LOOK_EVERY MUTT_USEC_SEC


mutt_pressure_limits_t
alerter_pressure_limits(mutt_run_t *run)
{
    const mutt_settings_t *s = mutt_run_settings(run);

    return (mutt_pressure_limits_t) {
        .warn = mutt_set_int(s, MUTT_SET_ALERTER_QUEUE_WARN_THRESHOLD),
        .shed = mutt_set_int(s, MUTT_SET_ALERTER_QUEUE_SHED_THRESHOLD),
    };
}


bool
alerter_defers(mutt_run_t *run)
{
    return strcmp(mutt_set_text(mutt_run_settings(run),
                                MUTT_SET_ALERTER_SHED_MODE),
                  "defer") == 0;
}


static int64_t
defer_ms(mutt_run_t *run)
{
    return mutt_set_int(mutt_run_settings(run),
                        MUTT_SET_ALERTER_DEFER_SLEEP_MS);
}


/* Says each change of the level once. */
static void
tell_pressure(mutt_run_t *run, alerter_t *a, mutt_pressure_t before,
              int64_t depth, const mutt_pressure_limits_t *limits)
{
    static const char *const states[] = { "ok",
                                          "alert queue over the warn "
                                          "threshold",
                                          "shedding" };
    mutt_log_t *log = mutt_run_log(run);

    mutt_run_check(run, "alert_queue", true, states[a->pressure]);

    if (a->pressure == MUTT_PRESSURE_SHED) {
        mutt_log(log, MUTT_LOG_WARNING, "pressure",
                 "the alert queue holds %lld, more than %lld: %s",
                 (long long) depth, (long long) limits->shed,
                 alerter_defers(run)
                     ? "nothing is claimed until it has drained"
                     : "alerting events go to the dead letters");
        a->shed = 0;
        return;
    }

    if (before == MUTT_PRESSURE_SHED) {
        mutt_log(log, MUTT_LOG_WARNING, "pressure",
                 "the alert queue holds %lld: shedding ends, %llu events were "
                 "shed",
                 (long long) depth, (unsigned long long) a->shed);
        return;
    }

    mutt_log(log, MUTT_LOG_WARNING, "pressure",
             a->pressure == MUTT_PRESSURE_WARN
                 ? "the alert queue holds %lld, more than its warn threshold "
                   "%lld"
                 : "the alert queue holds %lld, its warn threshold is %lld",
             (long long) depth, (long long) limits->warn);
}


void
alerter_feel_pressure(mutt_run_t *run, alerter_t *a, int64_t depth)
{
    mutt_pressure_limits_t limits = alerter_pressure_limits(run);
    mutt_pressure_t before = a->pressure;

    a->pressure = mutt_pressure_at(before, depth, &limits);

    if (a->pressure != before) {
        tell_pressure(run, a, before, depth, &limits);
    }
}


mutt_rc_t
alerter_look_at_depths(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    uint64_t *m = mutt_run_metrics(run);
    mutt_usec_t now = mutt_time_mono();
    mutt_queue_depths_t depths;

    if (now < a->look_at) {
        return MUTT_OK;
    }

    mutt_rc_t rc = mutt_queue_depths(mutt_run_queue(run), &depths, err);

    if (rc == MUTT_OK && depths.bell > 0) {
        /* of an alerter that has died since; it rings no more */
        a->wait_until = 0;
    }

    if (rc == MUTT_OK) {
        a->look_at = now + LOOK_EVERY;
        alerter_feel_pressure(run, a,
                              depths.alerts +
                                  (a->flying == NULL ? 0 : a->flying->raised));
        mutt_metric_set(m, MUTT_M_ALERTER_QUEUE_DEPTH_ALL,
                        (double) depths.alerts);
        mutt_metric_set(m, MUTT_M_ALERTER_DLQ_DEPTH_ALL, (double) depths.dlq);
    }

    return rc;
}


int64_t
alerter_alerts_max(mutt_run_t *run, const alerter_t *a)
{
    mutt_pressure_limits_t limits = alerter_pressure_limits(run);

    if (!alerter_defers(run)) {
        return -1;
    }

    return a->pressure == MUTT_PRESSURE_SHED ? mutt_pressure_end(limits.shed)
                                             : limits.shed;
}


bool
alerter_defer(mutt_run_t *run, alerter_t *a, const mutt_claim_t *claim)
{
    if (a->pressure != MUTT_PRESSURE_SHED || !alerter_defers(run) ||
        claim->n > 0) {
        return false;
    }

    if (claim->source_depth > 0) {
        mutt_metric_add(mutt_run_metrics(run), MUTT_M_ALERTER_SHED_DEFER, 1);
    }

    a->defer_ms = defer_ms(run);
    a->defer_shed = alerter_pressure_limits(run).shed;
    a->defer_until = mutt_time_mono() + mutt_run_jitter(a->defer_ms * 1000);

    return true;
}


bool
alerter_deferring(mutt_run_t *run, alerter_t *a)
{
    mutt_usec_t left = a->defer_until - mutt_time_mono();

    if (left <= 0 || !alerter_defers(run) || a->defer_ms != defer_ms(run) ||
        a->defer_shed != alerter_pressure_limits(run).shed) {
        a->defer_until = 0;
        return false;
    }

    mutt_run_sleep(run, left < WAIT_MS * 1000 ? left : WAIT_MS * 1000);

    return true;
}
