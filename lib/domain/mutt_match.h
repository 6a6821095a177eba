/*
 * One immutable generation of rules, compiled: which rule wins for an event.
 *
 * Rules are ranked by priority, then id; the lowest rank that matches wins.
 * Text rules become one Hyperscan database, those it can't take are PCRE2
 * patterns under limits; OIDs become a sorted trie of arcs.  The cost of an
 * event hardly grows with the number of rules.
 */

#ifndef MUTT_MATCH_H
#define MUTT_MATCH_H

#include <stddef.h>

#include "core/mutt_error.h"
#include "mutt_match_wide.h"
#include "mutt_rule.h"

typedef struct mutt_matcher_s mutt_matcher_t;

/* What an event is matched by. */
typedef struct {
    mutt_str_t message;
    mutt_str_t trap_oid; /* normalised; empty: no trap */
    int severity;        /* MUTT_SEVERITY_NONE: none */
} mutt_match_input_t;

/*
 * Told of a rule that was left out, or whose pattern hit a limit; why is
 * static or lives for the call.
 */
typedef void (*mutt_match_report_t)(void *data, int32_t rule_id,
                                    const char *why);

/*
 * Compiles n rules in any order; their text is copied.  A rule that does not
 * compile is reported and left out.  MUTT_NOMEM when out of memory.
 */
MUTT_CHECKED mutt_rc_t mutt_matcher_create(const mutt_rule_t *rules, size_t n,
                                           mutt_match_report_t report,
                                           void *data, mutt_matcher_t **matcher,
                                           mutt_err_t *err);

/*
 * The same; where *outdated becomes true, set by another thread, MUTT_STALE
 * soon.
 */
MUTT_CHECKED mutt_rc_t mutt_matcher_build(const mutt_rule_t *rules, size_t n,
                                          const bool *outdated,
                                          mutt_match_report_t report,
                                          void *data, mutt_matcher_t **matcher,
                                          mutt_err_t *err);

/*
 * What messages that are not ASCII need, once one was matched: to be handed to
 * mutt_wide_build() in another thread and released; NULL if nothing is needed,
 * or was handed out before.  Until it is built PCRE2 does its work, slower.
 */
mutt_wide_t *mutt_matcher_wide(mutt_matcher_t *matcher);

/* Accepts NULL. */
void mutt_matcher_destroy(mutt_matcher_t *matcher);

/* Rules in use. */
size_t mutt_matcher_count(const mutt_matcher_t *matcher);

/*
 * Tries patterns again that hit limits so often that they were switched off.
 */
void mutt_matcher_forgive(mutt_matcher_t *matcher);

/*
 * The rule that wins, or NULL; lives as long as the matcher.  A pattern that
 * hits a limit does not match and is reported.  One thread at a time.
 */
const mutt_rule_t *mutt_matcher_match(mutt_matcher_t *matcher,
                                      const mutt_match_input_t *input,
                                      mutt_match_report_t report, void *data);

/*
 * Whether a pattern may be used; MUTT_INVALID says why not: where it does not
 * compile, that it is too large to compile, or that it backtracks too much.
 * Takes milliseconds at worst.
 */
MUTT_CHECKED mutt_rc_t mutt_match_check(mutt_match_type_t type,
                                        mutt_str_t pattern, mutt_err_t *err);

#endif
