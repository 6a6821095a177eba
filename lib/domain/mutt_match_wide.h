/*
 * Regular expressions for messages that are not ASCII.
 *
 * With Unicode's classes Hyperscan takes minutes for thousands of patterns,
 * with ASCII's a second.  So a matcher is used as soon as it can read ASCII,
 * and this, its other half, is built behind it by another thread.  It is held
 * by the matcher and by whoever builds it, and outlives neither.
 */

#ifndef MUTT_MATCH_WIDE_H
#define MUTT_MATCH_WIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mutt_error.h"

struct hs_database;

typedef struct mutt_wide_s mutt_wide_t;

/* What a match of a pattern is worth. */
typedef enum {
    MUTT_WIDE_UNSEEN = 0, /* not in the database: never told of */
    MUTT_WIDE_MAYBE,      /* PCRE2 has to confirm it */
    MUTT_WIDE_SURE
} mutt_wide_kind_t;

/* For patterns with ids below n; held once; NULL when out of memory. */
mutt_wide_t *mutt_wide_create(size_t n);

/* Adds a pattern, whose text is copied; false when out of memory. */
MUTT_CHECKED bool mutt_wide_add(mutt_wide_t *wide, const char *text,
                                uint32_t id);

/* Another holder, in any thread. */
mutt_wide_t *mutt_wide_hold(mutt_wide_t *wide);

/* Accepts NULL. */
void mutt_wide_release(mutt_wide_t *wide);

/*
 * Builds the database, in any one thread, once: seconds to minutes.  Does
 * nothing when nobody else holds it any more.
 */
void mutt_wide_build(mutt_wide_t *wide);

/* The database, or NULL as long as it is not built. */
const struct hs_database *mutt_wide_database(const mutt_wide_t *wide);

/* Of a pattern in it; valid once there is a database. */
mutt_wide_kind_t mutt_wide_kind(const mutt_wide_t *wide, uint32_t id);

#endif
