/* The circuit breaker: a row is what happens at a moment, and what follows. */

#include "unit.h"

#include "domain/mutt_breaker.h"


typedef enum { ALLOWED, REFUSED, OK, FAILED, LOOK } what_t;

typedef struct {
    mutt_usec_t at;
    what_t what;
    mutt_breaker_state_t state; /* behind it */
} step_t;

#define CLOSED MUTT_BREAKER_CLOSED
#define HALF_OPEN MUTT_BREAKER_HALF_OPEN
#define OPEN MUTT_BREAKER_OPEN


/* Threshold 3, open for 100. */
static void
walk(const step_t *steps, size_t n)
{
    mutt_breaker_t b;

    mutt_breaker_init(&b, 3, 100);

    for (size_t i = 0; i < n; i++) {
        mutt_usec_t at = steps[i].at;

        switch (steps[i].what) {
        case ALLOWED:
            assert_true(mutt_breaker_allow(&b, at));
            break;
        case REFUSED:
            assert_false(mutt_breaker_allow(&b, at));
            break;
        case OK:
            mutt_breaker_ok(&b, at);
            break;
        case FAILED:
            mutt_breaker_failed(&b, at);
            break;
        case LOOK:
            break;
        }

        assert_int_equal(mutt_breaker_state(&b, at), steps[i].state);
    }
}


static void
failures_in_a_row_open_it(void **state)
{
    static const step_t steps[] = {
        { 1, ALLOWED, CLOSED }, { 1, FAILED, CLOSED },  { 2, ALLOWED, CLOSED },
        { 2, FAILED, CLOSED },  { 3, OK, CLOSED },      { 4, FAILED, CLOSED },
        { 5, FAILED, CLOSED },  { 6, ALLOWED, CLOSED }, { 6, FAILED, OPEN },
        { 6, REFUSED, OPEN },   { 105, REFUSED, OPEN },
    };

    (void) state;
    walk(steps, COUNT(steps));
}


static void
one_probe_at_a_time_decides(void **state)
{
    static const step_t steps[] = {
        { 1, FAILED, CLOSED },       { 1, FAILED, CLOSED },
        { 1, FAILED, OPEN },         { 100, LOOK, OPEN },
        { 101, LOOK, HALF_OPEN },    { 101, ALLOWED, HALF_OPEN },
        { 101, REFUSED, HALF_OPEN }, { 150, REFUSED, HALF_OPEN },
        { 160, FAILED, OPEN },       { 161, REFUSED, OPEN },
        { 260, ALLOWED, HALF_OPEN }, { 261, OK, CLOSED },
        { 262, ALLOWED, CLOSED },    { 263, ALLOWED, CLOSED },
        { 264, FAILED, CLOSED },     { 265, ALLOWED, CLOSED },
    };

    (void) state;
    walk(steps, COUNT(steps));
}


static void
a_lost_probe_is_followed_by_another(void **state)
{
    static const step_t steps[] = {
        { 1, FAILED, CLOSED },       { 1, FAILED, CLOSED },
        { 1, FAILED, OPEN },         { 101, ALLOWED, HALF_OPEN },
        { 200, REFUSED, HALF_OPEN }, { 201, ALLOWED, HALF_OPEN },
        { 201, REFUSED, HALF_OPEN },
    };

    (void) state;
    walk(steps, COUNT(steps));
}


static void
what_began_before_it_opened_prolongs_nothing(void **state)
{
    static const step_t steps[] = {
        { 1, FAILED, CLOSED }, { 1, FAILED, CLOSED },       { 1, FAILED, OPEN },
        { 50, FAILED, OPEN },  { 101, ALLOWED, HALF_OPEN }, { 102, OK, CLOSED },
    };

    (void) state;
    walk(steps, COUNT(steps));
}


static void
the_open_time_is_the_callers_of_the_moment(void **state)
{
    mutt_breaker_t b;

    (void) state;
    mutt_breaker_init(&b, 0, 100);
    b.open_us = 130;
    mutt_breaker_failed(&b, 1000);
    b.open_us = 70;
    assert_false(mutt_breaker_allow(&b, 1129));
    assert_true(mutt_breaker_allow(&b, 1130));
    assert_false(mutt_breaker_allow(&b, 1199));
    assert_true(mutt_breaker_allow(&b, 1200));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_in_a_row_open_it),
        cmocka_unit_test(one_probe_at_a_time_decides),
        cmocka_unit_test(a_lost_probe_is_followed_by_another),
        cmocka_unit_test(what_began_before_it_opened_prolongs_nothing),
        cmocka_unit_test(the_open_time_is_the_callers_of_the_moment),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
