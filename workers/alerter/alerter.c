/*
 * mutt-alerter: claim, match, audit, commit.
 *
 * An event leaves the ingest queue only by the commit, after its audit row
 * is in PostgreSQL; whatever dies in between, the claim is repeated and the
 * row's key absorbs the repetition.  Nothing is claimed before the rules
 * have been read once, nor while PostgreSQL is away.
 *
 * With more in the queue two claims are under way: while PostgreSQL inserts
 * the rows of one, the next is claimed and matched, and its rows are sent
 * before the first is committed.  When anything fails both are dropped, and
 * claimed again from the first on.
 */

#include "alerter.h"

#include "core/mutt_failpoint.h"

#define POOL_BLOCK (1 << 20)

/* one wait for the first rules */
#define LOAD_WAIT_MS 200


static mutt_rc_t
create_parts(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    const mutt_settings_t *s = mutt_run_base_settings(run);

    mutt_breaker_init(&a->breaker, PG_FAILURES, PG_REST);
    a->pg = mutt_pg_create(s, "mutt-alerter");
    a->loader = mutt_loader_create(s);
    a->reader = mutt_json_reader_create();
    a->pools[0] = mutt_pool_create(POOL_BLOCK);
    a->pools[1] = mutt_pool_create(POOL_BLOCK);

    return a->pg == NULL || a->loader == NULL || a->reader == NULL ||
                   a->pools[0] == NULL || a->pools[1] == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory at start")
               : MUTT_OK;
}


static mutt_rc_t
alerter_setup(mutt_run_t *run, mutt_err_t *err)
{
    alerter_t *a = mutt_run_ctx(run);
    mutt_rc_t rc = MUTT_OK;

    if (a->pg == NULL) {
        rc = create_parts(run, a, err);
    }

    if (rc == MUTT_OK) {
        rc = alerter_probe_pg(run, a, err);
    }

    if (rc == MUTT_OK) {
        rc = alerter_connect_pg(run, a, err);
    }

    if (rc == MUTT_OK) {
        rc = alerter_create_partitions(run, a, err);
    }

    if (rc == MUTT_OK) {
        rc = alerter_take_load(run, a, err);
    }

    if (rc != MUTT_AGAIN) {
        a->loading = false;
        return rc;
    }

    if (!a->loading) {
        rc = alerter_reload(run, err);
        a->loading = rc == MUTT_OK;
    }

    if (a->loading) {
        mutt_loader_wait(a->loader, LOAD_WAIT_MS);
        rc = MUTT_AGAIN;
    }

    return rc;
}


static void
alerter_teardown(mutt_run_t *run)
{
    alerter_t *a = mutt_run_ctx(run);

    mutt_loader_destroy(a->loader);
    mutt_generation_destroy(a->rules);
    mutt_json_reader_destroy(a->reader);
    mutt_pool_destroy(a->pools[0]);
    mutt_pool_destroy(a->pools[1]);
    mutt_pg_destroy(a->pg);
}


/*
 * Waits for the first event a slice at a time, so that a turn is short, and
 * up to BRPOPLPUSH_TIMEOUT in all before the queue is claimed from again.
 */
static mutt_rc_t
idle(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    mutt_usec_t now = mutt_time_mono();
    mutt_rc_t rc = alerter_ping_pg(run, a, err);

    if (a->wait_until == 0) {
        a->wait_until = now + mutt_set_int(mutt_run_base_settings(run),
                                           MUTT_SET_BRPOPLPUSH_TIMEOUT) *
                                  MUTT_USEC_SEC;
    }

    if (rc == MUTT_OK) {
        mutt_usec_t left = now < a->wait_until ? a->wait_until - now : 0;
        unsigned slice = mutt_loader_busy(a->loader) ? WAIT_LOAD_MS : WAIT_MS;

        rc = mutt_queue_wait(
            mutt_run_queue(run),
            left < slice * 1000 ? (unsigned) left / 1000 : slice, err);
    }

    if (rc != MUTT_AGAIN || mutt_time_mono() >= a->wait_until ||
        !mutt_queue_rings(mutt_run_queue(run))) {
        a->wait_until = 0;
    }

    return rc;
}


/* Whether the next claim should not wait for the end of this one. */
static bool
worth_more(mutt_run_t *run, const batch_t *b)
{
    return b->n_rows > 0 && b->claim.source_depth > 0 && !alerter_defers(run) &&
           !mutt_run_stopping(run);
}


/* Claims and matches what comes behind what is flying; NULL: nothing. */
static mutt_rc_t
look_ahead(mutt_run_t *run, alerter_t *a, batch_t **next, mutt_err_t *err)
{
    batch_t *b = alerter_create_batch(run, a);
    mutt_rc_t rc = b == NULL
                       ? mutt_fail(err, MUTT_NOMEM, "out of memory for a batch")
                       : alerter_claim(b, err);

    if (rc == MUTT_AGAIN) {
        return MUTT_OK;
    }

    if (rc == MUTT_OK) {
        rc = alerter_judge_claim(b, err);
        *next = b;
    }

    return rc;
}


/* Claims, matches and sends the rows; what is flying then tells whether there
 * was anything. */
static mutt_rc_t
take_off(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    /* a deferring alerter lifts nothing from the queue */
    if (a->wait_until != 0 &&
        (a->pressure != MUTT_PRESSURE_SHED || !alerter_defers(run))) {
        return idle(run, a, err);
    }

    a->wait_until = 0;

    batch_t *b = alerter_create_batch(run, a);
    mutt_rc_t rc = b == NULL
                       ? mutt_fail(err, MUTT_NOMEM, "out of memory for a batch")
                       : alerter_claim(b, err);

    /* NOLINTNEXTLINE(clang-analyzer-*): mutt_fail() never returns MUTT_OK. */
    if ((rc == MUTT_OK || rc == MUTT_AGAIN) &&
        alerter_defer(run, a, &b->claim)) {
        return MUTT_AGAIN;
    }

    if (rc == MUTT_AGAIN) {
        return idle(run, a, err);
    }

    if (rc == MUTT_OK) {
        rc = alerter_judge_claim(b, err);
    }

    if (rc == MUTT_OK) {
        rc = alerter_send_audit(b, err);
        a->flying = rc == MUTT_OK ? b : NULL;
    }

    return rc;
}


/* Lets what is flying land, with the next one taking off. */
static mutt_rc_t
land(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    batch_t *b = a->flying;
    batch_t *next = NULL;
    mutt_rc_t rc =
        worth_more(run, b) ? look_ahead(run, a, &next, err) : MUTT_OK;

    if (rc == MUTT_OK) {
        a->flying = NULL;
        rc = alerter_settle(b, next, err);
    }

    return rc;
}


static mutt_rc_t
alerter_turn(mutt_run_t *run, mutt_err_t *err)
{
    alerter_t *a = mutt_run_ctx(run);

    /* a failure is logged there, and the last good rules stay */
    (void) alerter_take_load(run, a, err);
    alerter_repeat_load(run, a);

    mutt_rc_t rc = alerter_look_at_depths(run, a, err);

    if (rc == MUTT_OK) {
        rc = alerter_probe_pg(run, a, err);
    }

    if (rc == MUTT_OK) {
        rc = alerter_connect_pg(run, a, err);
    }

    if (rc == MUTT_OK && a->flying == NULL && alerter_deferring(run, a)) {
        rc = alerter_ping_pg(run, a, err);
        return rc == MUTT_OK ? MUTT_AGAIN : rc;
    }

    if (rc == MUTT_OK && a->flying == NULL) {
        rc = take_off(run, a, err);
    }

    if (rc == MUTT_OK && a->flying != NULL) {
        rc = land(run, a, err);
    }

    if (rc != MUTT_OK && rc != MUTT_AGAIN) {
        a->wait_until = 0;
        alerter_drop_flying(a);
    }

    return rc;
}


static mutt_rc_t
alerter_drain(mutt_run_t *run, mutt_err_t *err)
{
    alerter_t *a = mutt_run_ctx(run);

    mutt_rc_t rc = a->flying == NULL ? MUTT_OK : land(run, a, err);

    if (rc != MUTT_OK) {
        alerter_drop_flying(a);
    }

    return rc;
}


static const mutt_worker_t alerter = {
    .service = "mutt-alerter",
    .kind = "alerter",
    .reader = MUTT_S_ALERTER,
    .port = MUTT_SET_METRICS_PORT_ALERTER,
    .traces = true,
    .watches = { MUTT_WATCH_ALERTERS },
    .ctx_size = sizeof(alerter_t),
    .setup = alerter_setup,
    .reload = alerter_reload,
    .turn = alerter_turn,
    .drain = alerter_drain,
    .teardown = alerter_teardown,
};


int
main(int argc, char **argv)
{
    return mutt_worker_main(&alerter, argc, argv);
}
