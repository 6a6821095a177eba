/* What the alerter knows: read from PostgreSQL, compiled, replaced whole. */

#ifndef MUTT_RULES_H
#define MUTT_RULES_H

#include "core/mutt_hash.h"
#include "domain/mutt_directory.h"
#include "domain/mutt_match.h"
#include "mutt_pg.h"

#define MUTT_RULES_VERSION 64

/* Rows of rules, development hosts and teams, of one moment. */
typedef struct mutt_rules_s mutt_rules_t;

/* One generation of them, compiled; immutable. */
typedef struct {
    mutt_matcher_t *matcher;
    mutt_directory_t *dev_hosts;
    mutt_directory_t *teams;
} mutt_generation_t;

/* Leaves the connection in a transaction: it is to be destroyed. */
MUTT_CHECKED mutt_rc_t mutt_rules_read(mutt_pg_t *pg, mutt_rules_t **rules,
                                       mutt_err_t *err);

/* Accepts NULL. */
void mutt_rules_destroy(mutt_rules_t *rules);

/* The set's version, as the API tells it; lives as long as the rows. */
const char *mutt_rules_version(const mutt_rules_t *rules);

/* A digest of the rows, equal when nothing has changed; false when OpenSSL
 * or memory fails. */
bool mutt_rules_digest(const mutt_rules_t *rules,
                       unsigned char out[MUTT_SHA256_LEN]);

/*
 * Compiles a generation: seconds for thousands of regular expressions.  A
 * rule that can't be used is reported and left out.  outdated: as for
 * mutt_matcher_build().
 */
MUTT_CHECKED mutt_rc_t mutt_generation_create(
    const mutt_rules_t *rules, const bool *outdated, mutt_match_report_t report,
    void *data, mutt_generation_t **generation, mutt_err_t *err);

/* Accepts NULL. */
void mutt_generation_destroy(mutt_generation_t *generation);

#endif
