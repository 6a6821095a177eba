
/*
 * What became of an event: what the audit knows, where in Redis it is, how its
 * alert fared, and which rules would decide it today.
 */


#include "ngx_mutt_api_trial.h"

#include <hiredis/hiredis.h>

#include "core/mutt_uuid.h"
#include "domain/mutt_keys.h"


#define NGX_MUTT_TRIAL_MESSAGE  65536
#define NGX_MUTT_TRIAL_LOOK     1000


static ngx_int_t ngx_mutt_explain_begin(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_explain_audited(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_explain_look(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_explain_attempts(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_explain_rules(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_explain_turn(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_explain_answer(ngx_mutt_flow_t *flow);


const ngx_mutt_step_t  ngx_mutt_events_explain[] = {
    { "begin", ngx_mutt_explain_begin },
    { "audited", ngx_mutt_explain_audited },
    { "look", ngx_mutt_explain_look },
    { "attempts", ngx_mutt_explain_attempts },
    { "rules", ngx_mutt_explain_rules },
    { "turn", ngx_mutt_explain_turn },
    { "answer", ngx_mutt_explain_answer },
    { NULL, NULL }
};


static ngx_int_t
ngx_mutt_explain_begin(ngx_mutt_flow_t *flow)
{
    char               text[MUTT_UUID_LEN + 1];
    mutt_uuid_t        id;
    ngx_mutt_trial_t  *t;

    t = ngx_mutt_trial_begin(flow);

    if (t == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    if (!mutt_uuid_parse((mutt_str_t) { (char *) flow->ctx->params[0].data,
                                        flow->ctx->params[0].len }, &id))
    {
        return ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
    }

    mutt_uuid_format(&id, text);
    t->id = ngx_mutt_flow_text(flow, mutt_str(text));
    t->state = "unknown";
    flow->query.values[0] = t->id;

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_EVENT_EXPLAINED, 1);
}


static ngx_int_t
ngx_mutt_explain_event(ngx_mutt_flow_t *flow, ngx_mutt_trial_t *t,
    mutt_str_t json)
{
    ngx_int_t  rc;

    rc = ngx_mutt_trial_event(flow, t, json);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    t->event = rc == NGX_OK;

    return rc;
}


/* The steps that the audit knows of. */
static ngx_int_t
ngx_mutt_explain_audited(ngx_mutt_flow_t *flow)
{
    ngx_mutt_trial_t  *t = flow->data;

    mutt_str_t   rule, acts;
    mutt_buf_t  *b;

    b = &t->steps;

    if (ngx_mutt_pg_rows(&flow->query) == 0) {
        return NGX_OK;
    }

    if (ngx_mutt_pg_value(&flow->query, 0, 0).data != NULL) {
        t->state = *ngx_mutt_pg_value(&flow->query, 0, 5).data == 't'
                   ? "forwarded" : "logged";
        rule = ngx_mutt_pg_value(&flow->query, 0, 7);

        mutt_buf_addf(b, "{\"step\":\"accepted\",\"at\":\"%s\"},"
                      "{\"step\":\"decided\",\"at\":null,"
                      "\"event_timestamp\":\"%s\",\"decision\":",
                      ngx_mutt_pg_value(&flow->query, 0, 0).data,
                      ngx_mutt_pg_value(&flow->query, 0, 1).data);
        mutt_buf_add_json(b, ngx_mutt_pg_value(&flow->query, 0, 4));
        mutt_buf_addf(b, ",\"matched_rule_id\":%s,\"rule\":",
                      ngx_mutt_pg_value(&flow->query, 0, 3).data == NULL
                      ? "null" : ngx_mutt_pg_value(&flow->query, 0, 3).data);
        mutt_buf_add_str(b, rule.data == NULL ? MUTT_STR("null") : rule);
        mutt_buf_addf(b, ",\"forwarded_to_moog\":%s}",
                      t->state[0] == 'f' ? "true" : "false");

        if (t->state[0] == 'f') {
            MUTT_BUF_LIT(b, ",{\"step\":\"alert_queued\",\"at\":null}");
        }

        if (ngx_mutt_explain_event(flow, t,
                                   ngx_mutt_pg_value(&flow->query, 0, 6))
            != NGX_OK)
        {
            return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
        }
    }

    acts = ngx_mutt_pg_value(&flow->query, 0, 8);

    /* a list, without its brackets */
    if (acts.data != NULL && acts.len > 2) {
        mutt_buf_addf(b, "%s", b->len == 0 ? "" : ",");
        mutt_buf_add(b, acts.data + 1, acts.len - 2);
    }

    return NGX_OK;
}


static const char *
ngx_mutt_explain_state(mutt_str_t key)
{
    ngx_uint_t              i;
    const mutt_settings_t  *s;

    static const struct {
        mutt_setting_t   id;
        const char      *state;
    } rows[] = {
        { MUTT_SET_INGEST_QUEUE_NAME, "queued" },
        { MUTT_SET_ALERT_QUEUE_NAME, "alert_queued" },
        { MUTT_SET_ALERTER_DLQ_NAME, "dead_letter" },
        { MUTT_SET_MOOG_DLQ_NAME, "dead_letter" },
        { MUTT_SET_DEAD_LETTER_QUEUE, "quarantined" },
    };

    s = ngx_mutt_settings();

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (mutt_str_eq(key, mutt_str(mutt_set_text(s, rows[i].id)))) {
            return rows[i].state;
        }
    }

    if (mutt_str_eq(key, mutt_str(mutt_keys[MUTT_KEY_RETRY]))) {
        return "retrying";
    }

    return memmem(key.data, key.len, ":moog:", 6) != NULL ? "sending"
                                                          : "matching";
}


static ngx_int_t
ngx_mutt_explain_where(ngx_mutt_flow_t *flow, ngx_mutt_trial_t *t,
    mutt_str_t key, mutt_str_t item)
{
    mutt_buf_t       *b;
    ngx_mutt_dead_t   dead;

    b = &t->steps;

    if (ngx_mutt_letters_read(item, 0, &dead) != NGX_OK) {
        return NGX_ERROR;
    }

    t->state = ngx_mutt_explain_state(key);

    if (b->len == 0 && dead.received_at.data != NULL) {
        MUTT_BUF_LIT(b, "{\"step\":\"accepted\",\"at\":");
        ngx_mutt_letters_add(b, dead.received_at, 64);
        MUTT_BUF_LIT(b, "}");
    }

    mutt_buf_addf(b, "%s{\"step\":\"%s\",\"at\":", b->len == 0 ? "" : ",",
                  t->state);
    ngx_mutt_letters_add(b, dead.failed_at, 64);
    MUTT_BUF_LIT(b, ",\"key\":");
    mutt_buf_add_json(b, key);
    mutt_buf_addf(b, ",\"kind\":\"%s\",\"attempts\":%lld,\"replays\":%lld,"
                  "\"failed_reason\":", dead.alert ? "alert" : "event",
                  (long long) dead.letter.attempts,
                  (long long) dead.letter.replays);
    ngx_mutt_letters_add(b, dead.letter.reason, 200);
    MUTT_BUF_LIT(b, "}");

    return t->event || dead.alert ? NGX_OK
           : ngx_mutt_explain_event(flow, t, item);
}


static ngx_int_t
ngx_mutt_explain_told(ngx_mutt_flow_t *flow, struct redisReply *answer)
{
    redisReply        *reply = (redisReply *) answer;
    ngx_mutt_trial_t  *t = flow->data;

    size_t       i;
    redisReply  *key, *item;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return ngx_mutt_flow_no_redis(flow);
    }

    for (i = 0; i + 1 < reply->elements; i += 2) {
        key = reply->element[i];
        item = reply->element[i + 1];

        if (key->type == REDIS_REPLY_STRING
            && item->type == REDIS_REPLY_STRING
            && ngx_mutt_explain_where(flow, t,
                                      (mutt_str_t) { key->str, key->len },
                                      (mutt_str_t) { item->str, item->len })
               != NGX_OK)
        {
            return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_explain_look(ngx_mutt_flow_t *flow)
{
    ngx_mutt_trial_t  *t = flow->data;

    char                    text[80];
    ngx_uint_t              i;
    const mutt_settings_t  *s;

    static const mutt_setting_t  lists[] = {
        MUTT_SET_INGEST_QUEUE_NAME, MUTT_SET_ALERT_QUEUE_NAME,
        MUTT_SET_ALERTER_DLQ_NAME, MUTT_SET_MOOG_DLQ_NAME,
        MUTT_SET_DEAD_LETTER_QUEUE
    };

    if (ngx_mutt_flow_eval(flow, MUTT_SCRIPT_WHERE, 7, 3,
                           ngx_mutt_explain_told)
        != NGX_OK)
    {
        return ngx_mutt_flow_no_redis(flow);
    }

    s = ngx_mutt_settings();
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_WORKERS]);
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_RETRY]);

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        ngx_mutt_redis_text(mutt_set_text(s, lists[i]));
    }

    (void) snprintf(text, sizeof(text), "\"_event_id\":\"%s\"", t->id);
    ngx_mutt_redis_text(text);
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_PROCESSING]);
    (void) ngx_mutt_redis_int(NGX_MUTT_TRIAL_LOOK);

    return NGX_AGAIN;
}


static ngx_int_t
ngx_mutt_explain_tried(ngx_mutt_flow_t *flow, struct redisReply *answer)
{
    redisReply        *reply = (redisReply *) answer;
    ngx_mutt_trial_t  *t = flow->data;

    size_t  digits;

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        return ngx_mutt_flow_no_redis(flow);
    }

    /* a list of JSON objects, as the forwarder left it, behind a number */
    if (reply->type == REDIS_REPLY_STRING) {
        digits = strspn(reply->str, "0123456789");
        t->left_out = mutt_str_count((mutt_str_t) { reply->str, digits });
        mutt_buf_add(&t->attempts, reply->str + digits, reply->len - digits);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_explain_attempts(ngx_mutt_flow_t *flow)
{
    ngx_mutt_trial_t  *t = flow->data;

    if (ngx_mutt_flow_ask(flow, 3, ngx_mutt_explain_tried) != NGX_OK) {
        return ngx_mutt_flow_no_redis(flow);
    }

    ngx_mutt_redis_text("HGET");
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_ATTEMPTS]);
    ngx_mutt_redis_text(t->id);

    return NGX_AGAIN;
}


static ngx_int_t
ngx_mutt_explain_rules(ngx_mutt_flow_t *flow)
{
    ngx_mutt_trial_t  *t = flow->data;

    return t->event
           ? ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_RULES_TRIED, 0)
           : NGX_OK;
}


static ngx_int_t
ngx_mutt_explain_turn(ngx_mutt_flow_t *flow)
{
    ngx_mutt_trial_t  *t = flow->data;

    return t->event ? ngx_mutt_trial_turn(flow, ngx_mutt_explain_turn,
                                          ngx_mutt_trial_try)
                    : NGX_OK;
}


static ngx_int_t
ngx_mutt_explain_answer(ngx_mutt_flow_t *flow)
{
    ngx_mutt_trial_t  *t = flow->data;

    mutt_buf_t  b;

    mutt_buf_init(&b, 2 * NGX_MUTT_TRIAL_ANSWER);
    mutt_buf_addf(&b, "{\"event_id\":\"%s\",\"state\":\"%s\",\"steps\":[",
                  t->id, t->state);
    mutt_buf_add_str(&b, mutt_buf_str(&t->steps));
    MUTT_BUF_LIT(&b, "],\"deliveries\":[");
    mutt_buf_add_str(&b, mutt_buf_str(&t->attempts));
    mutt_buf_addf(&b, "],\"deliveries_left_out\":%lu,\"event\":",
                  (unsigned long) t->left_out);

    if (!t->event) {
        MUTT_BUF_LIT(&b, "null,\"rules_now\":null}\n");
        return ngx_mutt_flow_answer(flow, NGX_HTTP_OK, &b);
    }

    MUTT_BUF_LIT(&b, "{\"hostname\":");
    ngx_mutt_letters_add(&b, t->hostname, 255);
    MUTT_BUF_LIT(&b, ",\"message\":");
    ngx_mutt_letters_add(&b, t->input.message, NGX_MUTT_TRIAL_MESSAGE);
    MUTT_BUF_LIT(&b, ",\"trap_oid\":");
    ngx_mutt_letters_add(&b, t->input.trap_oid, 2048);
    MUTT_BUF_LIT(&b, ",\"syslog_severity\":");

    if (t->input.severity == MUTT_SEVERITY_NONE) {
        MUTT_BUF_LIT(&b, "null");

    } else {
        mutt_buf_add_int(&b, t->input.severity);
    }

    MUTT_BUF_LIT(&b, "},\"rules_now\":{");
    ngx_mutt_trial_write(&b, t);
    MUTT_BUF_LIT(&b, "}}\n");

    return ngx_mutt_flow_answer(flow, NGX_HTTP_OK, &b);
}
