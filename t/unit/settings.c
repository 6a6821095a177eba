/* Settings: where a value comes from, and which are refused. */

#include "unit.h"

#include <unistd.h>

#include "conf/mutt_settings.h"

/* the environment of a case: pairs of name and value */
static const char *const *environment;


static const char *
get(const char *name)
{
    for (const char *const *p = environment; p != NULL && *p != NULL; p += 2) {
        if (strcmp(p[0], name) == 0) {
            return p[1];
        }
    }

    return NULL;
}


static mutt_settings_t *
load(const char *const *env)
{
    mutt_settings_t *s = NULL;
    mutt_err_t err;

    environment = env;
    assert_int_equal(mutt_settings_load(get, &s, &err), MUTT_OK);

    return s;
}


static void
defaults_hold_without_an_environment(void **state)
{
    mutt_settings_t *s = load(NULL);

    (void) state;
    assert_int_equal(mutt_set_int(s, MUTT_SET_INGEST_MAX_RATE), 600000);
    assert_true(mutt_set_bool(s, MUTT_SET_RATE_LIMIT_ENABLED));
    assert_string_equal(mutt_set_text(s, MUTT_SET_ALERTER_SHED_MODE), "dlq");
    assert_string_equal(mutt_set_text(s, MUTT_SET_MOOG_WEBHOOK_URL), "");
    assert_true(mutt_set_float(s, MUTT_SET_MOOG_RETRY_MAX_DELAY) == 60.0);
    mutt_settings_destroy(s);
}


static void
every_default_fits_its_own_row(void **state)
{
    (void) state;

    for (int id = 0; id < MUTT_SETTING_COUNT; id++) {
        const char *text = mutt_setting_rows[id].def;

        if (text != NULL) {
            assert_int_equal(
                mutt_settings_check((mutt_setting_t) id, mutt_str(text), NULL),
                MUTT_OK);
        }
    }
}


static void
a_bad_value_names_its_variable(void **state)
{
    static const struct {
        const char *name;
        const char *value;
    } rows[] = {
        { "INGEST_MAX_RATE", "0" },
        { "INGEST_MAX_RATE", "1e3" },
        { "INGEST_MAX_RATE", " 5" },
        { "INGEST_MAX_RATE", "99999999999999999999" },
        { "MOOG_WEBHOOK_TIMEOUT", "nan" },
        { "MOOG_WEBHOOK_TIMEOUT", "-1" },
        { "RATE_LIMIT_ENABLED", "maybe" },
        { "ALERTER_SHED_MODE", "drop" },
        { "REDIS_PASS_CURRENT_FILE", "/nonexistent/file" },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *env[] = { rows[i].name, rows[i].value, NULL };
        mutt_settings_t *s = NULL;
        mutt_err_t err;

        environment = env;
        assert_int_equal(mutt_settings_load(get, &s, &err), MUTT_CONFIG);
        assert_non_null(strstr(err.text, rows[i].name));
        assert_null(s);
    }
}


static void
values_that_are_not_good_together_are_refused(void **state)
{
    static const struct {
        const char *beat;
        const char *lease;
        const char *values[2];
        mutt_rc_t rc;
    } rows[] = {
        { "ALERTER_HEARTBEAT_INTERVAL",
          "ALERTER_JANITOR_TIMEOUT",
          { "30", NULL },
          MUTT_CONFIG },
        { "ALERTER_HEARTBEAT_INTERVAL",
          "ALERTER_JANITOR_TIMEOUT",
          { "16", "31" },
          MUTT_CONFIG },
        { "ALERTER_HEARTBEAT_INTERVAL",
          "ALERTER_JANITOR_TIMEOUT",
          { "16", "32" },
          MUTT_OK },
        { "MOOG_HEARTBEAT_INTERVAL",
          "MOOG_JANITOR_TIMEOUT",
          { NULL, "19" },
          MUTT_CONFIG },
        { "MOOG_HEARTBEAT_INTERVAL",
          "MOOG_JANITOR_TIMEOUT",
          { "1", "2" },
          MUTT_OK },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *env[] = { rows[i].beat, rows[i].values[0], rows[i].lease,
                              rows[i].values[1], NULL };
        mutt_settings_t *s = NULL;
        mutt_err_t err = { 0 };

        environment = env;
        assert_int_equal(mutt_settings_load(get, &s, &err), rows[i].rc);

        if (rows[i].rc == MUTT_OK) {
            mutt_settings_destroy(s);
            continue;
        }

        assert_non_null(strstr(err.text, rows[i].beat));
        assert_non_null(strstr(err.text, rows[i].lease));
        assert_null(s);
    }
}


static void
a_stored_value_wins_unless_it_is_bad(void **state)
{
    const char *env[] = { "INGEST_MAX_RATE", "7", NULL };
    mutt_settings_t *base = load(env);
    mutt_str_t values[MUTT_SETTING_COUNT] = { 0 };
    size_t n;
    size_t bad = 0;
    const mutt_setting_t *live = mutt_settings_live(&n);

    (void) state;

    for (size_t i = 0; i < n; i++) {
        if (live[i] == MUTT_SET_INGEST_RATE_WINDOW) {
            values[i] = MUTT_STR("9");
        } else if (live[i] == MUTT_SET_RATE_LIMIT_ENABLED) {
            values[i] = MUTT_STR("false");
        } else if (live[i] == MUTT_SET_MAX_INGEST_QUEUE_SIZE) {
            values[i] = MUTT_STR("many");
        } else if (live[i] == MUTT_SET_LOG_LEVEL) {
            values[i] = MUTT_STR("debug");
        }
    }

    mutt_settings_t *s = mutt_settings_apply(base, values, &bad);

    assert_non_null(s);
    assert_int_equal(bad, 1);
    assert_int_equal(mutt_set_int(s, MUTT_SET_INGEST_MAX_RATE), 7);
    assert_int_equal(mutt_set_int(s, MUTT_SET_INGEST_RATE_WINDOW), 9);
    assert_false(mutt_set_bool(s, MUTT_SET_RATE_LIMIT_ENABLED));
    assert_int_equal(mutt_set_int(s, MUTT_SET_MAX_INGEST_QUEUE_SIZE), 1000000);
    assert_string_equal(mutt_set_text(s, MUTT_SET_LOG_LEVEL), "DEBUG");
    mutt_settings_destroy(s);
    mutt_settings_destroy(base);
}


static void
a_secret_comes_from_its_file_first(void **state)
{
    char path[] = "/tmp/mutt-unit-XXXXXX";
    int fd = mkstemp(path);
    const char *env[] = { "MOOG_API_KEY_FILE", path, "MOOG_API_KEY", "other",
                          NULL };

    (void) state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "secret\nmore", 11), 11);
    (void) close(fd);

    mutt_settings_t *s = load(env);

    assert_string_equal(mutt_set_text(s, MUTT_SET_MOOG_API_KEY), "secret");
    mutt_settings_destroy(s);
    (void) unlink(path);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_without_an_environment),
        cmocka_unit_test(every_default_fits_its_own_row),
        cmocka_unit_test(a_bad_value_names_its_variable),
        cmocka_unit_test(values_that_are_not_good_together_are_refused),
        cmocka_unit_test(a_stored_value_wins_unless_it_is_bad),
        cmocka_unit_test(a_secret_comes_from_its_file_first),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
