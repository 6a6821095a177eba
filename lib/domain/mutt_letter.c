#include "mutt_letter.h"

#include "core/mutt_uuid.h"
#include "mutt_event.h"

#define DAY (24 * 3600)


/* The members that are written anew. */
static bool
is_head(mutt_str_t name)
{
    static const char *const names[] = {
        "_attempts", "_failed_at",      "_failed_reason",
        "_replays",  "shedding_reason",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (mutt_str_eq(name, mutt_str(names[i]))) {
            return true;
        }
    }

    return false;
}


/* What an envelope must have. */
typedef struct {
    mutt_str_t event_id;
    mutt_str_t received_at;
    mutt_str_t failed_at;
} parts_t;


static void
collect(mutt_letter_t *letter, parts_t *parts)
{
    const struct {
        mutt_str_t name;
        mutt_str_t *text;
    } texts[] = {
        { MUTT_STR("_event_id"), &parts->event_id },
        { MUTT_STR("_received_at"), &parts->received_at },
        { MUTT_STR("_failed_at"), &parts->failed_at },
        { MUTT_STR("_correlation_id"), &letter->correlation_id },
        { MUTT_STR("_failed_reason"), &letter->reason },
    };

    for (size_t i = 0; i < letter->n; i++) {
        const mutt_json_member_t *m = &letter->members[i];

        if (mutt_str_eq(m->name, MUTT_STR("_attempts"))) {
            letter->attempts = mutt_str_count(m->raw);
        } else if (mutt_str_eq(m->name, MUTT_STR("_replays"))) {
            letter->replays = mutt_str_count(m->raw);
        } else if (mutt_str_eq(m->name, MUTT_STR("shedding_reason"))) {
            letter->shed = true;
        }

        for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
            if (m->type == MUTT_JSON_STRING &&
                mutt_str_eq(m->name, texts[k].name)) {
                *texts[k].text = m->text;
            }
        }
    }
}


mutt_rc_t
mutt_letter_read(mutt_json_reader_t *reader, mutt_str_t item,
                 mutt_letter_t *letter, mutt_err_t *err)
{
    parts_t parts = { 0 };
    mutt_letter_t read = { 0 };
    mutt_uuid_t id;
    mutt_usec_t received;
    size_t offset;

    switch (
        mutt_json_read_item(reader, item, &read.members, &read.n, &offset)) {
    case MUTT_JSON_OK:
        break;
    case MUTT_JSON_NOMEM:
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a dead letter");
    default:
        return mutt_fail(err, MUTT_INVALID, "no JSON object, offset %zu",
                         offset);
    }

    collect(&read, &parts);

    if (!mutt_uuid_parse(parts.event_id, &id) ||
        !mutt_event_correlation_ok(read.correlation_id) ||
        !mutt_time_parse(parts.received_at, &received)) {
        return mutt_fail(err, MUTT_INVALID, "no valid envelope");
    }

    if (!mutt_time_parse(parts.failed_at, &read.failed_at)) {
        read.failed_at = 0;
    }

    *letter = read;

    return MUTT_OK;
}


mutt_usec_t
mutt_letter_due(const mutt_letter_t *letter, int64_t interval_s,
                mutt_usec_t now)
{
    int64_t wait = 0;

    /* a time to come is somebody's wrong clock */
    if (letter->shed || letter->failed_at > now) {
        return now;
    }

    for (int64_t i = 0; i < letter->replays && wait < DAY; i++) {
        wait = 2 * wait + interval_s;
    }

    return letter->failed_at + (wait < DAY ? wait : DAY) * MUTT_USEC_SEC;
}


static void
add_rest(mutt_buf_t *out, const mutt_letter_t *letter)
{
    for (size_t i = 0; i < letter->n; i++) {
        if (!is_head(letter->members[i].name)) {
            MUTT_BUF_LIT(out, ",");
            mutt_buf_add_str(out, letter->members[i].member);
        }
    }

    MUTT_BUF_LIT(out, "}");
}


void
mutt_letter_write_replay(mutt_buf_t *out, const mutt_letter_t *letter)
{
    mutt_buf_addf(out, "{\"_attempts\":0,\"_replays\":%lld",
                  (long long) letter->replays + 1);
    add_rest(out, letter);
}


void
mutt_letter_write_dead(mutt_buf_t *out, const mutt_letter_t *letter,
                       const char *failed_at)
{
    mutt_buf_addf(out,
                  "{\"_attempts\":%lld,\"_failed_at\":\"%s\","
                  "\"_failed_reason\":\"replays_exhausted",
                  (long long) letter->attempts, failed_at);

    if (letter->reason.len > 0) {
        MUTT_BUF_LIT(out, ":");
        mutt_buf_add_json_part(out, letter->reason);
    }

    mutt_buf_addf(out, "\",\"_replays\":%lld", (long long) letter->replays);
    add_rest(out, letter);
}
