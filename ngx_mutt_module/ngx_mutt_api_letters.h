
/*
 * Dead letters over the API: what the files about them share.  A letter's
 * place is how many older ones lie behind it; with the digest of its text it
 * is the letter's id, which holds while replays take older ones away.
 */


#ifndef _NGX_MUTT_API_LETTERS_H_INCLUDED_
#define _NGX_MUTT_API_LETTERS_H_INCLUDED_


#include "ngx_mutt_api.h"

#include "domain/mutt_letter.h"


/* letters and bytes that are taken from Redis at a time */
#define NGX_MUTT_LETTERS_CHUNK  500
#define NGX_MUTT_LETTERS_BYTES  (4 * 1024 * 1024)

#define NGX_MUTT_LETTER_ID      64

/* what the reply to a search has before its places and letters */
#define NGX_MUTT_LETTERS_HEAD   5


typedef enum {
    NGX_MUTT_LETTERS_ALERTER = 0,
    NGX_MUTT_LETTERS_MOOG,
    NGX_MUTT_LETTERS_DEAD,
    NGX_MUTT_LETTERS_QUEUES
} ngx_mutt_letters_queue_t;


typedef struct {
    const char        *name;       /* in the path */
    mutt_setting_t     key;
    const char        *origin;     /* where its letters go back to */
} ngx_mutt_letters_row_t;


/* how far a search for letters by their ids is */
typedef struct {
    ngx_int_t          resume;     /* where the first is looked for; -1 */
    ngx_int_t          spent;      /* letters that it was looked for among */
    ngx_int_t          shift;      /* how much nearer they have come */
    ngx_int_t          left;       /* letters to go through, for all */
} ngx_mutt_search_t;


/* what is wanted of letters; data NULL, or 0: any */
typedef struct {
    mutt_str_t         reason;     /* head of _failed_reason */
    mutt_str_t         hostname;
    mutt_str_t         text;       /* anywhere in the letter, any ASCII case */
    mutt_usec_t        before;     /* failed before */
} ngx_mutt_letters_filter_t;


/* a letter and what it says; its text lives in the reader */
typedef struct {
    mutt_str_t         text;
    ngx_uint_t         place;
    char               id[NGX_MUTT_LETTER_ID];
    ngx_flag_t         valid;      /* has an envelope */
    ngx_flag_t         alert;      /* else an event */
    mutt_letter_t      letter;     /* where valid */
    mutt_str_t         event_id;
    mutt_str_t         received_at;
    mutt_str_t         failed_at;
    mutt_str_t         hostname;
    mutt_str_t         message;
} ngx_mutt_dead_t;


extern const ngx_mutt_letters_row_t
    ngx_mutt_letters_rows[NGX_MUTT_LETTERS_QUEUES];


/* The queue of the path, or NGX_ERROR. */
ngx_int_t ngx_mutt_letters_queue(ngx_mutt_flow_t *flow);

/* Asks for letters of a queue from a place on. */
ngx_int_t ngx_mutt_letters_ask(ngx_mutt_flow_t *flow, ngx_uint_t queue,
    ngx_uint_t place, ngx_uint_t n, ngx_mutt_told_pt told);

/* NGX_ERROR when out of memory. */
ngx_int_t ngx_mutt_letters_read(mutt_str_t text, ngx_uint_t place,
    ngx_mutt_dead_t *dead);

ngx_flag_t ngx_mutt_letters_wanted(const ngx_mutt_letters_filter_t *filter,
    const ngx_mutt_dead_t *dead);

/* ngx_mutt_api_letters_find.c */

void ngx_mutt_letters_search(ngx_mutt_search_t *search);

/*
 * Asks for n letters, whose places and digests the caller appends each.
 * NGX_DECLINED when Redis is away.
 */
ngx_int_t ngx_mutt_letters_find(ngx_mutt_flow_t *flow, ngx_uint_t queue,
    const ngx_mutt_search_t *search, ngx_uint_t n, ngx_mutt_told_pt told);

/*
 * How many of them, the first, the reply decides: each by its place, -1 for
 * none, and its text.  The others are to be asked for again.  NGX_ERROR: it
 * is no such reply.
 */
ngx_int_t ngx_mutt_letters_found(ngx_mutt_search_t *search, ngx_uint_t n,
    struct redisReply *answer);


/* ngx_mutt_api_letters.c */

/* Appends text to b as a JSON string of at most max characters, no NUL. */
void ngx_mutt_letters_add(mutt_buf_t *b, mutt_str_t text, size_t max);

/* The place and the digest of an id; NGX_ERROR: it is none. */
ngx_int_t ngx_mutt_letters_id(mutt_str_t id, ngx_uint_t *place,
    mutt_str_t *digest);


#endif /* _NGX_MUTT_API_LETTERS_H_INCLUDED_ */
