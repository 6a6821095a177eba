
/*
 * What the files of the module offer each other.
 */


#ifndef _NGX_MUTT_MODULE_H_INCLUDED_
#define _NGX_MUTT_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "conf/mutt_api_errors.h"
#include "conf/mutt_metrics.h"
#include "conf/mutt_settings.h"
#include "core/mutt_buf.h"
#include "core/mutt_hash.h"
#include "core/mutt_json_fast.h"
#include "core/mutt_uuid.h"
#include "domain/mutt_event.h"


#define NGX_MUTT_CORRELATION_MAX  128

/* what a location serves */
#define NGX_MUTT_INGEST           0x01
#define NGX_MUTT_API              0x02
#define NGX_MUTT_METRICS          0x04
#define NGX_MUTT_HEALTH           0x08
#define NGX_MUTT_DASHBOARD        0x10

/* scopes of a key; admin implies write implies read */
#define NGX_MUTT_SCOPE_NONE       0x00
#define NGX_MUTT_SCOPE_INGEST     0x01
#define NGX_MUTT_SCOPE_READ       0x02
#define NGX_MUTT_SCOPE_WRITE      0x06
#define NGX_MUTT_SCOPE_ADMIN      0x0e


typedef struct {
    ngx_str_t          name;       /* who: logs, audit */
    ngx_str_t          id;         /* what goes to _source */
    ngx_uint_t         scopes;
    u_char             digest[MUTT_SHA256_LEN];
} ngx_mutt_key_t;


typedef struct {
    mutt_settings_t   *settings;   /* defaults and environment */
    ngx_array_t       *keys;       /* of ngx_mutt_key_t */
    ngx_str_t          redis;
    ngx_url_t          redis_url;
    ngx_str_t          redis_password;
    ngx_int_t          redis_db;
    ngx_msec_t         redis_timeout;
    ngx_str_t          postgres;
    size_t             zone_size;
    ngx_shm_zone_t    *zone;
    ngx_int_t          inflight_events;
    size_t             inflight_bytes;
    ngx_flag_t         used;
} ngx_mutt_main_conf_t;


typedef struct {
    ngx_flag_t         used;       /* a location of the server is ours */
} ngx_mutt_srv_conf_t;


typedef struct {
    ngx_uint_t         serves;
    ngx_uint_t         limit_status;
    ngx_uint_t         malformed;
} ngx_mutt_loc_conf_t;

#define NGX_MUTT_MALFORMED_REJECT       0
#define NGX_MUTT_MALFORMED_DEAD_LETTER  1


typedef struct ngx_mutt_route_s  ngx_mutt_route_t;


/* of a request; lives in r->pool */
typedef struct {
    ngx_str_t                correlation_id;
    u_char                   correlation[NGX_MUTT_CORRELATION_MAX];
    ngx_str_t                version;     /* served */
    const ngx_mutt_route_t  *route;
    ngx_str_t                path;        /* of the route, without prefix */
    const ngx_mutt_key_t    *key;
    ngx_flag_t               deprecated;
    void                    *data;        /* of the handler */
} ngx_mutt_ctx_t;


typedef ngx_int_t (*ngx_mutt_handler_pt)(ngx_http_request_t *r,
    ngx_mutt_ctx_t *ctx);


struct ngx_mutt_route_s {
    const char           *path;
    ngx_uint_t            methods;
    ngx_uint_t            group;      /* NGX_MUTT_INGEST ... */
    ngx_uint_t            scope;
    ngx_mutt_handler_pt   handler;
    ngx_flag_t            deprecated;
    const char           *successor;
    const char           *summary;
};


extern ngx_module_t  ngx_http_mutt_module;


/* ngx_mutt_conf.c */

extern ngx_command_t  ngx_mutt_commands[];

void *ngx_mutt_create_main_conf(ngx_conf_t *cf);
char *ngx_mutt_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_mutt_create_srv_conf(ngx_conf_t *cf);
char *ngx_mutt_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child);
void *ngx_mutt_create_loc_conf(ngx_conf_t *cf);
char *ngx_mutt_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);


/* ngx_mutt_routes.c */

/* The content handler of our locations: route, method, credential, scope. */
ngx_int_t ngx_mutt_dispatch(ngx_http_request_t *r);


/* ngx_mutt_version.c */

/* The request's context, made on first use; NULL when out of memory. */
ngx_mutt_ctx_t *ngx_mutt_get_ctx(ngx_http_request_t *r);
ngx_int_t ngx_mutt_header_filter_init(ngx_conf_t *cf);
ngx_str_t *ngx_mutt_find_header(ngx_http_request_t *r, const char *name,
    ngx_uint_t *count);


/* ngx_mutt_auth.c */

/* Adds a key whose value is at source ("env:NAME" or "file:PATH"). */
char *ngx_mutt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mutt_default_keys(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf);

/* The request's key, or NULL whatever is wrong with it. */
const ngx_mutt_key_t *ngx_mutt_authenticate(ngx_http_request_t *r);


/* ngx_mutt_reply.c */

ngx_int_t ngx_mutt_add_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);
ngx_int_t ngx_mutt_add_int_header(ngx_http_request_t *r, const char *name,
    ngx_int_t value);

/* Sends text (copied) with a status; what a content handler returns. */
ngx_int_t ngx_mutt_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, mutt_str_t text);

/*
 * Sends an error of the API's table; extra is more JSON members, each with a
 * leading comma, or empty.
 */
ngx_int_t ngx_mutt_send_error(ngx_http_request_t *r, mutt_api_code_t code,
    mutt_str_t extra);
ngx_int_t ngx_mutt_send_error_status(ngx_http_request_t *r,
    mutt_api_code_t code, ngx_uint_t status, mutt_str_t extra);

/* Finalizes a request from an event that is not its own. */
void ngx_mutt_finish(ngx_http_request_t *r, ngx_int_t rc);


/* ngx_mutt_body.c */

typedef struct {
    mutt_buf_t         raw;        /* as sent */
    mutt_buf_t         inflated;   /* where it was compressed */
    mutt_api_code_t    error;
    ngx_flag_t         failed;
    size_t             limit;
    void             (*done)(ngx_http_request_t *r);
} ngx_mutt_body_t;

/*
 * Reads the body to at most limit bytes, then calls done, perhaps before it
 * returns; what a content handler returns.
 */
ngx_int_t ngx_mutt_read_body(ngx_http_request_t *r, ngx_mutt_body_t *body,
    size_t limit, void (*done)(ngx_http_request_t *r));

/* Inflates raw to at most limit bytes; NGX_DECLINED with error set. */
ngx_int_t ngx_mutt_inflate(ngx_mutt_body_t *body, size_t limit);
void ngx_mutt_free_body(ngx_mutt_body_t *body);


/* ngx_mutt_redis.c */

struct redisReply;

typedef struct ngx_mutt_op_s  ngx_mutt_op_t;

/* reply is NULL when there was none: whether the command ran is unknown */
typedef void (*ngx_mutt_op_pt)(void *data, struct redisReply *reply);

ngx_int_t ngx_mutt_redis_init(ngx_cycle_t *cycle, ngx_mutt_main_conf_t *mcf);
void ngx_mutt_redis_exit(void);

/* Whether a command would be taken now. */
ngx_flag_t ngx_mutt_redis_ready(void);

/* Whether the last answer of Redis was a good one. */
ngx_flag_t ngx_mutt_redis_connected(void);

/*
 * Queues a command of n words, of which the caller appends each with
 * ngx_mutt_redis_word() before anything else; the handler runs once, later.
 * NGX_DECLINED when Redis is away or too much is queued.
 */
ngx_int_t ngx_mutt_redis_begin(ngx_uint_t n, ngx_mutt_op_pt handler,
    void *data);
ngx_int_t ngx_mutt_redis_word(const void *data, size_t len);
ngx_int_t ngx_mutt_redis_int(ngx_int_t n);

/* The SHA1 of a script that every connection loads first. */
extern u_char  ngx_mutt_ingest_sha[40];

/* Loads the script again; for NOSCRIPT. */
void ngx_mutt_redis_load(void);


/* ngx_mutt_push.c */

typedef enum {
    NGX_MUTT_PUSH_QUEUED = 0,
    NGX_MUTT_PUSH_FULL,
    NGX_MUTT_PUSH_LIMITED,
    NGX_MUTT_PUSH_TOO_LARGE,
    NGX_MUTT_PUSH_FAILED
} ngx_mutt_push_status_t;


typedef struct {
    size_t             start;      /* in the buffer */
    size_t             len;
    u_char             id[MUTT_UUID_LEN + 1];
    unsigned           own_id:1;
} ngx_mutt_item_t;


typedef struct ngx_mutt_batch_s  ngx_mutt_batch_t;

/* a request's events on their way to Redis */
typedef struct ngx_mutt_push_s  ngx_mutt_push_t;

struct ngx_mutt_push_s {
    ngx_queue_t              queue;
    ngx_mutt_batch_t        *batch;
    ngx_uint_t               index;
    mutt_buf_t              *elements;
    ngx_array_t             *items;      /* of ngx_mutt_item_t */
    mutt_buf_t              *rejected;
    ngx_array_t             *rejects;    /* of ngx_mutt_item_t */
    ngx_str_t                key_id;
    void                   (*done)(ngx_mutt_push_t *push);
    void                    *data;

    ngx_mutt_push_status_t   status;
    ngx_int_t                depth;
    ngx_int_t                pushed;
    ngx_int_t                duplicates;
    ngx_int_t                remaining;
    ngx_int_t                reset;
    unsigned                 pending:1;
};

ngx_int_t ngx_mutt_push_init(ngx_cycle_t *cycle);

/* Sends push with all others of this turn; NGX_DECLINED: too busy now. */
ngx_int_t ngx_mutt_push(ngx_mutt_push_t *push);

/* Forgets a push whose request is gone; its events may still be taken. */
void ngx_mutt_push_cancel(ngx_mutt_push_t *push);


/* ngx_mutt_ingest.c */

ngx_int_t ngx_mutt_ingest(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);
void ngx_mutt_ingest_count(ngx_http_request_t *r, mutt_api_code_t code);


/* ngx_mutt_metrics.c */

ngx_int_t ngx_mutt_init_zone(ngx_shm_zone_t *zone, void *data);

/* This process' slots. */
uint64_t *ngx_mutt_slots(void);
void ngx_mutt_metrics_attach(ngx_mutt_main_conf_t *mcf);
ngx_int_t ngx_mutt_metrics(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);

/* Compares the ledger's accepted count with the highest seen. */
void ngx_mutt_witness(ngx_int_t accepted);


/* ngx_mutt_health.c */

ngx_int_t ngx_mutt_health(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);
ngx_int_t ngx_mutt_live(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);
ngx_int_t ngx_mutt_about(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);
ngx_int_t ngx_mutt_version(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);


/* ngx_mutt_live.c */

ngx_int_t ngx_mutt_live_init(ngx_cycle_t *cycle, ngx_mutt_main_conf_t *mcf);
void ngx_mutt_live_exit(void);

/* The live settings of this process. */
const mutt_settings_t *ngx_mutt_settings(void);


/* ngx_mutt_pg.c */

ngx_int_t ngx_mutt_pg_init(ngx_cycle_t *cycle, ngx_mutt_main_conf_t *mcf);
void ngx_mutt_pg_exit(void);
ngx_flag_t ngx_mutt_pg_connected(void);


#endif /* _NGX_MUTT_MODULE_H_INCLUDED_ */
