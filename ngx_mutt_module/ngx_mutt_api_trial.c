
/*
 * Which rule decides of an event, and why not another: the rules are tried one
 * by one, in the order in which the alerter would come to them, for two
 * milliseconds a turn of the event loop.
 */


#include "ngx_mutt_api_trial.h"

#include "core/mutt_time.h"
#include "domain/mutt_oid.h"


#define NGX_MUTT_TRIAL_TURN      2000
#define NGX_MUTT_TRIAL_PAUSE     1
#define NGX_MUTT_TRIAL_ATTEMPTS  8192


static mutt_json_reader_t  *ngx_mutt_trial_reader;


static void
ngx_mutt_trial_cleanup(void *data)
{
    ngx_mutt_trial_t  *t = data;

    mutt_trial_destroy(t->trial);
    mutt_buf_done(&t->b);
    mutt_buf_done(&t->steps);
    mutt_buf_done(&t->attempts);

    if (t->turn.timer_set) {
        ngx_del_timer(&t->turn);
    }
}


ngx_mutt_trial_t *
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
ngx_int_t
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


ngx_int_t
ngx_mutt_trial_event(ngx_mutt_flow_t *flow, ngx_mutt_trial_t *t,
    mutt_str_t json)
{
    size_t                     n, offset;
    const mutt_json_member_t  *members;

    if (mutt_json_read_item(ngx_mutt_trial_reader, json, &members, &n, &offset)
        != MUTT_JSON_OK)
    {
        return NGX_DECLINED;
    }

    return ngx_mutt_trial_input(flow, t, members, n);
}


static mutt_str_t
ngx_mutt_trial_value(const char *value)
{
    return value == NULL ? MUTT_STR("") : mutt_str(value);
}


/* A rule of its columns as text; its id is set by the caller. */
void
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


/* Whether a rule is tried before another; one without id comes last. */
ngx_flag_t
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
void
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


ngx_int_t
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


static void
ngx_mutt_trial_resume(ngx_event_t *ev)
{
    ngx_mutt_trial_t  *t = ev->data;

    ngx_mutt_flow_resume(t->flow);
}


/*
 * Goes through the rows, and lets others have their turn.  A process that is
 * to end waits for timers, and for nothing else.
 */
ngx_int_t
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
            ngx_add_timer(&t->turn, NGX_MUTT_TRIAL_PAUSE);
            return NGX_AGAIN;
        }

        if (try(flow, t) != NGX_OK) {
            return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
        }
    }

    return NGX_OK;
}


/* The rules that match, the winner first, and why the others do not. */
void
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
