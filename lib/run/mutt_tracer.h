/*
 * The exporter of traces: takes spans from a worker without ever waiting,
 * keeps a bounded number of them, and sends them to an OTLP collector in
 * batches from a thread of its own.  What the collector does not take is
 * dropped and counted.
 */

#ifndef MUTT_TRACER_H
#define MUTT_TRACER_H

#include "conf/mutt_settings.h"
#include "core/mutt_error.h"
#include "core/mutt_log.h"
#include "domain/mutt_trace.h"

typedef struct mutt_tracer_s mutt_tracer_t;

/* MUTT_CONFIG when traces are wanted and the collector is no address. */
MUTT_CHECKED mutt_rc_t mutt_tracer_check(const mutt_settings_t *settings,
                                         mutt_err_t *err);

/*
 * The exporter of a service; *tracer is NULL when OTEL_ENABLED is not set.
 * All text and the metrics must live as long as it does.
 */
MUTT_CHECKED mutt_rc_t mutt_tracer_create(const mutt_settings_t *settings,
                                          const char *service,
                                          const char *version, const char *pod,
                                          uint64_t *metrics, mutt_log_t *log,
                                          mutt_tracer_t **tracer,
                                          mutt_err_t *err);

/* Sends what is left, for two seconds at most.  Accepts NULL. */
void mutt_tracer_destroy(mutt_tracer_t *tracer);

/* Takes spans, or drops and counts what does not fit.  Any thread. */
void mutt_tracer_add(mutt_tracer_t *tracer, const mutt_span_t *spans, size_t n);

#endif
