#include "mutt_webhook.h"

#include <stdio.h>

#include "core/mutt_uuid.h"
#include "mutt_alert.h"
#include "mutt_event.h"
#include "mutt_fold.h"

#define BODY_SLACK 8192

/* The members of an alert; empty where they are missing. */
typedef struct {
    mutt_str_t event_id;
    mutt_str_t correlation_id;
    mutt_str_t traceparent;
    mutt_str_t hostname;
    mutt_str_t team;
    mutt_str_t severity;
    mutt_str_t message;
    mutt_str_t handling;
    mutt_str_t environment;
    mutt_str_t event_timestamp;
    mutt_str_t received_at;
    mutt_str_t rule_id;  /* raw */
    mutt_str_t raw_json; /* raw */
    mutt_str_t attempts; /* raw */
} parts_t;


static void
collect(const mutt_json_member_t *members, size_t n, parts_t *parts)
{
    const struct {
        const char *name;
        mutt_str_t *slot;
        bool raw;
    } rows[] = {
        { "_event_id", &parts->event_id, false },
        { "_correlation_id", &parts->correlation_id, false },
        { "_traceparent", &parts->traceparent, false },
        { "_received_at", &parts->received_at, false },
        { "hostname", &parts->hostname, false },
        { "team_assignment", &parts->team, false },
        { "severity", &parts->severity, false },
        { "message_body", &parts->message, false },
        { "handling", &parts->handling, false },
        { "environment", &parts->environment, false },
        { "event_timestamp", &parts->event_timestamp, false },
        { "rule_id", &parts->rule_id, true },
        { "raw_json", &parts->raw_json, true },
        { "_attempts", &parts->attempts, true },
    };

    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
            if (!mutt_str_eq(members[i].name, mutt_str(rows[k].name))) {
                continue;
            }

            if (rows[k].raw) {
                *rows[k].slot = members[i].raw;
            } else if (members[i].type == MUTT_JSON_STRING) {
                *rows[k].slot = members[i].text;
            }
        }
    }
}


static const char *
fault_of(const parts_t *parts)
{
    mutt_uuid_t id;

    if (!mutt_uuid_parse(parts->event_id, &id)) {
        return "no valid _event_id";
    }

    if (!mutt_event_correlation_ok(parts->correlation_id)) {
        return "no valid _correlation_id";
    }

    return parts->hostname.len == 0 || parts->message.len == 0
               ? "no hostname or message_body"
               : NULL;
}


static void
add(mutt_buf_t *b, const char *name, mutt_str_t value)
{
    mutt_buf_addf(b, "%s\"%s\":", b->len == 1 ? "" : ",", name);
    mutt_buf_add_json(b, value);
}


static int64_t
epoch(const parts_t *parts)
{
    mutt_usec_t at = 0;

    if (!mutt_time_parse(parts->event_timestamp, &at)) {
        (void) mutt_time_parse(parts->received_at, &at);
    }

    return at / MUTT_USEC_SEC;
}


/* 0 when the alert does not say. */
static mutt_usec_t
received_at(const parts_t *parts)
{
    mutt_usec_t at;

    return mutt_time_parse(parts->received_at, &at) ? at : 0;
}


static void
add_custom_info(mutt_buf_t *b, const parts_t *parts, int64_t rule_id)
{
    MUTT_BUF_LIT(b, ",\"custom_info\":{\"correlation_id\":");
    mutt_buf_add_json(b, parts->correlation_id);
    add(b, "event_id", parts->event_id);

    if (rule_id > 0) {
        mutt_buf_addf(b, ",\"rule_id\":%lld", (long long) rule_id);
    } else {
        MUTT_BUF_LIT(b, ",\"rule_id\":null");
    }

    add(b, "handling", parts->handling);
    add(b, "environment", parts->environment);
    MUTT_BUF_LIT(b, ",\"event\":");

    if (parts->raw_json.len > 0) {
        mutt_buf_add_str(b, parts->raw_json);
    } else {
        MUTT_BUF_LIT(b, "null");
    }

    MUTT_BUF_LIT(b, "}");
}


static bool
write_body(mutt_buf_t *b, const parts_t *parts, int64_t rule_id)
{
    char hash[MUTT_HASH16_LEN + 1];

    if (!mutt_fold_hash(parts->message, hash)) {
        return false;
    }

    MUTT_BUF_LIT(b, "{\"signature\":\"");
    mutt_buf_add_json_part(b, parts->hostname);
    mutt_buf_addf(b, ":%lld:%s\"", (long long) rule_id, hash);
    add(b, "source_id", parts->hostname);
    add(b, "external_id", parts->event_id);
    add(b, "manager", MUTT_STR("MUTT"));
    add(b, "source", MUTT_STR("MUTT Alerter"));
    add(b, "class", parts->team);
    add(b, "agent", MUTT_STR("MUTT"));
    add(b, "agent_location", MUTT_STR("Alerter Service"));
    add(b, "type", MUTT_STR("Alert"));
    mutt_buf_addf(b, ",\"severity\":%d",
                  mutt_alert_severity_number(parts->severity));
    add(b, "description", parts->message);
    mutt_buf_addf(b, ",\"agent_time\":%lld", (long long) epoch(parts));
    add_custom_info(b, parts, rule_id);
    MUTT_BUF_LIT(b, "}");

    return mutt_buf_ok(b);
}


static mutt_str_t
key_of(const parts_t *parts, int64_t rule_id, mutt_pool_t *pool)
{
    char key[MUTT_UUID_LEN + 32];

    if (rule_id > 0) {
        (void) snprintf(key, sizeof(key), "%.*s:%lld",
                        MUTT_STR_ARG(parts->event_id), (long long) rule_id);
    } else {
        (void) snprintf(key, sizeof(key), "%.*s",
                        MUTT_STR_ARG(parts->event_id));
    }

    return mutt_pool_dup(pool, mutt_str(key));
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
    mutt_buf_t body;

    mutt_buf_init(&body, element.len * 8 + BODY_SLACK);

    bool written = write_body(&body, &parts, rule_id);
    mutt_delivery_t d = {
        .attempts = mutt_str_count(parts.attempts),
        .received_at = received_at(&parts),
        .event_id = mutt_pool_dup(pool, parts.event_id),
        .correlation_id = mutt_pool_dup(pool, parts.correlation_id),
        .traceparent = mutt_pool_dup(pool, parts.traceparent),
        .idempotency_key = key_of(&parts, rule_id, pool),
        .body = mutt_pool_dup(pool, mutt_buf_str(&body)),
    };

    mutt_buf_done(&body);

    if (!written || d.event_id.data == NULL || d.correlation_id.data == NULL ||
        d.traceparent.data == NULL || d.idempotency_key.data == NULL ||
        d.body.data == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for an alert");
    }

    *delivery = d;

    return MUTT_OK;
}
