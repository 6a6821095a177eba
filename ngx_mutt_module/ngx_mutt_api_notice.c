
/*
 * Change notices: workers load rules again at once instead of at their next
 * interval.  A notice that Redis did not take is sent again until it does.
 */


#include "ngx_mutt_api.h"

#include <hiredis/hiredis.h>

#include "domain/mutt_keys.h"


#define NGX_MUTT_NOTICE_INTERVAL  500


static void ngx_mutt_notice_send(void);
static void ngx_mutt_notice_reply(void *data, struct redisReply *answer);


static ngx_event_t  ngx_mutt_notice_event;


static void
ngx_mutt_notice_handler(ngx_event_t *ev)
{
    ngx_mutt_notice_send();
}


ngx_int_t
ngx_mutt_notice_init(ngx_cycle_t *cycle)
{
    ngx_memzero(&ngx_mutt_notice_event, sizeof(ngx_event_t));
    ngx_mutt_notice_event.handler = ngx_mutt_notice_handler;
    ngx_mutt_notice_event.log = cycle->log;
    ngx_mutt_notice_event.data = &ngx_mutt_notice_event;
    ngx_mutt_notice_event.cancelable = 1;

    return NGX_OK;
}


static void
ngx_mutt_notice_later(void)
{
    if (!ngx_mutt_notice_event.timer_set) {
        ngx_add_timer(&ngx_mutt_notice_event, NGX_MUTT_NOTICE_INTERVAL);
    }
}


static void
ngx_mutt_notice_send(void)
{
    if (ngx_mutt_redis_begin(3, ngx_mutt_notice_reply, NULL) != NGX_OK) {
        ngx_mutt_notice_later();
        return;
    }

    ngx_mutt_redis_text("PUBLISH");
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_UPDATES]);
    ngx_mutt_redis_text("rules");
}


static void
ngx_mutt_notice_reply(void *data, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    if ((reply == NULL || reply->type != REDIS_REPLY_INTEGER) && !ngx_exiting)
    {
        ngx_mutt_notice_later();
    }
}


void
ngx_mutt_notice_rules(void)
{
    ngx_mutt_notice_send();
}
