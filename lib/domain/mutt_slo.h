/*
 * Service level objectives: from the increases of counters to what
 * GET /api/v2/slo answers (CONTRACT 3.2, docs/SLOs.md).  Pure.  A number that
 * is not known is NAN, and null in JSON.
 */

#ifndef MUTT_SLO_H
#define MUTT_SLO_H

#include <stdint.h>

#include "core/mutt_buf.h"

/* Ranges of time that are looked at. */
typedef enum {
    MUTT_SLO_5M,
    MUTT_SLO_1H,
    MUTT_SLO_6H,
    MUTT_SLO_24H,
    MUTT_SLO_WINDOW,
    MUTT_SLO_RANGES
} mutt_slo_range_t;

typedef enum {
    MUTT_SLO_OK,
    MUTT_SLO_WARN,
    MUTT_SLO_CRITICAL,
    MUTT_SLO_UNKNOWN
} mutt_slo_state_t;

/* The objectives, in the order in which they are told. */
typedef enum {
    MUTT_SLO_INGESTOR_AVAILABILITY,
    MUTT_SLO_INGESTOR_LATENCY,
    MUTT_SLO_FORWARDER_AVAILABILITY,
    MUTT_SLO_FORWARDER_LATENCY,
    MUTT_SLO_ALERTER_PROCESSING,
    MUTT_SLO_ALERTER_RELOAD,
    MUTT_SLO_OBJECTIVES
} mutt_slo_objective_t;

/* Their names, by mutt_slo_objective_t. */
extern const char *const mutt_slo_names[MUTT_SLO_OBJECTIVES];

/* What happened in a range. */
typedef struct {
    double good;
    double bad;
} mutt_slo_count_t;

/* What was measured. */
typedef struct {
    mutt_slo_count_t ingestor[MUTT_SLO_RANGES];
    mutt_slo_count_t forwarder[MUTT_SLO_RANGES];
    mutt_slo_count_t alerter; /* over the window, as what follows */
    mutt_slo_count_t reload;
    double ingest_p99; /* seconds */
    double forward_p99;
} mutt_slo_input_t;

/* What it is held against. */
typedef struct {
    double ingest_target;
    double forward_target;
    double burn_warning;
    double burn_critical;
    int64_t window_hours;
} mutt_slo_terms_t;

/* What an evaluation found of each objective, over the window. */
typedef struct {
    int64_t at; /* Unix seconds */
    double actual[MUTT_SLO_OBJECTIVES];
    double target[MUTT_SLO_OBJECTIVES]; /* NAN for a latency */
} mutt_slo_point_t;

/* Of which nothing is known. */
void mutt_slo_input_init(mutt_slo_input_t *input);

/* good / (good + bad); NAN without either. */
double mutt_slo_availability(mutt_slo_count_t count);

/* (1 - availability) / (1 - target), target below 1. */
double mutt_slo_burn_rate(double availability, double target);

/* (availability - target) / (1 - target), target below 1. */
double mutt_slo_budget_left(double availability, double target);

/* WARN above warning, CRITICAL above critical, UNKNOWN for NAN. */
mutt_slo_state_t mutt_slo_state(double value, double warning, double critical);

/*
 * Appends the JSON of CONTRACT 3.2, with stale false.  evaluated_at: RFC
 * 3339, or NULL when nothing has been evaluated.
 */
void mutt_slo_write(mutt_buf_t *out, const mutt_slo_input_t *input,
                    const mutt_slo_terms_t *terms, const char *evaluated_at);

void mutt_slo_point(mutt_slo_point_t *point, const mutt_slo_input_t *input,
                    const mutt_slo_terms_t *terms, int64_t at);

#endif
