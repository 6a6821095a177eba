/*
 * Metrics, read from one table (mutt_metrics.def).  A metric has a fixed,
 * closed list of series; a series is one or more 64-bit slots.  Slots live
 * wherever the caller puts them: a worker's memory, or one row a process of
 * nginx's shared memory, summed when rendered.
 */

#ifndef MUTT_METRICS_H
#define MUTT_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mutt_buf.h"

/*
 * SHARED: a gauge of which each process has a part, and sets it again and
 * again.  TRACED: a histogram that keeps an exemplar of each bucket.
 */
typedef enum {
    MUTT_COUNTER,
    MUTT_GAUGE,
    MUTT_SHARED,
    MUTT_HISTOGRAM,
    MUTT_TRACED
} mutt_metric_type_t;

/* Length of the trace id of an exemplar, as mutt_trace.h has it. */
#define MUTT_EXEMPLAR_ID 16

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

/* Sets a gauge, or this process' part of it. */
void mutt_metric_set(uint64_t *slots, mutt_series_t series, double value);

/* Counts a value, in the metric's unit (seconds), into a histogram. */
void mutt_metric_observe(uint64_t *slots, mutt_series_t series, double value);

/*
 * The same for a TRACED one, with the trace that the value was measured in,
 * NULL for none: OpenMetrics shows each bucket's last.  One thread of the
 * process.
 */
void mutt_metric_observe_in(uint64_t *slots, mutt_series_t series, double value,
                            const unsigned char trace[MUTT_EXEMPLAR_ID]);

/* The value of a counter or gauge. */
double mutt_metric_value(const uint64_t *slots, mutt_series_t series);

/*
 * Counts by rule, of at most MUTT_HITS_RULES rules, the first that are hit;
 * what others count goes to rule_id="other".  One thread counts, any renders.
 */
#define MUTT_HITS_RULES 1000

typedef struct {
    int32_t rules[MUTT_HITS_RULES]; /* 0: free, as are all behind it */
    uint64_t counts[MUTT_HITS_RULES];
    uint16_t places[4 * MUTT_HITS_RULES]; /* by hash; 0: free */
    size_t n;
} mutt_hits_t;

/* Counts a hit; false when there is no place for the rule. */
bool mutt_hits_add(mutt_hits_t *hits, int32_t rule_id);

/* What is to be rendered. */
typedef struct {
    uint64_t *const *rows; /* of n processes */
    size_t n;
    unsigned mask; /* metrics whose readers column meets it */
    const char *version;
    const mutt_hits_t *hits; /* NULL: none */
    bool openmetrics;        /* OpenMetrics 1.0, else Prometheus text 0.0.4 */
} mutt_metrics_view_t;

/*
 * Appends the exposition: counters and histograms summed over the processes;
 * a gauge is taken from the row where it was set last; of a shared one those
 * parts are summed that were set within the last ten seconds, the others are
 * of processes that have gone.
 */
void mutt_metrics_render(mutt_buf_t *out, const mutt_metrics_view_t *view);

/* Whether an Accept header prefers OpenMetrics; NULL: there is none. */
bool mutt_metrics_openmetrics(const char *accept);

/* The Content-Type of an exposition. */
const char *mutt_metrics_type(bool openmetrics);

#endif
