
/*
 * Which rule decides of an event, and why not another: for a sample, for the
 * newest audited events, for what became of one.  Rules are tried one by one
 * under the alerter's limits, for two milliseconds a turn of the event loop.
 */


#include "ngx_mutt_api_letters.h"

#include <hiredis/hiredis.h>

#include "core/mutt_time.h"
#include "core/mutt_uuid.h"
#include "domain/mutt_keys.h"
#include "domain/mutt_oid.h"
#include "domain/mutt_trial.h"


#define NGX_MUTT_TRIAL_TURN     2000
#define NGX_MUTT_TRIAL_RECENT   200
#define NGX_MUTT_TRIAL_MOST     1000
#define NGX_MUTT_TRIAL_LISTED   50
#define NGX_MUTT_TRIAL_ANSWER   (2 * 1024 * 1024)
#define NGX_MUTT_TRIAL_ATTEMPTS  8192
#define NGX_MUTT_TRIAL_MESSAGE  65536
#define NGX_MUTT_TRIAL_LOOK     1000
#define NGX_MUTT_TRIAL_RESULTS  (MUTT_TRIAL_BROKEN + 1)


typedef struct {
    int32_t              id;
    int32_t              priority;
    mutt_str_t           match;
    ngx_uint_t           takes;
    ngx_uint_t           loses;
} ngx_mutt_rival_t;


typedef struct {
    ngx_mutt_flow_t     *flow;
    ngx_event_t          turn;
    ngx_uint_t           row;      /* the next */

    /* the event */
    ngx_flag_t           event;
    mutt_match_input_t   input;
    mutt_str_t           hostname;

    /* the rule that is tried; id 0: it is not saved */
    ngx_flag_t           candidate;
    ngx_flag_t           given;    /* its fields, not its id alone */
    const char          *values[NGX_MUTT_RULE_FIELDS];
    const char          *rule_id;
    mutt_rule_t          rule;
    mutt_trial_t        *trial;
    mutt_trial_result_t  result;
    ngx_flag_t           wins;
    ngx_flag_t           listed;

    /* what came of it */
    mutt_buf_t           b;
    ngx_uint_t           matches;
    ngx_uint_t           rules;
    mutt_rule_t          winner;
    ngx_uint_t           results[NGX_MUTT_TRIAL_RESULTS];

    char                 recent[24];
    ngx_uint_t           keeps;
    ngx_uint_t           fresh;
    ngx_uint_t           takes;
    ngx_uint_t           loses;
    ngx_uint_t           gives_up;
    ngx_uint_t           samples;
    ngx_array_t         *rivals;

    /* of an explanation */
    const char          *id;
    const char          *state;
    mutt_buf_t           steps;
    mutt_buf_t           attempts;
    ngx_uint_t           left_out; /* of the attempts, the first */
} ngx_mutt_trial_t;


static ngx_int_t ngx_mutt_test_take(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_test_read(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_test_compile(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_test_select(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_test_turn(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_test_answer(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_explain_begin(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_explain_audited(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_explain_look(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_explain_attempts(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_explain_rules(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_explain_turn(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_explain_answer(ngx_mutt_flow_t *flow);


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


static mutt_json_reader_t  *ngx_mutt_trial_reader;


static void
ngx_mutt_trial_cleanup(void *data)
{
    ngx_mutt_trial_t  *t = data;

    mutt_trial_destroy(t->trial);
    mutt_buf_done(&t->b);
    mutt_buf_done(&t->steps);
    mutt_buf_done(&t->attempts);

    if (t->turn.posted) {
        ngx_delete_posted_event(&t->turn);
    }
}


static ngx_mutt_trial_t *
ngx_mutt_trial_begin(ngx_mutt_flow_t *flow)
{
    ngx_mutt_trial_t    *t;
    ngx_http_cleanup_t  *cln;

    if (ngx_mutt_trial_reader == NULL) {
        ngx_mutt_trial_reader = mutt_json_reader_create();
    }

    t = ngx_pcalloc(flow->request->pool, sizeof(ngx_mutt_trial_t));
    cln = ngx_http_cleanup_add(flow->request, 0);

    if (t == NULL || cln == NULL || ngx_mutt_trial_reader == NULL) {
        return NULL;
    }

    t->rivals = ngx_array_create(flow->request->pool, 8,
                                 sizeof(ngx_mutt_rival_t));

    if (t->rivals == NULL) {
        return NULL;
    }

    t->flow = flow;
    t->input.severity = MUTT_SEVERITY_NONE;
    mutt_buf_init(&t->b, NGX_MUTT_TRIAL_ANSWER);
    mutt_buf_init(&t->steps, NGX_MUTT_TRIAL_ANSWER);
    mutt_buf_init(&t->attempts, NGX_MUTT_TRIAL_ATTEMPTS);
    cln->handler = ngx_mutt_trial_cleanup;
    cln->data = t;
    flow->data = t;

    return t;
}


/* Takes what is matched of an event's members; the texts are copied. */
static ngx_int_t
ngx_mutt_trial_input(ngx_mutt_flow_t *flow, ngx_mutt_trial_t *t,
    const mutt_json_member_t *members, size_t n)
{
    size_t                     i;
    mutt_str_t                *text;
    const mutt_json_member_t  *m;

    t->input.severity = MUTT_SEVERITY_NONE;
    t->input.message = MUTT_STR("");
    t->input.trap_oid = MUTT_STR("");
    t->hostname = MUTT_STR("");

    for (i = 0; i < n; i++) {
        m = &members[i];

        if (mutt_str_eq(m->name, MUTT_STR("syslog_severity"))) {
            t->input.severity = mutt_severity_parse(
                                    m->type == MUTT_JSON_STRING ? m->text
                                                                : m->raw);
            continue;
        }

        text = mutt_str_eq(m->name, MUTT_STR("message")) ? &t->input.message
               : mutt_str_eq(m->name, MUTT_STR("trap_oid"))
                 ? &t->input.trap_oid
               : mutt_str_eq(m->name, MUTT_STR("hostname")) ? &t->hostname
                                                            : NULL;

        if (text != NULL && m->type == MUTT_JSON_STRING) {
            text->data = ngx_mutt_flow_text(flow, m->text);
            text->len = m->text.len;

            if (text->data == NULL) {
                return NGX_ERROR;
            }
        }
    }

    t->input.trap_oid = mutt_oid_strip(t->input.trap_oid, 0);

    return NGX_OK;
}


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


static mutt_str_t
ngx_mutt_trial_value(const char *value)
{
    return value == NULL ? MUTT_STR("") : mutt_str(value);
}


/* A rule of its columns as text; its id is set by the caller. */
static void
ngx_mutt_trial_rule(mutt_rule_t *rule, const char **values)
{
    rule->match_string = ngx_mutt_trial_value(values[NGX_MUTT_RULE_MATCH]);
    rule->trap_oid = ngx_mutt_trial_value(values[NGX_MUTT_RULE_OID]);
    rule->severity = values[NGX_MUTT_RULE_SEVERITY] == NULL
                     ? MUTT_SEVERITY_NONE
                     : mutt_severity_parse(
                           mutt_str(values[NGX_MUTT_RULE_SEVERITY]));
    rule->priority = mutt_str_count(mutt_str(values[NGX_MUTT_RULE_PRIORITY]));
    rule->team = ngx_mutt_trial_value(values[NGX_MUTT_RULE_TEAM]);

    /* a draft need not say whose it is */
    if (rule->team.len == 0) {
        rule->team = MUTT_STR("-");
    }

    if (!mutt_match_type_parse(mutt_str(values[NGX_MUTT_RULE_TYPE]),
                               &rule->type))
    {
        rule->type = MUTT_MATCH_CONTAINS;
    }

    if (!mutt_handling_parse(ngx_mutt_trial_value(values[NGX_MUTT_RULE_PROD]),
                             &rule->prod))
    {
        rule->prod = MUTT_HANDLE_LOG_ONLY;
    }
}


/* The rule of a row of API_RULES_TRIED or API_RULE_TRIED. */
static void
ngx_mutt_trial_row(ngx_mutt_flow_t *flow, ngx_uint_t row, mutt_rule_t *rule)
{
    const char  *values[NGX_MUTT_RULE_FIELDS];
    ngx_uint_t   i;

    ngx_memzero(rule, sizeof(mutt_rule_t));

    for (i = 0; i < NGX_MUTT_RULE_ACTIVE; i++) {
        values[i] = ngx_mutt_pg_value(&flow->query, row, i + 1).data;
    }

    ngx_mutt_trial_rule(rule, values);
    rule->id = mutt_str_count(ngx_mutt_pg_value(&flow->query, row, 0));
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


/* Whether a rule is tried before another; one without id comes last. */
static ngx_flag_t
ngx_mutt_trial_before(int32_t priority, int32_t id, int32_t other,
    int32_t other_id)
{
    if (priority != other) {
        return priority < other;
    }

    return other_id == 0 || (id != 0 && id < other_id);
}


/* A rule that matches, in the order in which rules are tried. */
static void
ngx_mutt_trial_list(ngx_mutt_trial_t *t, const mutt_rule_t *rule,
    ngx_flag_t candidate)
{
    mutt_buf_t  *b;

    b = &t->b;

    if (t->matches++ == 0) {
        t->winner = *rule;
        t->wins = candidate;
    }

    if (t->matches > NGX_MUTT_TRIAL_LISTED) {
        return;
    }

    mutt_buf_addf(b, "%s{\"id\":", t->matches == 1 ? "" : ",");

    if (rule->id == 0) {
        MUTT_BUF_LIT(b, "null");

    } else {
        mutt_buf_addf(b, "%d", rule->id);
    }

    mutt_buf_addf(b, ",\"candidate\":%s,\"priority\":%d,\"match_string\":",
                  candidate ? "true" : "false", rule->priority);
    ngx_mutt_letters_add(b, rule->match_string, 1024);
    MUTT_BUF_LIT(b, ",\"trap_oid\":");
    ngx_mutt_letters_add(b, rule->trap_oid, 1024);
    mutt_buf_addf(b, ",\"prod_handling\":\"%s\",\"team_assignment\":",
                  mutt_handling_name(rule->prod));
    ngx_mutt_letters_add(b, rule->team, 100);
    mutt_buf_addf(b, ",\"wins\":%s,\"why\":\"",
                  t->matches == 1 ? "true" : "false");

    if (t->matches == 1) {
        MUTT_BUF_LIT(b, "the first that matches\"}");

    } else if (t->winner.priority < rule->priority) {
        mutt_buf_addf(b, "priority %d comes before %d\"}", t->winner.priority,
                      rule->priority);

    } else if (t->wins) {
        MUTT_BUF_LIT(b, "of equal priorities the candidate has the lower "
                     "id\"}");

    } else {
        mutt_buf_addf(b, "of equal priorities rule %d is older\"}",
                      t->winner.id);
    }
}


/* The candidate takes its place among the rules once it has come. */
static void
ngx_mutt_trial_insert(ngx_mutt_trial_t *t, const mutt_rule_t *next)
{
    if (!t->candidate || t->listed
        || (next != NULL
            && !ngx_mutt_trial_before(t->rule.priority, t->rule.id,
                                      next->priority, next->id)))
    {
        return;
    }

    t->listed = 1;
    t->rules++;
    t->results[t->result]++;

    if (t->result == MUTT_TRIAL_MATCH) {
        ngx_mutt_trial_list(t, &t->rule, 1);
    }
}


static ngx_int_t
ngx_mutt_trial_try(ngx_mutt_flow_t *flow, ngx_mutt_trial_t *t)
{
    mutt_rule_t           rule;
    mutt_trial_t         *trial;
    mutt_trial_result_t   result;

    ngx_mutt_trial_row(flow, t->row, &rule);

    /* what is tried stands for what is saved */
    if (t->candidate && rule.id == t->rule.id) {
        return NGX_OK;
    }

    trial = mutt_trial_create(&rule);

    if (trial == NULL) {
        return NGX_ERROR;
    }

    result = mutt_trial(trial, &t->input);
    mutt_trial_destroy(trial);

    ngx_mutt_trial_insert(t, &rule);
    t->rules++;
    t->results[result]++;

    if (result == MUTT_TRIAL_MATCH) {
        ngx_mutt_trial_list(t, &rule, 0);
    }

    return NGX_OK;
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
    size_t                     n, offset;
    int32_t                    was, now;
    ngx_flag_t                 match;
    const char                *outcome;
    ngx_mutt_rival_t          *rival;
    const mutt_json_member_t  *members;

    if (mutt_json_read_item(ngx_mutt_trial_reader,
                            ngx_mutt_pg_value(&flow->query, t->row, 3),
                            &members, &n, &offset)
        != MUTT_JSON_OK)
    {
        return NGX_OK;
    }

    if (ngx_mutt_trial_input(flow, t, members, n) != NGX_OK) {
        return NGX_ERROR;
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


static void
ngx_mutt_trial_resume(ngx_event_t *ev)
{
    ngx_mutt_trial_t  *t = ev->data;

    ngx_mutt_flow_resume(t->flow);
}


/* Goes through the rows, and lets others have their turn. */
static ngx_int_t
ngx_mutt_trial_turn(ngx_mutt_flow_t *flow, ngx_mutt_step_pt step,
    ngx_int_t (*try)(ngx_mutt_flow_t *flow, ngx_mutt_trial_t *t))
{
    ngx_mutt_trial_t  *t = flow->data;

    mutt_usec_t  until;

    until = mutt_time_mono() + NGX_MUTT_TRIAL_TURN;

    for ( /* void */ ; t->row < ngx_mutt_pg_rows(&flow->query); t->row++) {

        if (mutt_time_mono() >= until) {
            t->turn.handler = ngx_mutt_trial_resume;
            t->turn.data = t;
            t->turn.log = ngx_cycle->log;
            ngx_mutt_flow_back(flow, step);
            ngx_post_event(&t->turn, &ngx_posted_next_events);
            return NGX_AGAIN;
        }

        if (try(flow, t) != NGX_OK) {
            return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
        }
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


/* The rules that match, the winner first, and why the others do not. */
static void
ngx_mutt_trial_write(mutt_buf_t *b, ngx_mutt_trial_t *t)
{
    ngx_uint_t   i;
    const char  *comma;

    mutt_buf_addf(b, "\"rules\":%lu,\"winner\":", (unsigned long) t->rules);

    if (t->matches == 0) {
        MUTT_BUF_LIT(b, "null");

    } else if (t->winner.id == 0) {
        MUTT_BUF_LIT(b, "{\"id\":null}");

    } else {
        mutt_buf_addf(b, "{\"id\":%d}", t->winner.id);
    }

    MUTT_BUF_LIT(b, ",\"matches\":[");
    mutt_buf_add_str(b, mutt_buf_str(&t->b));
    MUTT_BUF_LIT(b, "],\"not_matching\":{");
    comma = "";

    for (i = MUTT_TRIAL_MATCH + 1; i < NGX_MUTT_TRIAL_RESULTS; i++) {
        if (t->results[i] > 0) {
            mutt_buf_addf(b, "%s\"%s\":%lu", comma,
                          mutt_trial_text((mutt_trial_result_t) i),
                          (unsigned long) t->results[i]);
            comma = ",";
        }
    }

    MUTT_BUF_LIT(b, "}");
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
    size_t                     n, offset;
    const mutt_json_member_t  *members;

    if (mutt_json_read_item(ngx_mutt_trial_reader, json, &members, &n, &offset)
        != MUTT_JSON_OK)
    {
        return NGX_OK;
    }

    t->event = 1;

    return ngx_mutt_trial_input(flow, t, members, n);
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
