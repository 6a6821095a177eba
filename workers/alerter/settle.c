#include "alerter.h"

#include "core/mutt_failpoint.h"
#include "core/mutt_uuid.h"
#include "domain/mutt_alert.h"


/* The meta-alert of a kind that reaches the threshold. */
static mutt_rc_t
write_meta(void *data, size_t k, mutt_unhandled_t *unhandled, mutt_err_t *err)
{
    batch_t *b = data;
    const mutt_settings_t *s = mutt_run_settings(b->run);
    const char *nobody = mutt_set_text(mutt_run_base_settings(b->run),
                                       MUTT_SET_UNHANDLED_DEFAULT_TEAM);
    const mutt_kind_t *kind = &b->kinds.all[k];
    const mutt_str_t *team =
        mutt_directory_find(b->a->rules->teams, kind->host);
    char at[MUTT_TIME_LEN + 1];
    unsigned char random[10];
    mutt_buf_t head;
    mutt_buf_t tail;

    if (!mutt_random(random, sizeof(random))) {
        return mutt_fail(err, MUTT_UNAVAIL, "no random numbers");
    }

    alerter_now_text(at);

    mutt_meta_t meta = {
        .id = mutt_uuid_v7(mutt_time_now(), random),
        .received_at = mutt_str(at),
        .team = team == NULL ? mutt_str(nobody) : *team,
        .host = kind->host,
        .sample = kind->sample,
        .expiry_s = mutt_set_int(s, MUTT_SET_UNHANDLED_EXPIRY_SECONDS),
    };

    mutt_buf_init(&head, PAYLOAD_MAX);
    mutt_buf_init(&tail, PAYLOAD_MAX);
    mutt_alert_write_meta(&head, &tail, &meta);
    unhandled->meta_head = alerter_into_pool(&head, b->pool);
    unhandled->meta_tail = alerter_into_pool(&tail, b->pool);

    return unhandled->meta_head.data == NULL ||
                   unhandled->meta_tail.data == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory for an alert")
               : MUTT_OK;
}


mutt_rc_t
alerter_list_kinds(batch_t *b, mutt_err_t *err)
{
    b->unhandled =
        mutt_pool_calloc(b->pool, (b->kinds.n + 1) * sizeof(mutt_unhandled_t));

    if (b->unhandled == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for kinds");
    }

    for (size_t k = 0; k < b->kinds.n; k++) {
        b->unhandled[k] = (mutt_unhandled_t) {
            .key = b->kinds.all[k].key,
            .times = b->kinds.all[k].times,
        };
    }

    return MUTT_OK;
}


/*
 * While alerts are shed no meta-alert is raised either: a kind is counted on,
 * and the first of its events behind the shedding raises it.
 */
static int64_t
threshold_of(const batch_t *b)
{
    return b->a->pressure == MUTT_PRESSURE_SHED
               ? INT32_MAX
               : mutt_set_int(mutt_run_settings(b->run),
                              MUTT_SET_UNHANDLED_THRESHOLD);
}


static mutt_rc_t
commit(batch_t *b, int64_t *metas, mutt_err_t *err)
{
    const mutt_settings_t *s = mutt_run_settings(b->run);
    mutt_raising_t raising = {
        .threshold = threshold_of(b),
        .expiry_s = mutt_set_int(s, MUTT_SET_UNHANDLED_EXPIRY_SECONDS),
        .write = write_meta,
        .data = b,
    };

    return mutt_queue_commit(mutt_run_queue(b->run), &b->claim, b->verdicts,
                             b->unhandled, b->kinds.n, &raising, metas, err);
}


mutt_rc_t
alerter_settle(batch_t *b, batch_t *next, mutt_err_t *err)
{
    int64_t metas = 0;
    size_t refused = 0;
    mutt_rc_t rc = alerter_finish_audit(b, err);

    MUTT_PASS("alerter.audited");

    if (rc == MUTT_OK) {
        rc = alerter_judge_rows(b, &refused, err);
    }

    /* not one row went in: rather the server than so many events */
    bool blame_server =
        refused > 1 && refused == b->n_rows && b->rows[0].doubtful;

    if (rc == MUTT_OK && next != NULL && !blame_server) {
        rc = alerter_send_audit(next, err);
        b->a->flying = rc == MUTT_OK ? next : NULL;
    }

    if (rc == MUTT_OK) {
        rc = commit(b, &metas, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    MUTT_PASS("alerter.committed");
    alerter_count(b, metas);
    alerter_tell_traces(b);
    alerter_tell_events(b);
    alerter_tell_live(b);

    return blame_server ? mutt_fail(err, MUTT_UNAVAIL,
                                    "postgresql refuses every row: %s",
                                    b->rows[0].refused)
                        : MUTT_OK;
}


void
alerter_drop_flying(alerter_t *a)
{
    mutt_err_t ignored;

    if (a->flying != NULL && a->flying->n_rows > 0 &&
        mutt_pg_finish(a->pg, NULL, &ignored) != MUTT_OK) {
        mutt_pg_close(a->pg);
    }

    a->flying = NULL;
}
