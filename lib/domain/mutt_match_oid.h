/* The OID half of a matcher: rules whose OID is a prefix, on whole arcs. */

#ifndef MUTT_MATCH_OID_H
#define MUTT_MATCH_OID_H

#include "mutt_match_text.h"
#include "mutt_oid.h"

typedef struct mutt_oid_matcher_s mutt_oid_matcher_t;

/* A matcher for at most n OIDs; NULL when out of memory. */
mutt_oid_matcher_t *mutt_oid_matcher_create(size_t n);
void mutt_oid_matcher_destroy(mutt_oid_matcher_t *matcher);

/* Adds an OID of rank; false when out of memory or full. */
bool mutt_oid_matcher_add(mutt_oid_matcher_t *matcher, const mutt_oid_t *oid,
                          size_t rank);

/* To be called once, behind the last addition. */
void mutt_oid_matcher_sort(mutt_oid_matcher_t *matcher);

/*
 * The lowest rank below best whose OID is a prefix of oid and that passes
 * the filter, else best.
 */
size_t mutt_oid_matcher_match(const mutt_oid_matcher_t *matcher,
                              const mutt_oid_t *oid, size_t best,
                              mutt_rank_filter_t filter, void *filter_data);

#endif
