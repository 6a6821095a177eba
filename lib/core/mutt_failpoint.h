/*
 * Failpoints: named places where a test makes this process die, stop, wait,
 * or see its dependency fail.  Only builds with MUTT_FAILPOINTS have them; in
 * any other the macros below are constants.
 *
 * The environment says what happens, read once when the program is loaded:
 *
 *     MUTT_FAIL="redis.sent:commit=kill@3,pg.send=error@5+"
 *
 * POINT[:SCOPE]=ACTION[@N][+], separated by commas.  The action happens at
 * the Nth time the point is passed, the first unless told, and with a "+" at
 * every later one too.  With a scope only the times count that are passed
 * while the thread is in it.  Actions: kill (SIGKILL), stop (SIGSTOP),
 * sleep:MS, error.  Each is told of once on stderr.
 */

#ifndef MUTT_FAILPOINT_H
#define MUTT_FAILPOINT_H

#include <stdbool.h>

#include "mutt_error.h"

#ifdef MUTT_FAILPOINTS

/*
 * A place where a dependency can fail: MUTT_OK, or MUTT_UNAVAIL with err
 * filled, which the caller treats as the dependency's failure.
 */
#define MUTT_FAILPOINT(name, err) mutt_failpoint(name, err)

/* A place where nothing fails but the process can end, stop or wait. */
#define MUTT_PASS(name) mutt_failpoint_pass(name)

/* What this thread is doing, a static string; NULL: nothing in particular. */
#define MUTT_PASS_SCOPE(what) mutt_failpoint_scope(what)

MUTT_CHECKED mutt_rc_t mutt_failpoint(const char *name, mutt_err_t *err);
void mutt_failpoint_pass(const char *name);
void mutt_failpoint_scope(const char *what);

/* Replaces what happens, counting anew; false when the text is malformed or
 * too long, and then nothing happens anywhere.  NULL: nothing. */
bool mutt_failpoint_set(const char *text);

#else

#define MUTT_FAILPOINT(name, err) ((void) (err), MUTT_OK)
#define MUTT_PASS(name) ((void) 0)
#define MUTT_PASS_SCOPE(what) ((void) 0)

#endif

#endif
