/*
 * mutt-alerter: claim, match, audit, commit.
 *
 * An event leaves the ingest queue only by the commit, after its audit row
 * is in PostgreSQL; whatever dies in between, the claim is repeated and the
 * row's key absorbs the repetition.  Nothing is claimed before the rules
 * have been read once, nor while PostgreSQL is away.
 *
 * With more in the queue two claims are under way: while PostgreSQL inserts
 * the rows of one, the next is claimed and matched, and its rows are sent
 * before the first is committed.  When anything fails both are dropped, and
 * claimed again from the first on.
 */

#include <stdio.h>
#include <stdlib.h>

#include "core/mutt_failpoint.h"
#include "core/mutt_uuid.h"
#include "domain/mutt_alert.h"
#include "domain/mutt_breaker.h"
#include "domain/mutt_event.h"
#include "domain/mutt_journey.h"
#include "domain/mutt_kinds.h"
#include "domain/mutt_pressure.h"
#include "domain/mutt_sql.h"
#include "io/mutt_audit.h"
#include "io/mutt_live.h"
#include "run/mutt_loader.h"
#include "run/mutt_worker.h"

#define POOL_BLOCK (1 << 20)
#define PAYLOAD_MAX (1u << 30)

/* a dead letter's own members */
#define PAYLOAD_MORE 8192

/* one slice of a wait; signals, settings and reloads are looked at between */
#define WAIT_MS 500

/* the depths of the queues are looked at this often, besides by claims */
#define LOOK_EVERY MUTT_USEC_SEC

/* one wait for the first rules */
#define LOAD_WAIT_MS 200

/* a load that failed is repeated, a silent PostgreSQL is asked, this often */
#define RETRY_AFTER (5 * MUTT_USEC_SEC)

/* PostgreSQL is left alone after so many failures in a row, for about so
 * long; a call that hangs costs its deadline each time */
#define PG_FAILURES 3
#define PG_REST (2 * MUTT_USEC_SEC)

typedef struct batch_s batch_t;

typedef struct {
    mutt_pg_t *pg;
    mutt_breaker_t breaker; /* of PostgreSQL */
    mutt_usec_t pg_asked;   /* when PostgreSQL last answered */
    bool partitioned;       /* the months ahead have their partitions */
    mutt_loader_t *loader;
    bool loading;        /* the first rules are on their way */
    mutt_usec_t load_at; /* a failed load is repeated then; 0: none is due */
    mutt_generation_t *rules;
    mutt_json_reader_t *reader;
    mutt_pool_t *pools[2];  /* of a claim each */
    batch_t *flying;        /* its rows are on their way; NULL: none */
    mutt_usec_t look_at;    /* when to look at the depths next */
    mutt_usec_t wait_until; /* an empty queue is waited for; 0: it is not */
    mutt_pressure_t pressure;
    uint64_t shed;           /* events since shedding began */
    mutt_usec_t defer_until; /* nothing is claimed before; 0: no deferral */
    int64_t defer_ms;        /* the settings that it was put off by */
    int64_t defer_shed;
    mutt_live_t live;
} alerter_t;

/* A claim on its way; everything lives in the claim's pool, itself too. */
struct batch_s {
    mutt_run_t *run;
    alerter_t *a;
    mutt_pool_t *pool;
    mutt_usec_t began;
    mutt_usec_t claimed_at; /* by the wall clock */
    mutt_usec_t sent;       /* when its rows were */
    mutt_claim_t claim;
    mutt_event_t *events;
    mutt_verdict_t *verdicts;
    int32_t *rules;           /* that decided; 0: none */
    mutt_str_t *teams;        /* of those rules; NULL: nobody watches */
    mutt_journey_t *journeys; /* of the events; NULL: tracing is off */
    mutt_audit_row_t *rows;
    size_t *row_items; /* the item of each row */
    size_t n_rows;
    mutt_kinds_t kinds;
    mutt_unhandled_t *unhandled; /* the same kinds, for the commit */
    int64_t alerts; /* depth of the alert queue when this is committed */
    int64_t raised; /* of them by this claim */
};


static void
report_rule(void *data, int32_t rule_id, const char *why)
{
    mutt_run_t *run = data;

    mutt_log(mutt_run_log(run), MUTT_LOG_WARNING, "rules", "rule %d: %s",
             rule_id, why);
}


static void
report_match(void *data, int32_t rule_id, const char *why)
{
    mutt_metric_add(mutt_run_metrics(data), MUTT_M_ALERTER_REGEX_LIMIT_ALL, 1);
    report_rule(data, rule_id, why);
}


/* Shows the breaker, and its change since before. */
static void
tell_breaker(mutt_run_t *run, const alerter_t *a, mutt_breaker_state_t before)
{
    uint64_t *m = mutt_run_metrics(run);
    mutt_breaker_state_t now = a->breaker.state;

    mutt_metric_set(m, MUTT_M_PG_BREAKER_STATE_PG, (double) now);
    mutt_metric_set(m, MUTT_M_PG_BREAKER_FAILURES_PG,
                    (double) a->breaker.failures);

    if (now == before) {
        return;
    }

    if (now == MUTT_BREAKER_HALF_OPEN) {
        mutt_metric_add(m, MUTT_M_PG_BREAKER_CHANGES_OPEN_HALF, 1);
    } else if (now == MUTT_BREAKER_CLOSED) {
        mutt_metric_add(m, MUTT_M_PG_BREAKER_CHANGES_HALF_CLOSED, 1);
    } else {
        mutt_metric_add(m,
                        before == MUTT_BREAKER_CLOSED
                            ? MUTT_M_PG_BREAKER_CHANGES_CLOSED_OPEN
                            : MUTT_M_PG_BREAKER_CHANGES_HALF_OPEN,
                        1);
    }
}


static void
tell_breaker_result(mutt_run_t *run, alerter_t *a, bool ok)
{
    mutt_breaker_state_t before = a->breaker.state;
    mutt_usec_t now = mutt_time_mono();

    if (ok) {
        mutt_breaker_ok(&a->breaker, now);
    } else {
        a->breaker.open_us = mutt_run_jitter(PG_REST);
        mutt_breaker_failed(&a->breaker, now);
    }

    tell_breaker(run, a, before);
}


/* Tells /health and the breaker how a call to PostgreSQL ended. */
static mutt_rc_t
pg_ended(mutt_run_t *run, alerter_t *a, mutt_rc_t rc)
{
    const char *sqlstate = mutt_pg_sqlstate(a->pg);
    char state[64] = "ok";

    tell_breaker_result(run, a, rc == MUTT_OK);

    if (rc == MUTT_OK) {
        a->pg_asked = mutt_time_mono();
    } else if (a->breaker.state == MUTT_BREAKER_OPEN) {
        (void) snprintf(state, sizeof(state), "breaker open, %s%s",
                        sqlstate[0] == '\0' ? "" : "sqlstate ",
                        sqlstate[0] == '\0' ? mutt_rc_word(rc) : sqlstate);
    } else if (sqlstate[0] != '\0') {
        (void) snprintf(state, sizeof(state), "sqlstate %s", sqlstate);
    } else {
        (void) snprintf(state, sizeof(state), "%s", mutt_rc_word(rc));
    }

    mutt_run_check(run, "postgresql", rc == MUTT_OK, state);

    return rc;
}


static mutt_rc_t
connect_pg(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    return mutt_pg_connected(a->pg)
               ? MUTT_OK
               : pg_ended(run, a, mutt_pg_connect(a->pg, err));
}


/* So that /health knows of an outage also while there is nothing to do. */
static mutt_rc_t
ping_pg(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    if (mutt_time_mono() - a->pg_asked < RETRY_AFTER) {
        return MUTT_OK;
    }

    return pg_ended(
        run, a,
        mutt_pg_exec(a->pg, mutt_sql[MUTT_SQL_TEXT_PING], 0, NULL, NULL, err));
}


/* Lets PostgreSQL rest while the breaker is open, then asks it first. */
static mutt_rc_t
probe_pg(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    mutt_breaker_state_t before = a->breaker.state;

    if (before == MUTT_BREAKER_CLOSED) {
        return MUTT_OK;
    }

    if (!mutt_breaker_allow(&a->breaker, mutt_time_mono())) {
        return mutt_fail(err, MUTT_UNAVAIL, "postgresql: the breaker is open");
    }

    tell_breaker(run, a, before);
    a->pg_asked = 0;

    mutt_rc_t rc = connect_pg(run, a, err);

    return rc == MUTT_OK ? ping_pg(run, a, err) : rc;
}


static void
use_generation(mutt_run_t *run, alerter_t *a, mutt_generation_t *fresh)
{
    uint64_t *metrics = mutt_run_metrics(run);
    size_t rules = mutt_matcher_count(fresh->matcher);
    size_t hosts = mutt_directory_count(fresh->dev_hosts);
    size_t teams = mutt_directory_count(fresh->teams);

    mutt_generation_destroy(a->rules);
    a->rules = fresh;

    mutt_metric_set(metrics, MUTT_M_CACHE_RULES_ALL, (double) rules);
    mutt_metric_set(metrics, MUTT_M_CACHE_HOSTS_ALL, (double) hosts);
    mutt_metric_set(metrics, MUTT_M_CACHE_TEAMS_ALL, (double) teams);
    mutt_log(mutt_run_log(run), MUTT_LOG_INFO, "rules",
             "using %zu rules, %zu development hosts, %zu teams", rules, hosts,
             teams);
}


static void
load_failed(mutt_run_t *run, alerter_t *a, const mutt_load_t *load)
{
    uint64_t *metrics = mutt_run_metrics(run);

    mutt_metric_add(metrics, MUTT_M_CACHE_RELOAD_FAIL, 1);
    mutt_metric_add(metrics, MUTT_M_CACHE_RELOAD_FAILURES_ALL, 1);

    if (a->rules != NULL) {
        a->load_at = mutt_time_mono() + RETRY_AFTER;
        mutt_run_check(run, "rules", true, "reload failed, last good in use");
        mutt_log_failure(mutt_run_log(run), MUTT_LOG_WARNING, "rules",
                         &load->err, "reload failed, the last good rules stay");
    }
}


/* Takes what the loader has brought, if anything. */
static mutt_rc_t
take_load(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    uint64_t *metrics = mutt_run_metrics(run);
    mutt_load_t load;

    if (!mutt_loader_take(a->loader, &load)) {
        return MUTT_AGAIN;
    }

    if (load.rc != MUTT_OK) {
        load_failed(run, a, &load);
        *err = load.err;
        return load.rc;
    }

    for (size_t i = 0; i < load.n_reports && i < MUTT_LOAD_REPORTS; i++) {
        report_rule(run, load.reports[i].rule_id, load.reports[i].why);
    }

    if (load.n_reports > MUTT_LOAD_REPORTS) {
        mutt_log(mutt_run_log(run), MUTT_LOG_WARNING, "rules",
                 "%zu more rules cannot be used",
                 load.n_reports - MUTT_LOAD_REPORTS);
    }

    mutt_metric_add(metrics, MUTT_M_CACHE_RELOAD_OK, 1);
    mutt_metric_observe(metrics, MUTT_M_CACHE_RELOAD_LATENCY_ALL, load.seconds);
    mutt_run_check(run, "rules", true, "ok");
    a->load_at = 0;

    if (load.generation == NULL) {
        mutt_matcher_forgive(a->rules->matcher);
    } else {
        use_generation(run, a, load.generation);
    }

    return MUTT_OK;
}


static mutt_rc_t
alerter_reload(mutt_run_t *run, mutt_err_t *err)
{
    alerter_t *a = mutt_run_ctx(run);

    a->load_at = 0;

    return mutt_loader_start(a->loader)
               ? MUTT_OK
               : mutt_fail(err, MUTT_UNAVAIL, "no thread for the rules");
}


static mutt_rc_t
create_parts(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    const mutt_settings_t *s = mutt_run_base_settings(run);

    mutt_breaker_init(&a->breaker, PG_FAILURES, PG_REST);
    a->pg = mutt_pg_create(s, "mutt-alerter");
    a->loader = mutt_loader_create(s);
    a->reader = mutt_json_reader_create();
    a->pools[0] = mutt_pool_create(POOL_BLOCK);
    a->pools[1] = mutt_pool_create(POOL_BLOCK);

    return a->pg == NULL || a->loader == NULL || a->reader == NULL ||
                   a->pools[0] == NULL || a->pools[1] == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory at start")
               : MUTT_OK;
}


static mutt_rc_t
create_partitions(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    int months = (int) mutt_set_int(mutt_run_base_settings(run),
                                    MUTT_SET_RETENTION_PRECREATE_MONTHS);

    if (a->partitioned) {
        return MUTT_OK;
    }

    mutt_rc_t rc = pg_ended(
        run, a, mutt_audit_partitions(a->pg, mutt_time_now(), months, err));

    a->partitioned = rc == MUTT_OK;

    /* a schema that is not there yet may still come */
    return rc == MUTT_INVALID ? MUTT_UNAVAIL : rc;
}


static mutt_rc_t
alerter_setup(mutt_run_t *run, mutt_err_t *err)
{
    alerter_t *a = mutt_run_ctx(run);
    mutt_rc_t rc = MUTT_OK;

    if (a->pg == NULL) {
        rc = create_parts(run, a, err);
    }

    if (rc == MUTT_OK) {
        rc = probe_pg(run, a, err);
    }

    if (rc == MUTT_OK) {
        rc = connect_pg(run, a, err);
    }

    if (rc == MUTT_OK) {
        rc = create_partitions(run, a, err);
    }

    if (rc == MUTT_OK) {
        rc = take_load(run, a, err);
    }

    if (rc != MUTT_AGAIN) {
        a->loading = false;
        return rc;
    }

    if (!a->loading) {
        rc = alerter_reload(run, err);
        a->loading = rc == MUTT_OK;
    }

    if (a->loading) {
        mutt_loader_wait(a->loader, LOAD_WAIT_MS);
        rc = MUTT_AGAIN;
    }

    return rc;
}


static void
alerter_teardown(mutt_run_t *run)
{
    alerter_t *a = mutt_run_ctx(run);

    mutt_loader_destroy(a->loader);
    mutt_generation_destroy(a->rules);
    mutt_json_reader_destroy(a->reader);
    mutt_pool_destroy(a->pools[0]);
    mutt_pool_destroy(a->pools[1]);
    mutt_pg_destroy(a->pg);
}


/* What was written to out, moved into the pool. */
static mutt_str_t
into_pool(mutt_buf_t *out, mutt_pool_t *pool)
{
    mutt_str_t text = { NULL, 0 };

    if (mutt_buf_ok(out)) {
        text = mutt_pool_dup(pool, mutt_buf_str(out));
    }

    mutt_buf_done(out);

    return text;
}


static mutt_pressure_limits_t
pressure_limits(mutt_run_t *run)
{
    const mutt_settings_t *s = mutt_run_settings(run);

    return (mutt_pressure_limits_t) {
        .warn = mutt_set_int(s, MUTT_SET_ALERTER_QUEUE_WARN_THRESHOLD),
        .shed = mutt_set_int(s, MUTT_SET_ALERTER_QUEUE_SHED_THRESHOLD),
    };
}


static bool
defers(mutt_run_t *run)
{
    return strcmp(mutt_set_text(mutt_run_settings(run),
                                MUTT_SET_ALERTER_SHED_MODE),
                  "defer") == 0;
}


static int64_t
defer_ms(mutt_run_t *run)
{
    return mutt_set_int(mutt_run_settings(run),
                        MUTT_SET_ALERTER_DEFER_SLEEP_MS);
}


/* Says each change of the level once. */
static void
tell_pressure(mutt_run_t *run, alerter_t *a, mutt_pressure_t before,
              int64_t depth, const mutt_pressure_limits_t *limits)
{
    static const char *const states[] = { "ok",
                                          "alert queue over the warn "
                                          "threshold",
                                          "shedding" };
    mutt_log_t *log = mutt_run_log(run);

    mutt_run_check(run, "alert_queue", true, states[a->pressure]);

    if (a->pressure == MUTT_PRESSURE_SHED) {
        mutt_log(log, MUTT_LOG_WARNING, "pressure",
                 "the alert queue holds %lld, more than %lld: %s",
                 (long long) depth, (long long) limits->shed,
                 defers(run) ? "nothing is claimed until it has drained"
                             : "alerting events go to the dead letters");
        a->shed = 0;
        return;
    }

    if (before == MUTT_PRESSURE_SHED) {
        mutt_log(log, MUTT_LOG_WARNING, "pressure",
                 "the alert queue holds %lld: shedding ends, %llu events were "
                 "shed",
                 (long long) depth, (unsigned long long) a->shed);
        return;
    }

    mutt_log(log, MUTT_LOG_WARNING, "pressure",
             a->pressure == MUTT_PRESSURE_WARN
                 ? "the alert queue holds %lld, more than its warn threshold "
                   "%lld"
                 : "the alert queue holds %lld, its warn threshold is %lld",
             (long long) depth, (long long) limits->warn);
}


/* Takes notice of the alert queue's depth. */
static void
feel_pressure(mutt_run_t *run, alerter_t *a, int64_t depth)
{
    mutt_pressure_limits_t limits = pressure_limits(run);
    mutt_pressure_t before = a->pressure;

    a->pressure = mutt_pressure_at(before, depth, &limits);

    if (a->pressure != before) {
        tell_pressure(run, a, before, depth, &limits);
    }
}


/* Settles item i with what was written to out. */
static mutt_rc_t
give(batch_t *b, size_t i, mutt_dest_t dest, mutt_buf_t *out, mutt_err_t *err)
{
    b->verdicts[i].dest = dest;
    b->verdicts[i].payload = into_pool(out, b->pool);

    return b->verdicts[i].payload.data == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory for a payload")
               : MUTT_OK;
}


static void
now_text(char out[MUTT_TIME_LEN + 1])
{
    mutt_time_format(mutt_time_now(), out);
}


static mutt_rc_t
judge_malformed(batch_t *b, size_t i, mutt_err_t *err)
{
    mutt_buf_t out;
    char at[MUTT_TIME_LEN + 1];

    now_text(at);
    mutt_buf_init(&out, b->claim.items[i].len * 6 + PAYLOAD_MORE);
    mutt_alert_write_malformed(&out, b->claim.items[i], at, "malformed");

    return give(b, i, MUTT_TO_DEAD_EXTERNAL, &out, err);
}


static void
add_row(batch_t *b, size_t i, const mutt_rule_t *rule, const char *decision,
        bool forwarded)
{
    const mutt_event_t *event = &b->events[i];

    b->row_items[b->n_rows] = i;
    b->rows[b->n_rows++] = (mutt_audit_row_t) {
        .event_id = event->event_id,
        .received_at = event->received_at,
        .received_usec = event->received_usec,
        .event_usec = event->event_usec,
        .hostname = event->hostname,
        .rule_id = rule == NULL ? 0 : rule->id,
        .decision = decision,
        .forwarded = forwarded,
        .raw = event->body,
        .correlation_id = event->correlation_id,
    };

    if (b->teams != NULL && rule != NULL) {
        b->teams[i] = mutt_pool_dup(b->pool, rule->team);
    }
}


static mutt_rc_t
judge_unhandled(batch_t *b, size_t i, mutt_err_t *err)
{
    mutt_verdict_t *verdict = &b->verdicts[i];

    if (!mutt_kinds_add(&b->kinds, &b->events[i], b->pool, &verdict->kind)) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a kind");
    }

    verdict->dest = MUTT_TO_UNHANDLED;

    if (mutt_set_bool(mutt_run_settings(b->run), MUTT_SET_AUDIT_UNHANDLED)) {
        add_row(b, i, NULL, "Unhandled", false);
    }

    return MUTT_OK;
}


/* It gets its audit row when it is replayed and matched again. */
static mutt_rc_t
shed(batch_t *b, size_t i, mutt_err_t *err)
{
    char at[MUTT_TIME_LEN + 1];
    mutt_buf_t out;

    now_text(at);
    mutt_buf_init(&out, PAYLOAD_MAX);
    mutt_alert_write_shed(&out, b->claim.items[i], &b->events[i], at, b->alerts,
                          pressure_limits(b->run).shed);

    return give(b, i, MUTT_TO_SHED, &out, err);
}


static mutt_rc_t
judge_matched(batch_t *b, size_t i, const mutt_rule_t *rule, mutt_err_t *err)
{
    const mutt_event_t *event = &b->events[i];
    bool dev =
        mutt_directory_find(b->a->rules->dev_hosts, event->hostname) != NULL;
    mutt_handling_t handling = dev ? rule->dev : rule->prod;
    mutt_fate_t fate = mutt_handling_fate(handling);
    mutt_verdict_t *verdict = &b->verdicts[i];

    if (fate == MUTT_FATE_FORWARD) {
        feel_pressure(b->run, b->a, b->alerts);

        if (b->a->pressure == MUTT_PRESSURE_SHED && !defers(b->run)) {
            return shed(b, i, err);
        }

        b->alerts++;
        b->raised++;
    }

    add_row(b, i, rule, mutt_handling_name(handling),
            fate == MUTT_FATE_FORWARD);

    switch (fate) {
    case MUTT_FATE_LOG:
        verdict->dest = MUTT_TO_LOGGED;
        return MUTT_OK;

    case MUTT_FATE_SUPPRESS:
        verdict->dest = MUTT_TO_SUPPRESSED;
        return MUTT_OK;

    case MUTT_FATE_FORWARD:
        break;
    }

    mutt_buf_t out;

    mutt_buf_init(&out, PAYLOAD_MAX);
    mutt_alert_write(&out, event, rule, dev);

    return give(b, i, MUTT_TO_ALERT, &out, err);
}


/* Begins to trace an event, if it is one to be traced, with what is made of
 * it as the next span's child. */
static mutt_rc_t
trace(batch_t *b, size_t i, mutt_err_t *err)
{
    unsigned char random[MUTT_JOURNEY_RANDOM];
    char next[MUTT_TRACEPARENT_LEN + 1];
    mutt_journey_t *journey = &b->journeys[i];
    mutt_event_t *event = &b->events[i];

    if (event->traceparent.len == 0 || !mutt_random(random, sizeof(random)) ||
        !mutt_journey_begin(journey, event, random)) {
        return MUTT_OK;
    }

    mutt_journey_traceparent(journey, next);
    event->traceparent = mutt_pool_dup(b->pool, mutt_str(next));
    journey->claimed = b->claimed_at;
    journey->matching = mutt_time_now();

    return event->traceparent.data == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory for a trace")
               : MUTT_OK;
}


/* Where a settled event went; static text. */
static const char *
outcome_of(const batch_t *b, size_t i)
{
    static const char *const outcomes[] = {
        [MUTT_TO_ALERT] = "alert",
        [MUTT_TO_LOGGED] = "logged",
        [MUTT_TO_SUPPRESSED] = "suppressed",
        [MUTT_TO_UNHANDLED] = "unhandled",
        [MUTT_TO_RETRY] = "retry",
        [MUTT_TO_DLQ] = "dlq",
        [MUTT_TO_SHED] = "shed",
        [MUTT_TO_DEAD] = "dead",
        [MUTT_TO_DEAD_EXTERNAL] = "dead",
    };

    return outcomes[b->verdicts[i].dest];
}


/* What is on its way is told of when it is committed. */
static void
tell_traces(batch_t *b)
{
    mutt_span_t spans[MUTT_JOURNEY_SPANS];
    mutt_usec_t now = b->journeys == NULL ? 0 : mutt_time_now();

    for (size_t i = 0; b->journeys != NULL && i < b->claim.n; i++) {
        mutt_journey_t *journey = &b->journeys[i];

        if (journey->on) {
            journey->committed = now;
            journey->outcome = outcome_of(b, i);
            mutt_tracer_add(mutt_run_tracer(b->run), spans,
                            mutt_journey_spans(journey, &b->events[i], spans));
        }
    }
}


/* A line an event, for who wants to follow one. */
static void
tell_events(batch_t *b)
{
    mutt_log_t *log = mutt_run_log(b->run);

    for (size_t i = 0; mutt_log_wants(log, MUTT_LOG_DEBUG) && i < b->claim.n;
         i++) {
        const mutt_event_t *event = &b->events[i];

        if (event->event_id.len > 0) {
            mutt_log_event(
                log, MUTT_LOG_DEBUG, "event",
                &(mutt_log_about_t) { .correlation_id = event->correlation_id,
                                      .traceparent = event->traceparent },
                "event %.*s: %s", MUTT_STR_ARG(event->event_id),
                outcome_of(b, i));
        }
    }
}


/* A sample of the claim, for who watches; rows are in the items' order. */
static void
tell_live(batch_t *b)
{
    mutt_live_event_t events[MUTT_LIVE_SAMPLE];
    mutt_redis_t *redis = mutt_run_redis(b->run);
    size_t n = 0;
    size_t row = 0;

    if (!mutt_live_wants(&b->a->live, redis, b->claim.n)) {
        return;
    }

    size_t step = (b->claim.n + MUTT_LIVE_SAMPLE - 1) / MUTT_LIVE_SAMPLE;

    for (size_t i = 0; i < b->claim.n; i += step) {
        mutt_live_event_t *e = &events[n];

        if (b->events[i].event_id.len == 0) {
            continue;
        }

        while (row < b->n_rows && b->row_items[row] < i) {
            row++;
        }

        *e = (mutt_live_event_t) { .event = &b->events[i],
                                   .outcome = outcome_of(b, i) };

        if (row < b->n_rows && b->row_items[row] == i) {
            e->rule_id = b->rows[row].rule_id;
            e->decision = b->rows[row].decision;
            e->forwarded = b->rows[row].forwarded;
        }

        if (b->teams != NULL) {
            e->team = b->teams[i];
        }

        n++;
    }

    mutt_live_tell(&b->a->live, redis, events, n);
}


static mutt_rc_t
judge(batch_t *b, size_t i, mutt_err_t *err)
{
    mutt_event_t *event = &b->events[i];
    mutt_err_t why;
    mutt_rc_t rc =
        mutt_event_read(b->a->reader, b->claim.items[i], b->pool, event, &why);

    if (rc == MUTT_INVALID) {
        return judge_malformed(b, i, err);
    }

    if (rc != MUTT_OK) {
        *err = why;
        return rc;
    }

    if (b->journeys != NULL) {
        rc = trace(b, i, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    mutt_match_input_t input = { .message = event->message,
                                 .trap_oid = event->trap_oid,
                                 .severity = event->severity };
    const mutt_rule_t *rule =
        mutt_matcher_match(b->a->rules->matcher, &input, report_match, b->run);

    b->rules[i] = rule == NULL ? 0 : rule->id;

    if (b->journeys != NULL && b->journeys[i].on) {
        b->journeys[i].matched = mutt_time_now();
        b->journeys[i].rule_id = rule == NULL ? 0 : rule->id;
    }

    return rule == NULL ? judge_unhandled(b, i, err)
                        : judge_matched(b, i, rule, err);
}


/* The meta-alert of a kind that reaches the threshold. */
static mutt_rc_t
write_meta(void *data, size_t k, mutt_unhandled_t *unhandled, mutt_err_t *err)
{
    batch_t *b = data;
    const mutt_settings_t *s = mutt_run_settings(b->run);
    const char *nobody = mutt_set_text(mutt_run_base_settings(b->run),
                                       MUTT_SET_UNHANDLED_DEFAULT_TEAM);
    const mutt_kind_t *kind = &b->kinds.all[k];
    const mutt_str_t *team =
        mutt_directory_find(b->a->rules->teams, kind->host);
    char at[MUTT_TIME_LEN + 1];
    unsigned char random[10];
    mutt_buf_t head;
    mutt_buf_t tail;

    if (!mutt_random(random, sizeof(random))) {
        return mutt_fail(err, MUTT_UNAVAIL, "no random numbers");
    }

    now_text(at);

    mutt_meta_t meta = {
        .id = mutt_uuid_v7(mutt_time_now(), random),
        .received_at = mutt_str(at),
        .team = team == NULL ? mutt_str(nobody) : *team,
        .host = kind->host,
        .sample = kind->sample,
        .expiry_s = mutt_set_int(s, MUTT_SET_UNHANDLED_EXPIRY_SECONDS),
    };

    mutt_buf_init(&head, PAYLOAD_MAX);
    mutt_buf_init(&tail, PAYLOAD_MAX);
    mutt_alert_write_meta(&head, &tail, &meta);
    unhandled->meta_head = into_pool(&head, b->pool);
    unhandled->meta_tail = into_pool(&tail, b->pool);

    return unhandled->meta_head.data == NULL ||
                   unhandled->meta_tail.data == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory for an alert")
               : MUTT_OK;
}


/* What the commit counts; meta-alerts are written when it asks for them. */
static mutt_rc_t
list_kinds(batch_t *b, mutt_err_t *err)
{
    b->unhandled =
        mutt_pool_calloc(b->pool, (b->kinds.n + 1) * sizeof(mutt_unhandled_t));

    if (b->unhandled == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for kinds");
    }

    for (size_t k = 0; k < b->kinds.n; k++) {
        b->unhandled[k] = (mutt_unhandled_t) {
            .key = b->kinds.all[k].key,
            .times = b->kinds.all[k].times,
        };
    }

    return MUTT_OK;
}


static mutt_rc_t
commit(batch_t *b, int64_t *metas, mutt_err_t *err)
{
    const mutt_settings_t *s = mutt_run_settings(b->run);
    mutt_raising_t raising = {
        .threshold = mutt_set_int(s, MUTT_SET_UNHANDLED_THRESHOLD),
        .expiry_s = mutt_set_int(s, MUTT_SET_UNHANDLED_EXPIRY_SECONDS),
        .write = write_meta,
        .data = b,
    };

    return mutt_queue_commit(mutt_run_queue(b->run), &b->claim, b->verdicts,
                             b->unhandled, b->kinds.n, &raising, metas, err);
}


static mutt_rc_t
send_audit(batch_t *b, mutt_err_t *err)
{
    b->sent = mutt_time_mono();

    if (b->n_rows == 0) {
        return MUTT_OK;
    }

    mutt_rc_t rc = mutt_audit_send(b->a->pg, b->rows, b->n_rows, err);

    return rc == MUTT_OK ? MUTT_OK : pg_ended(b->run, b->a, rc);
}


/* For the traces of the events whose rows were sent took ago. */
static void
note_insert(batch_t *b, mutt_usec_t took)
{
    mutt_usec_t now = b->journeys == NULL ? 0 : mutt_time_now();

    for (size_t k = 0; b->journeys != NULL && k < b->n_rows; k++) {
        b->journeys[b->row_items[k]].inserting = now - took;
        b->journeys[b->row_items[k]].inserted = now;
    }
}


static mutt_rc_t
finish_audit(batch_t *b, mutt_err_t *err)
{
    uint64_t *metrics = mutt_run_metrics(b->run);

    if (b->n_rows == 0) {
        return MUTT_OK;
    }

    mutt_rc_t rc = pg_ended(
        b->run, b->a, mutt_audit_finish(b->a->pg, b->rows, b->n_rows, err));

    if (rc != MUTT_OK) {
        return rc;
    }

    mutt_usec_t usec = mutt_time_mono() - b->sent;
    double took = (double) usec / (double) MUTT_USEC_SEC;

    note_insert(b, usec);

    mutt_metric_observe(metrics, MUTT_M_DB_WRITE_LATENCY_ALL, took);
    mutt_metric_observe(metrics, MUTT_M_DB_WRITE_LATENCY_MS_ALL, took * 1e3);

    return MUTT_OK;
}


/*
 * Where an event goes whose row PostgreSQL refuses: to the dead when the row
 * is to blame, else back, and after some attempts to where it can be
 * replayed from.
 */
static mutt_dest_t
dest_of_refused(const batch_t *b, const mutt_audit_row_t *row,
                const mutt_event_t *event)
{
    if (!row->doubtful) {
        return MUTT_TO_DEAD;
    }

    return event->attempts + 1 > mutt_set_int(mutt_run_base_settings(b->run),
                                              MUTT_SET_ALERTER_MAX_RETRIES)
               ? MUTT_TO_DLQ
               : MUTT_TO_RETRY;
}


static mutt_rc_t
judge_refused(batch_t *b, size_t k, const char *at, mutt_err_t *err)
{
    const mutt_audit_row_t *row = &b->rows[k];
    size_t i = b->row_items[k];
    const mutt_event_t *event = &b->events[i];
    char reason[32];
    mutt_buf_t out;

    if (b->journeys != NULL) {
        b->journeys[i].failed = true;
    }

    /* it is not counted with its kind after all */
    if (b->verdicts[i].dest == MUTT_TO_UNHANDLED) {
        b->unhandled[b->verdicts[i].kind].times--;
    }

    (void) snprintf(reason, sizeof(reason), "sqlstate_%s", row->refused);
    mutt_log_event(mutt_run_log(b->run), MUTT_LOG_ERROR, "audit",
                   &(mutt_log_about_t) { event->correlation_id,
                                         event->traceparent, mutt_str(reason) },
                   "row refused: %s", reason);
    mutt_buf_init(&out, PAYLOAD_MAX);
    mutt_alert_write_failed(&out, b->claim.items[i], event->attempts + 1, at,
                            reason);

    return give(b, i, dest_of_refused(b, row, event), &out, err);
}


/* *refused tells how many rows were. */
static mutt_rc_t
judge_rows(batch_t *b, size_t *refused, mutt_err_t *err)
{
    char at[MUTT_TIME_LEN + 1];
    mutt_rc_t rc = MUTT_OK;

    now_text(at);
    *refused = 0;

    for (size_t k = 0; k < b->n_rows && rc == MUTT_OK; k++) {
        if (b->rows[k].refused[0] != '\0') {
            rc = judge_refused(b, k, at, err);
            (*refused)++;
        }
    }

    return rc;
}


static void
count(batch_t *b, int64_t metas)
{
    uint64_t *m = mutt_run_metrics(b->run);
    uint64_t by_dest[MUTT_TO_DEAD_EXTERNAL + 1] = { 0 };

    for (size_t i = 0; i < b->claim.n; i++) {
        by_dest[b->verdicts[i].dest]++;

        if (b->rules[i] != 0) {
            mutt_run_hit(b->run, b->rules[i]);
        }
    }

    mutt_metric_add(m, MUTT_M_ALERTER_EVENTS_HANDLED,
                    by_dest[MUTT_TO_ALERT] + by_dest[MUTT_TO_LOGGED] +
                        by_dest[MUTT_TO_SUPPRESSED]);
    mutt_metric_add(m, MUTT_M_ALERTER_EVENTS_UNHANDLED,
                    by_dest[MUTT_TO_UNHANDLED]);
    mutt_metric_add(m, MUTT_M_ALERTER_EVENTS_POISON,
                    by_dest[MUTT_TO_DEAD] + by_dest[MUTT_TO_DEAD_EXTERNAL] +
                        by_dest[MUTT_TO_DLQ]);
    mutt_metric_add(m, MUTT_M_ALERTER_EVENTS_ERROR, by_dest[MUTT_TO_RETRY]);
    mutt_metric_add(m, MUTT_M_ALERTER_SHED_DLQ, by_dest[MUTT_TO_SHED]);
    b->a->shed += by_dest[MUTT_TO_SHED];
    mutt_metric_add(m, MUTT_M_ALERTER_FORWARDED_ALL, by_dest[MUTT_TO_ALERT]);
    mutt_metric_add(m, MUTT_M_ALERTER_META_ALL, (uint64_t) metas);
    mutt_metric_observe(m, MUTT_M_ALERTER_LATENCY_ALL,
                        (double) (mutt_time_mono() - b->began) /
                            (double) MUTT_USEC_SEC);
    mutt_metric_set(m, MUTT_M_ALERTER_PROCESSING_DEPTH_ALL, 0);
}


static bool
allocate(batch_t *b)
{
    mutt_pool_t *pool = b->pool;
    size_t n = b->claim.n;

    b->events = mutt_pool_calloc(pool, n * sizeof(*b->events));
    b->verdicts = mutt_pool_calloc(pool, n * sizeof(*b->verdicts));
    b->rules = mutt_pool_calloc(pool, n * sizeof(*b->rules));
    b->rows = mutt_pool_calloc(pool, n * sizeof(*b->rows));
    b->row_items = mutt_pool_calloc(pool, n * sizeof(*b->row_items));

    if (b->a->live.watched) {
        b->teams = mutt_pool_calloc(pool, n * sizeof(*b->teams));
    }

    if (mutt_run_tracer(b->run) != NULL) {
        b->journeys = mutt_pool_calloc(pool, n * sizeof(*b->journeys));

        if (b->journeys == NULL) {
            return false;
        }
    }

    return b->events != NULL && b->verdicts != NULL && b->rules != NULL &&
           b->rows != NULL && b->row_items != NULL &&
           mutt_kinds_init(&b->kinds, n, pool);
}


static mutt_rc_t
judge_all(batch_t *b, mutt_err_t *err)
{
    mutt_rc_t rc = MUTT_OK;

    for (size_t i = 0; i < b->claim.n && rc == MUTT_OK; i++) {
        rc = judge(b, i, err);
    }

    mutt_wide_t *wide = mutt_matcher_wide(b->a->rules->matcher);

    if (wide != NULL && !mutt_loader_widen(wide)) {
        mutt_log(mutt_run_log(b->run), MUTT_LOG_WARNING, "rules",
                 "no thread to build what messages that are not ASCII need, "
                 "they are matched slowly");
    }

    return rc == MUTT_OK ? list_kinds(b, err) : rc;
}


/* Ends a claim whose rows were sent; next, or NULL, is sent in between. */
static mutt_rc_t
settle(batch_t *b, batch_t *next, mutt_err_t *err)
{
    int64_t metas = 0;
    size_t refused = 0;
    mutt_rc_t rc = finish_audit(b, err);

    MUTT_PASS("alerter.audited");

    if (rc == MUTT_OK) {
        rc = judge_rows(b, &refused, err);
    }

    /* not one row went in: rather the server than so many events */
    bool blame_server =
        refused > 1 && refused == b->n_rows && b->rows[0].doubtful;

    if (rc == MUTT_OK && next != NULL && !blame_server) {
        rc = send_audit(next, err);
        b->a->flying = rc == MUTT_OK ? next : NULL;
    }

    if (rc == MUTT_OK) {
        rc = commit(b, &metas, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    MUTT_PASS("alerter.committed");
    count(b, metas);
    tell_traces(b);
    tell_events(b);
    tell_live(b);

    return blame_server ? mutt_fail(err, MUTT_UNAVAIL,
                                    "postgresql refuses every row: %s",
                                    b->rows[0].refused)
                        : MUTT_OK;
}


/* Forgets the claim whose rows are on their way; it is made again. */
static void
drop_flying(alerter_t *a)
{
    mutt_err_t ignored;

    if (a->flying != NULL && a->flying->n_rows > 0 &&
        mutt_pg_finish(a->pg, NULL, &ignored) != MUTT_OK) {
        mutt_pg_close(a->pg);
    }

    a->flying = NULL;
}


/* Rules that were changed while PostgreSQL was away are not missed. */
static void
repeat_load(mutt_run_t *run, alerter_t *a)
{
    mutt_err_t err;

    if (a->load_at != 0 && mutt_time_mono() >= a->load_at &&
        alerter_reload(run, &err) != MUTT_OK) {
        a->load_at = mutt_time_mono() + RETRY_AFTER;
    }
}


/*
 * Waits for the first event a slice at a time, so that a turn is short, and
 * up to BRPOPLPUSH_TIMEOUT in all before the queue is claimed from again.
 */
static mutt_rc_t
idle(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    mutt_usec_t now = mutt_time_mono();
    mutt_rc_t rc = ping_pg(run, a, err);

    if (a->wait_until == 0) {
        a->wait_until = now + mutt_set_int(mutt_run_base_settings(run),
                                           MUTT_SET_BRPOPLPUSH_TIMEOUT) *
                                  MUTT_USEC_SEC;
    }

    if (rc == MUTT_OK) {
        mutt_usec_t left = now < a->wait_until ? a->wait_until - now : 0;

        rc = mutt_queue_wait(
            mutt_run_queue(run),
            left < WAIT_MS * 1000 ? (unsigned) left / 1000 : WAIT_MS, err);
    }

    if (rc != MUTT_AGAIN || mutt_time_mono() >= a->wait_until ||
        !mutt_queue_rings(mutt_run_queue(run))) {
        a->wait_until = 0;
    }

    return rc;
}


/* Gauges and levels go on also while nothing is claimed. */
static mutt_rc_t
look_at_depths(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    uint64_t *m = mutt_run_metrics(run);
    mutt_usec_t now = mutt_time_mono();
    mutt_queue_depths_t depths;

    if (now < a->look_at) {
        return MUTT_OK;
    }

    mutt_rc_t rc = mutt_queue_depths(mutt_run_queue(run), &depths, err);

    if (rc == MUTT_OK && depths.bell > 0) {
        /* of an alerter that has died since; it rings no more */
        a->wait_until = 0;
    }

    if (rc == MUTT_OK) {
        a->look_at = now + LOOK_EVERY;
        feel_pressure(run, a,
                      depths.alerts +
                          (a->flying == NULL ? 0 : a->flying->raised));
        mutt_metric_set(m, MUTT_M_ALERTER_QUEUE_DEPTH_ALL,
                        (double) depths.alerts);
        mutt_metric_set(m, MUTT_M_ALERTER_DLQ_DEPTH_ALL, (double) depths.dlq);
    }

    return rc;
}


/* How many alerts there may be for an event to be claimed; -1: any. */
static int64_t
alerts_max(mutt_run_t *run, const alerter_t *a)
{
    mutt_pressure_limits_t limits = pressure_limits(run);

    if (!defers(run)) {
        return -1;
    }

    return a->pressure == MUTT_PRESSURE_SHED ? mutt_pressure_end(limits.shed)
                                             : limits.shed;
}


/* Puts the next claim off, if the alert queue says so. */
static bool
defer(mutt_run_t *run, alerter_t *a, const mutt_claim_t *claim)
{
    if (a->pressure != MUTT_PRESSURE_SHED || !defers(run) || claim->n > 0) {
        return false;
    }

    if (claim->source_depth > 0) {
        mutt_metric_add(mutt_run_metrics(run), MUTT_M_ALERTER_SHED_DEFER, 1);
    }

    a->defer_ms = defer_ms(run);
    a->defer_shed = pressure_limits(run).shed;
    a->defer_until = mutt_time_mono() + mutt_run_jitter(a->defer_ms * 1000);

    return true;
}


/* Waits for the end of a deferral, in turns; false when there is none, also
 * since its settings have changed. */
static bool
deferring(mutt_run_t *run, alerter_t *a)
{
    mutt_usec_t left = a->defer_until - mutt_time_mono();

    if (left <= 0 || !defers(run) || a->defer_ms != defer_ms(run) ||
        a->defer_shed != pressure_limits(run).shed) {
        a->defer_until = 0;
        return false;
    }

    mutt_run_sleep(run, left < WAIT_MS * 1000 ? left : WAIT_MS * 1000);

    return true;
}


static batch_t *
create_batch(mutt_run_t *run, alerter_t *a)
{
    mutt_pool_t *pool =
        a->pools[a->flying != NULL && a->flying->pool == a->pools[0]];

    mutt_pool_reset(pool);

    batch_t *b = mutt_pool_calloc(pool, sizeof(batch_t));

    if (b != NULL) {
        b->run = run;
        b->a = a;
        b->pool = pool;
    }

    return b;
}


/* Claims, behind what is flying, and takes notice of the depths. */
static mutt_rc_t
claim(batch_t *b, mutt_err_t *err)
{
    alerter_t *a = b->a;
    const batch_t *ahead = a->flying;
    mutt_queue_t *queue = mutt_run_queue(b->run);
    uint64_t *metrics = mutt_run_metrics(b->run);
    size_t max = (size_t) mutt_set_int(mutt_run_base_settings(b->run),
                                       MUTT_SET_ALERTER_BATCH_MAX);

    MUTT_PASS("alerter.claim");

    mutt_rc_t rc = ahead == NULL
                       ? mutt_queue_claim(queue, max, alerts_max(b->run, a),
                                          b->pool, &b->claim, err)
                       : mutt_queue_claim_more(queue, max, &ahead->claim,
                                               b->pool, &b->claim, err);

    if (rc != MUTT_OK && rc != MUTT_AGAIN) {
        return rc;
    }

    b->began = mutt_time_mono();
    b->claimed_at = mutt_time_now();
    /* the alerts of the claim ahead are not there yet */
    b->alerts = b->claim.alert_depth + (ahead == NULL ? 0 : ahead->raised);

    feel_pressure(b->run, a, b->alerts);
    mutt_metric_set(metrics, MUTT_M_ALERTER_QUEUE_DEPTH_ALL,
                    (double) b->claim.alert_depth);
    mutt_metric_set(metrics, MUTT_M_ALERTER_PROCESSING_DEPTH_ALL,
                    (double) (b->claim.n + (ahead ? ahead->claim.n : 0)));

    return rc;
}


static mutt_rc_t
judge_claim(batch_t *b, mutt_err_t *err)
{
    MUTT_PASS("alerter.claimed");

    return allocate(b)
               ? judge_all(b, err)
               : mutt_fail(err, MUTT_NOMEM, "out of memory for a batch");
}


/* Whether the next claim should not wait for the end of this one. */
static bool
worth_more(mutt_run_t *run, const batch_t *b)
{
    return b->n_rows > 0 && b->claim.source_depth > 0 && !defers(run) &&
           !mutt_run_stopping(run);
}


/* Claims and matches what comes behind what is flying; NULL: nothing. */
static mutt_rc_t
look_ahead(mutt_run_t *run, alerter_t *a, batch_t **next, mutt_err_t *err)
{
    batch_t *b = create_batch(run, a);
    mutt_rc_t rc = b == NULL
                       ? mutt_fail(err, MUTT_NOMEM, "out of memory for a batch")
                       : claim(b, err);

    if (rc == MUTT_AGAIN) {
        return MUTT_OK;
    }

    if (rc == MUTT_OK) {
        rc = judge_claim(b, err);
        *next = b;
    }

    return rc;
}


/* Claims, matches and sends the rows; what is flying then tells whether there
 * was anything. */
static mutt_rc_t
take_off(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    /* a deferring alerter lifts nothing from the queue */
    if (a->wait_until != 0 &&
        (a->pressure != MUTT_PRESSURE_SHED || !defers(run))) {
        return idle(run, a, err);
    }

    a->wait_until = 0;

    batch_t *b = create_batch(run, a);
    mutt_rc_t rc = b == NULL
                       ? mutt_fail(err, MUTT_NOMEM, "out of memory for a batch")
                       : claim(b, err);

    /* NOLINTNEXTLINE(clang-analyzer-*): mutt_fail() never returns MUTT_OK. */
    if ((rc == MUTT_OK || rc == MUTT_AGAIN) && defer(run, a, &b->claim)) {
        return MUTT_AGAIN;
    }

    if (rc == MUTT_AGAIN) {
        return idle(run, a, err);
    }

    if (rc == MUTT_OK) {
        rc = judge_claim(b, err);
    }

    if (rc == MUTT_OK) {
        rc = send_audit(b, err);
        a->flying = rc == MUTT_OK ? b : NULL;
    }

    return rc;
}


/* Lets what is flying land, with the next one taking off. */
static mutt_rc_t
land(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    batch_t *b = a->flying;
    batch_t *next = NULL;
    mutt_rc_t rc =
        worth_more(run, b) ? look_ahead(run, a, &next, err) : MUTT_OK;

    if (rc == MUTT_OK) {
        a->flying = NULL;
        rc = settle(b, next, err);
    }

    return rc;
}


static mutt_rc_t
alerter_turn(mutt_run_t *run, mutt_err_t *err)
{
    alerter_t *a = mutt_run_ctx(run);

    /* a failure is logged there, and the last good rules stay */
    (void) take_load(run, a, err);
    repeat_load(run, a);

    mutt_rc_t rc = look_at_depths(run, a, err);

    if (rc == MUTT_OK) {
        rc = probe_pg(run, a, err);
    }

    if (rc == MUTT_OK) {
        rc = connect_pg(run, a, err);
    }

    if (rc == MUTT_OK && a->flying == NULL && deferring(run, a)) {
        rc = ping_pg(run, a, err);
        return rc == MUTT_OK ? MUTT_AGAIN : rc;
    }

    if (rc == MUTT_OK && a->flying == NULL) {
        rc = take_off(run, a, err);
    }

    if (rc == MUTT_OK && a->flying != NULL) {
        rc = land(run, a, err);
    }

    if (rc != MUTT_OK && rc != MUTT_AGAIN) {
        a->wait_until = 0;
        drop_flying(a);
    }

    return rc;
}


static mutt_rc_t
alerter_drain(mutt_run_t *run, mutt_err_t *err)
{
    alerter_t *a = mutt_run_ctx(run);

    mutt_rc_t rc = a->flying == NULL ? MUTT_OK : land(run, a, err);

    if (rc != MUTT_OK) {
        drop_flying(a);
    }

    return rc;
}


static const mutt_worker_t alerter = {
    .service = "mutt-alerter",
    .kind = "alerter",
    .reader = MUTT_S_ALERTER,
    .port = MUTT_SET_METRICS_PORT_ALERTER,
    .traces = true,
    .watches = { MUTT_WATCH_ALERTERS },
    .ctx_size = sizeof(alerter_t),
    .setup = alerter_setup,
    .reload = alerter_reload,
    .turn = alerter_turn,
    .drain = alerter_drain,
    .teardown = alerter_teardown,
};


int
main(int argc, char **argv)
{
    return mutt_worker_main(&alerter, argc, argv);
}
