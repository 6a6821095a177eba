
/*
 * Named keys: made and revoked over the API, kept as digests in PostgreSQL,
 * and read by every nginx worker each second, so that they are good while
 * PostgreSQL is away, and revoked within seconds.
 */


#include "ngx_mutt_api.h"

#include "core/mutt_time.h"


#define NGX_MUTT_KEYS_INTERVAL  1000
#define NGX_MUTT_KEYS_PAGE      1000
#define NGX_MUTT_KEY_NAME_MAX   64
#define NGX_MUTT_KEY_LEN        (sizeof("mutt_") - 1 + 2 * 32)


/* columns of what is read */
typedef enum {
    NGX_MUTT_KEY_ID = 0,
    NGX_MUTT_KEY_NAME,
    NGX_MUTT_KEY_DIGEST,
    NGX_MUTT_KEY_SCOPES,
    NGX_MUTT_KEY_EXPIRES
} ngx_mutt_key_column_t;


typedef struct {
    char               id[24];
    char               name[NGX_MUTT_KEY_NAME_MAX + 1];
    ngx_uint_t         scopes;
    time_t             expires;    /* 0: never */
    u_char             digest[MUTT_SHA256_LEN];
} ngx_mutt_named_key_t;


typedef struct {
    char               key[NGX_MUTT_KEY_LEN + 1];
    const char        *name;
    const char        *scopes;     /* as PostgreSQL's array */
    const char        *expires;
} ngx_mutt_key_edit_t;


static void ngx_mutt_keys_handler(ngx_event_t *ev);
static void ngx_mutt_keys_read(ngx_mutt_query_t *query);
static ngx_int_t ngx_mutt_keys_select(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_take(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_insert(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_created(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_revoke(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_revoked(ngx_mutt_flow_t *flow);


static ngx_event_t            ngx_mutt_keys_event;
static ngx_mutt_query_t       ngx_mutt_keys_query;
static ngx_flag_t             ngx_mutt_keys_busy;
static ngx_mutt_named_key_t  *ngx_mutt_keys;
static ngx_uint_t             ngx_mutt_n_keys;


const ngx_mutt_step_t  ngx_mutt_keys_list[] = {
    { "select", ngx_mutt_keys_select },
    { "answer", ngx_mutt_step_answer },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_keys_create[] = {
    { "body", ngx_mutt_step_body },
    { "take", ngx_mutt_key_take },
    { "insert", ngx_mutt_key_insert },
    { "answer", ngx_mutt_key_created },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_keys_revoke[] = {
    { "body", ngx_mutt_step_optional_body },
    { "revoke", ngx_mutt_key_revoke },
    { "answer", ngx_mutt_key_revoked },
    { NULL, NULL }
};


ngx_int_t
ngx_mutt_keys_init(ngx_cycle_t *cycle)
{
    ngx_memzero(&ngx_mutt_keys_query, sizeof(ngx_mutt_query_t));
    ngx_memzero(&ngx_mutt_keys_event, sizeof(ngx_event_t));
    ngx_mutt_keys_busy = 0;

    ngx_mutt_keys_event.handler = ngx_mutt_keys_handler;
    ngx_mutt_keys_event.log = cycle->log;
    ngx_mutt_keys_event.data = &ngx_mutt_keys_event;
    ngx_mutt_keys_event.cancelable = 1;
    ngx_add_timer(&ngx_mutt_keys_event, 1);

    return NGX_OK;
}


void
ngx_mutt_keys_exit(void)
{
    ngx_free(ngx_mutt_keys);
    ngx_mutt_keys = NULL;
    ngx_mutt_n_keys = 0;
}


static void
ngx_mutt_keys_soon(void)
{
    if (!ngx_exiting) {
        ngx_add_timer(&ngx_mutt_keys_event, 1);
    }
}


static void
ngx_mutt_keys_handler(ngx_event_t *ev)
{
    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, NGX_MUTT_KEYS_INTERVAL);

    if (ngx_mutt_keys_busy) {
        return;
    }

    ngx_mutt_keys_query.statement = MUTT_SQL_TEXT_API_KEYS_GOOD;
    ngx_mutt_keys_query.handler = ngx_mutt_keys_read;
    ngx_mutt_keys_busy = ngx_mutt_pg_query(&ngx_mutt_keys_query) == NGX_OK;
}


/* The scopes of a list of names with spaces between. */
static ngx_uint_t
ngx_mutt_keys_scopes(mutt_str_t text)
{
    size_t       len;
    ngx_uint_t   scopes;
    const char  *p;

    scopes = 0;

    for (p = text.data; *p != '\0'; p += len + (p[len] == ' ')) {
        len = strcspn(p, " ");
        scopes |= ngx_mutt_scope_of((mutt_str_t) { p, len });
    }

    return scopes;
}


static void
ngx_mutt_keys_take(ngx_mutt_query_t *query, ngx_uint_t row,
    ngx_mutt_named_key_t *key)
{
    ngx_int_t    byte;
    ngx_uint_t   i;
    mutt_str_t   digest, expires;

    digest = ngx_mutt_pg_value(query, row, NGX_MUTT_KEY_DIGEST);
    expires = ngx_mutt_pg_value(query, row, NGX_MUTT_KEY_EXPIRES);

    (void) snprintf(key->id, sizeof(key->id), "%s",
                    ngx_mutt_pg_value(query, row, NGX_MUTT_KEY_ID).data);
    (void) snprintf(key->name, sizeof(key->name), "%s",
                    ngx_mutt_pg_value(query, row, NGX_MUTT_KEY_NAME).data);

    key->scopes = ngx_mutt_keys_scopes(ngx_mutt_pg_value(query, row,
                                                  NGX_MUTT_KEY_SCOPES));
    key->expires = expires.data == NULL ? 0 : mutt_str_count(expires);

    for (i = 0; i < MUTT_SHA256_LEN; i++) {
        byte = digest.len == 2 * MUTT_SHA256_LEN
               ? ngx_hextoi((u_char *) digest.data + 2 * i, 2) : NGX_ERROR;

        /* what is no digest is nobody's */
        if (byte == NGX_ERROR) {
            key->scopes = NGX_MUTT_SCOPE_NONE;
            break;
        }

        key->digest[i] = byte;
    }
}


/* Replaces all keys by those there are now; without an answer they stay. */
static void
ngx_mutt_keys_read(ngx_mutt_query_t *query)
{
    ngx_uint_t             i, n;
    ngx_mutt_named_key_t  *keys;

    ngx_mutt_keys_busy = 0;

    if (query->outcome == NGX_MUTT_PG_DONE) {
        n = ngx_mutt_pg_rows(query);
        keys = ngx_calloc((n + 1) * sizeof(ngx_mutt_named_key_t),
                          ngx_cycle->log);

        if (keys != NULL) {
            for (i = 0; i < n; i++) {
                ngx_mutt_keys_take(query, i, &keys[i]);
            }

            ngx_free(ngx_mutt_keys);
            ngx_mutt_keys = keys;
            ngx_mutt_n_keys = n;
        }
    }

    ngx_mutt_pg_release(query);
}


/* A named key as the request's own, if it is good. */
static const ngx_mutt_key_t *
ngx_mutt_key_copy(ngx_http_request_t *r, ngx_mutt_named_key_t *found)
{
    ngx_str_t        text;
    ngx_mutt_key_t  *copy;

    if (found->scopes == NGX_MUTT_SCOPE_NONE
        || (found->expires != 0 && found->expires <= ngx_time()))
    {
        return NULL;
    }

    /* the key may go before the request does */
    copy = ngx_pcalloc(r->pool, sizeof(ngx_mutt_key_t));

    if (copy == NULL) {
        return NULL;
    }

    copy->scopes = found->scopes;
    copy->expires = found->expires;
    ngx_memcpy(copy->digest, found->digest, MUTT_SHA256_LEN);

    text.data = (u_char *) found->name;
    text.len = ngx_strlen(found->name) + 1;
    copy->name.data = ngx_pstrdup(r->pool, &text);
    copy->name.len = text.len - 1;

    text.data = (u_char *) found->id;
    text.len = ngx_strlen(found->id) + 1;
    copy->id.data = ngx_pstrdup(r->pool, &text);
    copy->id.len = text.len - 1;

    return copy->name.data == NULL || copy->id.data == NULL ? NULL : copy;
}


const ngx_mutt_key_t *
ngx_mutt_find_key(ngx_http_request_t *r, const u_char *digest)
{
    ngx_uint_t             i;
    ngx_mutt_named_key_t  *found;

    found = NULL;

    /* all are compared, whichever fits */
    for (i = 0; i < ngx_mutt_n_keys; i++) {
        if (mutt_equal_constant_time(digest, ngx_mutt_keys[i].digest,
                                     MUTT_SHA256_LEN))
        {
            found = &ngx_mutt_keys[i];
        }
    }

    return found == NULL ? NULL : ngx_mutt_key_copy(r, found);
}


const ngx_mutt_key_t *
ngx_mutt_find_session_key(ngx_http_request_t *r, mutt_str_t id,
    ngx_mutt_session_t *session)
{
    u_char                 proof[NGX_MUTT_HEX_LEN];
    ngx_uint_t             i;
    ngx_mutt_named_key_t  *key;

    for (i = 0; i < ngx_mutt_n_keys; i++) {
        key = &ngx_mutt_keys[i];

        if (mutt_str_eq(mutt_str(key->id), id)
            && ngx_mutt_session_proof(session->token, key->digest, proof)
               == NGX_OK
            && mutt_equal_constant_time(proof, session->proof, sizeof(proof)))
        {
            return ngx_mutt_key_copy(r, key);
        }
    }

    return NULL;
}


static ngx_int_t
ngx_mutt_keys_select(ngx_mutt_flow_t *flow)
{
    ngx_mutt_read_paging(flow, NGX_MUTT_KEYS_PAGE, NGX_MUTT_KEYS_PAGE);

    if (ngx_mutt_judge_parameters(flow) != NGX_OK) {
        return NGX_DONE;
    }

    flow->query.values[0] = flow->paging.limit;
    flow->query.values[1] = flow->paging.offset;
    flow->query.values[2] = flow->paging.page;

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_KEYS, 3);
}


/* A name that can be in a path and in a log. */
static const char *
ngx_mutt_key_take_name(ngx_mutt_flow_t *flow)
{
    size_t                     i;
    mutt_str_t                 text;
    const mutt_json_member_t  *member;

    member = ngx_mutt_member(flow, "name");

    if (member == NULL) {
        ngx_mutt_fault_missing(flow, "name");
        return NULL;
    }

    text = member->text;

    for (i = 0; i < text.len; i++) {
        if (!isalnum((u_char) text.data[i])
            && strchr("._-", text.data[i]) == NULL)
        {
            break;
        }
    }

    if (text.len == 0 || text.len > NGX_MUTT_KEY_NAME_MAX || i < text.len) {
        ngx_mutt_fault(flow, member->name,
                       "must be 1 to 64 letters, digits, dots, dashes and "
                       "underscores");
        return NULL;
    }

    return ngx_mutt_flow_text(flow, text);
}


/* Whether the configuration has a key of that name, whose deeds are its. */
static ngx_flag_t
ngx_mutt_key_is_taken(ngx_mutt_flow_t *flow, const char *name)
{
    ngx_uint_t             i;
    ngx_mutt_key_t        *key;
    ngx_mutt_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(flow->request, ngx_http_mutt_module);
    key = mcf->keys->elts;

    for (i = 0; i < mcf->keys->nelts; i++) {
        if (ngx_strcmp(key[i].name.data, name) == 0) {
            return 1;
        }
    }

    return 0;
}


/* ["read","write"] as {read,write}. */
static const char *
ngx_mutt_key_take_scopes(ngx_mutt_flow_t *flow)
{
    char                       out[64];
    size_t                     len, n;
    const char                *p;
    mutt_str_t                 raw;
    const mutt_json_member_t  *member;

    member = ngx_mutt_member(flow, "scopes");

    if (member == NULL) {
        ngx_mutt_fault_missing(flow, "scopes");
        return NULL;
    }

    raw = mutt_str(ngx_mutt_flow_text(flow, member->raw));
    n = 0;

    for (p = raw.data + strspn(raw.data, " \t\r\n["); *p == '"';
         p += strspn(p, " \t\r\n,]"))
    {
        len = strcspn(++p, "\"");

        if (ngx_mutt_scope_of((mutt_str_t) { p, len }) == NGX_MUTT_SCOPE_NONE
            || n + len + 3 > sizeof(out))
        {
            n = 0;
            break;
        }

        n += snprintf(out + n, sizeof(out) - n, "%s%.*s", n == 0 ? "{" : ",",
                      (int) len, p);
        p += len + 1;
    }

    if (member->type != MUTT_JSON_ARRAY || n == 0 || *p != '\0') {
        ngx_mutt_fault(flow, member->name,
                       "must be a list of ingest, read, write or admin");
        return NULL;
    }

    (void) snprintf(out + n, sizeof(out) - n, "}");

    return ngx_mutt_flow_text(flow, mutt_str(out));
}


static const char *
ngx_mutt_key_take_expiry(ngx_mutt_flow_t *flow)
{
    char                       text[MUTT_TIME_LEN + 1];
    mutt_usec_t                at;
    const mutt_json_member_t  *member;

    member = ngx_mutt_member(flow, "expires_at");

    if (member == NULL || member->type == MUTT_JSON_NULL) {
        return NULL;
    }

    if (member->type != MUTT_JSON_STRING || !mutt_time_parse(member->text, &at)
        || at <= mutt_time_now())
    {
        ngx_mutt_fault(flow, member->name,
                       "must be an RFC 3339 date-time to come");
        return NULL;
    }

    mutt_time_format(at, text);

    return ngx_mutt_flow_text(flow, mutt_str(text));
}


static ngx_int_t
ngx_mutt_key_take(ngx_mutt_flow_t *flow)
{
    ngx_mutt_key_edit_t  *edit;

    static const char *const  known[] = {
        "name", "scopes", "expires_at", "reason", NULL
    };

    edit = ngx_pcalloc(flow->request->pool, sizeof(ngx_mutt_key_edit_t));

    if (edit == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    flow->data = edit;
    edit->name = ngx_mutt_key_take_name(flow);
    edit->scopes = ngx_mutt_key_take_scopes(flow);
    edit->expires = ngx_mutt_key_take_expiry(flow);
    ngx_mutt_refuse_others(flow, known);
    ngx_mutt_read_reason(flow);

    return ngx_mutt_judge_fields(flow);
}


static ngx_int_t
ngx_mutt_key_insert(ngx_mutt_flow_t *flow)
{
    ngx_mutt_key_edit_t  *edit = flow->data;

    u_char   random[32], digest[MUTT_SHA256_LEN];
    u_char  *p;
    char     hash[sizeof("\\x") + 2 * MUTT_SHA256_LEN];

    if (ngx_mutt_key_is_taken(flow, edit->name)) {
        return ngx_mutt_flow_error_text(flow, MUTT_API_CONFLICT,
                                        "Name already exists");
    }

    if (!mutt_random(random, sizeof(random))) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    p = ngx_cpymem(edit->key, "mutt_", sizeof("mutt_") - 1);
    (void) ngx_hex_dump(p, random, sizeof(random));
    ngx_explicit_memzero(random, sizeof(random));

    if (!mutt_sha256(mutt_str(edit->key), digest)) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    p = ngx_cpymem(hash, "\\x", 2);
    *ngx_hex_dump(p, digest, sizeof(digest)) = '\0';

    flow->query.values[0] = edit->name;
    flow->query.values[1] = ngx_mutt_flow_text(flow, mutt_str(hash));
    flow->query.values[2] = edit->scopes;
    flow->query.values[3] = edit->expires;
    ngx_mutt_flow_sign(flow, 4, ngx_mutt_keys_soon);

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_KEY_INSERT, 7);
}


/* The only time that the key is shown. */
static ngx_int_t
ngx_mutt_key_created(ngx_mutt_flow_t *flow)
{
    ngx_mutt_key_edit_t  *edit = flow->data;

    mutt_buf_t  b;

    flow->unsure = NULL;

    if (ngx_mutt_pg_rows(&flow->query) == 0) {
        return ngx_mutt_flow_error_text(flow, MUTT_API_CONFLICT,
                                        "Name already exists");
    }

    ngx_mutt_keys_soon();
    mutt_buf_init(&b, 1024);
    mutt_buf_addf(&b, "{\"id\":%s,\"name\":\"%s\",\"key\":\"%s\","
                  "\"message\":\"Key created successfully\"}\n",
                  ngx_mutt_pg_value(&flow->query, 0, 0).data, edit->name,
                  edit->key);
    ngx_explicit_memzero(edit->key, sizeof(edit->key));

    return ngx_mutt_flow_answer(flow, NGX_HTTP_CREATED, &b);
}


static ngx_int_t
ngx_mutt_key_revoke(ngx_mutt_flow_t *flow)
{
    static const char *const  known[] = { "reason", NULL };

    ngx_mutt_refuse_others(flow, known);
    ngx_mutt_read_reason(flow);

    if (ngx_mutt_judge_fields(flow) != NGX_OK) {
        return NGX_DONE;
    }

    flow->query.values[0] = ngx_mutt_path_text(flow);

    if (flow->query.values[0] == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
    }

    ngx_mutt_flow_sign(flow, 1, ngx_mutt_keys_soon);

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_KEY_REVOKE, 4);
}


static ngx_int_t
ngx_mutt_key_revoked(ngx_mutt_flow_t *flow)
{
    flow->unsure = NULL;

    if (ngx_mutt_pg_rows(&flow->query) == 0) {
        return ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
    }

    ngx_mutt_keys_soon();

    return ngx_mutt_flow_message(flow, NGX_HTTP_OK,
                                 "Key revoked successfully");
}
