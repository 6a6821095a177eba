/* What is asked of Prometheus for the objectives, in one query. */

#ifndef MUTT_SLO_QUERY_H
#define MUTT_SLO_QUERY_H

#include "core/mutt_buf.h"
#include "domain/mutt_slo.h"

/* Appends the address, with a NUL: prometheus is PROMETHEUS_URL's value. */
void mutt_slo_query_write(mutt_buf_t *out, const char *prometheus,
                          int64_t window_hours);

/*
 * Reads Prometheus' answer.  What it knows nothing of stays unknown;
 * MUTT_INVALID when it is no answer to the query.
 */
MUTT_CHECKED mutt_rc_t mutt_slo_query_read(mutt_str_t body,
                                           mutt_slo_input_t *input,
                                           mutt_err_t *err);

#endif
