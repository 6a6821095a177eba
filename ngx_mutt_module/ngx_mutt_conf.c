
#include "ngx_mutt_module.h"
#include "ngx_mutt_keyring.h"


static char *ngx_mutt_serve(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static void ngx_mutt_free_settings(void *data);


static ngx_conf_enum_t  ngx_mutt_limit_statuses[] = {
    { ngx_string("429"), 429 },
    { ngx_string("503"), 503 },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_mutt_malformed[] = {
    { ngx_string("reject"), NGX_MUTT_MALFORMED_REJECT },
    { ngx_string("dead-letter"), NGX_MUTT_MALFORMED_DEAD_LETTER },
    { ngx_null_string, 0 }
};


static ngx_uint_t  ngx_mutt_serve_ingest = NGX_MUTT_INGEST;
static ngx_uint_t  ngx_mutt_serve_api = NGX_MUTT_API;
static ngx_uint_t  ngx_mutt_serve_metrics = NGX_MUTT_METRICS;
static ngx_uint_t  ngx_mutt_serve_health = NGX_MUTT_HEALTH;
static ngx_uint_t  ngx_mutt_serve_dashboard = NGX_MUTT_DASHBOARD;


ngx_command_t  ngx_mutt_commands[] = {

    { ngx_string("mutt_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_mutt_main_conf_t, redis),
      NULL },

    { ngx_string("mutt_redis_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_mutt_main_conf_t, redis_timeout),
      NULL },

    { ngx_string("mutt_redis_failures"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_mutt_main_conf_t, redis_failures),
      NULL },

    { ngx_string("mutt_durability"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_mutt_durability,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mutt_postgres"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_mutt_main_conf_t, postgres),
      NULL },

    { ngx_string("mutt_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_mutt_main_conf_t, zone_size),
      NULL },

    { ngx_string("mutt_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE3,
      ngx_mutt_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mutt_inflight_events"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_mutt_main_conf_t, inflight_events),
      NULL },

    { ngx_string("mutt_inflight_bytes"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_mutt_main_conf_t, inflight_bytes),
      NULL },

    { ngx_string("mutt_ingest"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_mutt_serve,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_mutt_serve_ingest },

    { ngx_string("mutt_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_mutt_serve,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_mutt_serve_api },

    { ngx_string("mutt_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_mutt_serve,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_mutt_serve_metrics },

    { ngx_string("mutt_health"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_mutt_serve,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_mutt_serve_health },

    { ngx_string("mutt_dashboard"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_mutt_serve,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_mutt_serve_dashboard },

    { ngx_string("mutt_limit_status"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mutt_loc_conf_t, limit_status),
      ngx_mutt_limit_statuses },

    { ngx_string("mutt_malformed"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mutt_loc_conf_t, malformed),
      ngx_mutt_malformed },

    ngx_null_command
};


static char *
ngx_mutt_serve(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mutt_loc_conf_t  *lcf = conf;

    ngx_str_t                  *dir;
    ngx_uint_t                 *serves = cmd->post;
    ngx_mutt_srv_conf_t        *scf;
    ngx_mutt_main_conf_t       *mcf;
    ngx_http_core_loc_conf_t   *clcf;

    if (lcf->serves & *serves) {
        return "is duplicate";
    }

    lcf->serves |= *serves;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_mutt_dispatch;

    scf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_mutt_module);
    scf->used = 1;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mutt_module);
    mcf->used = 1;

    if (cf->args->nelts == 2) {
        dir = cf->args->elts;

        return ngx_mutt_web_conf(cf, &dir[1], &lcf->web);
    }

    return NGX_CONF_OK;
}


/* What is read there nginx hands on to its successor, as "env name;" does. */
const char *
ngx_mutt_environment(ngx_conf_t *cf, const char *name)
{
    ngx_str_t        *var;
    ngx_uint_t        i;
    const char       *value;
    ngx_core_conf_t  *ccf;

    value = getenv(name);

    if (value == NULL) {
        return NULL;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);
    var = ccf->env.elts;

    for (i = 0; i < ccf->env.nelts; i++) {
        if (var[i].len == ngx_strlen(name)
            && ngx_memcmp(var[i].data, name, var[i].len) == 0)
        {
            return value;
        }
    }

    var = ngx_array_push(&ccf->env);

    if (var != NULL) {
        var->len = ngx_strlen(name);
        var->data = ngx_pcalloc(cf->pool, var->len + 1);

        if (var->data != NULL) {
            ngx_memcpy(var->data, name, var->len);

        } else {
            ccf->env.nelts--;
        }
    }

    return value;
}


/* the configuration that settings are loaded for */
static ngx_conf_t  *ngx_mutt_loading;


static const char *
ngx_mutt_getenv(const char *name)
{
    return ngx_mutt_environment(ngx_mutt_loading, name);
}


static void
ngx_mutt_free_settings(void *data)
{
    mutt_settings_destroy(data);
}


void *
ngx_mutt_create_main_conf(ngx_conf_t *cf)
{
    mutt_err_t             err;
    ngx_pool_cleanup_t    *cln;
    ngx_mutt_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_mutt_main_conf_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (mcf == NULL || cln == NULL) {
        return NULL;
    }

    ngx_mutt_loading = cf;

    if (mutt_settings_load(ngx_mutt_getenv, &mcf->settings, &err) != MUTT_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "mutt: %s", err.text);
        return NULL;
    }

    cln->handler = ngx_mutt_free_settings;
    cln->data = mcf->settings;

    mcf->keys = ngx_array_create(cf->pool, 4, sizeof(ngx_mutt_key_t));
    if (mcf->keys == NULL) {
        return NULL;
    }

    mcf->redis_timeout = NGX_CONF_UNSET_MSEC;
    mcf->redis_failures = NGX_CONF_UNSET;
    mcf->durability = NGX_CONF_UNSET_UINT;
    mcf->wait_timeout = 200;
    mcf->zone_size = NGX_CONF_UNSET_SIZE;
    mcf->inflight_events = NGX_CONF_UNSET;
    mcf->inflight_bytes = NGX_CONF_UNSET_SIZE;

    return mcf;
}


/* "unix:///path", "unix:/path", "redis://[:password@]host[:port][/db]" */
static char *
ngx_mutt_parse_redis(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf)
{
    u_char      *at, *slash, *colon;
    ngx_str_t    url;
    ngx_flag_t   path;

    url = mcf->redis;

    if (url.len > 9 && ngx_strncmp(url.data, "rediss://", 9) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "mutt_redis does not speak TLS, use a unix socket "
                           "or a tunnel on loopback");
        return NGX_CONF_ERROR;
    }

    if (url.len > 7 && ngx_strncmp(url.data, "unix://", 7) == 0) {
        mcf->redis_url.url.len = url.len - 2;
        mcf->redis_url.url.data = ngx_pnalloc(cf->pool, url.len);

        if (mcf->redis_url.url.data == NULL) {
            return NGX_CONF_ERROR;
        }

        (void) ngx_sprintf(mcf->redis_url.url.data, "unix:%*s", url.len - 7,
                           url.data + 7);

    } else {
        if (url.len > 8 && ngx_strncmp(url.data, "redis://", 8) == 0) {
            url.data += 8;
            url.len -= 8;
        }

        path = ngx_strncmp(url.data, "unix:", 5) == 0;
        at = path ? NULL : memrchr(url.data, '@', url.len);

        if (at != NULL) {
            colon = ngx_strlchr(url.data, at, ':');
            colon = colon == NULL ? url.data : colon + 1;
            mcf->redis_passwords[0].data = colon;
            mcf->redis_passwords[0].len = at - colon;
            url.len -= at + 1 - url.data;
            url.data = at + 1;
        }

        slash = path ? NULL : ngx_strlchr(url.data, url.data + url.len, '/');

        if (slash != NULL) {
            mcf->redis_db = ngx_atoi(slash + 1,
                                     url.data + url.len - slash - 1);
            mcf->redis_db = ngx_max(mcf->redis_db, 0);
            url.len = slash - url.data;
        }

        mcf->redis_url.url = url;
    }

    mcf->redis_url.default_port = 6379;

    if (ngx_parse_url(cf->pool, &mcf->redis_url) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in mutt_redis",
                           mcf->redis_url.err ? mcf->redis_url.err : "error");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static void
ngx_mutt_take_text(ngx_str_t *text, const mutt_settings_t *settings,
    mutt_setting_t id)
{
    text->data = (u_char *) mutt_set_text(settings, id);
    text->len = ngx_strlen(text->data);
}


static char *
ngx_mutt_default_redis(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf)
{
    const char  *url, *host;

    url = mutt_set_text(mcf->settings, MUTT_SET_REDIS_URL);
    host = mutt_set_text(mcf->settings, MUTT_SET_REDIS_HOST);

    ngx_mutt_take_text(&mcf->redis_passwords[0], mcf->settings,
                       MUTT_SET_REDIS_PASS_CURRENT);
    ngx_mutt_take_text(&mcf->redis_passwords[1], mcf->settings,
                       MUTT_SET_REDIS_PASS_NEXT);
    mcf->redis_db = mutt_set_int(mcf->settings, MUTT_SET_REDIS_DB);

    if (mcf->redis.len == 0 && url[0] != '\0') {
        mcf->redis.data = (u_char *) url;
        mcf->redis.len = ngx_strlen(url);
    }

    /* an address of nginx' own may be a tunnel's */
    if (mcf->redis.len == 0
        && mutt_set_bool(mcf->settings, MUTT_SET_REDIS_TLS_ENABLED))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "REDIS_TLS_ENABLED is set, but nginx does not speak "
                           "TLS to redis: set mutt_redis to a unix socket or a "
                           "tunnel on loopback");
        return NGX_CONF_ERROR;
    }

    if (mcf->redis.len == 0) {
        mcf->redis.data = ngx_pnalloc(cf->pool, ngx_strlen(host) + 8);

        if (mcf->redis.data == NULL) {
            return NGX_CONF_ERROR;
        }

        mcf->redis.len = ngx_sprintf(mcf->redis.data, "%s:%L", host,
                                     mutt_set_int(mcf->settings,
                                                  MUTT_SET_REDIS_PORT))
                         - mcf->redis.data;
    }

    return ngx_mutt_parse_redis(cf, mcf);
}


char *
ngx_mutt_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_mutt_main_conf_t  *mcf = conf;

    size_t      needed;
    ngx_str_t   name;

    if (!mcf->used) {
        return NGX_CONF_OK;
    }

    ngx_conf_init_msec_value(mcf->redis_timeout,
                             (ngx_msec_t) mutt_set_int(mcf->settings,
                                                 MUTT_SET_REDIS_TIMEOUT_MS));
    ngx_conf_init_value(mcf->redis_failures, 2);
    ngx_conf_init_uint_value(mcf->durability, MUTT_DURABLE_MEMORY);
    ngx_conf_init_size_value(mcf->zone_size, 16 * 1024 * 1024);
    ngx_conf_init_value(mcf->inflight_events, 100000);
    ngx_conf_init_size_value(mcf->inflight_bytes, 64 * 1024 * 1024);

    needed = NGX_MAX_PROCESSES * (mutt_metrics_slots() + 1) * sizeof(uint64_t)
             + 16 * ngx_pagesize;

    if (mcf->zone_size < needed) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "mutt_zone must be at least %uz bytes", needed);
        return NGX_CONF_ERROR;
    }

    if (ngx_mutt_default_redis(cf, mcf) != NGX_CONF_OK
        || ngx_mutt_default_keys(cf, mcf) != NGX_CONF_OK
        || ngx_mutt_pg_conf(cf, mcf) != NGX_CONF_OK
        || ngx_mutt_durability_check(cf, mcf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* another layout must not find an old segment */
    name.data = ngx_pnalloc(cf->pool, 64);
    if (name.data == NULL) {
        return NGX_CONF_ERROR;
    }

    name.len = ngx_sprintf(name.data, "mutt_metrics_%uz", mutt_metrics_slots())
               - name.data;

    mcf->zone = ngx_shared_memory_add(cf, &name, mcf->zone_size,
                                      &ngx_http_mutt_module);
    if (mcf->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf->zone->init = ngx_mutt_init_zone;
    mcf->zone->data = mcf;

    if (ngx_mutt_keyring_zone(cf, mcf) != NGX_CONF_OK
        || ngx_mutt_live_zone(cf, mcf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_mutt_guard_zone(cf, mcf);
}


void *
ngx_mutt_create_srv_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_mutt_srv_conf_t));
}


char *
ngx_mutt_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    return NGX_CONF_OK;
}


void *
ngx_mutt_create_loc_conf(ngx_conf_t *cf)
{
    ngx_mutt_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_mutt_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    lcf->limit_status = NGX_CONF_UNSET_UINT;
    lcf->malformed = NGX_CONF_UNSET_UINT;

    return lcf;
}


char *
ngx_mutt_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mutt_loc_conf_t  *prev = parent;
    ngx_mutt_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* of limit_except and if, which are no other place */
    if (clcf->noname && conf->serves == 0 && prev->serves != 0) {
        conf->serves = prev->serves;
        conf->web = prev->web;
        clcf->handler = ngx_mutt_dispatch;
    }

    ngx_conf_merge_uint_value(conf->limit_status, prev->limit_status, 429);
    ngx_conf_merge_uint_value(conf->malformed, prev->malformed,
                              NGX_MUTT_MALFORMED_REJECT);

    return NGX_CONF_OK;
}
