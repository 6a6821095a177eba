
/*
 * A rule, saved or not, tried on a sample beside the others, or on the newest
 * audited events: what it would match, and what it would take from others.
 */


#include "ngx_mutt_api_trial.h"


#define NGX_MUTT_TRIAL_RECENT   200
#define NGX_MUTT_TRIAL_MOST     1000


static ngx_int_t ngx_mutt_test_take(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_test_read(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_test_compile(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_test_select(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_test_turn(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_test_answer(ngx_mutt_flow_t *flow);


const ngx_mutt_step_t  ngx_mutt_rules_test[] = {
    { "body", ngx_mutt_step_body },
    { "take", ngx_mutt_test_take },
    { "read", ngx_mutt_test_read },
    { "compile", ngx_mutt_test_compile },
    { "select", ngx_mutt_test_select },
    { "turn", ngx_mutt_test_turn },
    { "answer", ngx_mutt_test_answer },
    { NULL, NULL }
};


static ngx_int_t
ngx_mutt_test_take_event(ngx_mutt_flow_t *flow, ngx_mutt_trial_t *t,
    mutt_str_t json)
{
    if (ngx_mutt_flow_enter(flow, json) != NGX_OK
        || ngx_mutt_trial_input(flow, t, flow->members, flow->n_members)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (t->input.message.len == 0 && t->input.trap_oid.len == 0) {
        ngx_mutt_fault(flow, MUTT_STR("event"),
                       "must have a message or a trap_oid");
    }

    return NGX_OK;
}


/* A member that is an object, as a copy; NULL: absent, or noted. */
static mutt_str_t
ngx_mutt_test_object(ngx_mutt_flow_t *flow, const char *name)
{
    mutt_str_t                 json;
    const mutt_json_member_t  *member;

    json = (mutt_str_t) { NULL, 0 };
    member = ngx_mutt_member(flow, name);

    if (member == NULL || member->type == MUTT_JSON_NULL) {
        return json;
    }

    if (member->type != MUTT_JSON_OBJECT) {
        ngx_mutt_fault(flow, mutt_str(name), "must be an object");
        return json;
    }

    json.data = ngx_mutt_flow_text(flow, member->raw);
    json.len = member->raw.len;

    return json;
}


static ngx_int_t
ngx_mutt_test_take(ngx_mutt_flow_t *flow)
{
    ngx_int_t          id, recent;
    mutt_str_t         rule, event;
    ngx_mutt_trial_t  *t;

    static const char *const  known[] = {
        "rule", "rule_id", "event", "recent", NULL
    };

    t = ngx_mutt_trial_begin(flow);

    if (t == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    ngx_mutt_refuse_others(flow, known);
    rule = ngx_mutt_test_object(flow, "rule");
    event = ngx_mutt_test_object(flow, "event");
    id = ngx_mutt_member_number(flow, "rule_id", 0, 1, NGX_MAX_INT32_VALUE);
    recent = ngx_mutt_member_number(flow, "recent", NGX_MUTT_TRIAL_RECENT, 1,
                                    NGX_MUTT_TRIAL_MOST);

    t->event = event.data != NULL;
    t->given = rule.data != NULL;
    t->candidate = t->given || id > 0;
    (void) snprintf(t->recent, sizeof(t->recent), "%ld", (long) recent);

    if (id > 0) {
        (void) snprintf((char *) flow->paging.page, sizeof(flow->paging.page),
                        "%ld", (long) id);
        t->rule_id = flow->paging.page;
        t->rule.id = id;
    }

    if (!t->candidate && !t->event && flow->n_faults == 0) {
        ngx_mutt_fault_missing(flow, "rule");
    }

    if (t->event && ngx_mutt_test_take_event(flow, t, event) != NGX_OK) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    if (t->given) {
        if (ngx_mutt_flow_enter(flow, rule) != NGX_OK) {
            return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
        }

        ngx_mutt_rule_take_members(flow, t->values, 0);
    }

    return ngx_mutt_judge_fields(flow);
}


static ngx_int_t
ngx_mutt_test_read(ngx_mutt_flow_t *flow)
{
    ngx_mutt_trial_t  *t = flow->data;

    if (t->rule_id == NULL || t->given) {
        return NGX_OK;
    }

    flow->query.values[0] = t->rule_id;

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_RULE_TRIED, 1);
}


static ngx_int_t
ngx_mutt_test_compile(ngx_mutt_flow_t *flow)
{
    ngx_mutt_trial_t  *t = flow->data;

    mutt_str_t   value;
    ngx_uint_t   i;

    if (!t->candidate) {
        return NGX_OK;
    }

    if (!t->given) {
        if (ngx_mutt_pg_rows(&flow->query) == 0) {
            ngx_mutt_fault(flow, MUTT_STR("rule_id"), "is no rule");
            return ngx_mutt_judge_fields(flow);
        }

        for (i = 0; i < NGX_MUTT_RULE_ACTIVE; i++) {
            value = ngx_mutt_pg_value(&flow->query, 0, i + 1);
            t->values[i] = value.data == NULL
                           ? NULL : ngx_mutt_flow_text(flow, value);
        }
    }

    ngx_mutt_trial_rule(&t->rule, t->values);
    t->trial = mutt_trial_create(&t->rule);

    return t->trial == NULL ? ngx_mutt_flow_error(flow, MUTT_API_INTERNAL)
                            : NGX_OK;
}


static ngx_int_t
ngx_mutt_test_select(ngx_mutt_flow_t *flow)
{
    ngx_mutt_trial_t  *t = flow->data;

    if (t->event) {
        if (t->candidate) {
            t->result = mutt_trial(t->trial, &t->input);
        }

        return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_RULES_TRIED, 0);
    }

    flow->query.values[0] = t->recent;

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_EVENTS_TRIED, 1);
}


static ngx_mutt_rival_t *
ngx_mutt_trial_rival(ngx_mutt_flow_t *flow, ngx_mutt_trial_t *t, int32_t id)
{
    ngx_uint_t         i;
    ngx_mutt_rival_t  *rival;

    rival = t->rivals->elts;

    for (i = 0; i < t->rivals->nelts; i++) {
        if (rival[i].id == id) {
            return &rival[i];
        }
    }

    if (t->rivals->nelts == NGX_MUTT_TRIAL_LISTED) {
        return NULL;
    }

    rival = ngx_array_push(t->rivals);

    if (rival != NULL) {
        ngx_memzero(rival, sizeof(ngx_mutt_rival_t));
        rival->id = id;
        rival->priority = mutt_str_count(ngx_mutt_pg_value(&flow->query,
                                                           t->row, 5));
        rival->match = ngx_mutt_pg_value(&flow->query, t->row, 6);
    }

    return rival;
}


static void
ngx_mutt_trial_sample(ngx_mutt_flow_t *flow, ngx_mutt_trial_t *t,
    const char *outcome, int32_t rule_id)
{
    mutt_buf_t  *b;

    if (t->samples == NGX_MUTT_TRIAL_LISTED) {
        return;
    }

    b = &t->b;
    mutt_buf_addf(b, "%s{\"event_id\":\"%s\",\"event_timestamp\":\"%s\","
                  "\"hostname\":", t->samples++ == 0 ? "" : ",",
                  ngx_mutt_pg_value(&flow->query, t->row, 0).data,
                  ngx_mutt_pg_value(&flow->query, t->row, 1).data);
    ngx_mutt_letters_add(b, ngx_mutt_pg_value(&flow->query, t->row, 2), 255);
    MUTT_BUF_LIT(b, ",\"message\":");
    ngx_mutt_letters_add(b, t->input.message, 300);
    mutt_buf_addf(b, ",\"outcome\":\"%s\",\"matched_rule_id\":", outcome);

    if (rule_id == 0) {
        MUTT_BUF_LIT(b, "null}");

    } else {
        mutt_buf_addf(b, "%d}", rule_id);
    }
}


/* An audited event: what the candidate would do to it. */
static ngx_int_t
ngx_mutt_trial_replay(ngx_mutt_flow_t *flow, ngx_mutt_trial_t *t)
{
    int32_t            was, now;
    ngx_int_t          rc;
    ngx_flag_t         match;
    const char        *outcome;
    ngx_mutt_rival_t  *rival;

    rc = ngx_mutt_trial_event(flow, t, ngx_mutt_pg_value(&flow->query, t->row,
                                                         3));
    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : rc;
    }

    t->rules++;
    t->result = mutt_trial(t->trial, &t->input);
    t->results[t->result]++;
    match = t->result == MUTT_TRIAL_MATCH;
    was = mutt_str_count(ngx_mutt_pg_value(&flow->query, t->row, 7));
    now = mutt_str_count(ngx_mutt_pg_value(&flow->query, t->row, 4));
    t->matches += match;
    outcome = NULL;

    if (was != 0 && was == t->rule.id) {
        t->keeps += match;
        t->gives_up += !match;
        outcome = match ? "keeps" : "gives_up";

    } else if (match && now == 0) {
        t->fresh++;
        outcome = "new";

    } else if (match) {
        rival = ngx_mutt_trial_rival(flow, t, now);

        if (ngx_mutt_trial_before(t->rule.priority, t->rule.id,
                                  mutt_str_count(ngx_mutt_pg_value(
                                      &flow->query, t->row, 5)), now))
        {
            t->takes++;
            outcome = "takes";

            if (rival != NULL) {
                rival->takes++;
            }

        } else {
            t->loses++;
            outcome = "loses";

            if (rival != NULL) {
                rival->loses++;
            }
        }
    }

    if (outcome != NULL) {
        ngx_mutt_trial_sample(flow, t, outcome, was);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_test_turn(ngx_mutt_flow_t *flow)
{
    ngx_mutt_trial_t  *t = flow->data;

    return ngx_mutt_trial_turn(flow, ngx_mutt_test_turn,
                               t->event ? ngx_mutt_trial_try
                                        : ngx_mutt_trial_replay);
}


static void
ngx_mutt_test_write_recent(mutt_buf_t *b, ngx_mutt_trial_t *t)
{
    ngx_uint_t         i;
    ngx_mutt_rival_t  *rival;

    mutt_buf_addf(b, "{\"tested\":%lu,\"matches\":%lu,\"new\":%lu,"
                  "\"keeps\":%lu,\"takes\":%lu,\"loses\":%lu,\"gives_up\":%lu,"
                  "\"limited\":%lu,\"rivals\":[",
                  (unsigned long) t->rules, (unsigned long) t->matches,
                  (unsigned long) t->fresh, (unsigned long) t->keeps,
                  (unsigned long) t->takes, (unsigned long) t->loses,
                  (unsigned long) t->gives_up,
                  (unsigned long) t->results[MUTT_TRIAL_LIMIT]);
    rival = t->rivals->elts;

    for (i = 0; i < t->rivals->nelts; i++) {
        mutt_buf_addf(b, "%s{\"id\":%d,\"priority\":%d,\"takes\":%lu,"
                      "\"loses\":%lu,\"match_string\":", i == 0 ? "" : ",",
                      rival[i].id, rival[i].priority,
                      (unsigned long) rival[i].takes,
                      (unsigned long) rival[i].loses);
        ngx_mutt_letters_add(b, rival[i].match, 1024);
        mutt_buf_addf(b, ",\"why\":\"%s\"}",
                      rival[i].loses == 0
                      ? "the rule tested comes before it"
                      : "it comes before the rule tested");
    }

    MUTT_BUF_LIT(b, "],\"samples\":[");
    mutt_buf_add_str(b, mutt_buf_str(&t->b));
    MUTT_BUF_LIT(b, "]}\n");
}


static ngx_int_t
ngx_mutt_test_answer(ngx_mutt_flow_t *flow)
{
    ngx_mutt_trial_t  *t = flow->data;

    mutt_buf_t  b;

    mutt_buf_init(&b, NGX_MUTT_TRIAL_ANSWER);

    if (!t->event) {
        ngx_mutt_test_write_recent(&b, t);
        return ngx_mutt_flow_answer(flow, NGX_HTTP_OK, &b);
    }

    ngx_mutt_trial_insert(t, NULL);
    MUTT_BUF_LIT(&b, "{\"candidate\":");

    if (t->candidate) {
        mutt_buf_addf(&b, "{\"matches\":%s,\"wins\":%s,\"why\":\"%s\"},",
                      t->result == MUTT_TRIAL_MATCH ? "true" : "false",
                      t->wins ? "true" : "false", mutt_trial_text(t->result));

    } else {
        MUTT_BUF_LIT(&b, "null,");
    }

    ngx_mutt_trial_write(&b, t);
    MUTT_BUF_LIT(&b, "}\n");

    return ngx_mutt_flow_answer(flow, NGX_HTTP_OK, &b);
}
