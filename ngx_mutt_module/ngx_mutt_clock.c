
/*
 * When an event was received decides into which month's partition its audit
 * row goes, and when retention drops it.  A clock that is wrong by more than
 * a day is therefore not believed: Redis', which all hosts share, counts
 * then, carried on by the monotonic clock between two answers.
 */


#include "ngx_mutt_module.h"

#include <hiredis/hiredis.h>


#define NGX_MUTT_CLOCK_OFF    (24 * 3600 * MUTT_USEC_SEC)

/* 2026-01-01: a Redis before it has a worse clock than anybody */
#define NGX_MUTT_CLOCK_FIRST  1767225600


static mutt_usec_t  ngx_mutt_clock_base;   /* Redis' less the monotonic one */
static ngx_flag_t   ngx_mutt_clock_known;
static ngx_flag_t   ngx_mutt_clock_wrong;


mutt_usec_t
ngx_mutt_now(void)
{
    ngx_flag_t   wrong;
    mutt_usec_t  own, theirs, off;

    own = mutt_time_now();

    if (!ngx_mutt_clock_known) {
        return own;
    }

    theirs = ngx_mutt_clock_base + mutt_time_mono();
    off = own - theirs;
    wrong = off > NGX_MUTT_CLOCK_OFF || off < -NGX_MUTT_CLOCK_OFF;

    if (wrong != ngx_mutt_clock_wrong) {
        ngx_mutt_clock_wrong = wrong;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mutt: this clock is %L s off redis', %s",
                      (int64_t) (off / MUTT_USEC_SEC),
                      wrong ? "events get the time of redis"
                            : "events get its time again");
    }

    return wrong ? theirs : own;
}


ngx_int_t
ngx_mutt_clock_told(struct redisReply *answer)
{
    ngx_int_t    sec, usec;
    redisReply  *reply = (redisReply *) answer;

    /* a Redis that does not tell serves as well */
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[1]->type != REDIS_REPLY_STRING)
    {
        return NGX_OK;
    }

    sec = ngx_atoi((u_char *) reply->element[0]->str,
                   reply->element[0]->len);
    usec = ngx_atoi((u_char *) reply->element[1]->str,
                    reply->element[1]->len);

    if (sec >= NGX_MUTT_CLOCK_FIRST && usec != NGX_ERROR) {
        ngx_mutt_clock_base = sec * MUTT_USEC_SEC + usec - mutt_time_mono();
        ngx_mutt_clock_known = 1;
    }

    return NGX_OK;
}


static void
ngx_mutt_clock_reply(void *data, struct redisReply *reply)
{
    if (reply != NULL) {
        (void) ngx_mutt_clock_told(reply);
    }
}


void
ngx_mutt_clock_ask(void)
{
    if (ngx_mutt_redis_begin(1, ngx_mutt_clock_reply, NULL) == NGX_OK) {
        (void) ngx_mutt_redis_word("TIME", 4);
    }
}
