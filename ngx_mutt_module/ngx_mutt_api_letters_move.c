
/*
 * Dead letters that an operator sends back or away: chosen by their ids, or
 * by a filter, which sifts the queue from its oldest letter on and puts what
 * it leaves behind the others.  What is going to happen is audited, a row a
 * letter; then one script makes it happen; what it did not do, because the
 * letter was gone or its queue had no room, is audited after it.  A script
 * whose answer was lost is asked again: it knows what it has done.
 */


#include "ngx_mutt_api_letters.h"

#include <hiredis/hiredis.h>

#include "core/mutt_pool.h"
#include "core/mutt_time.h"
#include "core/mutt_uuid.h"
#include "domain/mutt_keys.h"


#define NGX_MUTT_MOVES_IDS      500
#define NGX_MUTT_MOVES_MOST     10000
#define NGX_MUTT_MOVES_DEFAULT  1000
#define NGX_MUTT_MOVES_LOOKED   50000
#define NGX_MUTT_MOVES_ROUNDS   1000
#define NGX_MUTT_MOVES_PLACES   2000000000
#define NGX_MUTT_MOVES_AUDIT    (8 * 1024 * 1024)
#define NGX_MUTT_MOVES_PAYLOAD  (64 * 1024 * 1024)

/* letters by id at a time: the deeper they lie, the more a look costs */
#define NGX_MUTT_MOVES_LOT      100
#define NGX_MUTT_MOVES_WALK     400000
#define NGX_MUTT_MOVES_STEP     2000

/* an answer that was lost is asked for so often, at such intervals */
#define NGX_MUTT_MOVES_TRIES    12
#define NGX_MUTT_MOVES_AGAIN    500
#define NGX_MUTT_MOVES_KEPT     600


/* a letter that is to be moved; lives in the chunk's pool */
typedef struct {
    ngx_uint_t                   place;
    mutt_str_t                   digest;
    mutt_str_t                   payload;
    mutt_str_t                   key;      /* in the audit */
    mutt_str_t                   old;      /* values, JSON */
    char                         code;     /* of the script; K: it stays */
} ngx_mutt_move_t;


typedef struct {
    ngx_mutt_flow_t             *flow;
    ngx_uint_t                   queue;
    ngx_flag_t                   discard;
    ngx_array_t                 *ids;      /* NULL: by the filter */
    ngx_uint_t                   id;       /* the next, */
    ngx_uint_t                   lot;      /* and how many of them */
    ngx_mutt_search_t            search;   /* for them */
    ngx_mutt_letters_filter_t    filter;
    ngx_uint_t                   max;
    ngx_int_t                    left;     /* to be sifted; -1: all there are */
    ngx_flag_t                   ended;

    mutt_pool_t                 *pool;     /* of the chunk */
    ngx_mutt_move_t             *moves;
    ngx_uint_t                   n;
    ngx_uint_t                   wanted;   /* of them, that do not stay */
    char                         call[MUTT_UUID_LEN + 1];
    mutt_str_t                   done;     /* a character a move */
    ngx_uint_t                   tries;
    ngx_event_t                  again;

    ngx_uint_t                   rounds;
    ngx_uint_t                   looked;
    ngx_uint_t                   moved;
    ngx_uint_t                   events;   /* of them, that were replayed */
    ngx_uint_t                   gone;
    ngx_uint_t                   waiting;
    ngx_uint_t                   malformed;
} ngx_mutt_moves_t;


static ngx_int_t ngx_mutt_moves_replay(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_moves_discard(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_moves_look(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_moves_find(ngx_mutt_flow_t *flow);
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


static mutt_str_t
ngx_mutt_moves_text(ngx_mutt_flow_t *flow, const char *name)
{
    mutt_str_t                 text;
    const mutt_json_member_t  *member;

    text = (mutt_str_t) { NULL, 0 };
    member = ngx_mutt_member(flow, name);

    if (member != NULL) {
        text.data = ngx_mutt_member_text(flow, member, 255);
        text.len = text.data == NULL ? 0 : ngx_strlen(text.data);
    }

    return text;
}


static int ngx_libc_cdecl
ngx_mutt_moves_order(const void *one, const void *two)
{
    mutt_str_t   digest;
    ngx_uint_t   places[2];

    /* were checked */
    (void) ngx_mutt_letters_id(*(const mutt_str_t *) one, &places[0], &digest);
    (void) ngx_mutt_letters_id(*(const mutt_str_t *) two, &places[1], &digest);

    return (places[0] > places[1]) - (places[0] < places[1]);
}


static void
ngx_mutt_moves_take_ids(ngx_mutt_flow_t *flow, ngx_mutt_moves_t *moves,
    const mutt_json_member_t *member)
{
    mutt_str_t   digest, *id;
    ngx_uint_t   i, place;

    moves->ids = ngx_mutt_member_texts(flow, member, NGX_MUTT_MOVES_IDS);

    if (moves->ids == NULL) {
        return;
    }

    id = moves->ids->elts;

    for (i = 0; i < moves->ids->nelts; i++) {
        if (ngx_mutt_letters_id(id[i], &place, &digest) != NGX_OK) {
            ngx_mutt_fault(flow, MUTT_STR("ids"),
                           "must be ids of dead letters");
            return;
        }
    }

    /* the oldest first: what takes a place in the middle was looked at */
    ngx_qsort(id, moves->ids->nelts, sizeof(mutt_str_t), ngx_mutt_moves_order);
}


/* The filter, of which there must be something: "all" for no other. */
static void
ngx_mutt_moves_take_filter(ngx_mutt_flow_t *flow, ngx_mutt_moves_t *moves)
{
    ngx_flag_t                  all;
    mutt_str_t                  before;
    const mutt_json_member_t   *member;
    ngx_mutt_letters_filter_t  *filter;

    filter = &moves->filter;
    filter->reason = ngx_mutt_moves_text(flow, "failed_reason");
    filter->hostname = ngx_mutt_moves_text(flow, "hostname");
    filter->text = ngx_mutt_moves_text(flow, "text");
    before = ngx_mutt_moves_text(flow, "end_date");
    member = ngx_mutt_member(flow, "all");
    all = member != NULL && member->type == MUTT_JSON_BOOL
          && member->raw.data[0] == 't';

    if (before.data != NULL && !mutt_time_parse(before, &filter->before)) {
        ngx_mutt_fault(flow, MUTT_STR("end_date"),
                       "must be an RFC 3339 date-time");
    }

    moves->max = ngx_mutt_member_number(flow, "max", NGX_MUTT_MOVES_DEFAULT,
                                        1, NGX_MUTT_MOVES_MOST);

    if (filter->reason.data == NULL && filter->hostname.data == NULL
        && filter->text.data == NULL && before.data == NULL && !all)
    {
        ngx_mutt_fault(flow, MUTT_STR("ids"),
                       "is required, or a filter, or \"all\": true");
    }
}


static void
ngx_mutt_moves_take_cursor(ngx_mutt_flow_t *flow, ngx_mutt_moves_t *moves)
{
    ngx_int_t   n;
    mutt_str_t  text;

    text = ngx_mutt_moves_text(flow, "cursor");

    moves->left = -1;

    if (text.data == NULL) {
        return;
    }

    n = text.len > 10 ? NGX_ERROR : ngx_atoi((u_char *) text.data, text.len);

    if (n == NGX_ERROR || n > NGX_MUTT_MOVES_PLACES) {
        ngx_mutt_fault(flow, MUTT_STR("cursor"), "is none of this queue");
        return;
    }

    moves->left = n;
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


/* Takes b over into the chunk's pool; data is NULL when out of memory. */
static mutt_str_t
ngx_mutt_moves_keep(ngx_mutt_moves_t *moves, mutt_buf_t *b)
{
    mutt_str_t  text;

    text = (mutt_str_t) { NULL, 0 };

    if (mutt_buf_ok(b)) {
        text = mutt_pool_dup(moves->pool, mutt_buf_str(b));
    }

    mutt_buf_done(b);

    return text;
}


/* What the audit says of a letter; times and ids tell which it was. */
static mutt_str_t
ngx_mutt_moves_old(ngx_mutt_moves_t *moves, const ngx_mutt_dead_t *dead)
{
    mutt_buf_t  b;

    mutt_buf_init(&b, 65536);
    mutt_buf_addf(&b, "{\"queue\":\"%s\",\"id\":\"%s\",\"kind\":\"%s\","
                  "\"failed_at\":",
                  ngx_mutt_letters_rows[moves->queue].name, dead->id,
                  !dead->valid ? "malformed"
                               : dead->alert ? "alert" : "event");
    ngx_mutt_letters_add(&b, dead->failed_at, 64);
    MUTT_BUF_LIT(&b, ",\"failed_reason\":");
    ngx_mutt_letters_add(&b, dead->letter.reason, 200);
    MUTT_BUF_LIT(&b, ",\"hostname\":");
    ngx_mutt_letters_add(&b, dead->hostname, 255);
    MUTT_BUF_LIT(&b, ",\"message\":");
    ngx_mutt_letters_add(&b, dead->message, 200);
    mutt_buf_addf(&b, ",\"replays\":%lld}", (long long) dead->letter.replays);

    return ngx_mutt_moves_keep(moves, &b);
}


/* The next move, of a letter that stays for now; NULL: no memory. */
static ngx_mutt_move_t *
ngx_mutt_moves_push(ngx_mutt_moves_t *moves, const ngx_mutt_dead_t *dead)
{
    ngx_mutt_move_t  *move;

    move = &moves->moves[moves->n];
    ngx_memzero(move, sizeof(ngx_mutt_move_t));
    move->place = dead->place;
    move->digest = mutt_pool_dup(moves->pool,
                                 mutt_str(strchr(dead->id, '-') + 1));
    move->payload = MUTT_STR("");
    move->code = 'K';

    if (move->digest.data == NULL) {
        return NULL;
    }

    moves->n++;

    return move;
}


/* Decides what becomes of a letter; a malformed one can't go back. */
static ngx_int_t
ngx_mutt_moves_pick(ngx_mutt_moves_t *moves, const ngx_mutt_dead_t *dead)
{
    mutt_buf_t        b;
    ngx_mutt_move_t  *move;

    if (!moves->discard && !dead->valid) {
        moves->malformed++;

        /* of those by id, nothing is to be done */
        return moves->ids != NULL || ngx_mutt_moves_push(moves, dead) != NULL
               ? NGX_OK : NGX_ERROR;
    }

    move = ngx_mutt_moves_push(moves, dead);

    if (move == NULL) {
        return NGX_ERROR;
    }

    moves->wanted++;
    move->key = mutt_pool_dup(moves->pool, dead->valid ? dead->event_id
                                                       : mutt_str(dead->id));
    move->old = ngx_mutt_moves_old(moves, dead);

    if (moves->discard) {
        /* the dead were counted when they died */
        move->code = dead->valid || moves->queue == NGX_MUTT_LETTERS_DEAD
                     ? 'D' : 'X';

    } else {
        move->code = dead->alert ? 'A' : 'E';
        mutt_buf_init(&b, NGX_MUTT_MOVES_PAYLOAD);
        mutt_letter_write_replay(&b, &dead->letter);
        move->payload = ngx_mutt_moves_keep(moves, &b);
    }

    return move->key.data == NULL || move->old.data == NULL
           || move->payload.data == NULL
           ? NGX_ERROR : NGX_OK;
}


/* The reply to FIND: a place and a letter for each id that is decided. */
static ngx_int_t
ngx_mutt_moves_found(ngx_mutt_flow_t *flow, struct redisReply *answer)
{
    redisReply        *reply = (redisReply *) answer;
    ngx_mutt_moves_t  *moves = flow->data;

    size_t            i;
    ngx_int_t         decided;
    redisReply       *place, *text;
    ngx_mutt_dead_t   dead;

    decided = ngx_mutt_letters_found(&moves->search, moves->lot, answer);

    if (decided == NGX_ERROR) {
        return ngx_mutt_flow_no_redis(flow);
    }

    moves->id += decided;
    moves->lot -= decided;
    moves->ended = moves->id == moves->ids->nelts;

    for (i = NGX_MUTT_LETTERS_HEAD; i < reply->elements; i += 2) {
        place = reply->element[i];
        text = reply->element[i + 1];
        moves->looked++;

        if (place->integer < 0) {
            moves->gone++;
            continue;
        }

        if (ngx_mutt_letters_read((mutt_str_t) { text->str, text->len },
                                  place->integer, &dead)
            != NGX_OK
            || ngx_mutt_moves_pick(moves, &dead) != NGX_OK)
        {
            return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
        }
    }

    if (moves->lot > 0) {
        ngx_mutt_flow_back(flow, ngx_mutt_moves_find);
    }

    return NGX_OK;
}


/* How many of the ids come next, in one step each. */
static ngx_uint_t
ngx_mutt_moves_lot(ngx_mutt_moves_t *moves)
{
    mutt_str_t   digest, *id;
    ngx_uint_t   n, place, walk;

    id = moves->ids->elts;
    walk = 0;

    for (n = 0; n < NGX_MUTT_MOVES_LOT
                && moves->id + n < moves->ids->nelts; n++)
    {
        /* was checked */
        (void) ngx_mutt_letters_id(id[moves->id + n], &place, &digest);
        walk += place + NGX_MUTT_MOVES_STEP;

        if (n > 0 && walk > NGX_MUTT_MOVES_WALK) {
            break;
        }
    }

    return n;
}


/* Looks for what is left of the lot, if there is one. */
static ngx_int_t
ngx_mutt_moves_find(ngx_mutt_flow_t *flow)
{
    ngx_mutt_moves_t  *moves = flow->data;

    mutt_str_t   digest, *id;
    ngx_uint_t   i, place;

    if (moves->lot == 0) {
        return NGX_OK;
    }

    if (ngx_mutt_letters_find(flow, moves->queue, &moves->search, moves->lot,
                              ngx_mutt_moves_found)
        != NGX_OK)
    {
        return ngx_mutt_flow_no_redis(flow);
    }

    id = moves->ids->elts;

    for (i = 0; i < moves->lot; i++) {
        (void) ngx_mutt_letters_id(id[moves->id + i], &place, &digest);
        (void) ngx_mutt_redis_int(place);
        (void) ngx_mutt_redis_word(digest.data, digest.len);
    }

    return NGX_AGAIN;
}


/* The reply to LETTERS: what is in a chunk of the queue. */
static ngx_int_t
ngx_mutt_moves_looked(ngx_mutt_flow_t *flow, struct redisReply *answer)
{
    redisReply        *reply = (redisReply *) answer;
    ngx_mutt_moves_t  *moves = flow->data;

    size_t           i;
    redisReply      *text;
    ngx_mutt_dead_t  dead;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements == 0
        || reply->element[0]->type != REDIS_REPLY_INTEGER)
    {
        return ngx_mutt_flow_no_redis(flow);
    }

    if (moves->left < 0) {
        moves->left = reply->element[0]->integer;
    }

    for (i = 1; i < reply->elements && (ngx_int_t) moves->n < moves->left
                && moves->moved + moves->wanted < moves->max; i++)
    {
        text = reply->element[i];

        if (text->type != REDIS_REPLY_STRING
            || ngx_mutt_letters_read((mutt_str_t) { text->str, text->len },
                                     i - 1, &dead)
               != NGX_OK
            || (ngx_mutt_letters_wanted(&moves->filter, &dead)
                ? ngx_mutt_moves_pick(moves, &dead) != NGX_OK
                : ngx_mutt_moves_push(moves, &dead) == NULL))
        {
            return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
        }
    }

    moves->ended = moves->n == 0;

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_moves_look(ngx_mutt_flow_t *flow)
{
    ngx_mutt_moves_t  *moves = flow->data;

    mutt_pool_reset(moves->pool);
    moves->n = 0;
    moves->wanted = 0;
    moves->tries = 0;
    moves->moves = mutt_pool_alloc(moves->pool, NGX_MUTT_LETTERS_CHUNK
                                                * sizeof(ngx_mutt_move_t));

    if (moves->moves == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    if (moves->ids != NULL) {
        moves->lot = ngx_mutt_moves_lot(moves);
        return NGX_OK;
    }

    return ngx_mutt_letters_ask(flow, moves->queue, 0, NGX_MUTT_LETTERS_CHUNK,
                                ngx_mutt_moves_looked);
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
