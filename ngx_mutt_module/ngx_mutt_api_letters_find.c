
/*
 * Letters by their ids: each at its place, or nearer to the end that is taken
 * from.  What a search costs Redis is the digests of the letters that it goes
 * through: so many at a time, between which others have their turn.
 */


#include "ngx_mutt_api_letters.h"

#include <hiredis/hiredis.h>


#define NGX_MUTT_LETTERS_SLICE   1000
#define NGX_MUTT_LETTERS_SEARCH  20000


void
ngx_mutt_letters_search(ngx_mutt_search_t *search)
{
    search->resume = -1;
    search->spent = 0;
    search->shift = 0;
    search->left = NGX_MUTT_LETTERS_SEARCH;
}


ngx_int_t
ngx_mutt_letters_find(ngx_mutt_flow_t *flow, ngx_uint_t queue,
    const ngx_mutt_search_t *search, ngx_uint_t n, ngx_mutt_told_pt told)
{
    if (ngx_mutt_flow_eval(flow, MUTT_SCRIPT_FIND, 1, 5 + 2 * n, told)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_mutt_redis_text(mutt_set_text(ngx_mutt_settings(),
                                      ngx_mutt_letters_rows[queue].key));
    (void) ngx_mutt_redis_int(ngx_min(search->left, NGX_MUTT_LETTERS_SLICE));
    (void) ngx_mutt_redis_int(search->shift);
    (void) ngx_mutt_redis_int(search->resume);
    (void) ngx_mutt_redis_int(search->spent);
    (void) ngx_mutt_redis_int(n);

    return NGX_OK;
}


ngx_int_t
ngx_mutt_letters_found(ngx_mutt_search_t *search, ngx_uint_t n,
    struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    size_t      i;
    ngx_int_t   decided;
    redisReply  *e;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements < NGX_MUTT_LETTERS_HEAD)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < reply->elements; i++) {
        e = reply->element[i];

        if (e->type != (i < NGX_MUTT_LETTERS_HEAD
                        || (i - NGX_MUTT_LETTERS_HEAD) % 2 == 0
                        ? REDIS_REPLY_INTEGER : REDIS_REPLY_STRING))
        {
            return NGX_ERROR;
        }
    }

    decided = reply->element[0]->integer;

    if (decided < 0 || decided > (ngx_int_t) n
        || reply->elements != NGX_MUTT_LETTERS_HEAD + 2 * (size_t) decided)
    {
        return NGX_ERROR;
    }

    search->shift = reply->element[1]->integer;
    search->resume = reply->element[2]->integer;
    search->spent = reply->element[3]->integer;
    search->left -= reply->element[4]->integer;

    return decided;
}
