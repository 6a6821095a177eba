
/* Signing in with a key, asking who one is, and signing out. */


#include "ngx_mutt_api.h"

#include <hiredis/hiredis.h>

#include "core/mutt_time.h"


/* signing in is for people, who are not wrong so often */
#define NGX_MUTT_LOGIN_WEIGHT  100


static ngx_int_t ngx_mutt_session_take(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_session_open(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_session_opened(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_session_tell(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_session_close(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_session_closed(ngx_mutt_flow_t *flow);


const ngx_mutt_step_t  ngx_mutt_session_create[] = {
    { "body", ngx_mutt_step_body },
    { "take", ngx_mutt_session_take },
    { "open", ngx_mutt_session_open },
    { "answer", ngx_mutt_session_opened },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_session_show[] = {
    { "answer", ngx_mutt_session_tell },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_session_delete[] = {
    { "body", ngx_mutt_step_optional_body },
    { "close", ngx_mutt_session_close },
    { "answer", ngx_mutt_session_closed },
    { NULL, NULL }
};


/* The key, which goes no further than its digest. */
static ngx_int_t
ngx_mutt_session_take(ngx_mutt_flow_t *flow)
{
    mutt_str_t                 text;
    const mutt_json_member_t  *member;

    static const char *const  known[] = { "api_key", NULL };

    member = ngx_mutt_member(flow, "api_key");
    text = (mutt_str_t) { NULL, 0 };

    if (member == NULL) {
        ngx_mutt_fault_missing(flow, "api_key");

    } else if (member->type != MUTT_JSON_STRING) {
        ngx_mutt_fault(flow, member->name, "must be text");

    } else {
        text = member->text;
    }

    ngx_mutt_refuse_others(flow, known);

    if (ngx_mutt_judge_fields(flow) != NGX_OK) {
        return NGX_DONE;
    }

    if (ngx_mutt_session_foreign(flow->request)) {
        return ngx_mutt_flow_error(flow, MUTT_API_CSRF_FAILED);
    }

    flow->data = (void *) ngx_mutt_identify(flow->request, text);
    ngx_explicit_memzero((void *) text.data, text.len);
    ngx_explicit_memzero(flow->body.raw.data, flow->body.raw.len);

    if (flow->data != NULL) {
        return NGX_OK;
    }

    flow->rc = ngx_mutt_refuse(flow->request, NGX_MUTT_LOGIN_WEIGHT);

    return NGX_DONE;
}


/* Without a session in the end there was no answer, or a bad one. */
static void
ngx_mutt_session_stored(ngx_http_request_t *r, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    ngx_mutt_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        ctx->session = NULL;
    }

    ngx_mutt_flow_resume(ctx->data);
}


static void
ngx_mutt_session_dropped(ngx_http_request_t *r, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    ngx_mutt_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);

    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) {
        ctx->session = NULL;
    }

    ngx_mutt_flow_resume(ctx->data);
}


static ngx_int_t
ngx_mutt_session_away(ngx_mutt_flow_t *flow)
{
    flow->rc = ngx_mutt_ask_unavailable(flow->request,
                                        "Sessions are unavailable");

    return NGX_DONE;
}


/* What a step that asks ends with. */
static ngx_int_t
ngx_mutt_session_asked(ngx_mutt_flow_t *flow, ngx_int_t rc)
{
    switch (rc) {

    case NGX_OK:
        return NGX_AGAIN;

    case NGX_DECLINED:
        return ngx_mutt_session_away(flow);

    default:
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }
}


/* A session is for who may look at something. */
static ngx_int_t
ngx_mutt_session_open(ngx_mutt_flow_t *flow)
{
    const ngx_mutt_key_t  *key = flow->data;

    if (!(key->scopes & NGX_MUTT_SCOPE_READ)) {
        flow->rc = ngx_mutt_send_error(flow->request, MUTT_API_FORBIDDEN,
                                       MUTT_STR(",\"required_scope\":"
                                                "\"read\""));
        return NGX_DONE;
    }

    return ngx_mutt_session_asked(flow, ngx_mutt_session_store(flow->request,
                                            key, ngx_mutt_session_stored));
}


static ngx_int_t
ngx_mutt_session_opened(ngx_mutt_flow_t *flow)
{
    if (flow->ctx->session == NULL) {
        return ngx_mutt_session_away(flow);
    }

    if (ngx_mutt_session_set_cookie(flow->request) != NGX_OK) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    ngx_log_error(NGX_LOG_NOTICE, flow->request->connection->log, 0,
                  "mutt: \"%V\" has signed in", &flow->ctx->key->name);

    return ngx_mutt_session_tell(flow);
}


/* All that a key may do, with what it implies. */
static void
ngx_mutt_write_scopes(mutt_buf_t *b, ngx_uint_t scopes)
{
    ngx_uint_t   i;
    const char  *comma;

    static const ngx_uint_t  all[] = {
        NGX_MUTT_SCOPE_INGEST, NGX_MUTT_SCOPE_READ, NGX_MUTT_SCOPE_WRITE,
        NGX_MUTT_SCOPE_ADMIN
    };

    comma = "";

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if ((scopes & all[i]) == all[i]) {
            mutt_buf_addf(b, "%s\"%s\"", comma, ngx_mutt_scope_name(all[i]));
            comma = ",";
        }
    }
}


static void
ngx_mutt_write_end(mutt_buf_t *b, time_t at)
{
    char  text[MUTT_TIME_LEN + 1];

    if (at == 0) {
        MUTT_BUF_LIT(b, "null}\n");
        return;
    }

    mutt_time_format((mutt_usec_t) at * MUTT_USEC_SEC, text);
    mutt_buf_addf(b, "\"%s\"}\n", text);
}


static ngx_int_t
ngx_mutt_session_tell(ngx_mutt_flow_t *flow)
{
    mutt_buf_t             b;
    ngx_mutt_session_t    *session;
    const ngx_mutt_key_t  *key;

    key = flow->ctx->key;
    session = flow->ctx->session;

    mutt_buf_init(&b, 4096);
    MUTT_BUF_LIT(&b, "{\"name\":");
    mutt_buf_add_json(&b, (mutt_str_t) { (char *) key->name.data,
                                         key->name.len });
    MUTT_BUF_LIT(&b, ",\"scopes\":[");
    ngx_mutt_write_scopes(&b, key->scopes);
    MUTT_BUF_LIT(&b, "],\"csrf_token\":");

    if (session == NULL) {
        MUTT_BUF_LIT(&b, "null");

    } else {
        mutt_buf_addf(&b, "\"%.*s\"", NGX_MUTT_HEX_LEN,
                      (char *) session->csrf);
    }

    MUTT_BUF_LIT(&b, ",\"expires_at\":");
    ngx_mutt_write_end(&b, session == NULL ? key->expires : session->ends);

    return ngx_mutt_flow_answer(flow, NGX_HTTP_OK, &b);
}


/* Who came with a key has no session to end. */
static ngx_int_t
ngx_mutt_session_close(ngx_mutt_flow_t *flow)
{
    static const char *const  known[] = { NULL };

    ngx_mutt_refuse_others(flow, known);

    if (ngx_mutt_judge_fields(flow) != NGX_OK) {
        return NGX_DONE;
    }

    if (flow->ctx->session == NULL) {
        return NGX_OK;
    }

    return ngx_mutt_session_asked(flow, ngx_mutt_session_drop(flow->request,
                                            ngx_mutt_session_dropped));
}


static ngx_int_t
ngx_mutt_session_closed(ngx_mutt_flow_t *flow)
{
    if (flow->ctx->session != NULL) {
        return ngx_mutt_session_away(flow);
    }

    if (ngx_mutt_session_set_cookie(flow->request) != NGX_OK) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    flow->rc = ngx_mutt_send(flow->request, NGX_HTTP_NO_CONTENT, NULL,
                             mutt_str(NULL));

    return NGX_DONE;
}
