
/*
 * An event of a request: its element for the queue, or what is kept and told
 * of one that is refused.
 */


#include "ngx_mutt_ingest.h"


#define NGX_MUTT_ERRORS_LISTED   100
#define NGX_MUTT_REJECTED_RAW    16384
#define NGX_MUTT_SHARED_MAX      4096


mutt_event_fault_t           ngx_mutt_event_fault;
mutt_event_limits_t          ngx_mutt_event_limits;

/* of the request that is looked at, which ends within a call */
static mutt_json_reader_t   *ngx_mutt_reader;
static mutt_buf_t            ngx_mutt_shared;    /* by all its envelopes */

static ngx_uint_t            ngx_mutt_limits_generation = NGX_MAX_UINT32_VALUE;


static void
ngx_mutt_ingest_limits(void)
{
    size_t                  n;
    const char             *p;
    mutt_event_limits_t    *limits;
    const mutt_settings_t  *s;

    if (ngx_mutt_limits_generation == ngx_mutt_settings_generation()) {
        return;
    }

    ngx_mutt_limits_generation = ngx_mutt_settings_generation();
    limits = &ngx_mutt_event_limits;
    s = ngx_mutt_settings();
    p = mutt_set_text(s, MUTT_SET_REQUIRED_FIELDS);

    limits->max_event_bytes = mutt_set_int(s, MUTT_SET_INGEST_MAX_EVENT_BYTES);
    limits->max_message_bytes = mutt_set_int(s,
                                            MUTT_SET_INGEST_MAX_MESSAGE_BYTES);

    /* these can't be taken out of the list */
    limits->required[0] = MUTT_STR("hostname");
    limits->required[1] = MUTT_STR("message");
    limits->required[2] = MUTT_STR("timestamp");
    limits->n_required = 3;

    for ( /* void */ ; *p != '\0'; p += n + (p[n] == ',')) {
        n = strcspn(p, ",");

        mutt_str_t  name = mutt_str_trim((mutt_str_t) { p, n });

        if (name.len == 0 || mutt_str_eq(name, limits->required[0])
            || mutt_str_eq(name, limits->required[1])
            || mutt_str_eq(name, limits->required[2])
            || limits->n_required == MUTT_EVENT_FIELDS)
        {
            continue;
        }

        limits->required[limits->n_required++] = name;
    }
}


void
ngx_mutt_write_fault(mutt_buf_t *b, const mutt_event_fault_t *fault)
{
    size_t       i;
    const char  *comma;

    switch (fault->code) {

    case MUTT_API_PAYLOAD_TOO_LARGE:
        mutt_buf_addf(b, ",\"limit\":%zu", fault->limit);
        return;

    case MUTT_API_INVALID_JSON:
    case MUTT_API_INVALID_UTF8:
        mutt_buf_addf(b, ",\"offset\":%zu", fault->offset);
        return;

    case MUTT_API_VALIDATION_FAILED:
        break;

    default:
        return;
    }

    MUTT_BUF_LIT(b, ",\"fields\":{");

    for (i = 0; i < fault->n_fields; i++) {
        mutt_buf_addf(b, "%s", i == 0 ? "" : ",");
        mutt_buf_add_json(b, mutt_str(fault->fields[i].name));
        mutt_buf_addf(b, ":\"%s\"", fault->fields[i].reason);
    }

    MUTT_BUF_LIT(b, "},\"missing_fields\":[");
    comma = "";

    for (i = 0; i < fault->n_fields; i++) {
        if (fault->fields[i].missing) {
            mutt_buf_addf(b, "%s", comma);
            mutt_buf_add_json(b, mutt_str(fault->fields[i].name));
            comma = ",";
        }
    }

    MUTT_BUF_LIT(b, "]");
}


ngx_int_t
ngx_mutt_keep(ngx_mutt_ingest_t *in, mutt_str_t raw, ngx_uint_t index)
{
    size_t                   start;
    ngx_mutt_item_t         *item;
    const mutt_api_error_t  *e;

    e = &mutt_api_errors[ngx_mutt_event_fault.code];
    start = in->rejected.len;
    raw.len = ngx_min(raw.len, NGX_MUTT_REJECTED_RAW);

    mutt_buf_addf(&in->rejected, "{\"rejected_at\":\"%s\",\"code\":\"%s\","
                  "\"message\":\"%s\",\"index\":%zu,\"source\":",
                  in->received_at, e->code, e->text, (size_t) index);
    mutt_buf_add_json(&in->rejected, (mutt_str_t) {
                          (char *) in->ctx->key->id.data,
                          in->ctx->key->id.len });
    MUTT_BUF_LIT(&in->rejected, ",\"correlation_id\":");
    mutt_buf_add_json(&in->rejected, (mutt_str_t) {
                          (char *) in->ctx->correlation_id.data,
                          in->ctx->correlation_id.len });
    MUTT_BUF_LIT(&in->rejected, ",\"raw\":");
    mutt_buf_add_json(&in->rejected, raw);
    MUTT_BUF_LIT(&in->rejected, "}");

    item = ngx_array_push(in->push.rejects);

    if (item == NULL || !mutt_buf_ok(&in->rejected)) {
        return NGX_ERROR;
    }

    item->start = start;
    item->len = in->rejected.len - start;

    return NGX_OK;
}


ngx_int_t
ngx_mutt_reject(ngx_mutt_ingest_t *in, mutt_str_t raw, ngx_uint_t index)
{
    const mutt_api_error_t  *e;

    e = &mutt_api_errors[ngx_mutt_event_fault.code];

    if (in->n_rejected++ < NGX_MUTT_ERRORS_LISTED) {
        mutt_buf_addf(&in->errors, "%s{\"index\":%zu,\"code\":\"%s\","
                      "\"message\":\"%s\"",
                      in->errors.len == 0 ? "" : ",", (size_t) index, e->code,
                      e->text);
        ngx_mutt_write_fault(&in->errors, &ngx_mutt_event_fault);
        MUTT_BUF_LIT(&in->errors, "}");
    }

    return ngx_mutt_keep(in, raw, index);
}


mutt_rc_t
ngx_mutt_ingest_admit(ngx_mutt_ingest_t *in, mutt_str_t raw)
{
    bool                    own;
    size_t                  start;
    mutt_rc_t               rc;
    unsigned char           random[10];
    ngx_mutt_item_t        *item;
    mutt_event_meta_t       meta;
    ngx_mutt_trace_text_t   text;

    if (!mutt_random(random, sizeof(random))) {
        return MUTT_NOMEM;
    }

    ngx_mutt_trace_event(in->request, in->ctx, &text);

    meta.shared = mutt_buf_str(&ngx_mutt_shared);
    meta.traceparent = mutt_str(text.traceparent);
    meta.trace_origin = mutt_str(text.origin);
    meta.new_id = mutt_uuid_v7(in->received, random);

    start = in->elements.len;
    rc = mutt_event_admit(ngx_mutt_reader, raw, &ngx_mutt_event_limits, &meta,
                          &in->elements, &own, &ngx_mutt_event_fault);

    if (rc != MUTT_OK) {
        return rc;
    }

    item = ngx_array_push(in->push.items);
    if (item == NULL) {
        return MUTT_NOMEM;
    }

    item->start = start;
    item->len = in->elements.len - start;
    item->own_id = own;

    return MUTT_OK;
}


/* What is more than a second is the same for many. */
static void
ngx_mutt_write_received(mutt_usec_t at, char *out)
{
    ngx_uint_t  i, usec;

    static char         text[MUTT_TIME_LEN + 1];
    static mutt_usec_t  second = -1;

    if (at / MUTT_USEC_SEC != second) {
        second = at / MUTT_USEC_SEC;
        mutt_time_format(at, text);
    }

    ngx_memcpy(out, text, sizeof(text));
    usec = at % MUTT_USEC_SEC;

    for (i = 0; i < 6; i++) {
        out[MUTT_TIME_LEN - 2 - i] = '0' + usec % 10;
        usec /= 10;
    }
}


ngx_int_t
ngx_mutt_ingest_prepare(ngx_mutt_ingest_t *in)
{
    ngx_http_request_t  *r;

    r = in->request;

    if (ngx_mutt_reader == NULL) {
        ngx_mutt_reader = mutt_json_reader_create();
        mutt_buf_init(&ngx_mutt_shared, NGX_MUTT_SHARED_MAX);
    }

    in->push.items = ngx_array_create(r->pool, 4, sizeof(ngx_mutt_item_t));
    in->push.rejects = ngx_array_create(r->pool, 1, sizeof(ngx_mutt_item_t));

    if (ngx_mutt_reader == NULL || in->push.items == NULL
        || in->push.rejects == NULL)
    {
        return NGX_ERROR;
    }

    in->push.elements = &in->elements;
    in->push.rejected = &in->rejected;
    in->push.key_id = in->ctx->key->id;
    in->push.key_limit = in->ctx->key->limit;
    in->push.done = ngx_mutt_ingest_pushed;
    in->push.data = in;

    /* nginx's own clock stands still within a turn, and counts millis */
    in->received = ngx_mutt_now();
    ngx_mutt_write_received(in->received, in->received_at);
    ngx_mutt_ingest_limits();

    mutt_buf_reset(&ngx_mutt_shared);
    mutt_event_write_shared(&ngx_mutt_shared, (mutt_str_t) {
                                (char *) in->ctx->correlation_id.data,
                                in->ctx->correlation_id.len },
                            (mutt_str_t) { in->received_at, MUTT_TIME_LEN },
                            (mutt_str_t) { (char *) in->push.key_id.data,
                                           in->push.key_id.len });

    return mutt_buf_ok(&ngx_mutt_shared) ? NGX_OK : NGX_ERROR;
}
