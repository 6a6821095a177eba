/* Small parts that text goes through: buffers, kinds of messages, OIDs,
 * severities, UUIDs. */

#include "unit.h"

#include <time.h>

#include "core/mutt_buf.h"
#include "core/mutt_utf8.h"
#include "core/mutt_uuid.h"
#include "core/mutt_version.h"
#include "domain/mutt_fold.h"
#include "domain/mutt_oid.h"
#include "domain/mutt_severity.h"


static void
versions_are_compared_part_by_part(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        int order;
    } rows[] = {
        { "2.5", "2.5", 0 },    { "2.5", "2.0", 1 },  { "2", "2.0", 0 },
        { "2.0.1", "2", 1 },    { "2.10", "2.9", 1 }, { "1.0", "2.0", -1 },
        { "2.5", "2.5.1", -1 }, { "10", "9.9", 1 },   { "2.0.0", "2", 0 },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        int order =
            mutt_version_compare(mutt_str(rows[i].a), mutt_str(rows[i].b));
        int back =
            mutt_version_compare(mutt_str(rows[i].b), mutt_str(rows[i].a));

        assert_int_equal(order, rows[i].order);
        assert_int_equal(back, -rows[i].order);
    }
}


static void
json_text_is_one_inert_line(void **state)
{
    static const struct {
        mutt_str_t text;
        const char *json;
    } rows[] = {
        { { "plain", 5 }, "\"plain\"" },
        { { "\"\\", 2 }, "\"\\\"\\\\\"" },
        { { "a\r\n\tb", 5 }, "\"a\\r\\n\\tb\"" },
        { { "\0\x1b\x7f", 3 }, "\"\\u0000\\u001b\\u007f\"" },
        { { "\xc3\xa9", 2 }, "\"\xc3\xa9\"" },
        { { "\xe2\x80\xa8", 3 }, "\"\\u2028\"" },
        { { "\xff\xc0\xaf", 3 }, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { { "\xed\xa0\x80", 3 }, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        mutt_buf_t b;

        mutt_buf_init(&b, 65536);
        mutt_buf_add_json(&b, rows[i].text);
        assert_true(mutt_str_eq(mutt_buf_str(&b), mutt_str(rows[i].json)));
        mutt_buf_done(&b);
    }
}


static void
a_buffer_keeps_its_maximum(void **state)
{
    mutt_buf_t b;

    (void) state;
    mutt_buf_init(&b, 10);
    mutt_buf_add(&b, "1234567890", 10);
    assert_true(mutt_buf_ok(&b));
    mutt_buf_add(&b, "x", 1);
    assert_false(mutt_buf_ok(&b));
    mutt_buf_add(&b, "", 0);
    assert_false(mutt_buf_ok(&b));
    assert_int_equal(b.len, 10);
    mutt_buf_reset(&b);
    mutt_buf_add(&b, "x", 1);
    assert_true(mutt_buf_ok(&b));
    mutt_buf_done(&b);
}


static void
a_head_never_cuts_a_character(void **state)
{
    (void) state;
    assert_int_equal(mutt_utf8_head(MUTT_STR("a\xc3\xa9z"), 2).len, 3);
    assert_int_equal(mutt_utf8_head(MUTT_STR("abc"), 9).len, 3);
    assert_int_equal(mutt_utf8_head(MUTT_STR(""), 9).len, 0);
}


static void
messages_that_differ_in_numbers_are_one_kind(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } rows[] = {
        { "port 17 down", "port 4 down", true },
        { "from 192.0.2.7 port 1", "from 198.51.100.23 port 22", true },
        { "from 2001:db8::1", "from fe80::a:b9", true },
        { "mac 00:1b:44:11:3a:b7", "mac f0:de:f1:00:00:01", true },
        { "code 0x1f", "code 0xdeadbeef00", true },
        { "at 10:00:01", "at 23:59:59", true },
        { "id 01930000-0000-7000-8000-000000000000",
          "id 0190a6b2-7c3e-7d5f-8a1b-000000000001", true },
        { "Gi0/0/17 down", "Gi0/0/4 down", true },
        { "link up", "link down", false },
        { "eth0 down", "ge0 down", false },
        { "fan failure", "power failure", false },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        char a[MUTT_HASH16_LEN + 1];
        char b[MUTT_HASH16_LEN + 1];

        assert_true(mutt_fold_hash(mutt_str(rows[i].a), a));
        assert_true(mutt_fold_hash(mutt_str(rows[i].b), b));

        if ((strcmp(a, b) == 0) != rows[i].same) {
            fail_msg("%s / %s", rows[i].a, rows[i].b);
        }
    }
}


static void
a_message_of_joiners_is_folded_in_its_length(void **state)
{
    static char message[262144];
    char hash[MUTT_HASH16_LEN + 1];
    clock_t start = clock();

    (void) state;
    memset(message, '-', sizeof(message));
    assert_true(
        mutt_fold_hash((mutt_str_t) { message, sizeof(message) }, hash));
    assert_true(clock() - start < CLOCKS_PER_SEC / 4);
}


static void
oids_are_dotted_numbers(void **state)
{
    static const struct {
        const char *text;
        bool pattern;
        size_t arcs; /* 0: refused */
    } rows[] = {
        { "1.3.6", false, 3 }, { ".1.3.6", false, 3 },
        { "1", false, 1 },     { "1.4294967295", false, 2 },
        { "1.3.*", true, 2 },  { ".1.3.*", true, 2 },
        { "1.3.*", false, 0 }, { "1.4294967296", false, 0 },
        { "", false, 0 },      { ".", false, 0 },
        { "1..3", false, 0 },  { "1.3.", false, 0 },
        { "1.x", false, 0 },   { "..1", false, 0 },
        { "-1", false, 0 },    { "1.18446744073709551616", false, 0 },
    };
    mutt_oid_t oid;

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        bool good =
            mutt_oid_parse(mutt_str(rows[i].text), rows[i].pattern, &oid);

        if (good != (rows[i].arcs > 0) || (good && oid.n != rows[i].arcs)) {
            fail_msg("\"%s\"", rows[i].text);
        }
    }
}


static void
severities_are_digits_or_words(void **state)
{
    (void) state;
    assert_int_equal(mutt_severity_parse(MUTT_STR("0")), 0);
    assert_int_equal(mutt_severity_parse(MUTT_STR("7")), 7);
    assert_int_equal(mutt_severity_parse(MUTT_STR("Err")), 3);
    assert_int_equal(mutt_severity_parse(MUTT_STR("INFORMATIONAL")), 6);
    assert_int_equal(mutt_severity_parse(MUTT_STR("8")), MUTT_SEVERITY_NONE);
    assert_int_equal(mutt_severity_parse(MUTT_STR("07")), MUTT_SEVERITY_NONE);
    assert_int_equal(mutt_severity_parse(MUTT_STR("err ")), MUTT_SEVERITY_NONE);
    assert_int_equal(mutt_severity_parse(MUTT_STR("")), MUTT_SEVERITY_NONE);
}


static void
uuids_tell_their_time(void **state)
{
    static const unsigned char random[10] = { 0xff, 0xff, 0xff, 0xff, 0xff,
                                              0xff, 0xff, 0xff, 0xff, 0xff };
    mutt_uuid_t id = mutt_uuid_v7(INT64_C(1645557742000000), random);
    mutt_uuid_t back;
    char text[MUTT_UUID_LEN + 1];

    (void) state;
    mutt_uuid_format(&id, text);
    assert_string_equal(text, "017f22e2-79b0-7fff-bfff-ffffffffffff");
    assert_true(mutt_uuid_parse(mutt_str(text), &back));
    assert_memory_equal(&id, &back, sizeof(id));
    assert_false(mutt_uuid_parse(MUTT_STR("017f22e2-79b0-7fff-bfff"), &back));
    assert_false(mutt_uuid_parse(
        MUTT_STR("017f22e2x79b0-7fff-bfff-ffffffffffff"), &back));
    assert_false(mutt_uuid_parse(
        MUTT_STR("g17f22e2-79b0-7fff-bfff-ffffffffffff"), &back));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_text_is_one_inert_line),
        cmocka_unit_test(a_buffer_keeps_its_maximum),
        cmocka_unit_test(a_head_never_cuts_a_character),
        cmocka_unit_test(messages_that_differ_in_numbers_are_one_kind),
        cmocka_unit_test(a_message_of_joiners_is_folded_in_its_length),
        cmocka_unit_test(oids_are_dotted_numbers),
        cmocka_unit_test(severities_are_digits_or_words),
        cmocka_unit_test(uuids_tell_their_time),
        cmocka_unit_test(versions_are_compared_part_by_part),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
