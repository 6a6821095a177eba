
/*
 * What a request to ingest is answered, good or not, and how that is counted.
 */


#include "ngx_mutt_ingest.h"


void
ngx_mutt_ingest_count(ngx_http_request_t *r, mutt_api_code_t code)
{
    ngx_uint_t      i;
    const char     *reason;
    mutt_series_t   series;

    static const struct {
        const char     *reason;
        mutt_series_t   series;
    } rows[] = {
        { "auth",       MUTT_M_INGEST_REQUESTS_AUTH },
        { "json",       MUTT_M_INGEST_REQUESTS_JSON },
        { "validation", MUTT_M_INGEST_REQUESTS_VALIDATION },
        { "size",       MUTT_M_INGEST_REQUESTS_SIZE },
        { "media_type", MUTT_M_INGEST_REQUESTS_MEDIA_TYPE },
        { "rate_limit", MUTT_M_INGEST_REQUESTS_RATE_LIMIT },
        { "queue_full", MUTT_M_INGEST_REQUESTS_QUEUE_FULL },
        { "redis",      MUTT_M_INGEST_REQUESTS_REDIS },
        { "busy",       MUTT_M_INGEST_REQUESTS_BUSY },
    };

    reason = mutt_api_errors[code].reason;
    series = MUTT_M_INGEST_REQUESTS_UNKNOWN;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (ngx_strcmp(rows[i].reason, reason) == 0) {
            series = rows[i].series;
        }
    }

    mutt_metric_add(ngx_mutt_slots(), series, 1);
}


ngx_int_t
ngx_mutt_ingest_fail(ngx_mutt_ingest_t *in, mutt_api_code_t code,
    mutt_str_t extra)
{
    ngx_uint_t            status;
    ngx_mutt_loc_conf_t  *lcf;

    ngx_mutt_ingest_count(in->request, code);
    status = mutt_api_errors[code].status;

    if (code == MUTT_API_RATE_LIMITED) {
        lcf = ngx_http_get_module_loc_conf(in->request, ngx_http_mutt_module);
        status = lcf->limit_status;
        mutt_metric_add(ngx_mutt_slots(), MUTT_M_INGEST_RATE_HITS_ALL, 1);
    }

    if (code == MUTT_API_QUEUE_FULL || code == MUTT_API_REDIS_UNAVAILABLE
        || code == MUTT_API_BUSY)
    {
        if (ngx_mutt_add_int_header(in->request, "Retry-After",
                mutt_set_int(ngx_mutt_settings(), MUTT_SET_INGEST_RETRY_AFTER))
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_mutt_send_error_status(in->request, code, status, extra);
}


static ngx_int_t
ngx_mutt_ingest_all_rejected(ngx_mutt_ingest_t *in)
{
    ngx_int_t   rc;
    mutt_buf_t  extra;

    mutt_buf_init(&extra, NGX_MUTT_REPLY_MAX + 1024);
    mutt_buf_addf(&extra, ",\"accepted\":0,\"rejected\":%zu,\"errors\":[",
                  (size_t) in->n_rejected);
    mutt_buf_add_str(&extra, mutt_buf_str(&in->errors));
    MUTT_BUF_LIT(&extra, "]");
    rc = ngx_mutt_ingest_fail(in, MUTT_API_BATCH_REJECTED,
                              mutt_buf_str(&extra));
    mutt_buf_done(&extra);

    return rc;
}


static void
ngx_mutt_write_queued(ngx_mutt_ingest_t *in, mutt_buf_t *b)
{
    ngx_mutt_push_t  *push;

    push = &in->push;

    if (in->kept) {
        mutt_buf_addf(b, "{\"status\":\"rejected\",\"code\":\"%s\"",
                      mutt_api_errors[in->fault].code);

    } else if (in->kind == MUTT_BODY_SINGLE) {
        mutt_buf_addf(b, "{\"status\":\"queued\",\"event_id\":\"%.*s\"%s",
                      MUTT_UUID_LEN, in->elements.data + MUTT_EVENT_ID_AT,
                      push->duplicates > 0 ? ",\"duplicate\":true" : "");

    } else {
        mutt_buf_addf(b, "{\"status\":\"%s\",\"accepted\":%zu,"
                      "\"rejected\":%zu,\"errors\":[",
                      in->n_rejected > 0 ? "partial" : "queued",
                      (size_t) push->items->nelts, (size_t) in->n_rejected);
        mutt_buf_add_str(b, mutt_buf_str(&in->errors));
        MUTT_BUF_LIT(b, "]");

        if (push->duplicates > 0) {
            mutt_buf_addf(b, ",\"duplicates\":%ld", (long) push->duplicates);
        }
    }

    mutt_buf_addf(b, ",\"correlation_id\":\"%.*s\",\"queue_depth\":%ld}\n",
                  (int) in->ctx->correlation_id.len,
                  (char *) in->ctx->correlation_id.data, (long) push->depth);
}


/* The answer to one good event, which is by far the most frequent one. */
static ngx_int_t
ngx_mutt_ingest_queued_one(ngx_mutt_ingest_t *in)
{
    u_char     *p, *last;
    size_t      len;
    ngx_str_t  *id;

    static ngx_str_t  head = ngx_string("{\"status\":\"queued\","
                                        "\"event_id\":\"");
    static ngx_str_t  correlation = ngx_string("\",\"correlation_id\":\"");
    static ngx_str_t  depth = ngx_string("\",\"queue_depth\":");

    id = &in->ctx->correlation_id;
    len = head.len + MUTT_UUID_LEN + correlation.len + id->len + depth.len
          + NGX_INT_T_LEN + sizeof("}\n");

    p = ngx_pnalloc(in->request->pool, len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    last = ngx_cpymem(p, head.data, head.len);
    last = ngx_cpymem(last, in->elements.data + MUTT_EVENT_ID_AT,
                      MUTT_UUID_LEN);
    last = ngx_cpymem(last, correlation.data, correlation.len);
    last = ngx_cpymem(last, id->data, id->len);
    last = ngx_cpymem(last, depth.data, depth.len);
    last = ngx_mutt_write_int(last, in->push.depth);
    last = ngx_cpymem(last, "}\n", 2);

    return ngx_mutt_send_kept(in->request, NGX_HTTP_OK, (mutt_str_t) {
                                  (char *) p, last - p });
}


static ngx_int_t
ngx_mutt_ingest_durability(ngx_mutt_ingest_t *in)
{
    ngx_str_t  level;

    level.data = (u_char *) mutt_durable_name(in->push.durability);
    level.len = ngx_strlen(level.data);
    in->ctx->durability = (const char *) level.data;

    return ngx_mutt_add_header(in->request, "X-MUTT-Durability", &level);
}


static ngx_int_t
ngx_mutt_ingest_queued(ngx_mutt_ingest_t *in)
{
    ngx_int_t   rc;
    uint64_t   *slots;
    mutt_buf_t  b;

    slots = ngx_mutt_slots();

    in->ctx->accepted = in->push.pushed;
    in->ctx->rejected = in->n_rejected;
    mutt_metric_add(slots, MUTT_M_INGEST_EVENTS_QUEUED, in->push.pushed);
    mutt_metric_add(slots, MUTT_M_INGEST_EVENTS_REJECTED, in->n_rejected);
    mutt_metric_observe_in(slots, MUTT_M_INGEST_LATENCY_ALL,
                           (ngx_current_msec - in->began) / 1000.0,
                           ngx_mutt_trace_shown(in->ctx));

    if (in->push.items->nelts == 0 && !in->kept) {
        return ngx_mutt_ingest_all_rejected(in);
    }

    if (ngx_mutt_ingest_durability(in) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mutt_metric_add(slots, MUTT_M_INGEST_REQUESTS_OK, 1);

    if (in->kind == MUTT_BODY_SINGLE && !in->kept && in->push.duplicates == 0)
    {
        return ngx_mutt_ingest_queued_one(in);
    }

    mutt_buf_init(&b, NGX_MUTT_REPLY_MAX + 4096);
    ngx_mutt_write_queued(in, &b);

    rc = mutt_buf_ok(&b)
         ? ngx_mutt_send(in->request, NGX_HTTP_OK, "application/json",
                         mutt_buf_str(&b))
         : NGX_HTTP_INTERNAL_SERVER_ERROR;

    mutt_buf_done(&b);

    return rc;
}


static ngx_int_t
ngx_mutt_ingest_rate_headers(ngx_mutt_ingest_t *in)
{
    ngx_http_request_t  *r;

    r = in->request;

    if (in->push.remaining < 0 || in->push.status == NGX_MUTT_PUSH_FAILED) {
        return NGX_OK;
    }

    if (ngx_mutt_add_int_header(r, "X-RateLimit-Limit", in->push.limit)
        != NGX_OK
        || ngx_mutt_add_int_header(r, "X-RateLimit-Remaining",
                                   in->push.remaining)
           != NGX_OK
        || ngx_mutt_add_int_header(r, "X-RateLimit-Reset", in->push.reset)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return in->push.status == NGX_MUTT_PUSH_LIMITED
           ? ngx_mutt_add_int_header(r, "Retry-After", in->push.reset)
           : NGX_OK;
}


static ngx_int_t
ngx_mutt_ingest_answer(ngx_mutt_ingest_t *in, mutt_buf_t *extra)
{
    int64_t  limit;

    switch (in->push.status) {

    case NGX_MUTT_PUSH_QUEUED:
        return ngx_mutt_ingest_queued(in);

    case NGX_MUTT_PUSH_FULL:
        limit = mutt_set_int(ngx_mutt_settings(),
                             MUTT_SET_MAX_INGEST_QUEUE_SIZE);
        mutt_buf_addf(extra, ",\"queue_depth\":%ld,\"queue_limit\":%lld",
                      (long) in->push.depth, (long long) limit);
        return ngx_mutt_ingest_fail(in, MUTT_API_QUEUE_FULL,
                                    mutt_buf_str(extra));

    case NGX_MUTT_PUSH_LIMITED:
        mutt_buf_addf(extra, ",\"retry_after\":%ld", (long) in->push.reset);
        return ngx_mutt_ingest_fail(in, MUTT_API_RATE_LIMITED,
                                    mutt_buf_str(extra));

    case NGX_MUTT_PUSH_TOO_LARGE:
        limit = mutt_set_int(ngx_mutt_settings(), MUTT_SET_INGEST_MAX_RATE);

        if (in->push.key_limit > 0) {
            limit = ngx_min(limit, in->push.key_limit);
        }

        mutt_buf_addf(extra, ",\"limit\":%lld", (long long) limit);
        return ngx_mutt_ingest_fail(in, MUTT_API_PAYLOAD_TOO_LARGE,
                                    mutt_buf_str(extra));

    case NGX_MUTT_PUSH_FAILED:
        break;
    }

    return ngx_mutt_ingest_fail(in, MUTT_API_REDIS_UNAVAILABLE,
                                mutt_str(NULL));
}


void
ngx_mutt_ingest_pushed(ngx_mutt_push_t *push)
{
    ngx_int_t           rc;
    mutt_buf_t          extra;
    ngx_mutt_ingest_t  *in;

    in = push->data;
    in->ctx->waited = ngx_current_msec - in->sent;
    mutt_buf_init(&extra, 4096);

    rc = ngx_mutt_ingest_rate_headers(in) == NGX_OK
         ? ngx_mutt_ingest_answer(in, &extra)
         : NGX_HTTP_INTERNAL_SERVER_ERROR;

    mutt_buf_done(&extra);
    ngx_mutt_finish(in->request, rc);
}
