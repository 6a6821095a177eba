/*
 * The OIDs lie sorted, arc by arc, so that those with a common prefix are
 * neighbours and a prefix stands before what it heads: a trie without nodes.
 * Each arc of the event narrows the range by two binary searches.
 */

#include "mutt_match_oid.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t *arcs;
    size_t n;
    mutt_ranks_t ranks;
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
                     int severity, uint32_t rank)
{
    uint32_t *arcs = malloc(oid->n * sizeof(uint32_t));

    if (arcs == NULL || matcher->n == matcher->max) {
        free(arcs);
        return false;
    }

    entry_t *entry = &matcher->entries[matcher->n++];

    memcpy(arcs, oid->arcs, oid->n * sizeof(uint32_t));
    *entry = (entry_t) { .arcs = arcs, .n = oid->n, .ranks = MUTT_RANKS_EMPTY };
    mutt_ranks_add(&entry->ranks, severity, rank);

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

    return a->n < b->n ? -1 : a->n > b->n;
}


/* Sorts, and makes one entry of those with the same OID. */
void
mutt_oid_matcher_finish(mutt_oid_matcher_t *matcher)
{
    size_t kept = 0;

    if (matcher->n > 0) {
        qsort(matcher->entries, matcher->n, sizeof(entry_t), compare);
    }

    for (size_t i = 0; i < matcher->n; i++) {
        entry_t *entry = &matcher->entries[i];

        if (kept == 0 || compare(&matcher->entries[kept - 1], entry) != 0) {
            matcher->entries[kept++] = *entry;
            continue;
        }

        mutt_ranks_merge(&matcher->entries[kept - 1].ranks, &entry->ranks);
        free(entry->arcs);
    }

    matcher->n = kept;
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


uint32_t
mutt_oid_matcher_match(const mutt_oid_matcher_t *matcher, const mutt_oid_t *oid,
                       int severity, uint32_t best)
{
    size_t lo = 0;
    size_t hi = matcher->n;

    for (size_t depth = 0; depth < oid->n && lo < hi; depth++) {
        hi = lower_bound(matcher, lo, hi, depth,
                         (uint64_t) oid->arcs[depth] + 1);
        lo = lower_bound(matcher, lo, hi, depth, oid->arcs[depth]);

        /* the one that ends here is a prefix, and stands first */
        if (lo < hi && matcher->entries[lo].n == depth + 1) {
            uint32_t rank =
                mutt_ranks_of(&matcher->entries[lo++].ranks, severity);

            best = rank < best ? rank : best;
        }
    }

    return best;
}
