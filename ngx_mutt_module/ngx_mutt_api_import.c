
/*
 * Rules, hosts and teams as one set: exported as text that can be compared
 * line by line, and imported all or nothing, by one statement of PostgreSQL
 * in a transaction that nobody else changes the set in.
 *
 * What is sent may be large, and each pattern is compiled: so it is checked a
 * few milliseconds to a turn of the event loop, and one import at a time.
 */


#include "ngx_mutt_api.h"

#include "core/mutt_time.h"
#include "core/mutt_utf8.h"
#include "domain/mutt_batch.h"
#include "domain/mutt_outline.h"


#define NGX_MUTT_IMPORT_BODY      (16 * 1024 * 1024)
#define NGX_MUTT_IMPORT_TEXT      (48 * 1024 * 1024)
#define NGX_MUTT_IMPORT_TURN      2000                 /* microseconds */
#define NGX_MUTT_IMPORT_PAUSE     1
#define NGX_MUTT_IMPORT_LOOK      (512 * 1024)         /* bytes to a turn */
#define NGX_MUTT_IMPORT_FAULTS    1000
#define NGX_MUTT_IMPORT_TIMEOUT   30500                /* its own comes first */


typedef struct ngx_mutt_import_s  ngx_mutt_import_t;

/* takes an element out of the flow's members, as JSON without its braces */
typedef void (*ngx_mutt_import_pt)(ngx_mutt_flow_t *flow, mutt_buf_t *b);


static void ngx_mutt_import_rule(ngx_mutt_flow_t *flow, mutt_buf_t *b);
static void ngx_mutt_import_host(ngx_mutt_flow_t *flow, mutt_buf_t *b);
static void ngx_mutt_import_team(ngx_mutt_flow_t *flow, mutt_buf_t *b);

static ngx_int_t ngx_mutt_export_select(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_export_answer(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_import_enter(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_import_look(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_import_take(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_import_check(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_import_judge(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_import_begin(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_import_version(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_import_meant(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_import_apply(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_import_applied(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_import_became(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_import_end(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_import_answer(ngx_mutt_flow_t *flow);


static const struct {
    const char          *name;
    ngx_uint_t           max;
    const char          *too_many;
    ngx_mutt_import_pt   take;
} ngx_mutt_import_lists[] = {
    { "rules", 10000, "must be at most 10000", ngx_mutt_import_rule },
    { "dev_hosts", 50000, "must be at most 50000", ngx_mutt_import_host },
    { "teams", 50000, "must be at most 50000", ngx_mutt_import_team },
};

#define NGX_MUTT_IMPORT_LISTS                                                 \
    (sizeof(ngx_mutt_import_lists) / sizeof(ngx_mutt_import_lists[0]))


typedef struct {
    mutt_batch_t       walk;       /* over the elements that were sent */
    mutt_buf_t         text;       /* of those that were checked */
    ngx_uint_t         n;
    ngx_flag_t         given;
} ngx_mutt_import_list_t;


struct ngx_mutt_import_s {
    ngx_mutt_flow_t         *flow;
    ngx_mutt_import_list_t   lists[NGX_MUTT_IMPORT_LISTS];
    ngx_uint_t               list;      /* that is being checked */
    ngx_event_t              event;     /* the next turn */
    mutt_outline_t           outline;   /* of the body */
    mutt_buf_t               faults;
    ngx_uint_t               n_faults;
    ngx_flag_t               replace;
    ngx_flag_t               dry_run;
    ngx_flag_t               stale;     /* it is not the set that was meant */
    ngx_int_t                n_changes;
    const char              *version;
    mutt_str_t               answer;
};


const ngx_mutt_step_t  ngx_mutt_rules_export[] = {
    { "select", ngx_mutt_export_select },
    { "answer", ngx_mutt_export_answer },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_rules_import[] = {
    { "enter", ngx_mutt_import_enter },
    { "body", ngx_mutt_step_body },
    { "look", ngx_mutt_import_look },
    { "take", ngx_mutt_import_take },
    { "check", ngx_mutt_import_check },
    { "judge", ngx_mutt_import_judge },
    { "begin", ngx_mutt_import_begin },
    { "version", ngx_mutt_import_version },
    { "meant", ngx_mutt_import_meant },
    { "apply", ngx_mutt_import_apply },
    { "applied", ngx_mutt_import_applied },
    { "became", ngx_mutt_import_became },
    { "end", ngx_mutt_import_end },
    { "answer", ngx_mutt_import_answer },
    { NULL, NULL }
};


static ngx_flag_t  ngx_mutt_importing;


static ngx_int_t
ngx_mutt_export_select(ngx_mutt_flow_t *flow)
{
    const char  *ids;

    ids = ngx_mutt_parameter_bool(flow, "ids");

    if (ngx_mutt_judge_parameters(flow) != NGX_OK) {
        return NGX_DONE;
    }

    flow->query.values[0] = ids == NULL ? "true" : ids;

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_SET_EXPORT, 1);
}


static ngx_int_t
ngx_mutt_export_answer(ngx_mutt_flow_t *flow)
{
    if (ngx_mutt_tag(flow, ngx_mutt_pg_value(&flow->query, 0, 1).data)
        != NGX_OK)
    {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    return ngx_mutt_step_answer(flow);
}


static void
ngx_mutt_import_leave(void *data)
{
    ngx_mutt_import_t  *import = data;

    ngx_uint_t  i;

    if (import->event.timer_set) {
        ngx_del_timer(&import->event);
    }

    for (i = 0; i < NGX_MUTT_IMPORT_LISTS; i++) {
        mutt_buf_done(&import->lists[i].text);
    }

    mutt_buf_done(&import->faults);
    mutt_outline_done(&import->outline);
    ngx_mutt_free_body(&import->flow->body);
    ngx_mutt_importing = 0;
}


static void
ngx_mutt_import_turn(ngx_event_t *ev)
{
    ngx_mutt_import_t  *import = ev->data;

    ngx_mutt_flow_resume(import->flow);
}


/* Before anything is read: there is memory for one at a time. */
static ngx_int_t
ngx_mutt_import_enter(ngx_mutt_flow_t *flow)
{
    ngx_uint_t          i;
    ngx_mutt_import_t  *import;

    if (ngx_mutt_importing) {
        return ngx_mutt_flow_away(flow, MUTT_API_BUSY);
    }

    import = ngx_pcalloc(flow->request->pool, sizeof(ngx_mutt_import_t));

    if (import == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    for (i = 0; i < NGX_MUTT_IMPORT_LISTS; i++) {
        mutt_buf_init(&import->lists[i].text, NGX_MUTT_IMPORT_TEXT);
    }

    mutt_buf_init(&import->faults, NGX_MUTT_IMPORT_FAULTS * 8192);
    import->flow = flow;
    import->event.handler = ngx_mutt_import_turn;
    import->event.data = import;
    import->event.log = flow->request->connection->log;

    ngx_mutt_importing = 1;
    flow->leave = ngx_mutt_import_leave;
    flow->data = import;
    flow->limit = NGX_MUTT_IMPORT_BODY;
    flow->unread = 1;

    return NGX_OK;
}


static void
ngx_mutt_import_take_list(ngx_mutt_flow_t *flow, ngx_uint_t i)
{
    ngx_mutt_import_t  *import = flow->data;

    ngx_mutt_import_list_t    *list;
    const mutt_json_member_t  *member;

    list = &import->lists[i];
    member = ngx_mutt_member(flow, ngx_mutt_import_lists[i].name);

    if (member == NULL) {
        return;
    }

    list->given = 1;

    if (member->type != MUTT_JSON_ARRAY) {
        ngx_mutt_fault(flow, member->name, "must be a list");
        return;
    }

    (void) mutt_batch_begin(&list->walk, mutt_outline_value(&import->outline,
                                                            member->raw),
                            0);
}


static void
ngx_mutt_import_take_mode(ngx_mutt_flow_t *flow)
{
    ngx_mutt_import_t  *import = flow->data;

    const mutt_json_member_t  *member;

    member = ngx_mutt_member(flow, "mode");

    if (member != NULL) {
        import->replace = mutt_str_eq(member->text, MUTT_STR("replace"));

        if (!import->replace && !mutt_str_eq(member->text, MUTT_STR("merge")))
        {
            ngx_mutt_fault(flow, member->name, "must be merge or replace");
        }
    }

    member = ngx_mutt_member(flow, "dry_run");

    if (member != NULL) {
        import->dry_run = member->raw.data[0] == 't';

        if (member->type != MUTT_JSON_BOOL) {
            ngx_mutt_fault(flow, member->name, "must be true or false");
        }
    }
}


/* Others have their turn before the step goes on. */
static ngx_int_t
ngx_mutt_import_pause(ngx_mutt_flow_t *flow, ngx_mutt_step_pt step)
{
    ngx_mutt_import_t  *import = flow->data;

    ngx_mutt_flow_back(flow, step);
    ngx_add_timer(&import->event, NGX_MUTT_IMPORT_PAUSE);

    return NGX_AGAIN;
}


static ngx_int_t
ngx_mutt_import_look(ngx_mutt_flow_t *flow)
{
    ngx_mutt_import_t  *import = flow->data;

    if (import->outline.body.data == NULL) {
        mutt_outline_begin(&import->outline, ngx_mutt_body_text(&flow->body),
                           NGX_MUTT_API_BODY);
    }

    if (!mutt_outline_step(&import->outline, NGX_MUTT_IMPORT_LOOK)) {
        return ngx_mutt_import_pause(flow, ngx_mutt_import_look);
    }

    return NGX_OK;
}


/* What is sent beside the lists, which are read when they are checked. */
static ngx_int_t
ngx_mutt_import_read(ngx_mutt_flow_t *flow)
{
    ngx_mutt_import_t  *import = flow->data;

    size_t               offset;
    mutt_json_status_t   status;

    if (!mutt_buf_ok(&import->outline.text)
        || import->outline.longest > NGX_MUTT_API_BODY)
    {
        flow->limit = NGX_MUTT_API_BODY;
        return ngx_mutt_flow_too_large(flow);
    }

    status = ngx_mutt_flow_object(flow, mutt_buf_str(&import->outline.text),
                                  &offset);

    if (status == MUTT_JSON_OK) {
        return NGX_OK;
    }

    return ngx_mutt_flow_no_object(flow, status,
                                   mutt_outline_offset(&import->outline,
                                                       offset));
}


static ngx_int_t
ngx_mutt_import_take(ngx_mutt_flow_t *flow)
{
    ngx_mutt_import_t  *import = flow->data;

    ngx_uint_t  i, given;

    static const char *const  known[] = {
        "rules", "dev_hosts", "teams", "mode", "dry_run", "reason", NULL
    };

    if (ngx_mutt_import_read(flow) != NGX_OK) {
        return NGX_DONE;
    }

    given = 0;
    ngx_mutt_refuse_others(flow, known);
    ngx_mutt_import_take_mode(flow);
    ngx_mutt_read_reason(flow);

    if (flow->reason == NULL && !import->dry_run) {
        ngx_mutt_fault_missing(flow, "reason");
    }

    for (i = 0; i < NGX_MUTT_IMPORT_LISTS; i++) {
        ngx_mutt_import_take_list(flow, i);
        given += import->lists[i].given;
    }

    if (given == 0) {
        ngx_mutt_fault(flow, MUTT_STR("rules"),
                       "or dev_hosts or teams is required");
    }

    return ngx_mutt_judge_fields(flow);
}


static void
ngx_mutt_import_add(mutt_buf_t *b, const char *name, const char *value,
    ngx_flag_t text)
{
    if (value == NULL) {
        return;
    }

    mutt_buf_addf(b, ",\"%s\":", name);

    if (text) {
        mutt_buf_add_json(b, mutt_str(value));

    } else {
        mutt_buf_add_str(b, mutt_str(value));
    }
}


/* What a rule may have here that it has not elsewhere, or the other way. */
static void
ngx_mutt_import_rule_id(ngx_mutt_flow_t *flow, mutt_buf_t *b)
{
    const mutt_json_member_t  *member;

    member = ngx_mutt_member(flow, "reason");

    if (member != NULL) {
        ngx_mutt_fault(flow, member->name, "is for all, not for each");
    }

    member = ngx_mutt_member(flow, "deleted_at");

    if (member != NULL && member->type != MUTT_JSON_NULL) {
        ngx_mutt_fault(flow, member->name, "must be null");
    }

    member = ngx_mutt_member(flow, "id");

    if (member != NULL && member->type != MUTT_JSON_NULL) {
        mutt_buf_addf(b, ",\"id\":%ld",
                      (long) ngx_mutt_member_number(flow, "id", 1, 1,
                                                    NGX_MAX_INT32_VALUE));
    }
}


static void
ngx_mutt_import_rule(ngx_mutt_flow_t *flow, mutt_buf_t *b)
{
    ngx_uint_t   i;
    const char  *values[NGX_MUTT_RULE_FIELDS];

    static const struct {
        const char  *name;
        ngx_flag_t   text;
    } fields[NGX_MUTT_RULE_FIELDS] = {
        { "match_string", 1 }, { "trap_oid", 1 }, { "syslog_severity", 0 },
        { "match_type", 1 }, { "priority", 0 }, { "prod_handling", 1 },
        { "dev_handling", 1 }, { "team_assignment", 1 }, { "is_active", 0 },
    };

    ngx_mutt_import_rule_id(flow, b);
    ngx_mutt_rule_take_members(flow, values, 1);

    for (i = 0; i < NGX_MUTT_RULE_FIELDS; i++) {
        ngx_mutt_import_add(b, fields[i].name, values[i], fields[i].text);
    }
}


static void
ngx_mutt_import_host(ngx_mutt_flow_t *flow, mutt_buf_t *b)
{
    static const char *const  known[] = { "hostname", NULL };

    ngx_mutt_refuse_others(flow, known);
    ngx_mutt_import_add(b, "hostname", ngx_mutt_take_host(flow), 1);
}


static void
ngx_mutt_import_team(ngx_mutt_flow_t *flow, mutt_buf_t *b)
{
    static const char *const  known[] = { "hostname", "team_assignment",
                                          NULL };

    ngx_mutt_refuse_others(flow, known);
    ngx_mutt_import_add(b, "hostname", ngx_mutt_take_host(flow), 1);
    ngx_mutt_import_add(b, "team_assignment", ngx_mutt_take_team(flow), 1);
}


static void
ngx_mutt_import_fault(ngx_mutt_import_t *import, const char *list,
    ngx_int_t index, mutt_str_t name, const char *reason)
{
    mutt_buf_t  *b;

    b = &import->faults;

    if (import->n_faults++ >= NGX_MUTT_IMPORT_FAULTS) {
        return;
    }

    mutt_buf_addf(b, ",\"%s", list);

    if (index >= 0) {
        mutt_buf_addf(b, "[%ld]%s", (long) index, name.len > 0 ? "." : "");
    }

    mutt_buf_add_json_part(b, mutt_utf8_head(name, 100));
    MUTT_BUF_LIT(b, "\":");
    mutt_buf_add_json(b, mutt_str(reason));
}


/* Checks one element; what is wrong with it becomes the import's. */
static void
ngx_mutt_import_element(ngx_mutt_flow_t *flow, ngx_mutt_import_list_t *list,
    mutt_str_t element)
{
    ngx_mutt_import_t  *import = flow->data;

    ngx_uint_t   i;
    const char  *name;

    name = ngx_mutt_import_lists[import->list].name;

    if (ngx_mutt_flow_enter(flow, element) != NGX_OK) {
        ngx_mutt_import_fault(import, name, list->n, mutt_str(NULL),
                              "must be an object of few members");
        return;
    }

    mutt_buf_addf(&list->text, "%s{\"i\":%lu", list->n == 0 ? "[" : ",",
                  (unsigned long) list->n);
    ngx_mutt_import_lists[import->list].take(flow, &list->text);
    MUTT_BUF_LIT(&list->text, "}");

    for (i = 0; i < flow->n_faults; i++) {
        ngx_mutt_import_fault(import, name, list->n, flow->faults[i].name,
                              flow->faults[i].reason);
    }

    flow->n_faults = 0;
}


/* Goes on with the list; NGX_AGAIN when its time is up for now. */
static ngx_int_t
ngx_mutt_import_check_list(ngx_mutt_flow_t *flow,
    ngx_mutt_import_list_t *list)
{
    ngx_mutt_import_t  *import = flow->data;

    mutt_str_t   element;
    mutt_usec_t  until;

    until = mutt_time_mono() + NGX_MUTT_IMPORT_TURN;

    while (list->given && mutt_batch_next(&list->walk, &element)) {

        if (list->n == ngx_mutt_import_lists[import->list].max) {
            ngx_mutt_import_fault(import,
                                  ngx_mutt_import_lists[import->list].name,
                                  -1, mutt_str(NULL),
                                  ngx_mutt_import_lists[import->list].too_many);
            return NGX_OK;
        }

        ngx_mutt_import_element(flow, list, element);
        list->n++;

        if (mutt_time_mono() >= until) {
            return NGX_AGAIN;
        }
    }

    if (list->walk.broken) {
        ngx_mutt_import_fault(import, ngx_mutt_import_lists[import->list].name,
                              -1, mutt_str(NULL), "is not strict JSON");
    }

    /* with its NUL it is PostgreSQL's */
    mutt_buf_add(&list->text, list->n == 0 ? "[]" : "]",
                 list->n == 0 ? sizeof("[]") : sizeof("]"));

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_import_check(ngx_mutt_flow_t *flow)
{
    ngx_mutt_import_t  *import = flow->data;

    while (import->list < NGX_MUTT_IMPORT_LISTS) {

        if (ngx_mutt_import_check_list(flow, &import->lists[import->list])
            == NGX_AGAIN)
        {
            return ngx_mutt_import_pause(flow, ngx_mutt_import_check);
        }

        import->list++;
    }

    ngx_mutt_free_body(&flow->body);

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_import_refuse(ngx_mutt_flow_t *flow)
{
    ngx_mutt_import_t  *import = flow->data;

    mutt_buf_t  b;

    mutt_buf_init(&b, import->faults.len + 4096);
    MUTT_BUF_LIT(&b, ",\"fields\":{");
    mutt_buf_add(&b, import->faults.data + 1, import->faults.len - 1);
    mutt_buf_addf(&b, "},\"faults\":%lu", (unsigned long) import->n_faults);

    flow->rc = mutt_buf_ok(&b) && mutt_buf_ok(&import->faults)
               ? ngx_mutt_send_error(flow->request, MUTT_API_VALIDATION_FAILED,
                                     mutt_buf_str(&b))
               : NGX_HTTP_INTERNAL_SERVER_ERROR;

    mutt_buf_done(&b);

    return NGX_DONE;
}


static ngx_int_t
ngx_mutt_import_judge(ngx_mutt_flow_t *flow)
{
    ngx_mutt_import_t  *import = flow->data;

    ngx_uint_t  i;

    if (import->n_faults > 0) {
        return ngx_mutt_import_refuse(flow);
    }

    for (i = 0; i < NGX_MUTT_IMPORT_LISTS; i++) {
        if (!mutt_buf_ok(&import->lists[i].text)) {
            return ngx_mutt_flow_error(flow, MUTT_API_PAYLOAD_TOO_LARGE);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_import_begin(ngx_mutt_flow_t *flow)
{
    ngx_mutt_import_t  *import = flow->data;

    return ngx_mutt_flow_query(flow, import->dry_run
                                     ? MUTT_SQL_TEXT_API_SET_LOOK
                                     : MUTT_SQL_TEXT_API_SET_BEGIN, 0);
}


static ngx_int_t
ngx_mutt_import_version(ngx_mutt_flow_t *flow)
{
    flow->query.timeout = NGX_MUTT_IMPORT_TIMEOUT;

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_SET_VERSION, 0);
}


static ngx_int_t
ngx_mutt_import_meant(ngx_mutt_flow_t *flow)
{
    ngx_mutt_import_t  *import = flow->data;

    import->version = ngx_mutt_flow_text(flow, ngx_mutt_pg_value(&flow->query,
                                                                 0, 0));
    if (import->version == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    import->stale = !ngx_mutt_tag_meant(flow, import->version);

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_import_apply(ngx_mutt_flow_t *flow)
{
    ngx_mutt_import_t  *import = flow->data;

    ngx_uint_t  i;

    if (import->stale) {
        return NGX_OK;
    }

    for (i = 0; i < NGX_MUTT_IMPORT_LISTS; i++) {
        flow->query.values[i] = import->lists[i].given
                                ? import->lists[i].text.data : NULL;
    }

    flow->query.values[i++] = import->replace ? "true" : "false";
    flow->query.values[i++] = import->dry_run ? "false" : "true";
    ngx_mutt_flow_sign(flow, i, ngx_mutt_notice_rules);

    if (import->dry_run) {
        flow->unsure = NULL;
    }

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_SET_IMPORT, i + 3);
}


static ngx_int_t
ngx_mutt_import_applied(ngx_mutt_flow_t *flow)
{
    ngx_mutt_import_t  *import = flow->data;

    if (import->stale) {
        return NGX_OK;
    }

    import->answer = ngx_mutt_pg_value(&flow->query, 0, 0);
    import->n_faults = mutt_str_count(ngx_mutt_pg_value(&flow->query, 0, 1));
    mutt_buf_add_str(&import->faults, ngx_mutt_pg_value(&flow->query, 0, 2));
    import->n_changes = mutt_str_count(ngx_mutt_pg_value(&flow->query, 0, 3));

    if (ngx_mutt_pg_leave(&flow->query, flow->request->pool) != NGX_OK) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    return import->n_changes == 0
           ? NGX_OK
           : ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_SET_VERSION, 0);
}


static ngx_int_t
ngx_mutt_import_became(ngx_mutt_flow_t *flow)
{
    ngx_mutt_import_t  *import = flow->data;

    if (import->n_changes > 0) {
        import->version = ngx_mutt_flow_text(flow,
                              ngx_mutt_pg_value(&flow->query, 0, 0));
    }

    return import->version == NULL
           ? ngx_mutt_flow_error(flow, MUTT_API_INTERNAL) : NGX_OK;
}


static ngx_int_t
ngx_mutt_import_end(ngx_mutt_flow_t *flow)
{
    ngx_mutt_import_t  *import = flow->data;

    return ngx_mutt_flow_query(flow, import->n_changes > 0
                                     ? MUTT_SQL_TEXT_API_SET_COMMIT
                                     : MUTT_SQL_TEXT_API_SET_ROLLBACK, 0);
}


static ngx_int_t
ngx_mutt_import_answer(ngx_mutt_flow_t *flow)
{
    ngx_mutt_import_t  *import = flow->data;

    flow->unsure = NULL;

    if (import->n_changes > 0) {
        ngx_mutt_notice_rules();
    }

    if (ngx_mutt_tag(flow, import->version) != NGX_OK) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    if (import->stale) {
        return ngx_mutt_flow_error(flow, MUTT_API_PRECONDITION_FAILED);
    }

    if (import->n_faults > 0) {
        return ngx_mutt_import_refuse(flow);
    }

    flow->rc = ngx_mutt_send_kept(flow->request, NGX_HTTP_OK,
                                  import->answer);

    return NGX_DONE;
}
