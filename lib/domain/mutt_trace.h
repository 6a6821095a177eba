/*
 * Traces of events: the W3C trace context that travels with an event, the
 * spans that its stages leave, and how OTLP/HTTP wants them as JSON.
 *
 * _traceparent names the span that an item comes from, _trace_origin what is
 * to be told of the first one, ingest's, by the worker that meets the event.
 */

#ifndef MUTT_TRACE_H
#define MUTT_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/mutt_buf.h"
#include "core/mutt_str.h"
#include "core/mutt_time.h"
#include "core/mutt_uuid.h"

#define MUTT_TRACE_ID 16
#define MUTT_SPAN_ID 8

/* Lengths of the texts below, without the NUL. */
#define MUTT_TRACE_HEX 32
#define MUTT_TRACEPARENT_LEN 55
#define MUTT_TRACE_ORIGIN_LEN 36

typedef struct {
    unsigned char trace[MUTT_TRACE_ID];
    unsigned char span[MUTT_SPAN_ID];
    bool sampled;
} mutt_trace_t;

/*
 * Reads a traceparent, of version 00 or of a later one as far as that is
 * version 00's.  False for anything that the recommendation calls invalid.
 */
bool mutt_trace_parse(mutt_str_t text, mutt_trace_t *trace);

/* Writes a traceparent of version 00 and a NUL. */
void mutt_trace_format(const mutt_trace_t *trace,
                       char out[MUTT_TRACEPARENT_LEN + 1]);

/* Writes an id of n bytes in hexadecimal and a NUL. */
void mutt_trace_hex(const unsigned char *id, size_t n, char *out);

/* Whether an id of n bytes is all zeros: none. */
bool mutt_trace_none(const unsigned char *id, size_t n);

/* What ingest leaves of its span: its parent, none for zeros, and how long it
 * took until the event was received. */
typedef struct {
    unsigned char parent[MUTT_SPAN_ID];
    mutt_usec_t took;
} mutt_trace_origin_t;

bool mutt_trace_origin_parse(mutt_str_t text, mutt_trace_origin_t *origin);
void mutt_trace_origin_format(const mutt_trace_origin_t *origin,
                              char out[MUTT_TRACE_ORIGIN_LEN + 1]);

typedef enum {
    MUTT_SPAN_INGEST,
    MUTT_SPAN_QUEUE,
    MUTT_SPAN_PROCESS,
    MUTT_SPAN_MATCH,
    MUTT_SPAN_AUDIT,
    MUTT_SPAN_DELIVERY
} mutt_span_what_t;

#define MUTT_SPAN_CORRELATION 128

typedef struct {
    mutt_span_what_t what;
    unsigned char trace[MUTT_TRACE_ID];
    unsigned char id[MUTT_SPAN_ID];
    unsigned char parent[MUTT_SPAN_ID]; /* zeros: the root */
    mutt_usec_t start;
    mutt_usec_t end;
    bool failed;
    const char *outcome; /* static text; NULL: not told */
    int32_t rule_id;     /* 0: none */
    long http_status;    /* 0: none */
    char event_id[MUTT_UUID_LEN + 1];
    char correlation_id[MUTT_SPAN_CORRELATION + 1];
} mutt_span_t;

/* Who tells; text as it is in the settings. */
typedef struct {
    const char *name;    /* OTEL_SERVICE_NAME, or "" */
    const char *service; /* where there is no name */
    const char *version;
    const char *instance;
    const char *environment;
    const char *attributes; /* "key=value,...", values percent-encoded */
} mutt_trace_resource_t;

/* Appends an OTLP ExportTraceServiceRequest. */
void mutt_trace_write(mutt_buf_t *out, const mutt_trace_resource_t *resource,
                      const mutt_span_t *spans, size_t n);

#endif
