#include "mutt_alert.h"

#include <openssl/evp.h>

#include "core/mutt_utf8.h"

#define SAMPLE_MAX 200

/* Redis takes no more than 512 MiB in one piece */
#define RAW_MAX (400u << 20)

static const struct {
    const char *name;
    int number;
} severities[] = {
    { "Critical", 5 }, { "Major", 4 }, { "Warning", 3 },
    { "Minor", 2 },    { "Info", 1 },  { "Clear", 0 },
};


const char *
mutt_alert_severity(int syslog_severity)
{
    static const char *const names[] = { "Critical", "Critical", "Critical",
                                         "Major",    "Warning",  "Minor",
                                         "Info",     "Info" };

    return syslog_severity < 0 || syslog_severity > 7 ? "Warning"
                                                      : names[syslog_severity];
}


int
mutt_alert_severity_number(mutt_str_t name)
{
    for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++) {
        if (mutt_str_eq_nocase(name, mutt_str(severities[i].name))) {
            return severities[i].number;
        }
    }

    return 3;
}


static void
add_member(mutt_buf_t *out, const char *name, mutt_str_t value)
{
    mutt_buf_addf(out, ",\"%s\":", name);
    mutt_buf_add_json(out, value);
}


void
mutt_alert_write(mutt_buf_t *out, const mutt_event_t *event,
                 const mutt_rule_t *rule, bool dev)
{
    char at[MUTT_TIME_LEN + 1];
    mutt_handling_t handling = dev ? rule->dev : rule->prod;

    mutt_time_format(event->event_usec, at);

    mutt_buf_addf(out, "{\"_attempts\":0,\"_replays\":%lld",
                  (long long) event->replays);
    add_member(out, "_event_id", event->event_id);
    add_member(out, "_correlation_id", event->correlation_id);
    add_member(out, "_received_at", event->received_at);
    add_member(out, "_source", event->source);

    if (event->traceparent.len > 0) {
        add_member(out, "_traceparent", event->traceparent);
    }

    add_member(out, "hostname", event->hostname);
    add_member(out, "team_assignment", rule->team);
    add_member(out, "severity", mutt_str(mutt_alert_severity(event->severity)));
    add_member(out, "message_body", event->message);
    mutt_buf_addf(out, ",\"rule_id\":%d,\"handling\":\"%s\"", rule->id,
                  mutt_handling_name(handling));
    add_member(out, "environment", dev ? MUTT_STR("dev") : MUTT_STR("prod"));
    add_member(out, "event_timestamp", mutt_str(at));
    MUTT_BUF_LIT(out, ",\"raw_json\":");
    mutt_buf_add_str(out, event->body);
    MUTT_BUF_LIT(out, "}");
}


void
mutt_alert_write_meta(mutt_buf_t *head, mutt_buf_t *tail,
                      const mutt_meta_t *meta)
{
    char id[MUTT_UUID_LEN + 1];

    mutt_uuid_format(&meta->id, id);

    MUTT_BUF_LIT(head, "{\"_attempts\":0,\"_replays\":0");
    add_member(head, "_event_id", mutt_str(id));
    add_member(head, "_correlation_id", mutt_str(id));
    add_member(head, "_received_at", meta->received_at);
    add_member(head, "_source", MUTT_STR("alerter"));
    add_member(head, "hostname", MUTT_STR("MUTT_Alerter"));
    add_member(head, "team_assignment", meta->team);
    add_member(head, "severity", MUTT_STR("Warning"));
    MUTT_BUF_LIT(head, ",\"rule_id\":null,\"handling\":\"Unhandled\"");
    add_member(head, "environment", MUTT_STR("prod"));
    add_member(head, "event_timestamp", meta->received_at);
    MUTT_BUF_LIT(head, ",\"raw_json\":{\"unhandled_host\":");
    mutt_buf_add_json(head, meta->host);
    MUTT_BUF_LIT(head, "},\"message_body\":\"[MUTT] Detected ");

    mutt_buf_addf(tail, " unhandled messages in %llds from '",
                  (long long) meta->expiry_s);
    mutt_buf_add_json_part(tail, meta->host);
    MUTT_BUF_LIT(tail, "'. Sample message: ");
    mutt_buf_add_json_part(tail, mutt_utf8_head(meta->sample, SAMPLE_MAX));
    MUTT_BUF_LIT(tail, "\"}");
}


/* Whether raw, escaped as JSON, is still something that Redis takes. */
static bool
escapes_small(mutt_str_t raw)
{
    size_t size = raw.len;

    for (size_t i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char) raw.data[i];

        size += c < 0x20 || c == 0x7f ? 5 : c == '"' || c == '\\';
    }

    return size <= RAW_MAX;
}


void
mutt_alert_write_malformed(mutt_buf_t *out, mutt_str_t raw,
                           const char *failed_at, const char *reason)
{
    mutt_buf_addf(out, "{\"_failed_at\":\"%s\",\"_failed_reason\":", failed_at);
    mutt_buf_add_json(out, mutt_str(reason));

    if (mutt_utf8_valid(raw) && escapes_small(raw)) {
        add_member(out, "raw", raw);

    } else {
        size_t size = (raw.len + 2) / 3 * 4;

        MUTT_BUF_LIT(out, ",\"raw_base64\":\"");

        char *p = mutt_buf_reserve(out, size + 1);

        if (p != NULL) {
            out->len += (size_t) EVP_EncodeBlock(
                (unsigned char *) p, (const unsigned char *) raw.data,
                (int) raw.len);
        }

        MUTT_BUF_LIT(out, "\"");
    }

    MUTT_BUF_LIT(out, "}");
}


/* Moves *text past name and a value of the characters given; false when
 * it begins otherwise, or when there is more to the value. */
static bool
past_member(mutt_str_t *text, const char *name, const char *characters)
{
    size_t len = strlen(name);
    size_t n = len;

    if (text->len < len || memcmp(text->data, name, len) != 0) {
        return false;
    }

    while (n < text->len && text->data[n] != '\0' &&
           strchr(characters, text->data[n]) != NULL) {
        n++;
    }

    /* a value with other characters in it was not written here */
    if (characters[0] != '\0' &&
        (n == len || n == text->len ||
         (text->data[n] != ',' && text->data[n] != '}'))) {
        return false;
    }

    text->data += n;
    text->len -= n;

    return true;
}


/*
 * Ends a head that was written anew with what follows element's own; with
 * fewer replays than element says unless those are -1.
 */
static void
add_tail(mutt_buf_t *out, mutt_str_t element, int64_t replays)
{
    static const char word[] = "\"abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:.>-";

    /* an earlier failure goes */
    if (past_member(&element, "{\"_attempts\":", "0123456789")) {
        (void) past_member(&element, ",\"_failed_at\":", word);
        (void) past_member(&element, ",\"_failed_reason\":", word);
        (void) past_member(&element, ",\"shedding_reason\":", word);
    } else {
        (void) past_member(&element, "{", "");
        MUTT_BUF_LIT(out, ",");
    }

    if (replays >= 0 && past_member(&element, ",\"_replays\":", "0123456789")) {
        mutt_buf_addf(out, ",\"_replays\":%lld", (long long) replays);
    }

    mutt_buf_add_str(out, element);
}


static void
add_head(mutt_buf_t *out, int64_t attempts, const char *failed_at,
         const char *reason)
{
    mutt_buf_addf(out, "{\"_attempts\":%lld,\"_failed_at\":\"%s\"",
                  (long long) attempts, failed_at);
    add_member(out, "_failed_reason", mutt_str(reason));
}


void
mutt_alert_write_failed(mutt_buf_t *out, mutt_str_t element, int64_t attempts,
                        const char *failed_at, const char *reason)
{
    add_head(out, attempts, failed_at, reason);
    add_tail(out, element, -1);
}


void
mutt_alert_write_shed(mutt_buf_t *out, mutt_str_t element,
                      const mutt_event_t *event, const char *failed_at,
                      int64_t depth, int64_t threshold)
{
    add_head(out, event->attempts, failed_at, "shed");
    mutt_buf_addf(out,
                  ",\"shedding_reason\":\"queue_depth_exceeded:%lld>%lld\"",
                  (long long) depth, (long long) threshold);
    add_tail(out, element, event->replays > 0 ? event->replays - 1 : 0);
}
