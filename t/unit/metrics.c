/* The Prometheus text of counters, gauges and histograms. */

#include "unit.h"

#include "conf/mutt_metrics.h"
#include "conf/mutt_settings.h"


static char *
render(uint64_t *const rows[], size_t n, unsigned mask)
{
    mutt_buf_t b;

    mutt_buf_init(&b, 1 << 20);
    mutt_metrics_render(&b, rows, n, mask, "1.2.3");
    mutt_buf_add(&b, "", 1);
    assert_true(mutt_buf_ok(&b));

    return b.data;
}


static void
processes_are_summed(void **state)
{
    uint64_t *a = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    uint64_t *b = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    uint64_t *rows[] = { a, b };

    (void) state;
    mutt_metric_add(a, MUTT_M_INGEST_REQUESTS_OK, 2);
    mutt_metric_add(b, MUTT_M_INGEST_REQUESTS_OK, 3);
    mutt_metric_set(a, MUTT_M_INGEST_QUEUE_DEPTH_ALL, 7);
    mutt_metric_observe(a, MUTT_M_INGEST_LATENCY_ALL, 0.0005);
    mutt_metric_observe(b, MUTT_M_INGEST_LATENCY_ALL, 0.005);
    mutt_metric_observe(b, MUTT_M_INGEST_LATENCY_ALL, 100);

    char *text = render(rows, 2, MUTT_S_MODULE);

    assert_non_null(strstr(
        text, "\nmutt_ingest_requests_total{status=\"success\",reason=\"\"} "
              "5\n"));
    assert_non_null(strstr(text, "# TYPE mutt_ingest_queue_depth gauge\n"
                                 "mutt_ingest_queue_depth 7\n"));
    assert_non_null(
        strstr(text, "mutt_ingest_latency_seconds_bucket{le=\"0.001\"} 1\n"
                     "mutt_ingest_latency_seconds_bucket{le=\"0.005\"} 2\n"));
    assert_non_null(strstr(text,
                           "mutt_ingest_latency_seconds_bucket{le=\"5\"} 2\n"
                           "mutt_ingest_latency_seconds_bucket{le=\"+Inf\"} 3\n"
                           "mutt_ingest_latency_seconds_sum 100.0055\n"
                           "mutt_ingest_latency_seconds_count 3\n"));
    assert_non_null(strstr(text, "mutt_build_info{version=\"1.2.3\"} 1\n"));
    free(text);
    free(a);
    free(b);
}


static void
a_reader_sees_its_own(void **state)
{
    uint64_t *a = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    uint64_t *rows[] = { a };
    char *text = render(rows, 1, MUTT_S_FORWARDER);

    (void) state;
    assert_null(strstr(text, "mutt_ingest_"));
    assert_non_null(strstr(text, "mutt_moog_requests_total{"));
    free(text);
    free(a);
}


static void
the_newest_gauge_counts(void **state)
{
    uint64_t *a = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    uint64_t *b = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    uint64_t *rows[] = { a, b };

    (void) state;
    mutt_metric_set(b, MUTT_M_INGEST_QUEUE_DEPTH_ALL, 1);

    /* the clock counts microseconds, of which this takes some */
    free(render(rows, 2, MUTT_S_ALL));
    mutt_metric_set(a, MUTT_M_INGEST_QUEUE_DEPTH_ALL, 2);

    char *text = render(rows, 2, MUTT_S_MODULE);

    assert_non_null(strstr(text, "mutt_ingest_queue_depth 2\n"));
    free(text);
    free(a);
    free(b);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_are_summed),
        cmocka_unit_test(a_reader_sees_its_own),
        cmocka_unit_test(the_newest_gauge_counts),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
