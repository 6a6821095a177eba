/*
 * mutt-remediation: dead letters back to where they came from.
 *
 * One process at a time has the lease and replays, a batch a list and
 * interval, while the alert queue has room; what has been replayed too often
 * is quarantined.  Every process recovers what dead workers have left (the
 * side thread's janitors).  Nothing here is on the path of an event.
 */

#include <stdio.h>
#include <stdlib.h>

#include "core/mutt_uuid.h"
#include "domain/mutt_alert.h"
#include "domain/mutt_letter.h"
#include "io/mutt_http.h"
#include "io/mutt_queue_age.h"
#include "io/mutt_replay.h"
#include "run/mutt_slo_eval.h"
#include "run/mutt_worker.h"

#define POOL_BLOCK (1 << 20)
#define PAYLOAD_MAX (1u << 30)

/* between two looks at lease and depths */
#define TICK (500 * 1000)

/* between two looks at the ages */
#define AGES_EVERY (5 * MUTT_USEC_SEC)

/* a holder that died is followed within this time */
#define LEASE_MS 10000

/* between the batches of two lists */
#define PAUSE (100 * 1000)

/* letters that are looked at in a pass when none of them is due */
#define LOOK_MOST 1000

/* an answer of the health URL counts this long */
#define PROBE_EVERY (60 * MUTT_USEC_SEC)

/* an unhealthy webhook is asked this often */
#define PROBE_AGAIN (5 * MUTT_USEC_SEC)

typedef struct {
    mutt_json_reader_t *reader;
    mutt_pool_t *pool; /* of one list in a pass */
    char token[17];    /* of the lease, random hex */
    bool held;
    mutt_usec_t tick_at;
    mutt_usec_t ages_at;
    int64_t depth[MUTT_REPLAY_LISTS];         /* of the last tick */
    mutt_usec_t passed_at[MUTT_REPLAY_LISTS]; /* last pass; 0: none yet */
    int64_t outstanding;             /* events replayed by the last pass */
    char why[MUTT_REPLAY_LISTS][16]; /* why letters waited last */

    mutt_slo_eval_t *slo; /* NULL: no Prometheus */

    mutt_http_t *http; /* NULL: no health URL */
    char authorization[2][MUTT_HTTP_BEARER_MAX];
    int key; /* the one that worked last */
    bool probing;
    bool webhook_ok;
    mutt_usec_t probe_at; /* the next probe */
} remediation_t;

static const char *const names[] = {
    [MUTT_REPLAY_EVENTS] = "alerter",
    [MUTT_REPLAY_ALERTS] = "moog",
};


static mutt_rc_t
remediation_check(const mutt_settings_t *settings, mutt_err_t *err)
{
    const char *url = mutt_set_text(settings, MUTT_SET_MOOG_HEALTH_URL);

    mutt_rc_t rc = mutt_slo_eval_check(settings, err);

    return rc != MUTT_OK || url[0] == '\0'
               ? rc
               : mutt_http_check_url(url, "MOOG_HEALTH_URL", err);
}


static mutt_rc_t
set_up_probe(const mutt_settings_t *s, remediation_t *r, mutt_err_t *err)
{
    mutt_http_options_t options = {
        .url = mutt_set_text(s, MUTT_SET_MOOG_HEALTH_URL),
        .get = true,
        .ca = mutt_set_text(s, MUTT_SET_MOOG_CA_CERT_PATH),
        .timeout_ms =
            (long) (mutt_set_float(s, MUTT_SET_MOOG_WEBHOOK_TIMEOUT) * 1000),
        .connections = 1,
    };

    r->webhook_ok = options.url[0] == '\0';
    mutt_http_bearer(r->authorization[0],
                     mutt_set_text(s, MUTT_SET_MOOG_API_KEY));
    mutt_http_bearer(r->authorization[1],
                     mutt_set_text(s, MUTT_SET_MOOG_API_KEY_NEXT));

    return r->webhook_ok ? MUTT_OK : mutt_http_create(&options, &r->http, err);
}


static void
tell_webhook(mutt_run_t *run, remediation_t *r, const char *state)
{
    mutt_metric_set(mutt_run_metrics(run), MUTT_M_REMEDIATION_HEALTH_ALL,
                    r->webhook_ok ? 1 : 0);
    mutt_run_check(run, "webhook", true, state);
}


static mutt_rc_t
remediation_setup(mutt_run_t *run, mutt_err_t *err)
{
    remediation_t *r = mutt_run_ctx(run);
    unsigned char random[8];

    r->reader = mutt_json_reader_create();
    r->pool = mutt_pool_create(POOL_BLOCK);

    if (r->reader == NULL || r->pool == NULL ||
        !mutt_random(random, sizeof(random))) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory at start");
    }

    for (size_t i = 0; i < sizeof(random); i++) {
        (void) snprintf(r->token + 2 * i, 3, "%02x", random[i]);
    }

    mutt_rc_t rc = set_up_probe(mutt_run_base_settings(run), r, err);

    tell_webhook(run, r, r->webhook_ok ? "not asked" : "not asked yet");

    return rc == MUTT_OK
               ? mutt_slo_eval_create(mutt_run_base_settings(run), &r->slo, err)
               : rc;
}


static void
remediation_teardown(mutt_run_t *run)
{
    remediation_t *r = mutt_run_ctx(run);

    mutt_slo_eval_destroy(r->slo);
    mutt_http_destroy(r->http);
    mutt_pool_destroy(r->pool);
    mutt_json_reader_destroy(r->reader);
    explicit_bzero(r->authorization, sizeof(r->authorization));
}


/* Asks the webhook's health URL, as often as its last answer says. */
static void
start_probe(mutt_run_t *run, remediation_t *r, mutt_usec_t now)
{
    mutt_err_t err;
    mutt_http_request_t request = {
        .authorization = r->authorization[r->key],
        .idempotency_key = "",
        .traceparent = "",
    };

    if (r->http == NULL || r->probing || now < r->probe_at) {
        return;
    }

    if (mutt_http_send(r->http, &request, &err) == MUTT_OK) {
        r->probing = true;
        return;
    }

    r->probe_at = now + PROBE_AGAIN;
    mutt_log_failure(mutt_run_log(run), MUTT_LOG_ERROR, "webhook", &err,
                     "the webhook's health cannot be asked");
}


static void
take_answer(mutt_run_t *run, remediation_t *r, const mutt_http_done_t *done)
{
    char state[32] = "no answer";
    bool ok =
        mutt_outcome_of(done->send, done->status) == MUTT_OUTCOME_DELIVERED;

    r->probing = false;

    /* the next key may be the current one by now, or be it again */
    if (!ok && done->send == MUTT_SEND_ANSWERED && done->status == 401 &&
        r->authorization[1 - r->key][0] != '\0') {
        r->key = 1 - r->key;
    }

    if (done->send == MUTT_SEND_ANSWERED) {
        (void) snprintf(state, sizeof(state), "http %ld", done->status);
    }

    if (ok) {
        mutt_metric_set(mutt_run_metrics(run), MUTT_M_MOOG_HEALTH_AT_ALL,
                        (double) mutt_time_now() / (double) MUTT_USEC_SEC);
    }

    if (ok != r->webhook_ok) {
        mutt_log(mutt_run_log(run), ok ? MUTT_LOG_INFO : MUTT_LOG_WARNING,
                 "webhook", "its health URL says: %s", state);
    }

    r->webhook_ok = ok;
    r->probe_at = mutt_time_mono() + (ok ? PROBE_EVERY : PROBE_AGAIN);
    tell_webhook(run, r, ok ? "ok" : state);
}


static void
probe(mutt_run_t *run, remediation_t *r, mutt_usec_t now)
{
    mutt_err_t err;
    mutt_http_done_t done;

    start_probe(run, r, now);

    if (!r->probing || mutt_http_turn(r->http, 0, &err) != MUTT_OK) {
        return;
    }

    while (mutt_http_next(r->http, &done)) {
        take_answer(run, r, &done);
    }
}


/* Takes or renews the lease and looks at the depths. */
static mutt_rc_t
tick(mutt_run_t *run, remediation_t *r, mutt_err_t *err)
{
    uint64_t *m = mutt_run_metrics(run);
    mutt_replay_lease_t lease;
    mutt_rc_t rc =
        mutt_replay_lease(mutt_run_redis(run), mutt_run_base_settings(run),
                          mutt_str(r->token), LEASE_MS, &lease, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    if (lease.held != r->held) {
        mutt_log(mutt_run_log(run), MUTT_LOG_INFO, "lease", "%s",
                 lease.held ? "this process replays from now"
                            : "another process replays");
        /* what its holder replayed before is not known */
        r->outstanding = INT32_MAX;
        r->held = lease.held;
    }

    memcpy(r->depth, lease.depth, sizeof(r->depth));
    mutt_metric_set(m, MUTT_M_REMEDIATION_DLQ_ALERTER,
                    (double) lease.depth[MUTT_REPLAY_EVENTS]);
    mutt_metric_set(m, MUTT_M_REMEDIATION_DLQ_MOOG,
                    (double) lease.depth[MUTT_REPLAY_ALERTS]);
    mutt_metric_set(m, MUTT_M_REMEDIATION_DLQ_DEAD, (double) lease.dead);
    mutt_run_check(run, "lease", true, lease.held ? "held" : "another's");

    return MUTT_OK;
}


static mutt_rc_t
give(remediation_t *r, mutt_replay_move_t *move, mutt_replay_dest_t dest,
     mutt_buf_t *out, mutt_err_t *err)
{
    move->dest = dest;

    if (mutt_buf_ok(out)) {
        move->payload = mutt_pool_dup(r->pool, mutt_buf_str(out));
    }

    mutt_buf_done(out);

    return move->payload.data == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory for a dead letter")
               : MUTT_OK;
}


static mutt_rc_t
quarantine(mutt_run_t *run, remediation_t *r, const mutt_letter_t *letter,
           mutt_replay_move_t *move, mutt_err_t *err)
{
    char at[MUTT_TIME_LEN + 1];
    mutt_buf_t out;

    mutt_time_format(mutt_time_now(), at);
    mutt_log_event(
        mutt_run_log(run), MUTT_LOG_WARNING, "replay",
        &(mutt_log_about_t) { .correlation_id = letter->correlation_id },
        "quarantined after %lld replays, last failure: %.*s",
        (long long) letter->replays,
        letter->reason.len > 64 ? 64 : (int) letter->reason.len,
        letter->reason.len > 0 ? letter->reason.data : "");
    mutt_buf_init(&out, PAYLOAD_MAX);
    mutt_letter_write_dead(&out, letter, at);

    return give(r, move, MUTT_REPLAY_DEAD, &out, err);
}


static mutt_rc_t
bury_malformed(mutt_run_t *run, remediation_t *r, mutt_replay_move_t *move,
               const mutt_err_t *why, mutt_err_t *err)
{
    char at[MUTT_TIME_LEN + 1];
    mutt_buf_t out;

    mutt_time_format(mutt_time_now(), at);
    mutt_log(mutt_run_log(run), MUTT_LOG_WARNING, "replay",
             "a dead letter is no event or alert and is quarantined: %s",
             why->text);
    mutt_buf_init(&out, PAYLOAD_MAX);
    mutt_alert_write_malformed(&out, move->letter, at, "malformed");

    return give(r, move, MUTT_REPLAY_DEAD_EXTERNAL, &out, err);
}


static mutt_rc_t
judge(mutt_run_t *run, remediation_t *r, mutt_replay_move_t *move,
      mutt_err_t *err)
{
    const mutt_settings_t *s = mutt_run_settings(run);
    mutt_usec_t now = mutt_time_now();
    mutt_letter_t letter;
    mutt_err_t why;
    mutt_rc_t rc = mutt_letter_read(r->reader, move->letter, &letter, &why);

    if (rc == MUTT_INVALID) {
        return bury_malformed(run, r, move, &why, err);
    }

    if (rc != MUTT_OK) {
        *err = why;
        return rc;
    }

    if (letter.replays >= mutt_set_int(s, MUTT_SET_MAX_POISON_RETRIES)) {
        return quarantine(run, r, &letter, move, err);
    }

    if (mutt_letter_due(&letter, mutt_set_int(s, MUTT_SET_REMEDIATION_INTERVAL),
                        now) > now) {
        move->dest = MUTT_REPLAY_LATER;
        return MUTT_OK;
    }

    mutt_buf_t out;

    mutt_buf_init(&out, PAYLOAD_MAX);
    mutt_letter_write_replay(&out, &letter);

    return give(r, move, MUTT_REPLAY_BACK, &out, err);
}


static mutt_rc_t
judge_all(mutt_run_t *run, remediation_t *r, const mutt_str_t *letters,
          size_t n, mutt_replay_move_t **moves, mutt_err_t *err)
{
    mutt_rc_t rc = MUTT_OK;

    *moves = mutt_pool_calloc(r->pool, (n + 1) * sizeof(mutt_replay_move_t));

    if (*moves == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for dead letters");
    }

    for (size_t i = 0; i < n && rc == MUTT_OK; i++) {
        (*moves)[i].letter = letters[i];
        rc = judge(run, r, &(*moves)[i], err);
    }

    if (rc != MUTT_OK) {
        mutt_metric_add(mutt_run_metrics(run),
                        MUTT_M_REMEDIATION_FAIL_PROCESSING, 1);
    }

    return rc;
}


/* Says what a pass has done with a list, and once why the rest waits. */
static void
tell_pass(mutt_run_t *run, remediation_t *r, mutt_replay_list_t list,
          const mutt_replay_done_t *done)
{
    uint64_t *m = mutt_run_metrics(run);
    bool waits = strcmp(done->why, "warn") == 0 ||
                 strcmp(done->why, "breaker") == 0 ||
                 strcmp(done->why, "webhook") == 0;

    mutt_metric_add(m, MUTT_M_REMEDIATION_REPLAYED_ALL, (uint64_t) done->back);
    mutt_metric_add(m, MUTT_M_REMEDIATION_POISON_ALL, (uint64_t) done->dead);

    if (done->back + done->dead > 0) {
        mutt_log(mutt_run_log(run), MUTT_LOG_INFO, "replay",
                 "%lld dead letters of %s replayed, %lld quarantined",
                 (long long) done->back, names[list], (long long) done->dead);
    }

    if (waits && done->back == 0 && strcmp(r->why[list], done->why) != 0) {
        mutt_log(mutt_run_log(run), MUTT_LOG_INFO, "replay",
                 "dead letters of %s wait: %s", names[list], done->why);
    }

    (void) snprintf(r->why[list], sizeof(r->why[list]), "%s",
                    waits && done->back == 0 ? done->why : "");
}


/* Tells how old the lists' next items are. */
static mutt_rc_t
look_at_ages(mutt_run_t *run, remediation_t *r, mutt_err_t *err)
{
    static const mutt_series_t series[] = {
        [MUTT_AGE_INGEST] = MUTT_M_QUEUE_AGE_INGEST,
        [MUTT_AGE_ALERT] = MUTT_M_QUEUE_AGE_ALERT,
        [MUTT_AGE_DLQ_ALERTER] = MUTT_M_QUEUE_AGE_DLQ_ALERTER,
        [MUTT_AGE_DLQ_MOOG] = MUTT_M_QUEUE_AGE_DLQ_MOOG,
    };
    double ages[MUTT_AGE_LISTS];
    mutt_rc_t rc = mutt_queue_ages(
        mutt_run_redis(run), mutt_run_base_settings(run), r->reader, ages, err);

    for (int i = 0; rc == MUTT_OK && i < MUTT_AGE_LISTS; i++) {
        mutt_metric_set(mutt_run_metrics(run), series[i], ages[i]);
    }

    return rc;
}


/* Looks at a list's oldest letters and settles them; *n tells how many. */
static mutt_rc_t
pass_batch(mutt_run_t *run, remediation_t *r, mutt_replay_list_t list,
           size_t *n, mutt_replay_done_t *done, mutt_err_t *err)
{
    const mutt_settings_t *s = mutt_run_settings(run);
    const mutt_settings_t *base = mutt_run_base_settings(run);
    mutt_redis_t *redis = mutt_run_redis(run);
    mutt_replay_terms_t terms = {
        .token = mutt_str(r->token),
        .warn = mutt_set_int(s, MUTT_SET_ALERTER_QUEUE_WARN_THRESHOLD),
        .breaker_timeout_s =
            mutt_set_bool(s, MUTT_SET_CIRCUIT_BREAKER_ENABLED)
                ? mutt_set_int(s, MUTT_SET_CIRCUIT_BREAKER_TIMEOUT)
                : -1,
        .outstanding = r->outstanding,
    };
    mutt_replay_move_t *moves;
    mutt_str_t *letters;

    mutt_pool_reset(r->pool);

    mutt_rc_t rc = mutt_replay_look(
        redis, base, list,
        (size_t) mutt_set_int(s, MUTT_SET_REMEDIATION_BATCH_SIZE), r->pool, n,
        &letters, err);

    if (rc == MUTT_OK) {
        rc = judge_all(run, r, letters, *n, &moves, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    if (list == MUTT_REPLAY_EVENTS) {
        /* should its answer be lost */
        r->outstanding = INT32_MAX;
    }

    rc = mutt_replay_move(redis, base, list, &terms, moves, *n, done, err);

    if (rc == MUTT_OK && list == MUTT_REPLAY_EVENTS) {
        r->outstanding = done->back;
    }

    return rc;
}


/* A batch; more as long as they are not due and stand before others. */
static mutt_rc_t
pass_list(mutt_run_t *run, remediation_t *r, mutt_replay_list_t list,
          mutt_err_t *err)
{
    mutt_replay_done_t done = { 0 };
    mutt_rc_t rc = MUTT_OK;
    int64_t looked = 0;
    size_t n;

    if (list == MUTT_REPLAY_ALERTS && !r->webhook_ok) {
        (void) snprintf(done.why, sizeof(done.why), "webhook");
        tell_pass(run, r, list, &done);
        return MUTT_OK;
    }

    do {
        rc = pass_batch(run, r, list, &n, &done, err);

        if (rc != MUTT_OK) {
            return rc;
        }

        looked += (int64_t) n;
        tell_pass(run, r, list, &done);
    } while (n > 0 && done.later == (int64_t) n && looked < r->depth[list] &&
             looked < LOOK_MOST && !mutt_run_stopping(run));

    return MUTT_OK;
}


static bool
is_due(mutt_run_t *run, const remediation_t *r, mutt_replay_list_t list,
       mutt_usec_t now)
{
    mutt_usec_t at = r->passed_at[list];

    return at == 0 || now - at >= mutt_set_int(mutt_run_settings(run),
                                               MUTT_SET_REMEDIATION_INTERVAL) *
                                      MUTT_USEC_SEC;
}


/* One list's trouble is not the other's. */
static mutt_rc_t
pass_due(mutt_run_t *run, remediation_t *r, mutt_usec_t began, mutt_err_t *err)
{
    mutt_rc_t failed = MUTT_OK;

    for (int list = 0; list < MUTT_REPLAY_LISTS; list++) {
        mutt_err_t why;

        if (!is_due(run, r, list, began)) {
            continue;
        }

        mutt_run_sleep(run, list == 0 ? 0 : mutt_run_jitter(PAUSE));

        mutt_rc_t rc = pass_list(run, r, list, &why);

        if (rc == MUTT_FENCED) {
            return rc;
        }

        if (rc == MUTT_OK) {
            r->passed_at[list] = began;
        } else if (failed == MUTT_OK) {
            failed = rc;
            *err = why;
        }
    }

    return failed;
}


static mutt_rc_t
pass(mutt_run_t *run, remediation_t *r, mutt_err_t *err)
{
    uint64_t *m = mutt_run_metrics(run);
    mutt_usec_t began = mutt_time_mono();
    mutt_rc_t rc = pass_due(run, r, began, err);

    if (rc == MUTT_FENCED) {
        r->held = false;
        return MUTT_AGAIN;
    }

    if (rc != MUTT_OK) {
        mutt_metric_add(m, MUTT_M_REMEDIATION_FAIL_REDIS, 1);
        return rc;
    }

    mutt_metric_add(m, MUTT_M_REMEDIATION_LOOPS_ALL, 1);
    mutt_metric_observe(m, MUTT_M_REMEDIATION_DURATION_ALL,
                        (double) (mutt_time_mono() - began) /
                            (double) MUTT_USEC_SEC);

    return MUTT_AGAIN;
}


static bool
pass_is_due(mutt_run_t *run, const remediation_t *r, mutt_usec_t now)
{
    const mutt_settings_t *s = mutt_run_settings(run);
    bool enabled = mutt_set_bool(s, MUTT_SET_REMEDIATION_ENABLED);

    mutt_run_check(run, "replay", true, enabled ? "on" : "switched off");

    return enabled && r->held &&
           (is_due(run, r, MUTT_REPLAY_EVENTS, now) ||
            is_due(run, r, MUTT_REPLAY_ALERTS, now));
}


static mutt_rc_t
remediation_turn(mutt_run_t *run, mutt_err_t *err)
{
    remediation_t *r = mutt_run_ctx(run);
    mutt_usec_t now = mutt_time_mono();
    mutt_rc_t rc = MUTT_OK;

    probe(run, r, now);

    if (now >= r->tick_at) {
        rc = tick(run, r, err);
        r->tick_at = rc == MUTT_OK ? now + TICK : 0;
    }

    if (rc == MUTT_OK && now >= r->ages_at) {
        r->ages_at = now + AGES_EVERY;
        rc = look_at_ages(run, r, err);
    }

    if (rc == MUTT_OK && r->held) {
        rc = mutt_slo_eval_turn(r->slo, run, err);
    }

    if (rc == MUTT_OK && pass_is_due(run, r, now)) {
        rc = pass(run, r, err);
    }

    if (rc != MUTT_OK && rc != MUTT_AGAIN) {
        return rc;
    }

    mutt_run_sleep(run, TICK / 2);

    return MUTT_AGAIN;
}


/* The next process need not wait for the lease's end. */
static mutt_rc_t
remediation_drain(mutt_run_t *run, mutt_err_t *err)
{
    remediation_t *r = mutt_run_ctx(run);
    mutt_replay_lease_t lease;

    return r->held && mutt_redis_connected(mutt_run_redis(run))
               ? mutt_replay_lease(mutt_run_redis(run),
                                   mutt_run_base_settings(run),
                                   mutt_str(r->token), 0, &lease, err)
               : MUTT_OK;
}


static const mutt_worker_t remediation = {
    .service = "mutt-remediation",
    .kind = "remediation",
    .reader = MUTT_S_REMEDIATION,
    .port = MUTT_SET_METRICS_PORT_REMEDIATION,
    .ctx_size = sizeof(remediation_t),
    .watches = { MUTT_WATCH_ALERTERS, MUTT_WATCH_FORWARDERS },
    .queueless = true,
    .check = remediation_check,
    .setup = remediation_setup,
    .turn = remediation_turn,
    .drain = remediation_drain,
    .teardown = remediation_teardown,
};


int
main(int argc, char **argv)
{
    return mutt_worker_main(&remediation, argc, argv);
}
