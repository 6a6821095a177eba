/*
 * What a pattern would cost to compile, from its text alone.
 *
 * Hyperscan unrolls bounded repeats: a pattern of twenty characters can keep
 * it busy for half a minute, and the alerter's rules with it.  So the places
 * that a pattern has when all its repeats are written out are counted first.
 */

#ifndef MUTT_MATCH_COST_H
#define MUTT_MATCH_COST_H

#include <stdint.h>

#include "core/mutt_str.h"

/* Past this a pattern is left to PCRE2, which unrolls nothing. */
#define MUTT_MATCH_COST_FAST 128

/* Past this a rule is refused. */
#define MUTT_MATCH_COST_MAX 5000

/* What costs less is never too much, however many of them there are. */
#define MUTT_MATCH_COST_LITTLE 16

/* Past this, patterns of more than little cost are left to PCRE2. */
#define MUTT_MATCH_COST_ALL 100000

/*
 * The places of a regular expression, its repeats written out: a class of
 * characters or a dot is one, \d or \s are eight, \w is twenty-four, since they
 * are Unicode's, a character is a sixteenth.  Text that is no regular
 * expression has some cost or other.
 */
uint64_t mutt_match_cost(mutt_str_t pattern);

#endif
