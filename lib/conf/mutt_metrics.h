/*
 * Metrics, read from one table (mutt_metrics.def).  A metric has a fixed,
 * closed list of series; a series is one or more 64-bit slots.  Slots live
 * wherever the caller puts them: a worker's memory, or one row a process of
 * nginx's shared memory, summed when rendered.
 */

#ifndef MUTT_METRICS_H
#define MUTT_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "core/mutt_buf.h"

typedef enum { MUTT_COUNTER, MUTT_GAUGE, MUTT_HISTOGRAM } mutt_metric_type_t;

typedef enum {
#define METRIC(id, name, type, buckets, readers, help)
#define SERIES(metric, id, labels) MUTT_M_##metric##_##id,
#include "mutt_metrics.def"
#undef METRIC
#undef SERIES
    MUTT_SERIES_COUNT
} mutt_series_t;

/* How many slots one process needs; a fixed number of the build. */
size_t mutt_metrics_slots(void);

/* Adds n to a counter.  Safe from any thread of the process. */
void mutt_metric_add(uint64_t *slots, mutt_series_t series, uint64_t n);

/* Sets a gauge. */
void mutt_metric_set(uint64_t *slots, mutt_series_t series, double value);

/* Counts a value, in the metric's unit (seconds), into a histogram. */
void mutt_metric_observe(uint64_t *slots, mutt_series_t series, double value);

/* The value of a counter or gauge. */
double mutt_metric_value(const uint64_t *slots, mutt_series_t series);

/*
 * Appends the Prometheus text exposition (version 0.0.4) of the metrics
 * whose readers column meets mask, counters and histograms summed over the
 * n processes at rows[i]; a gauge is taken from the row where it was set
 * last.  version labels mutt_build_info.
 */
void mutt_metrics_render(mutt_buf_t *out, uint64_t *const rows[], size_t n,
                         unsigned mask, const char *version);

#endif
