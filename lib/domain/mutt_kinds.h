/*
 * The unmatched events of one batch by kind: host and folded message.  They
 * are counted together, and together they raise a meta-alert.
 */

#ifndef MUTT_KINDS_H
#define MUTT_KINDS_H

#include <stdint.h>

#include "core/mutt_pool.h"
#include "mutt_event.h"
#include "mutt_fold.h"

/* One kind; text lives as long as the events. */
typedef struct {
    mutt_str_t key;    /* of its counter: mutt:unhandled:{host}:{hash16} */
    mutt_str_t host;   /* of the newest event */
    mutt_str_t sample; /* its message */
    int64_t times;
} mutt_kind_t;

/* A folded message whose digest is known. */
typedef struct {
    mutt_str_t folded;
    char digest[MUTT_HASH16_LEN + 1];
} mutt_digest_t;

typedef struct {
    mutt_kind_t *all;
    size_t n;
    size_t max;
    uint32_t *slots; /* hash table of 1 + index */
    size_t n_slots;
    mutt_digest_t *digests; /* the last ones, each in the place of its hash */
} mutt_kinds_t;

/* Makes room for max kinds in the pool; false when out of memory. */
bool mutt_kinds_init(mutt_kinds_t *kinds, size_t max, mutt_pool_t *pool);

/* Counts event and tells the index of its kind; false when out of memory. */
bool mutt_kinds_add(mutt_kinds_t *kinds, const mutt_event_t *event,
                    mutt_pool_t *pool, size_t *index);

#endif
