/* The text half of a matcher: the lowest rank whose pattern is in a text. */

#ifndef MUTT_MATCH_TEXT_H
#define MUTT_MATCH_TEXT_H

#include "mutt_match.h"
#include "mutt_match_wide.h"
#include "mutt_rank.h"

typedef struct mutt_text_matcher_s mutt_text_matcher_t;

/* What a rule wants to find, and in which events. */
typedef struct {
    mutt_str_t text;
    bool regex;
    bool no_traps; /* the rule has an OID, which decides for traps */
    int severity;
    uint32_t rank;
    int32_t rule_id;
    bool refused; /* out: does not compile, reported */
} mutt_text_pattern_t;

/*
 * Sorts patterns.  Their text is not needed any more afterwards.  outdated: as
 * for mutt_matcher_build(), or NULL.
 */
MUTT_CHECKED mutt_rc_t mutt_text_matcher_create(mutt_text_pattern_t *patterns,
                                                size_t n, const bool *outdated,
                                                mutt_match_report_t report,
                                                void *data,
                                                mutt_text_matcher_t **matcher,
                                                mutt_err_t *err);

/* Accepts NULL. */
void mutt_text_matcher_destroy(mutt_text_matcher_t *matcher);

/* As mutt_matcher_wide(). */
mutt_wide_t *mutt_text_matcher_wide(mutt_text_matcher_t *matcher);

/* Tries patterns again that were switched off for hitting limits. */
void mutt_text_matcher_forgive(mutt_text_matcher_t *matcher);

/*
 * The lowest rank below best whose pattern is in the message of input, else
 * best.  trap: the event has an OID.
 */
uint32_t mutt_text_matcher_match(mutt_text_matcher_t *matcher,
                                 const mutt_match_input_t *input, bool trap,
                                 uint32_t best, mutt_match_report_t report,
                                 void *data);

#endif
