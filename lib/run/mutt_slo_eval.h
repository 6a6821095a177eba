/*
 * The evaluator of the objectives: asks Prometheus on an interval, without
 * waiting for it, and leaves the result in Redis for whoever is asked.
 */

#ifndef MUTT_SLO_EVAL_H
#define MUTT_SLO_EVAL_H

#include "mutt_worker.h"

typedef struct mutt_slo_eval_s mutt_slo_eval_t;

/* MUTT_CONFIG when PROMETHEUS_URL is neither empty nor an address. */
MUTT_CHECKED mutt_rc_t mutt_slo_eval_check(const mutt_settings_t *settings,
                                           mutt_err_t *err);

/* *eval is NULL when PROMETHEUS_URL is empty: nothing is evaluated. */
MUTT_CHECKED mutt_rc_t mutt_slo_eval_create(const mutt_settings_t *settings,
                                            mutt_slo_eval_t **eval,
                                            mutt_err_t *err);

/* Accepts NULL. */
void mutt_slo_eval_destroy(mutt_slo_eval_t *eval);

/*
 * Asks when it is time, takes the answer when it is there.  What is left in
 * Redis ends with the objectives' window; then, and before the first
 * evaluation, a failed one leaves that nothing is known.  Any return but
 * MUTT_OK is Redis'.  Accepts NULL.
 */
MUTT_CHECKED mutt_rc_t mutt_slo_eval_turn(mutt_slo_eval_t *eval,
                                          mutt_run_t *run, mutt_err_t *err);

#endif
