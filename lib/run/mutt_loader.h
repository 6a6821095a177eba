/*
 * Loads generations of rules in a thread of its own, on a connection of its
 * own: compiling thousands of patterns takes seconds, in which the main
 * thread goes on matching with the last good generation.  A set that changes
 * before it is compiled is left for the newest one, but not twice in a row:
 * who changes rules all the time still sees them used.  One thread uses a
 * loader.
 */

#ifndef MUTT_LOADER_H
#define MUTT_LOADER_H

#include "io/mutt_rules.h"

#define MUTT_LOAD_REPORTS 20

typedef struct mutt_loader_s mutt_loader_t;

/* A rule that was left out. */
typedef struct {
    int32_t rule_id;
    char why[160];
} mutt_load_report_t;

/* How a load ended. */
typedef struct {
    mutt_rc_t rc;
    mutt_err_t err;
    mutt_generation_t *generation;    /* the taker's; NULL: nothing changed */
    char version[MUTT_RULES_VERSION]; /* of the set that was read */
    double seconds;
    size_t n_reports; /* of which the first MUTT_LOAD_REPORTS are here */
    mutt_load_report_t reports[MUTT_LOAD_REPORTS];
} mutt_load_t;

mutt_loader_t *mutt_loader_create(const mutt_settings_t *settings);

/*
 * Waits for PostgreSQL's answer at most, not for a compilation: that one is
 * left to itself.  Accepts NULL.
 */
void mutt_loader_destroy(mutt_loader_t *loader);

/*
 * Begins a load; while one is under way, has another follow it.  False when
 * no thread can be had.
 */
bool mutt_loader_start(mutt_loader_t *loader);

/* Whether a load is under way, or has ended and was not taken. */
bool mutt_loader_busy(mutt_loader_t *loader);

/* Waits at most wait_ms for a load to end. */
void mutt_loader_wait(mutt_loader_t *loader, unsigned wait_ms);

/*
 * Builds what a matcher lacks, in a thread of its own to which all else goes
 * before, and releases it.  False when no thread can be had.
 */
bool mutt_loader_widen(mutt_wide_t *wide);

/* The load that has ended since the last call; false when none has. */
bool mutt_loader_take(mutt_loader_t *loader, mutt_load_t *load);

#endif
