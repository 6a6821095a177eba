/*
 * mutt-forwarder: admit, send, settle.
 *
 * Many requests are in flight at once and are settled in the order of their
 * answers; nobody sleeps on an alert.  While there is more to send, what was
 * delivered is settled together, by the larger part of what is in hand, and
 * requests go on until Redis has settled it and given more.  What may be sent
 * now is decided there, by breaker and limit together, before an alert leaves
 * the queue; an alert that has to wait waits there or among the retries.
 */

#include "forwarder.h"

#define DUE_EVERY (100 * 1000)


static mutt_rc_t
forwarder_check(const mutt_settings_t *settings, mutt_err_t *err)
{
    const char *url = mutt_set_text(settings, MUTT_SET_MOOG_WEBHOOK_URL);

    return url[0] == '\0'
               ? mutt_fail(err, MUTT_CONFIG,
                           "MOOG_WEBHOOK_URL is not set: the address that "
                           "alerts are posted to")
               : mutt_http_check_url(url, "MOOG_WEBHOOK_URL", err);
}


static mutt_rc_t
forwarder_setup(mutt_run_t *run, mutt_err_t *err)
{
    forwarder_t *f = mutt_run_ctx(run);
    const mutt_settings_t *s = mutt_run_base_settings(run);
    mutt_http_options_t options = {
        .url = mutt_set_text(s, MUTT_SET_MOOG_WEBHOOK_URL),
        .ca = mutt_set_text(s, MUTT_SET_MOOG_CA_CERT_PATH),
        .timeout_ms =
            (long) (mutt_set_float(s, MUTT_SET_MOOG_WEBHOOK_TIMEOUT) * 1000),
        .connections = INFLIGHT,
    };

    for (size_t i = SLOTS; i > 0; i--) {
        f->slots[i - 1].next = f->free;
        f->free = &f->slots[i - 1];
    }

    f->reader = mutt_json_reader_create();
    f->pool = mutt_pool_create(POOL_BLOCK);
    f->idle_ms = IDLE_FIRST_MS;
    f->names.queue = mutt_str(mutt_set_text(s, MUTT_SET_ALERT_QUEUE_NAME));
    f->names.dlq = mutt_str(mutt_set_text(s, MUTT_SET_MOOG_DLQ_NAME));
    f->names.dead = mutt_str(mutt_set_text(s, MUTT_SET_DEAD_LETTER_QUEUE));
    mutt_http_bearer(f->authorization[0],
                     mutt_set_text(s, MUTT_SET_MOOG_API_KEY));
    mutt_http_bearer(f->authorization[1],
                     mutt_set_text(s, MUTT_SET_MOOG_API_KEY_NEXT));

    if (f->reader == NULL || f->pool == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory at start");
    }

    return mutt_http_create(&options, &f->http, err);
}


static void
forwarder_teardown(mutt_run_t *run)
{
    forwarder_t *f = mutt_run_ctx(run);

    mutt_http_destroy(f->http);

    for (size_t i = 0; i < SLOTS; i++) {
        mutt_pool_destroy(f->slots[i].pool);
    }

    mutt_pool_destroy(f->pool);
    mutt_json_reader_destroy(f->reader);
    explicit_bzero(f->authorization, sizeof(f->authorization));
}


static mutt_rc_t
move_due(mutt_run_t *run, forwarder_t *f, mutt_usec_t now, mutt_err_t *err)
{
    size_t moved = 0;

    if (now < f->due_at) {
        return MUTT_OK;
    }

    f->due_at = now + DUE_EVERY;

    mutt_rc_t rc = mutt_attempts_flush(&f->attempts, mutt_run_redis(run), err);

    return rc == MUTT_OK
               ? mutt_outbox_due(
                     mutt_run_queue(run), &f->names,
                     (int64_t) (mutt_set_float(mutt_run_base_settings(run),
                                               MUTT_SET_MOOG_RETRY_MAX_DELAY) *
                                1000),
                     &moved, err)
               : rc;
}


/* Not so long that what is done would be settled late, nor the queue be looked
 * at. */
static int
wait_of(const forwarder_t *f, mutt_usec_t now)
{
    mutt_usec_t until = f->look_at > f->held_until ? f->look_at : f->held_until;

    if (forwarder_exchanging(f)) {
        return IDLE_LAST_MS;
    }

    if (f->n_done > 0) {
        return 1;
    }

    /* all that may be in flight is: an answer is what comes next */
    if (until <= now) {
        return IDLE_FIRST_MS;
    }

    return until - now > IDLE_LAST_MS * 1000
               ? IDLE_LAST_MS
               : (int) ((until - now + 999) / 1000);
}


/* Sends some, lets requests go on, until Redis answers too, and judges those
 * that end. */
static mutt_rc_t
collect(mutt_run_t *run, forwarder_t *f, int wait_ms, mutt_err_t *err)
{
    mutt_http_done_t done;
    int redis =
        forwarder_exchanging(f) ? mutt_redis_fd(mutt_run_redis(run)) : -1;

    forwarder_send_some(run, f);

    mutt_rc_t rc = mutt_http_turn_beside(
        f->http, f->unsent == NULL ? wait_ms : 0, redis, err);

    while (rc == MUTT_OK && mutt_http_next(f->http, &done)) {
        forwarder_judge(run, f, &done);
    }

    return rc;
}


/* Ends the exchange that is out when it can be, and begins the next. */
static mutt_rc_t
exchange(mutt_run_t *run, forwarder_t *f, mutt_usec_t now, mutt_err_t *err)
{
    mutt_rc_t rc = MUTT_OK;

    if (forwarder_exchanging(f)) {
        rc = forwarder_end_exchange(run, f, now, false, err);
    }

    if (rc != MUTT_OK || forwarder_exchanging(f)) {
        return rc;
    }

    rc = move_due(run, f, now, err);

    return rc == MUTT_OK ? forwarder_begin_exchange(run, f, now, true, err)
                         : rc;
}


static mutt_rc_t
forwarder_turn(mutt_run_t *run, mutt_err_t *err)
{
    forwarder_t *f = mutt_run_ctx(run);
    mutt_usec_t now = mutt_time_mono();
    mutt_rc_t rc = exchange(run, f, now, err);

    /* requests go on also without Redis */
    mutt_err_t why;
    mutt_rc_t collected =
        collect(run, f, wait_of(f, now), rc == MUTT_OK ? err : &why);

    return rc == MUTT_OK ? collected : rc;
}


/* Waits for each exchange: the connection is wanted for the last words. */
static mutt_rc_t
forwarder_drain(mutt_run_t *run, mutt_err_t *err)
{
    forwarder_t *f = mutt_run_ctx(run);
    mutt_usec_t now = mutt_time_mono();
    mutt_rc_t rc = MUTT_OK;

    if (forwarder_exchanging(f)) {
        rc = forwarder_end_exchange(run, f, now, true, err);
    }

    if (rc == MUTT_OK && f->used > 0) {
        rc = collect(run, f, f->n_done > 0 ? 0 : IDLE_LAST_MS, err);
    }

    if (rc == MUTT_OK) {
        rc = forwarder_begin_exchange(run, f, now, false, err);
    }

    if (rc == MUTT_OK && forwarder_exchanging(f)) {
        rc = forwarder_end_exchange(run, f, now, true, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    return f->used == 0 ? MUTT_OK : MUTT_AGAIN;
}


static const mutt_worker_t forwarder = {
    .service = "mutt-moog-forwarder",
    .kind = "moog",
    .reader = MUTT_S_FORWARDER,
    .port = MUTT_SET_METRICS_PORT_MOOG,
    .traces = true,
    .watches = { MUTT_WATCH_FORWARDERS },
    .ctx_size = sizeof(forwarder_t),
    .check = forwarder_check,
    .setup = forwarder_setup,
    .registered = forwarder_resume,
    .turn = forwarder_turn,
    .drain = forwarder_drain,
    .teardown = forwarder_teardown,
};


int
main(int argc, char **argv)
{
    return mutt_worker_main(&forwarder, argc, argv);
}
