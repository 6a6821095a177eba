/*
 * mutt-retention: partitions ahead, old data to the archive, older data away.
 *
 * A run goes through the tasks of lib/io/mutt_retention, a small step a turn,
 * so that signals, settings and /health are never far.  It is made when one
 * is due, and when the policy changes.  A task that fails is told, counted
 * and left; the run is then not a success, and another follows soon.
 */

#include <stdlib.h>

#include "io/mutt_retention.h"
#include "run/mutt_worker.h"

/* between two looks at whether a run is due */
#define TICK (500 * 1000)

/* between two looks at whether PostgreSQL is there */
#define LOOK_EVERY (5 * MUTT_USEC_SEC)

/* after a run that failed */
#define RETRY_AFTER (60 * MUTT_USEC_SEC)

#define HOUR (3600 * MUTT_USEC_SEC)

typedef struct {
    mutt_retention_t *retention;
    mutt_retention_policy_t policy; /* as told when the last run began */
    bool running;
    mutt_usec_t began;
    mutt_usec_t ended; /* 0: no run yet */
    mutt_usec_t looked;
    bool failed; /* the last run */
} retention_t;


static void
tell(void *data, const char *text)
{
    mutt_log(mutt_run_log(data), MUTT_LOG_INFO, "retention", "%s", text);
}


static mutt_rc_t
retention_setup(mutt_run_t *run, mutt_err_t *err)
{
    retention_t *r = mutt_run_ctx(run);
    const mutt_settings_t *s = mutt_run_base_settings(run);

    r->retention =
        mutt_retention_create(s, mutt_set_bool(s, MUTT_SET_RETENTION_DRY_RUN),
                              mutt_run_metrics(run), tell, run);

    return r->retention == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory at start")
               : MUTT_OK;
}


static void
retention_teardown(mutt_run_t *run)
{
    retention_t *r = mutt_run_ctx(run);

    mutt_retention_destroy(r->retention);
}


/* Member by member: what lies between them is anything. */
static bool
is_same(const mutt_retention_policy_t *a, const mutt_retention_policy_t *b)
{
    return a->event_days == b->event_days &&
           a->archive_years == b->archive_years &&
           a->change_days == b->change_days &&
           a->letter_days == b->letter_days && a->enforced == b->enforced;
}


static bool
is_due(mutt_run_t *run, const retention_t *r,
       const mutt_retention_policy_t *policy)
{
    const mutt_settings_t *s = mutt_run_settings(run);
    mutt_usec_t wait =
        r->failed
            ? RETRY_AFTER
            : mutt_set_int(s, MUTT_SET_RETENTION_CHECK_INTERVAL_HOURS) * HOUR;

    return r->ended == 0 || mutt_time_mono() - r->ended >= wait ||
           !is_same(policy, &r->policy);
}


static const char *
state_of(mutt_run_t *run, const retention_t *r)
{
    if (r->failed) {
        return "the last run failed";
    }

    if (mutt_set_bool(mutt_run_base_settings(run),
                      MUTT_SET_RETENTION_DRY_RUN)) {
        return "dry run";
    }

    return mutt_retention_enforced(r->retention) ? "ok" : "switched off";
}


static void
begin_run(retention_t *r, const mutt_retention_policy_t *policy)
{
    r->policy = *policy;
    r->running = true;
    r->began = mutt_time_mono();
    mutt_retention_begin(r->retention);
}


static void
end_run(mutt_run_t *run, retention_t *r)
{
    uint64_t *m = mutt_run_metrics(run);
    bool dry =
        mutt_set_bool(mutt_run_base_settings(run), MUTT_SET_RETENTION_DRY_RUN);
    double now = (double) mutt_time_now() / (double) MUTT_USEC_SEC;

    r->running = false;
    r->ended = mutt_time_mono();
    r->failed = mutt_retention_failed(r->retention);

    double took = (double) (r->ended - r->began) / (double) MUTT_USEC_SEC;

    if (!r->failed) {
        mutt_metric_set(m, MUTT_M_RETENTION_RUN_AT_ALL, now);
    }

    if (!r->failed && mutt_retention_enforced(r->retention) && !dry) {
        mutt_metric_set(m, MUTT_M_CLEANUP_RUN_AT_ALL, now);
    }

    mutt_metric_set(m, MUTT_M_RETENTION_DURATION_ALL, took);
    mutt_run_check(run, "retention", true, state_of(run, r));
    mutt_log(mutt_run_log(run), r->failed ? MUTT_LOG_ERROR : MUTT_LOG_INFO,
             "retention", "a run of %.3f s: %s", took, state_of(run, r));
}


/* Nothing is due: what /health says stays true, and the lock is held. */
static mutt_rc_t
idle(mutt_run_t *run, retention_t *r, mutt_err_t *err)
{
    mutt_usec_t now = mutt_time_mono();

    mutt_run_sleep(run, TICK);

    if (now - r->looked < LOOK_EVERY) {
        return MUTT_AGAIN;
    }

    mutt_rc_t rc = mutt_retention_look(r->retention, err);

    mutt_run_check(run, "postgresql", rc == MUTT_OK,
                   rc == MUTT_OK ? "ok" : mutt_rc_word(rc));

    if (rc != MUTT_OK) {
        return rc;
    }

    r->looked = now;

    return MUTT_AGAIN;
}


static mutt_rc_t
retention_turn(mutt_run_t *run, mutt_err_t *err)
{
    retention_t *r = mutt_run_ctx(run);

    mutt_retention_policy_t policy =
        mutt_retention_policy(mutt_run_settings(run));

    if (!r->running && !is_due(run, r, &policy)) {
        return idle(run, r, err);
    }

    /* a run that waits or takes hours deletes nothing by a policy of before */
    if (!r->running || !is_same(&policy, &r->policy)) {
        begin_run(r, &policy);
    }

    mutt_rc_t rc = mutt_retention_step(r->retention, mutt_run_redis(run), err);

    if (rc == MUTT_AGAIN) {
        end_run(run, r);
        mutt_run_check(run, "postgresql", true, "ok");
        return MUTT_AGAIN;
    }

    if (rc == MUTT_OK) {
        return MUTT_OK;
    }

    /* a lost connection is no failure of the task, it goes on from there */
    if (mutt_retention_cut_off(r->retention, mutt_run_redis(run))) {
        return rc;
    }

    mutt_log_failure(mutt_run_log(run), MUTT_LOG_ERROR, "retention", err,
                     "the task %s failed", mutt_retention_task(r->retention));
    mutt_retention_skip(r->retention);

    return MUTT_OK;
}


static const mutt_worker_t retention = {
    .service = "mutt-retention",
    .kind = "retention",
    .reader = MUTT_S_RETENTION,
    .port = MUTT_SET_METRICS_PORT_RETENTION,
    .ctx_size = sizeof(retention_t),
    .queueless = true,
    .setup = retention_setup,
    .turn = retention_turn,
    .teardown = retention_teardown,
};


int
main(int argc, char **argv)
{
    return mutt_worker_main(&retention, argc, argv);
}
