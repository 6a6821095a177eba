
/*
 * Live settings: what is stored in Redis, asked for on every new connection
 * and each second, so that a change applies to the next requests without a
 * restart.  What was stored last is in shared memory too, for a process that
 * has not asked yet: a reload is no moment without them.
 */


#include "ngx_mutt_module.h"

#include <hiredis/hiredis.h>

#include "domain/mutt_keys.h"


#define NGX_MUTT_LIVE_INTERVAL  1000


/* what was stored last, in the order of the live settings */
typedef struct {
    ngx_flag_t   given[MUTT_SETTING_COUNT];
    char         values[MUTT_SETTING_COUNT][MUTT_SETTING_TEXT];
} ngx_mutt_stored_t;


static ngx_int_t ngx_mutt_live_init_zone(ngx_shm_zone_t *zone, void *data);
static void ngx_mutt_live_handler(ngx_event_t *ev);
static void ngx_mutt_live_reply(void *data, struct redisReply *reply);
static void ngx_mutt_live_recall(void);


static ngx_event_t             ngx_mutt_live_event;
static mutt_settings_t        *ngx_mutt_live_settings;
static ngx_mutt_main_conf_t   *ngx_mutt_live_conf;
static ngx_uint_t              ngx_mutt_generation;
static uint32_t                ngx_mutt_live_crc;
static ngx_slab_pool_t        *ngx_mutt_live_pool;
static ngx_mutt_stored_t      *ngx_mutt_stored;


char *
ngx_mutt_live_zone(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf)
{
    static ngx_str_t  name = ngx_string("mutt_live");

    mcf->live = ngx_shared_memory_add(cf, &name, sizeof(ngx_mutt_stored_t)
                                                 + 16 * ngx_pagesize,
                                      &ngx_http_mutt_module);
    if (mcf->live == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf->live->init = ngx_mutt_live_init_zone;
    mcf->live->data = mcf;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mutt_live_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t  *pool;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data != NULL || zone->shm.exists) {
        return NGX_OK;
    }

    pool->data = ngx_slab_calloc(pool, sizeof(ngx_mutt_stored_t));

    return pool->data == NULL ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_mutt_live_init(ngx_cycle_t *cycle, ngx_mutt_main_conf_t *mcf)
{
    ngx_mutt_live_conf = mcf;
    ngx_mutt_live_settings = NULL;
    ngx_mutt_live_crc = 0;
    ngx_mutt_live_pool = (ngx_slab_pool_t *) mcf->live->shm.addr;
    ngx_mutt_stored = ngx_mutt_live_pool->data;
    ngx_mutt_live_recall();

    ngx_memzero(&ngx_mutt_live_event, sizeof(ngx_event_t));
    ngx_mutt_live_event.handler = ngx_mutt_live_handler;
    ngx_mutt_live_event.log = cycle->log;
    ngx_mutt_live_event.cancelable = 1;
    ngx_mutt_live_event.data = &ngx_mutt_live_event;
    ngx_add_timer(&ngx_mutt_live_event, 1);

    return NGX_OK;
}


void
ngx_mutt_live_exit(void)
{
    mutt_settings_destroy(ngx_mutt_live_settings);
    ngx_mutt_live_settings = NULL;
}


const mutt_settings_t *
ngx_mutt_settings(void)
{
    return ngx_mutt_live_settings != NULL ? ngx_mutt_live_settings
                                          : ngx_mutt_live_conf->settings;
}


ngx_uint_t
ngx_mutt_settings_generation(void)
{
    return ngx_mutt_generation;
}


ngx_uint_t
ngx_mutt_live_words(void)
{
    size_t  n;

    (void) mutt_settings_live(&n);

    return 1 + n;
}


void
ngx_mutt_live_write(void)
{
    char                   name[128];
    size_t                 n, i;
    const mutt_setting_t  *live;

    live = mutt_settings_live(&n);
    ngx_mutt_redis_text("MGET");

    for (i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "%s%s", mutt_keys[MUTT_KEY_CONFIG],
                        mutt_setting_rows[live[i]].name);
        ngx_mutt_redis_text(name);
    }
}


static void
ngx_mutt_live_ask(void)
{
    if (ngx_mutt_redis_begin(ngx_mutt_live_words(), ngx_mutt_live_reply, NULL)
        == NGX_OK)
    {
        ngx_mutt_live_write();
    }
}


static void
ngx_mutt_depth_reply(void *data, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) {
        ngx_mutt_push_depth(reply->integer);
    }
}


static void
ngx_mutt_depth_ask(void)
{
    const char  *queue;

    queue = mutt_set_text(ngx_mutt_settings(), MUTT_SET_INGEST_QUEUE_NAME);

    if (ngx_mutt_redis_begin(2, ngx_mutt_depth_reply, NULL) == NGX_OK) {
        (void) ngx_mutt_redis_word("LLEN", 4);
        (void) ngx_mutt_redis_word(queue, strlen(queue));
    }
}


static void
ngx_mutt_live_handler(ngx_event_t *ev)
{
    if (ngx_exiting) {
        return;
    }

    ngx_mutt_live_ask();
    ngx_mutt_depth_ask();
    ngx_mutt_clock_ask();
    ngx_add_timer(ev, NGX_MUTT_LIVE_INTERVAL);
}


/* Makes the values those of this process; whether they are others. */
static ngx_flag_t
ngx_mutt_live_take(const mutt_str_t *values)
{
    size_t            n, i, bad;
    uint32_t          crc;
    mutt_settings_t  *fresh;

    (void) mutt_settings_live(&n);
    ngx_crc32_init(crc);

    for (i = 0; i < n; i++) {
        if (values[i].data != NULL) {
            ngx_crc32_update(&crc, (u_char *) &i, sizeof(i));
            ngx_crc32_update(&crc, (u_char *) values[i].data, values[i].len);
        }
    }

    ngx_crc32_final(crc);

    if (crc == ngx_mutt_live_crc) {
        return 0;
    }

    bad = 0;
    fresh = mutt_settings_apply(ngx_mutt_live_conf->settings, values, &bad);

    if (fresh == NULL) {
        return 0;
    }

    if (bad > 0) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "mutt: %uz stored settings are invalid and ignored",
                      bad);
    }

    mutt_settings_destroy(ngx_mutt_live_settings);
    ngx_mutt_live_settings = fresh;
    ngx_mutt_live_crc = crc;
    mutt_metric_set(ngx_mutt_slots(), MUTT_M_CONFIG_GENERATION_ALL,
                    ++ngx_mutt_generation);

    return 1;
}


/* Begins with what another process was told last. */
static void
ngx_mutt_live_recall(void)
{
    size_t             i;
    mutt_str_t         values[MUTT_SETTING_COUNT];
    ngx_mutt_stored_t  stored;

    ngx_shmtx_lock(&ngx_mutt_live_pool->mutex);
    stored = *ngx_mutt_stored;
    ngx_shmtx_unlock(&ngx_mutt_live_pool->mutex);

    for (i = 0; i < MUTT_SETTING_COUNT; i++) {
        values[i] = stored.given[i] ? mutt_str(stored.values[i])
                                    : (mutt_str_t) { NULL, 0 };
    }

    (void) ngx_mutt_live_take(values);
}


/* What is too long is none of ours. */
static void
ngx_mutt_live_remember(const mutt_str_t *values, size_t n)
{
    size_t  i;

    ngx_shmtx_lock(&ngx_mutt_live_pool->mutex);

    for (i = 0; i < n; i++) {
        ngx_mutt_stored->given[i] = values[i].data != NULL
                                    && values[i].len < MUTT_SETTING_TEXT;

        if (ngx_mutt_stored->given[i]) {
            *ngx_cpymem(ngx_mutt_stored->values[i], values[i].data,
                        values[i].len) = '\0';
        }
    }

    ngx_shmtx_unlock(&ngx_mutt_live_pool->mutex);
}


ngx_int_t
ngx_mutt_live_told(struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    size_t       n, i;
    mutt_str_t   values[MUTT_SETTING_COUNT];
    redisReply  *e;

    (void) mutt_settings_live(&n);

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != n)
    {
        return NGX_OK;
    }

    for (i = 0; i < n; i++) {
        e = reply->element[i];
        values[i] = e->type == REDIS_REPLY_STRING
                    ? (mutt_str_t) { e->str, e->len }
                    : (mutt_str_t) { NULL, 0 };
    }

    if (ngx_mutt_live_take(values)) {
        ngx_mutt_live_remember(values, n);
    }

    return NGX_OK;
}


static void
ngx_mutt_live_reply(void *data, struct redisReply *answer)
{
    (void) ngx_mutt_live_told(answer);
}
