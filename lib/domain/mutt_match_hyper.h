/* How Hyperscan is asked to read patterns. */

#ifndef MUTT_MATCH_HYPER_H
#define MUTT_MATCH_HYPER_H

#include <stdbool.h>

/*
 * The flags of a pattern: wide for any message, else for messages that are
 * ASCII; loose to find a superset, where it can't be read exactly.
 */
unsigned mutt_hyper_flags(bool wide, bool loose);

bool mutt_hyper_reads(const char *text, unsigned flags);

#endif
