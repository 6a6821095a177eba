/* Trace contexts as they come, the journey of an event, and OTLP's JSON. */

#include "unit.h"

#include "domain/mutt_journey.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"
#define ZEROS "0000000000000000"


static void
a_traceparent_is_read_and_written(void **state)
{
    char text[MUTT_TRACEPARENT_LEN + 1];
    mutt_trace_t trace;

    (void) state;

    assert_true(mutt_trace_parse(MUTT_STR("00-" TRACE "-" SPAN "-01"), &trace));
    assert_true(trace.sampled);
    mutt_trace_format(&trace, text);
    assert_string_equal(text, "00-" TRACE "-" SPAN "-01");

    assert_true(mutt_trace_parse(MUTT_STR("00-" TRACE "-" SPAN "-02"), &trace));
    assert_false(trace.sampled);
    mutt_trace_format(&trace, text);
    assert_string_equal(text, "00-" TRACE "-" SPAN "-00");

    /* a later version may have more behind it */
    assert_true(
        mutt_trace_parse(MUTT_STR("01-" TRACE "-" SPAN "-03-more"), &trace));
    assert_true(trace.sampled);
}


static void
what_is_no_traceparent_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "00",
        "00-" TRACE "-" SPAN,
        "00-" TRACE "-" SPAN "-1",
        "00-" TRACE "-" SPAN "-0g",
        "00-" TRACE "-" SPAN "-01-",
        "00-" TRACE "-" SPAN "-011",
        "01-" TRACE "-" SPAN "-01x",
        "ff-" TRACE "-" SPAN "-01",
        "0-0" TRACE "-" SPAN "-01",
        "00_" TRACE "-" SPAN "-01",
        "00-" TRACE "_" SPAN "-01",
        "00-" TRACE "-" SPAN "_01",
        "00-" ZEROS ZEROS "-" SPAN "-01",
        "00-" TRACE "-" ZEROS "-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        " 00-" TRACE "-" SPAN "-01",
    };
    mutt_trace_t trace;

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (mutt_trace_parse(mutt_str(rows[i]), &trace)) {
            fail_msg("taken: %s", rows[i]);
        }
    }

    /* a NUL is a byte like others */
    assert_false(mutt_trace_parse(
        (mutt_str_t) { "00-" TRACE "-" SPAN "-0\0", MUTT_TRACEPARENT_LEN },
        &trace));
}


static void
an_origin_is_read_as_it_was_written(void **state)
{
    static const char *const bad[] = { "",
                                       SPAN,
                                       SPAN "-",
                                       SPAN "x1",
                                       "x-1",
                                       "00f067aa0ba902bX-1",
                                       SPAN "-86400000001" };
    char text[MUTT_TRACE_ORIGIN_LEN + 1];
    mutt_trace_origin_t origin = { .took = INT64_MAX };
    mutt_trace_origin_t again;

    (void) state;

    memset(origin.parent, 0xab, sizeof(origin.parent));
    mutt_trace_origin_format(&origin, text);
    assert_true(mutt_trace_origin_parse(mutt_str(text), &again));
    assert_memory_equal(origin.parent, again.parent, sizeof(again.parent));
    assert_int_equal(again.took, 86400 * MUTT_USEC_SEC);

    /* a clock that was set back took no time */
    origin.took = -5;
    mutt_trace_origin_format(&origin, text);
    assert_true(mutt_trace_origin_parse(mutt_str(text), &again));
    assert_int_equal(again.took, 0);

    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(mutt_trace_origin_parse(mutt_str(bad[i]), &again));
    }
}


static mutt_event_t
event_of(const char *traceparent, int64_t attempts, int64_t replays)
{
    return (mutt_event_t) {
        .attempts = attempts,
        .replays = replays,
        .event_id = MUTT_STR("0197b0c2-0000-7000-8000-000000000001"),
        .correlation_id = MUTT_STR("order-7"),
        .received_usec = 1000000,
        .traceparent = mutt_str(traceparent),
        .trace_origin = MUTT_STR(SPAN "-300"),
    };
}


static void
a_journey_tells_of_ingest_once(void **state)
{
    static const unsigned char random[MUTT_JOURNEY_RANDOM] = { 1, 2, 3 };
    static const struct {
        int64_t attempts;
        int64_t replays;
        bool inserted;
        size_t spans;
    } rows[] = {
        { 0, 0, true, 5 },
        { 0, 0, false, 4 },
        { 1, 0, true, 3 },
        { 0, 1, false, 2 },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        mutt_event_t event = event_of("00-" TRACE "-" SPAN "-01",
                                      rows[i].attempts, rows[i].replays);
        mutt_span_t spans[MUTT_JOURNEY_SPANS];
        mutt_journey_t journey;

        assert_true(mutt_journey_begin(&journey, &event, random));
        journey.inserting = rows[i].inserted ? 1000100 : 0;
        assert_int_equal(mutt_journey_spans(&journey, &event, spans),
                         rows[i].spans);

        if (rows[i].spans >= 4) {
            assert_int_equal(spans[0].what, MUTT_SPAN_INGEST);
            assert_int_equal(spans[0].start, 999700);
            assert_int_equal(spans[0].end, 1000000);
        }
    }
}


static void
what_is_not_sampled_makes_no_journey(void **state)
{
    static const unsigned char random[MUTT_JOURNEY_RANDOM] = { 1 };
    static const char *const rows[] = { "", "00-" TRACE "-" SPAN "-00", "x" };
    mutt_journey_t journey;

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        mutt_event_t event = event_of(rows[i], 0, 0);

        assert_false(mutt_journey_begin(&journey, &event, random));
        assert_false(journey.on);
    }
}


static void
spans_are_written_as_otlp_wants_them(void **state)
{
    static const mutt_trace_resource_t resource = {
        .name = "",
        .service = "mutt-alerter",
        .version = "2.5",
        .instance = "a\"1",
        .environment = "test",
        .attributes = "zone=z%2C1%zz,=none,bad, k = v ",
    };
    mutt_trace_t trace;
    mutt_span_t span = {
        .what = MUTT_SPAN_MATCH,
        .start = 1700000000000001,
        .end = 1700000000000000,
        .rule_id = 7,
        .failed = true,
        .event_id = "e",
        .correlation_id = "c",
    };
    mutt_buf_t out;

    (void) state;

    assert_true(mutt_trace_parse(MUTT_STR("00-" TRACE "-" SPAN "-01"), &trace));
    memcpy(span.trace, trace.trace, sizeof(span.trace));
    memcpy(span.id, trace.span, sizeof(span.id));

    mutt_buf_init(&out, 65536);
    mutt_trace_write(&out, &resource, &span, 1);
    mutt_buf_add(&out, "", 1);
    assert_true(mutt_buf_ok(&out));
    assert_string_equal(
        out.data,
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
        "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"mutt-alerter\"}"
        "}"
        ",{\"key\":\"service.version\",\"value\":{\"stringValue\":\"2.5\"}}"
        ",{\"key\":\"service.instance.id\",\"value\":{\"stringValue\":"
        "\"a\\\"1\"}}"
        ",{\"key\":\"deployment.environment\",\"value\":{\"stringValue\":"
        "\"test\"}}"
        ",{\"key\":\"zone\",\"value\":{\"stringValue\":\"z,1%zz\"}}"
        ",{\"key\":\"k\",\"value\":{\"stringValue\":\"v\"}}]},"
        "\"scopeSpans\":[{\"scope\":{\"name\":\"mutt\",\"version\":\"2.5\"},"
        "\"spans\":[{\"traceId\":\"" TRACE "\",\"spanId\":\"" SPAN "\","
        "\"name\":\"match\",\"kind\":1,"
        "\"startTimeUnixNano\":\"1700000000000001000\","
        "\"endTimeUnixNano\":\"1700000000000001000\",\"attributes\":["
        "{\"key\":\"mutt.event_id\",\"value\":{\"stringValue\":\"e\"}},"
        "{\"key\":\"mutt.correlation_id\",\"value\":{\"stringValue\":\"c\"}},"
        "{\"key\":\"mutt.rule_id\",\"value\":{\"intValue\":\"7\"}}],"
        "\"status\":{\"code\":2}}]}]}]}");
    mutt_buf_done(&out);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_traceparent_is_read_and_written),
        cmocka_unit_test(what_is_no_traceparent_is_refused),
        cmocka_unit_test(an_origin_is_read_as_it_was_written),
        cmocka_unit_test(a_journey_tells_of_ingest_once),
        cmocka_unit_test(what_is_not_sampled_makes_no_journey),
        cmocka_unit_test(spans_are_written_as_otlp_wants_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
