#include "mutt_slo_query.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#define QUERY_MAX 32768
#define RANGE_MAX 16

#define INGEST "mutt_ingest_requests_total"
#define MOOG "mutt_moog_alerts_processed_total"
#define ALERTER "mutt_alerter_events_processed_total"
#define RELOAD "mutt_alerter_cache_reload_total"

/* A number asked for: its label in the answer is the row's in the table. */
typedef struct {
    const char *selector; /* of a counter */
    size_t offset;        /* into the input, of the window's number */
    size_t step;          /* to the next range's; 0: the window's alone */
} counter_t;

typedef struct {
    const char *metric; /* a histogram's buckets */
    size_t offset;
} quantile_t;

#define AT(member) offsetof(mutt_slo_input_t, member)

static const counter_t counters[] = {
    { INGEST "{status=\"success\"}", AT(ingestor[0].good),
      sizeof(mutt_slo_count_t) },
    { INGEST "{reason=~\"queue_full|redis|busy|unknown\"}", AT(ingestor[0].bad),
      sizeof(mutt_slo_count_t) },
    { MOOG "{status=\"success\"}", AT(forwarder[0].good),
      sizeof(mutt_slo_count_t) },
    { MOOG "{status=\"dlq\"}", AT(forwarder[0].bad), sizeof(mutt_slo_count_t) },
    { ALERTER "{status=~\"handled|unhandled\"}", AT(alerter.good), 0 },
    { ALERTER "{status=~\"poison|error\"}", AT(alerter.bad), 0 },
    { RELOAD "{status=\"success\"}", AT(reload.good), 0 },
    { RELOAD "{status=\"fail\"}", AT(reload.bad), 0 },
};

static const quantile_t quantiles[] = {
    { "mutt_ingest_latency_seconds_bucket", AT(ingest_p99) },
    { "mutt_moog_request_latency_seconds_bucket", AT(forward_p99) },
};

#define COUNTERS (sizeof(counters) / sizeof(counters[0]))
#define QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))


/* The first range that a counter is wanted for. */
static int
first_range(const counter_t *counter)
{
    return counter->step == 0 ? MUTT_SLO_WINDOW : 0;
}


static void
write_range(char out[RANGE_MAX], int range, int64_t window_hours)
{
    static const char *const ranges[] = {
        [MUTT_SLO_5M] = "5m",
        [MUTT_SLO_1H] = "1h",
        [MUTT_SLO_6H] = "6h",
        [MUTT_SLO_24H] = "24h",
    };

    if (range == MUTT_SLO_WINDOW) {
        (void) snprintf(out, RANGE_MAX, "%lldh", (long long) window_hours);
    } else {
        (void) snprintf(out, RANGE_MAX, "%s", ranges[range]);
    }
}


/* The number's label is "c<row>.<range>" or "q<row>". */
static void
write_query(mutt_buf_t *b, int64_t window_hours)
{
    char range[RANGE_MAX];

    for (size_t i = 0; i < COUNTERS; i++) {
        for (int k = first_range(&counters[i]); k < MUTT_SLO_RANGES; k++) {
            write_range(range, k, window_hours);
            mutt_buf_addf(b,
                          "%slabel_replace(sum(increase(%s[%s])),"
                          "\"n\",\"c%zu.%d\",\"\",\"\")",
                          b->len == 0 ? "" : " or ", counters[i].selector,
                          range, i, k);
        }
    }

    write_range(range, MUTT_SLO_WINDOW, window_hours);

    for (size_t i = 0; i < QUANTILES; i++) {
        mutt_buf_addf(b,
                      " or label_replace(histogram_quantile(0.99,"
                      "sum by(le)(rate(%s[%s]))),\"n\",\"q%zu\",\"\",\"\")",
                      quantiles[i].metric, range, i);
    }
}


void
mutt_slo_query_write(mutt_buf_t *out, const char *prometheus,
                     int64_t window_hours)
{
    size_t len = strlen(prometheus);
    mutt_buf_t query;

    while (len > 0 && prometheus[len - 1] == '/') {
        len--;
    }

    mutt_buf_init(&query, QUERY_MAX);
    write_query(&query, window_hours);
    mutt_buf_add(out, prometheus, len);
    MUTT_BUF_LIT(out, "/api/v1/query?query=");

    for (size_t i = 0; i < query.len; i++) {
        unsigned char c = (unsigned char) query.data[i];

        if (isalnum(c) || c == '_' || c == '.') {
            mutt_buf_add(out, &c, 1);
        } else {
            mutt_buf_addf(out, "%%%02X", c);
        }
    }

    mutt_buf_add(out, "", 1);
    out->failed = out->failed || !mutt_buf_ok(&query);
    mutt_buf_done(&query);
}


/* Where the number of a label goes; NULL when it was not asked for. */
static double *
place_of(const char *label, mutt_slo_input_t *input)
{
    size_t row;
    int range;

    if (sscanf(label, "c%zu.%d", &row, &range) == 2 && row < COUNTERS &&
        range >= first_range(&counters[row]) && range < MUTT_SLO_RANGES) {
        return (double *) (void *) ((char *) input + counters[row].offset +
                                    (size_t) range * counters[row].step);
    }

    if (sscanf(label, "q%zu", &row) == 1 && row < QUANTILES) {
        return (double *) (void *) ((char *) input + quantiles[row].offset);
    }

    return NULL;
}


static bool
read_sample(json_t *sample, mutt_slo_input_t *input)
{
    const char *label;
    const char *text;
    double at;

    if (json_unpack(sample, "{s:{s:s},s:[F,s]}", "metric", "n", &label, "value",
                    &at, &text) != 0) {
        return false;
    }

    double *place = place_of(label, input);

    if (place == NULL) {
        return false;
    }

    *place = strtod(text, NULL);

    return true;
}


mutt_rc_t
mutt_slo_query_read(mutt_str_t body, mutt_slo_input_t *input, mutt_err_t *err)
{
    json_t *root = json_loadb(body.data, body.len, 0, NULL);
    json_t *samples = NULL;
    bool ok = root != NULL &&
              json_unpack(root, "{s:{s:o}}", "data", "result", &samples) == 0 &&
              json_is_array(samples);

    mutt_slo_input_init(input);

    for (size_t i = 0; ok && i < json_array_size(samples); i++) {
        ok = read_sample(json_array_get(samples, i), input);
    }

    json_decref(root);

    return ok ? MUTT_OK
              : mutt_fail(err, MUTT_INVALID,
                          "prometheus: no answer to the query");
}
