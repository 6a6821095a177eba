
/*
 * All requests that became ready in one turn of the event loop leave in one
 * call of the ingest script: the cost of Redis per event falls as load
 * rises, and no request waits for company.
 *
 * Where replicas have to have the events too, one WAIT follows, and what
 * becomes ready meanwhile leaves together when it is answered: WAIT blocks the
 * connection, and one for each turn would queue up behind a slow replica.
 */


#include "ngx_mutt_module.h"

#include <hiredis/hiredis.h>

#include "domain/mutt_keys.h"


/* what one call carries at most; a larger request travels alone */
#define NGX_MUTT_BATCH_EVENTS  2000
#define NGX_MUTT_BATCH_BYTES   (4 * 1024 * 1024)
#define NGX_MUTT_BATCH_MAX     512

/* of a reply, per request, and before the first of them */
#define NGX_MUTT_ANSWER        6
#define NGX_MUTT_ANSWER_HEAD   2


struct ngx_mutt_batch_s {
    ngx_queue_t        queue;      /* while replicas are waited for */
    ngx_uint_t         n;
    ngx_uint_t         events;
    ngx_uint_t         seen;       /* by the witness, when it was sent */
    ngx_mutt_push_t   *pushes[NGX_MUTT_BATCH_MAX];
};


static void ngx_mutt_push_handler(ngx_event_t *ev);
static void ngx_mutt_pushed(void *data, struct redisReply *reply);


static ngx_queue_t            ngx_mutt_ready;
static ngx_queue_t            ngx_mutt_unsure;    /* batches, till WAIT ends */
static ngx_flag_t             ngx_mutt_waiting;   /* a WAIT is out */
static ngx_event_t            ngx_mutt_push_event;
static ngx_int_t              ngx_mutt_inflight;
static size_t                 ngx_mutt_held;      /* bytes of those ready */
static ngx_int_t              ngx_mutt_depth;     /* of the queue, last heard */
static ngx_mutt_main_conf_t  *ngx_mutt_push_conf;


ngx_int_t
ngx_mutt_push_init(ngx_cycle_t *cycle)
{
    ngx_queue_init(&ngx_mutt_ready);
    ngx_queue_init(&ngx_mutt_unsure);
    ngx_mutt_waiting = 0;
    ngx_memzero(&ngx_mutt_push_event, sizeof(ngx_event_t));
    ngx_mutt_push_event.handler = ngx_mutt_push_handler;
    ngx_mutt_push_event.log = cycle->log;
    ngx_mutt_inflight = 0;
    ngx_mutt_held = 0;
    ngx_mutt_push_conf = ngx_http_cycle_get_module_main_conf(cycle,
                                                       ngx_http_mutt_module);

    return NGX_OK;
}


static size_t
ngx_mutt_push_bytes(ngx_mutt_push_t *push)
{
    return push->elements->len + push->rejected->len;
}


/* How many ids go with its events: none, unless one is the client's. */
static ngx_uint_t
ngx_mutt_push_ids(ngx_mutt_push_t *push)
{
    ngx_uint_t        i;
    ngx_mutt_item_t  *item;

    item = push->items->elts;

    for (i = 0; i < push->items->nelts; i++) {
        if (item[i].own_id) {
            return push->items->nelts;
        }
    }

    return 0;
}


static void
ngx_mutt_hold(ngx_mutt_push_t *push)
{
    push->batch = NULL;
    ngx_mutt_held += ngx_mutt_push_bytes(push);
    ngx_queue_insert_tail(&ngx_mutt_ready, &push->queue);
    ngx_post_event(&ngx_mutt_push_event, &ngx_posted_events);
}


static void
ngx_mutt_release(ngx_mutt_push_t *push)
{
    ngx_mutt_held -= ngx_mutt_push_bytes(push);
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


/* Tells the requests of a batch, whose status is set. */
static void
ngx_mutt_end_batch(ngx_mutt_batch_t *batch)
{
    ngx_uint_t        i;
    ngx_mutt_push_t  *push;

    ngx_mutt_inflight -= batch->events;

    for (i = 0; i < batch->n; i++) {
        push = batch->pushes[i];

        if (push != NULL) {
            batch->pushes[i] = NULL;
            ngx_mutt_push_done(push);
        }
    }

    ngx_free(batch);
}


/* Takes from the queue what fits into one call. */
static ngx_mutt_batch_t *
ngx_mutt_collect(ngx_uint_t *words)
{
    size_t             bytes, more;
    ngx_queue_t       *q;
    ngx_mutt_push_t   *push;
    ngx_mutt_batch_t  *batch;

    batch = ngx_alloc(sizeof(ngx_mutt_batch_t), ngx_cycle->log);
    if (batch == NULL) {
        return NULL;
    }

    batch->n = 0;
    batch->events = 0;
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
        batch->pushes[batch->n++] = push;
        batch->events += push->items->nelts;
        bytes += more;
        *words += 4 + ngx_mutt_push_ids(push) + push->items->nelts
                  + push->rejects->nelts;
    }

    return batch;
}


static void
ngx_mutt_write_items(ngx_mutt_push_t *push)
{
    ngx_uint_t        i, ids;
    ngx_mutt_item_t  *item;

    ids = ngx_mutt_push_ids(push);

    (void) ngx_mutt_redis_word(push->key_id.data, push->key_id.len);
    (void) ngx_mutt_redis_int(push->items->nelts);
    (void) ngx_mutt_redis_int(push->rejects->nelts);
    (void) ngx_mutt_redis_int(ids);

    item = push->items->elts;

    for (i = 0; i < ids; i++) {
        (void) ngx_mutt_redis_word(item[i].id,
                                   item[i].own_id ? MUTT_UUID_LEN : 0);
    }

    for (i = 0; i < push->items->nelts; i++) {
        (void) ngx_mutt_redis_word(push->elements->data + item[i].start,
                                   item[i].len);
    }

    item = push->rejects->elts;

    for (i = 0; i < push->rejects->nelts; i++) {
        (void) ngx_mutt_redis_word(push->rejected->data + item[i].start,
                                   item[i].len);
    }
}


static void
ngx_mutt_write_text(const char *text)
{
    (void) ngx_mutt_redis_word(text, ngx_strlen(text));
}


/* "mutt:metrics:1m:2026-11-20T10:07" and the like. */
static void
ngx_mutt_write_counter(const char *prefix, const char *fmt, struct tm *tm)
{
    char    name[256];
    size_t  len;

    len = snprintf(name, sizeof(name) - 64, "%s:", prefix);
    len = ngx_min(len, sizeof(name) - 64);
    len += strftime(name + len, 64, fmt, tm);

    (void) ngx_mutt_redis_word(name, len);
}


static void
ngx_mutt_write_command(ngx_mutt_batch_t *batch)
{
    struct tm               tm;
    time_t                  now;
    ngx_uint_t              i;
    const char             *prefix;
    const mutt_settings_t  *s;

    s = ngx_mutt_settings();
    now = ngx_time();
    (void) gmtime_r(&now, &tm);
    prefix = mutt_set_text(s, MUTT_SET_METRICS_PREFIX);

    ngx_mutt_write_text("EVALSHA");
    (void) ngx_mutt_redis_word(ngx_mutt_ingest_sha, 40);
    ngx_mutt_write_text("7");
    ngx_mutt_write_text(mutt_set_text(s, MUTT_SET_INGEST_QUEUE_NAME));
    ngx_mutt_write_text(mutt_keys[MUTT_KEY_LEDGER]);
    ngx_mutt_write_text(mutt_keys[MUTT_KEY_REJECTED]);
    ngx_mutt_write_text(mutt_keys[MUTT_KEY_RATE_INGEST]);
    ngx_mutt_write_counter(prefix, "1m:%Y-%m-%dT%H:%M", &tm);
    ngx_mutt_write_counter(prefix, "1h:%Y-%m-%dT%H", &tm);
    ngx_mutt_write_counter(prefix, "24h:%Y-%m-%d", &tm);

    (void) ngx_mutt_redis_int(mutt_set_int(s, MUTT_SET_MAX_INGEST_QUEUE_SIZE));
    (void) ngx_mutt_redis_int(mutt_set_int(s, MUTT_SET_INGEST_REJECTED_MAX));
    (void) ngx_mutt_redis_int(mutt_set_int(s, MUTT_SET_INGEST_DEDUP_WINDOW));
    ngx_mutt_write_text(mutt_keys[MUTT_KEY_DEDUP]);
    (void) ngx_mutt_redis_int(mutt_set_bool(s, MUTT_SET_RATE_LIMIT_ENABLED)
                              ? mutt_set_int(s, MUTT_SET_INGEST_MAX_RATE) : 0);
    (void) ngx_mutt_redis_int(mutt_set_int(s, MUTT_SET_INGEST_RATE_WINDOW));
    (void) ngx_mutt_redis_int(batch->n);

    for (i = 0; i < batch->n; i++) {
        ngx_mutt_write_items(batch->pushes[i]);
    }
}


/* Gives the requests of a batch one status, those that were taken or all. */
static void
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
    ngx_uint_t         words, sent;
    ngx_mutt_batch_t  *batch;

    sent = 0;

    while (!ngx_queue_empty(&ngx_mutt_ready)) {
        batch = ngx_mutt_collect(&words);

        if (batch == NULL) {
            ngx_mutt_refuse_ready();
            break;
        }

        /* EVALSHA, sha, 7, seven keys, seven settings */
        if (ngx_mutt_redis_begin(17 + words, ngx_mutt_pushed, batch)
            != NGX_OK)
        {
            ngx_mutt_set_status(batch, NGX_MUTT_PUSH_FAILED, 0);
            ngx_mutt_end_batch(batch);
            continue;
        }

        ngx_mutt_redis_is(MUTT_M_REDIS_LATENCY_INGEST);
        batch->seen = ngx_mutt_witnessed();
        ngx_mutt_write_command(batch);
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


static void
ngx_mutt_push_handler(ngx_event_t *ev)
{
    /* the deadline of the connection, or of WAIT, is theirs too */
    if (ngx_mutt_redis_greeting() || ngx_mutt_waiting) {
        return;
    }

    if (!ngx_mutt_durability_holds()) {
        ngx_mutt_refuse_ready();
        return;
    }

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


/* The script is not there any more and nothing was done: once more. */
static ngx_flag_t
ngx_mutt_again(ngx_mutt_batch_t *batch, redisReply *reply)
{
    ngx_uint_t        i;
    ngx_mutt_push_t  *push;

    if (reply->type != REDIS_REPLY_ERROR
        || ngx_strncmp(reply->str, "NOSCRIPT", 8) != 0)
    {
        return 0;
    }

    ngx_mutt_redis_load();
    ngx_mutt_inflight -= batch->events;

    for (i = 0; i < batch->n; i++) {
        push = batch->pushes[i];

        if (push != NULL) {
            ngx_mutt_inflight += push->items->nelts;
            ngx_mutt_hold(push);
        }
    }

    ngx_free(batch);

    return 1;
}


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


static ngx_int_t
ngx_mutt_count_pushed(ngx_mutt_batch_t *batch, redisReply *reply)
{
    ngx_int_t   pushed;
    ngx_uint_t  i;

    pushed = 0;

    for (i = 0; i < batch->n; i++) {
        pushed += reply->element[NGX_MUTT_ANSWER_HEAD + NGX_MUTT_ANSWER * i
                                 + 2]->integer;
    }

    return pushed;
}


/* Hands each request its part of the reply. */
static void
ngx_mutt_read_answers(ngx_mutt_batch_t *batch, redisReply *reply)
{
    ngx_uint_t         i;
    redisReply       **a;
    ngx_mutt_push_t   *push;

    for (i = 0; i < batch->n; i++) {
        push = batch->pushes[i];

        if (push == NULL) {
            continue;
        }

        a = &reply->element[NGX_MUTT_ANSWER_HEAD + NGX_MUTT_ANSWER * i];
        push->status = (ngx_mutt_push_status_t) a[0]->integer;
        push->depth = a[1]->integer;
        push->pushed = a[2]->integer;
        push->duplicates = a[3]->integer;
        push->remaining = a[4]->integer;
        push->reset = a[5]->integer;

        ngx_mutt_push_depth(push->depth);
    }
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


static void
ngx_mutt_pushed(void *data, struct redisReply *answer)
{
    redisReply        *reply = (redisReply *) answer;
    ngx_mutt_batch_t  *batch = data;

    if (reply != NULL && ngx_mutt_again(batch, reply)) {
        return;
    }

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements
           != NGX_MUTT_ANSWER_HEAD + NGX_MUTT_ANSWER * batch->n)
    {
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
                     ngx_mutt_count_pushed(batch, reply));

    if (reply->element[1]->integer != 0) {
        ngx_mutt_limiter_failed(batch);
    }

    ngx_mutt_read_answers(batch, reply);

    if (ngx_mutt_waiting) {
        ngx_queue_insert_tail(&ngx_mutt_unsure, &batch->queue);
        return;
    }

    ngx_mutt_end_batch(batch);
}
