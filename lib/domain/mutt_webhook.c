#include "mutt_webhook.h"

#include <stddef.h>

#include "core/mutt_uuid.h"
#include "mutt_alert.h"
#include "mutt_event.h"
#include "mutt_fold.h"

/* what a body has that its alert has not, at most */
#define BODY_MORE 1024
#define KEY_MORE 32

/* A string of the alert. */
typedef struct {
    mutt_str_t text;
    mutt_str_t json; /* the same as it stands in the alert, in its quotes */
} string_t;

/* The members of an alert; empty where they are missing. */
typedef struct {
    string_t event_id;
    string_t correlation_id;
    string_t received_at;
    string_t traceparent;
    string_t hostname;
    string_t team;
    string_t severity;
    string_t message;
    string_t handling;
    string_t environment;
    string_t event_timestamp;
    mutt_str_t attempts; /* raw */
    mutt_str_t rule_id;  /* raw */
    mutt_str_t raw_json; /* raw */
} parts_t;

#define ROW(name, part)                                                        \
    {                                                                          \
        { (name), sizeof(name) - 1 }, offsetof(parts_t, part), false           \
    }
#define RAW(name, part)                                                        \
    {                                                                          \
        { (name), sizeof(name) - 1 }, offsetof(parts_t, part), true            \
    }

/* In the order in which an alert has them. */
static const struct {
    mutt_str_t name;
    size_t place;
    bool raw;
} rows[] = {
    RAW("_attempts", attempts),
    ROW("_event_id", event_id),
    ROW("_correlation_id", correlation_id),
    ROW("_received_at", received_at),
    ROW("_traceparent", traceparent),
    ROW("hostname", hostname),
    ROW("team_assignment", team),
    ROW("severity", severity),
    ROW("message_body", message),
    RAW("rule_id", rule_id),
    ROW("handling", handling),
    ROW("environment", environment),
    ROW("event_timestamp", event_timestamp),
    RAW("raw_json", raw_json),
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))


/* The row of a member, looked for behind the last one; ROWS: it has none. */
static size_t
row_of(mutt_str_t name, size_t last)
{
    for (size_t i = 1; i <= ROWS; i++) {
        size_t row = last + i < ROWS ? last + i : last + i - ROWS;

        if (mutt_str_eq(name, rows[row].name)) {
            return row;
        }
    }

    return ROWS;
}


static void
collect(const mutt_json_member_t *members, size_t n, parts_t *parts)
{
    size_t last = ROWS - 1;

    for (size_t i = 0; i < n; i++) {
        size_t row = row_of(members[i].name, last);

        if (row == ROWS) {
            continue;
        }

        void *place = (char *) parts + rows[row].place;

        last = row;

        if (rows[row].raw) {
            *(mutt_str_t *) place = members[i].raw;
        } else if (members[i].type == MUTT_JSON_STRING) {
            *(string_t *) place =
                (string_t) { members[i].text, members[i].raw };
        }
    }
}


static const char *
fault_of(const parts_t *parts)
{
    mutt_uuid_t id;

    if (!mutt_uuid_parse(parts->event_id.text, &id)) {
        return "no valid _event_id";
    }

    if (!mutt_event_correlation_ok(parts->correlation_id.text)) {
        return "no valid _correlation_id";
    }

    return parts->hostname.text.len == 0 || parts->message.text.len == 0
               ? "no hostname or message_body"
               : NULL;
}


/* The string as the alert has it: what was read need not be escaped again. */
static void
add(mutt_buf_t *b, const string_t *string)
{
    if (string->json.len == 0) {
        MUTT_BUF_LIT(b, "\"\"");
    } else {
        mutt_buf_add_str(b, string->json);
    }
}


/* 0 when there is none. */
static mutt_usec_t
time_of(const string_t *string)
{
    mutt_usec_t at;

    return mutt_time_parse(string->text, &at) ? at : 0;
}


static void
add_custom_info(mutt_buf_t *b, const parts_t *parts, int64_t rule_id)
{
    MUTT_BUF_LIT(b, ",\"custom_info\":{\"correlation_id\":");
    add(b, &parts->correlation_id);
    MUTT_BUF_LIT(b, ",\"event_id\":");
    add(b, &parts->event_id);
    MUTT_BUF_LIT(b, ",\"rule_id\":");

    if (rule_id > 0) {
        mutt_buf_add_int(b, rule_id);
    } else {
        MUTT_BUF_LIT(b, "null");
    }

    MUTT_BUF_LIT(b, ",\"handling\":");
    add(b, &parts->handling);
    MUTT_BUF_LIT(b, ",\"environment\":");
    add(b, &parts->environment);
    MUTT_BUF_LIT(b, ",\"event\":");

    if (parts->raw_json.len > 0) {
        mutt_buf_add_str(b, parts->raw_json);
    } else {
        MUTT_BUF_LIT(b, "null");
    }

    MUTT_BUF_LIT(b, "}");
}


static bool
write_body(mutt_buf_t *b, const parts_t *parts, int64_t rule_id,
           mutt_usec_t received_at)
{
    char hash[MUTT_HASH16_LEN + 1];
    mutt_str_t host = parts->hostname.json;
    mutt_usec_t at;

    if (!mutt_fold_hash(parts->message.text, hash)) {
        return false;
    }

    if (!mutt_time_parse(parts->event_timestamp.text, &at)) {
        at = received_at;
    }

    /* the host's name without its closing quote */
    MUTT_BUF_LIT(b, "{\"signature\":");
    mutt_buf_add(b, host.data, host.len - 1);
    MUTT_BUF_LIT(b, ":");
    mutt_buf_add_int(b, rule_id);
    MUTT_BUF_LIT(b, ":");
    mutt_buf_add(b, hash, MUTT_HASH16_LEN);
    MUTT_BUF_LIT(b, "\",\"source_id\":");
    add(b, &parts->hostname);
    MUTT_BUF_LIT(b, ",\"external_id\":");
    add(b, &parts->event_id);
    MUTT_BUF_LIT(b, ",\"manager\":\"MUTT\",\"source\":\"MUTT Alerter\","
                    "\"class\":");
    add(b, &parts->team);
    MUTT_BUF_LIT(b, ",\"agent\":\"MUTT\","
                    "\"agent_location\":\"Alerter Service\","
                    "\"type\":\"Alert\",\"severity\":");
    mutt_buf_add_int(b, mutt_alert_severity_number(parts->severity.text));
    MUTT_BUF_LIT(b, ",\"description\":");
    add(b, &parts->message);
    MUTT_BUF_LIT(b, ",\"agent_time\":");
    mutt_buf_add_int(b, at / MUTT_USEC_SEC);
    add_custom_info(b, parts, rule_id);
    MUTT_BUF_LIT(b, "}");

    return mutt_buf_ok(b);
}


/* A buffer of the pool that does not grow; without memory it has no room. */
static mutt_buf_t
room_for(mutt_pool_t *pool, size_t size)
{
    char *data = mutt_pool_alloc(pool, size);

    if (data == NULL) {
        size = 0;
    }

    return (mutt_buf_t) { .data = data, .size = size, .max = size };
}


/* What was written, and a NUL behind it; without data if it had no room. */
static mutt_str_t
end_of(mutt_buf_t *b)
{
    size_t len = b->len;

    mutt_buf_add(b, "", 1);

    return (mutt_str_t) { mutt_buf_ok(b) ? b->data : NULL, len };
}


static mutt_str_t
key_of(const parts_t *parts, int64_t rule_id, mutt_pool_t *pool)
{
    mutt_str_t id = parts->event_id.text;

    if (rule_id == 0) {
        return mutt_pool_dup(pool, id);
    }

    mutt_buf_t key = room_for(pool, id.len + KEY_MORE);

    mutt_buf_add_str(&key, id);
    MUTT_BUF_LIT(&key, ":");
    mutt_buf_add_int(&key, rule_id);

    return end_of(&key);
}


/* Host and event id are in a body twice, all else of the alert at most once. */
static mutt_buf_t
room_for_body(const parts_t *parts, mutt_str_t element, mutt_pool_t *pool)
{
    return room_for(pool, element.len + parts->hostname.json.len +
                              parts->event_id.json.len + BODY_MORE);
}


mutt_rc_t
mutt_webhook_read(mutt_json_reader_t *reader, mutt_str_t element,
                  mutt_pool_t *pool, mutt_delivery_t *delivery, mutt_err_t *err)
{
    const mutt_json_member_t *members;
    size_t n;
    size_t offset;
    parts_t parts = { 0 };
    mutt_json_status_t status =
        mutt_json_read_item(reader, element, &members, &n, &offset);

    if (status != MUTT_JSON_OK) {
        return mutt_fail(err,
                         status == MUTT_JSON_NOMEM ? MUTT_NOMEM : MUTT_INVALID,
                         "no JSON object, offset %zu", offset);
    }

    collect(members, n, &parts);

    const char *fault = fault_of(&parts);

    if (fault != NULL) {
        return mutt_fail(err, MUTT_INVALID, "%s", fault);
    }

    int64_t rule_id = mutt_str_count(parts.rule_id);
    mutt_usec_t received_at = time_of(&parts.received_at);
    mutt_buf_t body = room_for_body(&parts, element, pool);
    bool written = write_body(&body, &parts, rule_id, received_at);
    mutt_delivery_t d = {
        .attempts = mutt_str_count(parts.attempts),
        .received_at = received_at,
        .event_id = mutt_pool_dup(pool, parts.event_id.text),
        .correlation_id = mutt_pool_dup(pool, parts.correlation_id.text),
        .traceparent = mutt_pool_dup(pool, parts.traceparent.text),
        .idempotency_key = key_of(&parts, rule_id, pool),
        .body = end_of(&body),
    };

    if (!written || d.event_id.data == NULL || d.correlation_id.data == NULL ||
        d.traceparent.data == NULL || d.idempotency_key.data == NULL ||
        d.body.data == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for an alert");
    }

    *delivery = d;

    return MUTT_OK;
}
