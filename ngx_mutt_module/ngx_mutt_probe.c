
/*
 * What can't be seen by being connected: a Redis whose disk is full answers
 * what is read and refuses what is written, PING too; and whether PostgreSQL
 * takes rows is known to the alerters, who write them and say so in Redis.
 */


#include "ngx_mutt_module.h"

#include <hiredis/hiredis.h>

#include "domain/mutt_keys.h"


#define NGX_MUTT_PROBE_INTERVAL  2000


static void ngx_mutt_probe_handler(ngx_event_t *ev);


static ngx_event_t  ngx_mutt_probe_event;
static ngx_flag_t   ngx_mutt_writes_refused;
static ngx_flag_t   ngx_mutt_rows_refused;


ngx_int_t
ngx_mutt_probe_init(ngx_cycle_t *cycle)
{
    ngx_mutt_writes_refused = 0;
    ngx_mutt_rows_refused = 0;

    ngx_memzero(&ngx_mutt_probe_event, sizeof(ngx_event_t));
    ngx_mutt_probe_event.handler = ngx_mutt_probe_handler;
    ngx_mutt_probe_event.log = cycle->log;
    ngx_mutt_probe_event.cancelable = 1;
    ngx_mutt_probe_event.data = &ngx_mutt_probe_event;
    ngx_add_timer(&ngx_mutt_probe_event, NGX_MUTT_PROBE_INTERVAL);

    return NGX_OK;
}


ngx_flag_t
ngx_mutt_redis_refuses(void)
{
    return ngx_mutt_writes_refused;
}


ngx_flag_t
ngx_mutt_pg_refuses(void)
{
    return ngx_mutt_rows_refused;
}


static void
ngx_mutt_probe_pong(void *data, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    ngx_flag_t  refused;

    if (reply == NULL) {
        return;
    }

    refused = reply->type == REDIS_REPLY_ERROR
              && ngx_strncmp(reply->str, "MISCONF ", 8) == 0;

    if (refused && !ngx_mutt_writes_refused) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mutt: redis takes no events: %s", reply->str);

    } else if (!refused && ngx_mutt_writes_refused) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "mutt: redis takes events again");
    }

    ngx_mutt_writes_refused = refused;
}


static void
ngx_mutt_probe_rows(void *data, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    if (reply != NULL) {
        ngx_mutt_rows_refused = reply->type == REDIS_REPLY_STRING;
    }
}


static void
ngx_mutt_probe_handler(ngx_event_t *ev)
{
    if (ngx_exiting) {
        return;
    }

    if (ngx_mutt_redis_begin(1, ngx_mutt_probe_pong, NULL) == NGX_OK) {
        ngx_mutt_redis_text("PING");
    }

    if (ngx_mutt_redis_begin(2, ngx_mutt_probe_rows, NULL) == NGX_OK) {
        ngx_mutt_redis_text("GET");
        ngx_mutt_redis_text(mutt_keys[MUTT_KEY_ROWS_REFUSED]);
    }

    ngx_add_timer(ev, NGX_MUTT_PROBE_INTERVAL);
}
