
/*
 * What became of the requests of a batch, by what Redis answers to its call.
 */


#include "ngx_mutt_push.h"

#include <hiredis/hiredis.h>


/* of a reply: before the first exception, and per exception */
#define NGX_MUTT_ANSWER_HEAD     5
#define NGX_MUTT_EXCEPTION       4

/* what the reply says of the limiter */
#define NGX_MUTT_LIMITER_ON      1
#define NGX_MUTT_LIMITER_FAILED  2

/* instead of a status: what the limit of the request's key leaves */
#define NGX_MUTT_OWN_LIMIT       4


static ngx_flag_t  ngx_mutt_no_memory;   /* for LPUSHX, in Redis */


/*
 * Redis takes nothing more until workers have drained what it has, which they
 * do: to a sender that is a full queue.
 */

static ngx_flag_t
ngx_mutt_out_of_memory(redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR
           && ngx_strncmp(reply->str, "OOM ", 4) == 0;
}


static void
ngx_mutt_warn_refused(redisReply *reply)
{
    static time_t  warned;

    if (warned == ngx_time()) {
        return;
    }

    warned = ngx_time();
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "mutt: redis refuses events: %s",
                  reply->type == REDIS_REPLY_ERROR ? reply->str
                                                   : "odd reply");
}


/* MULTI, or one that was queued, unless Redis refuses it at once. */
void
ngx_mutt_queued(void *data, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        ngx_mutt_warn_refused(reply);
        ngx_mutt_no_memory |= ngx_mutt_out_of_memory(reply);
    }
}


static ngx_flag_t
ngx_mutt_no_script(redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR
           && ngx_strncmp(reply->str, "NOSCRIPT", 8) == 0;
}


/* Whether a reply is what the script answers about so many requests. */
static ngx_flag_t
ngx_mutt_understood(ngx_mutt_batch_t *batch, redisReply *reply)
{
    size_t  i;

    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements < NGX_MUTT_ANSWER_HEAD
        || (reply->elements - NGX_MUTT_ANSWER_HEAD) % NGX_MUTT_EXCEPTION != 0)
    {
        return 0;
    }

    for (i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type != REDIS_REPLY_INTEGER) {
            return 0;
        }
    }

    for (i = NGX_MUTT_ANSWER_HEAD; i < reply->elements;
         i += NGX_MUTT_EXCEPTION)
    {
        if (reply->element[i]->integer < 0
            || reply->element[i]->integer >= (long long) batch->n)
        {
            return 0;
        }
    }

    return 1;
}


/*
 * Sets what became of each request: all is queued but for the exceptions,
 * and depth and limit move on from one to the next.  Returns how many events
 * were pushed, of requests that are gone too.
 */

static ngx_int_t
ngx_mutt_read_answers(ngx_mutt_batch_t *batch, redisReply *reply)
{
    size_t                   at;
    ngx_int_t                depth, left, pushed, before, limit;
    redisReply             **own;
    ngx_uint_t               i, n;
    redisReply             **a;
    ngx_mutt_push_t         *push;
    ngx_mutt_push_status_t   status;

    a = reply->element;
    depth = a[2]->integer;
    left = a[3]->integer;
    before = depth;
    limit = mutt_set_int(ngx_mutt_settings(), MUTT_SET_INGEST_MAX_RATE);
    at = NGX_MUTT_ANSWER_HEAD;

    for (i = 0; i < batch->n; i++) {
        n = batch->sizes[i];
        status = NGX_MUTT_PUSH_QUEUED;
        pushed = n;
        own = NULL;

        if (at < reply->elements && a[at]->integer == (long long) i
            && a[at + 1]->integer == NGX_MUTT_OWN_LIMIT)
        {
            own = &a[at + 2];
            at += NGX_MUTT_EXCEPTION;
        }

        if (at < reply->elements && a[at]->integer == (long long) i) {
            status = (ngx_mutt_push_status_t) a[at + 1]->integer;
            pushed = a[at + 2]->integer;
            at += NGX_MUTT_EXCEPTION;
        }

        if (status == NGX_MUTT_PUSH_QUEUED) {
            depth += pushed;
            left -= n;
        }

        push = batch->pushes[i];

        if (push == NULL) {
            continue;
        }

        push->status = status;
        push->depth = depth;
        push->pushed = pushed;
        push->duplicates = status == NGX_MUTT_PUSH_QUEUED ? n - pushed : 0;
        push->limit = limit;
        push->remaining = a[1]->integer == NGX_MUTT_LIMITER_ON
                          ? ngx_max(left, 0) : -1;
        push->reset = a[4]->integer;

        if (own != NULL && own[0]->integer < push->remaining) {
            push->limit = push->key_limit;
            push->remaining = own[0]->integer;
            push->reset = own[1]->integer;
        }
    }

    ngx_mutt_push_depth(depth);

    return depth - before;
}


static void
ngx_mutt_limiter_failed(ngx_mutt_batch_t *batch)
{
    static time_t  warned;

    mutt_metric_add(ngx_mutt_slots(), MUTT_M_INGEST_RATE_ERRORS_ALL, batch->n);

    if (warned + 60 <= ngx_time()) {
        warned = ngx_time();
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "mutt: the rate limiter is broken, "
                      "requests pass unlimited");
    }
}


void
ngx_mutt_pushed(void *data, struct redisReply *answer)
{
    redisReply        *reply = (redisReply *) answer;
    ngx_mutt_batch_t  *batch = data;

    ngx_mutt_call_ended();

    if (reply != NULL && ngx_mutt_no_script(reply)) {
        ngx_mutt_redis_load();
        ngx_mutt_push_again(batch, 0);
        return;
    }

    if (reply == NULL || !ngx_mutt_understood(batch, reply)) {

        if (reply != NULL) {
            ngx_mutt_warn_refused(reply);
        }

        ngx_mutt_set_status(batch, reply != NULL
                                   && ngx_mutt_out_of_memory(reply)
                                   ? NGX_MUTT_PUSH_FULL
                                   : NGX_MUTT_PUSH_FAILED, 0);
        ngx_mutt_end_batch(batch);
        return;
    }

    ngx_mutt_witness(batch->seen, reply->element[0]->integer,
                     ngx_mutt_read_answers(batch, reply));

    if (reply->element[1]->integer == NGX_MUTT_LIMITER_FAILED) {
        ngx_mutt_limiter_failed(batch);
    }

    ngx_mutt_batch_taken(batch);
}


/* What one of a transaction's commands could not do, as a reply to all. */
static void
ngx_mutt_executed_not(ngx_mutt_batch_t *batch, redisReply *reply)
{
    ngx_mutt_call_ended();
    ngx_mutt_warn_refused(reply);
    ngx_mutt_set_status(batch, ngx_mutt_no_memory ? NGX_MUTT_PUSH_FULL
                                                  : NGX_MUTT_PUSH_FAILED, 0);
    ngx_mutt_no_memory = 0;
    ngx_mutt_end_batch(batch);
}


void
ngx_mutt_executed(void *data, struct redisReply *answer)
{
    redisReply        *reply = (redisReply *) answer;
    ngx_mutt_batch_t  *batch = data;

    redisReply  *script;

    if (reply == NULL) {
        ngx_mutt_pushed(batch, NULL);
        return;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) {
        ngx_mutt_executed_not(batch, reply);
        return;
    }

    script = reply->element[0];

    if (script->type == REDIS_REPLY_ARRAY && script->elements == 1) {
        ngx_mutt_call_ended();
        ngx_mutt_push_again(batch, 1);
        return;
    }

    /* the queue is as long as it was with all events, or nothing was done */
    if (script->type == REDIS_REPLY_ARRAY
        && (!ngx_mutt_understood(batch, script)
            || reply->element[1]->type != REDIS_REPLY_INTEGER
            || reply->element[1]->integer
               != script->element[2]->integer + (ngx_int_t) batch->events
            || reply->element[2]->type != REDIS_REPLY_INTEGER
            || reply->element[2]->integer != 1))
    {
        ngx_mutt_executed_not(batch, reply);
        return;
    }

    ngx_mutt_pushed(batch, (struct redisReply *) script);
}
