#include "mutt_queue_age.h"

#include "core/mutt_time.h"

static const mutt_setting_t names[] = {
    [MUTT_AGE_INGEST] = MUTT_SET_INGEST_QUEUE_NAME,
    [MUTT_AGE_ALERT] = MUTT_SET_ALERT_QUEUE_NAME,
    [MUTT_AGE_DLQ_ALERTER] = MUTT_SET_ALERTER_DLQ_NAME,
    [MUTT_AGE_DLQ_MOOG] = MUTT_SET_MOOG_DLQ_NAME,
};


static double
age_of(mutt_json_reader_t *reader, mutt_str_t item)
{
    const mutt_json_member_t *members;
    mutt_usec_t at;
    size_t n;
    size_t offset;

    if (mutt_json_read_item(reader, item, &members, &n, &offset) !=
        MUTT_JSON_OK) {
        return 0;
    }

    for (size_t i = 0; i < n; i++) {
        if (mutt_str_eq(members[i].name, MUTT_STR("_received_at")) &&
            mutt_time_parse(members[i].text, &at)) {
            double age =
                (double) (mutt_time_now() - at) / (double) MUTT_USEC_SEC;

            /* a clock that was set back */
            return age > 0 ? age : 0;
        }
    }

    return 0;
}


mutt_rc_t
mutt_queue_ages(mutt_redis_t *redis, const mutt_settings_t *settings,
                mutt_json_reader_t *reader, double ages[MUTT_AGE_LISTS],
                mutt_err_t *err)
{
    for (int i = 0; i < MUTT_AGE_LISTS; i++) {
        const mutt_reply_t *reply;
        mutt_rc_t rc = mutt_redis_call(
            redis, 3,
            (mutt_str_t[]) { MUTT_STR("LINDEX"),
                             mutt_str(mutt_set_text(settings, names[i])),
                             MUTT_STR("-1") },
            0, &reply, err);

        if (rc != MUTT_OK) {
            return rc;
        }

        ages[i] =
            reply->type == MUTT_REPLY_STRING ? age_of(reader, reply->str) : 0;
    }

    return MUTT_OK;
}
