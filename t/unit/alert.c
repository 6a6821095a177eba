/* Alerts as they are queued, and what the webhook is sent for them. */

#include "unit.h"

#include "domain/mutt_alert.h"
#include "domain/mutt_webhook.h"

#define ID "01930000-0000-7000-8000-000000000000"

static mutt_json_reader_t *reader;
static mutt_pool_t *pool;

static const mutt_rule_t rule = {
    .id = 7,
    .prod = MUTT_HANDLE_PAGE_AND_TICKET,
    .dev = MUTT_HANDLE_TICKET_ONLY,
    .team = { "Net\"ops", 7 },
};

static const mutt_event_t event = {
    .attempts = 2,
    .replays = 1,
    .event_id = { ID, 36 },
    .correlation_id = { "c1", 2 },
    .received_at = { "2026-11-20T10:00:00.000000Z", 27 },
    .source = { "ingest", 6 },
    .hostname = { "r1", 2 },
    .message = { "link \"17\" down\n", 15 },
    .event_usec = INT64_C(1795168800000000),
    .severity = 3,
    .body = { "{\"x\":99999999999999999999}", 26 },
};


static void
check(mutt_buf_t *b, const char *wanted)
{
    if (!mutt_buf_ok(b) || !mutt_str_eq(mutt_buf_str(b), mutt_str(wanted))) {
        fail_msg("%.*s", (int) b->len, b->data);
    }
}


static void
an_alert_carries_its_event(void **state)
{
    mutt_buf_t b;

    (void) state;
    mutt_buf_init(&b, 65536);
    mutt_alert_write(&b, &event, &rule, true);
    check(&b, "{\"_attempts\":0,\"_replays\":1,\"_event_id\":\"" ID "\","
              "\"_correlation_id\":\"c1\","
              "\"_received_at\":\"2026-11-20T10:00:00.000000Z\","
              "\"_source\":\"ingest\",\"hostname\":\"r1\","
              "\"team_assignment\":\"Net\\\"ops\",\"severity\":\"Major\","
              "\"message_body\":\"link \\\"17\\\" down\\n\",\"rule_id\":7,"
              "\"handling\":\"Ticket_only\",\"environment\":\"dev\","
              "\"event_timestamp\":\"2026-11-20T10:00:00.000000Z\","
              "\"raw_json\":{\"x\":99999999999999999999}}");
    mutt_buf_done(&b);
}


static void
the_webhook_gets_what_the_contract_says(void **state)
{
    mutt_buf_t alert;
    mutt_delivery_t d;
    mutt_err_t err;
    const char *head = "{\"signature\":\"r1:7:";
    const char *tail =
        "\",\"source_id\":\"r1\",\"external_id\":\"" ID "\","
        "\"manager\":\"MUTT\",\"source\":\"MUTT Alerter\","
        "\"class\":\"Net\\\"ops\",\"agent\":\"MUTT\","
        "\"agent_location\":\"Alerter Service\",\"type\":\"Alert\","
        "\"severity\":4,\"description\":\"link \\\"17\\\" down\\n\","
        "\"agent_time\":1795168800,\"custom_info\":{"
        "\"correlation_id\":\"c1\",\"event_id\":\"" ID "\",\"rule_id\":7,"
        "\"handling\":\"Page_and_ticket\",\"environment\":\"prod\","
        "\"event\":{\"x\":99999999999999999999}}}";

    (void) state;
    mutt_buf_init(&alert, 65536);
    mutt_alert_write(&alert, &event, &rule, false);
    assert_int_equal(
        mutt_webhook_read(reader, mutt_buf_str(&alert), pool, &d, &err),
        MUTT_OK);
    assert_memory_equal(d.body.data, head, strlen(head));
    assert_string_equal(d.body.data + strlen(head) + 16, tail);
    assert_string_equal(d.idempotency_key.data, ID ":7");
    mutt_buf_done(&alert);
}


static void
a_meta_alert_is_an_alert(void **state)
{
    mutt_buf_t head;
    mutt_buf_t tail;
    mutt_delivery_t d;
    mutt_err_t err;
    mutt_meta_t meta = {
        .received_at = MUTT_STR("2026-11-20T10:00:00.000000Z"),
        .team = MUTT_STR("NETO"),
        .host = MUTT_STR("r\"1"),
        .sample = MUTT_STR("what\nis this"),
        .expiry_s = 60,
    };

    (void) state;
    assert_true(mutt_uuid_parse(MUTT_STR(ID), &meta.id));
    mutt_buf_init(&head, 65536);
    mutt_buf_init(&tail, 65536);
    mutt_alert_write_meta(&head, &tail, &meta);
    mutt_buf_add_int(&head, 100);
    mutt_buf_add_str(&head, mutt_buf_str(&tail));
    assert_int_equal(
        mutt_webhook_read(reader, mutt_buf_str(&head), pool, &d, &err),
        MUTT_OK);
    assert_string_equal(d.idempotency_key.data, ID);
    assert_non_null(strstr(d.body.data, "\"source_id\":\"MUTT_Alerter\""));
    assert_non_null(strstr(d.body.data, "\"severity\":3"));
    assert_non_null(strstr(
        d.body.data, "\"description\":\"[MUTT] Detected 100 unhandled messages "
                     "in 60s from 'r\\\"1'. Sample message: "
                     "what\\nis this\""));
    mutt_buf_done(&head);
    mutt_buf_done(&tail);
}


static void
a_failure_is_noted_once(void **state)
{
    mutt_buf_t first;
    mutt_buf_t second;

    (void) state;
    mutt_buf_init(&first, 65536);
    mutt_buf_init(&second, 65536);
    mutt_alert_write_failed(
        &first, MUTT_STR("{\"_attempts\":0,\"_replays\":2,\"a\":1}"), 1, "t1",
        "http_500");
    check(&first, "{\"_attempts\":1,\"_failed_at\":\"t1\","
                  "\"_failed_reason\":\"http_500\",\"_replays\":2,\"a\":1}");
    mutt_alert_write_failed(&second, mutt_buf_str(&first), 2, "t2", "timeout");
    check(&second, "{\"_attempts\":2,\"_failed_at\":\"t2\","
                   "\"_failed_reason\":\"timeout\",\"_replays\":2,\"a\":1}");
    mutt_buf_done(&first);
    mutt_buf_done(&second);
}


static void
severities_become_words_and_numbers(void **state)
{
    static const struct {
        int syslog;
        const char *word;
        int number;
    } rows[] = {
        { 0, "Critical", 5 }, { 1, "Critical", 5 }, { 2, "Critical", 5 },
        { 3, "Major", 4 },    { 4, "Warning", 3 },  { 5, "Minor", 2 },
        { 6, "Info", 1 },     { 7, "Info", 1 },     { -1, "Warning", 3 },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *word = mutt_alert_severity(rows[i].syslog);

        assert_string_equal(word, rows[i].word);
        assert_int_equal(mutt_alert_severity_number(mutt_str(word)),
                         rows[i].number);
    }

    assert_int_equal(mutt_alert_severity_number(MUTT_STR("clear")), 0);
}


static void
a_sample_is_cut_between_characters(void **state)
{
    char sample[600];
    mutt_meta_t meta = { .received_at = MUTT_STR("2026-11-20T10:00:00Z"),
                         .team = MUTT_STR("NETO"),
                         .host = MUTT_STR("r1"),
                         .sample = { sample, sizeof(sample) } };
    mutt_buf_t head;
    mutt_buf_t tail;

    (void) state;

    for (size_t i = 0; i < sizeof(sample); i += 2) {
        memcpy(sample + i, "\xc3\xa9", 2);
    }

    mutt_buf_init(&head, 65536);
    mutt_buf_init(&tail, 65536);
    mutt_alert_write_meta(&head, &tail, &meta);
    mutt_buf_add(&tail, "", 1);

    /* two hundred characters of two bytes, quote and brace */
    assert_int_equal(strlen(strstr(tail.data, "\xc3\xa9")), 2 * 200 + 2);
    mutt_buf_done(&head);
    mutt_buf_done(&tail);
}


static void
a_failure_spoils_nothing_behind_it(void **state)
{
    static const struct {
        const char *element;
        const char *failed;
    } rows[] = {
        { "{\"_attempts\":0,\"_replays\":1,\"a\":{\"_replays\":2}}",
          "{\"_attempts\":3,\"_failed_at\":\"T\",\"_failed_reason\":\"why\","
          "\"_replays\":1,\"a\":{\"_replays\":2}}" },
        { "{\"_attempts\":12,\"_failed_at\":\"2026-11-20T10:00:00.000000Z\","
          "\"_failed_reason\":\"sqlstate_XX000\",\"_replays\":0}",
          "{\"_attempts\":3,\"_failed_at\":\"T\",\"_failed_reason\":\"why\","
          "\"_replays\":0}" },
        /* of somebody else's making, but still whole */
        { "{\"a\":{\"b\":1,\"_replays\":2}}",
          "{\"_attempts\":3,\"_failed_at\":\"T\",\"_failed_reason\":\"why\","
          "\"a\":{\"b\":1,\"_replays\":2}}" },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        mutt_buf_t out;

        mutt_buf_init(&out, 65536);
        mutt_alert_write_failed(&out, mutt_str(rows[i].element), 3, "T", "why");
        assert_true(mutt_str_eq(mutt_buf_str(&out), mutt_str(rows[i].failed)));
        mutt_buf_done(&out);
    }
}


static void
a_malformed_item_that_escapes_would_swell_is_encoded(void **state)
{
    static const char head[] = "{\"_failed_at\":\"t\",\"_failed_reason\":"
                               "\"malformed\",\"raw_base64\":\"";
    size_t len = 90u << 20;
    char *controls = malloc(len);
    mutt_buf_t b;

    (void) state;
    assert_non_null(controls);
    memset(controls, 1, len);
    mutt_buf_init(&b, 1u << 30);
    mutt_alert_write_malformed(&b, (mutt_str_t) { controls, len }, "t",
                               "malformed");
    assert_true(mutt_buf_ok(&b));
    assert_true(b.len < 512u << 20);
    assert_memory_equal(b.data, head, sizeof(head) - 1);
    mutt_buf_done(&b);
    free(controls);
}


static void
a_malformed_item_keeps_its_bytes(void **state)
{
    mutt_buf_t b;

    (void) state;
    mutt_buf_init(&b, 65536);
    mutt_alert_write_malformed(&b, MUTT_STR("a\"b\n"), "t", "malformed");
    check(&b, "{\"_failed_at\":\"t\",\"_failed_reason\":\"malformed\","
              "\"raw\":\"a\\\"b\\n\"}");
    mutt_buf_reset(&b);
    mutt_alert_write_malformed(&b, MUTT_STR("\xff\x00\xfe"), "t", "malformed");
    check(&b, "{\"_failed_at\":\"t\",\"_failed_reason\":\"malformed\","
              "\"raw_base64\":\"/wD+\"}");
    mutt_buf_done(&b);
}


static void
what_is_no_alert_is_invalid(void **state)
{
    static const char *const items[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"_event_id\":\"" ID "\"}",
        "{\"_event_id\":\"" ID "\",\"_correlation_id\":\"c\","
        "\"hostname\":\"h\"}",
        "{\"_event_id\":\"" ID "\",\"_correlation_id\":\"c d\","
        "\"hostname\":\"h\",\"message_body\":\"m\"}",
    };
    mutt_delivery_t d;
    mutt_err_t err;

    (void) state;

    for (size_t i = 0; i < COUNT(items); i++) {
        assert_int_equal(
            mutt_webhook_read(reader, mutt_str(items[i]), pool, &d, &err),
            MUTT_INVALID);
    }
}


static int
setup(void **state)
{
    (void) state;
    reader = mutt_json_reader_create();
    pool = mutt_pool_create(4096);

    return reader == NULL || pool == NULL ? -1 : 0;
}


static int
teardown(void **state)
{
    (void) state;
    mutt_json_reader_destroy(reader);
    mutt_pool_destroy(pool);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alert_carries_its_event),
        cmocka_unit_test(the_webhook_gets_what_the_contract_says),
        cmocka_unit_test(a_meta_alert_is_an_alert),
        cmocka_unit_test(a_failure_is_noted_once),
        cmocka_unit_test(severities_become_words_and_numbers),
        cmocka_unit_test(a_sample_is_cut_between_characters),
        cmocka_unit_test(a_failure_spoils_nothing_behind_it),
        cmocka_unit_test(a_malformed_item_keeps_its_bytes),
        cmocka_unit_test(a_malformed_item_that_escapes_would_swell_is_encoded),
        cmocka_unit_test(what_is_no_alert_is_invalid),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
