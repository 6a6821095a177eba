
#include "ngx_mutt_module.h"


ngx_int_t
ngx_mutt_add_named_header(ngx_http_request_t *r, const char *name, size_t len,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = len;
    h->value = *value;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_OK;
}


static const char  ngx_mutt_pairs[] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";


/* ngx_sprintf() takes many times as long. */
u_char *
ngx_mutt_write_int(u_char *p, ngx_int_t n)
{
    u_char      digits[NGX_INT64_LEN], *d;
    ngx_uint_t  left;

    d = digits + sizeof(digits);
    left = n < 0 ? 0 - (ngx_uint_t) n : (ngx_uint_t) n;

    while (left >= 10) {
        d -= 2;
        ngx_memcpy(d, ngx_mutt_pairs + 2 * (left % 100), 2);
        left /= 100;
    }

    /* the odd digit in front, or nothing but a zero */
    if (left > 0 || d == digits + sizeof(digits)) {
        *--d = '0' + left;
    }

    if (n < 0) {
        *p++ = '-';
    }

    return ngx_cpymem(p, d, digits + sizeof(digits) - d);
}


ngx_int_t
ngx_mutt_add_int_header(ngx_http_request_t *r, const char *name, ngx_int_t n)
{
    ngx_str_t  value;

    value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_mutt_write_int(value.data, n) - value.data;

    return ngx_mutt_add_header(r, name, &value);
}


static ngx_int_t
ngx_mutt_send_headers(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, size_t len)
{
    ngx_str_t  value;

    r->headers_out.status = status;
    r->headers_out.content_length_n = len;

    if (type != NULL) {
        r->headers_out.content_type.data = (u_char *) type;
        r->headers_out.content_type.len = ngx_strlen(type);
        r->headers_out.content_type_len = r->headers_out.content_type.len;
        r->headers_out.content_type_lowcase = NULL;
    }

    ngx_str_set(&value, "no-store");

    if (ngx_mutt_add_header(r, "Cache-Control", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (status == NGX_HTTP_NO_CONTENT) {
        r->header_only = 1;
    }

    return ngx_http_send_header(r);
}


/* The body may still be on its way, when it was not wanted. */
static ngx_int_t
ngx_mutt_drop_body(ngx_http_request_t *r)
{
    if (r->request_body != NULL) {
        return NGX_OK;
    }

    /* who waits for leave to send it is not given any */
    if (r->headers_in.expect != NULL && !r->expect_tested) {
        r->expect_tested = 1;
        r->keepalive = 0;
    }

    return ngx_http_discard_request_body(r);
}


static ngx_int_t
ngx_mutt_send_buf(ngx_http_request_t *r, ngx_uint_t status, const char *type,
    ngx_buf_t *b)
{
    ngx_int_t    rc;
    ngx_chain_t  out;

    rc = ngx_mutt_send_headers(r, status, type, b->last - b->pos);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    if (b->last == b->pos) {
        b->temporary = 0;
    }

    b->last_buf = 1;
    b->last_in_chain = 1;
    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_mutt_send(ngx_http_request_t *r, ngx_uint_t status, const char *type,
    mutt_str_t text)
{
    ngx_int_t   rc;
    ngx_buf_t  *b;

    rc = ngx_mutt_drop_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    b = ngx_create_temp_buf(r->pool, text.len + 1);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->pos, text.data, text.len);

    return ngx_mutt_send_buf(r, status, type, b);
}


ngx_int_t
ngx_mutt_send_kept(ngx_http_request_t *r, ngx_uint_t status, mutt_str_t text)
{
    ngx_int_t   rc;
    ngx_buf_t  *b;

    rc = ngx_mutt_drop_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = (u_char *) text.data;
    b->last = b->pos + text.len;
    b->memory = 1;

    return ngx_mutt_send_buf(r, status, "application/json", b);
}


static void
ngx_mutt_write_error(ngx_http_request_t *r, mutt_buf_t *b,
    const mutt_api_error_t *e, mutt_str_t extra)
{
    ngx_mutt_ctx_t  *ctx;

    ctx = ngx_mutt_get_ctx(r);

    if (ctx != NULL && ctx->route != NULL
        && ctx->route->group == NGX_MUTT_INGEST)
    {
        mutt_buf_addf(b, "{\"status\":\"error\",\"code\":\"%s\","
                      "\"message\":\"%s\"", e->code, e->text);

    } else {
        mutt_buf_addf(b, "{\"error\":\"%s\",\"code\":\"%s\"", e->text,
                      e->code);
    }

    if (ctx != NULL) {
        mutt_buf_addf(b, ",\"correlation_id\":\"%.*s\"",
                      (int) ctx->correlation_id.len,
                      (char *) ctx->correlation_id.data);
    }

    mutt_buf_add_str(b, extra);
    MUTT_BUF_LIT(b, "}\n");
}


static ngx_int_t
ngx_mutt_send_error_row(ngx_http_request_t *r, const mutt_api_error_t *e,
    mutt_str_t extra)
{
    ngx_int_t   rc;
    mutt_buf_t  b;

    mutt_buf_init(&b, extra.len + 4096);
    ngx_mutt_write_error(r, &b, e, extra);

    rc = mutt_buf_ok(&b)
         ? ngx_mutt_send(r, e->status, "application/json", mutt_buf_str(&b))
         : NGX_HTTP_INTERNAL_SERVER_ERROR;

    mutt_buf_done(&b);

    return rc;
}


ngx_int_t
ngx_mutt_send_error(ngx_http_request_t *r, mutt_api_code_t code,
    mutt_str_t extra)
{
    return ngx_mutt_send_error_row(r, &mutt_api_errors[code], extra);
}


ngx_int_t
ngx_mutt_send_error_status(ngx_http_request_t *r, mutt_api_code_t code,
    ngx_uint_t status, mutt_str_t extra)
{
    mutt_api_error_t  e;

    e = mutt_api_errors[code];
    e.status = status;

    return ngx_mutt_send_error_row(r, &e, extra);
}


ngx_int_t
ngx_mutt_send_error_text(ngx_http_request_t *r, mutt_api_code_t code,
    const char *text, mutt_str_t extra)
{
    mutt_api_error_t  e;

    e = mutt_api_errors[code];
    e.text = text;

    return ngx_mutt_send_error_row(r, &e, extra);
}


void
ngx_mutt_finish(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_connection_t  *c;

    c = r->connection;
    ngx_http_set_log_request(c->log, r);
    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}
