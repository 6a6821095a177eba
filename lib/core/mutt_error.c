#include "mutt_error.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *word;
    mutt_policy_t policy;
} outcomes[] = {
#define OUTCOME(id, word, policy) { word, MUTT_POLICY_##policy },
#include "mutt_error.def"
#undef OUTCOME
};


mutt_rc_t
mutt_fail(mutt_err_t *err, mutt_rc_t rc, const char *fmt, ...)
{
    if (err == NULL) {
        return rc;
    }

    va_list args;

    err->rc = rc;

    va_start(args, fmt);
    (void) vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);

    return rc;
}


const char *
mutt_rc_word(mutt_rc_t rc)
{
    return outcomes[rc].word;
}


mutt_policy_t
mutt_rc_policy(mutt_rc_t rc)
{
    return outcomes[rc].policy;
}
