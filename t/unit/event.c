/* From the client's event to the queue element, and back. */

#include "unit.h"

#include "conf/mutt_api_errors.h"
#include "domain/mutt_alert.h"
#include "domain/mutt_event.h"
#include "domain/mutt_webhook.h"

#define HEAD                                                                   \
    "{\"_attempts\":0,\"_replays\":0,"                                         \
    "\"_event_id\":\"01930000-0000-7000-8000-000000000000\","                  \
    "\"_correlation_id\":\"c1\","                                              \
    "\"_received_at\":\"2026-11-20T10:00:00.000000Z\",\"_source\":\"7\""
#define MIN "\"hostname\":\"r1\",\"message\":\"m\",\"timestamp\":0"

static mutt_json_reader_t *reader;

static const mutt_event_limits_t limits = {
    .max_event_bytes = 4096,
    .max_message_bytes = 16,
    .required = { { "hostname", 8 }, { "message", 7 }, { "timestamp", 9 } },
    .n_required = 3,
};

static const struct {
    const char *promise;
    const char *event;
    const char *tail; /* of the element, behind HEAD; NULL: refused */
    int code;
    const char *field;
} rows[] = {
    { "bytes pass as they are", "{ " MIN " , \"x\" : 1.10 }",
      "," MIN ",\"x\" : 1.10}", 0, NULL },
    { "members are told apart by a comma, whatever else is between them",
      "{" MIN ",\"a\":[1, 2],\"_b\":0,\"c\":\"x\" ,\"d\":{},\"e\":\",\"}",
      "," MIN ",\"a\":[1, 2],\"c\":\"x\",\"d\":{},\"e\":\",\"}", 0, NULL },
    { "our members are dropped",
      "{" MIN ",\"_attempts\":9,\"\\u005freplays\":9,"
      "\"shedding_reason\":\"x\"}",
      "," MIN "}", 0, NULL },
    { "a severity word becomes its number",
      "{" MIN ",\"syslog_severity\":\"Warn\"}",
      ",\"syslog_severity\":4," MIN "}", 0, NULL },
    { "severity fills syslog_severity", "{" MIN ",\"severity\":\"crit\"}",
      ",\"syslog_severity\":2," MIN ",\"severity\":\"crit\"}", 0, NULL },
    { "an unknown severity passes", "{" MIN ",\"severity\":\"odd\"}",
      "," MIN ",\"severity\":\"odd\"}", 0, NULL },
    { "a null severity is absent",
      "{" MIN ",\"syslog_severity\":null,\"severity\":3}",
      ",\"syslog_severity\":3," MIN ",\"severity\":3}", 0, NULL },
    { "an OID loses its dot", "{" MIN ",\"trap_oid\":\".1.3.6\"}",
      "," MIN ",\"trap_oid\":\"1.3.6\"}", 0, NULL },
    { "a bad severity", "{" MIN ",\"syslog_severity\":8}", NULL,
      MUTT_API_VALIDATION_FAILED, "syslog_severity" },
    { "a bad OID", "{" MIN ",\"trap_oid\":\"1..3\"}", NULL,
      MUTT_API_VALIDATION_FAILED, "trap_oid" },
    { "a bad id", "{" MIN ",\"event_id\":\"x\"}", NULL,
      MUTT_API_VALIDATION_FAILED, "event_id" },
    { "a missing field", "{\"hostname\":\"r1\",\"timestamp\":0}", NULL,
      MUTT_API_VALIDATION_FAILED, "message" },
    { "a null field", "{\"hostname\":null,\"message\":\"m\",\"timestamp\":0}",
      NULL, MUTT_API_VALIDATION_FAILED, "hostname" },
    { "a blank host", "{\"hostname\":\" \",\"message\":\"m\",\"timestamp\":0}",
      NULL, MUTT_API_VALIDATION_FAILED, "hostname" },
    { "a control character in a host",
      "{\"hostname\":\"a\\n\",\"message\":\"m\",\"timestamp\":0}", NULL,
      MUTT_API_VALIDATION_FAILED, "hostname" },
    { "a bad time",
      "{\"hostname\":\"a\",\"message\":\"m\",\"timestamp\":\"now\"}", NULL,
      MUTT_API_VALIDATION_FAILED, "timestamp" },
    { "a long message",
      "{\"hostname\":\"a\",\"message\":\"12345678901234567\","
      "\"timestamp\":0}",
      NULL, MUTT_API_PAYLOAD_TOO_LARGE, NULL },
    { "no JSON", "{", NULL, MUTT_API_INVALID_JSON, NULL },
    { "no object", "[]", NULL, MUTT_API_NOT_AN_OBJECT, NULL },
};


static mutt_rc_t
admit(const char *event, mutt_buf_t *out, bool *own, mutt_event_fault_t *fault)
{
    mutt_event_meta_t meta = { 0 };
    mutt_buf_t shared;

    mutt_buf_init(&shared, 1024);
    mutt_event_write_shared(&shared, MUTT_STR("c1"),
                            MUTT_STR("2026-11-20T10:00:00.000000Z"),
                            MUTT_STR("7"));
    meta.shared = mutt_buf_str(&shared);

    assert_true(mutt_uuid_parse(
        MUTT_STR("01930000-0000-7000-8000-000000000000"), &meta.new_id));

    mutt_rc_t rc = mutt_event_admit(reader, mutt_str(event), &limits, &meta,
                                    out, own, fault);

    mutt_buf_done(&shared);

    return rc;
}


static void
admits_and_refuses(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        mutt_buf_t out;
        bool own;
        mutt_event_fault_t fault;
        char wanted[1024];

        mutt_buf_init(&out, 65536);

        mutt_rc_t rc = admit(rows[i].event, &out, &own, &fault);

        if (rows[i].tail == NULL) {
            assert_int_equal(rc, MUTT_INVALID);
            assert_int_equal(fault.code, rows[i].code);
            assert_int_equal(out.len, 0);

            if (rows[i].field != NULL) {
                assert_string_equal(fault.fields[0].name, rows[i].field);
            }

        } else {
            (void) snprintf(wanted, sizeof(wanted), HEAD "%s", rows[i].tail);

            if (rc != MUTT_OK ||
                !mutt_str_eq(mutt_buf_str(&out), mutt_str(wanted))) {
                fail_msg("%s: %.*s", rows[i].promise, (int) out.len, out.data);
            }
        }

        mutt_buf_done(&out);
    }
}


static void
a_client_id_becomes_the_event_id(void **state)
{
    mutt_buf_t out;
    bool own;
    mutt_event_fault_t fault;

    (void) state;
    mutt_buf_init(&out, 65536);
    assert_int_equal(
        admit("{" MIN ",\"event_id\":\"0190A6B2-7C3E-7D5F-8A1B-000000000001\"}",
              &out, &own, &fault),
        MUTT_OK);
    assert_true(own);
    assert_memory_equal(out.data + MUTT_EVENT_ID_AT,
                        "0190a6b2-7c3e-7d5f-8a1b-000000000001\"",
                        MUTT_UUID_LEN + 1);
    mutt_buf_done(&out);
}


static void
an_element_reads_back(void **state)
{
    mutt_pool_t *pool = mutt_pool_create(4096);
    mutt_event_t event;
    mutt_err_t err;

    (void) state;
    assert_int_equal(
        mutt_event_read(reader,
                        mutt_str(HEAD ",\"syslog_severity\":4,"
                                      "\"hostname\":\" r1 \","
                                      "\"message\":\"a\\u00e9\","
                                      "\"timestamp\":1.5,\"x\":[1 , 2]}"),
                        pool, &event, &err),
        MUTT_OK);
    assert_string_equal(event.hostname.data, "r1");
    assert_string_equal(event.message.data, "a\xc3\xa9");
    assert_int_equal(event.severity, 4);
    assert_int_equal(event.event_usec, 1500000);
    assert_true(
        mutt_str_eq(event.body, MUTT_STR("{\"syslog_severity\":4,"
                                         "\"hostname\":\" r1 \","
                                         "\"message\":\"a\\u00e9\","
                                         "\"timestamp\":1.5,\"x\":[1 , 2]}")));
    mutt_pool_destroy(pool);
}


static void
what_has_no_envelope_is_invalid(void **state)
{
    static const char *const elements[] = {
        "",
        "x",
        "1",
        "[]",
        "{}",
        "{" MIN "}",
        HEAD ",\"hostname\":\"\",\"message\":\"m\"}",
        HEAD ",\"hostname\":\"h\",\"message\":1}",
        "{\"_event_id\":\"x\",\"_correlation_id\":\"c\","
        "\"_received_at\":\"2026-11-20T10:00:00Z\"," MIN "}",
        "{\"_event_id\":\"01930000-0000-7000-8000-000000000000\","
        "\"_correlation_id\":\"a b\","
        "\"_received_at\":\"2026-11-20T10:00:00Z\"," MIN "}",
    };
    mutt_pool_t *pool = mutt_pool_create(4096);
    mutt_event_t event;
    mutt_err_t err;

    (void) state;

    for (size_t i = 0; i < COUNT(elements); i++) {
        assert_int_equal(
            mutt_event_read(reader, mutt_str(elements[i]), pool, &event, &err),
            MUTT_INVALID);
    }

    mutt_pool_destroy(pool);
}


/* The largest event in levels and elements that ingest takes. */
static char *
largest_event(void)
{
    char *text = malloc(8192);
    char *p = stpcpy(text, "{" MIN ",\"deep\":");

    for (int i = 1; i < MUTT_JSON_DEPTH; i++) {
        p = stpcpy(p, "[");
    }

    for (int i = 1; i < MUTT_JSON_DEPTH; i++) {
        p = stpcpy(p, "]");
    }

    p = stpcpy(p, ",\"severity\":\"crit\",\"wide\":[0");

    /* five members besides, 30 lists in lists, and the first of these */
    for (int i = 6 + 30 + 1; i < MUTT_JSON_ELEMENTS; i++) {
        p = stpcpy(p, ",0");
    }

    (void) stpcpy(p, "]}");

    return text;
}


static void
what_ingest_takes_the_workers_can_read(void **state)
{
    static const mutt_rule_t rule = { .id = 7, .team = { "NOC", 3 } };
    char *text = largest_event();
    mutt_pool_t *pool = mutt_pool_create(65536);
    mutt_buf_t element;
    mutt_buf_t alert;
    bool own;
    mutt_event_fault_t fault;
    mutt_event_t event;
    mutt_delivery_t delivery;
    mutt_err_t err;

    (void) state;
    mutt_buf_init(&element, 65536);
    mutt_buf_init(&alert, 65536);

    assert_int_equal(admit(text, &element, &own, &fault), MUTT_OK);
    assert_int_equal(
        mutt_event_read(reader, mutt_buf_str(&element), pool, &event, &err),
        MUTT_OK);
    mutt_alert_write(&alert, &event, &rule, false);
    assert_int_equal(
        mutt_webhook_read(reader, mutt_buf_str(&alert), pool, &delivery, &err),
        MUTT_OK);

    mutt_buf_done(&alert);
    mutt_buf_done(&element);
    mutt_pool_destroy(pool);
    free(text);
}


static int
setup(void **state)
{
    (void) state;
    reader = mutt_json_reader_create();

    return reader == NULL ? -1 : 0;
}


static int
teardown(void **state)
{
    (void) state;
    mutt_json_reader_destroy(reader);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(admits_and_refuses),
        cmocka_unit_test(a_client_id_becomes_the_event_id),
        cmocka_unit_test(an_element_reads_back),
        cmocka_unit_test(what_has_no_envelope_is_invalid),
        cmocka_unit_test(what_ingest_takes_the_workers_can_read),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
