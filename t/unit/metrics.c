/* The Prometheus text of counters, gauges and histograms. */

#include "unit.h"

#include "conf/mutt_metrics.h"
#include "conf/mutt_settings.h"


static char *
render(uint64_t *const rows[], size_t n, unsigned mask)
{
    mutt_buf_t b;

    mutt_buf_init(&b, 1 << 20);
    mutt_metrics_render(
        &b, &(mutt_metrics_view_t) {
                .rows = rows, .n = n, .mask = mask, .version = "1.2.3" });
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


static void
parts_of_a_shared_gauge_are_summed(void **state)
{
    uint64_t *a = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    uint64_t *b = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    uint64_t *c = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    uint64_t *rows[] = { a, b, c };

    (void) state;
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    mutt_metric_set(a, MUTT_M_DB_POOL_BUSY, 2);
    mutt_metric_set(b, MUTT_M_DB_POOL_BUSY, 3);

    char *text = render(rows, 3, MUTT_S_MODULE);

    assert_non_null(strstr(text, "# TYPE mutt_webui_db_pool_connections gauge\n"
                                 "mutt_webui_db_pool_connections"
                                 "{state=\"busy\"} 5\n"));
    free(text);
    mutt_metric_set(a, MUTT_M_DB_POOL_BUSY, 0);
    text = render(rows, 3, MUTT_S_MODULE);
    assert_non_null(
        strstr(text, "mutt_webui_db_pool_connections{state=\"busy\"} 3\n"));
    free(text);
    free(a);
    free(b);
    free(c);
}


static void
openmetrics_is_given_to_who_wants_it(void **state)
{
    static const struct {
        const char *accept;
        bool open;
    } rows[] = {
        { NULL, false },
        { "", false },
        { "*/*", false },
        { "text/plain", false },
        { "application/openmetrics-text", true },
        { "Application/OpenMetrics-Text; version=1.0.0", true },
        { "application/openmetrics-text;version=1.0.0;q=0.5,"
          "application/openmetrics-text;version=0.0.1;q=0.4,"
          "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
          true },
        { "text/plain;q=0.9, application/openmetrics-text;q=0.1", false },
        { "application/openmetrics-text;q=0", false },
        { "application/openmetrics-text;q=x", false },
        { "application/openmetrics", false },
        { ",,, application/openmetrics-text ,", true },
        { "text/html;", false },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(mutt_metrics_openmetrics(rows[i].accept),
                         rows[i].open);
    }
}


static void
openmetrics_names_families_without_total_and_ends(void **state)
{
    uint64_t *slots = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    uint64_t *rows[] = { slots };
    mutt_metrics_view_t view = { .rows = rows,
                                 .n = 1,
                                 .mask = MUTT_S_ALL,
                                 .version = "1.2.3",
                                 .openmetrics = true };
    mutt_buf_t b;

    (void) state;

    assert_non_null(slots);
    mutt_metric_add(slots, MUTT_M_INGEST_REQUESTS_OK, 3);
    mutt_buf_init(&b, 1 << 20);
    mutt_metrics_render(&b, &view);
    mutt_buf_add(&b, "", 1);
    assert_true(mutt_buf_ok(&b));
    assert_non_null(strstr(b.data,
                           "\n# TYPE mutt_ingest_requests counter\n"
                           "mutt_ingest_requests_total{status=\"success\","
                           "reason=\"\"} 3\n"));
    assert_null(strstr(b.data, "# TYPE mutt_ingest_requests_total "));
    assert_non_null(strstr(b.data, "# TYPE mutt_ingest_queue_depth gauge\n"));
    assert_string_equal(b.data + b.len - 1 - 6, "# EOF\n");
    assert_ptr_equal(strstr(b.data, "# EOF"), b.data + b.len - 1 - 6);
    mutt_buf_done(&b);
    free(slots);
}


static void
exemplars_are_in_openmetrics_alone(void **state)
{
    static const unsigned char older[MUTT_EXEMPLAR_ID] = { 1, 2 };
    static const unsigned char newer[MUTT_EXEMPLAR_ID] = { 0xab, 0xcd };
    uint64_t *a = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    uint64_t *c = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    uint64_t *rows[] = { a, c };
    mutt_metrics_view_t view = { .rows = rows,
                                 .n = 2,
                                 .mask = MUTT_S_MODULE,
                                 .version = "",
                                 .openmetrics = true };
    mutt_buf_t b;

    (void) state;

    assert_non_null(a);
    assert_non_null(c);
    mutt_metric_observe_in(a, MUTT_M_INGEST_LATENCY_ALL, 0.003, older);
    mutt_metric_observe_in(c, MUTT_M_INGEST_LATENCY_ALL, 77, older);
    mutt_metric_observe_in(a, MUTT_M_INGEST_LATENCY_ALL, 0.2, NULL);

    /* a histogram without exemplars has none */
    mutt_metric_observe_in(a, MUTT_M_DB_QUERY_READ, 0.003, older);

    /* the clock counts microseconds, of which this takes some */
    free(render(rows, 2, MUTT_S_ALL));
    mutt_metric_observe_in(c, MUTT_M_INGEST_LATENCY_ALL, 0.004, newer);

    mutt_buf_init(&b, 1 << 20);
    mutt_metrics_render(&b, &view);
    mutt_buf_add(&b, "", 1);
    assert_true(mutt_buf_ok(&b));
    assert_non_null(
        strstr(b.data, "\nmutt_ingest_latency_seconds_bucket{le=\"0.005\"} 2"
                       " # {trace_id=\"abcd0000000000000000000000000000\"}"
                       " 0.004 1"));
    assert_non_null(strstr(b.data,
                           "\nmutt_ingest_latency_seconds_bucket{le=\"+Inf\"} 4"
                           " # {trace_id=\"01020000000000000000000000000000\"}"
                           " 77 1"));
    assert_non_null(strstr(b.data, "bucket{le=\"0.25\"} 3\n"));

    char *text = render(rows, 2, MUTT_S_MODULE);

    assert_null(strstr(text, "trace_id"));
    assert_non_null(
        strstr(text, "\nmutt_ingest_latency_seconds_bucket{le=\"0.005\"} 2\n"));
    free(text);
    mutt_buf_done(&b);
    free(a);
    free(c);
}


/* A counter whose family cannot be told from its samples is none there. */
static void
every_counter_ends_in_total(void **state)
{
    uint64_t *slots = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    uint64_t *rows[] = { slots };
    mutt_buf_t b;
    size_t counters = 0;

    (void) state;

    assert_non_null(slots);
    mutt_buf_init(&b, 1 << 20);
    mutt_metrics_render(
        &b, &(mutt_metrics_view_t) {
                .rows = rows, .n = 1, .mask = MUTT_S_ALL, .version = "" });
    mutt_buf_add(&b, "", 1);

    for (const char *p = b.data; (p = strstr(p, " counter\n")) != NULL; p++) {
        assert_memory_equal(p - 6, "_total", 6);
        counters++;
    }

    assert_true(counters > 20);
    mutt_buf_done(&b);
    free(slots);
}


static void
hits_are_counted_by_rule_up_to_a_number(void **state)
{
    static mutt_hits_t hits;
    uint64_t *slots = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    uint64_t *rows[] = { slots };
    mutt_metrics_view_t view = { .rows = rows,
                                 .n = 1,
                                 .mask = MUTT_S_ALERTER,
                                 .version = "",
                                 .hits = &hits };
    mutt_buf_t b;

    (void) state;

    assert_non_null(slots);

    /* ids that meet in one place of the table, and negative ones */
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MUTT_HITS_RULES; i++) {
            assert_true(mutt_hits_add(&hits, INT32_MAX - 4000 * i));
        }
    }

    assert_false(mutt_hits_add(&hits, 1));
    assert_true(mutt_hits_add(&hits, INT32_MAX));

    mutt_buf_init(&b, 1 << 20);
    mutt_metrics_render(&b, &view);
    mutt_buf_add(&b, "", 1);
    assert_true(mutt_buf_ok(&b));
    assert_non_null(strstr(b.data, "\nmutt_alerter_rule_hits_total{rule_id="
                                   "\"2147483647\"} 4\n"));
    assert_non_null(strstr(b.data, "{rule_id=\"2147479647\"} 3\n"));
    assert_non_null(strstr(b.data, "{rule_id=\"other\"} 0\n"));
    assert_null(strstr(b.data, "{rule_id=\"1\"}"));
    mutt_buf_done(&b);
    free(slots);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openmetrics_is_given_to_who_wants_it),
        cmocka_unit_test(openmetrics_names_families_without_total_and_ends),
        cmocka_unit_test(exemplars_are_in_openmetrics_alone),
        cmocka_unit_test(parts_of_a_shared_gauge_are_summed),
        cmocka_unit_test(every_counter_ends_in_total),
        cmocka_unit_test(hits_are_counted_by_rule_up_to_a_number),
        cmocka_unit_test(processes_are_summed),
        cmocka_unit_test(a_reader_sees_its_own),
        cmocka_unit_test(the_newest_gauge_counts),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
