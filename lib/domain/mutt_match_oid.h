/* The OID half of a matcher: rules whose OID is a prefix, on whole arcs. */

#ifndef MUTT_MATCH_OID_H
#define MUTT_MATCH_OID_H

#include "mutt_oid.h"
#include "mutt_rank.h"

typedef struct mutt_oid_matcher_s mutt_oid_matcher_t;

/* A matcher for at most n OIDs; NULL when out of memory. */
mutt_oid_matcher_t *mutt_oid_matcher_create(size_t n);

/* Accepts NULL. */
void mutt_oid_matcher_destroy(mutt_oid_matcher_t *matcher);

/* Adds an OID of a rule; false when out of memory or full. */
bool mutt_oid_matcher_add(mutt_oid_matcher_t *matcher, const mutt_oid_t *oid,
                          int severity, uint32_t rank);

/* To be called once, behind the last addition. */
void mutt_oid_matcher_finish(mutt_oid_matcher_t *matcher);

/*
 * The lowest rank below best whose OID is a prefix of oid, for an event of
 * severity, else best.
 */
uint32_t mutt_oid_matcher_match(const mutt_oid_matcher_t *matcher,
                                const mutt_oid_t *oid, int severity,
                                uint32_t best);

#endif
