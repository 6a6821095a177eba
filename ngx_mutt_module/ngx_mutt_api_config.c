
/*
 * Live settings: what they are worth and who said so.  PostgreSQL has the
 * stored values; a change is made under a lock of the table, since values
 * have to fit together, and mirrored to Redis when it is committed.
 */


#include "ngx_mutt_api.h"


#define NGX_MUTT_CONFIG_MAX  (256 * 1024)


/* columns of what is stored */
#define NGX_MUTT_STORED_KEY    0
#define NGX_MUTT_STORED_VALUE  1
#define NGX_MUTT_STORED_AT     2
#define NGX_MUTT_STORED_BY     3


typedef struct {
    mutt_setting_t     id;
    const char        *value;      /* to be stored; NULL: none */
    const char        *old;        /* that was stored; NULL: none */
} ngx_mutt_config_edit_t;


static ngx_int_t ngx_mutt_config_select(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_config_show_all(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_config_show_one(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_config_name(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_config_take(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_config_reason(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_config_begin(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_config_judge(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_config_write(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_config_commit(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_config_changed(ngx_mutt_flow_t *flow);


const ngx_mutt_step_t  ngx_mutt_config_list[] = {
    { "select", ngx_mutt_config_select },
    { "answer", ngx_mutt_config_show_all },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_config_show[] = {
    { "name", ngx_mutt_config_name },
    { "select", ngx_mutt_config_select },
    { "answer", ngx_mutt_config_show_one },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_config_set[] = {
    { "name", ngx_mutt_config_name },
    { "body", ngx_mutt_step_body },
    { "take", ngx_mutt_config_take },
    { "begin", ngx_mutt_config_begin },
    { "select", ngx_mutt_config_select },
    { "judge", ngx_mutt_config_judge },
    { "write", ngx_mutt_config_write },
    { "commit", ngx_mutt_config_commit },
    { "answer", ngx_mutt_config_changed },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_config_unset[] = {
    { "name", ngx_mutt_config_name },
    { "body", ngx_mutt_step_optional_body },
    { "take", ngx_mutt_config_reason },
    { "begin", ngx_mutt_config_begin },
    { "select", ngx_mutt_config_select },
    { "judge", ngx_mutt_config_judge },
    { "write", ngx_mutt_config_write },
    { "commit", ngx_mutt_config_commit },
    { "answer", ngx_mutt_config_changed },
    { NULL, NULL }
};


static const mutt_settings_t *
ngx_mutt_config_base(ngx_mutt_flow_t *flow)
{
    ngx_mutt_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(flow->request, ngx_http_mutt_module);

    return mcf->settings;
}


static ngx_int_t
ngx_mutt_config_select(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_CONFIG, 0);
}


/* The row of what is stored for a setting; NGX_ERROR: nothing. */
static ngx_int_t
ngx_mutt_config_row(ngx_mutt_flow_t *flow, mutt_setting_t id)
{
    ngx_uint_t  i;
    mutt_str_t  name;

    name = mutt_str(mutt_setting_rows[id].name);

    for (i = 0; i < ngx_mutt_pg_rows(&flow->query); i++) {
        if (mutt_str_eq(ngx_mutt_pg_value(&flow->query, i,
                                          NGX_MUTT_STORED_KEY), name))
        {
            return i;
        }
    }

    return NGX_ERROR;
}


/* A value as JSON of its type. */
static void
ngx_mutt_write_value(mutt_buf_t *b, const mutt_setting_row_t *row,
    mutt_str_t text)
{
    if (row->type == MUTT_TYPE_INT || row->type == MUTT_TYPE_FLOAT
        || row->type == MUTT_TYPE_BOOL)
    {
        mutt_buf_add_str(b, text);

    } else {
        mutt_buf_add_json(b, text);
    }
}


/* "min..max", or choices with spaces between. */
static void
ngx_mutt_write_range(mutt_buf_t *b, const mutt_setting_row_t *row)
{
    size_t       len;
    const char  *dots, *p;

    dots = strstr(row->range, "..");

    if (dots != NULL) {
        mutt_buf_addf(b, ",\"min\":%.*s,\"max\":%s,\"choices\":null",
                      (int) (dots - row->range), row->range, dots + 2);
        return;
    }

    MUTT_BUF_LIT(b, ",\"min\":null,\"max\":null,\"choices\":");

    if (row->range[0] == '\0') {
        MUTT_BUF_LIT(b, "null");
        return;
    }

    for (p = row->range; *p != '\0'; p += len + (p[len] == ' ')) {
        len = strcspn(p, " ");
        mutt_buf_addf(b, "%s\"%.*s\"", p == row->range ? "[" : ",", (int) len,
                      p);
    }

    MUTT_BUF_LIT(b, "]");
}


static void
ngx_mutt_write_reader(mutt_buf_t *b, const mutt_setting_row_t *row)
{
    ngx_uint_t   i;
    const char  *comma;

    static const struct {
        unsigned     flag;
        const char  *name;
    } readers[] = {
        { MUTT_S_MODULE,      "ingest" },
        { MUTT_S_ALERTER,     "alerter" },
        { MUTT_S_FORWARDER,   "forwarder" },
        { MUTT_S_REMEDIATION, "remediation" },
        { MUTT_S_RETENTION,   "retention" },
    };

    comma = "";
    MUTT_BUF_LIT(b, ",\"reader\":\"");

    for (i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (row->flags & readers[i].flag) {
            mutt_buf_addf(b, "%s%s", comma, readers[i].name);
            comma = ", ";
        }
    }

    MUTT_BUF_LIT(b, "\"");
}


/* The effective value as text: what is stored, else the environment's. */
static mutt_str_t
ngx_mutt_config_value(ngx_mutt_flow_t *flow, mutt_setting_t id,
    char out[MUTT_SETTING_TEXT])
{
    ngx_int_t  n;

    n = ngx_mutt_config_row(flow, id);

    if (n == NGX_ERROR
        || mutt_settings_normal(id, ngx_mutt_pg_value(&flow->query, n,
                                                      NGX_MUTT_STORED_VALUE),
                                out, NULL) != MUTT_OK)
    {
        mutt_settings_print(ngx_mutt_config_base(flow), id, out);
    }

    return mutt_str(out);
}


static void
ngx_mutt_write_stored(mutt_buf_t *b, ngx_mutt_flow_t *flow, ngx_int_t n)
{
    mutt_str_t  by;

    if (n == NGX_ERROR) {
        MUTT_BUF_LIT(b, ",\"is_default\":true,\"updated_at\":null,"
                     "\"updated_by\":null}");
        return;
    }

    by = ngx_mutt_pg_value(&flow->query, n, NGX_MUTT_STORED_BY);
    mutt_buf_addf(b, ",\"is_default\":false,\"updated_at\":\"%s\","
                  "\"updated_by\":",
                  ngx_mutt_pg_value(&flow->query, n, NGX_MUTT_STORED_AT).data);
    mutt_buf_add_json(b, by);
    MUTT_BUF_LIT(b, "}");
}


static void
ngx_mutt_write_entry(mutt_buf_t *b, ngx_mutt_flow_t *flow, mutt_setting_t id)
{
    char                       value[MUTT_SETTING_TEXT];
    const mutt_setting_row_t  *row;

    static const char *const  types[] = {
        [MUTT_TYPE_INT] = "int", [MUTT_TYPE_FLOAT] = "float",
        [MUTT_TYPE_BOOL] = "bool", [MUTT_TYPE_ENUM] = "enum",
        [MUTT_TYPE_TEXT] = "text", [MUTT_TYPE_SECRET] = "secret",
    };

    row = &mutt_setting_rows[id];

    mutt_buf_addf(b, "{\"key\":\"%s\",\"value\":", row->name);
    ngx_mutt_write_value(b, row, ngx_mutt_config_value(flow, id, value));
    MUTT_BUF_LIT(b, ",\"default\":");
    ngx_mutt_write_value(b, row, mutt_str(row->def));
    mutt_buf_addf(b, ",\"type\":\"%s\",\"unit\":", types[row->type]);

    if (row->unit[0] == '\0') {
        MUTT_BUF_LIT(b, "null");

    } else {
        mutt_buf_add_json(b, mutt_str(row->unit));
    }

    ngx_mutt_write_range(b, row);
    ngx_mutt_write_reader(b, row);
    MUTT_BUF_LIT(b, ",\"description\":");
    mutt_buf_add_json(b, mutt_str(row->help));
    ngx_mutt_write_stored(b, flow, ngx_mutt_config_row(flow, id));
}


static ngx_int_t
ngx_mutt_config_show_all(ngx_mutt_flow_t *flow)
{
    char                   value[MUTT_SETTING_TEXT];
    size_t                 i, n;
    mutt_buf_t             b;
    const mutt_setting_t  *live;

    live = mutt_settings_live(&n);
    mutt_buf_init(&b, NGX_MUTT_CONFIG_MAX);
    MUTT_BUF_LIT(&b, "{\"config\":{");

    for (i = 0; i < n; i++) {
        mutt_buf_addf(&b, "%s\"%s\":", i == 0 ? "" : ",",
                      mutt_setting_rows[live[i]].name);
        mutt_buf_add_json(&b, ngx_mutt_config_value(flow, live[i], value));
    }

    MUTT_BUF_LIT(&b, "},\"entries\":[");

    for (i = 0; i < n; i++) {
        mutt_buf_addf(&b, "%s", i == 0 ? "" : ",");
        ngx_mutt_write_entry(&b, flow, live[i]);
    }

    MUTT_BUF_LIT(&b, "]}\n");

    return ngx_mutt_flow_answer(flow, NGX_HTTP_OK, &b);
}


static ngx_int_t
ngx_mutt_config_name(ngx_mutt_flow_t *flow)
{
    ngx_mutt_config_edit_t  *edit;

    edit = ngx_pcalloc(flow->request->pool, sizeof(ngx_mutt_config_edit_t));

    if (edit == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    edit->id = ngx_mutt_find_setting((mutt_str_t) {
                                     (char *) flow->ctx->params[0].data,
                                     flow->ctx->params[0].len });
    flow->data = edit;

    return edit->id == MUTT_SETTING_COUNT
           ? ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND) : NGX_OK;
}


static ngx_int_t
ngx_mutt_config_show_one(ngx_mutt_flow_t *flow)
{
    ngx_mutt_config_edit_t  *edit = flow->data;

    mutt_buf_t  b;

    mutt_buf_init(&b, NGX_MUTT_CONFIG_MAX);
    ngx_mutt_write_entry(&b, flow, edit->id);
    MUTT_BUF_LIT(&b, "\n");

    return ngx_mutt_flow_answer(flow, NGX_HTTP_OK, &b);
}


/* Takes the value as its own type or as text. */
static void
ngx_mutt_config_take_value(ngx_mutt_flow_t *flow, ngx_mutt_config_edit_t *edit)
{
    char                       out[MUTT_SETTING_TEXT];
    mutt_err_t                 err;
    mutt_rc_t                  rc;
    const mutt_json_member_t  *member;

    member = ngx_mutt_member(flow, "value");

    if (member == NULL) {
        ngx_mutt_fault_missing(flow, "value");
        return;
    }

    rc = mutt_settings_normal(edit->id, member->type == MUTT_JSON_STRING
                                        ? member->text : member->raw,
                              out, &err);

    if (rc != MUTT_OK) {
        ngx_mutt_fault(flow, member->name,
                       ngx_mutt_flow_text(flow, mutt_str(err.text)));
        return;
    }

    edit->value = ngx_mutt_flow_text(flow, mutt_str(out));
}


static ngx_int_t
ngx_mutt_config_take(ngx_mutt_flow_t *flow)
{
    static const char *const  known[] = { "value", "reason", NULL };

    ngx_mutt_config_take_value(flow, flow->data);
    ngx_mutt_refuse_others(flow, known);
    ngx_mutt_read_reason(flow);

    return ngx_mutt_judge_fields(flow);
}


static ngx_int_t
ngx_mutt_config_reason(ngx_mutt_flow_t *flow)
{
    static const char *const  known[] = { "reason", NULL };

    ngx_mutt_refuse_others(flow, known);
    ngx_mutt_read_reason(flow);

    return ngx_mutt_judge_fields(flow);
}


static ngx_int_t
ngx_mutt_config_begin(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_CONFIG_BEGIN, 0);
}


/* Whether all values fit together with this one; NULL: out of memory. */
static mutt_settings_t *
ngx_mutt_config_apply(ngx_mutt_flow_t *flow, ngx_mutt_config_edit_t *edit)
{
    size_t                 i, n, bad;
    ngx_int_t              row;
    mutt_str_t             values[MUTT_SETTING_COUNT];
    const mutt_setting_t  *live;

    live = mutt_settings_live(&n);
    bad = 0;

    for (i = 0; i < n; i++) {
        row = ngx_mutt_config_row(flow, live[i]);
        values[i] = row == NGX_ERROR
                    ? (mutt_str_t) { NULL, 0 }
                    : ngx_mutt_pg_value(&flow->query, row,
                                        NGX_MUTT_STORED_VALUE);

        if (live[i] == edit->id) {
            values[i] = edit->value == NULL ? (mutt_str_t) { NULL, 0 }
                                            : mutt_str(edit->value);
        }
    }

    return mutt_settings_apply(ngx_mutt_config_base(flow), values, &bad);
}


static ngx_int_t
ngx_mutt_config_judge(ngx_mutt_flow_t *flow)
{
    ngx_mutt_config_edit_t  *edit = flow->data;

    mutt_rc_t         rc;
    ngx_int_t         row;
    mutt_err_t        err;
    mutt_settings_t  *s;

    row = ngx_mutt_config_row(flow, edit->id);

    if (row != NGX_ERROR) {
        edit->old = ngx_mutt_flow_text(flow,
                        ngx_mutt_pg_value(&flow->query, row,
                                          NGX_MUTT_STORED_VALUE));
    }

    s = ngx_mutt_config_apply(flow, edit);

    if (s == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    rc = mutt_settings_fit(s, &err);
    mutt_settings_destroy(s);

    if (rc == MUTT_OK) {
        return NGX_OK;
    }

    /* the lock ends with the connection, whenever the client reads this */
    ngx_mutt_pg_release(&flow->query);
    ngx_mutt_fault(flow, MUTT_STR("value"),
                   ngx_mutt_flow_text(flow, mutt_str(err.text)));

    return ngx_mutt_judge_fields(flow);
}


static ngx_int_t
ngx_mutt_config_write(ngx_mutt_flow_t *flow)
{
    ngx_mutt_config_edit_t  *edit = flow->data;

    flow->query.values[0] = mutt_setting_rows[edit->id].name;

    if (edit->value == NULL) {
        ngx_mutt_flow_sign(flow, 1, ngx_mutt_mirror_soon);

        return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_CONFIG_UNSET, 4);
    }

    flow->query.values[1] = edit->value;
    ngx_mutt_flow_sign(flow, 2, ngx_mutt_mirror_soon);

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_CONFIG_SET, 5);
}


static ngx_int_t
ngx_mutt_config_commit(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_COMMIT, 0);
}


static ngx_int_t
ngx_mutt_config_changed(ngx_mutt_flow_t *flow)
{
    ngx_mutt_config_edit_t  *edit = flow->data;

    char        value[MUTT_SETTING_TEXT];
    mutt_buf_t  b;

    flow->unsure = NULL;
    ngx_mutt_mirror(edit->id, edit->value);

    mutt_settings_print(ngx_mutt_config_base(flow), edit->id, value);
    mutt_buf_init(&b, 4096);
    mutt_buf_addf(&b, "{\"key\":\"%s\",\"old_value\":",
                  mutt_setting_rows[edit->id].name);

    if (edit->old == NULL) {
        MUTT_BUF_LIT(&b, "null");

    } else {
        mutt_buf_add_json(&b, mutt_str(edit->old));
    }

    MUTT_BUF_LIT(&b, ",\"new_value\":");
    mutt_buf_add_json(&b, mutt_str(edit->value == NULL ? value
                                                       : edit->value));
    MUTT_BUF_LIT(&b, "}\n");

    return ngx_mutt_flow_answer(flow, NGX_HTTP_OK, &b);
}
