
/*
 * A command to Redis for a request: the answer comes later, and to nobody
 * when the request is gone by then.
 */


#include "ngx_mutt_module.h"


/* outlives the request that asked */
typedef struct {
    ngx_http_request_t  *request;   /* NULL when it is gone */
    ngx_http_cleanup_t  *cleanup;
    ngx_mutt_ask_pt      handler;
} ngx_mutt_asked_t;


static void
ngx_mutt_ask_reply(void *data, struct redisReply *reply)
{
    ngx_mutt_asked_t  asked;

    asked = *(ngx_mutt_asked_t *) data;
    ngx_free(data);

    if (asked.request == NULL) {
        return;
    }

    asked.cleanup->handler = NULL;
    asked.handler(asked.request, reply);
}


static void
ngx_mutt_ask_cleanup(void *data)
{
    ngx_mutt_asked_t  *asked = data;

    asked->request = NULL;
}


ngx_int_t
ngx_mutt_ask(ngx_http_request_t *r, ngx_uint_t n, ngx_mutt_ask_pt handler)
{
    ngx_mutt_asked_t    *asked;
    ngx_http_cleanup_t  *cln;

    cln = ngx_http_cleanup_add(r, 0);
    asked = ngx_alloc(sizeof(ngx_mutt_asked_t), r->connection->log);

    if (cln == NULL || asked == NULL
        || ngx_mutt_redis_begin(n, ngx_mutt_ask_reply, asked) != NGX_OK)
    {
        ngx_free(asked);
        return NGX_DECLINED;
    }

    ngx_mutt_redis_is(MUTT_M_REDIS_LATENCY_SESSION);
    asked->request = r;
    asked->cleanup = cln;
    asked->handler = handler;

    cln->handler = ngx_mutt_ask_cleanup;
    cln->data = asked;

    return NGX_OK;
}


ngx_int_t
ngx_mutt_ask_unavailable(ngx_http_request_t *r, const char *text)
{
    if (ngx_mutt_add_int_header(r, "Retry-After",
            mutt_set_int(ngx_mutt_settings(), MUTT_SET_INGEST_RETRY_AFTER))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_mutt_send_error_text(r, MUTT_API_REDIS_UNAVAILABLE, text,
                                    mutt_str(NULL));
}
