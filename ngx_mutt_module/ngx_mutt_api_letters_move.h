
/*
 * Letters that an operator moves: what choosing them and moving them share.
 */


#ifndef _NGX_MUTT_API_LETTERS_MOVE_H_INCLUDED_
#define _NGX_MUTT_API_LETTERS_MOVE_H_INCLUDED_


#include "ngx_mutt_api_letters.h"

#include "core/mutt_pool.h"
#include "core/mutt_uuid.h"


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


/* The members of the body that choose letters: ids, a filter, a cursor. */
void ngx_mutt_moves_take_ids(ngx_mutt_flow_t *flow, ngx_mutt_moves_t *moves,
    const mutt_json_member_t *member);
void ngx_mutt_moves_take_filter(ngx_mutt_flow_t *flow, ngx_mutt_moves_t *moves);
void ngx_mutt_moves_take_cursor(ngx_mutt_flow_t *flow, ngx_mutt_moves_t *moves);

/* The steps that look at a lot of letters and decide what becomes of each. */
ngx_int_t ngx_mutt_moves_look(ngx_mutt_flow_t *flow);
ngx_int_t ngx_mutt_moves_find(ngx_mutt_flow_t *flow);


#endif /* _NGX_MUTT_API_LETTERS_MOVE_H_INCLUDED_ */
