
/*
 * The trace that a request's events belong to: the client's, or one begun
 * here for a share of the requests without one.  Its spans are told of by the
 * workers; what ingest's own needs travels with each event.
 */


#include "ngx_mutt_module.h"


static ngx_flag_t ngx_mutt_trace_start(ngx_mutt_ctx_t *ctx);


void
ngx_mutt_trace_begin(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    ngx_str_t   *sent;
    ngx_uint_t   count;

    if (!mutt_set_bool(ngx_mutt_settings(), MUTT_SET_OTEL_ENABLED)) {
        return;
    }

    sent = ngx_mutt_find_header(r, "traceparent", &count);

    /* more than one, or a bad one, is as good as none */
    if (sent != NULL && count == 1
        && mutt_trace_parse((mutt_str_t) { (char *) sent->data, sent->len },
                            &ctx->trace))
    {
        ctx->traced = 1;

    } else {
        ctx->traced = ngx_mutt_trace_start(ctx);
    }

    if (ctx->traced) {
        mutt_trace_hex(ctx->trace.trace, MUTT_TRACE_ID,
                       (char *) ctx->trace_id);
    }
}


/* A new trace, for as many requests as the settings say. */
static ngx_flag_t
ngx_mutt_trace_start(ngx_mutt_ctx_t *ctx)
{
    double    share;
    uint32_t  random;

    share = mutt_set_float(ngx_mutt_settings(),
                           MUTT_SET_OTEL_TRACES_SAMPLER_ARG);

    if (!mutt_random(&random, sizeof(random))
        || random >= share * ((double) UINT32_MAX + 1)
        || !mutt_random(ctx->trace.trace, MUTT_TRACE_ID))
    {
        return 0;
    }

    /* no parent: it begins here */
    ngx_memzero(ctx->trace.span, MUTT_SPAN_ID);
    ctx->trace.sampled = 1;

    return 1;
}


void
ngx_mutt_trace_event(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx,
    ngx_mutt_trace_text_t *text)
{
    mutt_usec_t          began;
    mutt_trace_t         trace;
    mutt_trace_origin_t  origin;

    text->traceparent[0] = '\0';
    text->origin[0] = '\0';

    if (!ctx->traced) {
        return;
    }

    trace = ctx->trace;

    /* what nobody records is passed on as it came */
    if (trace.sampled) {
        if (!mutt_random(trace.span, MUTT_SPAN_ID)) {
            return;
        }

        began = (mutt_usec_t) r->start_sec * MUTT_USEC_SEC
                + (mutt_usec_t) r->start_msec * 1000;

        ngx_memcpy(origin.parent, ctx->trace.span, MUTT_SPAN_ID);
        origin.took = mutt_time_now() - began;
        mutt_trace_origin_format(&origin, text->origin);
    }

    mutt_trace_format(&trace, text->traceparent);
}


const u_char *
ngx_mutt_trace_shown(ngx_mutt_ctx_t *ctx)
{
    return ctx->traced && ctx->trace.sampled ? ctx->trace.trace : NULL;
}
