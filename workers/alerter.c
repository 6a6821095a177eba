/*
 * mutt-alerter: claim, match, audit, commit.
 *
 * An event leaves the ingest queue only by the commit, after its audit row
 * is in PostgreSQL; whatever dies in between, the claim is repeated and the
 * row's key absorbs the repetition.  Nothing is claimed before the rules
 * have been read once, nor while PostgreSQL is away.
 */

#include <stdio.h>
#include <stdlib.h>

#include "core/mutt_uuid.h"
#include "domain/mutt_alert.h"
#include "domain/mutt_event.h"
#include "domain/mutt_kinds.h"
#include "domain/mutt_sql.h"
#include "io/mutt_audit.h"
#include "run/mutt_loader.h"
#include "run/mutt_worker.h"

#define POOL_BLOCK (1 << 20)
#define PAYLOAD_MAX (1u << 30)

/* a dead letter's own members */
#define PAYLOAD_MORE 8192

/* one wait for an empty queue; signals and reloads are looked at between */
#define WAIT_MS 500

/* one wait for the first rules */
#define LOAD_WAIT_MS 200

/* a load that failed is repeated, a silent PostgreSQL is asked, this often */
#define RETRY_AFTER (5 * MUTT_USEC_SEC)

typedef struct {
    mutt_pg_t *pg;
    mutt_usec_t pg_asked; /* when PostgreSQL last answered */
    bool partitioned;     /* the months ahead have their partitions */
    mutt_loader_t *loader;
    bool loading;        /* the first rules are on their way */
    mutt_usec_t load_at; /* a failed load is repeated then; 0: none is due */
    mutt_generation_t *rules;
    mutt_json_reader_t *reader;
    mutt_pool_t *pool;  /* of one claim */
    mutt_usec_t dlq_at; /* when to look at the dead letters next */
} alerter_t;

/* A claim on its way; everything lives in the claim's pool. */
typedef struct {
    mutt_run_t *run;
    alerter_t *a;
    mutt_claim_t claim;
    mutt_event_t *events;
    mutt_verdict_t *verdicts;
    mutt_audit_row_t *rows;
    size_t *row_items; /* the item of each row */
    size_t n_rows;
    mutt_kinds_t kinds;
    mutt_unhandled_t *unhandled; /* the same kinds, for the commit */
} batch_t;


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


/* Tells /health how a call to PostgreSQL ended. */
static mutt_rc_t
pg_ended(mutt_run_t *run, alerter_t *a, mutt_rc_t rc)
{
    const char *sqlstate = mutt_pg_sqlstate(a->pg);
    char state[32] = "ok";

    if (rc == MUTT_OK) {
        a->pg_asked = mutt_time_mono();
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
        mutt_log(mutt_run_log(run), MUTT_LOG_WARNING, "rules",
                 "reload failed, the last good rules stay: %s", load->err.text);
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

    a->pg = mutt_pg_create(s, "mutt-alerter");
    a->loader = mutt_loader_create(s);
    a->reader = mutt_json_reader_create();
    a->pool = mutt_pool_create(POOL_BLOCK);

    return a->pg == NULL || a->loader == NULL || a->reader == NULL ||
                   a->pool == NULL
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
    mutt_pool_destroy(a->pool);
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


/* Settles item i with what was written to out. */
static mutt_rc_t
give(batch_t *b, size_t i, mutt_dest_t dest, mutt_buf_t *out, mutt_err_t *err)
{
    b->verdicts[i].dest = dest;
    b->verdicts[i].payload = into_pool(out, b->a->pool);

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
    };
}


static mutt_rc_t
judge_unhandled(batch_t *b, size_t i, mutt_err_t *err)
{
    mutt_verdict_t *verdict = &b->verdicts[i];

    if (!mutt_kinds_add(&b->kinds, &b->events[i], b->a->pool, &verdict->kind)) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a kind");
    }

    verdict->dest = MUTT_TO_UNHANDLED;

    if (mutt_set_bool(mutt_run_settings(b->run), MUTT_SET_AUDIT_UNHANDLED)) {
        add_row(b, i, NULL, "Unhandled", false);
    }

    return MUTT_OK;
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


static mutt_rc_t
judge(batch_t *b, size_t i, mutt_err_t *err)
{
    mutt_event_t *event = &b->events[i];
    mutt_err_t why;
    mutt_rc_t rc = mutt_event_read(b->a->reader, b->claim.items[i], b->a->pool,
                                   event, &why);

    if (rc == MUTT_INVALID) {
        return judge_malformed(b, i, err);
    }

    if (rc != MUTT_OK) {
        *err = why;
        return rc;
    }

    mutt_match_input_t input = { .message = event->message,
                                 .trap_oid = event->trap_oid,
                                 .severity = event->severity };
    const mutt_rule_t *rule =
        mutt_matcher_match(b->a->rules->matcher, &input, report_match, b->run);

    return rule == NULL ? judge_unhandled(b, i, err)
                        : judge_matched(b, i, rule, err);
}


/* The meta-alert of a kind, should this commit reach the threshold. */
static mutt_rc_t
write_meta(batch_t *b, size_t k, const char *at, mutt_err_t *err)
{
    const mutt_settings_t *s = mutt_run_settings(b->run);
    const char *nobody = mutt_set_text(mutt_run_base_settings(b->run),
                                       MUTT_SET_UNHANDLED_DEFAULT_TEAM);
    const mutt_kind_t *kind = &b->kinds.all[k];
    const mutt_str_t *team =
        mutt_directory_find(b->a->rules->teams, kind->host);
    mutt_unhandled_t *unhandled = &b->unhandled[k];
    unsigned char random[10];
    mutt_buf_t head;
    mutt_buf_t tail;

    if (!mutt_random(random, sizeof(random))) {
        return mutt_fail(err, MUTT_UNAVAIL, "no random numbers");
    }

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

    /* NOLINTNEXTLINE(clang-analyzer-*): mutt_fail() never returns MUTT_OK. */
    *unhandled = (mutt_unhandled_t) {
        .key = kind->key,
        .times = kind->times,
        .threshold = mutt_set_int(s, MUTT_SET_UNHANDLED_THRESHOLD),
        .expiry_s = meta.expiry_s,
        .meta_head = into_pool(&head, b->a->pool),
        .meta_tail = into_pool(&tail, b->a->pool),
    };

    return unhandled->meta_head.data == NULL ||
                   unhandled->meta_tail.data == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory for an alert")
               : MUTT_OK;
}


static mutt_rc_t
write_metas(batch_t *b, mutt_err_t *err)
{
    char at[MUTT_TIME_LEN + 1];

    now_text(at);
    b->unhandled = mutt_pool_calloc(b->a->pool, (b->kinds.n + 1) *
                                                    sizeof(mutt_unhandled_t));

    mutt_rc_t rc = b->unhandled == NULL
                       ? mutt_fail(err, MUTT_NOMEM, "out of memory for kinds")
                       : MUTT_OK;

    for (size_t k = 0; k < b->kinds.n && rc == MUTT_OK; k++) {
        rc = write_meta(b, k, at, err);
    }

    return rc;
}


static mutt_rc_t
audit(batch_t *b, mutt_err_t *err)
{
    uint64_t *metrics = mutt_run_metrics(b->run);
    mutt_usec_t began = mutt_time_mono();
    mutt_rc_t rc = pg_ended(
        b->run, b->a, mutt_audit_insert(b->a->pg, b->rows, b->n_rows, err));

    if (rc != MUTT_OK) {
        return rc;
    }

    double took = (double) (mutt_time_mono() - began) / (double) MUTT_USEC_SEC;

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

    /* it is not counted with its kind after all */
    if (b->verdicts[i].dest == MUTT_TO_UNHANDLED) {
        b->unhandled[b->verdicts[i].kind].times--;
    }

    (void) snprintf(reason, sizeof(reason), "sqlstate_%s", row->refused);
    mutt_log_event(mutt_run_log(b->run), MUTT_LOG_ERROR, "audit",
                   event->correlation_id, "row refused: %s", reason);
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
count(batch_t *b, int64_t metas, mutt_usec_t began)
{
    uint64_t *m = mutt_run_metrics(b->run);
    uint64_t by_dest[MUTT_TO_DEAD_EXTERNAL + 1] = { 0 };

    for (size_t i = 0; i < b->claim.n; i++) {
        by_dest[b->verdicts[i].dest]++;
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
    mutt_metric_add(m, MUTT_M_ALERTER_FORWARDED_ALL, by_dest[MUTT_TO_ALERT]);
    mutt_metric_add(m, MUTT_M_ALERTER_META_ALL, (uint64_t) metas);
    mutt_metric_observe(m, MUTT_M_ALERTER_LATENCY_ALL,
                        (double) (mutt_time_mono() - began) /
                            (double) MUTT_USEC_SEC);
    mutt_metric_set(m, MUTT_M_ALERTER_PROCESSING_DEPTH_ALL, 0);
}


static bool
allocate(batch_t *b)
{
    mutt_pool_t *pool = b->a->pool;
    size_t n = b->claim.n;

    b->events = mutt_pool_calloc(pool, n * sizeof(*b->events));
    b->verdicts = mutt_pool_calloc(pool, n * sizeof(*b->verdicts));
    b->rows = mutt_pool_calloc(pool, n * sizeof(*b->rows));
    b->row_items = mutt_pool_calloc(pool, n * sizeof(*b->row_items));

    return b->events != NULL && b->verdicts != NULL && b->rows != NULL &&
           b->row_items != NULL && mutt_kinds_init(&b->kinds, n, pool);
}


static mutt_rc_t
judge_all(batch_t *b, mutt_err_t *err)
{
    mutt_rc_t rc = MUTT_OK;

    for (size_t i = 0; i < b->claim.n && rc == MUTT_OK; i++) {
        rc = judge(b, i, err);
    }

    return rc == MUTT_OK ? write_metas(b, err) : rc;
}


static mutt_rc_t
process(batch_t *b, mutt_err_t *err)
{
    mutt_usec_t began = mutt_time_mono();
    int64_t metas = 0;
    size_t refused = 0;
    mutt_rc_t rc =
        allocate(b) ? judge_all(b, err)
                    : mutt_fail(err, MUTT_NOMEM, "out of memory for a batch");

    if (rc == MUTT_OK && b->n_rows > 0) {
        rc = audit(b, err);
    }

    if (rc == MUTT_OK) {
        rc = judge_rows(b, &refused, err);
    }

    if (rc == MUTT_OK) {
        rc = mutt_queue_commit(mutt_run_queue(b->run), &b->claim, b->verdicts,
                               b->unhandled, b->kinds.n, &metas, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    count(b, metas, began);

    /* not one row went in: rather the server than so many events */
    return refused > 1 && refused == b->n_rows && b->rows[0].doubtful
               ? mutt_fail(err, MUTT_UNAVAIL,
                           "postgresql refuses every row: %s",
                           b->rows[0].refused)
               : MUTT_OK;
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


static mutt_rc_t
idle(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    mutt_rc_t rc = ping_pg(run, a, err);

    return rc == MUTT_OK ? mutt_queue_wait(mutt_run_queue(run), WAIT_MS, err)
                         : rc;
}


/* A gauge for people needs no look in every turn. */
static mutt_rc_t
look_at_dlq(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    mutt_usec_t now = mutt_time_mono();
    int64_t depth = 0;

    if (now < a->dlq_at) {
        return MUTT_OK;
    }

    mutt_rc_t rc = mutt_queue_dlq_depth(mutt_run_queue(run), &depth, err);

    if (rc == MUTT_OK) {
        a->dlq_at = now + MUTT_USEC_SEC;
        mutt_metric_set(mutt_run_metrics(run), MUTT_M_ALERTER_DLQ_DEPTH_ALL,
                        (double) depth);
    }

    return rc;
}


static mutt_rc_t
alerter_turn(mutt_run_t *run, mutt_err_t *err)
{
    alerter_t *a = mutt_run_ctx(run);
    uint64_t *metrics = mutt_run_metrics(run);
    batch_t b = { .run = run, .a = a };
    size_t max = (size_t) mutt_set_int(mutt_run_base_settings(run),
                                       MUTT_SET_ALERTER_BATCH_MAX);

    /* a failure is logged there, and the last good rules stay */
    (void) take_load(run, a, err);
    repeat_load(run, a);
    mutt_pool_reset(a->pool);

    mutt_rc_t rc = connect_pg(run, a, err);

    if (rc == MUTT_OK) {
        rc = look_at_dlq(run, a, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    rc = mutt_queue_claim(mutt_run_queue(run), max, a->pool, &b.claim, err);

    if (rc != MUTT_OK && rc != MUTT_AGAIN) {
        return rc;
    }

    mutt_metric_set(metrics, MUTT_M_ALERTER_QUEUE_DEPTH_ALL,
                    (double) b.claim.alert_depth);
    mutt_metric_set(metrics, MUTT_M_ALERTER_PROCESSING_DEPTH_ALL,
                    (double) b.claim.n);

    return rc == MUTT_AGAIN ? idle(run, a, err) : process(&b, err);
}


static const mutt_worker_t alerter = {
    .service = "mutt-alerter",
    .kind = "alerter",
    .reader = MUTT_S_ALERTER,
    .port = MUTT_SET_METRICS_PORT_ALERTER,
    .heartbeat = MUTT_SET_ALERTER_HEARTBEAT_INTERVAL,
    .lease = MUTT_SET_ALERTER_JANITOR_TIMEOUT,
    .ctx_size = sizeof(alerter_t),
    .setup = alerter_setup,
    .reload = alerter_reload,
    .turn = alerter_turn,
    .teardown = alerter_teardown,
};


int
main(int argc, char **argv)
{
    return mutt_worker_main(&alerter, argc, argv);
}
