#include "mutt_event.h"

#include <stdlib.h>

#include "conf/mutt_api_errors.h"
#include "core/mutt_utf8.h"
#include "mutt_oid.h"

#define HOSTNAME_MAX 255

static const char *const REQUIRED = "is required";

/* The members that ingest looks at; NULL where the client sent none. */
typedef struct {
    const mutt_json_member_t *hostname;
    const mutt_json_member_t *message;
    const mutt_json_member_t *timestamp;
    const mutt_json_member_t *syslog_severity;
    const mutt_json_member_t *severity;
    const mutt_json_member_t *trap_oid;
    const mutt_json_member_t *event_id;
    int normal_severity;
    mutt_str_t normal_oid;
    mutt_uuid_t id;
} known_t;

typedef struct {
    const mutt_json_member_t *members;
    size_t n;
    const mutt_event_limits_t *limits;
    mutt_event_fault_t *fault;
    known_t known;
} admit_t;


static mutt_rc_t
refuse(mutt_event_fault_t *fault, int code)
{
    fault->code = code;

    return MUTT_INVALID;
}


static void
blame(admit_t *a, mutt_str_t name, const char *reason)
{
    mutt_event_fault_t *fault = a->fault;

    if (fault->n_fields == MUTT_EVENT_FIELDS) {
        return;
    }

    mutt_event_field_t *field = &fault->fields[fault->n_fields++];
    size_t len =
        name.len < sizeof(field->name) - 1 ? name.len : sizeof(field->name) - 1;

    memcpy(field->name, name.data, len);
    field->name[len] = '\0';
    field->reason = reason;
    field->missing = reason == REQUIRED;
}


static mutt_rc_t
refuse_json(mutt_json_status_t status, size_t offset, mutt_event_fault_t *fault)
{
    fault->offset = offset;

    switch (status) {
    case MUTT_JSON_OK:
        return MUTT_OK;
    case MUTT_JSON_SYNTAX:
        fault->broken = true;
        return refuse(fault, MUTT_API_INVALID_JSON);
    case MUTT_JSON_REFUSED:
        return refuse(fault, MUTT_API_INVALID_JSON);
    case MUTT_JSON_UTF8:
        return refuse(fault, MUTT_API_INVALID_UTF8);
    case MUTT_JSON_NOT_OBJECT:
        return refuse(fault, MUTT_API_NOT_AN_OBJECT);
    case MUTT_JSON_TOO_DEEP:
        return refuse(fault, MUTT_API_TOO_DEEP);
    case MUTT_JSON_NOMEM:
        break;
    }

    return MUTT_NOMEM;
}


static bool
given(const mutt_json_member_t *m)
{
    return m != NULL && m->type != MUTT_JSON_NULL;
}


static const mutt_json_member_t *
find(const admit_t *a, mutt_str_t name)
{
    for (size_t i = 0; i < a->n; i++) {
        if (mutt_str_eq(a->members[i].name, name)) {
            return &a->members[i];
        }
    }

    return NULL;
}


/* Whether a name as long as the literal is the literal. */
#define IS(name, literal) memcmp((name).data, literal, sizeof(literal) - 1) == 0


/* Where a member of that name belongs; NULL: ingest does not look at it. */
static const mutt_json_member_t **
slot_of(known_t *known, mutt_str_t name)
{
    switch (name.len) {
    case sizeof("message") - 1:
        return IS(name, "message") ? &known->message : NULL;

    case sizeof("hostname") - 1:
        return IS(name, "hostname")   ? &known->hostname
               : IS(name, "severity") ? &known->severity
               : IS(name, "trap_oid") ? &known->trap_oid
               : IS(name, "event_id") ? &known->event_id
                                      : NULL;

    case sizeof("timestamp") - 1:
        return IS(name, "timestamp") ? &known->timestamp : NULL;

    case sizeof("syslog_severity") - 1:
        return IS(name, "syslog_severity") ? &known->syslog_severity : NULL;

    default:
        return NULL;
    }
}


static void
find_known(admit_t *a)
{
    for (size_t i = 0; i < a->n; i++) {
        const mutt_json_member_t **slot =
            slot_of(&a->known, a->members[i].name);

        if (slot != NULL) {
            *slot = &a->members[i];
        }
    }
}


static void
check_required(admit_t *a)
{
    for (size_t i = 0; i < a->limits->n_required; i++) {
        mutt_str_t name = a->limits->required[i];

        const mutt_json_member_t **slot = slot_of(&a->known, name);

        if (!given(slot != NULL ? *slot : find(a, name))) {
            blame(a, name, REQUIRED);
        }
    }
}


static bool
has_control(mutt_str_t s)
{
    uint32_t cp;

    for (size_t i = 0; i < s.len;) {
        if (s.data[i] >= 0x20 && s.data[i] < 0x7f) {
            i++;
            continue;
        }

        size_t n = mutt_utf8_decode(s.data + i, s.len - i, &cp);

        if (n == 0 || cp < 0x20 || (cp >= 0x7f && cp <= 0x9f)) {
            return true;
        }

        i += n;
    }

    return false;
}


static void
check_hostname(admit_t *a)
{
    const mutt_json_member_t *m = a->known.hostname;

    if (!given(m)) {
        return;
    }

    if (m->type != MUTT_JSON_STRING || mutt_str_trim(m->text).len == 0) {
        blame(a, m->name, "must be a non-empty string");
    } else if (m->text.len > HOSTNAME_MAX) {
        blame(a, m->name, "must be at most 255 bytes");
    } else if (has_control(m->text)) {
        blame(a, m->name, "must not contain control characters");
    }
}


static void
check_message(admit_t *a)
{
    const mutt_json_member_t *m = a->known.message;

    if (given(m) && (m->type != MUTT_JSON_STRING || m->text.len == 0)) {
        blame(a, m->name, "must be a non-empty string");
    }
}


static bool
number_time(mutt_str_t raw, mutt_usec_t *at)
{
    char text[MUTT_JSON_NUMBER + 1];

    memcpy(text, raw.data, raw.len);
    text[raw.len] = '\0';

    return mutt_time_from_epoch(strtod(text, NULL), at);
}


static void
check_timestamp(admit_t *a)
{
    const mutt_json_member_t *m = a->known.timestamp;
    mutt_usec_t at;
    bool good = false;

    if (!given(m)) {
        return;
    }

    if (m->type == MUTT_JSON_STRING) {
        good = mutt_time_parse(m->text, &at);
    } else if (m->type == MUTT_JSON_NUMBER_VALUE) {
        good = number_time(m->raw, &at);
    }

    if (!good) {
        blame(a, m->name,
              "must be RFC 3339 or Unix epoch, in the years 1970 to 9999");
    }
}


static int
member_severity(const mutt_json_member_t *m)
{
    switch (m->type) {
    case MUTT_JSON_STRING:
        return mutt_severity_parse(m->text);
    case MUTT_JSON_NUMBER_VALUE:
        return mutt_severity_parse(m->raw);
    default:
        return MUTT_SEVERITY_NONE;
    }
}


static void
check_severity(admit_t *a)
{
    known_t *known = &a->known;

    known->normal_severity = MUTT_SEVERITY_NONE;

    if (given(known->syslog_severity)) {
        known->normal_severity = member_severity(known->syslog_severity);

        if (known->normal_severity == MUTT_SEVERITY_NONE) {
            blame(a, known->syslog_severity->name,
                  "must be 0 to 7 or a syslog severity word");
        }

    } else if (given(known->severity)) {
        known->normal_severity = member_severity(known->severity);
    }
}


static void
check_oid(admit_t *a)
{
    const mutt_json_member_t *m = a->known.trap_oid;
    mutt_oid_t oid;

    if (!given(m)) {
        return;
    }

    if (m->type != MUTT_JSON_STRING || !mutt_oid_parse(m->text, false, &oid)) {
        blame(a, m->name,
              "must be dotted numbers below 2^32, at most 128 of them");
        return;
    }

    a->known.normal_oid = mutt_oid_strip(m->text, false);
}


static void
check_id(admit_t *a)
{
    const mutt_json_member_t *m = a->known.event_id;

    if (given(m) && (m->type != MUTT_JSON_STRING ||
                     !mutt_uuid_parse(m->text, &a->known.id))) {
        blame(a, m->name, "must be a UUID");
    }
}


static mutt_rc_t
check(admit_t *a)
{
    const mutt_json_member_t *message = a->known.message;

    if (given(message) && message->text.len > a->limits->max_message_bytes) {
        a->fault->limit = a->limits->max_message_bytes;
        return refuse(a->fault, MUTT_API_PAYLOAD_TOO_LARGE);
    }

    check_required(a);
    check_hostname(a);
    check_message(a);
    check_timestamp(a);
    check_severity(a);
    check_oid(a);
    check_id(a);

    return a->fault->n_fields == 0
               ? MUTT_OK
               : refuse(a->fault, MUTT_API_VALIDATION_FAILED);
}


void
mutt_event_write_shared(mutt_buf_t *out, mutt_str_t correlation_id,
                        mutt_str_t received_at, mutt_str_t source)
{
    MUTT_BUF_LIT(out, "\",\"_correlation_id\":\"");
    mutt_buf_add_str(out, correlation_id);
    MUTT_BUF_LIT(out, "\",\"_received_at\":\"");
    mutt_buf_add_str(out, received_at);
    MUTT_BUF_LIT(out, "\",\"_source\":");
    mutt_buf_add_json(out, source);
}


static void
write_head(mutt_buf_t *out, const mutt_event_meta_t *meta,
           const mutt_uuid_t *id)
{
    char text[MUTT_UUID_LEN + 1];

    mutt_uuid_format(id, text);

    MUTT_BUF_LIT(out, "{\"_attempts\":0,\"_replays\":0,\"_event_id\":\"");
    mutt_buf_add(out, text, MUTT_UUID_LEN);
    mutt_buf_add_str(out, meta->shared);

    if (meta->traceparent.len > 0) {
        MUTT_BUF_LIT(out, ",\"_traceparent\":\"");
        mutt_buf_add_str(out, meta->traceparent);
        MUTT_BUF_LIT(out, "\"");
    }

    if (meta->trace_origin.len > 0) {
        MUTT_BUF_LIT(out, ",\"_trace_origin\":\"");
        mutt_buf_add_str(out, meta->trace_origin);
        MUTT_BUF_LIT(out, "\"");
    }
}


static void
write_severity(mutt_buf_t *out, int severity)
{
    MUTT_BUF_LIT(out, ",\"syslog_severity\":");
    mutt_buf_add_int(out, severity);
}


/* Whether a member is queued as the client wrote it. */
static bool
passes(const admit_t *a, const mutt_json_member_t *m)
{
    const known_t *known = &a->known;

    return !mutt_event_is_ours(m->name) && m != known->syslog_severity &&
           !(m == known->trap_oid && given(m));
}


static void
write_run(mutt_buf_t *out, mutt_str_t run)
{
    if (run.len > 0) {
        MUTT_BUF_LIT(out, ",");
        mutt_buf_add_str(out, run);
    }
}


/* Members that pass and have nothing but a comma between them go as one. */
static void
write_members(const admit_t *a, mutt_buf_t *out)
{
    mutt_str_t run = { NULL, 0 };

    for (size_t i = 0; i < a->n; i++) {
        const mutt_json_member_t *m = &a->members[i];

        if (passes(a, m)) {
            if (run.len > 0 && run.data + run.len + 1 == m->member.data) {
                run.len += 1 + m->member.len;
                continue;
            }

            write_run(out, run);
            run = m->member;
            continue;
        }

        write_run(out, run);
        run.len = 0;

        if (m == a->known.trap_oid && given(m)) {
            MUTT_BUF_LIT(out, ",\"trap_oid\":\"");
            mutt_buf_add_str(out, a->known.normal_oid);
            MUTT_BUF_LIT(out, "\"");
        }
    }

    write_run(out, run);
}


bool
mutt_event_is_ours(mutt_str_t name)
{
    return (name.len > 0 && name.data[0] == '_') ||
           mutt_str_eq(name, MUTT_STR("shedding_reason"));
}


mutt_rc_t
mutt_event_admit(mutt_json_reader_t *reader, mutt_str_t raw,
                 const mutt_event_limits_t *limits,
                 const mutt_event_meta_t *meta, mutt_buf_t *out, bool *own_id,
                 mutt_event_fault_t *fault)
{
    admit_t a = { .limits = limits, .fault = fault };
    size_t offset;
    size_t before = out->len;

    fault->n_fields = 0;
    fault->broken = false;
    fault->offset = 0;

    if (raw.len > limits->max_event_bytes) {
        fault->limit = limits->max_event_bytes;
        return refuse(fault, MUTT_API_PAYLOAD_TOO_LARGE);
    }

    mutt_json_status_t status =
        mutt_json_read_object(reader, raw, &a.members, &a.n, &offset);
    mutt_rc_t rc = refuse_json(status, offset, fault);

    if (rc != MUTT_OK) {
        return rc;
    }

    find_known(&a);
    rc = check(&a);

    if (rc != MUTT_OK) {
        return rc;
    }

    bool chosen = given(a.known.event_id);

    write_head(out, meta, chosen ? &a.known.id : &meta->new_id);

    if (a.known.normal_severity != MUTT_SEVERITY_NONE) {
        write_severity(out, a.known.normal_severity);
    }

    write_members(&a, out);
    MUTT_BUF_LIT(out, "}");

    if (!mutt_buf_ok(out)) {
        out->len = before;
        return MUTT_NOMEM;
    }

    *own_id = chosen;

    return MUTT_OK;
}
