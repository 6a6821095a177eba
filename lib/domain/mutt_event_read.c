#include "mutt_event.h"

#include <stddef.h>
#include <stdlib.h>

#include "mutt_oid.h"

typedef struct {
    mutt_str_t id;
    mutt_str_t correlation_id;
    mutt_str_t received_at;
    mutt_str_t source;
    mutt_str_t traceparent;
    mutt_str_t trace_origin;
    mutt_str_t hostname;
    mutt_str_t message;
    mutt_str_t trap_oid;
    const mutt_json_member_t *timestamp;
    const mutt_json_member_t *severity;
    int64_t attempts;
    int64_t replays;
} parts_t;


/* Members whose text counts, if they are text. */
static bool
collect_text(const mutt_json_member_t *m, parts_t *parts)
{
    static const struct {
        mutt_str_t name;
        size_t part;
    } texts[] = {
        { MUTT_STR("_event_id"), offsetof(parts_t, id) },
        { MUTT_STR("_correlation_id"), offsetof(parts_t, correlation_id) },
        { MUTT_STR("_received_at"), offsetof(parts_t, received_at) },
        { MUTT_STR("_source"), offsetof(parts_t, source) },
        { MUTT_STR("_traceparent"), offsetof(parts_t, traceparent) },
        { MUTT_STR("_trace_origin"), offsetof(parts_t, trace_origin) },
        { MUTT_STR("hostname"), offsetof(parts_t, hostname) },
        { MUTT_STR("message"), offsetof(parts_t, message) },
        { MUTT_STR("trap_oid"), offsetof(parts_t, trap_oid) },
    };

    for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
        if (mutt_str_eq(m->name, texts[k].name)) {
            *(mutt_str_t *) ((char *) parts + texts[k].part) = m->text;
            return true;
        }
    }

    return false;
}


static void
collect(const mutt_json_member_t *members, size_t n, parts_t *parts)
{
    for (size_t i = 0; i < n; i++) {
        const mutt_json_member_t *m = &members[i];

        if (m->type == MUTT_JSON_STRING && collect_text(m, parts)) {
            continue;
        }

        if (mutt_str_eq(m->name, MUTT_STR("timestamp"))) {
            parts->timestamp = m;
        } else if (mutt_str_eq(m->name, MUTT_STR("syslog_severity"))) {
            parts->severity = m;
        } else if (mutt_str_eq(m->name, MUTT_STR("_attempts"))) {
            parts->attempts = mutt_str_count(m->raw);
        } else if (mutt_str_eq(m->name, MUTT_STR("_replays"))) {
            parts->replays = mutt_str_count(m->raw);
        }
    }
}


static bool
allowed(char c)
{
    char lower = (char) (c | 0x20);

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == ':' || c == '-';
}


bool
mutt_event_correlation_ok(mutt_str_t id)
{
    if (id.len == 0 || id.len > 128) {
        return false;
    }

    for (size_t i = 0; i < id.len; i++) {
        if (!allowed(id.data[i])) {
            return false;
        }
    }

    return true;
}


static const char *
envelope_fault(const parts_t *parts, mutt_uuid_t *id, mutt_usec_t *received)
{
    if (!mutt_uuid_parse(parts->id, id)) {
        return "no valid _event_id";
    }

    if (!mutt_event_correlation_ok(parts->correlation_id)) {
        return "no valid _correlation_id";
    }

    if (!mutt_time_parse(parts->received_at, received)) {
        return "no valid _received_at";
    }

    if (mutt_str_trim(parts->hostname).len == 0) {
        return "no hostname";
    }

    if (parts->message.len == 0) {
        return "no message";
    }

    return NULL;
}


static mutt_usec_t
event_time(const mutt_json_member_t *timestamp, mutt_usec_t received)
{
    mutt_usec_t at;

    if (timestamp == NULL) {
        return received;
    }

    if (timestamp->type == MUTT_JSON_STRING &&
        mutt_time_parse(timestamp->text, &at)) {
        return at;
    }

    if (timestamp->type == MUTT_JSON_NUMBER_VALUE) {
        char text[MUTT_JSON_NUMBER + 1];

        memcpy(text, timestamp->raw.data, timestamp->raw.len);
        text[timestamp->raw.len] = '\0';

        if (mutt_time_from_epoch(strtod(text, NULL), &at)) {
            return at;
        }
    }

    return received;
}


/* The object again, without the members that are ours. */
static mutt_str_t
body_of(const mutt_json_member_t *members, size_t n, size_t max,
        mutt_pool_t *pool)
{
    char *body = mutt_pool_alloc(pool, max + 2);
    char *p = body;

    if (body == NULL) {
        return (mutt_str_t) { NULL, 0 };
    }

    *p++ = '{';

    for (size_t i = 0; i < n;) {
        if (mutt_event_is_ours(members[i].name)) {
            i++;
            continue;
        }

        if (p > body + 1) {
            *p++ = ',';
        }

        mutt_str_t run = members[i++].member;

        /* with those that follow it, as they stand */
        while (i < n && members[i].member.data == run.data + run.len + 1 &&
               !mutt_event_is_ours(members[i].name)) {
            run.len += 1 + members[i++].member.len;
        }

        memcpy(p, run.data, run.len);
        p += run.len;
    }

    *p++ = '}';

    return (mutt_str_t) { body, (size_t) (p - body) };
}


static bool
copy_parts(const parts_t *parts, mutt_pool_t *pool, mutt_event_t *event)
{
    event->event_id = mutt_pool_dup(pool, parts->id);
    event->correlation_id = mutt_pool_dup(pool, parts->correlation_id);
    event->received_at = mutt_pool_dup(pool, parts->received_at);
    event->source = mutt_pool_dup(pool, parts->source);
    event->traceparent = mutt_pool_dup(pool, parts->traceparent);
    event->trace_origin = mutt_pool_dup(pool, parts->trace_origin);
    event->hostname = mutt_pool_dup(pool, mutt_str_trim(parts->hostname));
    event->message = mutt_pool_dup(pool, parts->message);
    event->trap_oid = mutt_pool_dup(pool, parts->trap_oid);

    return event->event_id.data != NULL && event->correlation_id.data != NULL &&
           event->received_at.data != NULL && event->source.data != NULL &&
           event->traceparent.data != NULL &&
           event->trace_origin.data != NULL && event->hostname.data != NULL &&
           event->message.data != NULL && event->trap_oid.data != NULL;
}


/* Whether the queue scripts can count attempts: a whole number in front. */
static bool
counts_attempts(mutt_str_t element)
{
    static const char head[] = "{\"_attempts\":";
    size_t first = sizeof(head) - 1;
    size_t n = first;

    if (element.len < first || memcmp(element.data, head, first) != 0) {
        return false;
    }

    while (n < element.len && element.data[n] >= '0' &&
           element.data[n] <= '9') {
        n++;
    }

    return n > first && n < element.len &&
           (element.data[n] == ',' || element.data[n] == '}');
}


mutt_rc_t
mutt_event_read(mutt_json_reader_t *reader, mutt_str_t element,
                mutt_pool_t *pool, mutt_event_t *event, mutt_err_t *err)
{
    const mutt_json_member_t *members;
    size_t n;
    size_t offset;
    parts_t parts = { 0 };
    mutt_event_t read = { 0 };

    switch (mutt_json_read_item(reader, element, &members, &n, &offset)) {
    case MUTT_JSON_OK:
        break;
    case MUTT_JSON_NOMEM:
        return mutt_fail(err, MUTT_NOMEM, "out of memory for an event");
    default:
        return mutt_fail(err, MUTT_INVALID, "no JSON object, offset %zu",
                         offset);
    }

    if (!counts_attempts(element)) {
        return mutt_fail(err, MUTT_INVALID, "no _attempts in front");
    }

    collect(members, n, &parts);

    const char *fault = envelope_fault(&parts, &read.id, &read.received_usec);

    if (fault != NULL) {
        return mutt_fail(err, MUTT_INVALID, "%s", fault);
    }

    mutt_oid_t oid;

    /* what ingest would have refused is not worth a dead letter here */
    if (parts.trap_oid.len > 0 &&
        !mutt_oid_parse(parts.trap_oid, false, &oid)) {
        parts.trap_oid.len = 0;
    }

    parts.trap_oid = mutt_oid_strip(parts.trap_oid, false);
    read.attempts = parts.attempts;
    read.replays = parts.replays;
    read.event_usec = event_time(parts.timestamp, read.received_usec);
    read.severity =
        parts.severity == NULL
            ? MUTT_SEVERITY_NONE
            : mutt_severity_parse(parts.severity->type == MUTT_JSON_STRING
                                      ? parts.severity->text
                                      : parts.severity->raw);
    read.body = body_of(members, n, element.len, pool);

    if (read.body.data == NULL || !copy_parts(&parts, pool, &read)) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for an event");
    }

    *event = read;

    return MUTT_OK;
}
