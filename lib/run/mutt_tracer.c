#include "mutt_tracer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "conf/mutt_metrics.h"
#include "io/mutt_http.h"

/* spans of one request, and how long the first of them waits for others */
#define BATCH 512
#define GATHER_MS 500

#define TIMEOUT_MS 5000
#define SLICE_MS 100
#define LAST_WORDS (2 * MUTT_USEC_SEC)
#define BODY_MAX (4u << 20)
#define URL_SIZE 2048

struct mutt_tracer_s {
    mutt_http_t *http;
    mutt_trace_resource_t resource;
    uint64_t *metrics;
    mutt_log_t *log;
    char url[URL_SIZE];
    mutt_buf_t body;
    mutt_span_t batch[BATCH];
    bool away; /* the outage has been told */
    pthread_t thread;
    bool started;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t news;
    mutt_span_t *ring;
    size_t size;
    size_t first;
    size_t n;
    mutt_usec_t until; /* asked to stop by then; 0: not asked */
};


mutt_rc_t
mutt_tracer_check(const mutt_settings_t *settings, mutt_err_t *err)
{
    return mutt_set_bool(settings, MUTT_SET_OTEL_ENABLED)
               ? mutt_http_check_url(
                     mutt_set_text(settings,
                                   MUTT_SET_OTEL_EXPORTER_OTLP_ENDPOINT),
                     "OTEL_EXPORTER_OTLP_ENDPOINT", err)
               : MUTT_OK;
}


void
mutt_tracer_add(mutt_tracer_t *t, const mutt_span_t *spans, size_t n)
{
    (void) pthread_mutex_lock(&t->lock);

    size_t room = t->size - t->n;
    size_t taken = n < room ? n : room;
    bool call = t->n == 0 || (t->n < BATCH && t->n + taken >= BATCH);

    for (size_t i = 0; i < taken; i++) {
        t->ring[(t->first + t->n++) % t->size] = spans[i];
    }

    if (call) {
        (void) pthread_cond_signal(&t->news);
    }

    (void) pthread_mutex_unlock(&t->lock);

    if (taken < n) {
        mutt_metric_add(t->metrics, MUTT_M_TRACE_SPANS_QUEUE_FULL, n - taken);
    }
}


/* Waits for a batch, or for what has come until the first has waited enough;
 * 0: asked to stop, and nothing is left. */
static size_t
take_batch(mutt_tracer_t *t)
{
    struct timespec until;

    (void) pthread_mutex_lock(&t->lock);

    while (t->n == 0 && t->until == 0) {
        (void) pthread_cond_wait(&t->news, &t->lock);
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += GATHER_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;

    while (t->n < BATCH && t->until == 0 &&
           pthread_cond_timedwait(&t->news, &t->lock, &until) == 0) {
    }

    size_t n = t->n < BATCH ? t->n : BATCH;

    for (size_t i = 0; i < n; i++) {
        t->batch[i] = t->ring[t->first];
        t->first = (t->first + 1) % t->size;
    }

    t->n -= n;
    (void) pthread_mutex_unlock(&t->lock);

    return n;
}


/* Whether whoever asked to stop waits no longer. */
static bool
out_of_time(mutt_tracer_t *t)
{
    (void) pthread_mutex_lock(&t->lock);

    mutt_usec_t until = t->until;

    (void) pthread_mutex_unlock(&t->lock);

    return until != 0 && mutt_time_mono() >= until;
}


static mutt_rc_t
post(mutt_tracer_t *t, mutt_http_done_t *done, mutt_err_t *err)
{
    mutt_http_request_t request = { .body = mutt_buf_str(&t->body),
                                    .authorization = "",
                                    .idempotency_key = "",
                                    .traceparent = "" };
    mutt_rc_t rc = mutt_http_send(t->http, &request, err);

    while (rc == MUTT_OK && !mutt_http_next(t->http, done)) {
        if (out_of_time(t)) {
            return mutt_fail(err, MUTT_UNAVAIL, "no time for the collector");
        }

        rc = mutt_http_turn(t->http, SLICE_MS, err);
    }

    return rc;
}


/* Tells of an outage once, and of its end. */
static void
tell(mutt_tracer_t *t, bool ok, const char *why)
{
    if (ok && t->away) {
        mutt_log(t->log, MUTT_LOG_INFO, "trace",
                 "the collector takes spans again");
    } else if (!ok && !t->away) {
        mutt_log(t->log, MUTT_LOG_WARNING, "trace",
                 "the collector takes no spans, they are dropped: %s", why);
    }

    t->away = !ok;
}


static void export(mutt_tracer_t *t, size_t n)
{
    mutt_http_done_t done = { 0 };
    mutt_err_t err = { 0 };

    mutt_buf_reset(&t->body);
    mutt_trace_write(&t->body, &t->resource, t->batch, n);

    mutt_rc_t rc = mutt_buf_ok(&t->body)
                       ? post(t, &done, &err)
                       : mutt_fail(&err, MUTT_NOMEM, "out of memory");

    /* NOLINTNEXTLINE(clang-analyzer-*): mutt_fail() never returns MUTT_OK. */
    if (rc == MUTT_OK && done.send != MUTT_SEND_ANSWERED) {
        rc = mutt_fail(&err, MUTT_UNAVAIL, "it does not answer");
    } else if (rc == MUTT_OK && (done.status < 200 || done.status > 299)) {
        rc = mutt_fail(&err, MUTT_UNAVAIL, "it answers %ld", done.status);
    }

    tell(t, rc == MUTT_OK, err.text);
    mutt_metric_add(t->metrics,
                    rc == MUTT_OK ? MUTT_M_TRACE_SPANS_OK
                                  : MUTT_M_TRACE_SPANS_COLLECTOR,
                    n);
}


static void *
tracer_main(void *data)
{
    mutt_tracer_t *t = data;
    size_t n = take_batch(t);

    while (n > 0 && !out_of_time(t)) {
        export(t, n);
        n = take_batch(t);
    }

    return NULL;
}


static void
fill_resource(mutt_tracer_t *t, const mutt_settings_t *s, const char *service,
              const char *version, const char *pod)
{
    const char *endpoint =
        mutt_set_text(s, MUTT_SET_OTEL_EXPORTER_OTLP_ENDPOINT);
    size_t len = strlen(endpoint);

    while (len > 0 && endpoint[len - 1] == '/') {
        len--;
    }

    (void) snprintf(t->url, sizeof(t->url), "%.*s/v1/traces", (int) len,
                    endpoint);
    t->resource = (mutt_trace_resource_t) {
        .name = mutt_set_text(s, MUTT_SET_OTEL_SERVICE_NAME),
        .service = service,
        .version = version,
        .instance = pod,
        .environment = mutt_set_text(s, MUTT_SET_DEPLOYMENT_ENV),
        .attributes = mutt_set_text(s, MUTT_SET_OTEL_RESOURCE_ATTRIBUTES),
    };
}


static bool
start(mutt_tracer_t *t)
{
    pthread_condattr_t attributes;

    (void) pthread_mutex_init(&t->lock, NULL);
    (void) pthread_condattr_init(&attributes);
    (void) pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&t->news, &attributes);
    (void) pthread_condattr_destroy(&attributes);
    t->started = pthread_create(&t->thread, NULL, tracer_main, t) == 0;

    return t->started;
}


mutt_rc_t
mutt_tracer_create(const mutt_settings_t *settings, const char *service,
                   const char *version, const char *pod, uint64_t *metrics,
                   mutt_log_t *log, mutt_tracer_t **tracer, mutt_err_t *err)
{
    *tracer = NULL;

    if (!mutt_set_bool(settings, MUTT_SET_OTEL_ENABLED)) {
        return MUTT_OK;
    }

    mutt_tracer_t *t = calloc(1, sizeof(mutt_tracer_t));

    if (t == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory at start");
    }

    t->metrics = metrics;
    t->log = log;
    t->size = (size_t) mutt_set_int(settings, MUTT_SET_OTEL_BSP_MAX_QUEUE_SIZE);
    t->ring = calloc(t->size, sizeof(mutt_span_t));
    mutt_buf_init(&t->body, BODY_MAX);
    fill_resource(t, settings, service, version, pod);

    mutt_http_options_t options = {
        .url = t->url,
        .ca = "",
        .timeout_ms = TIMEOUT_MS,
        .connections = 1,
    };
    mutt_rc_t rc = t->ring == NULL
                       ? mutt_fail(err, MUTT_NOMEM, "out of memory at start")
                       : mutt_http_create(&options, &t->http, err);

    /* NOLINTNEXTLINE(clang-analyzer-*): mutt_fail() never returns MUTT_OK. */
    if (rc == MUTT_OK && !start(t)) {
        rc = mutt_fail(err, MUTT_NOMEM, "no thread for traces");
    }

    if (rc != MUTT_OK) {
        mutt_tracer_destroy(t);
        return rc;
    }

    *tracer = t;

    return MUTT_OK;
}


void
mutt_tracer_destroy(mutt_tracer_t *t)
{
    if (t == NULL) {
        return;
    }

    if (t->started) {
        (void) pthread_mutex_lock(&t->lock);
        t->until = mutt_time_mono() + LAST_WORDS;
        (void) pthread_cond_signal(&t->news);
        (void) pthread_mutex_unlock(&t->lock);
        (void) pthread_join(t->thread, NULL);
    }

    mutt_http_destroy(t->http);
    mutt_buf_done(&t->body);
    free(t->ring);
    free(t);
}
