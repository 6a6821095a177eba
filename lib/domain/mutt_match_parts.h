/*
 * A text matcher from inside, for the file that builds it and the one that
 * scans with it.
 */

#ifndef MUTT_MATCH_PARTS_H
#define MUTT_MATCH_PARTS_H

#include <hs.h>

#include "mutt_match_engine.h"
#include "mutt_match_hyper.h"
#include "mutt_match_text.h"
#include "mutt_match_words.h"
#include "mutt_regex.h"

typedef struct {
    mutt_ranks_t ranks[2]; /* for traps: [1] */
    uint32_t first;        /* the lowest rank of all */
    int32_t rule_id;       /* of that rank */
    mutt_engine_t engine;
    bool narrow; /* the engine sees it in messages that are ASCII */
    unsigned strikes;
    uint64_t seen;           /* the last scan that has it as a candidate */
    mutt_regex_t *regex;     /* where PCRE2 may have to decide, else NULL */
    mutt_hyper_lone_t *lone; /* decides where PCRE2 gives up; may be NULL */
} mutt_match_entry_t;

/* A candidate of one scan. */
typedef struct {
    uint32_t rank;
    uint32_t entry;
} mutt_match_candidate_t;

struct mutt_text_matcher_s {
    mutt_words_t *words;
    hs_database_t *database;
    hs_database_t *narrow; /* for messages that are ASCII */
    mutt_wide_t *wide;     /* for others; NULL: there are no such patterns */
    const hs_database_t *adopted; /* of wide, once it was built */
    bool lacks_wide;              /* and nobody was told yet */
    bool told;
    hs_scratch_t *scratch; /* for all */
    mutt_regex_scratch_t *regex_scratch;
    mutt_match_entry_t *entries; /* Hyperscan's ids are indices */
    size_t n;
    uint32_t *slow; /* entries that Hyperscan never sees, by rank */
    size_t n_slow;
    uint32_t *unseen; /* those it does not see in other messages, by rank */
    size_t n_unseen;
    mutt_match_candidate_t *candidates;
    uint64_t scans;
    uint64_t cost; /* of the patterns that Hyperscan compiles */
};

/* Makes the scratch fit for a database, NULL for none; false when out of
 * memory. */
bool mutt_match_alloc_scratch(mutt_text_matcher_t *m,
                              const hs_database_t *database);

/* Lists the narrow entries that nothing but PCRE2 finds in messages that are
 * not ASCII. */
void mutt_match_list_unseen(mutt_text_matcher_t *m);

#endif
