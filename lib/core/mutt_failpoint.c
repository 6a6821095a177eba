#include "mutt_failpoint.h"

#ifdef MUTT_FAILPOINTS

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POINTS_MAX 16
#define NAME_SIZE 64

typedef enum { KILL, STOP, SLEEP, ERROR } action_t;

typedef struct {
    char name[NAME_SIZE];
    char scope[NAME_SIZE]; /* "": any */
    action_t action;
    int ms;
    unsigned at; /* counted from 1 */
    bool onward;
    unsigned passed;
} point_t;

static point_t points[POINTS_MAX];
static size_t n_points;
static bool telling;
static _Thread_local const char *scope;


static bool
read_name(char out[NAME_SIZE], const char **p, const char *ends)
{
    size_t len = strcspn(*p, ends);

    if (len == 0 || len >= NAME_SIZE) {
        return false;
    }

    memcpy(out, *p, len);
    out[len] = '\0';
    *p += len;

    return true;
}


/* The number behind the mark, if the mark is there. */
static bool
read_number(const char **p, char mark, int *number)
{
    char *end;

    if (**p != mark) {
        return true;
    }

    long n = strtol(*p + 1, &end, 10);
    bool good = end != *p + 1 && n > 0 && n < 1000000000;

    *number = (int) n;
    *p = end;

    return good;
}


static bool
read_action(point_t *point, const char **p)
{
    static const char *const words[] = { "kill", "stop", "sleep", "error" };
    char word[NAME_SIZE];

    if (!read_name(word, p, ":@+,")) {
        return false;
    }

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i]) == 0) {
            point->action = (action_t) i;
            return point->action != SLEEP ||
                   (**p == ':' && read_number(p, ':', &point->ms));
        }
    }

    return false;
}


static bool
read_point(point_t *point, const char **p)
{
    int at = 1;

    *point = (point_t) { 0 };

    if (!read_name(point->name, p, ":=,")) {
        return false;
    }

    if (**p == ':') {
        (*p)++;

        if (!read_name(point->scope, p, "=,")) {
            return false;
        }
    }

    if (*(*p)++ != '=' || !read_action(point, p) || !read_number(p, '@', &at)) {
        return false;
    }

    point->at = (unsigned) at;
    point->onward = **p == '+';
    *p += point->onward;

    return **p == '\0' || **p == ',';
}


bool
mutt_failpoint_set(const char *text)
{
    n_points = 0;

    if (text == NULL) {
        return true;
    }

    for (size_t n = 0; n < POINTS_MAX; n++) {
        if (!read_point(&points[n], &text)) {
            return false;
        }

        if (*text++ == '\0') {
            n_points = n + 1;
            return true;
        }
    }

    return false;
}


/* nginx clears its environment before its processes start, so it is read
 * when the program, or the module, is loaded. */
__attribute__((constructor)) static void
read_environment(void)
{
    const char *text = getenv("MUTT_FAIL");

    telling = text != NULL;

    if (!mutt_failpoint_set(text)) {
        (void) fputs("MUTT_FAIL is malformed\n", stderr);
        abort();
    }
}


void
mutt_failpoint_scope(const char *what)
{
    scope = what;
}


static void
wait_ms(int ms)
{
    struct timespec left = { ms / 1000, ms % 1000 * 1000000L };

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}


/* Whether this time is one of those the action is meant for. */
static bool
is_due(point_t *point, const char *name)
{
    if (strcmp(point->name, name) != 0 ||
        (point->scope[0] != '\0' &&
         (scope == NULL || strcmp(point->scope, scope) != 0))) {
        return false;
    }

    unsigned passed = __atomic_add_fetch(&point->passed, 1, __ATOMIC_SEQ_CST);

    if (telling && passed == point->at) {
        (void) fprintf(stderr, "failpoint %s%s%s, time %u\n", name,
                       scope == NULL ? "" : ":", scope == NULL ? "" : scope,
                       passed);
    }

    return point->onward ? passed >= point->at : passed == point->at;
}


static bool
act(const point_t *point)
{
    switch (point->action) {
    case KILL:
        (void) raise(SIGKILL);
        break;
    case STOP:
        (void) raise(SIGSTOP);
        break;
    case SLEEP:
        wait_ms(point->ms);
        break;
    case ERROR:
        return true;
    }

    return false;
}


/* Whether the place is to fail, unless this does not return at all. */
static bool
pass(const char *name)
{
    bool failed = false;

    for (size_t i = 0; i < n_points; i++) {
        if (is_due(&points[i], name)) {
            failed = act(&points[i]) || failed;
        }
    }

    return failed;
}


mutt_rc_t
mutt_failpoint(const char *name, mutt_err_t *err)
{
    return pass(name) ? mutt_fail(err, MUTT_UNAVAIL, "failpoint %s", name)
                      : MUTT_OK;
}


void
mutt_failpoint_pass(const char *name)
{
    (void) pass(name);
}

#endif
