
/*
 * read -> decode -> judge -> push -> answer
 *
 * A request is answered 2xx only when Redis holds its events.  The steps up
 * to push run at once when the body is there; the answer comes from the
 * reply of Redis.  If the client leaves first, the push is forgotten: its
 * events may be taken, and nobody is told.
 */


#include "ngx_mutt_ingest.h"


#define NGX_MUTT_ELEMENT_MORE    1024
#define NGX_MUTT_ELEMENTS_MAX    ((size_t) 1 << 30)

/* of buffers that are kept */
#define NGX_MUTT_SPARE_SIZE      4096
#define NGX_MUTT_SPARE_MAX       128


static ngx_int_t ngx_mutt_ingest_media(ngx_http_request_t *r,
    ngx_mutt_ingest_t *in);
static void ngx_mutt_ingest_read(ngx_http_request_t *r);
static ngx_int_t ngx_mutt_ingest_decode(ngx_mutt_ingest_t *in);
static ngx_int_t ngx_mutt_ingest_judge(ngx_mutt_ingest_t *in);
static ngx_int_t ngx_mutt_ingest_push(ngx_mutt_ingest_t *in);


static mutt_buf_t   ngx_mutt_spare[NGX_MUTT_SPARE_MAX];
static ngx_uint_t   ngx_mutt_n_spare;


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
        in->fault = ngx_mutt_event_fault.code;

        if (ngx_mutt_keep(in, raw, 0) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return NGX_OK;
    }

    mutt_buf_init(&extra, 8192);
    ngx_mutt_write_fault(&extra, &ngx_mutt_event_fault);
    rc = ngx_mutt_ingest_fail(in, ngx_mutt_event_fault.code,
                              mutt_buf_str(&extra));
    mutt_buf_done(&extra);

    return ngx_mutt_answered(rc);
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
        || body.len > ngx_mutt_event_limits.max_event_bytes
        || ngx_mutt_has_lines(body)
        || ngx_mutt_ingest_admit(in, body) != MUTT_OK)
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

        rc = ngx_mutt_ingest_admit(in, raw);

        if (rc == MUTT_OK) {
            continue;
        }

        if (rc != MUTT_INVALID) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (in->kind == MUTT_BODY_SINGLE
            || (in->kind == MUTT_BODY_ARRAY && ngx_mutt_event_fault.broken))
        {
            ngx_mutt_event_fault.offset += raw.data - body.data;
            return ngx_mutt_ingest_malformed(in, body);
        }

        if (ngx_mutt_reject(in, raw, index) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (batch.broken) {
        ngx_mutt_event_fault.code = MUTT_API_INVALID_JSON;
        ngx_mutt_event_fault.offset = batch.pos;
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
