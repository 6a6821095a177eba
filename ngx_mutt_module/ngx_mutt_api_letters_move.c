
/*
 * Dead letters that an operator sends back or away: chosen by their ids, or
 * by a filter, which sifts the queue from its oldest letter on and puts what
 * it leaves behind the others.  What is going to happen is audited, a row a
 * letter; then one script makes it happen; what it did not do, because the
 * letter was gone or its queue had no room, is audited after it.  A script
 * whose answer was lost is asked again: it knows what it has done.
 */


#include "ngx_mutt_api_letters_move.h"

#include <hiredis/hiredis.h>

#include "core/mutt_time.h"
#include "domain/mutt_keys.h"


#define NGX_MUTT_MOVES_LOOKED   50000
#define NGX_MUTT_MOVES_ROUNDS   1000
#define NGX_MUTT_MOVES_AUDIT    (8 * 1024 * 1024)

/* an answer that was lost is asked for so often, at such intervals */
#define NGX_MUTT_MOVES_TRIES    12
#define NGX_MUTT_MOVES_AGAIN    500
#define NGX_MUTT_MOVES_KEPT     600


static ngx_int_t ngx_mutt_moves_replay(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_moves_discard(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_moves_announce(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_moves_move(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_moves_correct(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_moves_next(ngx_mutt_flow_t *flow);


const ngx_mutt_step_t  ngx_mutt_letters_replay[] = {
    { "body", ngx_mutt_step_body },
    { "take", ngx_mutt_moves_replay },
    { "look", ngx_mutt_moves_look },
    { "find", ngx_mutt_moves_find },
    { "announce", ngx_mutt_moves_announce },
    { "move", ngx_mutt_moves_move },
    { "correct", ngx_mutt_moves_correct },
    { "next", ngx_mutt_moves_next },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_letters_discard[] = {
    { "body", ngx_mutt_step_body },
    { "take", ngx_mutt_moves_discard },
    { "look", ngx_mutt_moves_look },
    { "find", ngx_mutt_moves_find },
    { "announce", ngx_mutt_moves_announce },
    { "move", ngx_mutt_moves_move },
    { "correct", ngx_mutt_moves_correct },
    { "next", ngx_mutt_moves_next },
    { NULL, NULL }
};


static void
ngx_mutt_moves_cleanup(void *data)
{
    ngx_mutt_moves_t  *moves = data;

    mutt_pool_destroy(moves->pool);

    if (moves->again.timer_set) {
        ngx_del_timer(&moves->again);
    }
}


static ngx_mutt_moves_t *
ngx_mutt_moves_create(ngx_mutt_flow_t *flow)
{
    ngx_mutt_moves_t    *moves;
    ngx_http_cleanup_t  *cln;

    moves = ngx_pcalloc(flow->request->pool, sizeof(ngx_mutt_moves_t));
    cln = ngx_http_cleanup_add(flow->request, 0);

    if (moves == NULL || cln == NULL) {
        return NULL;
    }

    moves->pool = mutt_pool_create(65536);

    if (moves->pool == NULL) {
        return NULL;
    }

    moves->flow = flow;
    ngx_mutt_letters_search(&moves->search);
    cln->handler = ngx_mutt_moves_cleanup;
    cln->data = moves;
    flow->data = moves;

    return moves;
}


static ngx_int_t
ngx_mutt_moves_take(ngx_mutt_flow_t *flow, ngx_flag_t discard)
{
    ngx_int_t                  queue;
    ngx_mutt_moves_t          *moves;
    const mutt_json_member_t  *ids;

    static const char *const  known[] = {
        "ids", "failed_reason", "hostname", "text", "end_date", "all", "max",
        "cursor", "reason", NULL
    };

    queue = ngx_mutt_letters_queue(flow);

    if (queue == NGX_ERROR) {
        return ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
    }

    moves = ngx_mutt_moves_create(flow);

    if (moves == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    moves->queue = queue;
    moves->discard = discard;
    ngx_mutt_refuse_others(flow, known);
    ngx_mutt_read_reason(flow);
    ids = ngx_mutt_member(flow, "ids");

    if (ids != NULL) {
        ngx_mutt_moves_take_ids(flow, moves, ids);

    } else {
        ngx_mutt_moves_take_filter(flow, moves);
        ngx_mutt_moves_take_cursor(flow, moves);
    }

    if (discard && flow->reason == NULL) {
        ngx_mutt_fault_missing(flow, "reason");
    }

    return ngx_mutt_judge_fields(flow);
}


static ngx_int_t
ngx_mutt_moves_replay(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_moves_take(flow, 0);
}


static ngx_int_t
ngx_mutt_moves_discard(ngx_mutt_flow_t *flow)
{
    return ngx_mutt_moves_take(flow, 1);
}


/* What is announced as the new values; NULL: there are none. */
static const char *
ngx_mutt_moves_new(const ngx_mutt_moves_t *moves, const ngx_mutt_move_t *move)
{
    if (moves->discard) {
        return NULL;
    }

    return move->code == 'A' ? "{\"queue\":\"alert\"}"
                             : "{\"queue\":\"ingest\"}";
}


static ngx_int_t
ngx_mutt_moves_audit(ngx_mutt_flow_t *flow, mutt_buf_t *b)
{
    ngx_mutt_moves_t  *moves = flow->data;

    flow->query.values[0] = moves->discard ? "DELETE" : "UPDATE";
    flow->query.values[1] = NULL;

    if (mutt_buf_ok(b)) {
        flow->query.values[1] = mutt_pool_dup(moves->pool,
                                              mutt_buf_str(b)).data;
    }

    mutt_buf_done(b);

    if (flow->query.values[1] == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    ngx_mutt_flow_sign(flow, 2, NULL);

    return ngx_mutt_flow_query(flow, MUTT_SQL_TEXT_API_LETTERS_AUDIT, 5);
}


static void
ngx_mutt_moves_row(mutt_buf_t *b, const ngx_mutt_move_t *move,
    const char *values)
{
    MUTT_BUF_LIT(b, "{\"key\":");
    mutt_buf_add_json(b, move->key);
    MUTT_BUF_LIT(b, ",\"old\":");
    mutt_buf_add_str(b, move->old);
    mutt_buf_addf(b, ",\"new\":%s}", values == NULL ? "null" : values);
}


static ngx_int_t
ngx_mutt_moves_announce(ngx_mutt_flow_t *flow)
{
    ngx_mutt_moves_t  *moves = flow->data;

    u_char       random[10];
    mutt_buf_t   b;
    ngx_uint_t   i;
    mutt_uuid_t  id;

    if (moves->n == 0) {
        return NGX_OK;
    }

    if (!mutt_random(random, sizeof(random))) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    id = mutt_uuid_v7(mutt_time_now(), random);
    mutt_uuid_format(&id, moves->call);

    if (moves->wanted == 0) {
        return NGX_OK;
    }
    mutt_buf_init(&b, NGX_MUTT_MOVES_AUDIT);
    MUTT_BUF_LIT(&b, "[");

    for (i = 0; i < moves->n; i++) {
        if (moves->moves[i].code != 'K') {
            mutt_buf_addf(&b, "%s", b.len == 1 ? "" : ",");
            ngx_mutt_moves_row(&b, &moves->moves[i],
                               ngx_mutt_moves_new(moves, &moves->moves[i]));
        }
    }

    MUTT_BUF_LIT(&b, "]");

    return ngx_mutt_moves_audit(flow, &b);
}


static void
ngx_mutt_moves_again(ngx_event_t *ev)
{
    ngx_mutt_moves_t  *moves = ev->data;

    ngx_mutt_flow_back(moves->flow, ngx_mutt_moves_move);
    ngx_mutt_flow_resume(moves->flow);
}


/* Waits to ask again; NGX_OK when it was asked often enough. */
static ngx_int_t
ngx_mutt_moves_wait(ngx_mutt_moves_t *moves)
{
    if (++moves->tries == NGX_MUTT_MOVES_TRIES) {
        moves->done = (mutt_str_t) { NULL, 0 };
        return NGX_OK;
    }

    moves->again.handler = ngx_mutt_moves_again;
    moves->again.data = moves;
    moves->again.log = ngx_cycle->log;
    ngx_add_timer(&moves->again, NGX_MUTT_MOVES_AGAIN);

    return NGX_AGAIN;
}


static void
ngx_mutt_moves_count(ngx_mutt_moves_t *moves, const ngx_mutt_move_t *move,
    char done)
{
    switch (done) {

    case 'm':
        moves->moved++;
        moves->events += move->code == 'E';

        /* those that are looked for next were behind it */
        moves->search.shift++;
        break;

    case 'k':
        break;

    case 'w':
        moves->waiting++;
        return;

    default:
        /* of those that are sifted, the next look tells */
        moves->gone += moves->ids != NULL;
        return;
    }

    moves->looked += moves->ids == NULL;
    moves->left -= moves->ids == NULL;
}


static ngx_int_t
ngx_mutt_moves_told(ngx_mutt_flow_t *flow, struct redisReply *answer)
{
    redisReply        *reply = (redisReply *) answer;
    ngx_mutt_moves_t  *moves = flow->data;

    ngx_uint_t  i;

    if (reply == NULL || reply->type != REDIS_REPLY_STRING
        || reply->len != moves->n)
    {
        return ngx_mutt_moves_wait(moves);
    }

    moves->done = mutt_pool_dup(moves->pool, (mutt_str_t) { reply->str,
                                                            reply->len });

    if (moves->done.data == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    for (i = 0; i < moves->n; i++) {
        ngx_mutt_moves_count(moves, &moves->moves[i], moves->done.data[i]);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_moves_move(ngx_mutt_flow_t *flow)
{
    ngx_mutt_moves_t  *moves = flow->data;

    char                    call[128];
    ngx_uint_t              i;
    ngx_mutt_move_t        *move;
    const mutt_settings_t  *s;

    if (moves->n == 0) {
        return NGX_OK;
    }

    if (ngx_mutt_flow_eval(flow, MUTT_SCRIPT_TAKE, 7, 8 + 4 * moves->n,
                           ngx_mutt_moves_told)
        != NGX_OK)
    {
        return ngx_mutt_moves_wait(moves);
    }

    s = ngx_mutt_settings();
    (void) snprintf(call, sizeof(call), "%s%s", mutt_keys[MUTT_KEY_TAKEN],
                    moves->call);

    ngx_mutt_redis_text(mutt_set_text(s,
                            ngx_mutt_letters_rows[moves->queue].key));
    ngx_mutt_redis_text(mutt_set_text(s, MUTT_SET_INGEST_QUEUE_NAME));
    ngx_mutt_redis_text(mutt_set_text(s, MUTT_SET_ALERT_QUEUE_NAME));
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_LEDGER]);
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_RETRY]);
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_WORKERS]);
    ngx_mutt_redis_text(call);

    /* no letter's text, since it was not there when they were read */
    ngx_mutt_redis_text(moves->call);
    (void) ngx_mutt_redis_int(NGX_MUTT_MOVES_KEPT);
    (void) ngx_mutt_redis_int(moves->queue == NGX_MUTT_LETTERS_DEAD);
    (void) ngx_mutt_redis_int(mutt_set_int(s,
                                  MUTT_SET_ALERTER_QUEUE_WARN_THRESHOLD));
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_PROCESSING]);
    (void) ngx_mutt_redis_int(moves->events);
    (void) ngx_mutt_redis_int(moves->ids == NULL);
    (void) ngx_mutt_redis_int(moves->n);

    for (i = 0; i < moves->n; i++) {
        move = &moves->moves[i];
        (void) ngx_mutt_redis_int(move->place);
        (void) ngx_mutt_redis_word(move->digest.data, move->digest.len);
        (void) ngx_mutt_redis_word(&move->code, 1);
        (void) ngx_mutt_redis_word(move->payload.data, move->payload.len);
    }

    return NGX_AGAIN;
}


/* Audits what was announced and not done, or may not have been. */
static ngx_int_t
ngx_mutt_moves_correct(ngx_mutt_flow_t *flow)
{
    ngx_mutt_moves_t  *moves = flow->data;

    mutt_buf_t   b;
    ngx_uint_t   i, n;
    const char  *why;

    n = 0;
    mutt_buf_init(&b, NGX_MUTT_MOVES_AUDIT);

    for (i = 0; i < moves->n; i++) {

        if (moves->moves[i].code == 'K') {
            continue;
        }

        if (moves->done.data == NULL) {
            why = "{\"outcome\":\"unknown\"}";

        } else if (moves->done.data[i] == 'm') {
            continue;

        } else {
            why = moves->done.data[i] == 'w'
                  ? "{\"outcome\":\"not moved: no room\"}"
                  : "{\"outcome\":\"not moved: gone\"}";
        }

        mutt_buf_addf(&b, "%s", n++ == 0 ? "[" : ",");
        ngx_mutt_moves_row(&b, &moves->moves[i], why);
    }

    if (n == 0) {
        mutt_buf_done(&b);
        return NGX_OK;
    }

    MUTT_BUF_LIT(&b, "]");

    return ngx_mutt_moves_audit(flow, &b);
}


static ngx_int_t
ngx_mutt_moves_next(ngx_mutt_flow_t *flow)
{
    ngx_mutt_moves_t  *moves = flow->data;

    mutt_buf_t  b;

    if (moves->n > 0 && moves->done.data == NULL) {
        return ngx_mutt_flow_no_redis(flow);
    }

    if (moves->ids == NULL) {
        moves->ended = moves->ended || moves->left <= 0 || moves->waiting > 0
                       || moves->moved >= moves->max
                       || moves->looked >= NGX_MUTT_MOVES_LOOKED
                       || ++moves->rounds >= NGX_MUTT_MOVES_ROUNDS;
    }

    if (!moves->ended) {
        ngx_mutt_flow_back(flow, ngx_mutt_moves_look);
        return NGX_OK;
    }

    mutt_buf_init(&b, 4096);
    mutt_buf_addf(&b, "{\"%s\":%lu,\"gone\":%lu,\"malformed\":%lu,"
                  "\"waiting\":%lu,\"looked_at\":%lu,\"next_cursor\":",
                  moves->discard ? "discarded" : "replayed",
                  (unsigned long) moves->moved, (unsigned long) moves->gone,
                  (unsigned long) moves->malformed,
                  (unsigned long) moves->waiting,
                  (unsigned long) moves->looked);

    if (moves->ids != NULL || moves->left <= 0) {
        MUTT_BUF_LIT(&b, "null}\n");

    } else {
        mutt_buf_addf(&b, "\"%ld\"}\n", (long) moves->left);
    }

    return ngx_mutt_flow_answer(flow, NGX_HTTP_OK, &b);
}
