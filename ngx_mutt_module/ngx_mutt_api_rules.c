
/*
 * Rules.  A change is checked as a whole, as the alerter will compile it, and
 * made only to the version that was checked: whoever comes second begins
 * again, or is told when he named the version he meant.
 */


#include "ngx_mutt_api.h"

#include "domain/mutt_match.h"
#include "domain/mutt_oid.h"
#include "domain/mutt_rule.h"


#define NGX_MUTT_RULES_MAX     1000
#define NGX_MUTT_PRIORITY_MAX  1000000
#define NGX_MUTT_TRIES         64


/* a rule as text for PostgreSQL */
typedef struct {
    const char        *values[NGX_MUTT_RULE_FIELDS];
    unsigned           given[NGX_MUTT_RULE_FIELDS];
    ngx_uint_t         n_given;
    const char        *id;
    const char        *etag;       /* of the version that was read */
} ngx_mutt_rule_edit_t;


typedef const char *(*ngx_mutt_rule_read_pt)(ngx_mutt_flow_t *flow,
    const mutt_json_member_t *member);


static void ngx_mutt_rule_compile(ngx_mutt_flow_t *flow,
    ngx_mutt_rule_edit_t *edit);
static const char *ngx_mutt_rule_match(ngx_mutt_flow_t *flow,
    const mutt_json_member_t *member);
static const char *ngx_mutt_rule_oid(ngx_mutt_flow_t *flow,
    const mutt_json_member_t *member);
static const char *ngx_mutt_rule_severity(ngx_mutt_flow_t *flow,
    const mutt_json_member_t *member);
static const char *ngx_mutt_rule_type(ngx_mutt_flow_t *flow,
    const mutt_json_member_t *member);
static const char *ngx_mutt_rule_priority(ngx_mutt_flow_t *flow,
    const mutt_json_member_t *member);
static const char *ngx_mutt_rule_handling(ngx_mutt_flow_t *flow,
    const mutt_json_member_t *member);
static const char *ngx_mutt_rule_team(ngx_mutt_flow_t *flow,
    const mutt_json_member_t *member);
static const char *ngx_mutt_rule_active(ngx_mutt_flow_t *flow,
    const mutt_json_member_t *member);

static ngx_int_t ngx_mutt_rules_select(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_rule_name(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_rule_select(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_rule_show(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_rule_take(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_rule_reason(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_rule_insert(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_rule_created(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_rule_read(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_rule_meant(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_rule_merge(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_rule_write(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_rule_updated(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_rule_drop(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_rule_deleted(ngx_mutt_flow_t *flow);


static const struct {
    const char             *name;
    ngx_mutt_rule_read_pt   read;
    const char             *value;     /* of a new rule; NULL: null */
    ngx_flag_t              null;      /* may be null */
    ngx_flag_t              required;
} ngx_mutt_rule_fields[NGX_MUTT_RULE_FIELDS] = {
    { "match_string",    ngx_mutt_rule_match,    NULL,       1, 0 },
    { "trap_oid",        ngx_mutt_rule_oid,      NULL,       1, 0 },
    { "syslog_severity", ngx_mutt_rule_severity, NULL,       1, 0 },
    { "match_type",      ngx_mutt_rule_type,     "contains", 0, 0 },
    { "priority",        ngx_mutt_rule_priority, "100",      0, 0 },
    { "prod_handling",   ngx_mutt_rule_handling, NULL,       0, 1 },
    { "dev_handling",    ngx_mutt_rule_handling, NULL,       0, 1 },
    { "team_assignment", ngx_mutt_rule_team,     NULL,       0, 1 },
    { "is_active",       ngx_mutt_rule_active,   "true",     0, 0 },
};


/* what else may be in a body: a rule that was read may be sent back */
static const char *const  ngx_mutt_rule_names[] = {
    "match_string", "trap_oid", "syslog_severity", "match_type", "priority",
    "prod_handling", "dev_handling", "team_assignment", "is_active", "reason",
    "id", "created_at", "updated_at", "deleted_at", NULL
};


const ngx_mutt_step_t  ngx_mutt_rules_list[] = {
    { "select", ngx_mutt_rules_select },
    { "answer", ngx_mutt_step_answer },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_rules_show[] = {
    { "name", ngx_mutt_rule_name },
    { "select", ngx_mutt_rule_select },
    { "answer", ngx_mutt_rule_show },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_rules_create[] = {
    { "body", ngx_mutt_step_body },
    { "take", ngx_mutt_rule_take },
    { "merge", ngx_mutt_rule_merge },
    { "insert", ngx_mutt_rule_insert },
    { "answer", ngx_mutt_rule_created },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_rules_update[] = {
    { "name", ngx_mutt_rule_name },
    { "body", ngx_mutt_step_body },
    { "take", ngx_mutt_rule_take },
    { "read", ngx_mutt_rule_read },
    { "meant", ngx_mutt_rule_meant },
    { "merge", ngx_mutt_rule_merge },
    { "write", ngx_mutt_rule_write },
    { "answer", ngx_mutt_rule_updated },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_rules_delete[] = {
    { "name", ngx_mutt_rule_name },
    { "body", ngx_mutt_step_optional_body },
    { "reason", ngx_mutt_rule_reason },
    { "read", ngx_mutt_rule_read },
    { "meant", ngx_mutt_rule_meant },
    { "drop", ngx_mutt_rule_drop },
    { "answer", ngx_mutt_rule_deleted },
    { NULL, NULL }
};


static ngx_int_t
ngx_mutt_rules_select(ngx_mutt_flow_t *flow)
{
    ngx_mutt_read_paging(flow, NGX_MUTT_RULES_MAX, NGX_MUTT_RULES_MAX);

    flow->query.values[0] = flow->paging.limit;
    flow->query.values[1] = flow->paging.offset;
    flow->query.values[2] = flow->paging.page;
    flow->query.values[3] = ngx_mutt_parameter_bool(flow, "is_active");
    flow->query.values[4] = ngx_mutt_parameter_bool(flow, "include_deleted");

    if (ngx_mutt_judge_parameters(flow) != NGX_OK) {
        return NGX_DONE;
    }

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_RULES, 5);
}


static ngx_int_t
ngx_mutt_rule_name(ngx_mutt_flow_t *flow)
{
    ngx_int_t              n;
    ngx_str_t             *id;
    ngx_mutt_rule_edit_t  *edit;

    id = &flow->ctx->params[0];
    n = id->len > 10 ? NGX_ERROR : ngx_atoi(id->data, id->len);

    if (n == NGX_ERROR || n > NGX_MAX_INT32_VALUE) {
        return ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
    }

    edit = ngx_pcalloc(flow->request->pool, sizeof(ngx_mutt_rule_edit_t));

    if (edit == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    edit->id = ngx_mutt_path_text(flow);
    flow->data = edit;

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_rule_select(ngx_mutt_flow_t *flow)
{
    ngx_mutt_rule_edit_t  *edit = flow->data;

    flow->query.values[0] = edit->id;

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_RULE, 1);
}


static ngx_int_t
ngx_mutt_rule_show(ngx_mutt_flow_t *flow)
{
    if (ngx_mutt_pg_rows(&flow->query) == 0) {
        return ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
    }

    if (ngx_mutt_tag(flow, ngx_mutt_pg_value(&flow->query, 0, 1).data)
        != NGX_OK)
    {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    return ngx_mutt_step_answer(flow);
}


static const char *
ngx_mutt_rule_match(ngx_mutt_flow_t *flow, const mutt_json_member_t *member)
{
    return ngx_mutt_member_text(flow, member, MUTT_RULE_MATCH_MAX);
}


static const char *
ngx_mutt_rule_oid(ngx_mutt_flow_t *flow, const mutt_json_member_t *member)
{
    mutt_oid_t  oid;

    if (member->type != MUTT_JSON_STRING
        || !mutt_oid_parse(member->text, 1, &oid))
    {
        ngx_mutt_fault(flow, member->name,
                       "must be dotted numbers of at most 128 arcs");
        return NULL;
    }

    return ngx_mutt_flow_text(flow, mutt_oid_strip(member->text, 1));
}


static const char *
ngx_mutt_rule_severity(ngx_mutt_flow_t *flow, const mutt_json_member_t *member)
{
    int   severity;
    char  text[2];

    severity = mutt_severity_parse(member->type == MUTT_JSON_STRING
                                   ? member->text : member->raw);

    if (severity == MUTT_SEVERITY_NONE) {
        ngx_mutt_fault(flow, member->name,
                       "must be 0 to 7 or the name of a severity");
        return NULL;
    }

    (void) snprintf(text, sizeof(text), "%d", severity);

    return ngx_mutt_flow_text(flow, mutt_str(text));
}


static const char *
ngx_mutt_rule_type(ngx_mutt_flow_t *flow, const mutt_json_member_t *member)
{
    mutt_match_type_t  type;

    if (member->type != MUTT_JSON_STRING
        || !mutt_match_type_parse(member->text, &type))
    {
        ngx_mutt_fault(flow, member->name,
                       "must be contains, regex or oid_prefix");
        return NULL;
    }

    return ngx_mutt_flow_text(flow, member->text);
}


static const char *
ngx_mutt_rule_priority(ngx_mutt_flow_t *flow, const mutt_json_member_t *member)
{
    ngx_int_t  n;

    n = member->type != MUTT_JSON_NUMBER_VALUE || member->raw.len > 7
        ? NGX_ERROR
        : ngx_atoi((u_char *) member->raw.data, member->raw.len);

    if (n == NGX_ERROR || n > NGX_MUTT_PRIORITY_MAX) {
        ngx_mutt_fault(flow, member->name,
                       "must be a whole number, 0 to 1000000");
        return NULL;
    }

    return ngx_mutt_flow_text(flow, member->raw);
}


static const char *
ngx_mutt_rule_handling(ngx_mutt_flow_t *flow, const mutt_json_member_t *member)
{
    mutt_handling_t  handling;

    if (member->type != MUTT_JSON_STRING
        || !mutt_handling_parse(member->text, &handling))
    {
        ngx_mutt_fault(flow, member->name,
                       "must be Page_and_ticket, Page_only, Ticket_only, "
                       "Email_only, Log_only, Suppress or Ignore");
        return NULL;
    }

    return mutt_handling_name(handling);
}


static const char *
ngx_mutt_rule_team(ngx_mutt_flow_t *flow, const mutt_json_member_t *member)
{
    return ngx_mutt_member_text(flow, member, MUTT_RULE_TEAM_MAX);
}


static const char *
ngx_mutt_rule_active(ngx_mutt_flow_t *flow, const mutt_json_member_t *member)
{
    if (member->type != MUTT_JSON_BOOL) {
        ngx_mutt_fault(flow, member->name, "must be true or false");
        return NULL;
    }

    return member->raw.data[0] == 't' ? "true" : "false";
}


static void
ngx_mutt_rule_take_field(ngx_mutt_flow_t *flow, ngx_mutt_rule_edit_t *edit,
    ngx_uint_t i)
{
    const mutt_json_member_t  *member;

    member = ngx_mutt_member(flow, ngx_mutt_rule_fields[i].name);

    if (member == NULL) {
        return;
    }

    edit->given[i] = 1;
    edit->n_given++;

    if (member->type != MUTT_JSON_NULL) {
        edit->values[i] = ngx_mutt_rule_fields[i].read(flow, member);

    } else if (!ngx_mutt_rule_fields[i].null) {
        ngx_mutt_fault(flow, member->name, "must not be null");
    }
}


/* Takes the body over, whose members do not outlive this step. */
static ngx_int_t
ngx_mutt_rule_take(ngx_mutt_flow_t *flow)
{
    ngx_uint_t             i;
    ngx_mutt_rule_edit_t  *edit;

    if (flow->data == NULL) {
        flow->data = ngx_pcalloc(flow->request->pool,
                                 sizeof(ngx_mutt_rule_edit_t));
    }

    edit = flow->data;

    if (edit == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    ngx_mutt_refuse_others(flow, ngx_mutt_rule_names);
    ngx_mutt_read_reason(flow);

    for (i = 0; i < NGX_MUTT_RULE_FIELDS; i++) {
        ngx_mutt_rule_take_field(flow, edit, i);

        if (edit->given[i] || edit->id != NULL) {
            continue;
        }

        edit->values[i] = ngx_mutt_rule_fields[i].value;

        if (ngx_mutt_rule_fields[i].required) {
            ngx_mutt_fault_missing(flow, ngx_mutt_rule_fields[i].name);
        }
    }

    if (ngx_mutt_judge_fields(flow) != NGX_OK) {
        return NGX_DONE;
    }

    if (edit->n_given == 0) {
        return ngx_mutt_flow_error_text(flow, MUTT_API_VALIDATION_FAILED,
                                        "No fields to update");
    }

    return NGX_OK;
}


void
ngx_mutt_rule_take_members(ngx_mutt_flow_t *flow, const char **values,
    ngx_flag_t whole)
{
    ngx_uint_t            i;
    ngx_mutt_rule_edit_t  edit;

    ngx_memzero(&edit, sizeof(ngx_mutt_rule_edit_t));
    ngx_mutt_refuse_others(flow, ngx_mutt_rule_names);

    for (i = 0; i < NGX_MUTT_RULE_FIELDS; i++) {
        ngx_mutt_rule_take_field(flow, &edit, i);

        if (edit.given[i]) {
            continue;
        }

        edit.values[i] = ngx_mutt_rule_fields[i].value;

        if (ngx_mutt_rule_fields[i].required && whole) {
            ngx_mutt_fault_missing(flow, ngx_mutt_rule_fields[i].name);
        }
    }

    if (flow->n_faults == 0) {
        ngx_mutt_rule_compile(flow, &edit);
    }

    ngx_memcpy(values, edit.values, sizeof(edit.values));
}


static ngx_int_t
ngx_mutt_rule_reason(ngx_mutt_flow_t *flow)
{
    static const char *const  known[] = { "reason", NULL };

    ngx_mutt_refuse_others(flow, known);
    ngx_mutt_read_reason(flow);

    return ngx_mutt_judge_fields(flow);
}


/* Why the pattern can't be used; it is compiled as the alerter does. */
static void
ngx_mutt_rule_compile(ngx_mutt_flow_t *flow, ngx_mutt_rule_edit_t *edit)
{
    mutt_err_t          err;
    const char         *match;
    mutt_match_type_t   type;

    match = edit->values[NGX_MUTT_RULE_MATCH];

    if (!mutt_match_type_parse(mutt_str(edit->values[NGX_MUTT_RULE_TYPE]),
                               &type))
    {
        return;
    }

    if (type == MUTT_MATCH_OID_PREFIX) {
        if (edit->values[NGX_MUTT_RULE_OID] == NULL) {
            ngx_mutt_fault(flow, MUTT_STR("trap_oid"),
                           "is required by match_type oid_prefix");
        }

        return;
    }

    if (match == NULL) {
        ngx_mutt_fault(flow, MUTT_STR("match_string"),
                       "is required by match_type contains and regex");
        return;
    }

    if (mutt_match_check(type, mutt_str(match), &err) != MUTT_OK) {
        ngx_mutt_fault(flow, MUTT_STR("match_string"),
                       ngx_mutt_flow_text(flow, mutt_str(err.text)));
    }
}


/* Completes what was given by what is there, and checks the whole. */
static ngx_int_t
ngx_mutt_rule_merge(ngx_mutt_flow_t *flow)
{
    ngx_mutt_rule_edit_t  *edit = flow->data;

    mutt_str_t  value;
    ngx_uint_t  i;

    for (i = 0; edit->id != NULL && i < NGX_MUTT_RULE_FIELDS; i++) {
        if (edit->given[i]) {
            continue;
        }

        value = ngx_mutt_pg_value(&flow->query, 0, i + 1);
        edit->values[i] = value.data == NULL
                          ? NULL : ngx_mutt_flow_text(flow, value);
    }

    ngx_mutt_rule_compile(flow, edit);

    return ngx_mutt_judge_fields(flow);
}


static void
ngx_mutt_rule_bind(ngx_mutt_flow_t *flow, ngx_uint_t n)
{
    ngx_mutt_rule_edit_t  *edit = flow->data;

    ngx_memcpy(&flow->query.values[n], edit->values, sizeof(edit->values));
    ngx_mutt_flow_sign(flow, n + NGX_MUTT_RULE_FIELDS, ngx_mutt_notice_rules);
}


static ngx_int_t
ngx_mutt_rule_insert(ngx_mutt_flow_t *flow)
{
    ngx_mutt_rule_bind(flow, 0);

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_RULE_INSERT,
                               NGX_MUTT_RULE_FIELDS + 3);
}


/* The change is made and committed: who has to know is told. */
static void
ngx_mutt_rule_changed(ngx_mutt_flow_t *flow)
{
    flow->unsure = NULL;
    ngx_mutt_notice_rules();
}


static ngx_int_t
ngx_mutt_rule_created(ngx_mutt_flow_t *flow)
{
    char         text[48];
    ngx_str_t    value;
    mutt_buf_t   b;
    const char  *id;

    ngx_mutt_rule_changed(flow);

    id = ngx_mutt_pg_value(&flow->query, 0, 0).data;
    (void) snprintf(text, sizeof(text), "/api/v%s/rules/%s",
                    flow->ctx->deprecated ? "1" : "2", id);
    value.data = (u_char *) ngx_mutt_flow_text(flow, mutt_str(text));
    value.len = ngx_strlen(text);

    if (value.data == NULL
        || ngx_mutt_add_header(flow->request, "Location", &value) != NGX_OK
        || ngx_mutt_tag(flow, ngx_mutt_pg_value(&flow->query, 0, 1).data)
           != NGX_OK)
    {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    mutt_buf_init(&b, 1024);
    mutt_buf_addf(&b, "{\"id\":%s,\"message\":\"Rule created successfully\"}"
                  "\n", id);

    return ngx_mutt_flow_answer(flow, NGX_HTTP_CREATED, &b);
}


static ngx_int_t
ngx_mutt_rule_read(ngx_mutt_flow_t *flow)
{
    ngx_mutt_rule_edit_t  *edit = flow->data;

    flow->query.values[0] = edit->id;

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_RULE_FIELDS, 1);
}


static ngx_int_t
ngx_mutt_rule_meant(ngx_mutt_flow_t *flow)
{
    ngx_mutt_rule_edit_t  *edit = flow->data;

    if (ngx_mutt_pg_rows(&flow->query) == 0) {
        return ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
    }

    edit->etag = ngx_mutt_flow_text(flow,
                                    ngx_mutt_pg_value(&flow->query, 0, 0));

    if (edit->etag == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    if (ngx_mutt_tag_meant(flow, edit->etag)) {
        return NGX_OK;
    }

    if (ngx_mutt_tag(flow, edit->etag) != NGX_OK) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    return ngx_mutt_flow_error(flow, MUTT_API_PRECONDITION_FAILED);
}


static ngx_int_t
ngx_mutt_rule_write(ngx_mutt_flow_t *flow)
{
    ngx_mutt_rule_edit_t  *edit = flow->data;

    flow->query.values[0] = edit->id;
    flow->query.values[1] = edit->etag;
    ngx_mutt_rule_bind(flow, 2);

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_RULE_UPDATE,
                               NGX_MUTT_RULE_FIELDS + 5);
}


/* Another change came first: back to the step that reads. */
static ngx_int_t
ngx_mutt_rule_again(ngx_mutt_flow_t *flow)
{
    flow->unsure = NULL;

    if (++flow->tries == NGX_MUTT_TRIES) {
        return ngx_mutt_flow_away(flow, MUTT_API_BUSY);
    }

    ngx_mutt_flow_back(flow, ngx_mutt_rule_read);

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_rule_updated(ngx_mutt_flow_t *flow)
{
    if (ngx_mutt_pg_rows(&flow->query) == 0) {
        return ngx_mutt_rule_again(flow);
    }

    ngx_mutt_rule_changed(flow);

    if (ngx_mutt_tag(flow, ngx_mutt_pg_value(&flow->query, 0, 0).data)
        != NGX_OK)
    {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    return ngx_mutt_flow_message(flow, NGX_HTTP_OK,
                                 "Rule updated successfully");
}


static ngx_int_t
ngx_mutt_rule_drop(ngx_mutt_flow_t *flow)
{
    ngx_mutt_rule_edit_t  *edit = flow->data;

    flow->query.values[0] = edit->id;
    flow->query.values[1] = edit->etag;
    ngx_mutt_flow_sign(flow, 2, ngx_mutt_notice_rules);

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_RULE_DELETE, 5);
}


static ngx_int_t
ngx_mutt_rule_deleted(ngx_mutt_flow_t *flow)
{
    if (ngx_mutt_pg_rows(&flow->query) == 0) {
        return ngx_mutt_rule_again(flow);
    }

    ngx_mutt_rule_changed(flow);

    return ngx_mutt_flow_message(flow, NGX_HTTP_OK,
                                 "Rule deleted successfully");
}
