
/*
 * Live settings: what is stored in Redis, asked for each second, so that a
 * change applies to the next requests without a restart.
 */


#include "ngx_mutt_module.h"

#include <hiredis/hiredis.h>

#include "domain/mutt_keys.h"


#define NGX_MUTT_LIVE_INTERVAL  1000


static void ngx_mutt_live_handler(ngx_event_t *ev);
static void ngx_mutt_live_reply(void *data, struct redisReply *reply);


static ngx_event_t             ngx_mutt_live_event;
static mutt_settings_t        *ngx_mutt_live_settings;
static ngx_mutt_main_conf_t   *ngx_mutt_live_conf;
static ngx_uint_t              ngx_mutt_generation;
static uint32_t                ngx_mutt_live_crc;


ngx_int_t
ngx_mutt_live_init(ngx_cycle_t *cycle, ngx_mutt_main_conf_t *mcf)
{
    ngx_mutt_live_conf = mcf;
    ngx_mutt_live_settings = NULL;
    ngx_mutt_live_crc = 0;

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


static void
ngx_mutt_live_ask(void)
{
    char                   name[128];
    size_t                 n, i;
    const mutt_setting_t  *live;

    live = mutt_settings_live(&n);

    if (ngx_mutt_redis_begin(1 + n, ngx_mutt_live_reply, NULL) != NGX_OK) {
        return;
    }

    (void) ngx_mutt_redis_word("MGET", 4);

    for (i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "%s%s", mutt_keys[MUTT_KEY_CONFIG],
                        mutt_setting_rows[live[i]].name);
        (void) ngx_mutt_redis_word(name, strlen(name));
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


static void
ngx_mutt_live_reply(void *data, struct redisReply *answer)
{
    redisReply       *reply = (redisReply *) answer;

    size_t            n, i, bad;
    uint32_t          crc;
    mutt_str_t        values[MUTT_SETTING_COUNT];
    redisReply       *e;
    mutt_settings_t  *fresh;

    (void) mutt_settings_live(&n);

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != n)
    {
        return;
    }

    ngx_crc32_init(crc);

    for (i = 0; i < n; i++) {
        e = reply->element[i];
        values[i] = (mutt_str_t) { NULL, 0 };

        if (e->type == REDIS_REPLY_STRING) {
            values[i] = (mutt_str_t) { e->str, e->len };
            ngx_crc32_update(&crc, (u_char *) &i, sizeof(i));
            ngx_crc32_update(&crc, (u_char *) e->str, e->len);
        }
    }

    ngx_crc32_final(crc);

    if (crc == ngx_mutt_live_crc) {
        return;
    }

    bad = 0;
    fresh = mutt_settings_apply(ngx_mutt_live_conf->settings, values, &bad);

    if (fresh == NULL) {
        return;
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
}
