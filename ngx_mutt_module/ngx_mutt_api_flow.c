
/*
 * The runner of the management API's flows, and what their steps share.  If
 * the client leaves, a flow that reads is cancelled with its statement; one
 * that changes something goes on, so that who has to know of it is told.
 */


#include "ngx_mutt_api.h"


/* a question to Redis; outlives the request that asked */
typedef struct ngx_mutt_ask_s {
    ngx_mutt_flow_t    *flow;      /* NULL when it is gone */
    ngx_mutt_told_pt    told;
} ngx_mutt_ask_t;


static void ngx_mutt_flow_run(ngx_mutt_flow_t *flow);
static void ngx_mutt_flow_go(ngx_mutt_flow_t *flow, ngx_int_t rc);
static void ngx_mutt_flow_told(void *data, struct redisReply *reply);
static void ngx_mutt_flow_cleanup(void *data);
static void ngx_mutt_flow_queried(ngx_mutt_query_t *query);
static void ngx_mutt_flow_read(ngx_http_request_t *r);


static mutt_json_reader_t  *ngx_mutt_api_reader;


ngx_int_t
ngx_mutt_flow(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    ngx_mutt_flow_t     *flow;
    ngx_http_cleanup_t  *cln;

    flow = ngx_pcalloc(r->pool, sizeof(ngx_mutt_flow_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (flow == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    flow->request = r;
    flow->ctx = ctx;
    flow->step = ctx->route->steps;
    flow->query.handler = ngx_mutt_flow_queried;
    flow->query.data = flow;
    ctx->data = flow;

    cln->handler = ngx_mutt_flow_cleanup;
    cln->data = flow;

    r->main->count++;
    ngx_mutt_flow_run(flow);

    return NGX_DONE;
}


/* What was kept for it is free before the client has read its answer. */
static void
ngx_mutt_flow_leave(ngx_mutt_flow_t *flow)
{
    if (flow->leave != NULL) {
        flow->leave(flow->data);
        flow->leave = NULL;
    }
}


static void
ngx_mutt_flow_cleanup(void *data)
{
    ngx_mutt_flow_t  *flow = data;

    ngx_mutt_flow_leave(flow);
    ngx_mutt_pg_release(&flow->query);

    if (flow->ask != NULL) {
        flow->ask->flow = NULL;
    }

    /* whether it was made is unknown */
    if (flow->unsure != NULL) {
        flow->unsure();
    }
}


static void
ngx_mutt_flow_run(ngx_mutt_flow_t *flow)
{
    ngx_mutt_flow_go(flow, NGX_OK);
}


/* Goes on behind a step that ended with rc. */
static void
ngx_mutt_flow_go(ngx_mutt_flow_t *flow, ngx_int_t rc)
{
    const ngx_mutt_step_t  *step;

    while (rc == NGX_OK) {
        step = flow->step++;

        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, flow->request->connection->log, 0,
                       "mutt step: %s", step->name);

        rc = step->run(flow);
    }

    if (rc == NGX_AGAIN) {
        return;
    }

    ngx_mutt_flow_leave(flow);

    if (flow->resumed) {
        ngx_mutt_finish(flow->request, flow->rc);
        return;
    }

    ngx_http_finalize_request(flow->request, flow->rc);
}


void
ngx_mutt_flow_resume(ngx_mutt_flow_t *flow)
{
    flow->resumed = 1;
    ngx_mutt_flow_run(flow);
}


void
ngx_mutt_flow_back(ngx_mutt_flow_t *flow, ngx_mutt_step_pt run)
{
    while (flow->step->run != run) {
        flow->step--;
    }
}


static void
ngx_mutt_flow_told(void *data, struct redisReply *reply)
{
    ngx_mutt_ask_t  *ask = data;

    ngx_mutt_flow_t  *flow;

    flow = ask->flow;

    if (flow != NULL) {
        flow->ask = NULL;
        flow->resumed = 1;
        ngx_mutt_flow_go(flow, ask->told(flow, reply));
    }

    ngx_free(ask);
}


/* What is read is not waited for when the client leaves. */
static void
ngx_mutt_flow_watch(ngx_mutt_flow_t *flow)
{
    flow->request->read_event_handler =
        flow->request->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)
        ? ngx_http_test_reading : ngx_http_block_reading;
}


ngx_int_t
ngx_mutt_flow_ask(ngx_mutt_flow_t *flow, ngx_uint_t n, ngx_mutt_told_pt told)
{
    ngx_mutt_ask_t  *ask;

    ask = ngx_alloc(sizeof(ngx_mutt_ask_t), ngx_cycle->log);

    if (ask == NULL) {
        return NGX_DECLINED;
    }

    ask->flow = flow;
    ask->told = told;

    if (ngx_mutt_redis_begin(n, ngx_mutt_flow_told, ask) != NGX_OK) {
        ngx_free(ask);
        return NGX_DECLINED;
    }

    ngx_mutt_redis_is(MUTT_M_REDIS_LATENCY_API);
    flow->ask = ask;
    ngx_mutt_flow_watch(flow);

    return NGX_OK;
}


ngx_int_t
ngx_mutt_flow_eval(ngx_mutt_flow_t *flow, mutt_script_t script,
    ngx_uint_t keys, ngx_uint_t args, ngx_mutt_told_pt told)
{
    if (ngx_mutt_flow_ask(flow, 3 + keys + args, told) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_mutt_redis_text("EVAL");
    (void) ngx_mutt_redis_word(mutt_scripts[script].text,
                               mutt_scripts[script].len);
    (void) ngx_mutt_redis_int(keys);

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_flow_check_media(ngx_mutt_flow_t *flow)
{
    size_t       len;
    ngx_str_t   *coding, type;

    coding = ngx_mutt_find_header(flow->request, "content-encoding", NULL);

    if (coding != NULL
        && (coding->len != 8
            || ngx_strncasecmp(coding->data, (u_char *) "identity", 8) != 0))
    {
        return NGX_DECLINED;
    }

    if (flow->request->headers_in.content_type == NULL) {
        return NGX_OK;
    }

    type = flow->request->headers_in.content_type->value;
    len = 0;

    while (len < type.len && type.data[len] != ';' && type.data[len] != ' ') {
        len++;
    }

    if (len == sizeof("application/json") - 1
        && ngx_strncasecmp(type.data, (u_char *) "application/json", len) == 0)
    {
        return NGX_OK;
    }

    return len > 5
           && ngx_strncasecmp(type.data + len - 5, (u_char *) "+json", 5) == 0
           ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_mutt_flow_too_large(ngx_mutt_flow_t *flow)
{
    char  extra[48];

    (void) snprintf(extra, sizeof(extra), ",\"limit\":%zu", flow->limit);
    flow->rc = ngx_mutt_send_error(flow->request, MUTT_API_PAYLOAD_TOO_LARGE,
                                   mutt_str(extra));

    return NGX_DONE;
}


ngx_int_t
ngx_mutt_step_body(ngx_mutt_flow_t *flow)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = flow->request;

    if (flow->limit == 0) {
        flow->limit = NGX_MUTT_API_BODY;
    }

    if (r->headers_in.content_length_n > (off_t) flow->limit) {
        return ngx_mutt_flow_too_large(flow);
    }

    if (ngx_mutt_flow_check_media(flow) != NGX_OK) {
        flow->rc = ngx_mutt_send_error(r, MUTT_API_UNSUPPORTED_MEDIA,
                       MUTT_STR(",\"accepted\":[\"application/json\"]"));
        return NGX_DONE;
    }

    rc = ngx_mutt_read_body(r, &flow->body, flow->limit, ngx_mutt_flow_read);

    if (rc != NGX_DONE) {
        flow->rc = rc;
        return NGX_DONE;
    }

    /* the reader's reference is not needed, the flow has its own */
    r->main->count--;

    return NGX_AGAIN;
}


ngx_int_t
ngx_mutt_step_optional_body(ngx_mutt_flow_t *flow)
{
    ngx_http_request_t  *r;

    r = flow->request;

    if (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked) {
        return NGX_OK;
    }

    flow->optional = 1;

    return ngx_mutt_step_body(flow);
}


static ngx_int_t
ngx_mutt_flow_parse(ngx_mutt_flow_t *flow)
{
    size_t               offset;
    mutt_str_t           text;
    mutt_json_status_t   status;

    if (flow->body.failed) {
        return flow->body.error == MUTT_API_PAYLOAD_TOO_LARGE
               ? ngx_mutt_flow_too_large(flow)
               : ngx_mutt_flow_error(flow, flow->body.error);
    }

    if (flow->unread) {
        return NGX_OK;
    }

    text = ngx_mutt_body_text(&flow->body);

    if (flow->optional && text.len == 0) {
        return NGX_OK;
    }

    status = ngx_mutt_flow_object(flow, text, &offset);

    return status == MUTT_JSON_OK ? NGX_OK
                                  : ngx_mutt_flow_no_object(flow, status,
                                                            offset);
}


mutt_json_status_t
ngx_mutt_flow_object(ngx_mutt_flow_t *flow, mutt_str_t json, size_t *offset)
{
    *offset = 0;

    if (ngx_mutt_api_reader == NULL) {
        ngx_mutt_api_reader = mutt_json_reader_create();
    }

    return ngx_mutt_api_reader == NULL
           ? MUTT_JSON_NOMEM
           : mutt_json_read_object(ngx_mutt_api_reader, json, &flow->members,
                                   &flow->n_members, offset);
}


ngx_int_t
ngx_mutt_flow_no_object(ngx_mutt_flow_t *flow, mutt_json_status_t status,
    size_t offset)
{
    char  extra[48];

    static const mutt_api_code_t  codes[] = {
        [MUTT_JSON_SYNTAX] = MUTT_API_INVALID_JSON,
        [MUTT_JSON_REFUSED] = MUTT_API_INVALID_JSON,
        [MUTT_JSON_UTF8] = MUTT_API_INVALID_UTF8,
        [MUTT_JSON_NOT_OBJECT] = MUTT_API_NOT_AN_OBJECT,
        [MUTT_JSON_TOO_DEEP] = MUTT_API_TOO_DEEP,
        [MUTT_JSON_NOMEM] = MUTT_API_INTERNAL,
    };

    (void) snprintf(extra, sizeof(extra), ",\"offset\":%zu", offset);
    flow->rc = ngx_mutt_send_error(flow->request, codes[status],
                                   mutt_str(extra));

    return NGX_DONE;
}


ngx_int_t
ngx_mutt_flow_enter(ngx_mutt_flow_t *flow, mutt_str_t json)
{
    size_t  offset;

    return ngx_mutt_flow_object(flow, json, &offset) == MUTT_JSON_OK
           ? NGX_OK : NGX_ERROR;
}


static void
ngx_mutt_flow_read(ngx_http_request_t *r)
{
    ngx_mutt_ctx_t   *ctx;
    ngx_mutt_flow_t  *flow;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);
    flow = ctx->data;

    if (ngx_mutt_flow_parse(flow) == NGX_DONE) {
        ngx_mutt_flow_leave(flow);
        ngx_http_finalize_request(r, flow->rc);
        return;
    }

    ngx_mutt_flow_run(flow);
}


ngx_int_t
ngx_mutt_flow_query(ngx_mutt_flow_t *flow, mutt_sql_t statement, ngx_uint_t n)
{
    flow->query.statement = statement;
    flow->query.n = n;
    flow->query.operation = flow->unsure != NULL ? NGX_MUTT_PG_WRITE
                                                 : NGX_MUTT_PG_READ;

    if (ngx_mutt_pg_query(&flow->query) != NGX_OK) {
        return ngx_mutt_flow_broken(flow);
    }

    ngx_mutt_flow_watch(flow);

    return NGX_AGAIN;
}


void
ngx_mutt_flow_sign(ngx_mutt_flow_t *flow, ngx_uint_t n, void (*unsure)(void))
{
    ngx_str_t  *id;

    id = &flow->ctx->correlation_id;
    flow->unsure = unsure;

    /* a key's name ends in a NUL */
    flow->query.values[n] = (const char *) flow->ctx->key->name.data;
    flow->query.values[n + 1] = flow->reason;
    flow->query.values[n + 2] = ngx_mutt_flow_text(flow, (mutt_str_t) {
                                    (char *) id->data, id->len });
}


static void
ngx_mutt_flow_queried(ngx_mutt_query_t *query)
{
    ngx_mutt_flow_t  *flow = query->data;

    if (query->outcome == NGX_MUTT_PG_DONE) {
        ngx_mutt_flow_resume(flow);
        return;
    }

    /* a change that was refused was not made */
    if (query->outcome != NGX_MUTT_PG_AWAY) {
        flow->unsure = NULL;
    }

    (void) ngx_mutt_flow_broken(flow);
    ngx_mutt_flow_leave(flow);
    ngx_mutt_finish(flow->request, flow->rc);
}


const char *
ngx_mutt_flow_text(ngx_mutt_flow_t *flow, mutt_str_t text)
{
    u_char  *copy;

    copy = ngx_pnalloc(flow->request->pool, text.len + 1);

    if (copy != NULL) {
        *ngx_cpymem(copy, text.data, text.len) = '\0';
    }

    return (const char *) copy;
}


ngx_int_t
ngx_mutt_flow_away(ngx_mutt_flow_t *flow, mutt_api_code_t code)
{
    if (mutt_api_errors[code].status == NGX_HTTP_SERVICE_UNAVAILABLE
        && ngx_mutt_add_int_header(flow->request, "Retry-After",
               mutt_set_int(ngx_mutt_settings(), MUTT_SET_INGEST_RETRY_AFTER))
           != NGX_OK)
    {
        flow->rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DONE;
    }

    return ngx_mutt_flow_error(flow, code);
}


/* Answers that the statement failed, and why as far as others may know. */
ngx_int_t
ngx_mutt_flow_broken(ngx_mutt_flow_t *flow)
{
    static const mutt_api_code_t  codes[] = {
        [NGX_MUTT_PG_DONE] = MUTT_API_INTERNAL,
        [NGX_MUTT_PG_AWAY] = MUTT_API_DATABASE_UNAVAILABLE,
        [NGX_MUTT_PG_BUSY] = MUTT_API_BUSY,
        [NGX_MUTT_PG_LATE] = MUTT_API_DEADLINE,
        [NGX_MUTT_PG_REFUSED] = MUTT_API_INTERNAL,
    };

    return ngx_mutt_flow_away(flow, codes[flow->query.outcome]);
}


ngx_int_t
ngx_mutt_flow_no_redis(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_flow_away(flow, MUTT_API_REDIS_UNAVAILABLE);
}


ngx_int_t
ngx_mutt_flow_error(ngx_mutt_flow_t *flow, mutt_api_code_t code)
{
    flow->rc = ngx_mutt_send_error(flow->request, code, mutt_str(NULL));

    return NGX_DONE;
}


ngx_int_t
ngx_mutt_flow_error_text(ngx_mutt_flow_t *flow, mutt_api_code_t code,
    const char *text)
{
    flow->rc = ngx_mutt_send_error_text(flow->request, code, text,
                                        mutt_str(NULL));

    return NGX_DONE;
}


/* Sends JSON without its '<', which is only ever in a string. */
static ngx_int_t
ngx_mutt_flow_send(ngx_mutt_flow_t *flow, ngx_uint_t status, mutt_str_t text)
{
    size_t       n;
    u_char      *p;
    mutt_str_t   inert;
    const char  *s, *last;

    n = 0;
    last = text.data + text.len;

    for (s = text.data; s < last; s++) {
        n += *s == '<';
    }

    if (n == 0) {
        return ngx_mutt_send(flow->request, status, "application/json", text);
    }

    inert.len = text.len + n * (sizeof("\\u003c") - 1 - 1);
    p = ngx_pnalloc(flow->request->pool, inert.len);

    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    inert.data = (char *) p;

    for (s = text.data; s < last; s++) {
        if (*s == '<') {
            p = ngx_cpymem(p, "\\u003c", sizeof("\\u003c") - 1);

        } else {
            *p++ = *s;
        }
    }

    return ngx_mutt_send(flow->request, status, "application/json", inert);
}


ngx_int_t
ngx_mutt_flow_answer(ngx_mutt_flow_t *flow, ngx_uint_t status, mutt_buf_t *b)
{
    flow->rc = mutt_buf_ok(b)
               ? ngx_mutt_flow_send(flow, status, mutt_buf_str(b))
               : NGX_HTTP_INTERNAL_SERVER_ERROR;

    mutt_buf_done(b);

    return NGX_DONE;
}


ngx_int_t
ngx_mutt_flow_message(ngx_mutt_flow_t *flow, ngx_uint_t status,
    const char *message)
{
    mutt_buf_t  b;

    mutt_buf_init(&b, 1024);
    mutt_buf_addf(&b, "{\"message\":\"%s\"}\n", message);

    return ngx_mutt_flow_answer(flow, status, &b);
}


ngx_int_t
ngx_mutt_step_answer(ngx_mutt_flow_t *flow)
{
    flow->rc = ngx_mutt_send_kept(flow->request, NGX_HTTP_OK,
                                  ngx_mutt_pg_value(&flow->query, 0, 0));

    return NGX_DONE;
}
