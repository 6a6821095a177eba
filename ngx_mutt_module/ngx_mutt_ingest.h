
/*
 * What the files about a request to ingest offer each other: one takes it up
 * to the push, one makes its events, one answers it.
 */


#ifndef _NGX_MUTT_INGEST_H_INCLUDED_
#define _NGX_MUTT_INGEST_H_INCLUDED_


#include "ngx_mutt_module.h"

#include "domain/mutt_batch.h"


#define NGX_MUTT_REPLY_MAX       (256 * 1024)


typedef struct {
    ngx_mutt_body_t          body;       /* first: the body reader's */
    ngx_http_request_t      *request;
    ngx_mutt_ctx_t          *ctx;
    ngx_mutt_push_t          push;
    mutt_buf_t               elements;
    mutt_buf_t               rejected;
    mutt_buf_t               errors;     /* of a batch, as JSON */
    mutt_body_kind_t         kind;
    ngx_uint_t               n_rejected;
    mutt_api_code_t          fault;      /* of what was kept */
    char                     received_at[MUTT_TIME_LEN + 1];
    mutt_usec_t              received;
    ngx_msec_t               began;
    ngx_msec_t               sent;       /* to Redis */
    unsigned                 ndjson:1;
    unsigned                 compressed:1;
    unsigned                 kept:1;     /* malformed, dead-lettered */
} ngx_mutt_ingest_t;


/* ngx_mutt_ingest_event.c */

/* why the last event was refused */
extern mutt_event_fault_t   ngx_mutt_event_fault;

/* by the settings of a generation */
extern mutt_event_limits_t  ngx_mutt_event_limits;

/* Gets a request ready for the events it may have. */
ngx_int_t ngx_mutt_ingest_prepare(ngx_mutt_ingest_t *in);

/* Makes an element of an event, or says why not. */
mutt_rc_t ngx_mutt_ingest_admit(ngx_mutt_ingest_t *in, mutt_str_t raw);

/* Keeps a refused event, with the reason, for people to look at. */
ngx_int_t ngx_mutt_keep(ngx_mutt_ingest_t *in, mutt_str_t raw,
    ngx_uint_t index);

/* Lists a refused member of a batch in the answer, and keeps it. */
ngx_int_t ngx_mutt_reject(ngx_mutt_ingest_t *in, mutt_str_t raw,
    ngx_uint_t index);

/* The members that tell why an event was refused. */
void ngx_mutt_write_fault(mutt_buf_t *b, const mutt_event_fault_t *fault);


/* ngx_mutt_ingest_answer.c */

ngx_int_t ngx_mutt_ingest_fail(ngx_mutt_ingest_t *in, mutt_api_code_t code,
    mutt_str_t extra);

/* Redis has answered, or will not. */
void ngx_mutt_ingest_pushed(ngx_mutt_push_t *push);


#endif /* _NGX_MUTT_INGEST_H_INCLUDED_ */
