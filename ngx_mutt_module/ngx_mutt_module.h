
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
#include "core/mutt_failpoint.h"
#include "core/mutt_hash.h"
#include "core/mutt_json_fast.h"
#include "core/mutt_uuid.h"
#include "domain/mutt_durable.h"
#include "domain/mutt_event.h"
#include "domain/mutt_sql.h"
#include "domain/mutt_trace.h"


#define NGX_MUTT_CORRELATION_MAX  128
#define NGX_MUTT_KEY_ID_MAX       256

/* of a SHA-256, or as many random bytes */
#define NGX_MUTT_HEX_LEN          (2 * MUTT_SHA256_LEN)

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

/* any key that is good will do */
#define NGX_MUTT_SCOPE_ANY        0x10


typedef struct {
    ngx_str_t          name;       /* who: logs, audit */
    ngx_str_t          id;         /* what goes to _source */
    ngx_uint_t         scopes;
    time_t             expires;    /* 0: never */
    ngx_int_t          limit;      /* events a minute; 0: none of its own */
    u_char             digest[MUTT_SHA256_LEN];
} ngx_mutt_key_t;


typedef struct {
    mutt_settings_t   *settings;   /* defaults and environment */
    ngx_array_t       *keys;       /* of ngx_mutt_key_t */
    ngx_str_t          redis;
    ngx_url_t          redis_url;
    ngx_str_t          redis_passwords[2];   /* the next one, if any */
    ngx_int_t          redis_db;
    ngx_msec_t         redis_timeout;
    ngx_int_t          redis_failures;
    ngx_uint_t         durability;       /* mutt_durable_t, wanted */
    ngx_int_t          replicas;
    ngx_int_t          wait_timeout;     /* ms */
    ngx_flag_t         strict;
    ngx_str_t          postgres;
    const char        *postgres_info[2];  /* conninfo; with the next role, */
    const char        *postgres_role;     /* where it is not in there: who, */
    const char        *postgres_password; /* and its password */
    ngx_flag_t         postgres_several;  /* hosts */
    const char        *postgres_address;  /* of its host; NULL: as it is */
    ngx_flag_t         postgres_tls;
    const char        *postgres_ca;
    size_t             zone_size;
    ngx_shm_zone_t    *zone;
    ngx_shm_zone_t    *keyring;
    ngx_shm_zone_t    *guard;
    ngx_shm_zone_t    *live;
    ngx_int_t          inflight_events;
    size_t             inflight_bytes;
    ngx_flag_t         used;
} ngx_mutt_main_conf_t;


typedef struct {
    ngx_flag_t         used;       /* a location of the server is ours */
} ngx_mutt_srv_conf_t;


typedef struct {
    ngx_uint_t         serves;
    ngx_array_t       *web;        /* the dashboard's files */
    ngx_uint_t         limit_status;
    ngx_uint_t         malformed;
} ngx_mutt_loc_conf_t;

#define NGX_MUTT_MALFORMED_REJECT       0
#define NGX_MUTT_MALFORMED_DEAD_LETTER  1


typedef struct ngx_mutt_route_s  ngx_mutt_route_t;
typedef struct ngx_mutt_session_s  ngx_mutt_session_t;


/* the end of a route, or of all below a prefix */
typedef struct {
    const char         *deprecated;   /* RFC 9745 */
    const char         *sunset;       /* RFC 8594 */
    const char         *date;         /* of it */
    const char         *removed_in;   /* version; NULL: in none yet */
    const char         *successor;    /* path; NULL: the same in v2 */
} ngx_mutt_life_t;


/* of a request; lives in r->pool */
typedef struct {
    ngx_str_t                correlation_id;
    u_char                   correlation[NGX_MUTT_CORRELATION_MAX];
    ngx_str_t                version;     /* served */
    const ngx_mutt_route_t  *route;
    ngx_str_t                params[2];   /* what stands for the route's {} */
    const ngx_mutt_key_t    *key;
    ngx_mutt_session_t      *session;     /* NULL: came with a key */
    ngx_flag_t               deprecated;  /* below /api/v1 */
    const ngx_mutt_life_t   *life;        /* of the route or the prefix */
    ngx_uint_t               accepted;    /* events, of ingest */
    ngx_uint_t               rejected;
    ngx_msec_t               waited;      /* for Redis */
    const char              *durability;  /* of a 2xx; NULL for others */
    mutt_trace_t             trace;       /* its span the client's, or zeros */
    u_char                   trace_id[MUTT_TRACE_HEX + 1];
    ngx_flag_t               traced;
    void                    *data;        /* of the handler */
} ngx_mutt_ctx_t;


typedef ngx_int_t (*ngx_mutt_handler_pt)(ngx_http_request_t *r,
    ngx_mutt_ctx_t *ctx);


typedef struct ngx_mutt_step_s  ngx_mutt_step_t;


struct ngx_mutt_route_s {
    ngx_uint_t              method;     /* GET means HEAD too */
    const char             *path;       /* with up to two {name} */
    ngx_uint_t              under;      /* prefixes */
    ngx_uint_t              group;      /* NGX_MUTT_INGEST ... */
    ngx_uint_t              scope;
    ngx_mutt_handler_pt     handler;
    const ngx_mutt_step_t  *steps;      /* of ngx_mutt_flow(), the handler */
    const char             *summary;
    mutt_series_t           count;      /* good, the client's, ours */
    mutt_series_t           latency;
    const ngx_mutt_life_t  *life;       /* NULL: is here to stay */
};

/* where a route is found: as it is, and below /api/v1 and /api/v2 */
#define NGX_MUTT_UNDER_ROOT       0x01
#define NGX_MUTT_UNDER_API        0x02


extern ngx_module_t  ngx_http_mutt_module;


/* ngx_mutt_conf.c */

extern ngx_command_t  ngx_mutt_commands[];

/* A variable of the environment, which a new binary is to have too. */
const char *ngx_mutt_environment(ngx_conf_t *cf, const char *name);

void *ngx_mutt_create_main_conf(ngx_conf_t *cf);
char *ngx_mutt_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_mutt_create_srv_conf(ngx_conf_t *cf);
char *ngx_mutt_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child);
void *ngx_mutt_create_loc_conf(ngx_conf_t *cf);
char *ngx_mutt_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);


/* ngx_mutt_routes.c */

/* The content handler of our locations: route, method, credential, scope. */
ngx_int_t ngx_mutt_dispatch(ngx_http_request_t *r);

/* The table, n rows of it. */
const ngx_mutt_route_t *ngx_mutt_route_table(ngx_uint_t *n);


/* ngx_mutt_openapi.c */

ngx_int_t ngx_mutt_openapi(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);


/* ngx_mutt_version.c */

/* The request's context, made on first use; NULL when out of memory. */
ngx_mutt_ctx_t *ngx_mutt_get_ctx(ngx_http_request_t *r);
ngx_int_t ngx_mutt_header_filter_init(ngx_conf_t *cf);
ngx_str_t *ngx_mutt_find_header(ngx_http_request_t *r, const char *name,
    ngx_uint_t *count);


/* ngx_mutt_variables.c */

ngx_int_t ngx_mutt_variables_init(ngx_conf_t *cf);


/* ngx_mutt_auth.c */

/* Adds a key whose value is at source ("env:NAME" or "file:PATH"). */
char *ngx_mutt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mutt_default_keys(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf);

const char *ngx_mutt_scope_name(ngx_uint_t scope);

/* NGX_MUTT_SCOPE_NONE when there is no scope of that name. */
ngx_uint_t ngx_mutt_scope_of(mutt_str_t name);

/* The request's key, or NULL whatever is wrong with it. */
const ngx_mutt_key_t *ngx_mutt_authenticate(ngx_http_request_t *r);

/*
 * Says that a credential, sent or not, is of no use, or that there have been
 * too many of those; how grave it is, is the weight.
 */
ngx_int_t ngx_mutt_refuse(ngx_http_request_t *r, ngx_uint_t weight);

/* The key that text is, or NULL. */
const ngx_mutt_key_t *ngx_mutt_identify(ngx_http_request_t *r,
    mutt_str_t text);

/* The key with an id that a session was opened with, if it is still good. */
const ngx_mutt_key_t *ngx_mutt_session_key(ngx_http_request_t *r,
    mutt_str_t id, ngx_mutt_session_t *session);


/* ngx_mutt_reply.c */

ngx_int_t ngx_mutt_add_named_header(ngx_http_request_t *r, const char *name,
    size_t len, ngx_str_t *value);

/* Here, so that the length of a literal is counted by the compiler. */
static ngx_inline ngx_int_t
ngx_mutt_add_header(ngx_http_request_t *r, const char *name, ngx_str_t *value)
{
    return ngx_mutt_add_named_header(r, name, ngx_strlen(name), value);
}


ngx_int_t ngx_mutt_add_int_header(ngx_http_request_t *r, const char *name,
    ngx_int_t value);

/* Writes n in digits, at most NGX_INT64_LEN; returns where they end. */
u_char *ngx_mutt_write_int(u_char *p, ngx_int_t n);

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

/* As ngx_mutt_send_error(), saying what is the matter in other words. */
ngx_int_t ngx_mutt_send_error_text(ngx_http_request_t *r,
    mutt_api_code_t code, const char *text, mutt_str_t extra);

/* Sends JSON that lives until the request is freed, without a copy. */
ngx_int_t ngx_mutt_send_kept(ngx_http_request_t *r, ngx_uint_t status,
    mutt_str_t text);

/* Finalizes a request from an event that is not its own. */
void ngx_mutt_finish(ngx_http_request_t *r, ngx_int_t rc);


/* ngx_mutt_body.c */

typedef struct {
    mutt_str_t         whole;      /* as sent, where it came in one piece */
    mutt_buf_t         raw;        /* otherwise */
    mutt_buf_t         inflated;   /* where it was compressed */
    mutt_api_code_t    error;
    ngx_flag_t         failed;
    ngx_flag_t         compressed;
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

/* The body, inflated if it was; lives until it or the request is freed. */
mutt_str_t ngx_mutt_body_text(ngx_mutt_body_t *body);
void ngx_mutt_free_body(ngx_mutt_body_t *body);


/* ngx_mutt_redis.c */

struct redisReply;

typedef struct ngx_mutt_op_s  ngx_mutt_op_t;

/* reply is NULL when there was none: whether the command ran is unknown */
typedef void (*ngx_mutt_op_pt)(void *data, struct redisReply *reply);

ngx_int_t ngx_mutt_redis_init(ngx_cycle_t *cycle, ngx_mutt_main_conf_t *mcf);
void ngx_mutt_redis_exit(void);

/* Whether events would be taken now. */
ngx_flag_t ngx_mutt_redis_ready(void);

/* Whether a connection is on its way up; events wait for it. */
ngx_flag_t ngx_mutt_redis_greeting(void);

/* Whether the breaker refuses; a probe may be on its way. */
ngx_flag_t ngx_mutt_redis_circuit_open(void);

/* Whether the last answer of Redis was a good one. */
ngx_flag_t ngx_mutt_redis_connected(void);

/*
 * Queues a command of n words, of which the caller appends each with
 * ngx_mutt_redis_word() before anything else; the handler runs once, later.
 * NGX_DECLINED when Redis is away or too much is queued.  What follows a
 * command just queued is never too much, but for a lack of memory: then the
 * link ends, and with it both.
 */
ngx_int_t ngx_mutt_redis_begin(ngx_uint_t n, ngx_mutt_op_pt handler,
    void *data);
ngx_int_t ngx_mutt_redis_follow(ngx_uint_t n, ngx_mutt_op_pt handler,
    void *data);
ngx_int_t ngx_mutt_redis_word(const void *data, size_t len);
void ngx_mutt_redis_text(const char *text);

/* What the command queued last is for, as it is measured. */
void ngx_mutt_redis_is(mutt_series_t series);
ngx_int_t ngx_mutt_redis_int(ngx_int_t n);

/* The SHA1 of a script that every connection loads first. */
extern u_char  ngx_mutt_ingest_sha[40];

/* Loads the script again; for NOSCRIPT. */
void ngx_mutt_redis_load(void);


/* ngx_mutt_guard.c */

char *ngx_mutt_guard_zone(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf);
void ngx_mutt_guard_attach(ngx_mutt_main_conf_t *mcf);

/*
 * Notes that a client was wrong about a key; the time in ms in which it has
 * been so too often, or 0.
 */
ngx_msec_t ngx_mutt_guard_failed(ngx_http_request_t *r, ngx_uint_t weight);


/* ngx_mutt_ask.c */

/* reply is NULL when there was none */
typedef void (*ngx_mutt_ask_pt)(ngx_http_request_t *r,
    struct redisReply *reply);

/*
 * As ngx_mutt_redis_begin(), for a request; the handler does not run when the
 * request is gone by then.
 */
ngx_int_t ngx_mutt_ask(ngx_http_request_t *r, ngx_uint_t n,
    ngx_mutt_ask_pt handler);

/* Answers that Redis is away, in words of what it is needed for. */
ngx_int_t ngx_mutt_ask_unavailable(ngx_http_request_t *r, const char *text);


/* ngx_mutt_session.c */

/* goes on with a request, whose key is NULL if the session is not good */
typedef ngx_int_t (*ngx_mutt_session_pt)(ngx_http_request_t *r,
    ngx_mutt_ctx_t *ctx);


struct ngx_mutt_session_s {
    u_char                token[NGX_MUTT_HEX_LEN];   /* the cookie */
    u_char                csrf[NGX_MUTT_HEX_LEN];
    u_char                proof[NGX_MUTT_HEX_LEN];
    time_t                ends;
    ngx_mutt_session_pt   done;
};


ngx_flag_t ngx_mutt_session_sent(ngx_http_request_t *r);

/*
 * Looks up the session of a request's cookie, then calls done.  NGX_DECLINED:
 * it can be none; else what a content handler returns.
 */
ngx_int_t ngx_mutt_session_find(ngx_http_request_t *r,
    ngx_mutt_session_pt done);

/*
 * Asks for a session that was found before, whose life that does not prolong;
 * whether it is still good, and may still do what it does, is what the answer
 * says.
 */
ngx_int_t ngx_mutt_session_ask(ngx_http_request_t *r, ngx_mutt_ask_pt handler);
ngx_flag_t ngx_mutt_session_holds(ngx_http_request_t *r,
    struct redisReply *answer);

/* Makes the context's session; NGX_DECLINED: Redis is away. */
ngx_int_t ngx_mutt_session_store(ngx_http_request_t *r,
    const ngx_mutt_key_t *key, ngx_mutt_ask_pt handler);
ngx_int_t ngx_mutt_session_drop(ngx_http_request_t *r,
    ngx_mutt_ask_pt handler);

/* Sends the session's cookie, or without a session takes it back. */
ngx_int_t ngx_mutt_session_set_cookie(ngx_http_request_t *r);

/* Whether a page of another origin sent the request. */
ngx_flag_t ngx_mutt_session_foreign(ngx_http_request_t *r);

/* What a cookie and the digest of its key have in common, in hex. */
ngx_int_t ngx_mutt_session_proof(const u_char *token, const u_char *digest,
    u_char *hex);


/* ngx_mutt_durability.c */

char *ngx_mutt_durability(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Asks Redis, for at most a second, whether it can hold what a strict
 * directive wants; a Redis that does not answer may.
 */
char *ngx_mutt_durability_check(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf);
ngx_int_t ngx_mutt_durability_init(ngx_cycle_t *cycle,
    ngx_mutt_main_conf_t *mcf);

mutt_durable_t ngx_mutt_durability_wanted(void);

/* What an answer given now is worth. */
mutt_durable_t ngx_mutt_durability_level(void);

/* Whether events may be taken: false where strict and Redis holds less. */
ngx_flag_t ngx_mutt_durability_holds(void);

/* Replies to INFO, CONFIG GET appendfsync, and WAIT. */
ngx_int_t ngx_mutt_durability_info(struct redisReply *reply);
ngx_int_t ngx_mutt_durability_fsync(struct redisReply *reply);
void ngx_mutt_durability_waited(ngx_int_t replicas);


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
    ngx_int_t                key_limit;  /* 0: none of its own */
    void                   (*done)(ngx_mutt_push_t *push);
    void                    *data;

    ngx_mutt_push_status_t   status;
    ngx_int_t                depth;
    ngx_int_t                pushed;
    ngx_int_t                duplicates;
    ngx_int_t                limit;      /* that leaves the least, */
    ngx_int_t                remaining;  /* -1: there is none */
    ngx_int_t                reset;
    mutt_durable_t           durability;
    unsigned                 pending:1;
    unsigned                 refused:1;  /* with others; now by itself */
};

ngx_int_t ngx_mutt_push_init(ngx_cycle_t *cycle);

/* Sends push with all others of this turn; NGX_DECLINED: too busy now. */
ngx_int_t ngx_mutt_push(ngx_mutt_push_t *push);

/* The link to Redis is up, or is gone: what waited for it goes on. */
void ngx_mutt_push_wake(void);

/* The queue's depth, as Redis has just said. */
void ngx_mutt_push_depth(ngx_int_t depth);

/* Forgets a push whose request is gone; its events may still be taken. */
void ngx_mutt_push_cancel(ngx_mutt_push_t *push);


/* ngx_mutt_ingest.c */

ngx_int_t ngx_mutt_ingest(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);
void ngx_mutt_ingest_count(ngx_http_request_t *r, mutt_api_code_t code);


/* ngx_mutt_trace.c */

/* of an event, or empty */
typedef struct {
    char               traceparent[MUTT_TRACEPARENT_LEN + 1];
    char               origin[MUTT_TRACE_ORIGIN_LEN + 1];
} ngx_mutt_trace_text_t;

/* Finds the request's trace, or begins one. */
void ngx_mutt_trace_begin(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);
void ngx_mutt_trace_event(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx,
    ngx_mutt_trace_text_t *text);

/* The id of a trace that is recorded, for an exemplar; NULL: there is none. */
const u_char *ngx_mutt_trace_shown(ngx_mutt_ctx_t *ctx);


/* ngx_mutt_metrics.c */

ngx_int_t ngx_mutt_init_zone(ngx_shm_zone_t *zone, void *data);

/* This process' slots. */
uint64_t *ngx_mutt_slots(void);
void ngx_mutt_metrics_attach(ngx_mutt_main_conf_t *mcf);
ngx_int_t ngx_mutt_metrics(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);

/* What the witness knows now; taken before a command is sent. */
ngx_uint_t ngx_mutt_witnessed(void);

/*
 * Compares the ledger's accepted count, of which own came with this very
 * command, with what was known when the command was sent.
 */
void ngx_mutt_witness(ngx_uint_t seen, ngx_int_t accepted, ngx_int_t own);


/* What Redis has lost, and when last, 0 for never. */
uint64_t ngx_mutt_lost_events(time_t *at);

/* Says how many viewers this process has; returns those of all. */
ngx_uint_t ngx_mutt_share_viewers(ngx_uint_t n);

/* Says that this process has one more than n, unless all have max already. */
ngx_flag_t ngx_mutt_admit_viewer(ngx_uint_t n, ngx_uint_t max);


/* ngx_mutt_ledger.c */

ngx_int_t ngx_mutt_ledger_init(ngx_cycle_t *cycle);
ngx_int_t ngx_mutt_ledger(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);


/* ngx_mutt_probe.c */

ngx_int_t ngx_mutt_probe_init(ngx_cycle_t *cycle);

/* Whether Redis, which is there, takes nothing: its disk is full. */
ngx_flag_t ngx_mutt_redis_refuses(void);

/* Whether alerters can't write their rows into PostgreSQL. */
ngx_flag_t ngx_mutt_pg_refuses(void);


/* ngx_mutt_health.c */

ngx_int_t ngx_mutt_health(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);
ngx_int_t ngx_mutt_live(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);
ngx_int_t ngx_mutt_about(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);
ngx_int_t ngx_mutt_version(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);


/* ngx_mutt_web.c */

/* Reads the files of a directory. */
char *ngx_mutt_web_conf(ngx_conf_t *cf, ngx_str_t *dir, ngx_array_t **files);

ngx_int_t ngx_mutt_web_page(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);
ngx_int_t ngx_mutt_web_file(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);


/* ngx_mutt_clock.c */

/* The moment an event is received at. */
mutt_usec_t ngx_mutt_now(void);

/* Asks Redis for its time again; the first answer came with the link. */
void ngx_mutt_clock_ask(void);

/* The answer to TIME. */
ngx_int_t ngx_mutt_clock_told(struct redisReply *answer);


/* ngx_mutt_live.c */

char *ngx_mutt_live_zone(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf);
ngx_int_t ngx_mutt_live_init(ngx_cycle_t *cycle, ngx_mutt_main_conf_t *mcf);
void ngx_mutt_live_exit(void);

/* Asks for what is stored, the words of a command, and takes its answer. */
ngx_uint_t ngx_mutt_live_words(void);
void ngx_mutt_live_write(void);
ngx_int_t ngx_mutt_live_told(struct redisReply *reply);

/* The live settings of this process. */
const mutt_settings_t *ngx_mutt_settings(void);

/* Changes when they do. */
ngx_uint_t ngx_mutt_settings_generation(void);


/* ngx_mutt_pg.c */

/* Where PostgreSQL is. */
char *ngx_mutt_pg_conf(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf);
ngx_int_t ngx_mutt_pg_init(ngx_cycle_t *cycle, ngx_mutt_main_conf_t *mcf);
void ngx_mutt_pg_exit(void);
ngx_flag_t ngx_mutt_pg_connected(void);

#define NGX_MUTT_PG_VALUES  16

typedef enum {
    NGX_MUTT_PG_DONE = 0,
    NGX_MUTT_PG_AWAY,      /* no server; whether the statement ran is unknown */
    NGX_MUTT_PG_BUSY,      /* too many wait, or others came first */
    NGX_MUTT_PG_LATE,      /* ended by the server at its deadline */
    NGX_MUTT_PG_REFUSED    /* the statement is at fault, logged */
} ngx_mutt_pg_outcome_t;


/* what a statement is for, as it is measured */
typedef enum {
    NGX_MUTT_PG_BACKGROUND = 0,
    NGX_MUTT_PG_READ,
    NGX_MUTT_PG_WRITE
} ngx_mutt_pg_operation_t;


typedef struct ngx_mutt_query_s  ngx_mutt_query_t;

/* a statement; zeroed, then the first group filled in by the caller */
struct ngx_mutt_query_s {
    mutt_sql_t               statement;
    ngx_uint_t               n;
    const char              *values[NGX_MUTT_PG_VALUES];  /* NULL is null */
    ngx_msec_t               timeout;    /* 0: as configured */
    ngx_mutt_pg_operation_t  operation;
    void                   (*handler)(ngx_mutt_query_t *query);
    void                    *data;

    ngx_msec_t               began;
    ngx_mutt_pg_outcome_t    outcome;
    void                    *result;
    struct ngx_mutt_pg_link_s  *link;
    ngx_queue_t              queue;
    ngx_event_t              timer;
    unsigned                 waiting:1;
    unsigned                 held:1;     /* in a transaction */
};

/*
 * Runs a statement; the handler is called once, later.  NGX_DECLINED with the
 * outcome set: it is not called.  A query whose statement began a transaction
 * keeps its connection for its next statements, until one ends it.
 */
ngx_int_t ngx_mutt_pg_query(ngx_mutt_query_t *query);

/* Frees the result; what waits or runs is cancelled, its handler not called. */
void ngx_mutt_pg_release(ngx_mutt_query_t *query);

/*
 * Leaves the result, with its values, to the pool: for what is too large to be
 * copied.  NGX_ERROR when out of memory.
 */
ngx_int_t ngx_mutt_pg_leave(ngx_mutt_query_t *query, ngx_pool_t *pool);

/* Of the result; a value lives as long, NULL data is null. */
ngx_uint_t ngx_mutt_pg_rows(ngx_mutt_query_t *query);
mutt_str_t ngx_mutt_pg_value(ngx_mutt_query_t *query, ngx_uint_t row,
    ngx_uint_t column);


#endif /* _NGX_MUTT_MODULE_H_INCLUDED_ */
