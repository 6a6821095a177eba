
/*
 * All requests that became ready in one turn of the event loop leave in one
 * call of the ingest script.  While a call is out, what becomes ready waits
 * for its answer, unless it is enough to be worth a call anyway: Redis would
 * take it no sooner, and a call costs as much as ten events do.  So the cost
 * of Redis per event falls as load rises, and no request waits for company
 * when there is none.
 *
 * Where there are more than a few events, the script takes the requests and
 * LPUSHX in the same transaction their elements, see ingest.lua: all of them,
 * or none, and then they go to the script again, one by one.
 *
 * Where replicas have to have the events too, one WAIT follows, and what
 * becomes ready meanwhile leaves together when it is answered: WAIT blocks the
 * connection, and one for each turn would queue up behind a slow replica.
 */


#include "ngx_mutt_module.h"

#include <hiredis/hiredis.h>

#include "domain/mutt_keys.h"


/* what one call carries at most; a larger request travels alone */
#define NGX_MUTT_BATCH_EVENTS  1000
#define NGX_MUTT_BATCH_BYTES   (4 * 1024 * 1024)
#define NGX_MUTT_BATCH_MAX     512

/* from so many events on, commands push them instead of the script */
#define NGX_MUTT_STAGED_EVENTS 8

/* in hex digits, what makes the name of the staged queue this process' own */
#define NGX_MUTT_STAGE_LEN     16

/* what is worth a call although another one is out */
#define NGX_MUTT_FULL_EVENTS   256
#define NGX_MUTT_FULL_BYTES    (256 * 1024)

/* EVALSHA, sha, 8, eight keys, eight settings */
#define NGX_MUTT_SCRIPT_WORDS  19

/* of a reply: before the first exception, and per exception */
#define NGX_MUTT_ANSWER_HEAD   5
#define NGX_MUTT_EXCEPTION     4

/* what the reply says of the limiter */
#define NGX_MUTT_LIMITER_ON      1
#define NGX_MUTT_LIMITER_FAILED  2

/* instead of a status: what the limit of the request's key leaves */
#define NGX_MUTT_OWN_LIMIT       4


struct ngx_mutt_batch_s {
    ngx_queue_t        queue;      /* while replicas are waited for */
    ngx_uint_t         n;
    ngx_uint_t         events;
    ngx_uint_t         seen;       /* by the witness, when it was sent */
    ngx_flag_t         plain;      /* nothing but events, none refused yet */
    ngx_flag_t         limited;    /* a key has a limit of its own */
    ngx_uint_t         sizes[NGX_MUTT_BATCH_MAX];   /* in events */
    ngx_mutt_push_t   *pushes[NGX_MUTT_BATCH_MAX];
};


static void ngx_mutt_push_handler(ngx_event_t *ev);
static void ngx_mutt_pushed(void *data, struct redisReply *reply);
static void ngx_mutt_executed(void *data, struct redisReply *reply);


static ngx_queue_t            ngx_mutt_ready;
static ngx_queue_t            ngx_mutt_unsure;    /* batches, till WAIT ends */
static ngx_flag_t             ngx_mutt_waiting;   /* a WAIT is out */
static ngx_event_t            ngx_mutt_push_event;
static ngx_uint_t             ngx_mutt_calls;     /* without an answer */
static ngx_int_t              ngx_mutt_inflight;
static ngx_uint_t             ngx_mutt_held_events;
static size_t                 ngx_mutt_held;      /* bytes of those ready */
static ngx_int_t              ngx_mutt_depth;     /* of the queue, last heard */
static time_t                 ngx_mutt_refused;   /* a batch as a whole, last */
static ngx_flag_t             ngx_mutt_no_memory; /* for LPUSHX, in Redis */
static u_char                 ngx_mutt_stage[NGX_MUTT_STAGE_LEN];
static ngx_mutt_main_conf_t  *ngx_mutt_push_conf;


ngx_int_t
ngx_mutt_push_init(ngx_cycle_t *cycle)
{
    u_char  random[NGX_MUTT_STAGE_LEN / 2];

    if (!mutt_random(random, sizeof(random))) {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(ngx_mutt_stage, random, sizeof(random));
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
    ngx_mutt_refused = 0;
    ngx_mutt_no_memory = 0;
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
    ngx_mutt_held_events += push->items->nelts;
    ngx_queue_insert_tail(&ngx_mutt_ready, &push->queue);
    ngx_post_event(&ngx_mutt_push_event, &ngx_posted_events);
}


static void
ngx_mutt_release(ngx_mutt_push_t *push)
{
    ngx_mutt_held -= ngx_mutt_push_bytes(push);
    ngx_mutt_held_events -= push->items->nelts;
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


/* How much a request brings; see the script. */
static void
ngx_mutt_write_head(ngx_mutt_push_t *push)
{
    u_char      *last;
    u_char       head[5 * NGX_INT_T_LEN + NGX_MUTT_KEY_ID_MAX];
    ngx_uint_t   ids;

    ids = ngx_mutt_push_ids(push);

    if (ids == 0 && push->rejects->nelts == 0 && push->key_limit == 0) {
        (void) ngx_mutt_redis_int(push->items->nelts);
        return;
    }

    last = ngx_snprintf(head, sizeof(head), "%ui:%ui:%ui",
                        push->items->nelts, push->rejects->nelts, ids);

    if (push->key_limit > 0) {
        last = ngx_slprintf(last, head + sizeof(head), "/%i", push->key_limit);
    }

    last = ngx_slprintf(last, head + sizeof(head), ":%V", &push->key_id);

    (void) ngx_mutt_redis_word(head, last - head);
}


/* The elements of a batch: so many, behind the first ones. */
static void
ngx_mutt_write_elements(ngx_mutt_batch_t *batch, ngx_uint_t first,
    ngx_uint_t most)
{
    ngx_uint_t        i, k;
    ngx_mutt_push_t  *push;
    ngx_mutt_item_t  *item;

    for (i = 0; i < batch->n && most > 0; i++) {
        push = batch->pushes[i];
        item = push->items->elts;

        for (k = 0; k < push->items->nelts && most > 0; k++) {

            if (first > 0) {
                first--;
                continue;
            }

            (void) ngx_mutt_redis_word(push->elements->data + item[k].start,
                                       item[k].len);
            most--;
        }
    }
}


static void
ngx_mutt_write_rejects(ngx_mutt_push_t *push)
{
    ngx_uint_t        i;
    ngx_mutt_item_t  *item;

    item = push->rejects->elts;

    for (i = 0; i < push->rejects->nelts; i++) {
        (void) ngx_mutt_redis_word(push->rejected->data + item[i].start,
                                   item[i].len);
    }
}


static void
ngx_mutt_write_ids(ngx_mutt_push_t *push)
{
    ngx_uint_t        i, ids;
    ngx_mutt_item_t  *item;

    ids = ngx_mutt_push_ids(push);
    item = push->items->elts;

    for (i = 0; i < ids; i++) {
        (void) ngx_mutt_redis_word(push->elements->data + item[i].start
                                   + MUTT_EVENT_ID_AT,
                                   item[i].own_id ? MUTT_UUID_LEN : 0);
    }
}


/*
 * The heads of what is staged: one for all, which are taken together or not
 * at all, unless a key has a limit of its own.
 */

static ngx_uint_t
ngx_mutt_staged_heads(ngx_mutt_batch_t *batch)
{
    return batch->limited ? batch->n : 1;
}


static void
ngx_mutt_write_heads(ngx_mutt_batch_t *batch, ngx_uint_t n)
{
    ngx_uint_t  i;

    (void) ngx_mutt_redis_int(n);

    if (n < batch->n) {
        (void) ngx_mutt_redis_int(batch->events);
        return;
    }

    for (i = 0; i < n; i++) {
        ngx_mutt_write_head(batch->pushes[i]);
    }
}


static void
ngx_mutt_write_text(const char *text)
{
    (void) ngx_mutt_redis_word(text, ngx_strlen(text));
}


/*
 * The keys of the counters, "mutt:metrics:1m:2026-11-20T10:07" and the like;
 * made once a minute.
 */

static void
ngx_mutt_write_counters(const char *prefix)
{
    time_t      minute, now;
    size_t      len;
    struct tm   tm;
    ngx_uint_t  i, generation;

    static char        names[3][256];
    static time_t      names_minute;
    static ngx_uint_t  names_generation;

    static const char *const  formats[] = {
        "1m:%Y-%m-%dT%H:%M", "1h:%Y-%m-%dT%H", "24h:%Y-%m-%d"
    };

    now = ngx_time();
    minute = now / 60;
    generation = ngx_mutt_settings_generation();

    if (minute != names_minute || generation != names_generation) {
        names_minute = minute;
        names_generation = generation;
        (void) gmtime_r(&now, &tm);

        for (i = 0; i < 3; i++) {
            len = snprintf(names[i], sizeof(names[i]) - 64, "%s:", prefix);
            len = ngx_min(len, sizeof(names[i]) - 65);
            (void) strftime(names[i] + len, 64, formats[i], &tm);
        }
    }

    for (i = 0; i < 3; i++) {
        ngx_mutt_write_text(names[i]);
    }
}


/*
 * The queue while the elements are pushed; nobody ever sees it, and what
 * somebody else may call by a name like that is in nobody's way.
 */

static void
ngx_mutt_write_stage(const char *queue)
{
    static char         name[512];
    static size_t       len;
    static ngx_uint_t   generation;

    if (len == 0 || generation != ngx_mutt_settings_generation()) {
        generation = ngx_mutt_settings_generation();
        len = snprintf(name, sizeof(name), "%s:staged:%.*s", queue,
                       NGX_MUTT_STAGE_LEN, ngx_mutt_stage);
        len = ngx_min(len, sizeof(name) - 1);
    }

    (void) ngx_mutt_redis_word(name, len);
}


/* EVALSHA up to the heads of requests. */
static void
ngx_mutt_write_script(ngx_flag_t staged)
{
    const char             *queue;
    const mutt_settings_t  *s;

    s = ngx_mutt_settings();
    queue = mutt_set_text(s, MUTT_SET_INGEST_QUEUE_NAME);

    ngx_mutt_write_text("EVALSHA");
    (void) ngx_mutt_redis_word(ngx_mutt_ingest_sha, 40);
    ngx_mutt_write_text("8");
    ngx_mutt_write_text(queue);
    ngx_mutt_write_text(mutt_keys[MUTT_KEY_LEDGER]);
    ngx_mutt_write_text(mutt_keys[MUTT_KEY_REJECTED]);
    ngx_mutt_write_text(mutt_keys[MUTT_KEY_RATE_INGEST]);
    ngx_mutt_write_counters(mutt_set_text(s, MUTT_SET_METRICS_PREFIX));
    ngx_mutt_write_stage(queue);

    (void) ngx_mutt_redis_int(mutt_set_int(s, MUTT_SET_MAX_INGEST_QUEUE_SIZE));
    (void) ngx_mutt_redis_int(mutt_set_int(s, MUTT_SET_INGEST_REJECTED_MAX));
    (void) ngx_mutt_redis_int(mutt_set_int(s, MUTT_SET_INGEST_DEDUP_WINDOW));
    ngx_mutt_write_text(mutt_keys[MUTT_KEY_DEDUP]);
    (void) ngx_mutt_redis_int(mutt_set_bool(s, MUTT_SET_RATE_LIMIT_ENABLED)
                              ? mutt_set_int(s, MUTT_SET_INGEST_MAX_RATE) : 0);
    (void) ngx_mutt_redis_int(mutt_set_int(s, MUTT_SET_INGEST_RATE_WINDOW));
    (void) ngx_mutt_redis_int(staged);
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
static void
ngx_mutt_queued(void *data, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        ngx_mutt_warn_refused(reply);
        ngx_mutt_no_memory |= ngx_mutt_out_of_memory(reply);
    }
}


static ngx_int_t
ngx_mutt_send_script(ngx_mutt_batch_t *batch, ngx_uint_t words)
{
    ngx_uint_t  i;

    if (ngx_mutt_redis_begin(NGX_MUTT_SCRIPT_WORDS + words, ngx_mutt_pushed,
                             batch)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_mutt_write_script(0);
    ngx_mutt_write_heads(batch, batch->n);
    ngx_mutt_write_elements(batch, 0, batch->events);

    for (i = 0; i < batch->n; i++) {
        ngx_mutt_write_rejects(batch->pushes[i]);
    }

    for (i = 0; i < batch->n; i++) {
        ngx_mutt_write_ids(batch->pushes[i]);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_send_staged(ngx_mutt_batch_t *batch)
{
    ngx_uint_t   heads;
    const char  *queue;

    queue = mutt_set_text(ngx_mutt_settings(), MUTT_SET_INGEST_QUEUE_NAME);

    if (ngx_mutt_redis_begin(1, ngx_mutt_queued, NULL) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_mutt_write_text("MULTI");

    heads = ngx_mutt_staged_heads(batch);

    if (ngx_mutt_redis_follow(NGX_MUTT_SCRIPT_WORDS + heads + 1,
                              ngx_mutt_queued, NULL)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_mutt_write_script(1);
    ngx_mutt_write_heads(batch, heads);
    ngx_mutt_write_elements(batch, 0, 1);

    if (ngx_mutt_redis_follow(1 + batch->events, ngx_mutt_queued, NULL)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_mutt_write_text("LPUSHX");
    ngx_mutt_write_stage(queue);
    ngx_mutt_write_elements(batch, 1, batch->events - 1);

    if (ngx_mutt_redis_follow(3, ngx_mutt_queued, NULL) != NGX_OK) {
        return NGX_DECLINED;
    }

    /* a queue that is still there is not to be lost, whatever is staged */
    ngx_mutt_write_text("RENAMENX");
    ngx_mutt_write_stage(queue);
    ngx_mutt_write_text(queue);

    if (ngx_mutt_redis_follow(1, ngx_mutt_executed, batch) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_mutt_write_text("EXEC");

    return NGX_OK;
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
    return ngx_mutt_calls == 0
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


/* Nothing was done: once more. */
static void
ngx_mutt_push_again(ngx_mutt_batch_t *batch, ngx_flag_t refused)
{
    ngx_uint_t        i;
    ngx_mutt_push_t  *push;

    ngx_mutt_inflight -= batch->events;

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


static void
ngx_mutt_pushed(void *data, struct redisReply *answer)
{
    redisReply        *reply = (redisReply *) answer;
    ngx_mutt_batch_t  *batch = data;

    ngx_mutt_calls--;
    ngx_mutt_push_wake();

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

    if (ngx_mutt_waiting) {
        ngx_queue_insert_tail(&ngx_mutt_unsure, &batch->queue);
        return;
    }

    ngx_mutt_end_batch(batch);
}


/* What one of a transaction's commands could not do, as a reply to all. */
static void
ngx_mutt_executed_not(ngx_mutt_batch_t *batch, redisReply *reply)
{
    ngx_mutt_calls--;
    ngx_mutt_push_wake();
    ngx_mutt_warn_refused(reply);
    ngx_mutt_set_status(batch, ngx_mutt_no_memory ? NGX_MUTT_PUSH_FULL
                                                  : NGX_MUTT_PUSH_FAILED, 0);
    ngx_mutt_no_memory = 0;
    ngx_mutt_end_batch(batch);
}


static void
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
        ngx_mutt_calls--;
        ngx_mutt_refused = ngx_time();
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
