/*
 * mutt-alerter: claim, match, audit, commit.
 *
 * An event leaves the ingest queue only by the commit, after its audit row
 * is in PostgreSQL; whatever dies in between, the claim is repeated and the
 * row's key absorbs the repetition.  Nothing is claimed before the rules
 * have been read once.
 */

#include <stdio.h>
#include <stdlib.h>

#include "core/mutt_uuid.h"
#include "domain/mutt_alert.h"
#include "domain/mutt_event.h"
#include "domain/mutt_fold.h"
#include "domain/mutt_keys.h"
#include "io/mutt_audit.h"
#include "io/mutt_rules.h"
#include "run/mutt_worker.h"

#define POOL_BLOCK (1 << 20)
#define PAYLOAD_MAX (64u << 20)

/* a dead letter's own members */
#define PAYLOAD_MORE 8192

/* one wait for an empty queue; signals and reloads are looked at between */
#define WAIT_MS 500

typedef struct {
    mutt_pg_t *pg;
    mutt_generation_t *rules;
    mutt_json_reader_t *reader;
    mutt_pool_t *pool; /* of one claim */
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
    mutt_unhandled_t *kinds;
    mutt_str_t *samples; /* of each kind: the newest message */
    mutt_str_t *hosts;
    size_t n_kinds;
    size_t unhandled;
    size_t forwarded;
    size_t dead;
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


static mutt_rc_t
connect_pg(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    if (mutt_pg_connected(a->pg)) {
        return MUTT_OK;
    }

    mutt_rc_t rc = mutt_pg_connect(a->pg, err);

    mutt_run_check(run, "postgresql", rc == MUTT_OK,
                   rc == MUTT_OK ? "ok" : mutt_rc_word(rc));

    return rc;
}


static mutt_rc_t
alerter_reload(mutt_run_t *run, mutt_err_t *err)
{
    alerter_t *a = mutt_run_ctx(run);
    uint64_t *metrics = mutt_run_metrics(run);
    mutt_generation_t *fresh = NULL;
    mutt_usec_t began = mutt_time_mono();
    mutt_rc_t rc = connect_pg(run, a, err);

    if (rc == MUTT_OK) {
        rc = mutt_generation_load(a->pg, report_rule, run, &fresh, err);
    }

    if (rc != MUTT_OK) {
        mutt_metric_add(metrics, MUTT_M_CACHE_RELOAD_FAIL, 1);
        mutt_metric_add(metrics, MUTT_M_CACHE_RELOAD_FAILURES_ALL, 1);
        return rc;
    }

    mutt_generation_destroy(a->rules);
    a->rules = fresh;

    mutt_metric_add(metrics, MUTT_M_CACHE_RELOAD_OK, 1);
    mutt_metric_observe(metrics, MUTT_M_CACHE_RELOAD_LATENCY_ALL,
                        (double) (mutt_time_mono() - began) / 1e6);
    mutt_metric_set(metrics, MUTT_M_CACHE_RULES_ALL,
                    (double) mutt_matcher_count(fresh->matcher));
    mutt_metric_set(metrics, MUTT_M_CACHE_HOSTS_ALL,
                    (double) mutt_directory_count(fresh->dev_hosts));
    mutt_metric_set(metrics, MUTT_M_CACHE_TEAMS_ALL,
                    (double) mutt_directory_count(fresh->teams));
    mutt_log(mutt_run_log(run), MUTT_LOG_INFO, "rules",
             "loaded %zu rules, %zu development hosts, %zu teams",
             mutt_matcher_count(fresh->matcher),
             mutt_directory_count(fresh->dev_hosts),
             mutt_directory_count(fresh->teams));

    return MUTT_OK;
}


static mutt_rc_t
alerter_setup(mutt_run_t *run, mutt_err_t *err)
{
    alerter_t *a = mutt_run_ctx(run);
    const mutt_settings_t *s = mutt_run_base_settings(run);

    if (a->pg == NULL) {
        a->pg = mutt_pg_create(s, "mutt-alerter");
        a->reader = mutt_json_reader_create();
        a->pool = mutt_pool_create(POOL_BLOCK);
    }

    if (a->pg == NULL || a->reader == NULL || a->pool == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory at start");
    }

    mutt_rc_t rc = connect_pg(run, a, err);

    if (rc == MUTT_OK) {
        rc = mutt_audit_partitions(
            a->pg, mutt_time_now(),
            (int) mutt_set_int(s, MUTT_SET_RETENTION_PRECREATE_MONTHS), err);
    }

    if (rc == MUTT_OK) {
        rc = alerter_reload(run, err);
    }

    /* a schema that is not there yet may still come */
    return rc == MUTT_INVALID ? MUTT_UNAVAIL : rc;
}


static void
alerter_teardown(mutt_run_t *run)
{
    alerter_t *a = mutt_run_ctx(run);

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

    b->verdicts[i].dest = MUTT_TO_DEAD_EXTERNAL;
    b->verdicts[i].payload = into_pool(&out, b->a->pool);
    b->dead++;

    return b->verdicts[i].payload.data == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory for a dead letter")
               : MUTT_OK;
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


/* The counter of this host and kind of message; false out of memory. */
static bool
kind_key(const mutt_event_t *event, mutt_pool_t *pool, mutt_str_t *key)
{
    const char *prefix = mutt_keys[MUTT_KEY_UNHANDLED];
    size_t head = strlen(prefix);
    char hash[MUTT_HASH16_LEN + 1];
    char *text =
        mutt_pool_alloc(pool, head + event->hostname.len + 1 + sizeof(hash));

    if (text == NULL || !mutt_fold_hash(event->message, hash)) {
        return false;
    }

    memcpy(text, prefix, head);

    for (size_t i = 0; i < event->hostname.len; i++) {
        char c = event->hostname.data[i];

        text[head + i] = (char) (c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }

    key->data = text;
    key->len = head + event->hostname.len + 1 + MUTT_HASH16_LEN;
    text[head + event->hostname.len] = ':';
    memcpy(text + head + event->hostname.len + 1, hash, MUTT_HASH16_LEN);

    return true;
}


static mutt_rc_t
judge_unhandled(batch_t *b, size_t i, mutt_err_t *err)
{
    const mutt_settings_t *s = mutt_run_settings(b->run);
    const mutt_event_t *event = &b->events[i];
    mutt_str_t key;
    size_t k = 0;

    if (!kind_key(event, b->a->pool, &key)) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a kind");
    }

    while (k < b->n_kinds && !mutt_str_eq(b->kinds[k].key, key)) {
        k++;
    }

    if (k == b->n_kinds) {
        b->kinds[b->n_kinds++] = (mutt_unhandled_t) {
            .key = key,
            .threshold = mutt_set_int(s, MUTT_SET_UNHANDLED_THRESHOLD),
            .expiry_s = mutt_set_int(s, MUTT_SET_UNHANDLED_EXPIRY_SECONDS),
        };
    }

    b->kinds[k].times++;
    b->samples[k] = event->message;
    b->hosts[k] = event->hostname;
    b->verdicts[i].dest = MUTT_TO_UNHANDLED;
    b->unhandled++;

    if (mutt_set_bool(s, MUTT_SET_AUDIT_UNHANDLED)) {
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
    verdict->dest = MUTT_TO_ALERT;
    verdict->payload = into_pool(&out, b->a->pool);
    b->forwarded++;

    return verdict->payload.data == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory for an alert")
               : MUTT_OK;
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


static mutt_rc_t
write_metas(batch_t *b, mutt_err_t *err)
{
    const char *nobody = mutt_set_text(mutt_run_base_settings(b->run),
                                       MUTT_SET_UNHANDLED_DEFAULT_TEAM);
    char at[MUTT_TIME_LEN + 1];

    now_text(at);

    for (size_t k = 0; k < b->n_kinds; k++) {
        const mutt_str_t *team =
            mutt_directory_find(b->a->rules->teams, b->hosts[k]);
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
            .host = b->hosts[k],
            .sample = b->samples[k],
            .expiry_s = b->kinds[k].expiry_s,
        };

        mutt_buf_init(&head, PAYLOAD_MAX);
        mutt_buf_init(&tail, PAYLOAD_MAX);
        mutt_alert_write_meta(&head, &tail, &meta);
        b->kinds[k].meta_head = into_pool(&head, b->a->pool);
        b->kinds[k].meta_tail = into_pool(&tail, b->a->pool);

        if (b->kinds[k].meta_head.data == NULL ||
            b->kinds[k].meta_tail.data == NULL) {
            return mutt_fail(err, MUTT_NOMEM, "out of memory for an alert");
        }
    }

    return MUTT_OK;
}


static mutt_rc_t
audit(batch_t *b, mutt_err_t *err)
{
    mutt_run_t *run = b->run;
    mutt_usec_t began = mutt_time_mono();
    mutt_rc_t rc = connect_pg(run, b->a, err);

    if (rc == MUTT_OK) {
        rc = mutt_audit_insert(b->a->pg, b->rows, b->n_rows, err);
    }

    mutt_run_check(run, "postgresql", rc == MUTT_OK,
                   rc == MUTT_OK ? "ok" : mutt_rc_word(rc));

    if (rc != MUTT_OK) {
        return rc;
    }

    double took = (double) (mutt_time_mono() - began) / 1e6;

    mutt_metric_observe(mutt_run_metrics(run), MUTT_M_DB_WRITE_LATENCY_ALL,
                        took);
    mutt_metric_observe(mutt_run_metrics(run), MUTT_M_DB_WRITE_LATENCY_MS_ALL,
                        took * 1e3);

    return MUTT_OK;
}


/* Rows that PostgreSQL refuses take their events to the dead letters. */
static mutt_rc_t
judge_refused(batch_t *b, mutt_err_t *err)
{
    char at[MUTT_TIME_LEN + 1];

    now_text(at);

    for (size_t k = 0; k < b->n_rows; k++) {
        size_t i = b->row_items[k];
        char reason[32];
        mutt_buf_t out;

        if (b->rows[k].refused[0] == '\0') {
            continue;
        }

        (void) snprintf(reason, sizeof(reason), "sqlstate_%s",
                        b->rows[k].refused);
        mutt_buf_init(&out, b->claim.items[i].len + PAYLOAD_MORE);
        mutt_alert_write_failed(&out, b->claim.items[i],
                                b->events[i].attempts + 1, at, reason);
        b->verdicts[i].dest = MUTT_TO_DEAD;
        b->verdicts[i].payload = into_pool(&out, b->a->pool);
        b->dead++;

        if (b->verdicts[i].payload.data == NULL) {
            return mutt_fail(err, MUTT_NOMEM,
                             "out of memory for a dead letter");
        }

        mutt_log_event(mutt_run_log(b->run), MUTT_LOG_ERROR, "audit",
                       b->events[i].correlation_id,
                       "row refused, the event is dead-lettered: %s", reason);
    }

    return MUTT_OK;
}


static void
count(batch_t *b, int64_t metas, mutt_usec_t began)
{
    uint64_t *m = mutt_run_metrics(b->run);
    size_t handled = b->claim.n - b->unhandled - b->dead;

    mutt_metric_add(m, MUTT_M_ALERTER_EVENTS_HANDLED, handled);
    mutt_metric_add(m, MUTT_M_ALERTER_EVENTS_UNHANDLED, b->unhandled);
    mutt_metric_add(m, MUTT_M_ALERTER_EVENTS_POISON, b->dead);
    mutt_metric_add(m, MUTT_M_ALERTER_FORWARDED_ALL, b->forwarded);
    mutt_metric_add(m, MUTT_M_ALERTER_META_ALL, (uint64_t) metas);
    mutt_metric_observe(m, MUTT_M_ALERTER_LATENCY_ALL,
                        (double) (mutt_time_mono() - began) / 1e6);
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
    b->kinds = mutt_pool_calloc(pool, n * sizeof(*b->kinds));
    b->samples = mutt_pool_calloc(pool, n * sizeof(*b->samples));
    b->hosts = mutt_pool_calloc(pool, n * sizeof(*b->hosts));

    return b->events != NULL && b->verdicts != NULL && b->rows != NULL &&
           b->row_items != NULL && b->kinds != NULL && b->samples != NULL &&
           b->hosts != NULL;
}


static mutt_rc_t
process(batch_t *b, mutt_err_t *err)
{
    mutt_usec_t began = mutt_time_mono();
    int64_t metas = 0;

    if (!allocate(b)) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a batch");
    }

    mutt_rc_t rc = MUTT_OK;

    for (size_t i = 0; i < b->claim.n && rc == MUTT_OK; i++) {
        rc = judge(b, i, err);
    }

    if (rc == MUTT_OK) {
        rc = write_metas(b, err);
    }

    if (rc == MUTT_OK && b->n_rows > 0) {
        rc = audit(b, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    rc = judge_refused(b, err);

    if (rc == MUTT_OK) {
        rc = mutt_queue_commit(mutt_run_queue(b->run), &b->claim, b->verdicts,
                               b->kinds, b->n_kinds, &metas, err);
    }

    if (rc == MUTT_OK) {
        count(b, metas, began);
    }

    return rc;
}


static mutt_rc_t
alerter_turn(mutt_run_t *run, mutt_err_t *err)
{
    alerter_t *a = mutt_run_ctx(run);
    mutt_queue_t *queue = mutt_run_queue(run);
    batch_t b = { .run = run, .a = a };
    size_t max = (size_t) mutt_set_int(mutt_run_base_settings(run),
                                       MUTT_SET_ALERTER_BATCH_MAX);

    mutt_pool_reset(a->pool);

    mutt_rc_t rc = mutt_queue_claim(queue, max, a->pool, &b.claim, err);

    if (rc == MUTT_AGAIN) {
        mutt_metric_set(mutt_run_metrics(run), MUTT_M_ALERTER_QUEUE_DEPTH_ALL,
                        0);
        return mutt_queue_wait(queue, WAIT_MS, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    mutt_metric_set(mutt_run_metrics(run), MUTT_M_ALERTER_QUEUE_DEPTH_ALL,
                    (double) b.claim.alert_depth);
    mutt_metric_set(mutt_run_metrics(run), MUTT_M_ALERTER_PROCESSING_DEPTH_ALL,
                    (double) b.claim.n);

    return process(&b, err);
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
