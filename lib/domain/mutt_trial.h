/*
 * One rule against one event, and why it does not match.
 *
 * Slower than a matcher by far, and cheaper to make: for people who want to
 * know.  It says what mutt_matcher_match() would say of the rule alone, by
 * the same reading of patterns and the same limits.
 */

#ifndef MUTT_TRIAL_H
#define MUTT_TRIAL_H

#include "mutt_match.h"

typedef enum {
    MUTT_TRIAL_MATCH,
    MUTT_TRIAL_SEVERITY, /* the event's is another, or it has none */
    MUTT_TRIAL_OID,      /* the trap's is not below the rule's */
    MUTT_TRIAL_NO_TRAP,  /* the rule is about traps alone */
    MUTT_TRIAL_TEXT,     /* the text is not in the message */
    MUTT_TRIAL_LIMIT,    /* the pattern gave up: no match */
    MUTT_TRIAL_BROKEN    /* the rule is not used at all */
} mutt_trial_result_t;

typedef struct mutt_trial_s mutt_trial_t;

/*
 * Compiles a rule, whose text has to live as long.  NULL when out of memory;
 * a rule that can't be used is BROKEN in every trial.
 */
mutt_trial_t *mutt_trial_create(const mutt_rule_t *rule);

/* Accepts NULL. */
void mutt_trial_destroy(mutt_trial_t *trial);

mutt_trial_result_t mutt_trial(mutt_trial_t *trial,
                               const mutt_match_input_t *input);

/* The result for people, static text. */
const char *mutt_trial_text(mutt_trial_result_t result);

#endif
