/* What an answer of the webhook means, and how long to wait. */

#include "unit.h"

#include "domain/mutt_outcome.h"


static void
statuses_mean_what_the_contract_says(void **state)
{
    static const struct {
        long status;
        mutt_outcome_t outcome;
    } rows[] = {
        { 200, MUTT_OUTCOME_DELIVERED }, { 202, MUTT_OUTCOME_DELIVERED },
        { 204, MUTT_OUTCOME_DELIVERED }, { 301, MUTT_OUTCOME_REFUSED },
        { 400, MUTT_OUTCOME_REFUSED },   { 401, MUTT_OUTCOME_KEY },
        { 403, MUTT_OUTCOME_CONFIG },    { 404, MUTT_OUTCOME_CONFIG },
        { 408, MUTT_OUTCOME_RETRY },     { 409, MUTT_OUTCOME_REFUSED },
        { 413, MUTT_OUTCOME_REFUSED },   { 422, MUTT_OUTCOME_REFUSED },
        { 425, MUTT_OUTCOME_RETRY },     { 429, MUTT_OUTCOME_LIMITED },
        { 500, MUTT_OUTCOME_RETRY },     { 503, MUTT_OUTCOME_RETRY },
        { 599, MUTT_OUTCOME_RETRY },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(mutt_outcome_of(MUTT_SEND_ANSWERED, rows[i].status),
                         rows[i].outcome);
    }

    assert_int_equal(mutt_outcome_of(MUTT_SEND_TIMEOUT, 0), MUTT_OUTCOME_RETRY);
    assert_int_equal(mutt_outcome_of(MUTT_SEND_CONNECT, 200),
                     MUTT_OUTCOME_RETRY);
}


static void
retry_after_is_obeyed_within_reason(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        { "5", 5000 },
        { " 5 ", 5000 },
        { "0", 0 },
        { "3600", 3600000 },
        { "1000000000", 3600000 },
        { "99999999999999999999", 3600000 },
        { "-1", 0 },
        { "x", 0 },
        { "", 0 },
        { "1.5", 0 },
        { "Fri, 20 Nov 2026 10:00:07 GMT", 7000 },
        { "Fri, 20 Nov 2026 09:00:00 GMT", 0 },
        { "Fri, 20 Nov 2027 10:00:00 GMT", 3600000 },
        { "Fri, 20 Xyz 2026 10:00:07 GMT", 0 },
    };
    mutt_usec_t now;

    (void) state;
    assert_true(mutt_time_parse(MUTT_STR("2026-11-20T10:00:00Z"), &now));

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (mutt_retry_after_ms(mutt_str(rows[i].text), now) != rows[i].ms) {
            fail_msg("\"%s\"", rows[i].text);
        }
    }
}


static void
delays_double_up_to_their_bound(void **state)
{
    (void) state;

    assert_int_equal(mutt_retry_delay_ms(0, 1.0, 60.0, UINT32_MAX), 1000);
    assert_int_equal(mutt_retry_delay_ms(3, 1.0, 60.0, UINT32_MAX), 8000);
    assert_int_equal(mutt_retry_delay_ms(10, 1.0, 60.0, UINT32_MAX), 60000);
    assert_int_equal(mutt_retry_delay_ms(1000000, 1.0, 60.0, UINT32_MAX),
                     60000);
    assert_int_equal(mutt_retry_delay_ms(3, 1.0, 60.0, 0), 0);
    assert_in_range(mutt_retry_delay_ms(3, 1.0, 60.0, UINT32_MAX / 2), 3999,
                    4001);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_mean_what_the_contract_says),
        cmocka_unit_test(retry_after_is_obeyed_within_reason),
        cmocka_unit_test(delays_double_up_to_their_bound),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
