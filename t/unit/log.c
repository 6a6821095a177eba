/* A line is one JSON object, of a length that a pipe takes whole; what is said
 * again and again is counted instead. */

#include "unit.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <jansson.h>

#include "core/mutt_log.h"
#include "core/mutt_time.h"

typedef struct {
    int fds[2];
    mutt_log_t *log;
    char text[65536];
} pipe_t;


static int
set_up(void **state)
{
    static pipe_t p;

    assert_int_equal(pipe(p.fds), 0);
    assert_int_equal(fcntl(p.fds[0], F_SETFL, O_NONBLOCK), 0);
    p.log = mutt_log_create(p.fds[1], "mutt-test", "1", "pod", true);
    assert_non_null(p.log);
    *state = &p;

    return 0;
}


static int
tear_down(void **state)
{
    pipe_t *p = *state;

    mutt_log_destroy(p->log);
    (void) close(p->fds[0]);
    (void) close(p->fds[1]);

    return 0;
}


/* What has been written; how many lines it were. */
static size_t
written(pipe_t *p)
{
    size_t len = 0;
    size_t lines = 0;
    ssize_t n;

    while ((n = read(p->fds[0], p->text + len, sizeof(p->text) - 1 - len)) >
           0) {
        len += (size_t) n;
    }

    p->text[len] = '\0';

    for (size_t i = 0; i < len; i++) {
        lines += p->text[i] == '\n';
    }

    return lines;
}


/* The last line that was written. */
static json_t *
last_line(pipe_t *p)
{
    size_t len = strlen(p->text);
    const char *line = p->text;

    assert_true(len > 0 && p->text[len - 1] == '\n');
    p->text[len - 1] = '\0';

    if (strrchr(p->text, '\n') != NULL) {
        line = strrchr(p->text, '\n') + 1;
    }

    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(object);

    return object;
}


static const char *
text_of(json_t *line, const char *name)
{
    return json_string_value(json_object_get(line, name));
}


static void
a_line_has_the_members_of_the_contract(void **state)
{
    static const char *const names[] = {
        "timestamp", "level",    "message",       "service",
        "version",   "pod_name", "module",        "trace_id",
        "span_id",   "error",    "correlation_id"
    };
    pipe_t *p = *state;
    mutt_err_t err;

    mutt_log(p->log, MUTT_LOG_INFO, "part", "said %d", 7);
    assert_int_equal(written(p), 1);

    json_t *line = last_line(p);

    for (size_t i = 0; i < COUNT(names); i++) {
        assert_non_null(json_object_get(line, names[i]));
    }

    assert_int_equal(json_object_size(line), COUNT(names));
    assert_string_equal(text_of(line, "message"), "said 7");
    assert_string_equal(text_of(line, "correlation_id"), "system");
    assert_true(json_is_null(json_object_get(line, "trace_id")));
    assert_true(json_is_null(json_object_get(line, "error")));
    json_decref(line);

    (void) mutt_fail(&err, MUTT_UNAVAIL, "gone \"away\"");
    mutt_log_failure(p->log, MUTT_LOG_ERROR, "part", &err, "it failed");
    assert_int_equal(written(p), 1);
    line = last_line(p);
    assert_string_equal(text_of(line, "error"), "gone \"away\"");
    json_decref(line);
}


static void
an_event_brings_its_ids(void **state)
{
    pipe_t *p = *state;
    mutt_log_about_t about = {
        .correlation_id = MUTT_STR("order-7"),
        .traceparent =
            MUTT_STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    };

    mutt_log_event(p->log, MUTT_LOG_WARNING, "part", &about, "here");
    assert_int_equal(written(p), 1);

    json_t *line = last_line(p);

    assert_string_equal(text_of(line, "correlation_id"), "order-7");
    assert_string_equal(text_of(line, "trace_id"),
                        "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_string_equal(text_of(line, "span_id"), "00f067aa0ba902b7");
    json_decref(line);

    about.traceparent = MUTT_STR("00-4b");
    mutt_log_event(p->log, MUTT_LOG_WARNING, "part", &about, "here");
    assert_int_equal(written(p), 1);
    line = last_line(p);
    assert_true(json_is_null(json_object_get(line, "trace_id")));
    json_decref(line);
}


static void
no_line_is_longer_than_a_pipe_takes_whole(void **state)
{
    pipe_t *p = *state;
    char hostile[1100];
    mutt_err_t err;

    /* a control character is six bytes of JSON, a euro sign is three */
    memset(hostile, '\x01', sizeof(hostile));
    hostile[sizeof(hostile) - 1] = '\0';
    (void) mutt_fail(&err, MUTT_UNAVAIL, "%s", hostile);
    mutt_log_failure(p->log, MUTT_LOG_ERROR, "part", &err, "%s", hostile);
    assert_int_equal(written(p), 1);
    assert_true(strlen(p->text) <= PIPE_BUF);
    assert_true(strlen(p->text) > PIPE_BUF / 2);
    json_decref(last_line(p));

    for (size_t cut = 0; cut < 3; cut++) {
        memset(hostile, '\x01', 700 + cut);

        for (size_t i = 700 + cut; i + 3 < sizeof(hostile); i += 3) {
            memcpy(hostile + i, "\xe2\x82\xac", 4);
        }

        mutt_log(p->log, MUTT_LOG_ERROR, "part", "%s", hostile);
        assert_int_equal(written(p), 1);
        assert_true(strlen(p->text) <= PIPE_BUF);
        assert_null(strstr(p->text, "\xef\xbf\xbd"));
        json_decref(last_line(p));
    }
}


static void
what_is_repeated_is_counted(void **state)
{
    pipe_t *p = *state;
    mutt_usec_t now = mutt_time_mono();

    for (int i = 0; i < MUTT_LOG_BURST + 30; i++) {
        mutt_log(p->log, MUTT_LOG_WARNING, "part", "again %d", i);
    }

    assert_int_equal(written(p), MUTT_LOG_BURST);

    /* others may speak */
    mutt_log(p->log, MUTT_LOG_WARNING, "part", "something else");
    assert_int_equal(written(p), 1);

    mutt_log_tick(p->log, now + MUTT_LOG_WINDOW / 2);
    assert_int_equal(written(p), 0);
    mutt_log_tick(p->log, now + 10 * MUTT_LOG_WINDOW);
    assert_int_equal(written(p), 1);

    json_t *line = last_line(p);

    assert_string_equal(text_of(line, "message"), "again 49");
    assert_string_equal(text_of(line, "level"), "WARNING");
    assert_int_equal(json_integer_value(json_object_get(line, "repeated")), 30);
    json_decref(line);

    /* told once; and then there is room again */
    mutt_log_tick(p->log, now + 20 * MUTT_LOG_WINDOW);
    assert_int_equal(written(p), 0);
    mutt_log(p->log, MUTT_LOG_WARNING, "part", "again %d", 0);
    mutt_log(p->log, MUTT_LOG_WARNING, "part", "again %d", 0);
    assert_true(written(p) <= 2);
}


static void
what_is_held_back_at_the_end_is_told(void **state)
{
    pipe_t *p = *state;

    mutt_log_set_level(p->log, MUTT_LOG_INFO);

    for (int i = 0; i < 2 * MUTT_LOG_BURST; i++) {
        mutt_log(p->log, MUTT_LOG_INFO, "part", "the end %d", i);
        mutt_log(p->log, MUTT_LOG_DEBUG, "part", "nobody wants this");
    }

    assert_int_equal(written(p), MUTT_LOG_BURST);
    mutt_log_destroy(p->log);
    p->log = NULL;
    assert_int_equal(written(p), 1);
    assert_non_null(strstr(p->text, "\"repeated\":20"));
}


static void
who_debugs_gets_every_line(void **state)
{
    pipe_t *p = *state;

    mutt_log_set_level(p->log, MUTT_LOG_DEBUG);
    assert_true(mutt_log_wants(p->log, MUTT_LOG_DEBUG));

    for (int i = 0; i < 3 * MUTT_LOG_BURST; i++) {
        mutt_log(p->log, MUTT_LOG_DEBUG, "part", "step %d", i);
    }

    assert_int_equal(written(p), 3 * MUTT_LOG_BURST);
}


static void
a_reader_that_does_not_read_costs_lines(void **state)
{
    pipe_t *p = *state;
    size_t lines;

    mutt_log_set_level(p->log, MUTT_LOG_DEBUG);

    for (int i = 0; i < 2000; i++) {
        mutt_log(p->log, MUTT_LOG_DEBUG, "part", "filling the pipe %d", i);
    }

    lines = written(p);
    assert_true(lines > 0 && lines < 2000);
    mutt_log(p->log, MUTT_LOG_DEBUG, "part", "after");
    assert_int_equal(written(p), 1);

    json_t *line = last_line(p);

    assert_int_equal(json_integer_value(json_object_get(line, "dropped_lines")),
                     2000 - lines);
    json_decref(line);
}


/* A disk that is full takes the first part of a line. */
static void
a_line_that_was_cut_spoils_no_other(void **state)
{
    const struct rlimit full = { 100, RLIM_INFINITY };
    const struct rlimit free = { RLIM_INFINITY, RLIM_INFINITY };
    char path[] = "/tmp/mutt-unit-log.XXXXXX";
    pipe_t *p = *state;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);

    mutt_log_t *log = mutt_log_create(fd, "mutt-test", "1", "pod", true);

    assert_non_null(log);
    (void) signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    mutt_log(log, MUTT_LOG_INFO, "test", "cut");
    mutt_log(log, MUTT_LOG_INFO, "test", "not written at all");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &free), 0);
    mutt_log(log, MUTT_LOG_INFO, "test", "whole");
    mutt_log_destroy(log);

    ssize_t n = pread(fd, p->text, sizeof(p->text) - 1, 0);

    (void) close(fd);
    assert_true(n > 100);
    p->text[n] = '\0';

    json_t *line = last_line(p);

    assert_string_equal(text_of(line, "message"), "whole");
    assert_int_equal(json_integer_value(json_object_get(line, "dropped_lines")),
                     2);
    json_decref(line);
}


#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, set_up, tear_down)


int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_the_members_of_the_contract),
        TEST(an_event_brings_its_ids),
        TEST(no_line_is_longer_than_a_pipe_takes_whole),
        TEST(what_is_repeated_is_counted),
        TEST(what_is_held_back_at_the_end_is_told),
        TEST(who_debugs_gets_every_line),
        TEST(a_reader_that_does_not_read_costs_lines),
        TEST(a_line_that_was_cut_spoils_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
