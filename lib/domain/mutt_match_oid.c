/*
 * The OIDs lie sorted, arc by arc, so that those with a common prefix are
 * neighbours and a prefix stands before what it heads: a trie without nodes.
 * Each arc of the event narrows the range by two binary searches.
 */

#include "mutt_match_oid.h"

#include <stdlib.h>

typedef struct {
    uint32_t *arcs;
    size_t n;
    size_t rank;
} entry_t;

struct mutt_oid_matcher_s {
    entry_t *entries;
    size_t n;
    size_t max;
};


mutt_oid_matcher_t *
mutt_oid_matcher_create(size_t n)
{
    mutt_oid_matcher_t *m = calloc(1, sizeof(mutt_oid_matcher_t));

    if (m == NULL) {
        return NULL;
    }

    m->max = n;
    m->entries = calloc(n + 1, sizeof(entry_t));

    if (m->entries == NULL) {
        free(m);
        return NULL;
    }

    return m;
}


void
mutt_oid_matcher_destroy(mutt_oid_matcher_t *matcher)
{
    if (matcher == NULL) {
        return;
    }

    for (size_t i = 0; i < matcher->n; i++) {
        free(matcher->entries[i].arcs);
    }

    free(matcher->entries);
    free(matcher);
}


bool
mutt_oid_matcher_add(mutt_oid_matcher_t *matcher, const mutt_oid_t *oid,
                     size_t rank)
{
    uint32_t *arcs = malloc(oid->n * sizeof(uint32_t));

    if (arcs == NULL || matcher->n == matcher->max) {
        free(arcs);
        return false;
    }

    memcpy(arcs, oid->arcs, oid->n * sizeof(uint32_t));
    matcher->entries[matcher->n++] =
        (entry_t) { .arcs = arcs, .n = oid->n, .rank = rank };

    return true;
}


static int
compare(const void *pa, const void *pb)
{
    const entry_t *a = pa;
    const entry_t *b = pb;

    for (size_t i = 0; i < a->n && i < b->n; i++) {
        if (a->arcs[i] != b->arcs[i]) {
            return a->arcs[i] < b->arcs[i] ? -1 : 1;
        }
    }

    if (a->n != b->n) {
        return a->n < b->n ? -1 : 1;
    }

    return a->rank < b->rank ? -1 : a->rank > b->rank;
}


void
mutt_oid_matcher_sort(mutt_oid_matcher_t *matcher)
{
    qsort(matcher->entries, matcher->n, sizeof(entry_t), compare);
}


/* The first of [lo, hi) whose arc at depth is at least arc; all have one. */
static size_t
lower_bound(const mutt_oid_matcher_t *m, size_t lo, size_t hi, size_t depth,
            uint64_t arc)
{
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (m->entries[mid].arcs[depth] < arc) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }

    return lo;
}


size_t
mutt_oid_matcher_match(const mutt_oid_matcher_t *matcher, const mutt_oid_t *oid,
                       size_t best, mutt_rank_filter_t filter,
                       void *filter_data)
{
    size_t lo = 0;
    size_t hi = matcher->n;

    for (size_t depth = 0; depth < oid->n && lo < hi; depth++) {
        hi = lower_bound(matcher, lo, hi, depth,
                         (uint64_t) oid->arcs[depth] + 1);
        lo = lower_bound(matcher, lo, hi, depth, oid->arcs[depth]);

        /* those that end here are prefixes, lowest rank first */
        for (bool found = false; lo < hi && matcher->entries[lo].n == depth + 1;
             lo++) {
            size_t rank = matcher->entries[lo].rank;

            if (!found && rank < best && filter(filter_data, rank)) {
                best = rank;
                found = true;
            }
        }
    }

    return best;
}
