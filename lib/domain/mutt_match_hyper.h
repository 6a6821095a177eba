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

struct hs_database;

/* A pattern that is compiled alone, when it is first needed. */
typedef struct mutt_hyper_lone_s mutt_hyper_lone_t;

/* Copies text; narrow: there is one more way to read it for messages that are
 * ASCII.  NULL when out of memory. */
mutt_hyper_lone_t *mutt_hyper_lone_create(const char *text, bool narrow);

/* Accepts NULL. */
void mutt_hyper_lone_destroy(mutt_hyper_lone_t *lone);

/*
 * Its database, for any message or for ASCII; NULL when Hyperscan does not
 * read it so.  Takes milliseconds the first time.
 */
const struct hs_database *mutt_hyper_lone_database(mutt_hyper_lone_t *lone,
                                                   bool wide);

#endif
