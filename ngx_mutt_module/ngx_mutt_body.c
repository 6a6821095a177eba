
/*
 * Request bodies: read unbuffered, so that nothing goes to a temporary file,
 * with an exact limit, and inflated under a limit of its own.  A body that is
 * there in one piece stays where it is; others grow in one block of memory.
 */


#include "ngx_mutt_module.h"

#include <zlib.h>


#define NGX_MUTT_INFLATE_STEP  65536


static void ngx_mutt_body_event(ngx_http_request_t *r);
static void ngx_mutt_body_cleanup(void *data);
static ngx_flag_t ngx_mutt_take_body(ngx_http_request_t *r,
    ngx_mutt_body_t *body);


static ngx_mutt_body_t *
ngx_mutt_body_of(ngx_http_request_t *r)
{
    ngx_mutt_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);

    return ctx->data;
}


ngx_int_t
ngx_mutt_read_body(ngx_http_request_t *r, ngx_mutt_body_t *body, size_t limit,
    void (*done)(ngx_http_request_t *r))
{
    ngx_int_t            rc;
    ngx_http_cleanup_t  *cln;

    mutt_buf_init(&body->raw, limit + NGX_MUTT_INFLATE_STEP);
    mutt_buf_init(&body->inflated, NGX_MUTT_INFLATE_STEP);
    body->whole = mutt_str(NULL);
    body->limit = limit;
    body->done = done;
    body->failed = 0;
    body->compressed = 0;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_mutt_body_cleanup;
    cln->data = body;

    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_mutt_body_event);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_mutt_body_event(ngx_http_request_t *r)
{
    ngx_int_t         rc;
    ngx_mutt_body_t  *body;

    body = ngx_mutt_body_of(r);

    for ( ;; ) {

        if (!ngx_mutt_take_body(r, body)) {
            r->read_event_handler = ngx_http_block_reading;
            body->done(r);
            return;
        }

        if (!r->reading_body) {
            r->read_event_handler = ngx_http_block_reading;
            body->done(r);
            return;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            r->read_event_handler = ngx_mutt_body_event;
            return;
        }
    }
}


/*
 * Moves what has arrived into the block; 0 when it is too much, or when there
 * is no memory for it, which is no fault of the sender's.
 */

static ngx_flag_t
ngx_mutt_take_body(ngx_http_request_t *r, ngx_mutt_body_t *body)
{
    size_t        wanted;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    wanted = body->raw.len;
    cl = r->request_body->bufs;

    if (wanted == 0 && !r->reading_body && cl != NULL && cl->next == NULL
        && ngx_buf_in_memory(cl->buf)
        && (size_t) (cl->buf->last - cl->buf->pos) <= body->limit)
    {
        body->whole = (mutt_str_t) { (char *) cl->buf->pos,
                                     cl->buf->last - cl->buf->pos };
        r->request_body->bufs = NULL;
        return 1;
    }

    for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            wanted += b->last - b->pos;
            mutt_buf_add(&body->raw, b->pos, b->last - b->pos);
            b->pos = b->last;
        }
    }

    r->request_body->bufs = NULL;

    if (!mutt_buf_ok(&body->raw) || wanted > body->limit) {
        body->failed = 1;
        body->error = wanted > body->limit ? MUTT_API_PAYLOAD_TOO_LARGE
                                           : MUTT_API_INTERNAL;
        return 0;
    }

    return 1;
}


static mutt_str_t
ngx_mutt_body_sent(ngx_mutt_body_t *body)
{
    return body->whole.len > 0 ? body->whole : mutt_buf_str(&body->raw);
}


mutt_str_t
ngx_mutt_body_text(ngx_mutt_body_t *body)
{
    return body->compressed ? mutt_buf_str(&body->inflated)
                            : ngx_mutt_body_sent(body);
}


void
ngx_mutt_free_body(ngx_mutt_body_t *body)
{
    body->whole = mutt_str(NULL);
    mutt_buf_done(&body->raw);
    mutt_buf_done(&body->inflated);
}


static void
ngx_mutt_body_cleanup(void *data)
{
    ngx_mutt_free_body(data);
}


static ngx_int_t
ngx_mutt_body_fail(ngx_mutt_body_t *body, mutt_api_code_t error, size_t limit)
{
    body->failed = 1;
    body->error = error;
    body->limit = limit;

    return NGX_DECLINED;
}


/* Inflates all that z has; one or more members, nothing behind them. */
static ngx_int_t
ngx_mutt_inflate_members(z_stream *z, ngx_mutt_body_t *body, size_t limit)
{
    int     rc;
    char   *out;

    for ( ;; ) {
        out = mutt_buf_reserve(&body->inflated, NGX_MUTT_INFLATE_STEP);

        if (out == NULL) {
            return ngx_mutt_body_fail(body, MUTT_API_INTERNAL, 0);
        }

        z->next_out = (Bytef *) out;
        z->avail_out = NGX_MUTT_INFLATE_STEP;

        rc = inflate(z, Z_NO_FLUSH);
        body->inflated.len += NGX_MUTT_INFLATE_STEP - z->avail_out;

        if (body->inflated.len > limit) {
            return ngx_mutt_body_fail(body, MUTT_API_PAYLOAD_TOO_LARGE, limit);
        }

        if (rc == Z_STREAM_END) {
            if (z->avail_in == 0) {
                return NGX_OK;
            }

            if (inflateReset(z) != Z_OK) {
                return ngx_mutt_body_fail(body, MUTT_API_INTERNAL, 0);
            }

            continue;
        }

        if (rc != Z_OK || (z->avail_in == 0 && z->avail_out != 0)) {
            return ngx_mutt_body_fail(body, MUTT_API_CORRUPT_ENCODING, 0);
        }
    }
}


ngx_int_t
ngx_mutt_inflate(ngx_mutt_body_t *body, size_t limit)
{
    z_stream    z;
    ngx_int_t   rc;
    mutt_str_t  sent;

    sent = ngx_mutt_body_sent(body);
    body->compressed = 1;

    ngx_memzero(&z, sizeof(z));
    mutt_buf_init(&body->inflated, limit + NGX_MUTT_INFLATE_STEP);

    /* 15 bits of window, 32 for gzip or zlib by what is there */
    if (inflateInit2(&z, 15 + 32) != Z_OK) {
        return ngx_mutt_body_fail(body, MUTT_API_INTERNAL, 0);
    }

    z.next_in = (Bytef *) sent.data;
    z.avail_in = (uInt) sent.len;

    rc = ngx_mutt_inflate_members(&z, body, limit);
    (void) inflateEnd(&z);

    return rc;
}
