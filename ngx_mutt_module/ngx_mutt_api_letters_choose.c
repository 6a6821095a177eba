
/*
 * Which dead letters an operator means: by their ids, or by a filter, which
 * sifts the queue from its oldest letter on.  A lot of them is looked at, and
 * what becomes of each is decided.
 */


#include "ngx_mutt_api_letters_move.h"

#include <hiredis/hiredis.h>

#include "core/mutt_time.h"


#define NGX_MUTT_MOVES_IDS      500
#define NGX_MUTT_MOVES_MOST     10000
#define NGX_MUTT_MOVES_DEFAULT  1000
#define NGX_MUTT_MOVES_PLACES   2000000000
#define NGX_MUTT_MOVES_PAYLOAD  (64 * 1024 * 1024)

/* letters by id at a time: the deeper they lie, the more a look costs */
#define NGX_MUTT_MOVES_LOT      100
#define NGX_MUTT_MOVES_WALK     400000
#define NGX_MUTT_MOVES_STEP     2000


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


void
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
void
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


void
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
ngx_int_t
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


ngx_int_t
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
