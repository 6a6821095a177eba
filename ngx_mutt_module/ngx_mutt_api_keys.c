
/*
 * Named keys: made, rotated and revoked over the API, kept as digests in
 * PostgreSQL.  One nginx worker at a time reads the good ones each second
 * into the keyring, and writes when they were used.
 */


#include "ngx_mutt_api.h"
#include "ngx_mutt_keyring.h"

#include "core/mutt_time.h"


#define NGX_MUTT_KEYS_INTERVAL  1000
#define NGX_MUTT_USES_INTERVAL  5000
#define NGX_MUTT_USES_MAX       1000
#define NGX_MUTT_KEYS_PAGE      1000
#define NGX_MUTT_KEY_LIMIT_MAX  1000000000
#define NGX_MUTT_KEY_LEN        (sizeof("mutt_") - 1 + 2 * 32)


/* columns of what is read */
typedef enum {
    NGX_MUTT_KEY_ID = 0,
    NGX_MUTT_KEY_NAME,
    NGX_MUTT_KEY_DIGEST,
    NGX_MUTT_KEY_SCOPES,
    NGX_MUTT_KEY_EXPIRES,
    NGX_MUTT_KEY_LIMIT
} ngx_mutt_key_column_t;


typedef struct {
    char               key[NGX_MUTT_KEY_LEN + 1];
    const char        *name;
    const char        *scopes;     /* as PostgreSQL's array */
    const char        *expires;
    const char        *limit;      /* NULL: none of its own */
    const char        *retires;    /* the old one, when rotated */
    const char        *message;
} ngx_mutt_key_edit_t;


static void ngx_mutt_keys_handler(ngx_event_t *ev);
static void ngx_mutt_keys_ask(ngx_flag_t at_once);
static void ngx_mutt_keys_read(ngx_mutt_query_t *query);
static void ngx_mutt_uses_written(ngx_mutt_query_t *query);
static ngx_int_t ngx_mutt_keys_select(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_take(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_insert(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_created(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_update(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_updated(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_next(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_rotate(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_rotated(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_revoke(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_key_revoked(ngx_mutt_flow_t *flow);


static ngx_event_t         ngx_mutt_keys_event;
static ngx_mutt_query_t    ngx_mutt_keys_query;
static ngx_flag_t          ngx_mutt_keys_busy;
static ngx_flag_t          ngx_mutt_keys_again;
static ngx_uint_t          ngx_mutt_keys_question;

/* what is on its way to PostgreSQL */
static ngx_mutt_query_t    ngx_mutt_uses_query;
static ngx_mutt_key_use_t  ngx_mutt_uses[NGX_MUTT_USES_MAX];
static ngx_uint_t          ngx_mutt_n_uses;
static mutt_buf_t          ngx_mutt_uses_text[2];
static ngx_msec_t          ngx_mutt_uses_at;


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

const ngx_mutt_step_t  ngx_mutt_keys_update[] = {
    { "body", ngx_mutt_step_body },
    { "update", ngx_mutt_key_update },
    { "answer", ngx_mutt_key_updated },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_keys_rotate[] = {
    { "body", ngx_mutt_step_optional_body },
    { "take", ngx_mutt_key_next },
    { "insert", ngx_mutt_key_rotate },
    { "answer", ngx_mutt_key_rotated },
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
    ngx_memzero(&ngx_mutt_uses_query, sizeof(ngx_mutt_query_t));
    ngx_memzero(&ngx_mutt_keys_event, sizeof(ngx_event_t));
    ngx_mutt_keys_busy = 0;
    ngx_mutt_keys_again = 0;
    ngx_mutt_n_uses = 0;
    ngx_mutt_uses_at = ngx_current_msec;

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
    mutt_buf_done(&ngx_mutt_uses_text[0]);
    mutt_buf_done(&ngx_mutt_uses_text[1]);
}


/* Something has changed, or may have. */
static void
ngx_mutt_keys_soon(void)
{
    ngx_mutt_keys_ask(1);
}


static void
ngx_mutt_keys_ask(ngx_flag_t at_once)
{
    if (ngx_mutt_keys_busy) {
        ngx_mutt_keys_again |= at_once;
        return;
    }

    if (ngx_exiting
        || !ngx_mutt_keyring_turn(NGX_MUTT_KEYS_INTERVAL - 50, at_once))
    {
        return;
    }

    ngx_mutt_keys_again = 0;
    ngx_mutt_keys_question = ngx_mutt_keyring_ask();
    ngx_mutt_keys_query.statement = MUTT_SQL_TEXT_API_KEYS_GOOD;
    ngx_mutt_keys_query.handler = ngx_mutt_keys_read;
    ngx_mutt_keys_busy = ngx_mutt_pg_query(&ngx_mutt_keys_query) == NGX_OK;

    if (!ngx_mutt_keys_busy) {
        ngx_mutt_keyring_yield();
    }
}


/* An array of PostgreSQL's: all ids, or all moments. */
static const char *
ngx_mutt_uses_write(mutt_buf_t *b, ngx_flag_t moments)
{
    ngx_uint_t  i;

    mutt_buf_done(b);
    mutt_buf_init(b, NGX_MUTT_USES_MAX * 24);

    for (i = 0; i < ngx_mutt_n_uses; i++) {
        mutt_buf_addf(b, "%s%lld", i == 0 ? "{" : ",",
                      moments ? (long long) ngx_mutt_uses[i].at
                              : (long long) ngx_mutt_uses[i].id);
    }

    mutt_buf_add(b, "}", sizeof("}"));

    return mutt_buf_ok(b) ? mutt_buf_str(b).data : NULL;
}


/* Tells PostgreSQL of keys that were used, never while a request waits. */
static void
ngx_mutt_uses_tell(void)
{
    if (ngx_mutt_n_uses > 0 || !ngx_mutt_pg_connected()
        || ngx_current_msec - ngx_mutt_uses_at < NGX_MUTT_USES_INTERVAL)
    {
        return;
    }

    ngx_mutt_uses_at = ngx_current_msec;
    ngx_mutt_n_uses = ngx_mutt_keyring_uses(ngx_mutt_uses,
                                            NGX_MUTT_USES_MAX);

    if (ngx_mutt_n_uses == 0) {
        return;
    }

    ngx_mutt_uses_query.statement = MUTT_SQL_TEXT_API_KEYS_USED;
    ngx_mutt_uses_query.values[0] =
        ngx_mutt_uses_write(&ngx_mutt_uses_text[0], 0);
    ngx_mutt_uses_query.values[1] =
        ngx_mutt_uses_write(&ngx_mutt_uses_text[1], 1);
    ngx_mutt_uses_query.n = 2;
    ngx_mutt_uses_query.handler = ngx_mutt_uses_written;
    ngx_mutt_uses_query.outcome = NGX_MUTT_PG_AWAY;

    if (ngx_mutt_uses_query.values[0] == NULL
        || ngx_mutt_uses_query.values[1] == NULL
        || ngx_mutt_pg_query(&ngx_mutt_uses_query) != NGX_OK)
    {
        ngx_mutt_uses_written(&ngx_mutt_uses_query);
    }
}


static void
ngx_mutt_uses_written(ngx_mutt_query_t *query)
{
    if (query->outcome != NGX_MUTT_PG_DONE) {
        ngx_mutt_keyring_forget(ngx_mutt_uses, ngx_mutt_n_uses);
    }

    ngx_mutt_n_uses = 0;
    ngx_mutt_pg_release(query);
}


static void
ngx_mutt_keys_handler(ngx_event_t *ev)
{
    if (ngx_exiting) {
        return;
    }

    ngx_mutt_keys_ask(ngx_mutt_keys_again);
    ngx_mutt_uses_tell();
    ngx_add_timer(ev, NGX_MUTT_KEYS_INTERVAL);
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
    mutt_str_t   digest, expires, limit;

    limit = ngx_mutt_pg_value(query, row, NGX_MUTT_KEY_LIMIT);
    key->limit = limit.data == NULL ? 0 : mutt_str_count(limit);
    digest = ngx_mutt_pg_value(query, row, NGX_MUTT_KEY_DIGEST);
    expires = ngx_mutt_pg_value(query, row, NGX_MUTT_KEY_EXPIRES);

    key->id = mutt_str_count(ngx_mutt_pg_value(query, row, NGX_MUTT_KEY_ID));
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

        if (n > NGX_MUTT_KEYS_MAX) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "mutt: only %d of the named keys are good",
                          NGX_MUTT_KEYS_MAX);
            n = NGX_MUTT_KEYS_MAX;
        }

        keys = ngx_calloc((n + 1) * sizeof(ngx_mutt_named_key_t),
                          ngx_cycle->log);

        if (keys != NULL) {
            for (i = 0; i < n; i++) {
                ngx_mutt_keys_take(query, i, &keys[i]);
            }

            ngx_mutt_keyring_publish(ngx_mutt_keys_question, keys, n);
            mutt_metric_set(ngx_mutt_slots(), MUTT_M_API_KEYS_ALL, n);
            mutt_metric_set(ngx_mutt_slots(), MUTT_M_API_KEYS_READ_ALL,
                            ngx_time());
            ngx_free(keys);
        }

    } else {
        ngx_mutt_keyring_yield();
    }

    ngx_mutt_pg_release(query);

    if (ngx_mutt_keys_again) {
        ngx_mutt_keys_ask(1);
    }
}


/* A named key as the request's own, if it is good. */
static const ngx_mutt_key_t *
ngx_mutt_key_copy(ngx_http_request_t *r, const ngx_mutt_named_key_t *found)
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
    copy->limit = found->limit;
    ngx_memcpy(copy->digest, found->digest, MUTT_SHA256_LEN);

    text.data = (u_char *) found->name;
    text.len = ngx_strlen(found->name) + 1;
    copy->name.data = ngx_pstrdup(r->pool, &text);
    copy->name.len = text.len - 1;

    copy->id.data = ngx_pnalloc(r->pool, NGX_INT64_LEN + 1);

    if (copy->name.data == NULL || copy->id.data == NULL) {
        return NULL;
    }

    copy->id.len = ngx_sprintf(copy->id.data, "%L%Z", found->id)
                   - copy->id.data - 1;

    ngx_mutt_keyring_used(found);

    return copy;
}


const ngx_mutt_key_t *
ngx_mutt_find_key(ngx_http_request_t *r, const u_char *digest)
{
    const ngx_mutt_named_key_t  *found;

    found = ngx_mutt_keyring_find(digest);

    return found == NULL ? NULL : ngx_mutt_key_copy(r, found);
}


const ngx_mutt_key_t *
ngx_mutt_find_session_key(ngx_http_request_t *r, mutt_str_t id,
    ngx_mutt_session_t *session)
{
    u_char                       proof[NGX_MUTT_HEX_LEN];
    const ngx_mutt_named_key_t  *found;

    found = ngx_mutt_keyring_by_id(mutt_str_count(id));

    if (found == NULL
        || ngx_mutt_session_proof(session->token, found->digest, proof)
           != NGX_OK
        || !mutt_equal_constant_time(proof, session->proof, sizeof(proof)))
    {
        return NULL;
    }

    return ngx_mutt_key_copy(r, found);
}


static ngx_int_t
ngx_mutt_keys_select(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_flow_page(flow, MUTT_SQL_TEXT_API_KEYS,
                              NGX_MUTT_KEYS_PAGE);
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

    if (text.len == 0 || text.len > NGX_MUTT_KEY_NAME_MAX || i < text.len
        || ngx_mutt_is_dots(text))
    {
        ngx_mutt_fault(flow, member->name,
                       "must be 1 to 64 letters, digits, dots, dashes and "
                       "underscores, and more than dots");
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
ngx_mutt_key_take_moment(ngx_mutt_flow_t *flow, const char *name)
{
    char                       text[MUTT_TIME_LEN + 1];
    mutt_usec_t                at;
    const mutt_json_member_t  *member;

    member = ngx_mutt_member(flow, name);

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


/* Events a minute as text for PostgreSQL; NULL: no limit, or a bad one. */
static const char *
ngx_mutt_key_take_limit(ngx_mutt_flow_t *flow)
{
    char                       text[NGX_INT_T_LEN + 1];
    ngx_int_t                  limit;
    const mutt_json_member_t  *member;

    member = ngx_mutt_member(flow, "rate_limit");

    if (member == NULL || member->type == MUTT_JSON_NULL) {
        return NULL;
    }

    limit = ngx_mutt_member_number(flow, "rate_limit", 0, 1,
                                   NGX_MUTT_KEY_LIMIT_MAX);
    *ngx_sprintf((u_char *) text, "%i", limit) = '\0';

    return ngx_mutt_flow_text(flow, mutt_str(text));
}


static ngx_int_t
ngx_mutt_key_take(ngx_mutt_flow_t *flow)
{
    ngx_mutt_key_edit_t  *edit;

    static const char *const  known[] = {
        "name", "scopes", "rate_limit", "expires_at", "reason", NULL
    };

    edit = ngx_pcalloc(flow->request->pool, sizeof(ngx_mutt_key_edit_t));

    if (edit == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    flow->data = edit;
    edit->name = ngx_mutt_key_take_name(flow);
    edit->scopes = ngx_mutt_key_take_scopes(flow);
    edit->expires = ngx_mutt_key_take_moment(flow, "expires_at");
    edit->limit = ngx_mutt_key_take_limit(flow);
    ngx_mutt_refuse_others(flow, known);
    ngx_mutt_read_reason(flow);

    return ngx_mutt_judge_fields(flow);
}


/* A new key, and its digest as PostgreSQL reads it; NULL: there is none. */
static const char *
ngx_mutt_key_make(ngx_mutt_flow_t *flow, ngx_mutt_key_edit_t *edit)
{
    char     hash[sizeof("\\x") + 2 * MUTT_SHA256_LEN];
    u_char   random[32], digest[MUTT_SHA256_LEN];
    u_char  *p;

    if (!mutt_random(random, sizeof(random))) {
        return NULL;
    }

    p = ngx_cpymem(edit->key, "mutt_", sizeof("mutt_") - 1);
    (void) ngx_hex_dump(p, random, sizeof(random));
    ngx_explicit_memzero(random, sizeof(random));

    if (!mutt_sha256(mutt_str(edit->key), digest)) {
        return NULL;
    }

    p = ngx_cpymem(hash, "\\x", 2);
    *ngx_hex_dump(p, digest, sizeof(digest)) = '\0';

    return ngx_mutt_flow_text(flow, mutt_str(hash));
}


static ngx_int_t
ngx_mutt_key_insert(ngx_mutt_flow_t *flow)
{
    ngx_mutt_key_edit_t  *edit = flow->data;

    if (ngx_mutt_key_is_taken(flow, edit->name)) {
        return ngx_mutt_flow_error_text(flow, MUTT_API_CONFLICT,
                                        "Name already exists");
    }

    flow->query.values[0] = edit->name;
    flow->query.values[1] = ngx_mutt_key_make(flow, edit);
    flow->query.values[2] = edit->scopes;
    flow->query.values[3] = edit->expires;
    flow->query.values[7] = edit->limit;

    if (flow->query.values[1] == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    edit->message = "Key created successfully";
    ngx_mutt_flow_sign(flow, 4, ngx_mutt_keys_soon);

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_KEY_INSERT, 8);
}


/* The only time that the key is shown. */
static ngx_int_t
ngx_mutt_key_show(ngx_mutt_flow_t *flow)
{
    ngx_mutt_key_edit_t  *edit = flow->data;

    mutt_buf_t  b;

    ngx_mutt_keys_soon();
    mutt_buf_init(&b, 1024);
    mutt_buf_addf(&b, "{\"id\":%s,\"name\":\"%s\",\"key\":\"%s\","
                  "\"message\":\"%s\"}\n",
                  ngx_mutt_pg_value(&flow->query, 0, 0).data, edit->name,
                  edit->key, edit->message);
    ngx_explicit_memzero(edit->key, sizeof(edit->key));

    return ngx_mutt_flow_answer(flow, NGX_HTTP_CREATED, &b);
}


static ngx_int_t
ngx_mutt_key_created(ngx_mutt_flow_t *flow)
{
    flow->unsure = NULL;

    if (ngx_mutt_pg_rows(&flow->query) == 0) {
        return ngx_mutt_flow_error_text(flow, MUTT_API_CONFLICT,
                                        "Name already exists");
    }

    return ngx_mutt_key_show(flow);
}


/*
 * Changes all keys of the path's name, or one of them, as the statement does
 * by a value.
 */
static ngx_int_t
ngx_mutt_key_change(ngx_mutt_flow_t *flow, const char *const *known,
    const char *value, mutt_sql_t statement)
{
    ngx_mutt_refuse_others(flow, known);
    ngx_mutt_read_reason(flow);

    if (ngx_mutt_judge_fields(flow) != NGX_OK) {
        return NGX_DONE;
    }

    flow->query.values[0] = ngx_mutt_path_text(flow);
    flow->query.values[1] = value;

    if (flow->query.values[0] == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
    }

    ngx_mutt_flow_sign(flow, 2, ngx_mutt_keys_soon);

    return ngx_mutt_flow_query(flow, statement, 5);
}


static ngx_int_t
ngx_mutt_key_changed(ngx_mutt_flow_t *flow, const char *message)
{
    flow->unsure = NULL;

    if (ngx_mutt_pg_rows(&flow->query) == 0) {
        return ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
    }

    ngx_mutt_keys_soon();

    return ngx_mutt_flow_message(flow, NGX_HTTP_OK, message);
}


static ngx_int_t
ngx_mutt_key_update(ngx_mutt_flow_t *flow)
{
    static const char *const  known[] = { "rate_limit", "reason", NULL };

    if (ngx_mutt_member(flow, "rate_limit") == NULL) {
        ngx_mutt_fault_missing(flow, "rate_limit");
    }

    return ngx_mutt_key_change(flow, known, ngx_mutt_key_take_limit(flow),
                               MUTT_SQL_TEXT_API_KEY_UPDATE);
}


static ngx_int_t
ngx_mutt_key_updated(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_key_changed(flow, "Key updated successfully");
}


static ngx_int_t
ngx_mutt_key_next(ngx_mutt_flow_t *flow)
{
    ngx_mutt_key_edit_t  *edit;

    static const char *const  known[] = {
        "expires_at", "retire_at", "reason", NULL
    };

    edit = ngx_pcalloc(flow->request->pool, sizeof(ngx_mutt_key_edit_t));

    if (edit == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    flow->data = edit;
    edit->name = ngx_mutt_path_text(flow);
    edit->expires = ngx_mutt_key_take_moment(flow, "expires_at");
    edit->retires = ngx_mutt_key_take_moment(flow, "retire_at");
    ngx_mutt_refuse_others(flow, known);
    ngx_mutt_read_reason(flow);

    return ngx_mutt_judge_fields(flow);
}


static ngx_int_t
ngx_mutt_key_rotate(ngx_mutt_flow_t *flow)
{
    ngx_mutt_key_edit_t  *edit = flow->data;

    if (edit->name == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
    }

    flow->query.values[0] = edit->name;
    flow->query.values[1] = ngx_mutt_key_make(flow, edit);
    flow->query.values[2] = edit->expires;
    flow->query.values[3] = edit->retires;

    if (flow->query.values[1] == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    edit->message = "Key rotated successfully";
    ngx_mutt_flow_sign(flow, 4, ngx_mutt_keys_soon);

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_KEY_ROTATE, 7);
}


/* The id of the new one, if it was made, and how many there were. */
static ngx_int_t
ngx_mutt_key_rotated(ngx_mutt_flow_t *flow)
{
    flow->unsure = NULL;

    if (ngx_mutt_pg_value(&flow->query, 0, 0).data != NULL) {
        return ngx_mutt_key_show(flow);
    }

    return mutt_str_count(ngx_mutt_pg_value(&flow->query, 0, 1)) == 0
           ? ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND)
           : ngx_mutt_flow_error_text(flow, MUTT_API_CONFLICT,
                                      "Two keys of that name are good "
                                      "already");
}


/* Which of a name's keys is meant; NULL: all. */
static const char *
ngx_mutt_key_take_id(ngx_mutt_flow_t *flow)
{
    const mutt_json_member_t  *member;

    member = ngx_mutt_member(flow, "id");

    if (member == NULL || member->type == MUTT_JSON_NULL) {
        return NULL;
    }

    if (member->type != MUTT_JSON_NUMBER_VALUE || member->raw.len > 18
        || ngx_atoi((u_char *) member->raw.data, member->raw.len) == NGX_ERROR)
    {
        ngx_mutt_fault(flow, member->name, "must be a whole number");
        return NULL;
    }

    return ngx_mutt_flow_text(flow, member->raw);
}


static ngx_int_t
ngx_mutt_key_revoke(ngx_mutt_flow_t *flow)
{
    static const char *const  known[] = { "id", "reason", NULL };

    return ngx_mutt_key_change(flow, known, ngx_mutt_key_take_id(flow),
                               MUTT_SQL_TEXT_API_KEY_REVOKE);
}


static ngx_int_t
ngx_mutt_key_revoked(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_key_changed(flow, "Key revoked successfully");
}
