/* When the alerter warns and sheds, and when it stops. */

#include "unit.h"

#include "domain/mutt_pressure.h"


static void
levels_are_left_at_nine_tenths(void **state)
{
    static const mutt_pressure_limits_t limits = { .warn = 100, .shed = 200 };
    static const struct {
        mutt_pressure_t before;
        int64_t depth;
        mutt_pressure_t level;
    } rows[] = {
        { MUTT_PRESSURE_NONE, 0, MUTT_PRESSURE_NONE },
        { MUTT_PRESSURE_NONE, 100, MUTT_PRESSURE_NONE },
        { MUTT_PRESSURE_NONE, 101, MUTT_PRESSURE_WARN },
        { MUTT_PRESSURE_WARN, 91, MUTT_PRESSURE_WARN },
        { MUTT_PRESSURE_WARN, 90, MUTT_PRESSURE_NONE },
        { MUTT_PRESSURE_NONE, 200, MUTT_PRESSURE_WARN },
        { MUTT_PRESSURE_WARN, 200, MUTT_PRESSURE_WARN },
        { MUTT_PRESSURE_WARN, 201, MUTT_PRESSURE_SHED },
        { MUTT_PRESSURE_NONE, 5000, MUTT_PRESSURE_SHED },
        { MUTT_PRESSURE_SHED, 181, MUTT_PRESSURE_SHED },
        { MUTT_PRESSURE_SHED, 180, MUTT_PRESSURE_WARN },
        { MUTT_PRESSURE_SHED, 91, MUTT_PRESSURE_WARN },
        { MUTT_PRESSURE_SHED, 90, MUTT_PRESSURE_NONE },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(
            mutt_pressure_at(rows[i].before, rows[i].depth, &limits),
            rows[i].level);
    }
}


static void
small_and_huge_thresholds_are_left_too(void **state)
{
    (void) state;

    assert_int_equal(mutt_pressure_end(1), 0);
    assert_int_equal(mutt_pressure_end(2), 1);
    assert_int_equal(mutt_pressure_end(15), 13);
    assert_int_equal(mutt_pressure_end(10000000), 9000000);
}


static void
a_depth_around_the_threshold_does_not_flap(void **state)
{
    static const mutt_pressure_limits_t limits = { .warn = 100, .shed = 200 };
    mutt_pressure_t level = MUTT_PRESSURE_NONE;
    int changes = 0;

    (void) state;

    for (int i = 0; i < 1000; i++) {
        mutt_pressure_t next = mutt_pressure_at(level, 190 + i % 20, &limits);

        changes += next != level;
        level = next;
    }

    assert_int_equal(level, MUTT_PRESSURE_SHED);
    assert_true(changes <= 2);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_left_at_nine_tenths),
        cmocka_unit_test(small_and_huge_thresholds_are_left_too),
        cmocka_unit_test(a_depth_around_the_threshold_does_not_flap),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
