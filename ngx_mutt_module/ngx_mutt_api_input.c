
/* What comes with a request to the management API, checked field by field. */


#include "ngx_mutt_api.h"

#include <jansson.h>

#include "core/mutt_time.h"
#include "core/mutt_utf8.h"


#define NGX_MUTT_PAGE_MAX    1000000000
#define NGX_MUTT_REASON_MAX  1000
#define NGX_MUTT_TEXT_MAX    200


void
ngx_mutt_fault(ngx_mutt_flow_t *flow, mutt_str_t name, const char *reason)
{
    ngx_uint_t  i;

    for (i = 0; i < flow->n_faults; i++) {
        if (mutt_str_eq(flow->faults[i].name, name)) {
            return;
        }
    }

    if (flow->n_faults < NGX_MUTT_FAULTS) {
        flow->faults[flow->n_faults].name = name;
        flow->faults[flow->n_faults++].reason = reason;
    }
}


void
ngx_mutt_fault_missing(ngx_mutt_flow_t *flow, const char *name)
{
    ngx_uint_t  n;

    n = flow->n_faults;
    ngx_mutt_fault(flow, mutt_str(name), "is required");

    if (flow->n_faults > n) {
        flow->faults[n].missing = 1;
    }
}


static ngx_int_t
ngx_mutt_judge(ngx_mutt_flow_t *flow, mutt_api_code_t code)
{
    mutt_buf_t   b;
    ngx_uint_t   i;
    const char  *comma;

    if (flow->n_faults == 0) {
        return NGX_OK;
    }

    mutt_buf_init(&b, NGX_MUTT_FAULTS * 8192);
    MUTT_BUF_LIT(&b, ",\"fields\":{");

    for (i = 0; i < flow->n_faults; i++) {
        mutt_buf_addf(&b, "%s", i == 0 ? "" : ",");
        mutt_buf_add_json(&b, mutt_utf8_head(flow->faults[i].name, 100));
        MUTT_BUF_LIT(&b, ":");
        mutt_buf_add_json(&b, mutt_str(flow->faults[i].reason));
    }

    MUTT_BUF_LIT(&b, "}");
    comma = ",\"missing_fields\":[";

    for (i = 0; i < flow->n_faults; i++) {
        if (flow->faults[i].missing) {
            mutt_buf_addf(&b, "%s", comma);
            mutt_buf_add_json(&b, flow->faults[i].name);
            comma = ",";
        }
    }

    mutt_buf_addf(&b, "%s", comma[1] == '\0' ? "]" : "");

    flow->rc = mutt_buf_ok(&b)
               ? ngx_mutt_send_error(flow->request, code, mutt_buf_str(&b))
               : NGX_HTTP_INTERNAL_SERVER_ERROR;

    mutt_buf_done(&b);

    return NGX_DONE;
}


ngx_int_t
ngx_mutt_judge_fields(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_judge(flow, MUTT_API_VALIDATION_FAILED);
}


ngx_int_t
ngx_mutt_judge_parameters(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_judge(flow, MUTT_API_INVALID_PARAMETER);
}


/* Whether text can be one of PostgreSQL's. */
static ngx_flag_t
ngx_mutt_is_text(mutt_str_t text)
{
    return memchr(text.data, '\0', text.len) == NULL && mutt_utf8_valid(text);
}


mutt_str_t
ngx_mutt_parameter(ngx_mutt_flow_t *flow, const char *name)
{
    u_char      *src, *dst, *p;
    ngx_str_t    arg;
    mutt_str_t   text;

    text = (mutt_str_t) { NULL, 0 };

    if (ngx_http_arg(flow->request, (u_char *) name, ngx_strlen(name), &arg)
        != NGX_OK)
    {
        return text;
    }

    p = ngx_pnalloc(flow->request->pool, arg.len + 1);

    if (p == NULL) {
        ngx_mutt_fault(flow, mutt_str(name), "out of memory");
        return text;
    }

    ngx_memcpy(p, arg.data, arg.len);

    for (src = p; src < p + arg.len; src++) {
        *src = *src == '+' ? ' ' : *src;
    }

    src = p;
    dst = p;
    ngx_unescape_uri(&dst, &src, arg.len, 0);
    *dst = '\0';

    text.data = (char *) p;
    text.len = dst - p;

    if (!ngx_mutt_is_text(text)) {
        ngx_mutt_fault(flow, mutt_str(name), "is not UTF-8 text");
        return (mutt_str_t) { NULL, 0 };
    }

    return text;
}


const char *
ngx_mutt_parameter_text(ngx_mutt_flow_t *flow, const char *name)
{
    return ngx_mutt_parameter(flow, name).data;
}


const char *
ngx_mutt_parameter_bool(ngx_mutt_flow_t *flow, const char *name)
{
    mutt_str_t  text;

    text = ngx_mutt_parameter(flow, name);

    if (text.data == NULL) {
        return NULL;
    }

    if (mutt_str_eq_nocase(text, MUTT_STR("true"))
        || mutt_str_eq(text, MUTT_STR("1")))
    {
        return "true";
    }

    if (mutt_str_eq_nocase(text, MUTT_STR("false"))
        || mutt_str_eq(text, MUTT_STR("0")))
    {
        return "false";
    }

    ngx_mutt_fault(flow, mutt_str(name), "must be true or false");

    return NULL;
}


/* The whole number text is in digits alone, from min to max; -1 otherwise. */
static ngx_int_t
ngx_mutt_number(mutt_str_t text, ngx_int_t min, ngx_int_t max)
{
    ngx_int_t  n;

    n = text.len > 10 ? NGX_ERROR : ngx_atoi((u_char *) text.data, text.len);

    return n >= min && n <= max ? n : NGX_ERROR;
}


const char *
ngx_mutt_parameter_int(ngx_mutt_flow_t *flow, const char *name)
{
    mutt_str_t  text;

    text = ngx_mutt_parameter(flow, name);

    if (text.data != NULL
        && ngx_mutt_number(text, 0, NGX_MAX_INT32_VALUE) == NGX_ERROR)
    {
        ngx_mutt_fault(flow, mutt_str(name), "must be a whole number");
        return NULL;
    }

    return text.data;
}


const char *
ngx_mutt_parameter_time(ngx_mutt_flow_t *flow, const char *name)
{
    char         at[MUTT_TIME_LEN + 1];
    mutt_str_t   text;
    mutt_usec_t  when;

    text = ngx_mutt_parameter(flow, name);

    if (text.data == NULL) {
        return NULL;
    }

    /* a date alone is all of that day */
    if (text.len == sizeof("2026-01-01") - 1) {
        (void) snprintf(at, sizeof(at), "%s%s", text.data,
                        ngx_strncmp(name, "end", 3) == 0
                        ? "T23:59:59.999999Z" : "T00:00:00Z");
        text = mutt_str(ngx_mutt_flow_text(flow, mutt_str(at)));
    }

    if (!mutt_time_parse(text, &when)) {
        ngx_mutt_fault(flow, mutt_str(name),
                       "must be an RFC 3339 date or date-time");
        return NULL;
    }

    mutt_time_format(when, at);

    return ngx_mutt_flow_text(flow, mutt_str(at));
}


/* The number text is; where it is none, that is noted. */
static ngx_int_t
ngx_mutt_take_number(ngx_mutt_flow_t *flow, const char *name, mutt_str_t text,
    ngx_int_t min, ngx_int_t max)
{
    char       reason[64];
    ngx_int_t  n;

    n = ngx_mutt_number(text, min, max);

    if (n == NGX_ERROR) {
        (void) snprintf(reason, sizeof(reason), "must be %ld to %ld",
                        (long) min, (long) max);
        ngx_mutt_fault(flow, mutt_str(name),
                       ngx_mutt_flow_text(flow, mutt_str(reason)));
        return min;
    }

    return n;
}


ngx_int_t
ngx_mutt_parameter_number(ngx_mutt_flow_t *flow, const char *name,
    ngx_int_t otherwise, ngx_int_t min, ngx_int_t max)
{
    mutt_str_t  text;

    text = ngx_mutt_parameter(flow, name);

    return text.data == NULL
           ? otherwise : ngx_mutt_take_number(flow, name, text, min, max);
}


ngx_int_t
ngx_mutt_member_number(ngx_mutt_flow_t *flow, const char *name,
    ngx_int_t otherwise, ngx_int_t min, ngx_int_t max)
{
    const mutt_json_member_t  *member;

    member = ngx_mutt_member(flow, name);

    return member == NULL || member->type == MUTT_JSON_NULL
           ? otherwise
           : ngx_mutt_take_number(flow, name, member->raw, min, max);
}


void
ngx_mutt_read_paging(ngx_mutt_flow_t *flow, ngx_int_t limit, ngx_int_t max)
{
    ngx_mutt_paging_t  *p;

    p = &flow->paging;
    p->n_page = ngx_mutt_parameter_number(flow, "page", 1, 1,
                                          NGX_MUTT_PAGE_MAX);
    p->n_limit = ngx_mutt_parameter_number(flow, "limit", limit, 1, max);

    (void) snprintf(p->page, sizeof(p->page), "%ld", (long) p->n_page);
    (void) snprintf(p->limit, sizeof(p->limit), "%ld", (long) p->n_limit);
    (void) snprintf(p->offset, sizeof(p->offset), "%lld",
                    (long long) (p->n_page - 1) * p->n_limit);
}


ngx_int_t
ngx_mutt_flow_page(ngx_mutt_flow_t *flow, mutt_sql_t statement, ngx_int_t max)
{
    ngx_mutt_read_paging(flow, max, max);

    if (ngx_mutt_judge_parameters(flow) != NGX_OK) {
        return NGX_DONE;
    }

    flow->query.values[0] = flow->paging.limit;
    flow->query.values[1] = flow->paging.offset;
    flow->query.values[2] = flow->paging.page;

    return ngx_mutt_flow_query(flow, statement, 3);
}


void
ngx_mutt_read_cursor(ngx_mutt_flow_t *flow)
{
    char        *dot;
    mutt_str_t   text;

    text = ngx_mutt_parameter(flow, "cursor");

    if (text.data == NULL) {
        return;
    }

    dot = strchr(text.data, '.');

    if (dot == NULL || text.len > 38 || dot == text.data || dot[1] == '\0'
        || dot - text.data > 18 || text.data + text.len - dot > 19
        || strspn(text.data, "0123456789") != (size_t) (dot - text.data)
        || strspn(dot + 1, "0123456789") != ngx_strlen(dot + 1))
    {
        ngx_mutt_fault(flow, MUTT_STR("cursor"), "is none of this list");
        return;
    }

    *dot = '\0';
    flow->paging.at = text.data;
    flow->paging.id = dot + 1;
    (void) snprintf(flow->paging.offset, sizeof(flow->paging.offset), "0");
}


const mutt_json_member_t *
ngx_mutt_member(ngx_mutt_flow_t *flow, const char *name)
{
    size_t  i;

    for (i = 0; i < flow->n_members; i++) {
        if (mutt_str_eq(flow->members[i].name, mutt_str(name))) {
            return &flow->members[i];
        }
    }

    return NULL;
}


const char *
ngx_mutt_member_text(ngx_mutt_flow_t *flow, const mutt_json_member_t *member,
    ngx_uint_t max)
{
    char        reason[64];
    mutt_str_t  name;

    if (member->type == MUTT_JSON_STRING && member->text.len > 0
        && ngx_mutt_is_text(member->text)
        && mutt_utf8_head(member->text, max).len == member->text.len)
    {
        return ngx_mutt_flow_text(flow, member->text);
    }

    name = member->name;
    (void) snprintf(reason, sizeof(reason),
                    "must be text of 1 to %lu characters",
                    (unsigned long) max);
    ngx_mutt_fault(flow, name, ngx_mutt_flow_text(flow, mutt_str(reason)));

    return NULL;
}


static ngx_int_t
ngx_mutt_add_text(ngx_mutt_flow_t *flow, ngx_array_t *texts, json_t *value)
{
    mutt_str_t  text, *copy;

    text.data = json_string_value(value);
    text.len = json_string_length(value);

    if (text.len == 0 || text.len > NGX_MUTT_TEXT_MAX
        || !ngx_mutt_is_text(text))
    {
        return NGX_DECLINED;
    }

    copy = ngx_array_push(texts);

    if (copy == NULL) {
        return NGX_ERROR;
    }

    copy->data = ngx_mutt_flow_text(flow, text);
    copy->len = text.len;

    return copy->data == NULL ? NGX_ERROR : NGX_OK;
}


ngx_array_t *
ngx_mutt_member_texts(ngx_mutt_flow_t *flow, const mutt_json_member_t *member,
    ngx_uint_t max)
{
    char          reason[96];
    size_t        i, n;
    json_t       *list;
    ngx_int_t     rc;
    ngx_array_t  *texts;

    list = json_loadb(member->raw.data, member->raw.len, JSON_DECODE_ANY,
                      NULL);
    n = json_array_size(list);
    texts = ngx_array_create(flow->request->pool, n + 1, sizeof(mutt_str_t));
    rc = texts == NULL || n == 0 || n > max ? NGX_DECLINED : NGX_OK;

    for (i = 0; i < n && rc == NGX_OK; i++) {
        rc = ngx_mutt_add_text(flow, texts, json_array_get(list, i));
    }

    json_decref(list);

    if (rc == NGX_OK) {
        return texts;
    }

    (void) snprintf(reason, sizeof(reason),
                    "must be a list of 1 to %lu texts of 1 to %d bytes",
                    (unsigned long) max, NGX_MUTT_TEXT_MAX);
    ngx_mutt_fault(flow, member->name,
                   ngx_mutt_flow_text(flow, mutt_str(reason)));

    return NULL;
}


void
ngx_mutt_read_reason(ngx_mutt_flow_t *flow)
{
    const mutt_json_member_t  *member;

    member = ngx_mutt_member(flow, "reason");

    if (member != NULL && member->type != MUTT_JSON_NULL) {
        flow->reason = ngx_mutt_member_text(flow, member,
                                            NGX_MUTT_REASON_MAX);
    }
}


void
ngx_mutt_refuse_others(ngx_mutt_flow_t *flow, const char *const *known)
{
    size_t              i;
    const char *const  *name;

    for (i = 0; i < flow->n_members; i++) {

        for (name = known; *name != NULL; name++) {
            if (mutt_str_eq(flow->members[i].name, mutt_str(*name))) {
                break;
            }
        }

        if (*name == NULL) {
            ngx_mutt_fault(flow, flow->members[i].name, "is not known");
        }
    }
}


ngx_flag_t
ngx_mutt_is_dots(mutt_str_t name)
{
    return mutt_str_eq(name, MUTT_STR("."))
           || mutt_str_eq(name, MUTT_STR(".."));
}


const char *
ngx_mutt_path_text(ngx_mutt_flow_t *flow)
{
    mutt_str_t  text;

    text.data = (char *) flow->ctx->params[0].data;
    text.len = flow->ctx->params[0].len;

    return ngx_mutt_is_text(text) ? ngx_mutt_flow_text(flow, text) : NULL;
}


ngx_int_t
ngx_mutt_tag(ngx_mutt_flow_t *flow, const char *version)
{
    char       text[32];
    ngx_str_t  value;

    (void) snprintf(text, sizeof(text), "\"%s\"", version);
    value.data = (u_char *) ngx_mutt_flow_text(flow, mutt_str(text));
    value.len = ngx_strlen(text);

    return value.data == NULL ? NGX_ERROR
           : ngx_mutt_add_header(flow->request, "ETag", &value);
}


ngx_flag_t
ngx_mutt_tag_meant(ngx_mutt_flow_t *flow, const char *version)
{
    char          tag[32];
    size_t        len;
    u_char       *p, *last;
    ngx_str_t    *sent;

    sent = ngx_mutt_find_header(flow->request, "if-match", NULL);

    if (sent == NULL || (sent->len == 1 && sent->data[0] == '*')) {
        return 1;
    }

    len = snprintf(tag, sizeof(tag), "\"%s\"", version);
    last = sent->data + sent->len;

    for (p = sent->data; p + len <= last; p++) {
        if (ngx_memcmp(p, tag, len) == 0) {
            return 1;
        }
    }

    return 0;
}
