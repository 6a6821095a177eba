
/*
 * Versions and correlation: negotiated from the request, told on every
 * response of a server that serves MUTT, nginx's own error pages included.
 */


#include "ngx_mutt_module.h"


static ngx_int_t ngx_mutt_header_filter(ngx_http_request_t *r);
static void ngx_mutt_negotiate(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);
static ngx_flag_t ngx_mutt_supported(ngx_str_t *value, ngx_mutt_ctx_t *ctx);
static void ngx_mutt_correlate(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);
static ngx_int_t ngx_mutt_add_deprecation(ngx_http_request_t *r,
    ngx_mutt_ctx_t *ctx);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;

/* all below /api/v1 */
static const ngx_mutt_life_t  ngx_mutt_first_version = {
    "@1762732800", "Wed, 30 Jun 2027 00:00:00 GMT", "2027-06-30", NULL, NULL
};


static ngx_str_t  ngx_mutt_versions[] = {
    ngx_string("2.5"),
    ngx_string("2.0"),
    ngx_string("1.0"),
};


ngx_int_t
ngx_mutt_header_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_mutt_header_filter;

    return NGX_OK;
}


ngx_mutt_ctx_t *
ngx_mutt_get_ctx(ngx_http_request_t *r)
{
    ngx_mutt_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);

    if (ctx != NULL) {
        return ctx;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_mutt_ctx_t));

    if (ctx != NULL) {
        ngx_mutt_correlate(r, ctx);
        ngx_mutt_negotiate(r, ctx);
        ngx_http_set_ctx(r, ctx, ngx_http_mutt_module);
    }

    return ctx;
}


ngx_str_t *
ngx_mutt_find_header(ngx_http_request_t *r, const char *name,
    ngx_uint_t *count)
{
    size_t            len;
    ngx_str_t        *found;
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    len = ngx_strlen(name);
    part = &r->headers_in.headers.part;
    header = part->elts;
    found = NULL;
    n = 0;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        if (header[i].key.len == len
            && ngx_memcmp(header[i].lowcase_key, name, len) == 0)
        {
            found = found == NULL ? &header[i].value : found;
            n++;
        }
    }

    if (count != NULL) {
        *count = n;
    }

    return found;
}


static void
ngx_mutt_correlate(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    u_char        random[10];
    ngx_str_t    *sent;
    mutt_uuid_t   id;
    ngx_time_t   *tp;

    sent = ngx_mutt_find_header(r, "x-correlation-id", NULL);

    if (sent != NULL
        && mutt_event_correlation_ok((mutt_str_t) { (char *) sent->data,
                                                    sent->len }))
    {
        ctx->correlation_id = *sent;
        return;
    }

    tp = ngx_timeofday();
    ngx_memzero(random, sizeof(random));
    (void) mutt_random(random, sizeof(random));

    id = mutt_uuid_v7(((mutt_usec_t) tp->sec * 1000 + tp->msec) * 1000,
                      random);
    mutt_uuid_format(&id, (char *) ctx->correlation);

    ctx->correlation_id.data = ctx->correlation;
    ctx->correlation_id.len = MUTT_UUID_LEN;
}


static ngx_flag_t
ngx_mutt_supported(ngx_str_t *value, ngx_mutt_ctx_t *ctx)
{
    ngx_uint_t  i;

    if (value == NULL) {
        return 0;
    }

    for (i = 0; i < sizeof(ngx_mutt_versions) / sizeof(ngx_str_t); i++) {
        if (value->len == ngx_mutt_versions[i].len
            && ngx_memcmp(value->data, ngx_mutt_versions[i].data, value->len)
               == 0)
        {
            ctx->version = ngx_mutt_versions[i];
            return 1;
        }
    }

    return 0;
}


static void
ngx_mutt_negotiate(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    ngx_str_t  arg;

    ctx->version = ngx_mutt_versions[0];

    if (ngx_mutt_supported(ngx_mutt_find_header(r, "accept-version", NULL),
                           ctx)
        || ngx_mutt_supported(ngx_mutt_find_header(r, "x-api-version", NULL),
                              ctx))
    {
        return;
    }

    if (ngx_http_arg(r, (u_char *) "api_version", 11, &arg) == NGX_OK) {
        (void) ngx_mutt_supported(&arg, ctx);
    }
}


/* An answer of the management API. */
static void
ngx_mutt_count(ngx_http_request_t *r, const ngx_mutt_route_t *route)
{
    uint64_t    *slots;
    ngx_time_t  *tp;
    ngx_uint_t   status;

    slots = ngx_mutt_slots();
    status = r->headers_out.status;
    tp = ngx_timeofday();

    mutt_metric_add(slots, route->count + (status >= 400) + (status >= 500),
                    1);
    mutt_metric_observe(slots, route->latency,
                        (tp->sec - r->start_sec)
                        + ((ngx_msec_int_t) tp->msec
                           - (ngx_msec_int_t) r->start_msec) / 1000.0);
}


static ngx_int_t
ngx_mutt_header_filter(ngx_http_request_t *r)
{
    ngx_str_t             value;
    ngx_mutt_ctx_t       *ctx;
    ngx_mutt_srv_conf_t  *scf;

    scf = ngx_http_get_module_srv_conf(r, ngx_http_mutt_module);

    if (!scf->used || r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_mutt_get_ctx(r);

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->route != NULL && ctx->route->count != 0) {
        ngx_mutt_count(r, ctx->route);
    }

    if (ctx->route == NULL && r->uri.len >= 8
        && ngx_strncmp(r->uri.data, "/api/v1/", 8) == 0)
    {
        ctx->deprecated = 1;
    }

    if (ctx->deprecated && ctx->life == NULL) {
        ctx->life = &ngx_mutt_first_version;
    }

    if (ngx_mutt_add_header(r, "X-API-Version", &ctx->version) != NGX_OK
        || ngx_mutt_add_header(r, "X-Correlation-ID", &ctx->correlation_id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "2.5, 2.0, 1.0");

    if (ngx_mutt_add_header(r, "X-API-Supported-Versions", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->life != NULL) {
        ngx_str_set(&value, "true");

    } else {
        ngx_str_set(&value, "false");
    }

    if (ngx_mutt_add_header(r, "X-API-Deprecated", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->life != NULL && ngx_mutt_add_deprecation(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


/* The same below /api/v2. */
static ngx_int_t
ngx_mutt_add_successor(ngx_http_request_t *r)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   rest, value;

    rest.data = r->uri.data + sizeof("/api/v1") - 1;
    rest.len = r->uri.len - (sizeof("/api/v1") - 1);
    len = rest.len + 2 * ngx_escape_uri(NULL, rest.data, rest.len,
                                        NGX_ESCAPE_URI);

    value.data = ngx_pnalloc(r->pool, len + sizeof("</api/v2>; "
                                              "rel=\"successor-version\""));
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(value.data, "</api/v2", sizeof("</api/v2") - 1);

    if (len == rest.len) {
        p = ngx_cpymem(p, rest.data, len);

    } else {
        p = (u_char *) ngx_escape_uri(p, rest.data, rest.len, NGX_ESCAPE_URI);
    }

    p = ngx_cpymem(p, ">; rel=\"successor-version\"",
                   sizeof(">; rel=\"successor-version\"") - 1);
    value.len = p - value.data;

    return ngx_mutt_add_header(r, "Link", &value);
}


static ngx_int_t
ngx_mutt_add_text(ngx_http_request_t *r, const char *name, const char *text)
{
    ngx_str_t  value;

    value.data = (u_char *) text;
    value.len = ngx_strlen(text);

    return ngx_mutt_add_header(r, name, &value);
}


/* RFC 9745, RFC 8594, RFC 8288. */
static ngx_int_t
ngx_mutt_add_deprecation(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    u_char     *p;
    ngx_str_t   value;

    if (ngx_mutt_add_text(r, "Deprecation", ctx->life->deprecated) != NGX_OK
        || ngx_mutt_add_text(r, "Sunset", ctx->life->sunset) != NGX_OK
        || ngx_mutt_add_text(r, "X-API-Sunset", ctx->life->date) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->life->successor == NULL) {
        return ctx->route == NULL ? NGX_OK : ngx_mutt_add_successor(r);
    }

    p = ngx_pnalloc(r->pool, ngx_strlen(ctx->life->successor)
                             + sizeof("<>; rel=\"successor-version\""));

    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_sprintf(p, "<%s>; rel=\"successor-version\"",
                            ctx->life->successor)
                - p;

    return ngx_mutt_add_header(r, "Link", &value);
}
