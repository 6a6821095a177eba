#include "mutt_slo_history.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "core/mutt_time.h"

#define FINE_SECONDS 300
#define COARSE_SECONDS 3600

/* "2026-11-20T22:37:00" */
#define SECONDS_LEN 19

typedef double (*measure_t)(double actual, double target);


/* The time, then for each objective its value and its target; "nan" for what
 * is not known. */
void
mutt_slo_point_write(mutt_buf_t *out, const mutt_slo_point_t *point)
{
    mutt_buf_addf(out, "%lld", (long long) point->at);

    for (int i = 0; i < MUTT_SLO_OBJECTIVES; i++) {
        mutt_buf_addf(out, " %.9g %.9g", point->actual[i], point->target[i]);
    }
}


static bool
read_number(const char **text, double *number)
{
    char *end;

    *number = strtod(*text, &end);

    bool read = end != *text;

    *text = end;

    return read;
}


bool
mutt_slo_point_read(const char *text, mutt_slo_point_t *point)
{
    char *end;

    errno = 0;
    point->at = strtoll(text, &end, 10);

    bool ok = end != text && errno == 0;

    text = end;

    for (int i = 0; ok && i < MUTT_SLO_OBJECTIVES; i++) {
        ok = read_number(&text, &point->actual[i]) &&
             read_number(&text, &point->target[i]);
    }

    return ok && *text == '\0';
}


static double
value_itself(double actual, double target)
{
    (void) target;

    return actual;
}


static void
add_measure(mutt_buf_t *b, const char *name, measure_t measure,
            mutt_slo_objective_t objective, const mutt_slo_point_t *points,
            size_t n)
{
    mutt_buf_addf(b, ",\"%s\":[", name);

    for (size_t i = 0; i < n; i++) {
        double value =
            measure(points[i].actual[objective], points[i].target[objective]);

        if (i > 0) {
            MUTT_BUF_LIT(b, ",");
        }

        if (isfinite(value)) {
            mutt_buf_addf(b, "%.9g", value);
        } else {
            MUTT_BUF_LIT(b, "null");
        }
    }

    MUTT_BUF_LIT(b, "]");
}


static void
add_objective(mutt_buf_t *b, mutt_slo_objective_t objective,
              const mutt_slo_point_t *points, size_t n)
{
    bool latency = objective == MUTT_SLO_INGESTOR_LATENCY ||
                   objective == MUTT_SLO_FORWARDER_LATENCY;

    mutt_buf_addf(b, "{\"slo_name\":\"%s\"", mutt_slo_names[objective]);
    add_measure(b, "actual_value", value_itself, objective, points, n);

    if (latency) {
        MUTT_BUF_LIT(b, ",\"error_budget_remaining\":null,\"burn_rate\":null}");
        return;
    }

    add_measure(b, "error_budget_remaining", mutt_slo_budget_left, objective,
                points, n);
    add_measure(b, "burn_rate", mutt_slo_burn_rate, objective, points, n);
    MUTT_BUF_LIT(b, "}");
}


static void
add_times(mutt_buf_t *b, const mutt_slo_point_t *points, size_t n)
{
    char at[MUTT_TIME_LEN + 1];

    for (size_t i = 0; i < n; i++) {
        mutt_time_format(points[i].at * MUTT_USEC_SEC, at);
        mutt_buf_addf(b, "%s\"%.*sZ\"", i == 0 ? "" : ",", SECONDS_LEN, at);
    }
}


void
mutt_slo_history_write(mutt_buf_t *out, int64_t hours,
                       const mutt_slo_point_t *points, size_t n)
{
    mutt_buf_addf(out, "{\"hours\":%lld,\"step_seconds\":%d,\"evaluated_at\":[",
                  (long long) hours,
                  hours <= MUTT_SLO_FINE_HOURS ? FINE_SECONDS : COARSE_SECONDS);
    add_times(out, points, n);
    MUTT_BUF_LIT(out, "],\"slos\":[");

    for (int i = 0; i < MUTT_SLO_OBJECTIVES; i++) {
        if (i > 0) {
            MUTT_BUF_LIT(out, ",");
        }

        add_objective(out, i, points, n);
    }

    MUTT_BUF_LIT(out, "]}");
}
