/* One generation of what the alerter knows, loaded from PostgreSQL. */

#ifndef MUTT_RULES_H
#define MUTT_RULES_H

#include "domain/mutt_directory.h"
#include "domain/mutt_match.h"
#include "mutt_pg.h"

/* Immutable; replaced whole. */
typedef struct {
    mutt_matcher_t *matcher;
    mutt_directory_t *dev_hosts;
    mutt_directory_t *teams;
} mutt_generation_t;

/*
 * Loads and compiles rules, development hosts and teams.  A rule that can't
 * be used is reported and left out.  On failure nothing is returned.
 */
MUTT_CHECKED mutt_rc_t mutt_generation_load(mutt_pg_t *pg,
                                            mutt_match_report_t report,
                                            void *data,
                                            mutt_generation_t **generation,
                                            mutt_err_t *err);

/* Accepts NULL. */
void mutt_generation_destroy(mutt_generation_t *generation);

#endif
