/*
 * Errors are values.  A function that can fail returns mutt_rc_t, marked
 * MUTT_CHECKED, and tells the detail in a mutt_err_t that the caller owns.
 * Library code never logs; whoever decides what happens next logs once.
 */

#ifndef MUTT_ERROR_H
#define MUTT_ERROR_H

#include <stddef.h>

#define MUTT_CHECKED __attribute__((warn_unused_result))
#define MUTT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define MUTT_ERR_TEXT 256

typedef enum {
#define OUTCOME(id, word, policy) MUTT_##id,
#include "mutt_error.def"
#undef OUTCOME
    MUTT_RC_COUNT
} mutt_rc_t;

typedef enum {
    MUTT_POLICY_DONE,
    MUTT_POLICY_WAIT,
    MUTT_POLICY_RETRY,
    MUTT_POLICY_ITEM,
    MUTT_POLICY_STOP
} mutt_policy_t;

/* What failed, on what, and the cause; fixed size, needs no release. */
typedef struct {
    mutt_rc_t rc;
    char text[MUTT_ERR_TEXT];
} mutt_err_t;

/*
 * Fills err and returns rc, so that a failure reads "return mutt_fail(...)".
 * The text is lower case, without a full stop, cut at MUTT_ERR_TEXT.  err
 * may be NULL.
 */
mutt_rc_t mutt_fail(mutt_err_t *err, mutt_rc_t rc, const char *fmt, ...)
    MUTT_PRINTF(3, 4);

/* The word of an outcome, a static string. */
const char *mutt_rc_word(mutt_rc_t rc);

/* What to do about an outcome. */
mutt_policy_t mutt_rc_policy(mutt_rc_t rc);

#endif
