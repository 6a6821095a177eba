#include "mutt_slo_eval.h"

#include <stdio.h>
#include <stdlib.h>

#include "domain/mutt_keys.h"
#include "domain/mutt_slo.h"
#include "domain/mutt_slo_history.h"
#include "io/mutt_http.h"
#include "io/mutt_redis.h"
#include "io/mutt_slo_query.h"

#define TIMEOUT_MS 5000
#define URL_MAX 65536
#define DOCUMENT_MAX 65536
#define POINT_MAX 4096
#define NUMBER 24

struct mutt_slo_eval_s {
    mutt_http_t *http;
    mutt_buf_t url; /* of the question under way */
    mutt_slo_terms_t terms;
    mutt_usec_t due_at;
    bool asking;
    bool away; /* the outage has been told */
};


mutt_rc_t
mutt_slo_eval_check(const mutt_settings_t *settings, mutt_err_t *err)
{
    const char *url = mutt_set_text(settings, MUTT_SET_PROMETHEUS_URL);

    return url[0] == '\0' ? MUTT_OK
                          : mutt_http_check_url(url, "PROMETHEUS_URL", err);
}


mutt_rc_t
mutt_slo_eval_create(const mutt_settings_t *settings, mutt_slo_eval_t **eval,
                     mutt_err_t *err)
{
    mutt_http_options_t options = {
        .url = mutt_set_text(settings, MUTT_SET_PROMETHEUS_URL),
        .get = true,
        .ca = "",
        .timeout_ms = TIMEOUT_MS,
        .connections = 1,
        .keep = MUTT_HTTP_KEEP_MAX,
    };

    *eval = NULL;

    if (options.url[0] == '\0') {
        return MUTT_OK;
    }

    mutt_slo_eval_t *e = calloc(1, sizeof(mutt_slo_eval_t));

    if (e == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory at start");
    }

    mutt_buf_init(&e->url, URL_MAX);

    mutt_rc_t rc = mutt_http_create(&options, &e->http, err);

    if (rc != MUTT_OK) {
        free(e);
        return rc;
    }

    *eval = e;

    return MUTT_OK;
}


void
mutt_slo_eval_destroy(mutt_slo_eval_t *eval)
{
    if (eval == NULL) {
        return;
    }

    mutt_http_destroy(eval->http);
    mutt_buf_done(&eval->url);
    free(eval);
}


static mutt_slo_terms_t
terms_of(const mutt_settings_t *s)
{
    return (mutt_slo_terms_t) {
        .ingest_target = mutt_set_float(s, MUTT_SET_SLO_INGEST_SUCCESS_TARGET),
        .forward_target =
            mutt_set_float(s, MUTT_SET_SLO_FORWARD_SUCCESS_TARGET),
        .burn_warning = mutt_set_float(s, MUTT_SET_SLO_BURN_RATE_WARNING),
        .burn_critical = mutt_set_float(s, MUTT_SET_SLO_BURN_RATE_CRITICAL),
        .window_hours = mutt_set_int(s, MUTT_SET_SLO_WINDOW_HOURS),
    };
}


/*
 * Leaves a document in Redis, for the window or until there is a better; with
 * the time of an evaluation, Unix seconds, its point in the history as well.
 */
static mutt_rc_t
store(mutt_slo_eval_t *e, mutt_run_t *run, const mutt_slo_input_t *input,
      mutt_usec_t evaluated_at, mutt_err_t *err)
{
    char now[MUTT_TIME_LEN + 1];
    char seconds[NUMBER];
    char at[NUMBER];
    const mutt_reply_t *reply;
    mutt_slo_point_t point;
    mutt_buf_t document;
    mutt_buf_t text;

    (void) snprintf(seconds, sizeof(seconds), "%lld",
                    (long long) e->terms.window_hours * 3600);
    (void) snprintf(at, sizeof(at), "%lld",
                    (long long) (evaluated_at / MUTT_USEC_SEC));
    mutt_time_format(evaluated_at, now);
    mutt_slo_point(&point, input, &e->terms, evaluated_at / MUTT_USEC_SEC);
    mutt_buf_init(&document, DOCUMENT_MAX);
    mutt_buf_init(&text, POINT_MAX);
    mutt_slo_write(&document, input, &e->terms, evaluated_at == 0 ? NULL : now);
    mutt_slo_point_write(&text, &point);

    mutt_str_t keys[] = {
        mutt_str(mutt_keys[MUTT_KEY_SLO]),
        mutt_str(mutt_keys[MUTT_KEY_SLO_5M]),
        mutt_str(mutt_keys[MUTT_KEY_SLO_1H]),
    };
    mutt_str_t args[] = { mutt_buf_str(&document), mutt_str(seconds),
                          mutt_buf_str(&text), mutt_str(at) };
    mutt_rc_t rc =
        mutt_buf_ok(&document) && mutt_buf_ok(&text)
            ? mutt_redis_script(mutt_run_redis(run), MUTT_SCRIPT_SLO, 3, keys,
                                evaluated_at == 0 ? 2 : 4, args, &reply, err)
            : mutt_fail(err, MUTT_NOMEM, "out of memory for SLOs");

    mutt_buf_done(&document);
    mutt_buf_done(&text);

    return rc;
}


static mutt_rc_t
evaluated(mutt_slo_eval_t *e, mutt_run_t *run, const mutt_slo_input_t *input,
          mutt_err_t *err)
{
    mutt_metric_add(mutt_run_metrics(run), MUTT_M_SLO_EVALUATIONS_OK, 1);
    mutt_run_check(run, "prometheus", true, "ok");

    if (e->away) {
        e->away = false;
        mutt_log(mutt_run_log(run), MUTT_LOG_INFO, "slo",
                 "prometheus answers again");
    }

    return store(e, run, input, mutt_time_now(), err);
}


static mutt_rc_t
failed(mutt_slo_eval_t *e, mutt_run_t *run, const char *why, mutt_err_t *err)
{
    mutt_slo_input_t nothing;

    mutt_metric_add(mutt_run_metrics(run), MUTT_M_SLO_EVALUATIONS_FAIL, 1);
    mutt_run_check(run, "prometheus", true, why);

    if (!e->away) {
        e->away = true;
        mutt_log(mutt_run_log(run), MUTT_LOG_WARNING, "slo",
                 "the objectives cannot be evaluated, the last known values "
                 "stay: prometheus: %s",
                 why);
    }

    mutt_slo_input_init(&nothing);

    return store(e, run, &nothing, 0, err);
}


static mutt_rc_t
ask(mutt_slo_eval_t *e, mutt_run_t *run, mutt_err_t *err)
{
    const mutt_settings_t *base = mutt_run_base_settings(run);
    mutt_http_request_t request = {
        .authorization = "",
        .idempotency_key = "",
        .traceparent = "",
    };

    e->terms = terms_of(mutt_run_settings(run));
    mutt_buf_reset(&e->url);
    mutt_slo_query_write(&e->url, mutt_set_text(base, MUTT_SET_PROMETHEUS_URL),
                         e->terms.window_hours);

    if (!mutt_buf_ok(&e->url)) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for SLOs");
    }

    request.url = e->url.data;

    if (mutt_http_send(e->http, &request, err) != MUTT_OK) {
        return failed(e, run, "not asked", err);
    }

    e->asking = true;

    return MUTT_OK;
}


static mutt_rc_t
take_answer(mutt_slo_eval_t *e, mutt_run_t *run, const mutt_http_done_t *done,
            mutt_err_t *err)
{
    mutt_slo_input_t input;
    char why[32] = "no answer";

    e->asking = false;

    if (done->send == MUTT_SEND_ANSWERED) {
        (void) snprintf(why, sizeof(why), "http %ld", done->status);
    }

    if (done->send != MUTT_SEND_ANSWERED || done->status != 200) {
        return failed(e, run, why, err);
    }

    return mutt_slo_query_read(done->body, &input, err) == MUTT_OK
               ? evaluated(e, run, &input, err)
               : failed(e, run, "no answer to the query", err);
}


mutt_rc_t
mutt_slo_eval_turn(mutt_slo_eval_t *eval, mutt_run_t *run, mutt_err_t *err)
{
    mutt_usec_t now = mutt_time_mono();
    mutt_http_done_t done;
    mutt_rc_t rc = MUTT_OK;

    if (eval == NULL) {
        return MUTT_OK;
    }

    if (!eval->asking && now >= eval->due_at) {
        eval->due_at = now + mutt_set_int(mutt_run_settings(run),
                                          MUTT_SET_SLO_EVAL_INTERVAL) *
                                 MUTT_USEC_SEC;
        rc = ask(eval, run, err);
    }

    if (rc != MUTT_OK || !eval->asking ||
        mutt_http_turn(eval->http, 0, err) != MUTT_OK) {
        return rc;
    }

    while (rc == MUTT_OK && mutt_http_next(eval->http, &done)) {
        rc = take_answer(eval, run, &done, err);
    }

    return rc;
}
