
/*
 * What the files about pushing offer each other: one gathers requests into
 * calls, one writes a call, one reads its answer.
 */


#ifndef _NGX_MUTT_PUSH_H_INCLUDED_
#define _NGX_MUTT_PUSH_H_INCLUDED_


#include "ngx_mutt_module.h"


/* requests of a call */
#define NGX_MUTT_BATCH_MAX     512


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


/* ngx_mutt_push.c */

/* Gives the requests of a batch one status, those that were taken or all. */
void ngx_mutt_set_status(ngx_mutt_batch_t *batch,
    ngx_mutt_push_status_t status, ngx_flag_t taken);

/* An answer is there: the next call may leave. */
void ngx_mutt_call_ended(void);

/* Tells the requests of a batch, whose status is set. */
void ngx_mutt_end_batch(ngx_mutt_batch_t *batch);

/* As ngx_mutt_end_batch(), when replicas have it where they are waited for. */
void ngx_mutt_batch_taken(ngx_mutt_batch_t *batch);

/*
 * Nothing was done: once more.  Refused is what can't be staged, nor can what
 * comes within the second.
 */
void ngx_mutt_push_again(ngx_mutt_batch_t *batch, ngx_flag_t refused);


/* ngx_mutt_push_call.c */

ngx_int_t ngx_mutt_push_call_init(void);

/* How many ids go with its events: none, unless one is the client's. */
ngx_uint_t ngx_mutt_push_ids(ngx_mutt_push_t *push);

/* The call that decides about each request, or about all of them as one. */
ngx_int_t ngx_mutt_send_script(ngx_mutt_batch_t *batch, ngx_uint_t words);
ngx_int_t ngx_mutt_send_staged(ngx_mutt_batch_t *batch);


/* ngx_mutt_push_answer.c: what the commands of a call are answered */

void ngx_mutt_queued(void *data, struct redisReply *answer);
void ngx_mutt_pushed(void *data, struct redisReply *answer);
void ngx_mutt_executed(void *data, struct redisReply *answer);


#endif /* _NGX_MUTT_PUSH_H_INCLUDED_ */
