
/*
 * The one table of what can be called, and the checks that come before a
 * handler: route, method, credential, scope.
 */


#include "ngx_mutt_module.h"


#define NGX_MUTT_GET  (NGX_HTTP_GET|NGX_HTTP_HEAD)


static const ngx_mutt_route_t *ngx_mutt_find_route(ngx_http_request_t *r,
    ngx_uint_t serves);
static ngx_int_t ngx_mutt_send_allow(ngx_http_request_t *r,
    const ngx_mutt_route_t *route);
static void ngx_mutt_refused(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx,
    mutt_api_code_t code);


static const ngx_mutt_route_t  ngx_mutt_routes[] = {

    { "/ingest", NGX_HTTP_POST, NGX_MUTT_INGEST, NGX_MUTT_SCOPE_INGEST,
      ngx_mutt_ingest, 0, NULL, "Queue events" },

    { "/api/v2/ingest", NGX_HTTP_POST, NGX_MUTT_INGEST, NGX_MUTT_SCOPE_INGEST,
      ngx_mutt_ingest, 0, NULL, "Queue events" },

    { "/api/v1/ingest", NGX_HTTP_POST, NGX_MUTT_INGEST, NGX_MUTT_SCOPE_INGEST,
      ngx_mutt_ingest, 1, "/api/v2/ingest", "Queue events" },

    { "/api/v2/version", NGX_MUTT_GET, NGX_MUTT_API, NGX_MUTT_SCOPE_NONE,
      ngx_mutt_version, 0, NULL, "Show versions" },

    { "/api/v1/version", NGX_MUTT_GET, NGX_MUTT_API, NGX_MUTT_SCOPE_NONE,
      ngx_mutt_version, 1, "/api/v2/version", "Show versions" },

    { "/health", NGX_MUTT_GET, NGX_MUTT_HEALTH, NGX_MUTT_SCOPE_NONE,
      ngx_mutt_health, 0, NULL, "Whether events can be taken" },

    { "/health/live", NGX_MUTT_GET, NGX_MUTT_HEALTH, NGX_MUTT_SCOPE_NONE,
      ngx_mutt_live, 0, NULL, "Whether nginx turns" },

    { "/metrics", NGX_MUTT_GET, NGX_MUTT_METRICS, NGX_MUTT_SCOPE_NONE,
      ngx_mutt_metrics, 0, NULL, "Prometheus metrics" },

    { "/", NGX_MUTT_GET, NGX_MUTT_DASHBOARD, NGX_MUTT_SCOPE_NONE,
      ngx_mutt_about, 0, NULL, "What is running" },
};


ngx_int_t
ngx_mutt_dispatch(ngx_http_request_t *r)
{
    ngx_str_t                value;
    ngx_mutt_ctx_t          *ctx;
    ngx_mutt_loc_conf_t     *lcf;
    const ngx_mutt_route_t  *route;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_mutt_module);
    ctx = ngx_mutt_get_ctx(r);

    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    route = ngx_mutt_find_route(r, lcf->serves);

    if (route == NULL) {
        return ngx_mutt_send_error(r, MUTT_API_NOT_FOUND, mutt_str(NULL));
    }

    ctx->route = route;
    ctx->deprecated = route->deprecated;

    if (!(r->method & route->methods)) {
        return ngx_mutt_send_allow(r, route);
    }

    if (route->scope != NGX_MUTT_SCOPE_NONE) {
        ctx->key = ngx_mutt_authenticate(r);

        if (ctx->key == NULL) {
            ngx_str_set(&value, "MUTT-Key");

            if (ngx_mutt_add_header(r, "WWW-Authenticate", &value) != NGX_OK) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            ngx_mutt_refused(r, ctx, MUTT_API_UNAUTHORIZED);

            return ngx_mutt_send_error(r, MUTT_API_UNAUTHORIZED,
                                       mutt_str(NULL));
        }

        if ((ctx->key->scopes & route->scope) != route->scope) {
            ngx_mutt_refused(r, ctx, MUTT_API_FORBIDDEN);

            return ngx_mutt_send_error(r, MUTT_API_FORBIDDEN,
                       route->scope == NGX_MUTT_SCOPE_INGEST
                       ? MUTT_STR(",\"required_scope\":\"ingest\"")
                       : MUTT_STR(",\"required_scope\":\"read\""));
        }
    }

    return route->handler(r, ctx);
}


static void
ngx_mutt_refused(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx,
    mutt_api_code_t code)
{
    if (ctx->route->group == NGX_MUTT_INGEST) {
        ngx_mutt_ingest_count(r, code);
    }
}


static const ngx_mutt_route_t *
ngx_mutt_find_route(ngx_http_request_t *r, ngx_uint_t serves)
{
    size_t                   len;
    ngx_uint_t               i;
    const ngx_mutt_route_t  *route;

    for (i = 0; i < sizeof(ngx_mutt_routes) / sizeof(ngx_mutt_routes[0]); i++)
    {
        route = &ngx_mutt_routes[i];
        len = ngx_strlen(route->path);

        if ((route->group & serves)
            && r->uri.len == len
            && ngx_memcmp(r->uri.data, route->path, len) == 0)
        {
            return route;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_mutt_send_allow(ngx_http_request_t *r, const ngx_mutt_route_t *route)
{
    ngx_str_t  allow;

    if (route->methods & NGX_HTTP_POST) {
        ngx_str_set(&allow, "POST, OPTIONS");

    } else {
        ngx_str_set(&allow, "GET, HEAD, OPTIONS");
    }

    if (ngx_mutt_add_header(r, "Allow", &allow) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method & NGX_HTTP_OPTIONS) {
        return ngx_mutt_send(r, NGX_HTTP_NO_CONTENT, NULL, mutt_str(NULL));
    }

    return ngx_mutt_send_error(r, MUTT_API_METHOD_NOT_ALLOWED,
                               mutt_str(NULL));
}
