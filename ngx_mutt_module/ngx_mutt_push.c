
/*
 * All requests that became ready in one turn of the event loop leave in one
 * call of the ingest script.  While a call is out, what becomes ready waits
 * for its answer, unless it is enough to be worth a call anyway: Redis would
 * take it no sooner, and a call costs as much as ten events do.  So the cost
 * of Redis per event falls as load rises, and no request waits for company
 * when there is none.
 *
 * Senders that were answered together send their next requests together.
 * What is ready when they are answered waits for most of them, a millisecond
 * at most; else two halves of the senders would take turns for good, and each
 * call carry half of what it might.
 *
 * Where replicas have to have the events too, one WAIT follows, and what
 * becomes ready meanwhile leaves together when it is answered: WAIT blocks the
 * connection, and one for each turn would queue up behind a slow replica.
 */


#include "ngx_mutt_push.h"

#include <hiredis/hiredis.h>


/* what one call carries at most; a larger request travels alone */
#define NGX_MUTT_BATCH_EVENTS  1000
#define NGX_MUTT_BATCH_BYTES   (4 * 1024 * 1024)

/* from so many events on, commands push them instead of the script */
#define NGX_MUTT_STAGED_EVENTS 8

/* what is worth a call although another one is out */
#define NGX_MUTT_FULL_EVENTS   256
#define NGX_MUTT_FULL_BYTES    (256 * 1024)

/* from so many requests answered together on, their senders are waited for */
#define NGX_MUTT_CROWD         4
#define NGX_MUTT_CROWD_WAIT    1    /* ms */


static void ngx_mutt_push_handler(ngx_event_t *ev);
static void ngx_mutt_crowd_handler(ngx_event_t *ev);


static ngx_queue_t            ngx_mutt_ready;
static ngx_queue_t            ngx_mutt_unsure;    /* batches, till WAIT ends */
static ngx_flag_t             ngx_mutt_waiting;   /* a WAIT is out */
static ngx_event_t            ngx_mutt_push_event;
static ngx_uint_t             ngx_mutt_calls;     /* without an answer */
static ngx_int_t              ngx_mutt_inflight;
static ngx_uint_t             ngx_mutt_held_events;
static ngx_uint_t             ngx_mutt_held_requests;
static ngx_uint_t             ngx_mutt_awaited;   /* ready, with those due */
static ngx_event_t            ngx_mutt_crowd_event;
static size_t                 ngx_mutt_held;      /* bytes of those ready */
static ngx_int_t              ngx_mutt_depth;     /* of the queue, last heard */
static time_t                 ngx_mutt_refused;   /* a batch as a whole, last */
static ngx_mutt_main_conf_t  *ngx_mutt_push_conf;


ngx_int_t
ngx_mutt_push_init(ngx_cycle_t *cycle)
{
    if (ngx_mutt_push_call_init() != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_queue_init(&ngx_mutt_ready);
    ngx_queue_init(&ngx_mutt_unsure);
    ngx_mutt_waiting = 0;
    ngx_memzero(&ngx_mutt_push_event, sizeof(ngx_event_t));
    ngx_mutt_push_event.handler = ngx_mutt_push_handler;
    ngx_mutt_push_event.log = cycle->log;
    ngx_mutt_calls = 0;
    ngx_mutt_inflight = 0;
    ngx_mutt_held = 0;
    ngx_mutt_held_events = 0;
    ngx_mutt_held_requests = 0;
    ngx_mutt_awaited = 0;
    ngx_memzero(&ngx_mutt_crowd_event, sizeof(ngx_event_t));
    ngx_mutt_crowd_event.handler = ngx_mutt_crowd_handler;
    ngx_mutt_crowd_event.log = cycle->log;
    ngx_mutt_refused = 0;
    ngx_mutt_push_conf = ngx_http_cycle_get_module_main_conf(cycle,
                                                       ngx_http_mutt_module);

    return NGX_OK;
}


static size_t
ngx_mutt_push_bytes(ngx_mutt_push_t *push)
{
    return push->elements->len + push->rejected->len;
}


static void
ngx_mutt_hold(ngx_mutt_push_t *push)
{
    push->batch = NULL;
    ngx_mutt_held += ngx_mutt_push_bytes(push);
    ngx_mutt_held_events += push->items->nelts;
    ngx_mutt_held_requests++;
    ngx_queue_insert_tail(&ngx_mutt_ready, &push->queue);
    ngx_post_event(&ngx_mutt_push_event, &ngx_posted_events);
}


static void
ngx_mutt_release(ngx_mutt_push_t *push)
{
    ngx_mutt_held -= ngx_mutt_push_bytes(push);
    ngx_mutt_held_events -= push->items->nelts;
    ngx_mutt_held_requests--;
    ngx_queue_remove(&push->queue);
}


ngx_int_t
ngx_mutt_push(ngx_mutt_push_t *push)
{
    if (!ngx_mutt_redis_ready()) {
        push->status = NGX_MUTT_PUSH_FAILED;
        return NGX_ERROR;
    }

    if (ngx_mutt_inflight + (ngx_int_t) push->items->nelts
        > ngx_mutt_push_conf->inflight_events
        && ngx_mutt_inflight > 0)
    {
        return NGX_DECLINED;
    }

    if (ngx_mutt_held > 0
        && ngx_mutt_held + ngx_mutt_push_bytes(push)
           > ngx_mutt_push_conf->inflight_bytes)
    {
        return NGX_DECLINED;
    }

    ngx_mutt_inflight += push->items->nelts;
    push->pending = 1;
    ngx_mutt_hold(push);

    return NGX_OK;
}


void
ngx_mutt_push_cancel(ngx_mutt_push_t *push)
{
    if (!push->pending) {
        return;
    }

    push->pending = 0;

    if (push->batch != NULL) {
        push->batch->pushes[push->index] = NULL;

    } else {
        ngx_mutt_release(push);
        ngx_mutt_inflight -= push->items->nelts;
    }
}


static void
ngx_mutt_push_done(ngx_mutt_push_t *push)
{
    push->pending = 0;
    push->batch = NULL;
    push->durability = ngx_mutt_durability_level();
    push->done(push);
}


static void
ngx_mutt_await_crowd(ngx_uint_t answered)
{
    if (answered < NGX_MUTT_CROWD) {
        return;
    }

    ngx_mutt_awaited = ngx_mutt_held_requests + answered - answered / 4;
    ngx_add_timer(&ngx_mutt_crowd_event, NGX_MUTT_CROWD_WAIT);
}


static void
ngx_mutt_await_nobody(void)
{
    ngx_mutt_awaited = 0;

    if (ngx_mutt_crowd_event.timer_set) {
        ngx_del_timer(&ngx_mutt_crowd_event);
    }
}


static void
ngx_mutt_crowd_handler(ngx_event_t *ev)
{
    ngx_mutt_await_nobody();
    ngx_mutt_push_wake();
}


void
ngx_mutt_end_batch(ngx_mutt_batch_t *batch)
{
    ngx_uint_t        i;
    ngx_mutt_push_t  *push;

    ngx_mutt_inflight -= batch->events;

    ngx_mutt_await_crowd(batch->n);

    for (i = 0; i < batch->n; i++) {
        push = batch->pushes[i];

        if (push != NULL) {
            batch->pushes[i] = NULL;
            ngx_mutt_push_done(push);
        }
    }

    ngx_free(batch);
}


void
ngx_mutt_batch_taken(ngx_mutt_batch_t *batch)
{
    if (ngx_mutt_waiting) {
        ngx_queue_insert_tail(&ngx_mutt_unsure, &batch->queue);
        return;
    }

    ngx_mutt_end_batch(batch);
}


/* Takes from the queue what fits into one call. */
static ngx_mutt_batch_t *
ngx_mutt_collect(ngx_uint_t *words)
{
    size_t             bytes, more;
    ngx_uint_t         ids;
    ngx_queue_t       *q;
    ngx_mutt_push_t   *push;
    ngx_mutt_batch_t  *batch;

    batch = ngx_alloc(sizeof(ngx_mutt_batch_t), ngx_cycle->log);
    if (batch == NULL) {
        return NULL;
    }

    batch->n = 0;
    batch->events = 0;
    batch->plain = 1;
    batch->limited = 0;
    bytes = 0;
    *words = 0;

    while (!ngx_queue_empty(&ngx_mutt_ready) && batch->n < NGX_MUTT_BATCH_MAX)
    {
        q = ngx_queue_head(&ngx_mutt_ready);
        push = ngx_queue_data(q, ngx_mutt_push_t, queue);
        more = ngx_mutt_push_bytes(push);

        if (batch->n > 0
            && (batch->events + push->items->nelts > NGX_MUTT_BATCH_EVENTS
                || bytes + more > NGX_MUTT_BATCH_BYTES))
        {
            break;
        }

        ngx_mutt_release(push);
        push->batch = batch;
        push->index = batch->n;
        batch->sizes[batch->n] = push->items->nelts;
        batch->pushes[batch->n++] = push;
        batch->events += push->items->nelts;
        bytes += more;
        ids = ngx_mutt_push_ids(push);
        *words += 1 + ids + push->items->nelts + push->rejects->nelts;

        if (ids > 0 || push->rejects->nelts > 0 || push->refused) {
            batch->plain = 0;
        }

        if (push->key_limit > 0) {
            batch->limited = 1;
        }
    }

    return batch;
}


void
ngx_mutt_set_status(ngx_mutt_batch_t *batch, ngx_mutt_push_status_t status,
    ngx_flag_t taken)
{
    ngx_uint_t        i;
    ngx_mutt_push_t  *push;

    for (i = 0; i < batch->n; i++) {
        push = batch->pushes[i];

        if (push == NULL) {
            continue;
        }

        if (!taken) {
            push->depth = ngx_mutt_depth;
            push->status = status;

        } else if (push->status == NGX_MUTT_PUSH_QUEUED) {
            push->status = status;
        }
    }
}


void
ngx_mutt_push_depth(ngx_int_t depth)
{
    ngx_mutt_depth = depth;
    mutt_metric_set(ngx_mutt_slots(), MUTT_M_INGEST_QUEUE_DEPTH_ALL, depth);
    mutt_metric_set(ngx_mutt_slots(), MUTT_M_INGEST_QUEUE_CAPACITY_ALL,
                    (double) mutt_set_int(ngx_mutt_settings(),
                                          MUTT_SET_MAX_INGEST_QUEUE_SIZE));
}


void
ngx_mutt_push_wake(void)
{
    if (!ngx_queue_empty(&ngx_mutt_ready)) {
        ngx_post_event(&ngx_mutt_push_event, &ngx_posted_events);
    }
}


void
ngx_mutt_call_ended(void)
{
    ngx_mutt_calls--;
    ngx_mutt_push_wake();
}


/* Refuses all that is ready; nothing of it was sent. */
static void
ngx_mutt_refuse_ready(void)
{
    ngx_mutt_push_t  *push;

    while (!ngx_queue_empty(&ngx_mutt_ready)) {
        push = ngx_queue_data(ngx_queue_head(&ngx_mutt_ready),
                              ngx_mutt_push_t, queue);
        ngx_mutt_release(push);
        ngx_mutt_inflight -= push->items->nelts;
        push->status = NGX_MUTT_PUSH_FAILED;
        ngx_mutt_push_done(push);
    }
}


/* Sends what is ready; tells how many calls that were. */
static ngx_uint_t
ngx_mutt_flush(void)
{
    ngx_int_t          rc;
    ngx_uint_t         words, sent;
    ngx_mutt_batch_t  *batch;

    sent = 0;

    while (!ngx_queue_empty(&ngx_mutt_ready)) {
        batch = ngx_mutt_collect(&words);

        if (batch == NULL) {
            ngx_mutt_refuse_ready();
            break;
        }

        /* the deadline starts now, not before all these were parsed */
        if (batch->events >= NGX_MUTT_FULL_EVENTS) {
            ngx_time_update();
        }

        batch->seen = ngx_mutt_witnessed();

        if (batch->plain && batch->events >= NGX_MUTT_STAGED_EVENTS
            && ngx_mutt_refused != ngx_time())
        {
            rc = ngx_mutt_send_staged(batch);

        } else {
            rc = ngx_mutt_send_script(batch, words);
        }

        if (rc != NGX_OK) {
            ngx_mutt_set_status(batch, NGX_MUTT_PUSH_FAILED, 0);
            ngx_mutt_end_batch(batch);
            continue;
        }

        ngx_mutt_redis_is(MUTT_M_REDIS_LATENCY_INGEST);
        ngx_mutt_calls++;
        sent++;
    }

    return sent;
}


/* So many replicas have what was flushed. */
static void
ngx_mutt_waited(void *data, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    ngx_int_t          replicas;
    ngx_queue_t       *q;
    ngx_mutt_batch_t  *batch;

    replicas = 0;

    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) {
        replicas = reply->integer;
    }

    ngx_mutt_waiting = 0;
    ngx_mutt_durability_waited(replicas);

    while (!ngx_queue_empty(&ngx_mutt_unsure)) {
        q = ngx_queue_head(&ngx_mutt_unsure);
        ngx_queue_remove(q);
        batch = ngx_queue_data(q, ngx_mutt_batch_t, queue);

        if (replicas < ngx_mutt_push_conf->replicas) {
            ngx_mutt_set_status(batch, NGX_MUTT_PUSH_FAILED, 1);
        }

        ngx_mutt_end_batch(batch);
    }

    ngx_mutt_push_wake();
}


static ngx_flag_t
ngx_mutt_worth_a_call(void)
{
    return (ngx_mutt_calls == 0
            && ngx_mutt_held_requests >= ngx_mutt_awaited)
           || ngx_mutt_held_events >= NGX_MUTT_FULL_EVENTS
           || ngx_mutt_held >= NGX_MUTT_FULL_BYTES;
}


static void
ngx_mutt_push_handler(ngx_event_t *ev)
{
    /* the deadline of the connection, or of the call that is out, is theirs */
    if (ngx_mutt_redis_greeting() || ngx_mutt_waiting
        || !ngx_mutt_worth_a_call())
    {
        return;
    }

    if (!ngx_mutt_durability_holds()) {
        ngx_mutt_refuse_ready();
        return;
    }

    ngx_mutt_await_nobody();

    if (ngx_mutt_flush() == 0
        || ngx_mutt_push_conf->durability != MUTT_DURABLE_REPLICA)
    {
        return;
    }

    if (ngx_mutt_redis_follow(3, ngx_mutt_waited, NULL) == NGX_OK) {
        ngx_mutt_waiting = 1;
        ngx_mutt_redis_text("WAIT");
        (void) ngx_mutt_redis_int(ngx_mutt_push_conf->replicas);
        (void) ngx_mutt_redis_int(ngx_mutt_push_conf->wait_timeout);
    }
}


void
ngx_mutt_push_again(ngx_mutt_batch_t *batch, ngx_flag_t refused)
{
    ngx_uint_t        i;
    ngx_mutt_push_t  *push;

    ngx_mutt_inflight -= batch->events;

    if (refused) {
        ngx_mutt_refused = ngx_time();
    }

    for (i = 0; i < batch->n; i++) {
        push = batch->pushes[i];

        if (push != NULL) {
            ngx_mutt_inflight += push->items->nelts;
            push->refused = refused;
            ngx_mutt_hold(push);
        }
    }

    ngx_free(batch);
}
