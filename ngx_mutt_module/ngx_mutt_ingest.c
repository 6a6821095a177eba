
/*
 * read -> decode -> judge -> push -> answer
 *
 * A request is answered 2xx only when Redis holds its events.  The steps up
 * to push run at once when the body is there; the answer comes from the
 * reply of Redis.  If the client leaves first, the push is forgotten: its
 * events may be taken, and nobody is told.
 */


#include "ngx_mutt_module.h"

#include "domain/mutt_batch.h"


#define NGX_MUTT_ERRORS_LISTED   100
#define NGX_MUTT_REJECTED_RAW    16384
#define NGX_MUTT_ELEMENT_MORE    1024
#define NGX_MUTT_REPLY_MAX       (256 * 1024)
#define NGX_MUTT_SHARED_MAX      4096
#define NGX_MUTT_ELEMENTS_MAX    ((size_t) 1 << 30)

/* of buffers that are kept */
#define NGX_MUTT_SPARE_SIZE      4096
#define NGX_MUTT_SPARE_MAX       128


typedef struct {
    ngx_mutt_body_t          body;       /* first: the body reader's */
    ngx_http_request_t      *request;
    ngx_mutt_ctx_t          *ctx;
    ngx_mutt_push_t          push;
    mutt_buf_t               elements;
    mutt_buf_t               rejected;
    mutt_buf_t               errors;     /* of a batch, as JSON */
    mutt_body_kind_t         kind;
    ngx_uint_t               n_rejected;
    mutt_api_code_t          fault;      /* of what was kept */
    char                     received_at[MUTT_TIME_LEN + 1];
    mutt_usec_t              received;
    ngx_msec_t               began;
    ngx_msec_t               sent;       /* to Redis */
    unsigned                 ndjson:1;
    unsigned                 compressed:1;
    unsigned                 kept:1;     /* malformed, dead-lettered */
} ngx_mutt_ingest_t;


static ngx_int_t ngx_mutt_ingest_media(ngx_http_request_t *r,
    ngx_mutt_ingest_t *in);
static void ngx_mutt_ingest_read(ngx_http_request_t *r);
static ngx_int_t ngx_mutt_ingest_decode(ngx_mutt_ingest_t *in);
static ngx_int_t ngx_mutt_ingest_judge(ngx_mutt_ingest_t *in);
static ngx_int_t ngx_mutt_ingest_push(ngx_mutt_ingest_t *in);
static void ngx_mutt_ingest_pushed(ngx_mutt_push_t *push);
static ngx_int_t ngx_mutt_ingest_fail(ngx_mutt_ingest_t *in,
    mutt_api_code_t code, mutt_str_t extra);


/* of the request that is looked at, which ends within a call */
static mutt_json_reader_t   *ngx_mutt_reader;
static mutt_buf_t            ngx_mutt_shared;    /* by all its envelopes */
static mutt_event_fault_t    ngx_mutt_fault;     /* of an event */

static mutt_buf_t            ngx_mutt_spare[NGX_MUTT_SPARE_MAX];
static ngx_uint_t            ngx_mutt_n_spare;

/* by the settings of a generation */
static mutt_event_limits_t   ngx_mutt_limits;
static ngx_uint_t            ngx_mutt_limits_generation = NGX_MAX_UINT32_VALUE;


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


/*
 * The buffers of elements that are of the usual size are kept for the next
 * requests: malloc() takes its longer way for them, and free() too.
 */

static void
ngx_mutt_keep_buffer(mutt_buf_t *b)
{
    if (b->data != NULL && b->size <= NGX_MUTT_SPARE_SIZE
        && ngx_mutt_n_spare < NGX_MUTT_SPARE_MAX)
    {
        mutt_buf_reset(b);
        ngx_mutt_spare[ngx_mutt_n_spare++] = *b;
        return;
    }

    mutt_buf_done(b);
}


static void
ngx_mutt_take_buffer(mutt_buf_t *b)
{
    if (ngx_mutt_n_spare > 0) {
        *b = ngx_mutt_spare[--ngx_mutt_n_spare];
        return;
    }

    mutt_buf_init(b, NGX_MUTT_ELEMENTS_MAX);
}


static void
ngx_mutt_ingest_cleanup(void *data)
{
    ngx_mutt_ingest_t  *in = data;

    ngx_mutt_push_cancel(&in->push);
    ngx_mutt_keep_buffer(&in->elements);
    mutt_buf_done(&in->rejected);
    mutt_buf_done(&in->errors);
}


static void
ngx_mutt_ingest_limits(void)
{
    size_t                  n;
    const char             *p;
    mutt_event_limits_t    *limits;
    const mutt_settings_t  *s;

    if (ngx_mutt_limits_generation == ngx_mutt_settings_generation()) {
        return;
    }

    ngx_mutt_limits_generation = ngx_mutt_settings_generation();
    limits = &ngx_mutt_limits;
    s = ngx_mutt_settings();
    p = mutt_set_text(s, MUTT_SET_REQUIRED_FIELDS);

    limits->max_event_bytes = mutt_set_int(s, MUTT_SET_INGEST_MAX_EVENT_BYTES);
    limits->max_message_bytes = mutt_set_int(s,
                                            MUTT_SET_INGEST_MAX_MESSAGE_BYTES);

    /* these can't be taken out of the list */
    limits->required[0] = MUTT_STR("hostname");
    limits->required[1] = MUTT_STR("message");
    limits->required[2] = MUTT_STR("timestamp");
    limits->n_required = 3;

    for ( /* void */ ; *p != '\0'; p += n + (p[n] == ',')) {
        n = strcspn(p, ",");

        mutt_str_t  name = mutt_str_trim((mutt_str_t) { p, n });

        if (name.len == 0 || mutt_str_eq(name, limits->required[0])
            || mutt_str_eq(name, limits->required[1])
            || mutt_str_eq(name, limits->required[2])
            || limits->n_required == MUTT_EVENT_FIELDS)
        {
            continue;
        }

        limits->required[limits->n_required++] = name;
    }
}


ngx_int_t
ngx_mutt_ingest(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    size_t               cap;
    ngx_int_t            rc;
    mutt_buf_t           extra;
    ngx_mutt_ingest_t   *in;
    ngx_http_cleanup_t  *cln;

    in = ngx_pcalloc(r->pool, sizeof(ngx_mutt_ingest_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (in == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_mutt_ingest_cleanup;
    cln->data = in;

    in->request = r;
    in->ctx = ctx;
    in->began = ngx_current_msec;
    ctx->data = in;
    ngx_mutt_trace_begin(r, ctx);

    cap = mutt_set_int(ngx_mutt_settings(), MUTT_SET_INGEST_MAX_BODY_BYTES);
    ngx_mutt_take_buffer(&in->elements);
    mutt_buf_init(&in->rejected, NGX_MUTT_ELEMENTS_MAX);
    mutt_buf_init(&in->errors, NGX_MUTT_REPLY_MAX);

    if (r->headers_in.content_length_n > (off_t) cap) {
        mutt_buf_init(&extra, 256);
        mutt_buf_addf(&extra, ",\"limit\":%zu", cap);
        rc = ngx_mutt_ingest_fail(in, MUTT_API_PAYLOAD_TOO_LARGE,
                                  mutt_buf_str(&extra));
        mutt_buf_done(&extra);
        return rc;
    }

    rc = ngx_mutt_ingest_media(r, in);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : rc;
    }

    return ngx_mutt_read_body(r, &in->body, cap, ngx_mutt_ingest_read);
}


static ngx_int_t
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


/* What a step returns behind an answer: NGX_OK would mean "go on". */
static ngx_int_t
ngx_mutt_answered(ngx_int_t rc)
{
    return rc == NGX_OK ? NGX_DECLINED : rc;
}


static ngx_flag_t
ngx_mutt_is(ngx_str_t *value, const char *text)
{
    return value->len == ngx_strlen(text)
           && (ngx_memcmp(value->data, text, value->len) == 0
               || ngx_strncasecmp(value->data, (u_char *) text, value->len)
                  == 0);
}


/* The media type without parameters; 0 when a charset is not UTF-8's. */
static ngx_flag_t
ngx_mutt_media_type(ngx_str_t *value, ngx_str_t *type)
{
    u_char      *semicolon;
    mutt_str_t   bare, rest;

    *type = *value;
    semicolon = ngx_strlchr(value->data, value->data + value->len, ';');

    if (semicolon == NULL) {
        return 1;
    }

    bare = mutt_str_trim((mutt_str_t) { (char *) value->data,
                                        semicolon - value->data });
    type->data = (u_char *) bare.data;
    type->len = bare.len;

    rest = mutt_str_trim((mutt_str_t) { (char *) semicolon + 1,
                        value->len - (semicolon + 1 - value->data) });

    return !(rest.len > 8 && ngx_strncasecmp((u_char *) rest.data,
                                             (u_char *) "charset=", 8) == 0)
           || mutt_str_eq_nocase(rest, MUTT_STR("charset=utf-8"))
           || mutt_str_eq_nocase(rest, MUTT_STR("charset=\"utf-8\""))
           || mutt_str_eq_nocase(rest, MUTT_STR("charset=us-ascii"));
}


/* Content-Type, Content-Encoding and Expect. */
static ngx_int_t
ngx_mutt_ingest_media(ngx_http_request_t *r, ngx_mutt_ingest_t *in)
{
    ngx_str_t        type, *coding;
    ngx_flag_t       fits;
    ngx_uint_t       count;
    ngx_table_elt_t *h;

    if (r->headers_in.expect != NULL
        && !ngx_mutt_is(&r->headers_in.expect->value, "100-continue"))
    {
        return ngx_mutt_answered(ngx_mutt_send_error_status(r,
                       MUTT_API_INVALID_PARAMETER, 417, mutt_str(NULL)));
    }

    h = r->headers_in.content_type;
    fits = 1;

    if (h != NULL && h->value.len > 0) {
        fits = ngx_mutt_media_type(&h->value, &type);

        in->ndjson = ngx_mutt_is(&type, "application/x-ndjson")
                     || ngx_mutt_is(&type, "application/ndjson")
                     || ngx_mutt_is(&type, "application/jsonl");

        fits = fits && (in->ndjson || ngx_mutt_is(&type, "application/json")
                        || ngx_mutt_is(&type, "text/plain")
                        || (type.len > 5
                            && ngx_strncasecmp(type.data + type.len - 5,
                                               (u_char *) "+json", 5) == 0));
    }

    if (!fits) {
        return ngx_mutt_answered(ngx_mutt_ingest_fail(in,
            MUTT_API_UNSUPPORTED_MEDIA, MUTT_STR(
            ",\"accepted\":[\"application/json\",\"application/x-ndjson\","
            "\"text/plain\"]")));
    }

    coding = ngx_mutt_find_header(r, "content-encoding", &count);

    if (coding == NULL || ngx_mutt_is(coding, "identity")) {
        return NGX_OK;
    }

    if (count == 1 && (ngx_mutt_is(coding, "gzip")
                       || ngx_mutt_is(coding, "x-gzip")
                       || ngx_mutt_is(coding, "deflate")))
    {
        in->compressed = 1;
        return NGX_OK;
    }

    return ngx_mutt_answered(ngx_mutt_ingest_fail(in,
        MUTT_API_UNSUPPORTED_MEDIA, MUTT_STR(
        ",\"accepted\":[\"gzip\",\"deflate\",\"identity\"]")));
}


/* The body is there: the steps that end at once, up to the push. */
static void
ngx_mutt_ingest_read(ngx_http_request_t *r)
{
    ngx_int_t           rc;
    ngx_mutt_ctx_t     *ctx;
    ngx_mutt_ingest_t  *in;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);
    in = ctx->data;

    rc = ngx_mutt_ingest_decode(in);

    if (rc == NGX_OK) {
        rc = ngx_mutt_ingest_judge(in);
    }

    if (rc == NGX_OK) {
        rc = ngx_mutt_ingest_push(in);
    }

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc == NGX_DECLINED ? NGX_OK : rc);
    }
}


static ngx_int_t
ngx_mutt_ingest_too_large(ngx_mutt_ingest_t *in, size_t limit)
{
    ngx_int_t   rc;
    mutt_buf_t  extra;

    mutt_buf_init(&extra, 2048);
    mutt_buf_addf(&extra, ",\"limit\":%zu", limit);
    rc = ngx_mutt_ingest_fail(in, MUTT_API_PAYLOAD_TOO_LARGE,
                              mutt_buf_str(&extra));
    mutt_buf_done(&extra);

    return ngx_mutt_answered(rc);
}


static ngx_int_t
ngx_mutt_ingest_decode(ngx_mutt_ingest_t *in)
{
    size_t  cap;

    if (!in->body.failed && in->compressed) {
        cap = mutt_set_int(ngx_mutt_settings(),
                           MUTT_SET_INGEST_MAX_DECOMPRESSED_BYTES);
        (void) ngx_mutt_inflate(&in->body, cap);
    }

    if (!in->body.failed) {
        return NGX_OK;
    }

    if (in->body.error == MUTT_API_PAYLOAD_TOO_LARGE) {
        return ngx_mutt_ingest_too_large(in, in->body.limit);
    }

    return ngx_mutt_answered(ngx_mutt_ingest_fail(in, in->body.error,
                                                  mutt_str(NULL)));
}


/* The members that tell why an event was refused. */
static void
ngx_mutt_write_fault(mutt_buf_t *b, const mutt_event_fault_t *fault)
{
    size_t       i;
    const char  *comma;

    switch (fault->code) {

    case MUTT_API_PAYLOAD_TOO_LARGE:
        mutt_buf_addf(b, ",\"limit\":%zu", fault->limit);
        return;

    case MUTT_API_INVALID_JSON:
    case MUTT_API_INVALID_UTF8:
        mutt_buf_addf(b, ",\"offset\":%zu", fault->offset);
        return;

    case MUTT_API_VALIDATION_FAILED:
        break;

    default:
        return;
    }

    MUTT_BUF_LIT(b, ",\"fields\":{");

    for (i = 0; i < fault->n_fields; i++) {
        mutt_buf_addf(b, "%s", i == 0 ? "" : ",");
        mutt_buf_add_json(b, mutt_str(fault->fields[i].name));
        mutt_buf_addf(b, ":\"%s\"", fault->fields[i].reason);
    }

    MUTT_BUF_LIT(b, "},\"missing_fields\":[");
    comma = "";

    for (i = 0; i < fault->n_fields; i++) {
        if (fault->fields[i].missing) {
            mutt_buf_addf(b, "%s", comma);
            mutt_buf_add_json(b, mutt_str(fault->fields[i].name));
            comma = ",";
        }
    }

    MUTT_BUF_LIT(b, "]");
}


/* Keeps a refused event, with the reason, for people to look at. */
static ngx_int_t
ngx_mutt_keep(ngx_mutt_ingest_t *in, mutt_str_t raw, ngx_uint_t index)
{
    size_t                   start;
    ngx_mutt_item_t         *item;
    const mutt_api_error_t  *e;

    e = &mutt_api_errors[ngx_mutt_fault.code];
    start = in->rejected.len;
    raw.len = ngx_min(raw.len, NGX_MUTT_REJECTED_RAW);

    mutt_buf_addf(&in->rejected, "{\"rejected_at\":\"%s\",\"code\":\"%s\","
                  "\"message\":\"%s\",\"index\":%zu,\"source\":",
                  in->received_at, e->code, e->text, (size_t) index);
    mutt_buf_add_json(&in->rejected, (mutt_str_t) {
                          (char *) in->ctx->key->id.data,
                          in->ctx->key->id.len });
    MUTT_BUF_LIT(&in->rejected, ",\"correlation_id\":");
    mutt_buf_add_json(&in->rejected, (mutt_str_t) {
                          (char *) in->ctx->correlation_id.data,
                          in->ctx->correlation_id.len });
    MUTT_BUF_LIT(&in->rejected, ",\"raw\":");
    mutt_buf_add_json(&in->rejected, raw);
    MUTT_BUF_LIT(&in->rejected, "}");

    item = ngx_array_push(in->push.rejects);

    if (item == NULL || !mutt_buf_ok(&in->rejected)) {
        return NGX_ERROR;
    }

    item->start = start;
    item->len = in->rejected.len - start;

    return NGX_OK;
}


/* Lists a refused member of a batch in the answer, and keeps it. */
static ngx_int_t
ngx_mutt_reject(ngx_mutt_ingest_t *in, mutt_str_t raw, ngx_uint_t index)
{
    const mutt_api_error_t  *e;

    e = &mutt_api_errors[ngx_mutt_fault.code];

    if (in->n_rejected++ < NGX_MUTT_ERRORS_LISTED) {
        mutt_buf_addf(&in->errors, "%s{\"index\":%zu,\"code\":\"%s\","
                      "\"message\":\"%s\"",
                      in->errors.len == 0 ? "" : ",", (size_t) index, e->code,
                      e->text);
        ngx_mutt_write_fault(&in->errors, &ngx_mutt_fault);
        MUTT_BUF_LIT(&in->errors, "}");
    }

    return ngx_mutt_keep(in, raw, index);
}


static mutt_rc_t
ngx_mutt_admit(ngx_mutt_ingest_t *in, mutt_str_t raw)
{
    bool                    own;
    size_t                  start;
    mutt_rc_t               rc;
    unsigned char           random[10];
    ngx_mutt_item_t        *item;
    mutt_event_meta_t       meta;
    ngx_mutt_trace_text_t   text;

    if (!mutt_random(random, sizeof(random))) {
        return MUTT_NOMEM;
    }

    ngx_mutt_trace_event(in->request, in->ctx, &text);

    meta.shared = mutt_buf_str(&ngx_mutt_shared);
    meta.traceparent = mutt_str(text.traceparent);
    meta.trace_origin = mutt_str(text.origin);
    meta.new_id = mutt_uuid_v7(in->received, random);

    start = in->elements.len;
    rc = mutt_event_admit(ngx_mutt_reader, raw, &ngx_mutt_limits, &meta,
                          &in->elements, &own, &ngx_mutt_fault);

    if (rc != MUTT_OK) {
        return rc;
    }

    item = ngx_array_push(in->push.items);
    if (item == NULL) {
        return MUTT_NOMEM;
    }

    item->start = start;
    item->len = in->elements.len - start;
    item->own_id = own;

    return MUTT_OK;
}


/* What is more than a second is the same for many. */
static void
ngx_mutt_write_received(mutt_usec_t at, char *out)
{
    ngx_uint_t  i, usec;

    static char         text[MUTT_TIME_LEN + 1];
    static mutt_usec_t  second = -1;

    if (at / MUTT_USEC_SEC != second) {
        second = at / MUTT_USEC_SEC;
        mutt_time_format(at, text);
    }

    ngx_memcpy(out, text, sizeof(text));
    usec = at % MUTT_USEC_SEC;

    for (i = 0; i < 6; i++) {
        out[MUTT_TIME_LEN - 2 - i] = '0' + usec % 10;
        usec /= 10;
    }
}


static ngx_int_t
ngx_mutt_ingest_prepare(ngx_mutt_ingest_t *in)
{
    ngx_http_request_t  *r;

    r = in->request;

    if (ngx_mutt_reader == NULL) {
        ngx_mutt_reader = mutt_json_reader_create();
        mutt_buf_init(&ngx_mutt_shared, NGX_MUTT_SHARED_MAX);
    }

    in->push.items = ngx_array_create(r->pool, 4, sizeof(ngx_mutt_item_t));
    in->push.rejects = ngx_array_create(r->pool, 1, sizeof(ngx_mutt_item_t));

    if (ngx_mutt_reader == NULL || in->push.items == NULL
        || in->push.rejects == NULL)
    {
        return NGX_ERROR;
    }

    in->push.elements = &in->elements;
    in->push.rejected = &in->rejected;
    in->push.key_id = in->ctx->key->id;
    in->push.key_limit = in->ctx->key->limit;
    in->push.done = ngx_mutt_ingest_pushed;
    in->push.data = in;

    /* nginx's own clock stands still within a turn, and counts millis */
    in->received = ngx_mutt_now();
    ngx_mutt_write_received(in->received, in->received_at);
    ngx_mutt_ingest_limits();

    mutt_buf_reset(&ngx_mutt_shared);
    mutt_event_write_shared(&ngx_mutt_shared, (mutt_str_t) {
                                (char *) in->ctx->correlation_id.data,
                                in->ctx->correlation_id.len },
                            (mutt_str_t) { in->received_at, MUTT_TIME_LEN },
                            (mutt_str_t) { (char *) in->push.key_id.data,
                                           in->push.key_id.len });

    return mutt_buf_ok(&ngx_mutt_shared) ? NGX_OK : NGX_ERROR;
}


/* A body that is no events at all: refused, or kept and answered 200. */
static ngx_int_t
ngx_mutt_ingest_malformed(ngx_mutt_ingest_t *in, mutt_str_t raw)
{
    ngx_int_t             rc;
    mutt_buf_t            extra;
    ngx_mutt_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(in->request, ngx_http_mutt_module);

    if (lcf->malformed == NGX_MUTT_MALFORMED_DEAD_LETTER) {
        in->push.items->nelts = 0;
        in->push.rejects->nelts = 0;
        in->kept = 1;
        in->fault = ngx_mutt_fault.code;

        if (ngx_mutt_keep(in, raw, 0) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return NGX_OK;
    }

    mutt_buf_init(&extra, 8192);
    ngx_mutt_write_fault(&extra, &ngx_mutt_fault);
    rc = ngx_mutt_ingest_fail(in, ngx_mutt_fault.code, mutt_buf_str(&extra));
    mutt_buf_done(&extra);

    return ngx_mutt_answered(rc);
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


/* Whether a line begins as an object does, which memmem() is slow to find. */
static ngx_flag_t
ngx_mutt_has_lines(mutt_str_t body)
{
    const char  *p, *last;

    p = body.data;
    last = body.data + body.len;

    for ( ;; ) {
        p = memchr(p, '\n', last - p);

        if (p == NULL || ++p == last) {
            return 0;
        }

        if (*p == '{') {
            return 1;
        }
    }
}


/*
 * Takes a body that is one good event and nothing else, which most are,
 * without looking for where it ends first.
 */

static ngx_flag_t
ngx_mutt_ingest_one(ngx_mutt_ingest_t *in, mutt_str_t body)
{
    if (in->ndjson || body.len == 0 || body.data[0] != '{'
        || body.len > ngx_mutt_limits.max_event_bytes
        || ngx_mutt_has_lines(body)
        || ngx_mutt_admit(in, body) != MUTT_OK)
    {
        return 0;
    }

    in->kind = MUTT_BODY_SINGLE;

    return 1;
}


static ngx_int_t
ngx_mutt_ingest_judge(ngx_mutt_ingest_t *in)
{
    size_t         most;
    mutt_rc_t      rc;
    mutt_str_t     raw, body;
    ngx_uint_t     index;
    mutt_batch_t   batch;

    if (ngx_mutt_ingest_prepare(in) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    most = mutt_set_int(ngx_mutt_settings(), MUTT_SET_INGEST_BATCH_MAX_EVENTS);
    body = ngx_mutt_body_text(&in->body);

    /* less than this no element is, and few are more */
    (void) mutt_buf_reserve(&in->elements, body.len + NGX_MUTT_ELEMENT_MORE);

    if (ngx_mutt_ingest_one(in, body)) {
        return NGX_OK;
    }

    in->kind = mutt_batch_begin(&batch, body, in->ndjson);

    for (index = 0; mutt_batch_next(&batch, &raw); index++) {

        if (index == most) {
            return ngx_mutt_ingest_too_large(in, most);
        }

        rc = ngx_mutt_admit(in, raw);

        if (rc == MUTT_OK) {
            continue;
        }

        if (rc != MUTT_INVALID) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (in->kind == MUTT_BODY_SINGLE
            || (in->kind == MUTT_BODY_ARRAY && ngx_mutt_fault.broken))
        {
            ngx_mutt_fault.offset += raw.data - body.data;
            return ngx_mutt_ingest_malformed(in, body);
        }

        if (ngx_mutt_reject(in, raw, index) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (batch.broken) {
        ngx_mutt_fault.code = MUTT_API_INVALID_JSON;
        ngx_mutt_fault.offset = batch.pos;
        return ngx_mutt_ingest_malformed(in, body);
    }

    if (index == 0) {
        return ngx_mutt_answered(ngx_mutt_ingest_fail(in, MUTT_API_BATCH_EMPTY,
                                                      mutt_str(NULL)));
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_ingest_push(ngx_mutt_ingest_t *in)
{
    /* what was read is no longer needed, the elements are copies */
    ngx_mutt_free_body(&in->body);
    in->sent = ngx_current_msec;

    switch (ngx_mutt_push(&in->push)) {

    case NGX_OK:
        return NGX_DONE;

    case NGX_DECLINED:
        return ngx_mutt_answered(ngx_mutt_ingest_fail(in, MUTT_API_BUSY,
                                                      mutt_str(NULL)));

    default:
        return ngx_mutt_answered(ngx_mutt_ingest_fail(in,
                               MUTT_API_REDIS_UNAVAILABLE, mutt_str(NULL)));
    }
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


/* Redis has answered, or will not. */
static void
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
