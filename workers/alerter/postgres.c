#include "alerter.h"

#include <stdio.h>

#include "domain/mutt_sql.h"


/* Shows the breaker, and its change since before. */
static void
tell_breaker(mutt_run_t *run, const alerter_t *a, mutt_breaker_state_t before)
{
    uint64_t *m = mutt_run_metrics(run);
    mutt_breaker_state_t now = a->breaker.state;

    mutt_metric_set(m, MUTT_M_PG_BREAKER_STATE_PG, (double) now);
    mutt_metric_set(m, MUTT_M_PG_BREAKER_FAILURES_PG,
                    (double) a->breaker.failures);

    if (now == before) {
        return;
    }

    if (now == MUTT_BREAKER_HALF_OPEN) {
        mutt_metric_add(m, MUTT_M_PG_BREAKER_CHANGES_OPEN_HALF, 1);
    } else if (now == MUTT_BREAKER_CLOSED) {
        mutt_metric_add(m, MUTT_M_PG_BREAKER_CHANGES_HALF_CLOSED, 1);
    } else {
        mutt_metric_add(m,
                        before == MUTT_BREAKER_CLOSED
                            ? MUTT_M_PG_BREAKER_CHANGES_CLOSED_OPEN
                            : MUTT_M_PG_BREAKER_CHANGES_HALF_OPEN,
                        1);
    }
}


static void
tell_breaker_result(mutt_run_t *run, alerter_t *a, bool ok)
{
    mutt_breaker_state_t before = a->breaker.state;
    mutt_usec_t now = mutt_time_mono();

    if (ok) {
        mutt_breaker_ok(&a->breaker, now);
    } else {
        a->breaker.open_us = mutt_run_jitter(PG_REST);
        mutt_breaker_failed(&a->breaker, now);
    }

    tell_breaker(run, a, before);
}


mutt_rc_t
alerter_pg_ended(mutt_run_t *run, alerter_t *a, mutt_rc_t rc)
{
    const char *sqlstate = mutt_pg_sqlstate(a->pg);
    char state[64] = "ok";

    tell_breaker_result(run, a, rc == MUTT_OK);

    if (rc == MUTT_OK) {
        a->pg_asked = mutt_time_mono();
    } else if (a->breaker.state == MUTT_BREAKER_OPEN) {
        (void) snprintf(state, sizeof(state), "breaker open, %s%s",
                        sqlstate[0] == '\0' ? "" : "sqlstate ",
                        sqlstate[0] == '\0' ? mutt_rc_word(rc) : sqlstate);
    } else if (sqlstate[0] != '\0') {
        (void) snprintf(state, sizeof(state), "sqlstate %s", sqlstate);
    } else {
        (void) snprintf(state, sizeof(state), "%s", mutt_rc_word(rc));
    }

    mutt_run_check(run, "postgresql", rc == MUTT_OK, state);

    return rc;
}


mutt_rc_t
alerter_connect_pg(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    return mutt_pg_connected(a->pg)
               ? MUTT_OK
               : alerter_pg_ended(run, a, mutt_pg_connect(a->pg, err));
}


mutt_rc_t
alerter_ping_pg(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    if (mutt_time_mono() - a->pg_asked < RETRY_AFTER) {
        return MUTT_OK;
    }

    return alerter_pg_ended(
        run, a,
        mutt_pg_exec(a->pg, mutt_sql[MUTT_SQL_TEXT_PING], 0, NULL, NULL, err));
}


mutt_rc_t
alerter_probe_pg(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    mutt_breaker_state_t before = a->breaker.state;

    if (before == MUTT_BREAKER_CLOSED) {
        return MUTT_OK;
    }

    if (!mutt_breaker_allow(&a->breaker, mutt_time_mono())) {
        return mutt_fail(err, MUTT_UNAVAIL, "postgresql: the breaker is open");
    }

    tell_breaker(run, a, before);
    a->pg_asked = 0;

    mutt_rc_t rc = alerter_connect_pg(run, a, err);

    return rc == MUTT_OK ? alerter_ping_pg(run, a, err) : rc;
}


mutt_rc_t
alerter_create_partitions(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    int months = (int) mutt_set_int(mutt_run_base_settings(run),
                                    MUTT_SET_RETENTION_PRECREATE_MONTHS);

    if (a->partitioned) {
        return MUTT_OK;
    }

    mutt_rc_t rc = alerter_pg_ended(
        run, a, mutt_audit_partitions(a->pg, mutt_time_now(), months, err));

    a->partitioned = rc == MUTT_OK;

    /* a schema that is not there yet may still come */
    return rc == MUTT_INVALID ? MUTT_UNAVAIL : rc;
}
