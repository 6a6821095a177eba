
/* What was matched, and who changed what: lists with filters and a cursor. */


#include "ngx_mutt_api.h"


#define NGX_MUTT_AUDIT_LIMIT  50
#define NGX_MUTT_AUDIT_MAX    200

/* how many events a page looks at, where a filter has no index of its own */
#define NGX_MUTT_EVENTS_LOOK  "10000"
#define NGX_MUTT_TEXTS_LOOK   "5000"


static ngx_int_t ngx_mutt_events_select(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_audit_select(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_config_audit_select(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_history_select(ngx_mutt_flow_t *flow);


const ngx_mutt_step_t  ngx_mutt_events_list[] = {
    { "select", ngx_mutt_events_select },
    { "answer", ngx_mutt_step_answer },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_audit_list[] = {
    { "select", ngx_mutt_audit_select },
    { "answer", ngx_mutt_step_answer },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_config_audit_list[] = {
    { "select", ngx_mutt_config_audit_select },
    { "answer", ngx_mutt_step_answer },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_config_history[] = {
    { "select", ngx_mutt_history_select },
    { "answer", ngx_mutt_step_answer },
    { NULL, NULL }
};


/* The first five values of every list here. */
static void
ngx_mutt_read_list(ngx_mutt_flow_t *flow)
{
    const char  **values;

    values = flow->query.values;
    ngx_mutt_read_paging(flow, NGX_MUTT_AUDIT_LIMIT, NGX_MUTT_AUDIT_MAX);
    ngx_mutt_read_cursor(flow);

    values[0] = flow->paging.limit;
    values[1] = flow->paging.offset;
    values[2] = flow->paging.page;
    values[3] = flow->paging.at;
    values[4] = flow->paging.id;
}


static const char *
ngx_mutt_read_event_id(ngx_mutt_flow_t *flow)
{
    mutt_str_t   text;
    mutt_uuid_t  id;

    text = ngx_mutt_parameter(flow, "event_id");

    if (text.data != NULL && !mutt_uuid_parse(text, &id)) {
        ngx_mutt_fault(flow, MUTT_STR("event_id"), "must be a UUID");
        return NULL;
    }

    return text.data;
}


/* Which index a page is read from, and how far when it has to be sifted. */
static mutt_sql_t
ngx_mutt_events_statement(const char **values)
{
    ngx_uint_t  i, filters;

    static const struct {
        ngx_uint_t   value;
        mutt_sql_t   statement;
    } indexed[] = {
        { 5, MUTT_SQL_TEXT_API_EVENTS_OF_HOST },
        { 6, MUTT_SQL_TEXT_API_EVENTS_OF_RULE },
        { 9, MUTT_SQL_TEXT_API_EVENTS_OF_DECISION }
    };

    if (values[11] != NULL) {
        return MUTT_SQL_TEXT_API_EVENT;
    }

    filters = (values[5] != NULL) + (values[6] != NULL) + (values[9] != NULL);

    if (values[10] != NULL) {
        values[12] = NGX_MUTT_TEXTS_LOOK;

    } else if (filters > 1) {
        values[12] = NGX_MUTT_EVENTS_LOOK;
    }

    for (i = 0; i < 3; i++) {
        if (values[indexed[i].value] != NULL) {
            return indexed[i].statement;
        }
    }

    return MUTT_SQL_TEXT_API_EVENTS;
}


static ngx_int_t
ngx_mutt_events_select(ngx_mutt_flow_t *flow)
{
    const char  **values;

    values = flow->query.values;
    ngx_mutt_read_list(flow);
    values[5] = ngx_mutt_parameter_text(flow, "hostname");
    values[6] = ngx_mutt_parameter_int(flow, "rule_id");
    values[7] = ngx_mutt_parameter_time(flow, "start_date");
    values[8] = ngx_mutt_parameter_time(flow, "end_date");
    values[9] = ngx_mutt_parameter_text(flow, "handling_decision");
    values[10] = ngx_mutt_parameter_text(flow, "text");
    values[11] = ngx_mutt_read_event_id(flow);

    if (ngx_mutt_judge_parameters(flow) != NGX_OK) {
        return NGX_DONE;
    }

    return ngx_mutt_flow_query(flow, ngx_mutt_events_statement(values), 13);
}


static const char *
ngx_mutt_read_operation(ngx_mutt_flow_t *flow)
{
    mutt_str_t  text;

    text = ngx_mutt_parameter(flow, "operation");

    if (text.data != NULL && !mutt_str_eq_nocase(text, MUTT_STR("create"))
        && !mutt_str_eq_nocase(text, MUTT_STR("update"))
        && !mutt_str_eq_nocase(text, MUTT_STR("delete")))
    {
        ngx_mutt_fault(flow, MUTT_STR("operation"),
                       "must be CREATE, UPDATE or DELETE");
        return NULL;
    }

    return text.data;
}


static ngx_int_t
ngx_mutt_select_changes(ngx_mutt_flow_t *flow, const char *name)
{
    const char  **values;

    values = flow->query.values;
    ngx_mutt_read_list(flow);
    values[5] = name;
    values[6] = ngx_mutt_parameter_text(flow, "changed_by");
    values[7] = ngx_mutt_read_operation(flow);
    values[8] = ngx_mutt_parameter_text(flow, "table_name");
    values[9] = ngx_mutt_parameter_int(flow, "record_id");
    values[10] = ngx_mutt_parameter_text(flow, "record_key");
    values[11] = ngx_mutt_parameter_time(flow, "start_date");
    values[12] = ngx_mutt_parameter_time(flow, "end_date");

    if (ngx_mutt_judge_parameters(flow) != NGX_OK) {
        return NGX_DONE;
    }

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_CHANGES, 13);
}


static ngx_int_t
ngx_mutt_audit_select(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_select_changes(flow, "logs");
}


static ngx_int_t
ngx_mutt_config_audit_select(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_select_changes(flow, "changes");
}


static ngx_int_t
ngx_mutt_history_select(ngx_mutt_flow_t *flow)
{
    ngx_mutt_read_list(flow);
    flow->query.values[5] = "history";
    flow->query.values[8] = "dynamic_config";
    flow->query.values[10] = ngx_mutt_parameter_text(flow, "key");

    if (ngx_mutt_judge_parameters(flow) != NGX_OK) {
        return NGX_DONE;
    }

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_CHANGES, 13);
}
