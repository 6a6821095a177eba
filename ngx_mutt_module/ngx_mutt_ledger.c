
/*
 * The ledger in one snapshot: for whoever asks, and by one nginx worker on a
 * timer, so that a difference or a loss shows without traffic.
 */


#include "ngx_mutt_module.h"

#include <hiredis/hiredis.h>

#include "core/mutt_time.h"
#include "domain/mutt_keys.h"
#include "domain/mutt_scripts.h"


#define NGX_MUTT_LEDGER_INTERVAL  5000
#define NGX_MUTT_LEDGER_MAX       (4 * 1024 * 1024)


/* a question on its way; outlives the request that asked */
typedef struct {
    ngx_http_request_t  *request;   /* NULL when it is gone */
    ngx_http_cleanup_t  *cleanup;   /* of the request */
    ngx_uint_t           seen;      /* by the witness, when it was sent */
    mutt_usec_t          began;
} ngx_mutt_question_t;


/* where a count is shown */
typedef enum {
    NGX_MUTT_SIDE_IN = 0,
    NGX_MUTT_SIDE_ENDED,
    NGX_MUTT_SIDE_FLIGHT,
    NGX_MUTT_SIDE_WORKER,
    NGX_MUTT_SIDE_NONE
} ngx_mutt_side_t;


static void ngx_mutt_ledger_handler(ngx_event_t *ev);
static void ngx_mutt_ledger_reply(void *data, struct redisReply *answer);


static ngx_event_t  ngx_mutt_ledger_event;


ngx_int_t
ngx_mutt_ledger_init(ngx_cycle_t *cycle)
{
    ngx_memzero(&ngx_mutt_ledger_event, sizeof(ngx_event_t));

    if (ngx_worker != 0) {
        return NGX_OK;
    }

    ngx_mutt_ledger_event.handler = ngx_mutt_ledger_handler;
    ngx_mutt_ledger_event.log = cycle->log;
    ngx_mutt_ledger_event.cancelable = 1;
    ngx_mutt_ledger_event.data = &ngx_mutt_ledger_event;
    ngx_add_timer(&ngx_mutt_ledger_event, NGX_MUTT_LEDGER_INTERVAL / 5);

    return NGX_OK;
}


/*
 * NGX_DECLINED when Redis is away.  The details are for requests only: they
 * look at items, which may be large.
 */

static ngx_int_t
ngx_mutt_ledger_ask(ngx_http_request_t *r, ngx_mutt_question_t **asked)
{
    ngx_mutt_question_t       *question;
    const mutt_settings_t     *s;
    const mutt_script_text_t  *script;

    question = ngx_alloc(sizeof(ngx_mutt_question_t), ngx_cycle->log);

    if (question == NULL) {
        return NGX_ERROR;
    }

    question->request = r;
    question->cleanup = NULL;
    question->seen = ngx_mutt_witnessed();
    question->began = mutt_time_mono();

    /* EVAL, script, their number, seven keys or eight, a prefix */
    if (ngx_mutt_redis_begin(r != NULL ? 12 : 11, ngx_mutt_ledger_reply,
                             question)
        != NGX_OK)
    {
        ngx_free(question);
        return NGX_DECLINED;
    }

    if (r != NULL) {
        ngx_mutt_redis_is(MUTT_M_REDIS_LATENCY_API);
    }

    s = ngx_mutt_settings();
    script = &mutt_scripts[MUTT_SCRIPT_LEDGER];

    ngx_mutt_redis_text("EVAL");
    (void) ngx_mutt_redis_word(script->text, script->len);
    ngx_mutt_redis_text(r != NULL ? "8" : "7");
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_LEDGER]);
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_WORKERS]);
    ngx_mutt_redis_text(mutt_set_text(s, MUTT_SET_INGEST_QUEUE_NAME));
    ngx_mutt_redis_text(mutt_set_text(s, MUTT_SET_ALERT_QUEUE_NAME));
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_RETRY]);
    ngx_mutt_redis_text(mutt_set_text(s, MUTT_SET_ALERTER_DLQ_NAME));
    ngx_mutt_redis_text(mutt_set_text(s, MUTT_SET_MOOG_DLQ_NAME));

    if (r != NULL) {
        ngx_mutt_redis_text(mutt_keys[MUTT_KEY_EPOCH]);
    }

    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_PROCESSING]);

    *asked = question;

    return NGX_OK;
}


static void
ngx_mutt_ledger_handler(ngx_event_t *ev)
{
    ngx_mutt_question_t  *question;

    if (ngx_exiting) {
        return;
    }

    (void) ngx_mutt_ledger_ask(NULL, &question);
    ngx_add_timer(ev, NGX_MUTT_LEDGER_INTERVAL);
}


static ngx_flag_t
ngx_mutt_ledger_valid(redisReply *reply)
{
    size_t  i;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements % 2 != 0)
    {
        return 0;
    }

    for (i = 0; i < reply->elements; i += 2) {
        if (reply->element[i]->type != REDIS_REPLY_STRING) {
            return 0;
        }
    }

    return 1;
}


static ngx_flag_t
ngx_mutt_is_named(redisReply *name, const char *text)
{
    return mutt_str_eq((mutt_str_t) { name->str, name->len }, mutt_str(text));
}


static redisReply *
ngx_mutt_ledger_value(redisReply *reply, const char *name)
{
    size_t  i;

    for (i = 0; i < reply->elements; i += 2) {
        if (ngx_mutt_is_named(reply->element[i], name)) {
            return reply->element[i + 1];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_mutt_ledger_count(redisReply *reply, const char *name)
{
    redisReply  *value;

    value = ngx_mutt_ledger_value(reply, name);

    return value != NULL && value->type == REDIS_REPLY_INTEGER
           ? (ngx_int_t) value->integer : 0;
}


/* A term of the equation that is not named here is one that ended. */
static ngx_mutt_side_t
ngx_mutt_ledger_side(redisReply *name)
{
    ngx_uint_t  i;

    static const struct {
        const char       *name;
        ngx_mutt_side_t   side;
    } rows[] = {
        { "accepted",     NGX_MUTT_SIDE_IN },
        { "external_in",  NGX_MUTT_SIDE_IN },
        { "meta_created", NGX_MUTT_SIDE_IN },
        { "ingest_queue", NGX_MUTT_SIDE_FLIGHT },
        { "alert_queue",  NGX_MUTT_SIDE_FLIGHT },
        { "retry",        NGX_MUTT_SIDE_FLIGHT },
        { "dlq_alerter",  NGX_MUTT_SIDE_FLIGHT },
        { "dlq_moog",     NGX_MUTT_SIDE_FLIGHT },
        { "processing",   NGX_MUTT_SIDE_NONE },
        { "epoch",        NGX_MUTT_SIDE_NONE },
        { "oldest",       NGX_MUTT_SIDE_NONE },
        { "difference",   NGX_MUTT_SIDE_NONE },
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (ngx_mutt_is_named(name, rows[i].name)) {
            return rows[i].side;
        }
    }

    return ngx_strncmp(name->str, "processing:", 11) == 0
           ? NGX_MUTT_SIDE_WORKER : NGX_MUTT_SIDE_ENDED;
}


/* The counts of one side, as members of an object. */
static void
ngx_mutt_write_side(mutt_buf_t *b, redisReply *reply, ngx_mutt_side_t side)
{
    size_t       i, skip;
    redisReply  *name, *value;
    const char  *comma;

    comma = "";
    skip = side == NGX_MUTT_SIDE_WORKER ? sizeof("processing:") - 1 : 0;

    for (i = 0; i < reply->elements; i += 2) {
        name = reply->element[i];
        value = reply->element[i + 1];

        if (ngx_mutt_ledger_side(name) != side) {
            continue;
        }

        mutt_buf_addf(b, "%s", comma);
        mutt_buf_add_json(b, (mutt_str_t) { name->str + skip,
                                            name->len - skip });
        mutt_buf_addf(b, ":%lld", value->integer);
        comma = ",";
    }
}


static void
ngx_mutt_write_regression(mutt_buf_t *b)
{
    char       text[MUTT_TIME_LEN + 1];
    time_t     at;
    uint64_t   events;

    events = ngx_mutt_lost_events(&at);
    mutt_buf_addf(b, ",\"regression\":{\"events\":%llu,\"at\":",
                  (unsigned long long) events);

    if (at == 0) {
        MUTT_BUF_LIT(b, "null}");
        return;
    }

    mutt_time_format((mutt_usec_t) at * MUTT_USEC_SEC, text);
    mutt_buf_addf(b, "\"%s\"}", text);
}


static void
ngx_mutt_write_age(mutt_buf_t *b, redisReply *reply)
{
    redisReply   *oldest;
    mutt_usec_t   at, age;

    oldest = ngx_mutt_ledger_value(reply, "oldest");
    MUTT_BUF_LIT(b, ",\"oldest_in_flight_age_s\":");

    if (oldest == NULL || oldest->type != REDIS_REPLY_STRING
        || !mutt_time_parse((mutt_str_t) { oldest->str, oldest->len }, &at))
    {
        MUTT_BUF_LIT(b, "null");
        return;
    }

    age = mutt_time_now() - at;
    mutt_buf_addf(b, "%.3f", ngx_max(age, 0) / 1e6);
}


static void
ngx_mutt_write_ledger(mutt_buf_t *b, redisReply *reply, mutt_usec_t took)
{
    mutt_buf_addf(b, "{\"epoch\":%ld,",
                  (long) ngx_mutt_ledger_count(reply, "epoch"));
    ngx_mutt_write_side(b, reply, NGX_MUTT_SIDE_IN);
    MUTT_BUF_LIT(b, ",\"terminal\":{");
    ngx_mutt_write_side(b, reply, NGX_MUTT_SIDE_ENDED);
    MUTT_BUF_LIT(b, "},\"in_flight\":{");
    ngx_mutt_write_side(b, reply, NGX_MUTT_SIDE_FLIGHT);
    MUTT_BUF_LIT(b, ",\"processing\":{");
    ngx_mutt_write_side(b, reply, NGX_MUTT_SIDE_WORKER);
    mutt_buf_addf(b, "}},\"difference\":%ld",
                  (long) ngx_mutt_ledger_count(reply, "difference"));
    ngx_mutt_write_regression(b);
    mutt_buf_addf(b, ",\"durability\":{\"configured\":\"%s\","
                  "\"actual\":\"%s\"}",
                  mutt_durable_name(ngx_mutt_durability_wanted()),
                  mutt_durable_name(ngx_mutt_durability_level()));
    ngx_mutt_write_age(b, reply);
    mutt_buf_addf(b, ",\"snapshot_ms\":%.3f}\n", took / 1e3);
}


static ngx_int_t
ngx_mutt_ledger_unavailable(ngx_http_request_t *r)
{
    if (ngx_mutt_add_int_header(r, "Retry-After",
            mutt_set_int(ngx_mutt_settings(), MUTT_SET_INGEST_RETRY_AFTER))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_mutt_send_error(r, MUTT_API_REDIS_UNAVAILABLE, mutt_str(NULL));
}


static ngx_int_t
ngx_mutt_ledger_send(ngx_http_request_t *r, redisReply *reply,
    mutt_usec_t took)
{
    ngx_int_t   rc;
    mutt_buf_t  b;

    mutt_buf_init(&b, NGX_MUTT_LEDGER_MAX);
    ngx_mutt_write_ledger(&b, reply, took);

    rc = mutt_buf_ok(&b)
         ? ngx_mutt_send(r, NGX_HTTP_OK, "application/json", mutt_buf_str(&b))
         : NGX_HTTP_INTERNAL_SERVER_ERROR;

    mutt_buf_done(&b);

    return rc;
}


static void
ngx_mutt_ledger_reply(void *data, struct redisReply *answer)
{
    redisReply           *reply = (redisReply *) answer;
    ngx_mutt_question_t   question;

    question = *(ngx_mutt_question_t *) data;
    ngx_free(data);

    if (!ngx_mutt_ledger_valid(reply)) {
        reply = NULL;
    }

    if (reply != NULL) {
        ngx_mutt_witness(question.seen,
                         ngx_mutt_ledger_count(reply, "accepted"), 0);
        mutt_metric_set(ngx_mutt_slots(), MUTT_M_LEDGER_DIFFERENCE_ALL,
                        ngx_mutt_ledger_count(reply, "difference"));
    }

    if (question.request == NULL) {
        return;
    }

    question.cleanup->handler = NULL;
    ngx_mutt_finish(question.request,
                    reply == NULL
                    ? ngx_mutt_ledger_unavailable(question.request)
                    : ngx_mutt_ledger_send(question.request, reply,
                                           mutt_time_mono()
                                           - question.began));
}


static void
ngx_mutt_ledger_cleanup(void *data)
{
    ngx_mutt_question_t  *question = data;

    question->request = NULL;
}


ngx_int_t
ngx_mutt_ledger(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_http_cleanup_t   *cln;
    ngx_mutt_question_t  *question;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_mutt_ledger_ask(r, &question);

    if (rc == NGX_DECLINED) {
        return ngx_mutt_ledger_unavailable(r);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_mutt_ledger_cleanup;
    cln->data = question;
    question->cleanup = cln;

    /* who leaves is not waited for */
    r->read_event_handler = ngx_http_test_reading;
    r->main->count++;

    return NGX_DONE;
}
