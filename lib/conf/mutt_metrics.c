#include "mutt_metrics.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mutt_time.h"
#include "mutt_settings.h"

/* the sum of a histogram is kept in billionths, so that it can be added
 * without a lock */
#define NANO 1e9

/* a gauge's slots: the bits of its value, and when it was set */
#define GAUGE_SLOTS 2

/* how long a part of a shared gauge counts */
#define SHARED_LASTS (10 * (uint64_t) MUTT_USEC_SEC)

/*
 * An exemplar's slots: a number that is odd while the others are written, the
 * trace's two halves, the bits of the value, and when it was measured.
 */
enum { EX_LOCK, EX_HIGH, EX_LOW, EX_VALUE, EX_AT, EXEMPLAR_SLOTS };

typedef struct {
    unsigned char trace[MUTT_EXEMPLAR_ID];
    double value;
    mutt_usec_t at; /* 0: there is none */
} exemplar_t;

typedef struct {
    const double *bounds;
    size_t n;
} buckets_t;

typedef struct {
    const char *name;
    mutt_metric_type_t type;
    const buckets_t *buckets;
    unsigned readers;
    const char *help;
} metric_t;

typedef struct {
    int metric;
    const char *labels;
} series_t;

static const double latency[] = { .001, .005, .01, .025, .05, .1,
                                  .25,  .5,   1,   2.5,  5 };
static const double latency_ms[] = { 1,   5,   10,   25,   50,  100,
                                     250, 500, 1000, 2500, 5000 };
static const double reload[] = { .005, .01, .025, .05, .1, .25,
                                 .5,   1,   2.5,  5,   10 };
static const double delivery[] = { .05, .1, .25, .5,  1,    2.5,  5,
                                   10,  30, 60,  300, 1800, 3600, 86400 };
static const double api[] = { .01, .05, .1, .25, .5, 1, 2.5 };
static const double webhook[] = { .1, .25, .5, 1, 2.5, 5, 10, 30 };

#define LIST(values)                                                           \
    {                                                                          \
        values, sizeof(values) / sizeof(values[0])                             \
    }

static const buckets_t buckets_NONE = { NULL, 0 };
static const buckets_t buckets_LATENCY = LIST(latency);
static const buckets_t buckets_LATENCY_MS = LIST(latency_ms);
static const buckets_t buckets_RELOAD = LIST(reload);
static const buckets_t buckets_DELIVERY = LIST(delivery);
static const buckets_t buckets_API = LIST(api);
static const buckets_t buckets_WEBHOOK = LIST(webhook);

enum {
#define METRIC(id, name, type, buckets, readers, help) METRIC_##id,
#define SERIES(metric, id, labels)
#include "mutt_metrics.def"
#undef METRIC
#undef SERIES
    METRIC_COUNT
};

static const metric_t metrics[METRIC_COUNT] = {
#define METRIC(id, name, type, buckets, readers, help)                         \
    { name, MUTT_##type, &buckets_##buckets, readers, help },
#define SERIES(metric, id, labels)
#include "mutt_metrics.def"
#undef METRIC
#undef SERIES
};

static const series_t series_table[MUTT_SERIES_COUNT] = {
#define METRIC(id, name, type, buckets, readers, help)
#define SERIES(metric, id, labels) { METRIC_##metric, labels },
#include "mutt_metrics.def"
#undef METRIC
#undef SERIES
};


static const metric_t *
metric_of(mutt_series_t series)
{
    return &metrics[series_table[series].metric];
}


static bool
is_gauge(const metric_t *m)
{
    return m->type == MUTT_GAUGE || m->type == MUTT_SHARED;
}


static size_t
slots_of(mutt_series_t series)
{
    const metric_t *m = metric_of(series);

    switch (m->type) {
    case MUTT_COUNTER:
        return 1;
    case MUTT_GAUGE:
    case MUTT_SHARED:
        return GAUGE_SLOTS;
    case MUTT_HISTOGRAM:
    case MUTT_TRACED:
        break;
    }

    /* one a bucket, +Inf, the sum; then the exemplars */
    return m->buckets->n + 2 +
           (m->type == MUTT_TRACED ? (m->buckets->n + 1) * EXEMPLAR_SLOTS : 0);
}


static size_t
first_slot(mutt_series_t series)
{
    /* built on first use; every builder writes the same values */
    static size_t offsets[MUTT_SERIES_COUNT + 1];

    if (offsets[MUTT_SERIES_COUNT] == 0) {
        size_t at = 0;

        for (int s = 0; s < MUTT_SERIES_COUNT; s++) {
            offsets[s] = at;
            at += slots_of(s);
        }

        offsets[MUTT_SERIES_COUNT] = at;
    }

    return offsets[series];
}


size_t
mutt_metrics_slots(void)
{
    (void) first_slot(0);

    return first_slot(MUTT_SERIES_COUNT);
}


static void
add(uint64_t *slot, uint64_t n)
{
    __atomic_fetch_add(slot, n, __ATOMIC_RELAXED);
}


static uint64_t
load(const uint64_t *slot)
{
    return __atomic_load_n(slot, __ATOMIC_RELAXED);
}


void
mutt_metric_add(uint64_t *slots, mutt_series_t series, uint64_t n)
{
    add(&slots[first_slot(series)], n);
}


void
mutt_metric_set(uint64_t *slots, mutt_series_t series, double value)
{
    uint64_t *slot = &slots[first_slot(series)];
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    __atomic_store_n(&slot[0], bits, __ATOMIC_RELAXED);
    __atomic_store_n(&slot[1], (uint64_t) mutt_time_mono(), __ATOMIC_RELAXED);
}


static void
store(uint64_t *slot, uint64_t n)
{
    __atomic_store_n(slot, n, __ATOMIC_RELAXED);
}


void
mutt_metric_observe(uint64_t *slots, mutt_series_t series, double value)
{
    mutt_metric_observe_in(slots, series, value, NULL);
}


static void
write_exemplar(uint64_t *slot, const exemplar_t *e)
{
    uint64_t lock = load(&slot[EX_LOCK]) | 1;
    uint64_t trace[2];
    uint64_t bits;

    memcpy(trace, e->trace, sizeof(trace));
    memcpy(&bits, &e->value, sizeof(bits));

    store(&slot[EX_LOCK], lock);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    store(&slot[EX_HIGH], trace[0]);
    store(&slot[EX_LOW], trace[1]);
    store(&slot[EX_VALUE], bits);
    store(&slot[EX_AT], (uint64_t) e->at);
    __atomic_store_n(&slot[EX_LOCK], lock + 1, __ATOMIC_RELEASE);
}


/* What is just being written is none. */
static exemplar_t
read_exemplar(const uint64_t *slot)
{
    static const exemplar_t none;
    uint64_t lock = __atomic_load_n(&slot[EX_LOCK], __ATOMIC_ACQUIRE);
    uint64_t trace[2] = { load(&slot[EX_HIGH]), load(&slot[EX_LOW]) };
    uint64_t bits = load(&slot[EX_VALUE]);
    exemplar_t e;

    e.at = (mutt_usec_t) load(&slot[EX_AT]);
    memcpy(e.trace, trace, sizeof(trace));
    memcpy(&e.value, &bits, sizeof(bits));
    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    return (lock & 1) != 0 || load(&slot[EX_LOCK]) != lock ? none : e;
}


/* The newest exemplar of a bucket. */
static exemplar_t
newest_exemplar(uint64_t *const rows[], size_t n, size_t slot)
{
    exemplar_t newest = { .at = 0 };

    for (size_t i = 0; i < n; i++) {
        exemplar_t e = read_exemplar(&rows[i][slot]);

        newest = e.at > newest.at ? e : newest;
    }

    return newest;
}


void
mutt_metric_observe_in(uint64_t *slots, mutt_series_t series, double value,
                       const unsigned char trace[MUTT_EXEMPLAR_ID])
{
    const buckets_t *b = metric_of(series)->buckets;
    uint64_t *slot = &slots[first_slot(series)];
    size_t i = 0;

    while (i < b->n && value > b->bounds[i]) {
        i++;
    }

    add(&slot[i], 1);
    add(&slot[b->n + 1], value > 0 ? (uint64_t) (value * NANO) : 0);

    if (trace != NULL && metric_of(series)->type == MUTT_TRACED) {
        exemplar_t e = { .value = value, .at = mutt_time_now() };

        memcpy(e.trace, trace, sizeof(e.trace));
        write_exemplar(&slot[b->n + 2 + i * EXEMPLAR_SLOTS], &e);
    }
}


static double
gauge_value(const uint64_t *slot)
{
    uint64_t bits = load(slot);
    double value;

    memcpy(&value, &bits, sizeof(value));

    return value;
}


double
mutt_metric_value(const uint64_t *slots, mutt_series_t series)
{
    const uint64_t *slot = &slots[first_slot(series)];

    return is_gauge(metric_of(series)) ? gauge_value(slot)
                                       : (double) load(slot);
}


static uint64_t
sum_rows(uint64_t *const rows[], size_t n, size_t slot)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += load(&rows[i][slot]);
    }

    return sum;
}


static double
newest_gauge(uint64_t *const rows[], size_t n, size_t slot)
{
    uint64_t stamp = 0;
    double value = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t set = load(&rows[i][slot + 1]);

        if (set > stamp) {
            stamp = set;
            value = gauge_value(&rows[i][slot]);
        }
    }

    return value;
}


static double
shared_gauge(uint64_t *const rows[], size_t n, size_t slot)
{
    uint64_t now = (uint64_t) mutt_time_mono();
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t set = load(&rows[i][slot + 1]);

        if (set != 0 && now - set < SHARED_LASTS) {
            sum += gauge_value(&rows[i][slot]);
        }
    }

    return sum;
}


static void
render_exemplar(mutt_buf_t *out, const exemplar_t *e)
{
    MUTT_BUF_LIT(out, " # {trace_id=\"");

    for (size_t i = 0; i < MUTT_EXEMPLAR_ID; i++) {
        mutt_buf_addf(out, "%02x", e->trace[i]);
    }

    mutt_buf_addf(out, "\"} %.9g %lld.%03lld", e->value,
                  (long long) (e->at / MUTT_USEC_SEC),
                  (long long) (e->at % MUTT_USEC_SEC / 1000));
}


static void
render_bucket(mutt_buf_t *out, const mutt_metrics_view_t *view,
              mutt_series_t series, size_t i, uint64_t count)
{
    const metric_t *m = metric_of(series);
    const char *labels = series_table[series].labels;
    const char *comma = labels[0] == '\0' ? "" : ",";

    if (i < m->buckets->n) {
        mutt_buf_addf(out, "%s_bucket{%s%sle=\"%g\"} %llu", m->name, labels,
                      comma, m->buckets->bounds[i], (unsigned long long) count);
    } else {
        mutt_buf_addf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu", m->name, labels,
                      comma, (unsigned long long) count);
    }

    if (view->openmetrics && m->type == MUTT_TRACED) {
        size_t slot =
            first_slot(series) + m->buckets->n + 2 + i * EXEMPLAR_SLOTS;
        exemplar_t e = newest_exemplar(view->rows, view->n, slot);

        if (e.at != 0) {
            render_exemplar(out, &e);
        }
    }

    MUTT_BUF_LIT(out, "\n");
}


static void
render_histogram(mutt_buf_t *out, const mutt_metrics_view_t *view,
                 mutt_series_t series)
{
    const metric_t *m = metric_of(series);
    const char *labels = series_table[series].labels;
    size_t slot = first_slot(series);
    uint64_t *const *rows = view->rows;
    size_t n = view->n;
    uint64_t count = 0;

    for (size_t i = 0; i <= m->buckets->n; i++) {
        count += sum_rows(rows, n, slot + i);
        render_bucket(out, view, series, i, count);
    }

    double sum = (double) sum_rows(rows, n, slot + m->buckets->n + 1) / NANO;
    const char *open = labels[0] == '\0' ? "" : "{";
    const char *close = labels[0] == '\0' ? "" : "}";

    mutt_buf_addf(out, "%s_sum%s%s%s %.9g\n", m->name, open, labels, close,
                  sum);
    mutt_buf_addf(out, "%s_count%s%s%s %llu\n", m->name, open, labels, close,
                  (unsigned long long) count);
}


static size_t
place_of(int32_t rule_id)
{
    return (uint32_t) rule_id * 2654435761u % (4 * MUTT_HITS_RULES);
}


bool
mutt_hits_add(mutt_hits_t *hits, int32_t rule_id)
{
    size_t at = place_of(rule_id);

    while (hits->places[at] != 0 &&
           hits->rules[hits->places[at] - 1] != rule_id) {
        at = (at + 1) % (4 * MUTT_HITS_RULES);
    }

    if (hits->places[at] == 0) {
        if (hits->n == MUTT_HITS_RULES) {
            return false;
        }

        __atomic_store_n(&hits->rules[hits->n], rule_id, __ATOMIC_RELEASE);
        hits->places[at] = (uint16_t) ++hits->n;
    }

    add(&hits->counts[hits->places[at] - 1], 1);

    return true;
}


static void
render_hits(mutt_buf_t *out, const mutt_hits_t *hits, const char *name)
{
    for (size_t i = 0; hits != NULL && i < MUTT_HITS_RULES; i++) {
        int32_t rule = __atomic_load_n(&hits->rules[i], __ATOMIC_ACQUIRE);

        if (rule == 0) {
            return;
        }

        mutt_buf_addf(out, "%s{rule_id=\"%d\"} %llu\n", name, rule,
                      (unsigned long long) load(&hits->counts[i]));
    }
}


static void
render_series(mutt_buf_t *out, const mutt_metrics_view_t *view,
              mutt_series_t series)
{
    const metric_t *m = metric_of(series);
    const char *labels = series_table[series].labels;
    size_t slot = first_slot(series);

    if (m->type == MUTT_HISTOGRAM || m->type == MUTT_TRACED) {
        render_histogram(out, view, series);
        return;
    }

    if (series == MUTT_M_BUILD_INFO_ALL) {
        mutt_buf_addf(out, "%s{version=\"%s\"} 1\n", m->name, view->version);
        return;
    }

    if (series == MUTT_M_RULE_HITS_OTHER) {
        render_hits(out, view->hits, m->name);
    }

    mutt_buf_add_str(out, mutt_str(m->name));

    if (labels[0] != '\0') {
        mutt_buf_addf(out, "{%s}", labels);
    }

    if (m->type == MUTT_GAUGE) {
        mutt_buf_addf(out, " %.15g\n", newest_gauge(view->rows, view->n, slot));
    } else if (m->type == MUTT_SHARED) {
        mutt_buf_addf(out, " %.15g\n", shared_gauge(view->rows, view->n, slot));
    } else {
        mutt_buf_addf(out, " %llu\n",
                      (unsigned long long) sum_rows(view->rows, view->n, slot));
    }
}


/* A family of counters is named without the suffix in OpenMetrics. */
static void
render_family(mutt_buf_t *out, const metric_t *m, bool openmetrics)
{
    static const char total[] = "_total";
    static const char *const types[] = {
        [MUTT_COUNTER] = "counter",  [MUTT_GAUGE] = "gauge",
        [MUTT_SHARED] = "gauge",     [MUTT_HISTOGRAM] = "histogram",
        [MUTT_TRACED] = "histogram",
    };
    size_t len = strlen(m->name);
    size_t suffix = sizeof(total) - 1;

    if (openmetrics && m->type == MUTT_COUNTER && len > suffix &&
        strcmp(m->name + len - suffix, total) == 0) {
        len -= suffix;
    }

    mutt_buf_addf(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int) len, m->name,
                  m->help, (int) len, m->name, types[m->type]);
}


void
mutt_metrics_render(mutt_buf_t *out, const mutt_metrics_view_t *view)
{
    int last = -1;

    for (int s = 0; s < MUTT_SERIES_COUNT; s++) {
        const metric_t *m = metric_of(s);

        if ((m->readers & view->mask) == 0) {
            continue;
        }

        if (series_table[s].metric != last) {
            last = series_table[s].metric;
            render_family(out, m, view->openmetrics);
        }

        render_series(out, view, s);
    }

    if (view->openmetrics) {
        MUTT_BUF_LIT(out, "# EOF\n");
    }
}


/* How much a media range is wanted: its q, 1 unless it says so. */
static double
weight_of(const char *range, size_t len)
{
    for (size_t i = 0; i + 2 < len; i++) {
        if (range[i] == ';') {
            size_t at = i + 1 + strspn(range + i + 1, " \t");

            if (at + 2 < len && strncasecmp(range + at, "q=", 2) == 0) {
                return strtod(range + at + 2, NULL);
            }
        }
    }

    return 1;
}


bool
mutt_metrics_openmetrics(const char *accept)
{
    static const char open[] = "application/openmetrics-text";
    static const char text[] = "text/plain";
    double best_open = 0;
    double best_text = 0;

    while (accept != NULL && *accept != '\0') {
        accept += strspn(accept, " \t,");

        size_t len = strcspn(accept, ",");
        size_t type = strcspn(accept, "; \t,");
        double weight = weight_of(accept, len);

        if (type == sizeof(open) - 1 && strncasecmp(accept, open, type) == 0) {
            best_open = weight > best_open ? weight : best_open;
        } else if (type == sizeof(text) - 1 &&
                   strncasecmp(accept, text, type) == 0) {
            best_text = weight > best_text ? weight : best_text;
        }

        accept += len;
    }

    return best_open > 0 && best_open >= best_text;
}


const char *
mutt_metrics_type(bool openmetrics)
{
    return openmetrics
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}
