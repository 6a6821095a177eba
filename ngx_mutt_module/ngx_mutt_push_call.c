
/*
 * The call of the ingest script that takes the requests of a batch.  Where
 * there are more than a few events, the script takes the requests and LPUSHX
 * in the same transaction their elements, see ingest.lua: all of them, or
 * none, and then they go to the script again, one by one.
 */


#include "ngx_mutt_push.h"

#include "domain/mutt_keys.h"


/* in hex digits, what makes the name of the staged queue this process' own */
#define NGX_MUTT_STAGE_LEN     16

/* EVALSHA, sha, 8, eight keys, eight settings */
#define NGX_MUTT_SCRIPT_WORDS  19


static u_char  ngx_mutt_stage[NGX_MUTT_STAGE_LEN];


ngx_int_t
ngx_mutt_push_call_init(void)
{
    u_char  random[NGX_MUTT_STAGE_LEN / 2];

    if (!mutt_random(random, sizeof(random))) {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(ngx_mutt_stage, random, sizeof(random));

    return NGX_OK;
}


ngx_uint_t
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


ngx_int_t
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


ngx_int_t
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
