
/*
 * What the files about the link to Redis offer each other: one has the
 * connection, one writes commands, one what a new connection says first.
 */


#ifndef _NGX_MUTT_REDIS_H_INCLUDED_
#define _NGX_MUTT_REDIS_H_INCLUDED_


#include "ngx_mutt_module.h"

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#include "domain/mutt_breaker.h"


#define NGX_MUTT_BLOCK          65536
#define NGX_MUTT_GREETINGS_MAX  9


typedef enum {
    NGX_MUTT_IDLE = 0,
    NGX_MUTT_CONNECTING,
    NGX_MUTT_GREETING,
    NGX_MUTT_READY
} ngx_mutt_link_state_t;


typedef struct ngx_mutt_block_s  ngx_mutt_block_t;

struct ngx_mutt_block_s {
    ngx_mutt_block_t       *next;
    u_char                 *pos;
    u_char                 *last;
    u_char                  data[NGX_MUTT_BLOCK];
};


/* NGX_ERROR when the connection is of no use */
typedef ngx_int_t (*ngx_mutt_greeting_pt)(redisReply *reply);


struct ngx_mutt_op_s {
    ngx_queue_t             queue;
    ngx_mutt_op_pt          handler;
    void                   *data;
    ngx_msec_t              deadline;
    ngx_msec_t              began;
    mutt_series_t           series;
};


typedef struct {
    ngx_mutt_link_state_t   state;
    ngx_mutt_main_conf_t   *mcf;
    ngx_peer_connection_t   peer;
    ngx_connection_t       *connection;
    redisReader            *reader;
    ngx_queue_t             ops;        /* sent or to be sent, in order */
    ngx_queue_t             spare;
    ngx_uint_t              n_ops;
    ngx_mutt_greeting_pt    greetings[NGX_MUTT_GREETINGS_MAX];
    ngx_uint_t              n_greetings;
    ngx_uint_t              greeted;    /* of them answered */
    ngx_uint_t              seen;       /* by the witness, when it was sent */
    ngx_uint_t              password;   /* of the two, the one that is shown */
    ngx_mutt_block_t       *out;
    ngx_mutt_block_t       *out_last;
    ngx_mutt_block_t       *spare_block;
    size_t                  bytes;      /* not yet written */
    ngx_event_t             deadline;
    ngx_event_t             reconnect;
    ngx_msec_t              delay;
    mutt_breaker_t          breaker;
    ngx_uint_t              lost;       /* connections, for the log */
    ngx_flag_t              answered;   /* well, last time */
    ngx_flag_t              broken;     /* a command could not be written */
    u_char                 *input;
} ngx_mutt_link_t;


/* ngx_mutt_redis.c */

extern ngx_mutt_link_t  ngx_mutt_link;


/* ngx_mutt_redis_write.c */

/* The head of a command of n words that is no one's: of a greeting. */
ngx_int_t ngx_mutt_words(ngx_uint_t n);

/* Drops what is not written. */
void ngx_mutt_drop_output(ngx_mutt_link_t *link);

/* The script, as SCRIPT LOAD takes it: three words. */
void ngx_mutt_load_words(void);


/* ngx_mutt_redis_greet.c */

/* What a new connection says first; events wait until all is answered. */
void ngx_mutt_greet(ngx_mutt_link_t *link);


#endif /* _NGX_MUTT_REDIS_H_INCLUDED_ */
