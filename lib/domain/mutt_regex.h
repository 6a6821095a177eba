/*
 * Patterns by PCRE2: UTF-8, caseless, unanchored, and under limits, since it
 * backtracks.
 */

#ifndef MUTT_REGEX_H
#define MUTT_REGEX_H

#include "core/mutt_error.h"
#include "core/mutt_str.h"

typedef struct mutt_regex_s mutt_regex_t;
typedef struct mutt_regex_scratch_s mutt_regex_scratch_t;

typedef enum {
    MUTT_REGEX_NO,
    MUTT_REGEX_YES,
    MUTT_REGEX_LIMIT /* given up; taken as no match */
} mutt_regex_result_t;

/*
 * Compiles a pattern.  MUTT_INVALID says why it does not compile, and at
 * which offset.
 */
MUTT_CHECKED mutt_rc_t mutt_regex_create(mutt_str_t pattern,
                                         mutt_regex_t **regex, mutt_err_t *err);

/* Accepts NULL. */
void mutt_regex_destroy(mutt_regex_t *regex);

/* What matching needs besides the pattern, for one thread; NULL when out of
 * memory. */
mutt_regex_scratch_t *mutt_regex_scratch_create(void);

/* Accepts NULL. */
void mutt_regex_scratch_destroy(mutt_regex_scratch_t *scratch);

/* Whether the pattern is in text, which is valid UTF-8. */
mutt_regex_result_t mutt_regex_match(const mutt_regex_t *regex,
                                     mutt_regex_scratch_t *scratch,
                                     mutt_str_t text);

#endif
