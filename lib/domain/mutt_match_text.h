/* The text half of a matcher: the lowest rank whose pattern is in a text. */

#ifndef MUTT_MATCH_TEXT_H
#define MUTT_MATCH_TEXT_H

#include "mutt_match.h"

typedef struct mutt_text_matcher_s mutt_text_matcher_t;

/* A pattern of rank (its place in the order of rules). */
typedef struct {
    size_t rank;
    int32_t rule_id;
    bool regex;
    mutt_str_t text;
} mutt_text_pattern_t;

/* Whether a match of rank counts for this event. */
typedef bool (*mutt_rank_filter_t)(void *data, size_t rank);

#define MUTT_RANK_NONE ((size_t) -1)

MUTT_CHECKED mutt_rc_t mutt_text_matcher_create(
    const mutt_text_pattern_t *patterns, size_t n, mutt_match_report_t report,
    void *data, mutt_text_matcher_t **matcher, mutt_err_t *err);
void mutt_text_matcher_destroy(mutt_text_matcher_t *matcher);

/*
 * The lowest rank below best that matches text and passes the filter, else
 * best.
 */
size_t mutt_text_matcher_match(mutt_text_matcher_t *matcher, mutt_str_t text,
                               size_t best, mutt_rank_filter_t filter,
                               void *filter_data, mutt_match_report_t report,
                               void *data);

#endif
