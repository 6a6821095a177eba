
/*
 * Development hosts and the teams of devices.  Hosts are the same in any
 * case of letters; a route differs from the next by a row of the table below.
 */


#include "ngx_mutt_api.h"

#include "core/mutt_utf8.h"
#include "domain/mutt_rule.h"


#define NGX_MUTT_HOSTS_MAX      1000
#define NGX_MUTT_HOSTNAME_MAX   255


typedef struct {
    const ngx_mutt_step_t  *steps;      /* of the route */
    mutt_sql_t              statement;
    ngx_flag_t              host;       /* in the body, else in the path */
    ngx_flag_t              team;
    ngx_uint_t              status;
    const char             *message;
    mutt_api_code_t         otherwise;  /* when nothing was changed */
} ngx_mutt_host_change_t;


/* what goes to the statement */
typedef struct {
    const ngx_mutt_host_change_t  *change;
    const char                    *host;
    const char                    *team;
} ngx_mutt_host_edit_t;


static ngx_int_t ngx_mutt_hosts_select(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_teams_select(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_host_change(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_host_changed(ngx_mutt_flow_t *flow);


const ngx_mutt_step_t  ngx_mutt_hosts_list[] = {
    { "select", ngx_mutt_hosts_select },
    { "answer", ngx_mutt_step_answer },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_hosts_create[] = {
    { "body", ngx_mutt_step_body },
    { "change", ngx_mutt_host_change },
    { "answer", ngx_mutt_host_changed },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_hosts_delete[] = {
    { "body", ngx_mutt_step_optional_body },
    { "change", ngx_mutt_host_change },
    { "answer", ngx_mutt_host_changed },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_teams_list[] = {
    { "select", ngx_mutt_teams_select },
    { "answer", ngx_mutt_step_answer },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_teams_create[] = {
    { "body", ngx_mutt_step_body },
    { "change", ngx_mutt_host_change },
    { "answer", ngx_mutt_host_changed },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_teams_update[] = {
    { "body", ngx_mutt_step_body },
    { "change", ngx_mutt_host_change },
    { "answer", ngx_mutt_host_changed },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_teams_delete[] = {
    { "body", ngx_mutt_step_optional_body },
    { "change", ngx_mutt_host_change },
    { "answer", ngx_mutt_host_changed },
    { NULL, NULL }
};


static const ngx_mutt_host_change_t  ngx_mutt_host_changes[] = {

    { ngx_mutt_hosts_create, MUTT_SQL_TEXT_API_HOST_INSERT, 1, 0,
      NGX_HTTP_CREATED, "Dev host added successfully", MUTT_API_CONFLICT },

    { ngx_mutt_hosts_delete, MUTT_SQL_TEXT_API_HOST_DELETE, 0, 0,
      NGX_HTTP_OK, "Dev host deleted successfully", MUTT_API_NOT_FOUND },

    { ngx_mutt_teams_create, MUTT_SQL_TEXT_API_TEAM_INSERT, 1, 1,
      NGX_HTTP_CREATED, "Team mapping added successfully",
      MUTT_API_CONFLICT },

    { ngx_mutt_teams_update, MUTT_SQL_TEXT_API_TEAM_UPDATE, 0, 1,
      NGX_HTTP_OK, "Team mapping updated successfully", MUTT_API_NOT_FOUND },

    { ngx_mutt_teams_delete, MUTT_SQL_TEXT_API_TEAM_DELETE, 0, 0,
      NGX_HTTP_OK, "Team mapping deleted successfully", MUTT_API_NOT_FOUND }
};


static ngx_int_t
ngx_mutt_hosts_select(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_flow_page(flow, MUTT_SQL_TEXT_API_HOSTS,
                              NGX_MUTT_HOSTS_MAX);
}


static ngx_int_t
ngx_mutt_teams_select(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_flow_page(flow, MUTT_SQL_TEXT_API_TEAMS,
                              NGX_MUTT_HOSTS_MAX);
}


/* As ingest takes hostnames, and fit for a path. */
static ngx_flag_t
ngx_mutt_is_hostname(mutt_str_t name)
{
    size_t  i;

    if (name.len == 0 || name.len > NGX_MUTT_HOSTNAME_MAX
        || ngx_mutt_is_dots(name) || !mutt_utf8_valid(name))
    {
        return 0;
    }

    for (i = 0; i < name.len; i++) {
        if ((u_char) name.data[i] < 0x20 || name.data[i] == 0x7f
            || name.data[i] == '/')
        {
            return 0;
        }
    }

    return 1;
}


const char *
ngx_mutt_take_host(ngx_mutt_flow_t *flow)
{
    mutt_str_t                 name;
    const mutt_json_member_t  *member;

    member = ngx_mutt_member(flow, "hostname");

    if (member == NULL) {
        ngx_mutt_fault_missing(flow, "hostname");
        return NULL;
    }

    name = mutt_str_trim(member->text);

    if (member->type != MUTT_JSON_STRING || !ngx_mutt_is_hostname(name)) {
        ngx_mutt_fault(flow, member->name,
                       "must be text of 1 to 255 bytes without control "
                       "characters and slashes, and more than dots");
        return NULL;
    }

    return ngx_mutt_flow_text(flow, name);
}


const char *
ngx_mutt_take_team(ngx_mutt_flow_t *flow)
{
    const mutt_json_member_t  *member;

    member = ngx_mutt_member(flow, "team_assignment");

    if (member == NULL) {
        ngx_mutt_fault_missing(flow, "team_assignment");
        return NULL;
    }

    return ngx_mutt_member_text(flow, member, MUTT_RULE_TEAM_MAX);
}


static void
ngx_mutt_take_edit(ngx_mutt_flow_t *flow, ngx_mutt_host_edit_t *edit)
{
    ngx_uint_t   n;
    const char  *known[4];

    n = 0;
    known[n++] = "reason";

    if (edit->change->host) {
        known[n++] = "hostname";
        edit->host = ngx_mutt_take_host(flow);

    } else {
        edit->host = ngx_mutt_path_text(flow);
    }

    if (edit->change->team) {
        known[n++] = "team_assignment";
        edit->team = ngx_mutt_take_team(flow);
    }

    known[n] = NULL;
    ngx_mutt_refuse_others(flow, known);
    ngx_mutt_read_reason(flow);
}


static ngx_int_t
ngx_mutt_host_change(ngx_mutt_flow_t *flow)
{
    ngx_uint_t                     n;
    ngx_mutt_host_edit_t          *edit;
    const ngx_mutt_host_change_t  *change;

    change = ngx_mutt_host_changes;

    while (change->steps != flow->ctx->route->steps) {
        change++;
    }

    edit = ngx_pcalloc(flow->request->pool, sizeof(ngx_mutt_host_edit_t));

    if (edit == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    edit->change = change;
    flow->data = edit;
    ngx_mutt_take_edit(flow, edit);

    if (ngx_mutt_judge_fields(flow) != NGX_OK) {
        return NGX_DONE;
    }

    if (edit->host == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
    }

    n = 0;
    flow->query.values[n++] = edit->host;

    if (change->team) {
        flow->query.values[n++] = edit->team;
    }

    ngx_mutt_flow_sign(flow, n, ngx_mutt_notice_rules);

    return ngx_mutt_flow_query(flow, change->statement, n + 3);
}


static ngx_int_t
ngx_mutt_host_changed(ngx_mutt_flow_t *flow)
{
    ngx_mutt_host_edit_t  *edit = flow->data;

    flow->unsure = NULL;

    if (ngx_mutt_pg_rows(&flow->query) > 0) {
        ngx_mutt_notice_rules();
        return ngx_mutt_flow_message(flow, edit->change->status,
                                     edit->change->message);
    }

    return edit->change->otherwise == MUTT_API_CONFLICT
           ? ngx_mutt_flow_error_text(flow, MUTT_API_CONFLICT,
                                      "Hostname already exists")
           : ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
}
