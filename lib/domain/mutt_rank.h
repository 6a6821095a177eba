/*
 * A rank is a rule's place in the order of priority, then id.  Rules that ask
 * for the same thing and differ only in severity share one entry of a
 * matcher; of them, an event of a given severity can be won by one alone.
 */

#ifndef MUTT_RANK_H
#define MUTT_RANK_H

#include <stdint.h>

#include "mutt_severity.h"

#define MUTT_RANK_NONE UINT32_MAX

/* The lowest rank by the event's severity, that of none first. */
typedef struct {
    uint32_t lowest[MUTT_SEVERITIES + 1];
} mutt_ranks_t;

#define MUTT_RANKS_EMPTY                                                       \
    ((mutt_ranks_t) { { MUTT_RANK_NONE, MUTT_RANK_NONE, MUTT_RANK_NONE,        \
                        MUTT_RANK_NONE, MUTT_RANK_NONE, MUTT_RANK_NONE,        \
                        MUTT_RANK_NONE, MUTT_RANK_NONE, MUTT_RANK_NONE } })


/* Adds a rule that wants severity; MUTT_SEVERITY_NONE wants any. */
static inline void
mutt_ranks_add(mutt_ranks_t *ranks, int severity, uint32_t rank)
{
    for (int i = 0; i <= MUTT_SEVERITIES; i++) {
        if ((severity == MUTT_SEVERITY_NONE || i == severity + 1) &&
            rank < ranks->lowest[i]) {
            ranks->lowest[i] = rank;
        }
    }
}


/* Adds all rules of more. */
static inline void
mutt_ranks_merge(mutt_ranks_t *ranks, const mutt_ranks_t *more)
{
    for (int i = 0; i <= MUTT_SEVERITIES; i++) {
        if (more->lowest[i] < ranks->lowest[i]) {
            ranks->lowest[i] = more->lowest[i];
        }
    }
}


/* The rule that wins for an event of severity, MUTT_RANK_NONE for none. */
static inline uint32_t
mutt_ranks_of(const mutt_ranks_t *ranks, int severity)
{
    return ranks->lowest[severity + 1];
}

#endif
