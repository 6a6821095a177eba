
/*
 * How the pipeline stands, in one look at Redis, and how often each rule has
 * matched: what the dashboard asks again and again.
 */


#include "ngx_mutt_api.h"

#include <hiredis/hiredis.h>

#include "domain/mutt_keys.h"


#define NGX_MUTT_STATUS_KEYS   3
#define NGX_MUTT_STATUS_ARGS   2


static ngx_int_t ngx_mutt_status_ask(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_hits_select(ngx_mutt_flow_t *flow);


const ngx_mutt_step_t  ngx_mutt_status_show[] = {
    { "ask", ngx_mutt_status_ask },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_rules_hits[] = {
    { "select", ngx_mutt_hits_select },
    { "answer", ngx_mutt_step_answer },
    { NULL, NULL }
};


static const struct {
    const char      *name;
    mutt_setting_t   key;
} ngx_mutt_status_queues[] = {
    { "ingest",  MUTT_SET_INGEST_QUEUE_NAME },
    { "alert",   MUTT_SET_ALERT_QUEUE_NAME },
    { "alerter", MUTT_SET_ALERTER_DLQ_NAME },
    { "moog",    MUTT_SET_MOOG_DLQ_NAME },
    { "dead",    MUTT_SET_DEAD_LETTER_QUEUE },
};

#define NGX_MUTT_STATUS_QUEUES                                                \
    (sizeof(ngx_mutt_status_queues) / sizeof(ngx_mutt_status_queues[0]))


static ngx_int_t
ngx_mutt_status_told(ngx_mutt_flow_t *flow, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    mutt_buf_t  b;

    if (reply == NULL || reply->type != REDIS_REPLY_STRING) {
        return ngx_mutt_flow_no_redis(flow);
    }

    mutt_buf_init(&b, reply->len + 16);
    mutt_buf_add(&b, reply->str, reply->len);

    return ngx_mutt_flow_answer(flow, NGX_HTTP_OK, &b);
}


static ngx_int_t
ngx_mutt_status_ask(ngx_mutt_flow_t *flow)
{
    ngx_uint_t              i;
    const mutt_settings_t  *settings;

    if (ngx_mutt_flow_eval(flow, MUTT_SCRIPT_STATUS,
                           NGX_MUTT_STATUS_KEYS + NGX_MUTT_STATUS_QUEUES,
                           NGX_MUTT_STATUS_ARGS + NGX_MUTT_STATUS_QUEUES,
                           ngx_mutt_status_told)
        != NGX_OK)
    {
        return ngx_mutt_flow_no_redis(flow);
    }

    settings = ngx_mutt_settings();

    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_WORKERS]);
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_BREAKER]);
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_RETRY]);

    for (i = 0; i < NGX_MUTT_STATUS_QUEUES; i++) {
        ngx_mutt_redis_text(mutt_set_text(settings,
                                          ngx_mutt_status_queues[i].key));
    }

    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_PROCESSING]);
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_HEARTBEAT]);

    for (i = 0; i < NGX_MUTT_STATUS_QUEUES; i++) {
        ngx_mutt_redis_text(ngx_mutt_status_queues[i].name);
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_mutt_hits_select(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_HITS, 0);
}
