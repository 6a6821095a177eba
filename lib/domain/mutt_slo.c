#include "mutt_slo.h"

#include <math.h>
#include <stdio.h>

#define ALERTER_TARGET 0.999
#define RELOAD_TARGET 0.99

#define TEXT_MAX 160

static const char *const states[] = {
    [MUTT_SLO_OK] = "ok",
    [MUTT_SLO_WARN] = "warn",
    [MUTT_SLO_CRITICAL] = "critical",
    [MUTT_SLO_UNKNOWN] = "unknown",
};

const char *const mutt_slo_names[MUTT_SLO_OBJECTIVES] = {
    [MUTT_SLO_INGESTOR_AVAILABILITY] = "ingestor_availability",
    [MUTT_SLO_INGESTOR_LATENCY] = "ingestor_latency_p99",
    [MUTT_SLO_FORWARDER_AVAILABILITY] = "forwarder_availability",
    [MUTT_SLO_FORWARDER_LATENCY] = "forwarder_latency_p99",
    [MUTT_SLO_ALERTER_PROCESSING] = "alerter_processing_success",
    [MUTT_SLO_ALERTER_RELOAD] = "alerter_cache_reload_success",
};

/* An objective of availability. */
typedef struct {
    mutt_slo_objective_t objective;
    const char *description;
    const char *unit; /* what is counted */
    double target;
    mutt_slo_count_t count;
} share_t;

/* An objective of latency; all in seconds. */
typedef struct {
    mutt_slo_objective_t objective;
    const char *description;
    double target;
    double warning;
    double critical;
    double actual;
} latency_t;


void
mutt_slo_input_init(mutt_slo_input_t *input)
{
    static const mutt_slo_count_t none = { NAN, NAN };

    for (int i = 0; i < MUTT_SLO_RANGES; i++) {
        input->ingestor[i] = none;
        input->forwarder[i] = none;
    }

    input->alerter = none;
    input->reload = none;
    input->ingest_p99 = NAN;
    input->forward_p99 = NAN;
}


double
mutt_slo_availability(mutt_slo_count_t count)
{
    double all = count.good + count.bad;

    return all > 0 ? count.good / all : NAN;
}


double
mutt_slo_burn_rate(double availability, double target)
{
    return (1 - availability) / (1 - target);
}


double
mutt_slo_budget_left(double availability, double target)
{
    return (availability - target) / (1 - target);
}


mutt_slo_state_t
mutt_slo_state(double value, double warning, double critical)
{
    if (isnan(value)) {
        return MUTT_SLO_UNKNOWN;
    }

    if (value > critical) {
        return MUTT_SLO_CRITICAL;
    }

    return value > warning ? MUTT_SLO_WARN : MUTT_SLO_OK;
}


static void
add_number(mutt_buf_t *b, const char *name, double value)
{
    if (isfinite(value)) {
        mutt_buf_addf(b, ",\"%s\":%.9g", name, value);
    } else {
        mutt_buf_addf(b, ",\"%s\":null", name);
    }
}


static void
add_component(mutt_buf_t *b, const char *name, double target,
              const mutt_slo_count_t counts[MUTT_SLO_RANGES],
              const mutt_slo_terms_t *terms)
{
    static const char *const ranges[] = {
        [MUTT_SLO_5M] = "5m",
        [MUTT_SLO_1H] = "1h",
        [MUTT_SLO_6H] = "6h",
        [MUTT_SLO_24H] = "24h",
    };
    double availability = mutt_slo_availability(counts[MUTT_SLO_WINDOW]);
    double burn = mutt_slo_burn_rate(availability, target);

    mutt_buf_addf(b, "\"%s\":{\"target\":%.9g", name, target);
    add_number(b, "availability", availability);
    add_number(b, "error_budget_remaining",
               mutt_slo_budget_left(availability, target));
    add_number(b, "burn_rate", burn);
    mutt_buf_addf(
        b, ",\"state\":\"%s\",\"window_hours\":%lld",
        states[mutt_slo_state(burn, terms->burn_warning, terms->burn_critical)],
        (long long) terms->window_hours);
    MUTT_BUF_LIT(b, ",\"burn_rates\":{");

    for (int i = 0; i < MUTT_SLO_WINDOW; i++) {
        double rate =
            mutt_slo_burn_rate(mutt_slo_availability(counts[i]), target);

        mutt_buf_addf(b, "%s\"%s\":", i == 0 ? "" : ",", ranges[i]);

        if (isfinite(rate)) {
            mutt_buf_addf(b, "%.9g", rate);
        } else {
            MUTT_BUF_LIT(b, "null");
        }
    }

    MUTT_BUF_LIT(b, "}}");
}


static void
add_slo(mutt_buf_t *b, mutt_slo_objective_t objective, const char *description,
        const mutt_slo_terms_t *terms)
{
    mutt_buf_addf(b,
                  "{\"slo_name\":\"%s\",\"description\":\"%s\","
                  "\"window_hours\":%lld",
                  mutt_slo_names[objective], description,
                  (long long) terms->window_hours);
}


static void
add_state(mutt_buf_t *b, mutt_slo_state_t state, const char *message)
{
    mutt_buf_addf(b, ",\"state\":\"%s\",\"message\":\"%s\"}", states[state],
                  message);
}


static void
add_share(mutt_buf_t *b, const share_t *s, const mutt_slo_terms_t *terms)
{
    double actual = mutt_slo_availability(s->count);
    double burn = mutt_slo_burn_rate(actual, s->target);
    char message[TEXT_MAX];

    add_slo(b, s->objective, s->description, terms);
    mutt_buf_addf(b, ",\"target\":%.9g", s->target);
    add_number(b, "actual_value", actual);
    add_number(b, "error_budget_remaining",
               mutt_slo_budget_left(actual, s->target));
    add_number(b, "burn_rate", burn);

    if (isnan(actual)) {
        (void) snprintf(message, sizeof(message), "no %s were counted",
                        s->unit);
    } else {
        (void) snprintf(message, sizeof(message),
                        "%.4f %% of %.0f %s were good, %.4f %% should be",
                        actual * 100, s->count.good + s->count.bad, s->unit,
                        s->target * 100);
    }

    add_state(b,
              mutt_slo_state(burn, terms->burn_warning, terms->burn_critical),
              message);
}


static void
add_latency(mutt_buf_t *b, const latency_t *s, const mutt_slo_terms_t *terms)
{
    char message[TEXT_MAX] = "no requests were timed";

    add_slo(b, s->objective, s->description, terms);
    mutt_buf_addf(b, ",\"target_seconds\":%.9g", s->target);
    add_number(b, "actual_value", s->actual);
    MUTT_BUF_LIT(b, ",\"error_budget_remaining\":null,\"burn_rate\":null");

    if (!isnan(s->actual)) {
        (void) snprintf(message, sizeof(message),
                        "99 %% took at most %.3f s, %.3f s is the objective",
                        s->actual, s->target);
    }

    add_state(b, mutt_slo_state(s->actual, s->warning, s->critical), message);
}


static void
add_slos(mutt_buf_t *b, const mutt_slo_input_t *in,
         const mutt_slo_terms_t *terms)
{
    const share_t shares[] = {
        { MUTT_SLO_INGESTOR_AVAILABILITY, "Requests that ingest accepted",
          "requests", terms->ingest_target, in->ingestor[MUTT_SLO_WINDOW] },
        { MUTT_SLO_FORWARDER_AVAILABILITY, "Alerts that the webhook took",
          "alerts", terms->forward_target, in->forwarder[MUTT_SLO_WINDOW] },
        { MUTT_SLO_ALERTER_PROCESSING, "Events that the alerter processed",
          "events", ALERTER_TARGET, in->alerter },
        { MUTT_SLO_ALERTER_RELOAD, "Loads of the rules that succeeded", "loads",
          RELOAD_TARGET, in->reload },
    };
    const latency_t latencies[] = {
        { MUTT_SLO_INGESTOR_LATENCY, "Time to the answer of ingest", 0.5, 0.75,
          1.0, in->ingest_p99 },
        { MUTT_SLO_FORWARDER_LATENCY, "Time of a request to the webhook", 2.0,
          3.0, 5.0, in->forward_p99 },
    };

    for (int i = 0; i < 2; i++) {
        add_share(b, &shares[i], terms);
        MUTT_BUF_LIT(b, ",");
        add_latency(b, &latencies[i], terms);
        MUTT_BUF_LIT(b, ",");
    }

    add_share(b, &shares[2], terms);
    MUTT_BUF_LIT(b, ",");
    add_share(b, &shares[3], terms);
}


void
mutt_slo_write(mutt_buf_t *out, const mutt_slo_input_t *input,
               const mutt_slo_terms_t *terms, const char *evaluated_at)
{
    mutt_buf_addf(out, "{\"window_hours\":%lld,\"evaluated_at\":",
                  (long long) terms->window_hours);

    if (evaluated_at == NULL) {
        MUTT_BUF_LIT(out, "null");
    } else {
        mutt_buf_addf(out, "\"%s\"", evaluated_at);
    }

    MUTT_BUF_LIT(out, ",\"stale\":false,\"components\":{");
    add_component(out, "ingestor", terms->ingest_target, input->ingestor,
                  terms);
    MUTT_BUF_LIT(out, ",");
    add_component(out, "forwarder", terms->forward_target, input->forwarder,
                  terms);
    MUTT_BUF_LIT(out, "},\"slos\":[");
    add_slos(out, input, terms);
    MUTT_BUF_LIT(out, "]}");
}


void
mutt_slo_point(mutt_slo_point_t *point, const mutt_slo_input_t *input,
               const mutt_slo_terms_t *terms, int64_t at)
{
    *point = (mutt_slo_point_t) {
        .at = at,
        .actual = {
            mutt_slo_availability(input->ingestor[MUTT_SLO_WINDOW]),
            input->ingest_p99,
            mutt_slo_availability(input->forwarder[MUTT_SLO_WINDOW]),
            input->forward_p99,
            mutt_slo_availability(input->alerter),
            mutt_slo_availability(input->reload),
        },
        .target = {
            terms->ingest_target,
            NAN,
            terms->forward_target,
            NAN,
            ALERTER_TARGET,
            RELOAD_TARGET,
        },
    };
}
