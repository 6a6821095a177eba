/*
 * An event, from the client's JSON to the queue element and back.
 *
 * The client's bytes are validated, never rewritten: the queue element is
 * the client's object with our underscore members spliced in front, theirs
 * and shedding_reason cut out, and the few normalised members (CONTRACT
 * 2.1) replaced in place.  The element always begins
 *
 *   {"_attempts":N,"_replays":N,"_event_id":"...","_correlation_id":"...",
 *    "_received_at":"...","_source":"...",
 *
 * so that the queue scripts can count attempts without parsing JSON.
 */

#ifndef MUTT_EVENT_H
#define MUTT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/mutt_buf.h"
#include "core/mutt_error.h"
#include "core/mutt_json_fast.h"
#include "core/mutt_pool.h"
#include "core/mutt_str.h"
#include "core/mutt_time.h"
#include "core/mutt_uuid.h"
#include "mutt_severity.h"

#define MUTT_EVENT_FIELDS 16

/* Whether a member's name is MUTT's own, which no client can set. */
bool mutt_event_is_ours(mutt_str_t name);

/* Whether text may be a correlation id: [A-Za-z0-9._:-]{1,128}. */
bool mutt_event_correlation_ok(mutt_str_t text);

/* What ingest checks an event against; from the live settings. */
typedef struct {
    size_t max_event_bytes;
    size_t max_message_bytes;
    mutt_str_t required[MUTT_EVENT_FIELDS]; /* hostname, message and
                                               timestamp always */
    size_t n_required;
} mutt_event_limits_t;

/* What ingest knows about an event besides its text. */
typedef struct {
    mutt_str_t shared;       /* by mutt_event_write_shared() */
    mutt_str_t traceparent;  /* empty when not tracing */
    mutt_str_t trace_origin; /* of a trace that is recorded, else empty */
    mutt_uuid_t new_id;      /* taken unless the client sent event_id */
} mutt_event_meta_t;

/* One field that made an event invalid. */
typedef struct {
    char name[64];
    const char *reason; /* static text */
    bool missing;
} mutt_event_field_t;

/*
 * Why an event was refused.  code is one of the API error codes of
 * lib/conf/mutt_api_errors.def.
 */
typedef struct {
    int code;
    bool broken; /* no JSON at all: spoils an array as a whole */
    size_t offset;
    size_t limit;
    size_t n_fields;
    mutt_event_field_t fields[MUTT_EVENT_FIELDS];
} mutt_event_fault_t;

/* Where in an element the text of its event's id is. */
#define MUTT_EVENT_ID_AT                                                       \
    (sizeof("{\"_attempts\":0,\"_replays\":0,\"_event_id\":\"") - 1)

/*
 * Appends the part of the envelope that all events of a request share.
 * received_at is as mutt_time_format() writes it, source the id of the API
 * key.
 */
void mutt_event_write_shared(mutt_buf_t *out, mutt_str_t correlation_id,
                             mutt_str_t received_at, mutt_str_t source);

/*
 * Validates raw and appends its queue element to out; *own_id is true when
 * the client chose the event's id.  MUTT_INVALID with fault filled where the
 * client is to blame (out is then as before), MUTT_NOMEM when out failed.
 */
MUTT_CHECKED mutt_rc_t mutt_event_admit(mutt_json_reader_t *reader,
                                        mutt_str_t raw,
                                        const mutt_event_limits_t *limits,
                                        const mutt_event_meta_t *meta,
                                        mutt_buf_t *out, bool *own_id,
                                        mutt_event_fault_t *fault);

/* An event as the workers see it; all text lives in the pool. */
typedef struct {
    int64_t attempts;
    int64_t replays;
    mutt_str_t event_id;
    mutt_uuid_t id; /* the same */
    mutt_str_t correlation_id;
    mutt_str_t received_at; /* as sent by ingest */
    mutt_usec_t received_usec;
    mutt_str_t source;
    mutt_str_t traceparent;
    mutt_str_t trace_origin;
    mutt_str_t hostname;
    mutt_str_t message;
    mutt_str_t trap_oid;    /* without leading dot; empty when absent */
    mutt_usec_t event_usec; /* the client's timestamp */
    int severity;           /* 0..7 or MUTT_SEVERITY_NONE */
    mutt_str_t body;        /* the event's JSON without our members */
} mutt_event_t;

/*
 * Reads a queue element.  MUTT_INVALID, with the reason in err, when it is
 * not JSON, no object, or no valid envelope: such an element is dead-lettered
 * whole.  MUTT_NOMEM when the pool is out of memory.
 */
MUTT_CHECKED mutt_rc_t mutt_event_read(mutt_json_reader_t *reader,
                                       mutt_str_t element, mutt_pool_t *pool,
                                       mutt_event_t *event, mutt_err_t *err);

#endif
