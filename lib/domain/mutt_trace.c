#include "mutt_trace.h"

#include <stdio.h>

#define ATTRIBUTE_MAX 512

/* no request takes longer */
#define TOOK_MAX (86400 * MUTT_USEC_SEC)

/* numbers of OTLP's SpanKind */
#define INTERNAL 1
#define SERVER 2
#define CLIENT 3
#define CONSUMER 5

/* OTLP's status of a span that failed */
#define STATUS_ERROR 2

static const struct {
    const char *name;
    int kind;
} spans_table[] = {
    [MUTT_SPAN_INGEST] = { "ingest", SERVER },
    [MUTT_SPAN_QUEUE] = { "queue_wait", INTERNAL },
    [MUTT_SPAN_PROCESS] = { "process_alert_event", CONSUMER },
    [MUTT_SPAN_MATCH] = { "match", INTERNAL },
    [MUTT_SPAN_AUDIT] = { "audit_insert", CLIENT },
    [MUTT_SPAN_DELIVERY] = { "forward_alert_to_moog", CLIENT },
};


/* Lower case only, as the recommendation wants it. */
static int
nibble(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


static bool
read_hex(const char *text, unsigned char *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high = nibble(text[2 * i]);
        int low = nibble(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }

        out[i] = (unsigned char) (high << 4 | low);
    }

    return true;
}


void
mutt_trace_hex(const unsigned char *id, size_t n, char *out)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        *out++ = hex[id[i] >> 4];
        *out++ = hex[id[i] & 0x0f];
    }

    *out = '\0';
}


bool
mutt_trace_none(const unsigned char *id, size_t n)
{
    unsigned char any = 0;

    for (size_t i = 0; i < n; i++) {
        any |= id[i];
    }

    return any == 0;
}


bool
mutt_trace_parse(mutt_str_t text, mutt_trace_t *trace)
{
    const char *p = text.data;
    unsigned char version;
    unsigned char flags;

    if (text.len < MUTT_TRACEPARENT_LEN || p[2] != '-' || p[35] != '-' ||
        p[52] != '-' || !read_hex(p, &version, 1) || version == 0xff ||
        !read_hex(p + 3, trace->trace, MUTT_TRACE_ID) ||
        !read_hex(p + 36, trace->span, MUTT_SPAN_ID) ||
        !read_hex(p + 53, &flags, 1)) {
        return false;
    }

    if (text.len > MUTT_TRACEPARENT_LEN &&
        (version == 0 || p[MUTT_TRACEPARENT_LEN] != '-')) {
        return false;
    }

    trace->sampled = (flags & 1) != 0;

    return !mutt_trace_none(trace->trace, MUTT_TRACE_ID) &&
           !mutt_trace_none(trace->span, MUTT_SPAN_ID);
}


void
mutt_trace_format(const mutt_trace_t *trace, char out[MUTT_TRACEPARENT_LEN + 1])
{
    memcpy(out, "00-", 3);
    mutt_trace_hex(trace->trace, MUTT_TRACE_ID, out + 3);
    out[35] = '-';
    mutt_trace_hex(trace->span, MUTT_SPAN_ID, out + 36);
    out[52] = '-';
    out[53] = '0';
    out[54] = trace->sampled ? '1' : '0';
    out[55] = '\0';
}


bool
mutt_trace_origin_parse(mutt_str_t text, mutt_trace_origin_t *origin)
{
    if (text.len < 18 || text.len > MUTT_TRACE_ORIGIN_LEN ||
        text.data[16] != '-' ||
        !read_hex(text.data, origin->parent, MUTT_SPAN_ID)) {
        return false;
    }

    origin->took =
        mutt_str_count((mutt_str_t) { text.data + 17, text.len - 17 });

    return origin->took <= TOOK_MAX;
}


void
mutt_trace_origin_format(const mutt_trace_origin_t *origin,
                         char out[MUTT_TRACE_ORIGIN_LEN + 1])
{
    mutt_trace_hex(origin->parent, MUTT_SPAN_ID, out);
    (void) snprintf(out + 16, MUTT_TRACE_ORIGIN_LEN + 1 - 16, "-%lld",
                    (long long) (origin->took < 0          ? 0
                                 : origin->took > TOOK_MAX ? TOOK_MAX
                                                           : origin->took));
}


static void
add_text(mutt_buf_t *out, const char **comma, mutt_str_t key, mutt_str_t value)
{
    mutt_buf_addf(out, "%s{\"key\":", *comma);
    mutt_buf_add_json(out, key);
    MUTT_BUF_LIT(out, ",\"value\":{\"stringValue\":");
    mutt_buf_add_json(out, value);
    MUTT_BUF_LIT(out, "}}");
    *comma = ",";
}


static void
add_number(mutt_buf_t *out, const char **comma, const char *key,
           long long value)
{
    mutt_buf_addf(out, "%s{\"key\":\"%s\",\"value\":{\"intValue\":\"%lld\"}}",
                  *comma, key, value);
    *comma = ",";
}


static int
hex_digit(char c)
{
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : nibble(c);
}


/* A value of OTEL_RESOURCE_ATTRIBUTES, of which "," and "=" are encoded. */
static mutt_str_t
decode(mutt_str_t value, char out[ATTRIBUTE_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < value.len && n < ATTRIBUTE_MAX; i++) {
        int high = -1;
        int low = -1;

        if (value.data[i] == '%' && i + 2 < value.len) {
            high = hex_digit(value.data[i + 1]);
            low = hex_digit(value.data[i + 2]);
        }

        if (high >= 0 && low >= 0) {
            out[n++] = (char) (high << 4 | low);
            i += 2;
        } else {
            out[n++] = value.data[i];
        }
    }

    return (mutt_str_t) { out, n };
}


static void
add_given(mutt_buf_t *out, const char **comma, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        const char *equals = memchr(text, '=', len);
        char value[ATTRIBUTE_MAX];

        if (equals != NULL && equals > text) {
            size_t before = (size_t) (equals - text);

            add_text(out, comma, mutt_str_trim((mutt_str_t) { text, before }),
                     decode(mutt_str_trim(
                                (mutt_str_t) { equals + 1, len - before - 1 }),
                            value));
        }

        text += len + (text[len] == ',');
    }
}


static void
add_resource(mutt_buf_t *out, const mutt_trace_resource_t *r,
             const char *service)
{
    const char *comma = "";

    MUTT_BUF_LIT(out, "{\"resource\":{\"attributes\":[");
    add_text(out, &comma, MUTT_STR("service.name"),
             mutt_str(r->name[0] == '\0' ? service : r->name));
    add_text(out, &comma, MUTT_STR("service.version"), mutt_str(r->version));
    add_text(out, &comma, MUTT_STR("service.instance.id"),
             mutt_str(r->instance));
    add_text(out, &comma, MUTT_STR("deployment.environment"),
             mutt_str(r->environment));
    add_given(out, &comma, r->attributes);
    MUTT_BUF_LIT(out, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"mutt\","
                      "\"version\":");
    mutt_buf_add_json(out, mutt_str(r->version));
    MUTT_BUF_LIT(out, "},\"spans\":[");
}


static void
add_attributes(mutt_buf_t *out, const mutt_span_t *s)
{
    const char *comma = "";

    MUTT_BUF_LIT(out, ",\"attributes\":[");
    add_text(out, &comma, MUTT_STR("mutt.event_id"), mutt_str(s->event_id));
    add_text(out, &comma, MUTT_STR("mutt.correlation_id"),
             mutt_str(s->correlation_id));

    if (s->outcome != NULL) {
        add_text(out, &comma, MUTT_STR("mutt.outcome"), mutt_str(s->outcome));
    }

    if (s->rule_id != 0) {
        add_number(out, &comma, "mutt.rule_id", s->rule_id);
    }

    if (s->http_status != 0) {
        add_number(out, &comma, "http.response.status_code", s->http_status);
    }

    MUTT_BUF_LIT(out, "]");
}


static void
add_span(mutt_buf_t *out, const mutt_span_t *s)
{
    char trace[2 * MUTT_TRACE_ID + 1];
    char id[2 * MUTT_SPAN_ID + 1];
    char parent[2 * MUTT_SPAN_ID + 1];

    mutt_trace_hex(s->trace, MUTT_TRACE_ID, trace);
    mutt_trace_hex(s->id, MUTT_SPAN_ID, id);
    mutt_trace_hex(s->parent, MUTT_SPAN_ID, parent);

    mutt_buf_addf(out, "{\"traceId\":\"%s\",\"spanId\":\"%s\"", trace, id);

    if (!mutt_trace_none(s->parent, MUTT_SPAN_ID)) {
        mutt_buf_addf(out, ",\"parentSpanId\":\"%s\"", parent);
    }

    /* the nanoseconds of a far year are more than 64 bits */
    mutt_buf_addf(out,
                  ",\"name\":\"%s\",\"kind\":%d,\"startTimeUnixNano\":"
                  "\"%lld000\",\"endTimeUnixNano\":\"%lld000\"",
                  spans_table[s->what].name, spans_table[s->what].kind,
                  (long long) s->start,
                  (long long) (s->end > s->start ? s->end : s->start));
    add_attributes(out, s);

    if (s->failed) {
        mutt_buf_addf(out, ",\"status\":{\"code\":%d}", STATUS_ERROR);
    }

    MUTT_BUF_LIT(out, "}");
}


/* The spans of ingest, or all others, under their resource. */
static void
add_group(mutt_buf_t *out, const mutt_trace_resource_t *resource,
          const mutt_span_t *spans, size_t n, bool ingest, const char **comma)
{
    const char *between = "";

    for (size_t i = 0; i < n; i++) {
        if ((spans[i].what == MUTT_SPAN_INGEST) != ingest) {
            continue;
        }

        if (between[0] == '\0') {
            mutt_buf_add_str(out, mutt_str(*comma));
            add_resource(out, resource,
                         ingest ? "mutt-ingest" : resource->service);
        }

        mutt_buf_add_str(out, mutt_str(between));
        add_span(out, &spans[i]);
        between = ",";
    }

    if (between[0] != '\0') {
        MUTT_BUF_LIT(out, "]}]}");
        *comma = ",";
    }
}


void
mutt_trace_write(mutt_buf_t *out, const mutt_trace_resource_t *resource,
                 const mutt_span_t *spans, size_t n)
{
    const char *comma = "";

    MUTT_BUF_LIT(out, "{\"resourceSpans\":[");
    add_group(out, resource, spans, n, true, &comma);
    add_group(out, resource, spans, n, false, &comma);
    MUTT_BUF_LIT(out, "]}");
}
