
/*
 * Sessions of the dashboard: a cookie that stands for the key it was opened
 * with, and is good for as long as the key is, at most twelve hours, two of
 * them without a request.
 *
 * Redis has no more than the cookie's digest, the moment of the end, the
 * token that changes need, and a proof of the key: a digest of the cookie and
 * the key's digest, which is worth nothing without the cookie.
 */


#include "ngx_mutt_module.h"
#include "ngx_mutt_api.h"

#include <hiredis/hiredis.h>

#include "domain/mutt_keys.h"


#define NGX_MUTT_SESSION_IDLE  7200
#define NGX_MUTT_SESSION_LIFE  43200
#define NGX_MUTT_SESSION_TEXT  (20 + 1 + 2 * (NGX_MUTT_HEX_LEN + 1) + 256)


static void ngx_mutt_session_told(ngx_http_request_t *r,
    struct redisReply *answer);


static ngx_int_t
ngx_mutt_session_random(u_char *hex)
{
    u_char  random[NGX_MUTT_HEX_LEN / 2];

    if (!mutt_random(random, sizeof(random))) {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(hex, random, sizeof(random));
    ngx_explicit_memzero(random, sizeof(random));

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_session_digest(mutt_str_t text, u_char *hex)
{
    u_char  digest[MUTT_SHA256_LEN];

    if (!mutt_sha256(text, digest)) {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(hex, digest, sizeof(digest));

    return NGX_OK;
}


ngx_int_t
ngx_mutt_session_proof(const u_char *token, const u_char *digest, u_char *hex)
{
    u_char  text[NGX_MUTT_HEX_LEN + MUTT_SHA256_LEN];

    ngx_memcpy(text, token, NGX_MUTT_HEX_LEN);
    ngx_memcpy(text + NGX_MUTT_HEX_LEN, digest, MUTT_SHA256_LEN);

    return ngx_mutt_session_digest((mutt_str_t) { (char *) text,
                                                  sizeof(text) }, hex);
}


static ngx_int_t
ngx_mutt_session_cookie(ngx_http_request_t *r, ngx_str_t *value)
{
    static ngx_str_t  name = ngx_string("mutt_session");

#if (nginx_version >= 1023000)

    return ngx_http_parse_multi_header_lines(r, r->headers_in.cookie, &name,
                                             value)
           == NULL ? NGX_DECLINED : NGX_OK;

#else

    return ngx_http_parse_multi_header_lines(&r->headers_in.cookies, &name,
                                             value)
           == NGX_DECLINED ? NGX_DECLINED : NGX_OK;

#endif
}


ngx_flag_t
ngx_mutt_session_sent(ngx_http_request_t *r)
{
    ngx_str_t  value;

    return ngx_mutt_session_cookie(r, &value) == NGX_OK;
}


/* The name of a session in Redis, with a NUL. */
static ngx_int_t
ngx_mutt_session_name(ngx_mutt_session_t *session, char *name, size_t size)
{
    u_char  hex[NGX_MUTT_HEX_LEN];

    if (ngx_mutt_session_digest((mutt_str_t) { (char *) session->token,
                                               NGX_MUTT_HEX_LEN }, hex)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    (void) snprintf(name, size, "%s%.*s", mutt_keys[MUTT_KEY_SESSION],
                    NGX_MUTT_HEX_LEN, (char *) hex);

    return NGX_OK;
}


static ngx_flag_t
ngx_mutt_is_hex(const u_char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (!isxdigit(text[i])) {
            return 0;
        }
    }

    return len == NGX_MUTT_HEX_LEN;
}


/* Whoever sends a request from a page of another origin is not the user. */
ngx_flag_t
ngx_mutt_session_foreign(ngx_http_request_t *r)
{
    u_char     *p;
    ngx_str_t  *origin, *host;

    origin = ngx_mutt_find_header(r, "origin", NULL);

    if (origin == NULL) {
        return 0;
    }

    host = ngx_mutt_find_header(r, "host", NULL);
    p = ngx_strlcasestrn(origin->data, origin->data + origin->len,
                         (u_char *) "://", 3 - 1);

    if (host == NULL || p == NULL) {
        return 1;
    }

    p += 3;

    return (size_t) (origin->data + origin->len - p) != host->len
           || ngx_strncasecmp(p, host->data, host->len) != 0;
}


static ngx_flag_t
ngx_mutt_session_may(ngx_http_request_t *r, ngx_mutt_session_t *session)
{
    ngx_str_t   *sent;
    ngx_uint_t   count;

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return 1;
    }

    sent = ngx_mutt_find_header(r, "x-csrf-token", &count);

    return count == 1 && sent->len == NGX_MUTT_HEX_LEN
           && mutt_equal_constant_time(sent->data, session->csrf,
                                       NGX_MUTT_HEX_LEN)
           && !ngx_mutt_session_foreign(r);
}


ngx_int_t
ngx_mutt_session_find(ngx_http_request_t *r, ngx_mutt_session_pt done)
{
    char                 name[128];
    ngx_str_t            value;
    ngx_mutt_ctx_t      *ctx;
    ngx_mutt_session_t  *session;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);
    session = ngx_pcalloc(r->pool, sizeof(ngx_mutt_session_t));

    if (session == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->session = session;
    session->done = done;

    if (ngx_mutt_session_cookie(r, &value) != NGX_OK
        || !ngx_mutt_is_hex(value.data, value.len))
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(session->token, value.data, NGX_MUTT_HEX_LEN);

    if (ngx_mutt_session_name(session, name, sizeof(name)) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_mutt_ask(r, 4, ngx_mutt_session_told) != NGX_OK) {
        return ngx_mutt_ask_unavailable(r, "Sessions are unavailable");
    }

    ngx_mutt_redis_text("GETEX");
    ngx_mutt_redis_text(name);
    ngx_mutt_redis_text("EX");
    (void) ngx_mutt_redis_int(NGX_MUTT_SESSION_IDLE);
    r->main->count++;

    return NGX_DONE;
}


/* "end csrf proof id", as it was stored; NGX_DECLINED when it is over. */
static ngx_int_t
ngx_mutt_session_read(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx,
    redisReply *reply)
{
    char                *p, *last;
    ngx_mutt_session_t  *session;

    session = ctx->session;

    if (reply->type != REDIS_REPLY_STRING) {
        return NGX_DECLINED;
    }

    last = reply->str + reply->len;
    p = memchr(reply->str, ' ', reply->len);

    if (p == NULL || last - p < 2 * (NGX_MUTT_HEX_LEN + 1) + 1) {
        return NGX_DECLINED;
    }

    session->ends = ngx_atotm((u_char *) reply->str, p - reply->str);

    if (session->ends == NGX_ERROR || session->ends <= ngx_time()) {
        return NGX_DECLINED;
    }

    ngx_memcpy(session->csrf, p + 1, NGX_MUTT_HEX_LEN);
    p += 1 + NGX_MUTT_HEX_LEN + 1;
    ngx_memcpy(session->proof, p, NGX_MUTT_HEX_LEN);
    p += NGX_MUTT_HEX_LEN + 1;

    ctx->key = ngx_mutt_session_key(r, (mutt_str_t) { p, last - p }, session);

    return ctx->key == NULL ? NGX_DECLINED : NGX_OK;
}


static void
ngx_mutt_session_looked(ngx_http_request_t *r, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    ngx_mutt_ctx_t      *ctx;
    ngx_mutt_session_t  *session;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);
    session = ctx->session;

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        ngx_mutt_finish(r, ngx_mutt_ask_unavailable(r,
                                                "Sessions are unavailable"));
        return;
    }

    if (ngx_mutt_session_read(r, ctx, reply) == NGX_OK
        && !ngx_mutt_session_may(r, session))
    {
        mutt_metric_add(ngx_mutt_slots(), MUTT_M_AUTH_FAILURES_CSRF, 1);
        ngx_mutt_finish(r, ngx_mutt_send_error(r, MUTT_API_CSRF_FAILED,
                                               mutt_str(NULL)));
        return;
    }

    ngx_mutt_finish(r, session->done(r, ctx));
}


/* A Redis that takes nothing prolongs no session, but knows who has one. */
static void
ngx_mutt_session_told(ngx_http_request_t *r, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    if (reply != NULL && reply->type == REDIS_REPLY_ERROR
        && ngx_mutt_session_ask(r, ngx_mutt_session_looked) == NGX_OK)
    {
        return;
    }

    ngx_mutt_session_looked(r, answer);
}


ngx_int_t
ngx_mutt_session_ask(ngx_http_request_t *r, ngx_mutt_ask_pt handler)
{
    char             name[128];
    ngx_mutt_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);

    if (ngx_mutt_session_name(ctx->session, name, sizeof(name)) != NGX_OK
        || ngx_mutt_ask(r, 2, handler) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_mutt_redis_text("GET");
    ngx_mutt_redis_text(name);

    return NGX_OK;
}


ngx_flag_t
ngx_mutt_session_holds(ngx_http_request_t *r, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    ngx_flag_t             holds;
    ngx_mutt_ctx_t        *ctx;
    const ngx_mutt_key_t  *key;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);
    key = ctx->key;
    holds = reply != NULL && ngx_mutt_session_read(r, ctx, reply) == NGX_OK
            && (ctx->key->scopes & ctx->route->scope) != 0;

    /* it stays the one that the request is told of by */
    ctx->key = key;

    return holds;
}


ngx_int_t
ngx_mutt_session_store(ngx_http_request_t *r, const ngx_mutt_key_t *key,
    ngx_mutt_ask_pt handler)
{
    char                 name[128], text[NGX_MUTT_SESSION_TEXT];
    ngx_mutt_ctx_t      *ctx;
    ngx_mutt_session_t  *session;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);
    session = ngx_pcalloc(r->pool, sizeof(ngx_mutt_session_t));

    if (session == NULL
        || ngx_mutt_session_random(session->token) != NGX_OK
        || ngx_mutt_session_random(session->csrf) != NGX_OK
        || ngx_mutt_session_proof(session->token, key->digest, session->proof)
           != NGX_OK
        || ngx_mutt_session_name(session, name, sizeof(name)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->key = key;
    ctx->session = session;
    session->ends = ngx_time() + NGX_MUTT_SESSION_LIFE;

    if (key->expires != 0) {
        session->ends = ngx_min(session->ends, key->expires);
    }

    (void) snprintf(text, sizeof(text), "%lld %.*s %.*s %.*s",
                    (long long) session->ends,
                    NGX_MUTT_HEX_LEN, (char *) session->csrf,
                    NGX_MUTT_HEX_LEN, (char *) session->proof,
                    (int) key->id.len, (char *) key->id.data);

    if (ngx_mutt_ask(r, 5, handler) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_mutt_redis_text("SET");
    ngx_mutt_redis_text(name);
    ngx_mutt_redis_text(text);
    ngx_mutt_redis_text("EX");
    (void) ngx_mutt_redis_int(NGX_MUTT_SESSION_IDLE);

    return NGX_OK;
}


ngx_int_t
ngx_mutt_session_drop(ngx_http_request_t *r, ngx_mutt_ask_pt handler)
{
    char             name[128];
    ngx_mutt_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);

    if (ngx_mutt_session_name(ctx->session, name, sizeof(name)) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_mutt_ask(r, 2, handler) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_mutt_redis_text("DEL");
    ngx_mutt_redis_text(name);

    return NGX_OK;
}


ngx_int_t
ngx_mutt_session_set_cookie(ngx_http_request_t *r)
{
    size_t               size;
    ngx_str_t            value;
    ngx_flag_t           secure;
    ngx_mutt_ctx_t      *ctx;
    ngx_mutt_session_t  *session;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);
    session = ctx->session;
    secure = 0;

#if (NGX_HTTP_SSL)
    secure = r->connection->ssl != NULL;
#endif

    size = NGX_MUTT_HEX_LEN + 128;
    value.data = ngx_pnalloc(r->pool, size);

    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = snprintf((char *) value.data, size,
                         "mutt_session=%.*s; Path=/; Max-Age=%ld; HttpOnly; "
                         "SameSite=Strict%s",
                         session == NULL ? 0 : NGX_MUTT_HEX_LEN,
                         session == NULL ? "" : (char *) session->token,
                         session == NULL ? 0L
                                         : (long) (session->ends - ngx_time()),
                         secure ? "; Secure" : "");

    return ngx_mutt_add_header(r, "Set-Cookie", &value);
}
