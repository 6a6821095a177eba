#include "alerter.h"

#include "core/mutt_failpoint.h"
#include "domain/mutt_alert.h"

/* a dead letter's own members */
#define PAYLOAD_MORE 8192


mutt_str_t
alerter_into_pool(mutt_buf_t *out, mutt_pool_t *pool)
{
    mutt_str_t text = { NULL, 0 };

    if (mutt_buf_ok(out)) {
        text = mutt_pool_dup(pool, mutt_buf_str(out));
    }

    mutt_buf_done(out);

    return text;
}


mutt_rc_t
alerter_give(batch_t *b, size_t i, mutt_dest_t dest, mutt_buf_t *out,
             mutt_err_t *err)
{
    b->verdicts[i].dest = dest;
    b->verdicts[i].payload = alerter_into_pool(out, b->pool);

    return b->verdicts[i].payload.data == NULL
               ? mutt_fail(err, MUTT_NOMEM, "out of memory for a payload")
               : MUTT_OK;
}


void
alerter_now_text(char out[MUTT_TIME_LEN + 1])
{
    mutt_time_format(mutt_time_now(), out);
}


static mutt_rc_t
judge_malformed(batch_t *b, size_t i, mutt_err_t *err)
{
    mutt_buf_t out;
    char at[MUTT_TIME_LEN + 1];

    alerter_now_text(at);
    mutt_buf_init(&out, b->claim.items[i].len * 6 + PAYLOAD_MORE);
    mutt_alert_write_malformed(&out, b->claim.items[i], at, "malformed");

    return alerter_give(b, i, MUTT_TO_DEAD_EXTERNAL, &out, err);
}


static void
add_row(batch_t *b, size_t i, const mutt_rule_t *rule, const char *decision,
        bool forwarded)
{
    const mutt_event_t *event = &b->events[i];

    b->row_items[b->n_rows] = i;
    b->rows[b->n_rows++] = (mutt_audit_row_t) {
        .event_id = event->id,
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

    alerter_now_text(at);
    mutt_buf_init(&out, PAYLOAD_MAX);
    mutt_alert_write_shed(&out, b->claim.items[i], &b->events[i], at, b->alerts,
                          alerter_pressure_limits(b->run).shed);

    return alerter_give(b, i, MUTT_TO_SHED, &out, err);
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
        alerter_feel_pressure(b->run, b->a, b->alerts);

        if (b->a->pressure == MUTT_PRESSURE_SHED && !alerter_defers(b->run)) {
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

    return alerter_give(b, i, MUTT_TO_ALERT, &out, err);
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
        rc = alerter_trace(b, i, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    mutt_match_input_t input = { .message = event->message,
                                 .trap_oid = event->trap_oid,
                                 .severity = event->severity };
    const mutt_rule_t *rule = mutt_matcher_match(b->a->rules->matcher, &input,
                                                 alerter_report_match, b->run);

    b->rules[i] = rule == NULL ? 0 : rule->id;

    if (b->journeys != NULL && b->journeys[i].on) {
        b->journeys[i].matched = mutt_time_now();
        b->journeys[i].rule_id = rule == NULL ? 0 : rule->id;
    }

    return rule == NULL ? judge_unhandled(b, i, err)
                        : judge_matched(b, i, rule, err);
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

    return rc == MUTT_OK ? alerter_list_kinds(b, err) : rc;
}


mutt_rc_t
alerter_judge_claim(batch_t *b, mutt_err_t *err)
{
    MUTT_PASS("alerter.claimed");

    return allocate(b)
               ? judge_all(b, err)
               : mutt_fail(err, MUTT_NOMEM, "out of memory for a batch");
}
