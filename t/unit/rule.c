/* A rule's words, and which rules can be used; CONTRACT 3.1 and 5.2. */

#include "unit.h"

#include "domain/mutt_rule.h"

static const struct {
    const char *name;
    const char *spelling; /* NULL: no handling */
    mutt_fate_t fate;
} handlings[] = {
    { "Page_and_ticket", "Page_and_ticket", MUTT_FATE_FORWARD },
    { "PAGE_ONLY", "Page_only", MUTT_FATE_FORWARD },
    { "ticket_only", "Ticket_only", MUTT_FATE_FORWARD },
    { "Email_Only", "Email_only", MUTT_FATE_LOG },
    { "log_only", "Log_only", MUTT_FATE_LOG },
    { "suppress", "Suppress", MUTT_FATE_SUPPRESS },
    { "IGNORE", "Ignore", MUTT_FATE_SUPPRESS },
    { "", NULL, MUTT_FATE_LOG },
    { "Page", NULL, MUTT_FATE_LOG },
    { "Log_only ", NULL, MUTT_FATE_LOG },
};


static void
handlings_are_read_in_any_case(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(handlings); i++) {
        mutt_handling_t handling;
        bool known =
            mutt_handling_parse(mutt_str(handlings[i].name), &handling);

        assert_int_equal(known, handlings[i].spelling != NULL);

        if (known) {
            assert_string_equal(mutt_handling_name(handling),
                                handlings[i].spelling);
            assert_int_equal(mutt_handling_fate(handling), handlings[i].fate);
        }
    }
}


static void
match_types_are_read_as_written(void **state)
{
    mutt_match_type_t type;

    (void) state;
    assert_true(mutt_match_type_parse(MUTT_STR("regex"), &type));
    assert_int_equal(type, MUTT_MATCH_REGEX);
    assert_true(mutt_match_type_parse(MUTT_STR("oid_prefix"), &type));
    assert_int_equal(type, MUTT_MATCH_OID_PREFIX);
    assert_true(mutt_match_type_parse(MUTT_STR("contains"), &type));
    assert_int_equal(type, MUTT_MATCH_CONTAINS);
    assert_false(mutt_match_type_parse(MUTT_STR("glob"), &type));
    assert_false(mutt_match_type_parse(MUTT_STR(""), &type));
}


static mutt_rule_t
good(void)
{
    return (mutt_rule_t) {
        .id = 1,
        .match_string = MUTT_STR("x"),
        .trap_oid = MUTT_STR(""),
        .severity = MUTT_SEVERITY_NONE,
        .type = MUTT_MATCH_CONTAINS,
        .team = MUTT_STR("NETO"),
    };
}


static void
a_rule_that_cannot_match_says_why(void **state)
{
    static char letters[2 * (MUTT_RULE_MATCH_MAX + 1)];
    mutt_rule_t rule = good();

    (void) state;
    assert_null(mutt_rule_fault(&rule));

    rule.match_string = MUTT_STR("");
    assert_string_equal(mutt_rule_fault(&rule),
                        "neither match_string nor trap_oid");
    rule.trap_oid = MUTT_STR(".1.3.*");
    assert_null(mutt_rule_fault(&rule));
    rule.trap_oid = MUTT_STR("1.3.");
    assert_string_equal(mutt_rule_fault(&rule), "trap_oid is no OID");

    rule = good();
    rule.type = MUTT_MATCH_OID_PREFIX;
    assert_string_equal(mutt_rule_fault(&rule), "oid_prefix without trap_oid");

    rule = good();
    rule.severity = 8;
    assert_string_equal(mutt_rule_fault(&rule),
                        "syslog_severity is none of 0 to 7");
    rule.severity = 0;
    assert_null(mutt_rule_fault(&rule));

    rule = good();
    rule.team = MUTT_STR("");
    assert_string_equal(mutt_rule_fault(&rule),
                        "team_assignment is empty or too long");

    /* characters count, not bytes */
    for (size_t i = 0; i < sizeof(letters); i += 2) {
        memcpy(letters + i, "\xc3\xa9", 2);
    }

    rule = good();
    rule.match_string = (mutt_str_t) { letters, 2 * MUTT_RULE_MATCH_MAX };
    assert_null(mutt_rule_fault(&rule));
    rule.match_string.len += 2;
    assert_string_equal(mutt_rule_fault(&rule), "match_string is too long");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handlings_are_read_in_any_case),
        cmocka_unit_test(match_types_are_read_as_written),
        cmocka_unit_test(a_rule_that_cannot_match_says_why),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
