
/*
 * $mutt_* for access logs: what became of a request, in a form that a line of
 * JSON can hold.
 */


#include "ngx_mutt_module.h"

#include "core/mutt_utf8.h"


/* U+FFFD, which stands for a byte that is no text */
#define NGX_MUTT_NO_TEXT  "\xef\xbf\xbd"


typedef enum {
    NGX_MUTT_VAR_KEY = 0,
    NGX_MUTT_VAR_CORRELATION,
    NGX_MUTT_VAR_ACCEPTED,
    NGX_MUTT_VAR_REJECTED,
    NGX_MUTT_VAR_WAIT,
    NGX_MUTT_VAR_DURABILITY,
    NGX_MUTT_VAR_TRACE,
    NGX_MUTT_VAR_PATH,
    NGX_MUTT_VAR_STATUS
} ngx_mutt_variable_t;


static ngx_int_t ngx_mutt_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_http_variable_t  ngx_mutt_variables[] = {

    { ngx_string("mutt_key"), NULL, ngx_mutt_variable,
      NGX_MUTT_VAR_KEY, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mutt_correlation_id"), NULL, ngx_mutt_variable,
      NGX_MUTT_VAR_CORRELATION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mutt_accepted"), NULL, ngx_mutt_variable,
      NGX_MUTT_VAR_ACCEPTED, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mutt_rejected"), NULL, ngx_mutt_variable,
      NGX_MUTT_VAR_REJECTED, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mutt_queue_wait"), NULL, ngx_mutt_variable,
      NGX_MUTT_VAR_WAIT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mutt_durability"), NULL, ngx_mutt_variable,
      NGX_MUTT_VAR_DURABILITY, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mutt_trace_id"), NULL, ngx_mutt_variable,
      NGX_MUTT_VAR_TRACE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mutt_path"), NULL, ngx_mutt_variable,
      NGX_MUTT_VAR_PATH, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mutt_status"), NULL, ngx_mutt_variable,
      NGX_MUTT_VAR_STATUS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


static ngx_int_t
ngx_mutt_variable_text(ngx_http_variable_value_t *v, ngx_str_t *text)
{
    v->data = text->data;
    v->len = text->len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


/* The decoded path, which may be any bytes, as UTF-8. */
static ngx_int_t
ngx_mutt_variable_path(ngx_http_request_t *r, ngx_http_variable_value_t *v)
{
    size_t      len;
    u_char     *p, *last, *out;
    uint32_t    cp;
    ngx_str_t   text;

    p = r->uri.data;
    last = p + r->uri.len;
    text.data = ngx_pnalloc(r->pool,
                            r->uri.len * (sizeof(NGX_MUTT_NO_TEXT) - 1) + 1);

    if (text.data == NULL) {
        return NGX_ERROR;
    }

    out = text.data;

    while (p < last) {
        len = mutt_utf8_decode((char *) p, last - p, &cp);

        if (len == 0) {
            out = ngx_cpymem(out, NGX_MUTT_NO_TEXT,
                             sizeof(NGX_MUTT_NO_TEXT) - 1);
            p++;

        } else {
            out = ngx_cpymem(out, p, len);
            p += len;
        }
    }

    text.len = out - text.data;

    return ngx_mutt_variable_text(v, &text);
}


/* What was or would have been answered; 0 where nothing was. */
static ngx_uint_t
ngx_mutt_variable_status(ngx_http_request_t *r)
{
    return r->err_status ? r->err_status : r->headers_out.status;
}


static ngx_int_t
ngx_mutt_variable_number(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t which, ngx_mutt_ctx_t *ctx)
{
    ngx_str_t   text;
    ngx_uint_t  n;

    text.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN + sizeof(".000"));

    if (text.data == NULL) {
        return NGX_ERROR;
    }

    if (which == NGX_MUTT_VAR_WAIT) {
        n = ctx == NULL ? 0 : ctx->waited;
        text.len = ngx_sprintf(text.data, "%ui.%03ui", n / 1000, n % 1000)
                   - text.data;

    } else if (which == NGX_MUTT_VAR_STATUS) {
        text.len = ngx_sprintf(text.data, "%ui", ngx_mutt_variable_status(r))
                   - text.data;

    } else {
        n = ctx == NULL ? 0
            : which == NGX_MUTT_VAR_ACCEPTED ? ctx->accepted : ctx->rejected;
        text.len = ngx_sprintf(text.data, "%ui", n) - text.data;
    }

    return ngx_mutt_variable_text(v, &text);
}


static ngx_int_t
ngx_mutt_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t        text;
    ngx_mutt_ctx_t  *ctx;

    ngx_str_null(&text);
    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);

    switch (data) {

    case NGX_MUTT_VAR_KEY:
        if (ctx != NULL && ctx->key != NULL) {
            text = ctx->key->name;
        }

        break;

    case NGX_MUTT_VAR_CORRELATION:
        if (ctx != NULL) {
            text = ctx->correlation_id;
        }

        break;

    case NGX_MUTT_VAR_DURABILITY:
        if (ctx != NULL && ctx->durability != NULL) {
            text.data = (u_char *) ctx->durability;
            text.len = ngx_strlen(ctx->durability);
        }

        break;

    case NGX_MUTT_VAR_TRACE:
        if (ctx != NULL && ctx->traced) {
            text.data = ctx->trace_id;
            text.len = MUTT_TRACE_HEX;
        }

        break;

    case NGX_MUTT_VAR_PATH:
        return ngx_mutt_variable_path(r, v);

    default:
        return ngx_mutt_variable_number(r, v, data, ctx);
    }

    if (text.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_mutt_variable_text(v, &text);
}


ngx_int_t
ngx_mutt_variables_init(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_mutt_variables; v->name.len != 0; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);

        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}
