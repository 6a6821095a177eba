
/*
 * Rates from the counters that ingest keeps by the minute and the hour, each
 * asked for by its name, so that an idle one is zero; and the objectives as
 * they were last evaluated.
 */


#include "ngx_mutt_api.h"

#include <hiredis/hiredis.h>

#include "core/mutt_time.h"
#include "domain/mutt_keys.h"
#include "domain/mutt_slo.h"


#define NGX_MUTT_MINUTES    60
#define NGX_MUTT_HOURS      24
#define NGX_MUTT_RATES_MAX  4096
#define NGX_MUTT_SLO_MAX    16384


/* a question on its way; outlives the request that asked */
typedef struct {
    ngx_http_request_t  *request;   /* NULL when it is gone */
    ngx_http_cleanup_t  *cleanup;
    time_t               now;
} ngx_mutt_rates_t;


static void ngx_mutt_rates_reply(void *data, struct redisReply *answer);
static void ngx_mutt_slo_reply(void *data, struct redisReply *answer);


/* the last answer of this process, and when it was made, by no wall clock */
static char        ngx_mutt_rates_text[NGX_MUTT_RATES_MAX];
static size_t      ngx_mutt_rates_len;
static ngx_msec_t  ngx_mutt_rates_at;


static ngx_int_t
ngx_mutt_rates_unavailable(ngx_http_request_t *r)
{
    if (ngx_mutt_add_int_header(r, "Retry-After",
            mutt_set_int(ngx_mutt_settings(), MUTT_SET_INGEST_RETRY_AFTER))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_mutt_send_error(r, MUTT_API_REDIS_UNAVAILABLE, mutt_str(NULL));
}


static void
ngx_mutt_rates_name(const char *fmt, time_t at)
{
    char       name[256];
    size_t     len;
    struct tm  tm;

    (void) gmtime_r(&at, &tm);
    len = snprintf(name, sizeof(name) - 64, "%s:",
                   mutt_set_text(ngx_mutt_settings(),
                                 MUTT_SET_METRICS_PREFIX));
    len = ngx_min(len, sizeof(name) - 64 - 1);
    (void) strftime(name + len, 64, fmt, &tm);
    ngx_mutt_redis_text(name);
}


static ngx_int_t
ngx_mutt_rates_ask(ngx_mutt_rates_t *rates)
{
    ngx_int_t  i;

    if (ngx_mutt_redis_begin(1 + NGX_MUTT_MINUTES + NGX_MUTT_HOURS,
                             ngx_mutt_rates_reply, rates)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_mutt_redis_is(MUTT_M_REDIS_LATENCY_API);
    ngx_mutt_redis_text("MGET");

    /* newest first, and complete minutes only */
    for (i = 1; i <= NGX_MUTT_MINUTES; i++) {
        ngx_mutt_rates_name("1m:%Y-%m-%dT%H:%M", rates->now - i * 60);
    }

    for (i = NGX_MUTT_HOURS - 1; i >= 0; i--) {
        ngx_mutt_rates_name("1h:%Y-%m-%dT%H", rates->now - i * 3600);
    }

    return NGX_OK;
}


static double
ngx_mutt_rates_sum(redisReply *reply, ngx_uint_t from, ngx_uint_t n)
{
    double       sum;
    ngx_uint_t   i;
    redisReply  *e;

    sum = 0;

    for (i = from; i < from + n; i++) {
        e = reply->element[i];

        if (e->type == REDIS_REPLY_STRING) {
            sum += mutt_str_count((mutt_str_t) { e->str, e->len });
        }
    }

    return sum;
}


static void
ngx_mutt_rates_write(mutt_buf_t *b, redisReply *reply, time_t now)
{
    time_t      at;
    ngx_int_t   i;
    struct tm   tm;

    mutt_buf_addf(b, "{\"summary\":{\"current_rate_1m\":%.2f,"
                  "\"avg_rate_15m\":%.2f,\"avg_rate_1h\":%.2f},"
                  "\"chart_24h\":{\"labels\":[",
                  ngx_mutt_rates_sum(reply, 0, 1),
                  ngx_mutt_rates_sum(reply, 0, 15) / 15,
                  ngx_mutt_rates_sum(reply, 0, NGX_MUTT_MINUTES)
                  / NGX_MUTT_MINUTES);

    for (i = 0; i < NGX_MUTT_HOURS; i++) {
        at = now - (NGX_MUTT_HOURS - 1 - i) * 3600;
        (void) gmtime_r(&at, &tm);
        mutt_buf_addf(b, "%s\"%02d:00\"", i == 0 ? "" : ",", tm.tm_hour);
    }

    MUTT_BUF_LIT(b, "],\"data\":[");

    for (i = 0; i < NGX_MUTT_HOURS; i++) {
        mutt_buf_addf(b, "%s%.2f", i == 0 ? "" : ",",
                      ngx_mutt_rates_sum(reply, NGX_MUTT_MINUTES + i, 1) / 60);
    }

    MUTT_BUF_LIT(b, "]}}\n");
}


/* Keeps the answer for who asks next. */
static ngx_int_t
ngx_mutt_rates_keep(redisReply *reply, time_t now)
{
    mutt_buf_t  b;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != NGX_MUTT_MINUTES + NGX_MUTT_HOURS)
    {
        return NGX_ERROR;
    }

    mutt_buf_init(&b, NGX_MUTT_RATES_MAX);
    ngx_mutt_rates_write(&b, reply, now);
    ngx_mutt_rates_len = 0;

    if (mutt_buf_ok(&b)) {
        ngx_memcpy(ngx_mutt_rates_text, b.data, b.len);
        ngx_mutt_rates_len = b.len;
        ngx_mutt_rates_at = ngx_current_msec;
    }

    mutt_buf_done(&b);

    return ngx_mutt_rates_len > 0 ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_mutt_rates_send(ngx_http_request_t *r)
{
    return ngx_mutt_send(r, NGX_HTTP_OK, "application/json",
                         (mutt_str_t) { ngx_mutt_rates_text,
                                        ngx_mutt_rates_len });
}


static void
ngx_mutt_rates_reply(void *data, struct redisReply *answer)
{
    ngx_int_t          rc;
    ngx_mutt_rates_t   rates;

    rates = *(ngx_mutt_rates_t *) data;
    ngx_free(data);

    rc = ngx_mutt_rates_keep((redisReply *) answer, rates.now);

    if (rates.request == NULL) {
        return;
    }

    rates.cleanup->handler = NULL;
    ngx_mutt_finish(rates.request, rc == NGX_OK
                                   ? ngx_mutt_rates_send(rates.request)
                                   : ngx_mutt_rates_unavailable(rates.request));
}


static void
ngx_mutt_rates_cleanup(void *data)
{
    ngx_mutt_rates_t  *rates = data;

    rates->request = NULL;
}


/* Asks Redis and waits; away answers when it can't be asked. */
static ngx_int_t
ngx_mutt_rates_wait(ngx_http_request_t *r,
    ngx_int_t (*ask)(ngx_mutt_rates_t *rates),
    ngx_int_t (*away)(ngx_http_request_t *r))
{
    ngx_int_t            rc;
    ngx_mutt_rates_t    *rates;
    ngx_http_cleanup_t  *cln;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    cln = ngx_http_cleanup_add(r, 0);
    rates = ngx_alloc(sizeof(ngx_mutt_rates_t), r->connection->log);

    if (cln == NULL || rates == NULL) {
        ngx_free(rates);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rates->request = r;
    rates->cleanup = cln;
    rates->now = ngx_time();

    if (ask(rates) != NGX_OK) {
        ngx_free(rates);
        return away(r);
    }

    cln->handler = ngx_mutt_rates_cleanup;
    cln->data = rates;

    /* who leaves is not waited for */
    r->read_event_handler = ngx_http_test_reading;
    r->main->count++;

    return NGX_DONE;
}


ngx_int_t
ngx_mutt_rates(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    ngx_msec_t  kept;

    kept = mutt_set_int(ngx_mutt_settings(), MUTT_SET_WEBUI_METRICS_CACHE_TTL)
           * 1000;

    if (ngx_mutt_rates_len > 0 && ngx_current_msec - ngx_mutt_rates_at < kept)
    {
        return ngx_mutt_rates_send(r);
    }

    return ngx_mutt_rates_wait(r, ngx_mutt_rates_ask,
                               ngx_mutt_rates_unavailable);
}


static ngx_int_t
ngx_mutt_slo_ask(ngx_mutt_rates_t *rates)
{
    if (ngx_mutt_redis_begin(2, ngx_mutt_slo_reply, rates) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_mutt_redis_is(MUTT_M_REDIS_LATENCY_API);
    ngx_mutt_redis_text("GET");
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_SLO]);

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_slo_send(ngx_http_request_t *r, mutt_buf_t *b)
{
    ngx_int_t  rc;

    rc = mutt_buf_ok(b)
         ? ngx_mutt_send(r, NGX_HTTP_OK, "application/json", mutt_buf_str(b))
         : NGX_HTTP_INTERNAL_SERVER_ERROR;

    mutt_buf_done(b);

    return rc;
}


/* Nothing was evaluated: the objectives are known, their state is not. */
static ngx_int_t
ngx_mutt_slo_unknown(ngx_http_request_t *r)
{
    mutt_buf_t              b;
    mutt_slo_terms_t        terms;
    mutt_slo_input_t        input;
    const mutt_settings_t  *s;

    s = ngx_mutt_settings();
    terms.ingest_target = mutt_set_float(s, MUTT_SET_SLO_INGEST_SUCCESS_TARGET);
    terms.forward_target = mutt_set_float(s,
                                          MUTT_SET_SLO_FORWARD_SUCCESS_TARGET);
    terms.burn_warning = mutt_set_float(s, MUTT_SET_SLO_BURN_RATE_WARNING);
    terms.burn_critical = mutt_set_float(s, MUTT_SET_SLO_BURN_RATE_CRITICAL);
    terms.window_hours = mutt_set_int(s, MUTT_SET_SLO_WINDOW_HOURS);

    mutt_slo_input_init(&input);
    mutt_buf_init(&b, NGX_MUTT_SLO_MAX);
    mutt_slo_write(&b, &input, &terms, NULL);

    return ngx_mutt_slo_send(r, &b);
}


/* Whether three evaluations should have followed this one. */
static ngx_flag_t
ngx_mutt_slo_is_stale(const char *document, time_t now)
{
    const char   *p;
    mutt_usec_t   at;

    static const char  name[] = "\"evaluated_at\":\"";

    p = strstr(document, name);

    if (p == NULL) {
        return 0;
    }

    p += sizeof(name) - 1;

    return !mutt_time_parse((mutt_str_t) { p, strcspn(p, "\"") }, &at)
           || now - at / MUTT_USEC_SEC
              > 3 * mutt_set_int(ngx_mutt_settings(),
                                 MUTT_SET_SLO_EVAL_INTERVAL);
}


/* The last evaluation as it was left, but for whether it is an old one. */
static ngx_int_t
ngx_mutt_slo_known(ngx_http_request_t *r, const char *document, time_t now)
{
    mutt_buf_t   b;
    const char  *fresh;

    static const char  name[] = "\"stale\":false";

    mutt_buf_init(&b, NGX_MUTT_SLO_MAX);
    fresh = strstr(document, name);

    if (fresh != NULL && ngx_mutt_slo_is_stale(document, now)) {
        mutt_buf_add(&b, document, fresh - document);
        MUTT_BUF_LIT(&b, "\"stale\":true");
        document = fresh + sizeof(name) - 1;
    }

    mutt_buf_add_str(&b, mutt_str(document));

    return ngx_mutt_slo_send(r, &b);
}


static void
ngx_mutt_slo_reply(void *data, struct redisReply *answer)
{
    redisReply        *reply = (redisReply *) answer;
    ngx_mutt_rates_t   rates;

    rates = *(ngx_mutt_rates_t *) data;
    ngx_free(data);

    if (rates.request == NULL) {
        return;
    }

    rates.cleanup->handler = NULL;
    ngx_mutt_finish(rates.request,
                    reply != NULL && reply->type == REDIS_REPLY_STRING
                    ? ngx_mutt_slo_known(rates.request, reply->str, rates.now)
                    : ngx_mutt_slo_unknown(rates.request));
}


ngx_int_t
ngx_mutt_slo(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    return ngx_mutt_rates_wait(r, ngx_mutt_slo_ask, ngx_mutt_slo_unknown);
}
