/* Times as text and numbers. */

#include "unit.h"

#include "core/mutt_time.h"

#define BAD INT64_MIN

static const struct {
    const char *text;
    mutt_usec_t at; /* BAD: refused */
} texts[] = {
    { "1970-01-01T00:00:00Z", 0 },
    { "1970-01-01t00:00:01z", 1000000 },
    { "1970-01-01 00:00:01Z", 1000000 },
    { "1970-01-01T01:00:00+01:00", 0 },
    { "1969-12-31T23:00:00-01:00", 0 },
    { "2038-01-19T03:14:08Z", INT64_C(2147483648000000) },
    { "2026-11-20T10:00:00.5Z", INT64_C(1795168800500000) },
    { "2026-11-20T10:00:00.123456789Z", INT64_C(1795168800123456) },
    { "2016-12-31T23:59:60Z", INT64_C(1483228800000000) },
    { "2024-02-29T00:00:00Z", INT64_C(1709164800000000) },
    { "9999-12-31T23:59:59Z", INT64_C(253402300799000000) },
    { "9999-12-31T23:59:59-01:00", BAD },
    { "1970-01-01T00:00:00+00:01", BAD },
    { "2023-02-29T00:00:00Z", BAD },
    { "2026-13-01T00:00:00Z", BAD },
    { "2026-00-01T00:00:00Z", BAD },
    { "2026-01-00T00:00:00Z", BAD },
    { "2026-01-01T24:00:00Z", BAD },
    { "2026-01-01T00:60:00Z", BAD },
    { "2026-01-01T00:00:61Z", BAD },
    { "2026-01-01T00:00:00", BAD },
    { "2026-01-01T00:00:00.Z", BAD },
    { "2026-01-01T00:00:00.1234567890Z", BAD },
    { "2026-01-01T00:00:00Zx", BAD },
    { "2026-01-01", BAD },
    { "", BAD },
};


static void
reads_rfc_3339(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(texts); i++) {
        mutt_usec_t at = BAD;
        bool good = mutt_time_parse(mutt_str(texts[i].text), &at);

        if (good != (texts[i].at != BAD) || at != texts[i].at) {
            fail_msg("\"%s\": %lld", texts[i].text, (long long) at);
        }
    }
}


static void
reads_epoch_numbers(void **state)
{
    static const struct {
        double number;
        mutt_usec_t at;
    } rows[] = {
        { 0, 0 },
        { 1.5, 1500000 },
        { 1763632800, INT64_C(1763632800000000) },
        { 1763632800000, INT64_C(1763632800000000) },
        { 99999999999.0, INT64_C(99999999999000000) },
        { -1, BAD },
        { 1e15, BAD },
        { 1e300, BAD },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        mutt_usec_t at = BAD;

        assert_int_equal(mutt_time_from_epoch(rows[i].number, &at),
                         rows[i].at != BAD);
        assert_int_equal(at, rows[i].at);
    }
}


static void
an_epoch_number_keeps_its_microseconds(void **state)
{
    (void) state;

    for (mutt_usec_t at = INT64_C(1763632800000000);
         at < INT64_C(1763632800100000); at++) {
        mutt_usec_t back;

        assert_true(mutt_time_from_epoch((double) at / 1e6, &back));
        assert_int_equal(back, at);
        assert_true(mutt_time_from_epoch((double) at / 1e3, &back));
        assert_int_equal(back, at);
    }
}


static void
writes_what_it_reads(void **state)
{
    (void) state;

    for (mutt_usec_t at = 123456; at < INT64_C(253402300799000000);
         at += INT64_C(86400000000) * 17) {
        char text[MUTT_TIME_LEN + 1];
        mutt_usec_t back;

        mutt_time_format(at, text);
        assert_int_equal(strlen(text), MUTT_TIME_LEN);
        assert_true(mutt_time_parse(mutt_str(text), &back));
        assert_int_equal(at, back);
    }
}


static void
months_follow_each_other(void **state)
{
    mutt_usec_t before = mutt_time_month(2026, 1);

    (void) state;

    for (int month = 2; month <= 60; month++) {
        mutt_usec_t at = mutt_time_month(2026, month);
        mutt_usec_t days = (at - before) / (86400 * MUTT_USEC_SEC);
        int y;
        int m;
        int d;

        assert_in_range(days, 28, 31);
        mutt_time_civil(at, &y, &m, &d);
        assert_int_equal(y * 12 + m, 2026 * 12 + month);
        assert_int_equal(d, 1);
        before = at;
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_rfc_3339),
        cmocka_unit_test(reads_epoch_numbers),
        cmocka_unit_test(an_epoch_number_keeps_its_microseconds),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(months_follow_each_other),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
