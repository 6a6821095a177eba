/* What MUTT_FAIL says is what happens, at the time it says. */

#include "unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/mutt_failpoint.h"
#include "core/mutt_time.h"

#ifdef MUTT_FAILPOINTS

static const struct {
    const char *text;
    bool good;
} texts[] = {
    { "a=error", true },
    { "a=kill@3", true },
    { "a=stop@3+", true },
    { "a=sleep:10", true },
    { "a=sleep:10@2+", true },
    { "a:b=error@5", true },
    { "a.b=error,c.d:e=kill@9", true },
    { "", false },
    { "a", false },
    { "a=", false },
    { "=error", false },
    { "a:=error", false },
    { "a=die", false },
    { "a=sleep", false },
    { "a=error@", false },
    { "a=error@0", false },
    { "a=error@x", false },
    { "a=error@1x", false },
    { "a=error,", false },
    { "a=error,,b=error", false },
};


static void
reads_the_text(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(texts); i++) {
        if (mutt_failpoint_set(texts[i].text) != texts[i].good) {
            fail_msg("\"%s\"", texts[i].text);
        }
    }

    assert_true(mutt_failpoint_set(NULL));
}


/* Passes a point six times; which of them failed, as "--x---". */
static const struct {
    const char *text;
    const char *failed;
} times[] = {
    { "p=error", "x-----" },
    { "p=error@3", "--x---" },
    { "p=error@3+", "--xxxx" },
    { "q=error", "------" },
    { "p=error@2,p=error@5", "-x--x-" },
    { "p:odd=error", "-x----" }, /* the second, fourth, sixth time */
    { "p:odd=error@2+", "---x-x" },
    { "p:other=error", "------" },
};


static void
counts_the_times(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(times); i++) {
        char failed[7] = "";
        mutt_err_t err;

        assert_true(mutt_failpoint_set(times[i].text));

        for (int n = 0; n < 6; n++) {
            MUTT_PASS_SCOPE(n % 2 ? "odd" : NULL);
            failed[n] = MUTT_FAILPOINT("p", &err) == MUTT_OK ? '-' : 'x';
        }

        MUTT_PASS_SCOPE(NULL);
        assert_string_equal(failed, times[i].failed);
    }

    assert_true(mutt_failpoint_set(NULL));
}


static void
an_error_tells_its_point(void **state)
{
    mutt_err_t err;

    (void) state;

    assert_true(mutt_failpoint_set("pg.send=error"));
    assert_int_equal(MUTT_FAILPOINT("pg.send", &err), MUTT_UNAVAIL);
    assert_string_equal(err.text, "failpoint pg.send");
    assert_int_equal(MUTT_FAILPOINT("pg.send", NULL), MUTT_OK);
    assert_true(mutt_failpoint_set(NULL));
}


static void
sleeps(void **state)
{
    (void) state;

    mutt_usec_t began = mutt_time_mono();

    assert_true(mutt_failpoint_set("p=sleep:50"));
    MUTT_PASS("p");
    assert_true(mutt_time_mono() - began >= 50 * 1000);
    assert_true(mutt_failpoint_set(NULL));
}


/* How a child that passes the point ends or stops. */
static int
pass_in_child(const char *text)
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);

    if (pid == 0) {
        (void) mutt_failpoint_set(text);
        MUTT_PASS("p");
        _exit(0);
    }

    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);

    if (WIFSTOPPED(status)) {
        int end;

        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &end, 0), pid);
    }

    return status;
}


static void
kills_and_stops(void **state)
{
    int status;

    (void) state;

    status = pass_in_child("p=kill");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

    status = pass_in_child("p=stop");
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);

    status = pass_in_child("p=kill@2");
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#endif


/* In a build without them the macros are constants. */
static void
costs_nothing_when_left_out(void **state)
{
    (void) state;

#ifndef MUTT_FAILPOINTS
    MUTT_PASS("p");
    MUTT_PASS_SCOPE("odd");
    assert_int_equal(MUTT_FAILPOINT("p", NULL), MUTT_OK);
#endif
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef MUTT_FAILPOINTS
        cmocka_unit_test(reads_the_text),
        cmocka_unit_test(counts_the_times),
        cmocka_unit_test(an_error_tells_its_point),
        cmocka_unit_test(sleeps),
        cmocka_unit_test(kills_and_stops),
#endif
        cmocka_unit_test(costs_nothing_when_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
