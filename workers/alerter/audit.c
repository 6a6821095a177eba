#include "alerter.h"

#include <stdio.h>

#include "domain/mutt_alert.h"
#include "domain/mutt_keys.h"

/* what cannot write for so long without a try has nothing to write */
#define TELL_FOR "30"


mutt_rc_t
alerter_send_audit(batch_t *b, mutt_err_t *err)
{
    b->sent = mutt_time_mono();

    if (b->n_rows == 0) {
        return MUTT_OK;
    }

    mutt_rc_t rc =
        mutt_audit_send(b->a->pg, b->rows, b->n_rows, b->a->repeats, err);

    return rc == MUTT_OK ? MUTT_OK : alerter_pg_ended(b->run, b->a, rc);
}


/*
 * Rows that take longer than a statement may are claimed anew, and would for
 * ever take as long again: the claim is halved until they do not.
 */
static void
suit_claims(const batch_t *b, mutt_rc_t rc)
{
    alerter_t *a = b->a;
    bool late =
        rc == MUTT_TIMEOUT ||
        (rc != MUTT_OK && strcmp(mutt_pg_sqlstate(a->pg), "57014") == 0);

    if (late && b->claim.n > 1) {
        a->halved++;
        a->calm = 0;
    } else if (rc == MUTT_OK && a->halved > 0 && ++a->calm == PG_CALM) {
        a->halved--;
        a->calm = 0;
    }
}


/* For the /health of nginx, which reads from PostgreSQL and sees no harm. */
static void
tell_nginx(const batch_t *b, mutt_rc_t rc)
{
    alerter_t *a = b->a;
    mutt_redis_t *redis = mutt_run_redis(b->run);
    const char *sqlstate = mutt_pg_sqlstate(a->pg);
    mutt_str_t key = mutt_str(mutt_keys[MUTT_KEY_ROWS_REFUSED]);
    const mutt_reply_t *reply;
    mutt_err_t ignored;

    if (rc == MUTT_OK && !a->told_refused) {
        return;
    }

    const mutt_str_t told[] = { MUTT_STR("SET"), key,
                                mutt_str(sqlstate[0] == '\0' ? mutt_rc_word(rc)
                                                             : sqlstate),
                                MUTT_STR("EX"), MUTT_STR(TELL_FOR) };
    const mutt_str_t taken_back[] = { MUTT_STR("DEL"), key };

    a->told_refused = rc != MUTT_OK;

    if (mutt_redis_call(redis, rc == MUTT_OK ? 2 : 5,
                        rc == MUTT_OK ? taken_back : told, 0, &reply,
                        &ignored) != MUTT_OK) {
        a->told_refused = true;
    }
}


mutt_rc_t
alerter_finish_audit(batch_t *b, mutt_err_t *err)
{
    uint64_t *metrics = mutt_run_metrics(b->run);

    if (b->n_rows == 0) {
        return MUTT_OK;
    }

    mutt_rc_t rc = alerter_pg_ended(
        b->run, b->a, mutt_audit_finish(b->a->pg, b->rows, b->n_rows, err));

    b->a->repeats = rc != MUTT_OK;
    suit_claims(b, rc);
    tell_nginx(b, rc);

    if (rc != MUTT_OK) {
        return rc;
    }

    mutt_usec_t usec = mutt_time_mono() - b->sent;
    double took = (double) usec / (double) MUTT_USEC_SEC;

    alerter_note_insert(b, usec);

    mutt_metric_observe(metrics, MUTT_M_DB_WRITE_LATENCY_ALL, took);
    mutt_metric_observe(metrics, MUTT_M_DB_WRITE_LATENCY_MS_ALL, took * 1e3);

    return MUTT_OK;
}


/*
 * Where an event goes whose row PostgreSQL refuses: to the dead when the row
 * is to blame, else back, and after some attempts to where it can be
 * replayed from.
 */
static mutt_dest_t
dest_of_refused(const batch_t *b, const mutt_audit_row_t *row,
                const mutt_event_t *event)
{
    if (!row->doubtful) {
        return MUTT_TO_DEAD;
    }

    return event->attempts + 1 > mutt_set_int(mutt_run_base_settings(b->run),
                                              MUTT_SET_ALERTER_MAX_RETRIES)
               ? MUTT_TO_DLQ
               : MUTT_TO_RETRY;
}


static mutt_rc_t
judge_refused(batch_t *b, size_t k, const char *at, mutt_err_t *err)
{
    const mutt_audit_row_t *row = &b->rows[k];
    size_t i = b->row_items[k];
    const mutt_event_t *event = &b->events[i];
    char reason[32];
    mutt_buf_t out;

    if (b->journeys != NULL) {
        b->journeys[i].failed = true;
    }

    /* it is not counted with its kind after all */
    if (b->verdicts[i].dest == MUTT_TO_UNHANDLED) {
        b->unhandled[b->verdicts[i].kind].times--;
    }

    (void) snprintf(reason, sizeof(reason), "sqlstate_%s", row->refused);
    mutt_log_event(mutt_run_log(b->run), MUTT_LOG_ERROR, "audit",
                   &(mutt_log_about_t) { event->correlation_id,
                                         event->traceparent, mutt_str(reason) },
                   "row refused: %s", reason);
    mutt_buf_init(&out, PAYLOAD_MAX);
    mutt_alert_write_failed(&out, b->claim.items[i], event->attempts + 1, at,
                            reason);

    return alerter_give(b, i, dest_of_refused(b, row, event), &out, err);
}


mutt_rc_t
alerter_judge_rows(batch_t *b, size_t *refused, mutt_err_t *err)
{
    char at[MUTT_TIME_LEN + 1];
    mutt_rc_t rc = MUTT_OK;

    alerter_now_text(at);
    *refused = 0;

    for (size_t k = 0; k < b->n_rows && rc == MUTT_OK; k++) {
        if (b->rows[k].refused[0] != '\0') {
            rc = judge_refused(b, k, at, err);
            (*refused)++;
        }
    }

    return rc;
}
