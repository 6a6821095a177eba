
#include "ngx_mutt_module.h"
#include "ngx_mutt_api.h"


#define NGX_MUTT_KEY_MAX       4096

/* longer ones than those that MUTT makes are hashed each time */
#define NGX_MUTT_KEY_REMEMBER  128


/* a good key as a connection has sent it, which need not be hashed again */
typedef struct {
    size_t             len;
    u_char             text[NGX_MUTT_KEY_REMEMBER];
    u_char             digest[MUTT_SHA256_LEN];
} ngx_mutt_sent_key_t;


static ngx_int_t ngx_mutt_add_key(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf,
    const char *name, ngx_uint_t scopes, const char *value);
static ngx_int_t ngx_mutt_read_key(ngx_conf_t *cf, ngx_str_t *path,
    char *value);


static struct {
    ngx_str_t   name;
    ngx_uint_t  scopes;
} ngx_mutt_scopes[] = {
    { ngx_string("ingest"), NGX_MUTT_SCOPE_INGEST },
    { ngx_string("read"),   NGX_MUTT_SCOPE_READ },
    { ngx_string("write"),  NGX_MUTT_SCOPE_WRITE },
    { ngx_string("admin"),  NGX_MUTT_SCOPE_ADMIN },
};


const char *
ngx_mutt_scope_name(ngx_uint_t scope)
{
    ngx_uint_t  i;

    for (i = 0; i < sizeof(ngx_mutt_scopes) / sizeof(ngx_mutt_scopes[0]); i++)
    {
        if (ngx_mutt_scopes[i].scopes == scope) {
            return (const char *) ngx_mutt_scopes[i].name.data;
        }
    }

    return "none";
}


ngx_uint_t
ngx_mutt_scope_of(mutt_str_t name)
{
    ngx_uint_t  i;

    for (i = 0; i < sizeof(ngx_mutt_scopes) / sizeof(ngx_mutt_scopes[0]); i++)
    {
        if (name.len == ngx_mutt_scopes[i].name.len
            && ngx_memcmp(name.data, ngx_mutt_scopes[i].name.data, name.len)
               == 0)
        {
            return ngx_mutt_scopes[i].scopes;
        }
    }

    return NGX_MUTT_SCOPE_NONE;
}


char *
ngx_mutt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mutt_main_conf_t  *mcf = conf;

    char         text[NGX_MUTT_KEY_MAX];
    const char  *found;
    ngx_int_t    rc;
    ngx_str_t   *value, path;
    ngx_uint_t   scopes;

    value = cf->args->elts;
    scopes = ngx_mutt_scope_of((mutt_str_t) { (char *) value[2].data,
                                              value[2].len });

    if (scopes == NGX_MUTT_SCOPE_NONE) {
        return "has an unknown scope: ingest, read, write or admin";
    }

    if (value[1].len > NGX_MUTT_KEY_ID_MAX) {
        return "has too long a name";
    }

    if (ngx_strncmp(value[3].data, "env:", 4) == 0) {
        found = ngx_mutt_environment(cf, (char *) value[3].data + 4);

        if (found == NULL || found[0] == '\0') {
            return "names an environment variable that is not set";
        }

        rc = ngx_mutt_add_key(cf, mcf, (char *) value[1].data, scopes, found);

    } else if (ngx_strncmp(value[3].data, "file:", 5) == 0) {
        path.data = value[3].data + 5;
        path.len = value[3].len - 5;

        if (ngx_mutt_read_key(cf, &path, text) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        rc = ngx_mutt_add_key(cf, mcf, (char *) value[1].data, scopes, text);
        ngx_explicit_memzero(text, sizeof(text));

    } else {
        return "needs env:NAME or file:PATH";
    }

    return rc == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_mutt_read_key(ngx_conf_t *cf, ngx_str_t *path, char *value)
{
    ssize_t    n;
    ngx_fd_t   fd;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, value, NGX_MUTT_KEY_MAX - 1);
    (void) ngx_close_file(fd);

    value[ngx_max(n, 0)] = '\0';
    value[strcspn(value, "\r\n")] = '\0';

    /* a key that is nothing would let in who has none */
    if (value[0] == '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "key file \"%V\" is empty",
                           path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_add_key(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf, const char *name,
    ngx_uint_t scopes, const char *value)
{
    ngx_mutt_key_t  *key;

    key = ngx_array_push(mcf->keys);
    if (key == NULL) {
        return NGX_ERROR;
    }

    key->name.data = (u_char *) name;
    key->name.len = ngx_strlen(name);
    key->id = key->name;
    key->scopes = scopes;
    key->expires = 0;
    key->limit = 0;

    if (!mutt_sha256(mutt_str(value), key->digest)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "mutt: a key can't be hashed");
        return NGX_ERROR;
    }

    return NGX_OK;
}


char *
ngx_mutt_default_keys(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf)
{
    ngx_uint_t   i;
    const char  *value;

    static const struct {
        const char      *name;
        mutt_setting_t   setting;
        ngx_uint_t       scopes;
    } keys[] = {
        { "ingest", MUTT_SET_INGEST_API_KEY, NGX_MUTT_SCOPE_INGEST },
        { "ingest", MUTT_SET_INGEST_API_KEY_NEXT, NGX_MUTT_SCOPE_INGEST },
        { "webui", MUTT_SET_WEBUI_API_KEY, NGX_MUTT_SCOPE_ADMIN },
        { "webui", MUTT_SET_WEBUI_API_KEY_NEXT, NGX_MUTT_SCOPE_ADMIN },
    };

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        value = mutt_set_text(mcf->settings, keys[i].setting);

        if (value[0] != '\0'
            && ngx_mutt_add_key(cf, mcf, keys[i].name, keys[i].scopes, value)
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (mcf->keys->nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "mutt has no API key: set INGEST_API_KEY or use "
                           "mutt_key");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mutt_digest(mutt_str_t text, u_char *digest)
{
    return text.len <= NGX_MUTT_KEY_MAX && mutt_sha256(text, digest)
           ? NGX_OK : NGX_DECLINED;
}


static const ngx_mutt_key_t *
ngx_mutt_key_of(ngx_http_request_t *r, const u_char *digest)
{
    ngx_uint_t             i;
    ngx_mutt_key_t        *key;
    const ngx_mutt_key_t  *found;
    ngx_mutt_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_mutt_module);
    key = mcf->keys->elts;
    found = NULL;

    /* all are compared, whichever fits */
    for (i = 0; i < mcf->keys->nelts; i++) {
        if (mutt_equal_constant_time(digest, key[i].digest, MUTT_SHA256_LEN)) {
            found = &key[i];
        }
    }

    return found != NULL ? found : ngx_mutt_find_key(r, digest);
}


const ngx_mutt_key_t *
ngx_mutt_identify(ngx_http_request_t *r, mutt_str_t text)
{
    u_char  digest[MUTT_SHA256_LEN];

    return ngx_mutt_digest(text, digest) == NGX_OK
           ? ngx_mutt_key_of(r, digest) : NULL;
}


static void
ngx_mutt_forget_sent(void *data)
{
    ngx_explicit_memzero(data, sizeof(ngx_mutt_sent_key_t));
}


/* What the connection remembers; NULL: nothing yet. */
static ngx_mutt_sent_key_t *
ngx_mutt_sent_before(ngx_connection_t *c)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = c->pool->cleanup; cln != NULL; cln = cln->next) {
        if (cln->handler == ngx_mutt_forget_sent) {
            return cln->data;
        }
    }

    return NULL;
}


/* Without memory for it the next request is hashed too. */
static void
ngx_mutt_remember_sent(ngx_connection_t *c, ngx_mutt_sent_key_t *sent,
    mutt_str_t text, const u_char *digest)
{
    ngx_pool_cleanup_t  *cln;

    if (text.len > NGX_MUTT_KEY_REMEMBER) {
        return;
    }

    if (sent == NULL) {
        cln = ngx_pool_cleanup_add(c->pool, sizeof(ngx_mutt_sent_key_t));

        if (cln == NULL) {
            return;
        }

        cln->handler = ngx_mutt_forget_sent;
        sent = cln->data;
    }

    sent->len = text.len;
    ngx_memcpy(sent->text, text.data, text.len);
    ngx_memcpy(sent->digest, digest, MUTT_SHA256_LEN);
}


const ngx_mutt_key_t *
ngx_mutt_authenticate(ngx_http_request_t *r)
{
    u_char                 digest[MUTT_SHA256_LEN];
    ngx_str_t             *value;
    mutt_str_t             text;
    ngx_uint_t             count;
    ngx_mutt_sent_key_t   *sent;
    const ngx_mutt_key_t  *key;

    value = ngx_mutt_find_header(r, "x-api-key", &count);

    /* two keys are nobody's */
    if (count != 1) {
        return NULL;
    }

    text = (mutt_str_t) { (char *) value->data, value->len };
    sent = ngx_mutt_sent_before(r->connection);

    if (sent != NULL && sent->len == text.len
        && mutt_equal_constant_time(sent->text, text.data, text.len))
    {
        return ngx_mutt_key_of(r, sent->digest);
    }

    if (ngx_mutt_digest(text, digest) != NGX_OK) {
        return NULL;
    }

    key = ngx_mutt_key_of(r, digest);

    if (key != NULL) {
        ngx_mutt_remember_sent(r->connection, sent, text, digest);
    }

    return key;
}


const ngx_mutt_key_t *
ngx_mutt_session_key(ngx_http_request_t *r, mutt_str_t id,
    ngx_mutt_session_t *session)
{
    u_char                 proof[NGX_MUTT_HEX_LEN];
    ngx_uint_t             i;
    ngx_mutt_key_t        *key;
    ngx_mutt_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_mutt_module);
    key = mcf->keys->elts;

    for (i = 0; i < mcf->keys->nelts; i++) {
        if (key[i].id.len == id.len
            && ngx_memcmp(key[i].id.data, id.data, id.len) == 0
            && ngx_mutt_session_proof(session->token, key[i].digest, proof)
               == NGX_OK
            && mutt_equal_constant_time(proof, session->proof, sizeof(proof)))
        {
            return &key[i];
        }
    }

    return ngx_mutt_find_session_key(r, id, session);
}


static ngx_int_t
ngx_mutt_refuse_for(ngx_http_request_t *r, ngx_msec_t wait)
{
    char        extra[48];
    ngx_int_t   seconds;

    seconds = wait / 1000 + 1;
    (void) snprintf(extra, sizeof(extra), ",\"retry_after\":%ld",
                    (long) seconds);

    if (ngx_mutt_add_int_header(r, "Retry-After", seconds) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_mutt_send_error_text(r, MUTT_API_RATE_LIMITED,
                                    "Too many failed attempts",
                                    mutt_str(extra));
}


ngx_int_t
ngx_mutt_refuse(ngx_http_request_t *r, ngx_uint_t weight)
{
    ngx_str_t        value;
    ngx_msec_t       wait;
    ngx_mutt_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);
    wait = weight == 0 ? 0 : ngx_mutt_guard_failed(r, weight);

    if (ctx->route->group == NGX_MUTT_INGEST) {
        ngx_mutt_ingest_count(r, wait > 0 ? MUTT_API_RATE_LIMITED
                                          : MUTT_API_UNAUTHORIZED);
    }

    mutt_metric_add(ngx_mutt_slots(),
                    wait > 0 ? MUTT_M_AUTH_FAILURES_LIMITED
                    : weight == 0 ? MUTT_M_AUTH_FAILURES_MISSING
                                  : MUTT_M_AUTH_FAILURES_WRONG, 1);

    if (wait > 0) {
        return ngx_mutt_refuse_for(r, wait);
    }

    ngx_str_set(&value, "MUTT-Key");

    if (ngx_mutt_add_header(r, "WWW-Authenticate", &value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_mutt_send_error(r, MUTT_API_UNAUTHORIZED, mutt_str(NULL));
}
