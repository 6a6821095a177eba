
/*
 * How the objectives stood before, from the points that mutt-remediation
 * leaves in Redis.
 */


#include "ngx_mutt_api.h"

#include <hiredis/hiredis.h>

#include "domain/mutt_keys.h"
#include "domain/mutt_slo_history.h"


#define NGX_MUTT_HISTORY_DEFAULT  24
#define NGX_MUTT_HISTORY_MAX      (1024 * 1024)


static ngx_int_t ngx_mutt_history_ask(ngx_mutt_flow_t *flow);


const ngx_mutt_step_t  ngx_mutt_slo_history[] = {
    { "ask", ngx_mutt_history_ask },
    { NULL, NULL }
};


static ngx_int_t
ngx_mutt_history_told(ngx_mutt_flow_t *flow, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    size_t             i, n;
    mutt_buf_t         b;
    ngx_int_t         *hours;
    mutt_slo_point_t  *points;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return ngx_mutt_flow_no_redis(flow);
    }

    hours = flow->data;
    points = ngx_palloc(flow->request->pool,
                        (reply->elements + 1) * sizeof(mutt_slo_point_t));

    if (points == NULL) {
        flow->rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DONE;
    }

    n = 0;

    /* what another version has left may be none */
    for (i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type == REDIS_REPLY_STRING
            && mutt_slo_point_read(reply->element[i]->str, &points[n]))
        {
            n++;
        }
    }

    mutt_buf_init(&b, NGX_MUTT_HISTORY_MAX);
    mutt_slo_history_write(&b, *hours, points, n);

    return ngx_mutt_flow_answer(flow, NGX_HTTP_OK, &b);
}


static ngx_int_t
ngx_mutt_history_ask(ngx_mutt_flow_t *flow)
{
    ngx_int_t   rc, *hours;
    mutt_key_t  key;

    hours = ngx_palloc(flow->request->pool, sizeof(ngx_int_t));

    if (hours == NULL) {
        flow->rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DONE;
    }

    flow->data = hours;
    *hours = ngx_mutt_parameter_number(flow, "hours", NGX_MUTT_HISTORY_DEFAULT,
                                       1, MUTT_SLO_HISTORY_HOURS);
    rc = ngx_mutt_judge_parameters(flow);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mutt_flow_ask(flow, 4, ngx_mutt_history_told) != NGX_OK) {
        return ngx_mutt_flow_no_redis(flow);
    }

    key = *hours <= MUTT_SLO_FINE_HOURS ? MUTT_KEY_SLO_5M : MUTT_KEY_SLO_1H;

    ngx_mutt_redis_text("ZRANGEBYSCORE");
    ngx_mutt_redis_text(mutt_keys[key]);
    (void) ngx_mutt_redis_int(ngx_time() - *hours * 3600);
    ngx_mutt_redis_text("+inf");

    return NGX_AGAIN;
}
