/* Dead letters: what is read, when they are due, what is written. */

#include "unit.h"

#include "domain/mutt_alert.h"
#include "domain/mutt_letter.h"

#define ENVELOPE                                                               \
    "\"_event_id\":\"01930000-0000-7000-8000-000000000000\","                  \
    "\"_correlation_id\":\"c1\","                                              \
    "\"_received_at\":\"2026-11-20T10:00:00.000000Z\""
#define FAILED "\"_failed_at\":\"2026-11-20T11:00:00.000000Z\","
#define FAILED_AT INT64_C(1795172400000000)

static mutt_json_reader_t *reader;


static int
set_up(void **state)
{
    (void) state;
    reader = mutt_json_reader_create();

    return reader == NULL;
}


static int
tear_down(void **state)
{
    (void) state;
    mutt_json_reader_destroy(reader);

    return 0;
}


static mutt_letter_t
read_letter(const char *item)
{
    mutt_letter_t letter;
    mutt_err_t err;

    if (mutt_letter_read(reader, mutt_str(item), &letter, &err) != MUTT_OK) {
        fail_msg("%s: %s", item, err.text);
    }

    return letter;
}


static void
a_replay_starts_anew(void **state)
{
    static const struct {
        const char *item;
        const char *replay;
    } rows[] = {
        { "{\"_attempts\":4," FAILED
          "\"_failed_reason\":\"x\",\"_replays\":1," ENVELOPE
          ",\"n\":99999999999999999999,\"hostname\":\"r1\"}",
          "{\"_attempts\":0,\"_replays\":2," ENVELOPE
          ",\"n\":99999999999999999999,\"hostname\":\"r1\"}" },
        { "{\"_attempts\":0," FAILED "\"_failed_reason\":\"shed\","
          "\"shedding_reason\":\"queue_depth_exceeded:3>2\",\"_replays\":"
          "0," ENVELOPE ",\"a\":[ 1 ]}",
          "{\"_attempts\":0,\"_replays\":1," ENVELOPE ",\"a\":[ 1 ]}" },
        { "{ " ENVELOPE ", \"hostname\" : \"r1\", \"_replays\": 7 ,"
          "\"_attempts\":1}",
          "{\"_attempts\":0,\"_replays\":8," ENVELOPE
          ",\"hostname\" : \"r1\"}" },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        mutt_letter_t letter = read_letter(rows[i].item);
        mutt_buf_t out;

        mutt_buf_init(&out, 65536);
        mutt_letter_write_replay(&out, &letter);
        mutt_buf_add(&out, "", 1);
        assert_true(mutt_buf_ok(&out));
        assert_string_equal(out.data, rows[i].replay);
        mutt_buf_done(&out);
    }
}


static void
the_dead_keep_what_happened(void **state)
{
    mutt_letter_t letter =
        read_letter("{\"_attempts\":4," FAILED "\"_failed_reason\":\"http_500\""
                    ",\"_replays\":3," ENVELOPE "}");
    mutt_buf_t out;

    (void) state;
    mutt_buf_init(&out, 65536);
    mutt_letter_write_dead(&out, &letter, "T");
    mutt_buf_add(&out, "", 1);
    assert_string_equal(
        out.data,
        "{\"_attempts\":4,\"_failed_at\":\"T\",\"_failed_reason\":"
        "\"replays_exhausted:http_500\",\"_replays\":3," ENVELOPE "}");
    mutt_buf_done(&out);
}


static void
what_has_no_envelope_is_told(void **state)
{
    static const char *const rows[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"_moog_retry_count\":1,\"hostname\":\"r1\"}",
        "{\"_event_id\":\"1\",\"_correlation_id\":\"c\","
        "\"_received_at\":\"2026-11-20T10:00:00Z\"}",
    };
    mutt_letter_t letter;
    mutt_err_t err;

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(
            mutt_letter_read(reader, mutt_str(rows[i]), &letter, &err),
            MUTT_INVALID);
    }
}


static void
backing_off_doubles_up_to_a_day(void **state)
{
    static const struct {
        int64_t replays;
        int64_t wait_s;
    } rows[] = {
        { 0, 0 }, { 1, 300 }, { 2, 900 }, { 3, 2100 }, { 50, 86400 },
    };
    mutt_usec_t now = FAILED_AT + 10 * MUTT_USEC_SEC;

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        mutt_letter_t letter = { .failed_at = FAILED_AT,
                                 .replays = rows[i].replays };

        assert_int_equal(mutt_letter_due(&letter, 300, now),
                         FAILED_AT + rows[i].wait_s * MUTT_USEC_SEC);

        letter.shed = true;
        assert_int_equal(mutt_letter_due(&letter, 300, now), now);

        letter = (mutt_letter_t) { .failed_at = now + 1, .replays = 9 };
        assert_int_equal(mutt_letter_due(&letter, 300, now), now);

        letter = (mutt_letter_t) { .failed_at = 0, .replays = 1 };
        assert_true(mutt_letter_due(&letter, 300, now) < now);
    }
}


static void
shedding_takes_the_replay_back(void **state)
{
    static const char item[] = "{\"_attempts\":2,\"_replays\":3," ENVELOPE "}";
    mutt_event_t event = { .attempts = 2, .replays = 3 };
    mutt_buf_t out;

    (void) state;
    mutt_buf_init(&out, 65536);
    mutt_alert_write_shed(&out, mutt_str(item), &event, "T", 2001, 2000);
    mutt_buf_add(&out, "", 1);
    assert_string_equal(
        out.data,
        "{\"_attempts\":2,\"_failed_at\":\"T\",\"_failed_reason\":\"shed\","
        "\"shedding_reason\":\"queue_depth_exceeded:2001>2000\","
        "\"_replays\":2," ENVELOPE "}");

    mutt_letter_t letter = read_letter(out.data);

    assert_true(letter.shed);
    assert_int_equal(letter.attempts, 2);
    assert_int_equal(letter.replays, 2);
    mutt_buf_done(&out);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replay_starts_anew),
        cmocka_unit_test(the_dead_keep_what_happened),
        cmocka_unit_test(what_has_no_envelope_is_told),
        cmocka_unit_test(backing_off_doubles_up_to_a_day),
        cmocka_unit_test(shedding_takes_the_replay_back),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
