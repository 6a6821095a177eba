/* Objectives: the mathematics, the document, and Prometheus' answers. */

#include "unit.h"

#include <math.h>

#include "domain/mutt_slo.h"
#include "domain/mutt_slo_history.h"
#include "io/mutt_slo_query.h"

static const mutt_slo_terms_t terms = {
    .ingest_target = 0.995,
    .forward_target = 0.99,
    .burn_warning = 1,
    .burn_critical = 2,
    .window_hours = 24,
};


static void
mathematics(void **state)
{
    static const struct {
        double good;
        double bad;
        double target;
        double availability;
        double burn;
        double left;
        mutt_slo_state_t state;
    } rows[] = {
        { 9990, 10, 0.995, 0.999, 0.2, 0.8, MUTT_SLO_OK },
        { 100, 0, 0.995, 1, 0, 1, MUTT_SLO_OK },
        { 995, 5, 0.995, 0.995, 1, 0, MUTT_SLO_OK },
        { 985, 15, 0.99, 0.985, 1.5, -0.5, MUTT_SLO_WARN },
        { 0, 7, 0.99, 0, 100, -99, MUTT_SLO_CRITICAL },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        double availability = mutt_slo_availability(
            (mutt_slo_count_t) { rows[i].good, rows[i].bad });
        double burn = mutt_slo_burn_rate(availability, rows[i].target);
        double left = mutt_slo_budget_left(availability, rows[i].target);

        assert_true(fabs(availability - rows[i].availability) < 1e-9);
        assert_true(fabs(burn - rows[i].burn) < 1e-9);
        assert_true(fabs(left - rows[i].left) < 1e-9);
        /* the rounding of a burn rate of exactly 1 is not what is tested */
        assert_int_equal(mutt_slo_state(burn - 1e-9, 1, 2), rows[i].state);
    }
}


static void
no_traffic_is_no_number(void **state)
{
    (void) state;
    assert_true(isnan(mutt_slo_availability((mutt_slo_count_t) { 0, 0 })));
    assert_true(isnan(mutt_slo_availability((mutt_slo_count_t) { NAN, NAN })));
    assert_int_equal(mutt_slo_state(NAN, 1, 2), MUTT_SLO_UNKNOWN);
    assert_int_equal(mutt_slo_state(1, 1, 2), MUTT_SLO_OK);
    assert_int_equal(mutt_slo_state(2, 1, 2), MUTT_SLO_WARN);
    assert_int_equal(mutt_slo_state(2.01, 1, 2), MUTT_SLO_CRITICAL);
}


static char *
document(const mutt_slo_input_t *input, const char *at)
{
    mutt_buf_t b;

    mutt_buf_init(&b, 1 << 16);
    mutt_slo_write(&b, input, &terms, at);
    mutt_buf_add(&b, "", 1);
    assert_true(mutt_buf_ok(&b));

    return b.data;
}


static void
unknown_is_null(void **state)
{
    mutt_slo_input_t input;

    (void) state;
    mutt_slo_input_init(&input);

    char *text = document(&input, NULL);

    assert_non_null(strstr(text, "{\"window_hours\":24,\"evaluated_at\":null,"
                                 "\"stale\":false,\"components\":{"));
    assert_non_null(
        strstr(text, "\"forwarder\":{\"target\":0.99,\"availability\":null,"
                     "\"error_budget_remaining\":null,\"burn_rate\":null,"
                     "\"state\":\"unknown\",\"window_hours\":24,\"burn_rates\":"
                     "{\"5m\":null,\"1h\":null,\"6h\":null,\"24h\":null}}"));
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "\"ok\""));
    free(text);
}


static void
answers_are_read(void **state)
{
    static const char body[] =
        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\","
        "\"result\":[{\"metric\":{\"n\":\"c0.0\"},\"value\":[1.5,\"90\"]},"
        "{\"metric\":{\"n\":\"c1.0\"},\"value\":[2,\"10\"]},"
        "{\"metric\":{\"n\":\"c0.4\"},\"value\":[2,\"999\"]},"
        "{\"metric\":{\"n\":\"c1.4\"},\"value\":[2,\"1\"]},"
        "{\"metric\":{\"n\":\"c7.4\"},\"value\":[2,\"3\"]},"
        "{\"metric\":{\"n\":\"q0\"},\"value\":[2,\"0.8\"]},"
        "{\"metric\":{\"n\":\"q1\"},\"value\":[2,\"NaN\"]}]}}";
    mutt_slo_input_t input;

    (void) state;
    assert_int_equal(mutt_slo_query_read(mutt_str(body), &input, NULL),
                     MUTT_OK);
    assert_true(input.ingestor[MUTT_SLO_5M].good == 90);
    assert_true(input.ingestor[MUTT_SLO_5M].bad == 10);
    assert_true(input.ingestor[MUTT_SLO_WINDOW].good == 999);
    assert_true(input.reload.bad == 3);
    assert_true(isnan(input.forwarder[MUTT_SLO_WINDOW].good));

    char *text = document(&input, "2026-01-01T00:00:00.000000Z");

    assert_non_null(
        strstr(text, "\"ingestor\":{\"target\":0.995,\"availability\":0.999,"
                     "\"error_budget_remaining\":0.8,\"burn_rate\":0.2,"
                     "\"state\":\"ok\",\"window_hours\":24,\"burn_rates\":"
                     "{\"5m\":20,\"1h\":null,"));
    assert_non_null(strstr(text,
                           "\"target_seconds\":0.5,\"actual_value\":0.8,"
                           "\"error_budget_remaining\":null,\"burn_rate\":null,"
                           "\"state\":\"warn\""));
    free(text);
}


static void
what_is_no_answer_is_refused(void **state)
{
    static const char *const bodies[] = {
        "",
        "{",
        "[]",
        "{\"status\":\"error\"}",
        "{\"data\":{\"result\":{}}}",
        "{\"data\":{\"result\":[{}]}}",
        "{\"data\":{\"result\":[{\"metric\":{\"n\":\"c0.9\"},"
        "\"value\":[1,\"2\"]}]}}",
        "{\"data\":{\"result\":[{\"metric\":{\"n\":\"c4.0\"},"
        "\"value\":[1,\"2\"]}]}}",
        "{\"data\":{\"result\":[{\"metric\":{\"n\":\"c-1.0\"},"
        "\"value\":[1,\"2\"]}]}}",
        "{\"data\":{\"result\":[{\"metric\":{\"n\":\"q2\"},"
        "\"value\":[1,\"2\"]}]}}",
        "{\"data\":{\"result\":[{\"metric\":{\"n\":\"q0\"},"
        "\"value\":[1,2]}]}}",
    };

    (void) state;

    for (size_t i = 0; i < COUNT(bodies); i++) {
        mutt_slo_input_t input;

        assert_int_equal(mutt_slo_query_read(mutt_str(bodies[i]), &input, NULL),
                         MUTT_INVALID);
    }
}


static void
the_address_is_encoded(void **state)
{
    mutt_buf_t b;

    (void) state;
    mutt_buf_init(&b, 65536);
    mutt_slo_query_write(&b, "http://p:9090//", 48);
    assert_true(mutt_buf_ok(&b));
    assert_int_equal(
        strncmp(b.data, "http://p:9090/api/v1/query?query=label_replace%28",
                49),
        0);
    assert_null(strpbrk(b.data + 40, " \"{}[]()+&#"));
    assert_non_null(strstr(b.data, "%5B48h%5D"));
    mutt_buf_done(&b);
}


static void
points_are_what_was_written(void **state)
{
    mutt_slo_input_t input;
    mutt_slo_point_t point;
    mutt_slo_point_t back;
    mutt_buf_t b;

    (void) state;
    mutt_slo_input_init(&input);
    input.ingestor[MUTT_SLO_WINDOW] = (mutt_slo_count_t) { 9990, 10 };
    input.ingestor[MUTT_SLO_5M] = (mutt_slo_count_t) { 0, 10 };
    input.reload = (mutt_slo_count_t) { 3, 1 };
    input.forward_p99 = 0.25;
    mutt_slo_point(&point, &input, &terms, 1767225600);

    mutt_buf_init(&b, 4096);
    mutt_slo_point_write(&b, &point);
    mutt_buf_add(&b, "", 1);
    assert_true(mutt_buf_ok(&b));
    assert_true(mutt_slo_point_read(b.data, &back));
    mutt_buf_done(&b);

    assert_int_equal(back.at, 1767225600);
    assert_true(back.actual[MUTT_SLO_INGESTOR_AVAILABILITY] == 0.999);
    assert_true(back.target[MUTT_SLO_INGESTOR_AVAILABILITY] == 0.995);
    assert_true(isnan(back.actual[MUTT_SLO_INGESTOR_LATENCY]));
    assert_true(back.actual[MUTT_SLO_FORWARDER_LATENCY] == 0.25);
    assert_true(isnan(back.actual[MUTT_SLO_FORWARDER_AVAILABILITY]));
    assert_true(back.target[MUTT_SLO_FORWARDER_AVAILABILITY] == 0.99);
    assert_true(back.actual[MUTT_SLO_ALERTER_RELOAD] == 0.75);
}


static void
what_is_no_point_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "1767225600",
        "1767225600 1 1 1 1 1 1 1 1 1 1 1",
        "1767225600 1 1 1 1 1 1 1 1 1 1 1 x",
        "1767225600 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "1767225600 1 1 1 1 1 1 1 1 1 1 1 1 ",
        "99999999999999999999 1 1 1 1 1 1 1 1 1 1 1 1",
    };
    mutt_slo_point_t point;

    (void) state;

    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_false(mutt_slo_point_read(texts[i], &point));
    }
}


static void
history_is_in_columns(void **state)
{
    mutt_slo_point_t points[2];
    mutt_buf_t b;

    (void) state;
    assert_true(mutt_slo_point_read("1767225600 0.999 0.995 0.1 nan 1 0.99 nan"
                                    " nan nan 0.999 1 0.99",
                                    &points[0]));
    assert_true(mutt_slo_point_read("1767225900 nan 0.995 nan nan 1 0.99 nan"
                                    " nan nan 0.999 1 0.99",
                                    &points[1]));
    mutt_buf_init(&b, 1 << 16);
    mutt_slo_history_write(&b, 48, points, 2);
    mutt_buf_add(&b, "", 1);
    assert_true(mutt_buf_ok(&b));
    assert_non_null(
        strstr(b.data, "{\"hours\":48,\"step_seconds\":300,"
                       "\"evaluated_at\":[\"2026-01-01T00:00:00Z\","
                       "\"2026-01-01T00:05:00Z\"],\"slos\":[{\"slo_name\":"
                       "\"ingestor_availability\",\"actual_value\":"
                       "[0.999,null],\"error_budget_remaining\":[0.8,null],"
                       "\"burn_rate\":[0.2,null]},{\"slo_name\":"
                       "\"ingestor_latency_p99\",\"actual_value\":[0.1,null],"
                       "\"error_budget_remaining\":null,\"burn_rate\":null},"));

    mutt_buf_reset(&b);
    mutt_slo_history_write(&b, 49, points, 0);
    mutt_buf_add(&b, "", 1);
    assert_ptr_equal(strstr(b.data, "{\"hours\":49,\"step_seconds\":3600,"
                                    "\"evaluated_at\":[],\"slos\":[{"),
                     b.data);
    mutt_buf_done(&b);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mathematics),
        cmocka_unit_test(no_traffic_is_no_number),
        cmocka_unit_test(unknown_is_null),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(the_address_is_encoded),
        cmocka_unit_test(points_are_what_was_written),
        cmocka_unit_test(what_is_no_point_is_refused),
        cmocka_unit_test(history_is_in_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
