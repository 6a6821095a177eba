
/*
 * Events as they are decided, to who watches: Server-Sent Events.  Alerters
 * leave a sample in a short stream of Redis while a key says that somebody
 * watches; a worker process with viewers renews the key and reads on, four
 * times a second.  A viewer has one buffer on its way and one that fills; what
 * fits into neither is dropped, and told of.
 *
 * A stream ends with what it was let in by, with its time, with Redis, and
 * with the process, which does not wait for a client that does not read.
 */


#include "ngx_mutt_api.h"

#include <hiredis/hiredis.h>

#include "core/mutt_time.h"
#include "domain/mutt_keys.h"


#define NGX_MUTT_STREAM_POLL     250
#define NGX_MUTT_STREAM_VIEWERS  16
#define NGX_MUTT_STREAM_SECONDS  300
#define NGX_MUTT_STREAM_BUFFER   65536
#define NGX_MUTT_STREAM_BEAT     15
#define NGX_MUTT_STREAM_SEND     30000
#define NGX_MUTT_STREAM_ID       64
#define NGX_MUTT_STREAM_JUDGE    2
#define NGX_MUTT_STREAM_MESSAGES "50"   /* of at most 20 events, to a turn */


typedef struct {
    ngx_queue_t            queue;
    ngx_http_request_t    *request;    /* NULL when it has ended */
    time_t                 until;
    time_t                 told;       /* something was sent */
    time_t                 judged;     /* its key or session */
    mutt_str_t             hostname;
    mutt_str_t             text;
    ngx_int_t              severity;   /* at least so severe; -1: any */
    ngx_int_t              rule_id;    /* -1: any */
    mutt_buf_t             filling;
    ngx_buf_t              sending;
    u_char                *data;       /* of what is being sent */
    uint64_t               missed;     /* not in the sample, */
    uint64_t               dropped;    /* or too many for this viewer */
} ngx_mutt_viewer_t;


static void ngx_mutt_stream_handler(ngx_event_t *ev);
static void ngx_mutt_stream_begun(void *data, struct redisReply *answer);
static void ngx_mutt_stream_reply(void *data, struct redisReply *answer);
static void ngx_mutt_stream_flush(ngx_mutt_viewer_t *viewer);
static void ngx_mutt_stream_end_all(void);
static void ngx_mutt_stream_judged(ngx_http_request_t *r,
    struct redisReply *answer);
static ngx_int_t ngx_mutt_stream_open(ngx_mutt_flow_t *flow);


const ngx_mutt_step_t  ngx_mutt_stream[] = {
    { "open", ngx_mutt_stream_open },
    { NULL, NULL }
};


static ngx_queue_t          ngx_mutt_viewers;
static ngx_uint_t           ngx_mutt_n_viewers;
static ngx_event_t          ngx_mutt_stream_event;
static ngx_flag_t           ngx_mutt_stream_asked;
static char                 ngx_mutt_stream_last[NGX_MUTT_STREAM_ID];
static uint64_t             ngx_mutt_stream_total;     /* of events, so far */
static mutt_json_reader_t  *ngx_mutt_stream_reader;


/* Seconds that no step of the wall clock makes more or less. */
static time_t
ngx_mutt_stream_now(void)
{
    return ngx_current_msec / 1000;
}


static void
ngx_mutt_stream_ignore(void *data, struct redisReply *answer)
{
}


ngx_int_t
ngx_mutt_stream_init(ngx_cycle_t *cycle)
{
    ngx_queue_init(&ngx_mutt_viewers);
    ngx_mutt_n_viewers = 0;
    ngx_mutt_stream_asked = 0;
    ngx_memzero(&ngx_mutt_stream_event, sizeof(ngx_event_t));
    ngx_mutt_stream_event.handler = ngx_mutt_stream_handler;
    ngx_mutt_stream_event.log = cycle->log;
    ngx_mutt_stream_event.data = &ngx_mutt_stream_event;
    (void) ngx_mutt_share_viewers(0);

    return NGX_OK;
}


static void
ngx_mutt_stream_expire(const char *key)
{
    if (ngx_mutt_redis_begin(3, ngx_mutt_stream_ignore, NULL) == NGX_OK) {
        ngx_mutt_redis_text("EXPIRE");
        ngx_mutt_redis_text(key);
        ngx_mutt_redis_text("60");
    }
}


/* Says that somebody watches. */
static void
ngx_mutt_stream_renew(void)
{
    if (ngx_mutt_redis_begin(5, ngx_mutt_stream_ignore, NULL) == NGX_OK) {
        ngx_mutt_redis_text("SET");
        ngx_mutt_redis_text(mutt_keys[MUTT_KEY_LIVE_VIEWERS]);
        ngx_mutt_redis_text("1");
        ngx_mutt_redis_text("EX");
        ngx_mutt_redis_text("3");
    }

    ngx_mutt_stream_expire(mutt_keys[MUTT_KEY_LIVE_EVENTS]);
    ngx_mutt_stream_expire(mutt_keys[MUTT_KEY_LIVE_TOTAL]);
}


static void
ngx_mutt_stream_counted(void *data, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    ngx_mutt_stream_total = 0;

    if (reply != NULL && reply->type == REDIS_REPLY_STRING) {
        ngx_mutt_stream_total = mutt_str_count((mutt_str_t) { reply->str,
                                                              reply->len });
    }
}


/* Asks for what came since; at first, for what was there before. */
static void
ngx_mutt_stream_ask(void)
{
    char        from[NGX_MUTT_STREAM_ID + 2];
    ngx_flag_t  first;

    if (ngx_mutt_stream_asked) {
        return;
    }

    first = ngx_mutt_stream_last[0] == '\0';

    /* before the messages: what is counted twice is not missed */
    if (first
        && ngx_mutt_redis_begin(2, ngx_mutt_stream_counted, NULL) == NGX_OK)
    {
        ngx_mutt_redis_text("GET");
        ngx_mutt_redis_text(mutt_keys[MUTT_KEY_LIVE_TOTAL]);
    }

    if (ngx_mutt_redis_begin(6, first ? ngx_mutt_stream_begun
                                      : ngx_mutt_stream_reply, NULL)
        != NGX_OK)
    {
        ngx_mutt_stream_end_all();
        return;
    }

    ngx_mutt_stream_asked = 1;
    (void) snprintf(from, sizeof(from), "(%s", ngx_mutt_stream_last);
    ngx_mutt_redis_text(first ? "XREVRANGE" : "XRANGE");
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_LIVE_EVENTS]);
    ngx_mutt_redis_text(first ? "+" : from);
    ngx_mutt_redis_text(first ? "-" : "+");
    ngx_mutt_redis_text("COUNT");
    ngx_mutt_redis_text(first ? "1" : NGX_MUTT_STREAM_MESSAGES);
}


/* The message's id becomes the last that was seen. */
static ngx_flag_t
ngx_mutt_stream_seen(redisReply *message)
{
    if (message->type != REDIS_REPLY_ARRAY || message->elements != 2
        || message->element[0]->type != REDIS_REPLY_STRING
        || message->element[0]->len >= NGX_MUTT_STREAM_ID
        || message->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return 0;
    }

    ngx_memcpy(ngx_mutt_stream_last, message->element[0]->str,
               message->element[0]->len + 1);

    return 1;
}


/* A number that a message has by a name of one letter, or 0. */
static uint64_t
ngx_mutt_stream_number(redisReply *fields, char letter)
{
    size_t       i;
    redisReply  *name, *value;

    for (i = 0; i + 1 < fields->elements; i += 2) {
        name = fields->element[i];
        value = fields->element[i + 1];

        if (name->type == REDIS_REPLY_STRING && name->len == 1
            && name->str[0] == letter && value->type == REDIS_REPLY_STRING)
        {
            return mutt_str_count((mutt_str_t) { value->str, value->len });
        }
    }

    return 0;
}


static void
ngx_mutt_stream_begun(void *data, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    uint64_t  total;

    ngx_mutt_stream_asked = 0;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        ngx_mutt_stream_end_all();
        return;
    }

    if (reply->elements == 0
        || !ngx_mutt_stream_seen(reply->element[0]))
    {
        ngx_memcpy(ngx_mutt_stream_last, "0-0", sizeof("0-0"));
        return;
    }

    total = ngx_mutt_stream_number(reply->element[0]->element[1], 't');
    ngx_mutt_stream_total = ngx_max(ngx_mutt_stream_total, total);
}


static const mutt_json_member_t *
ngx_mutt_stream_member(const mutt_json_member_t *members, size_t n,
    const char *name)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (mutt_str_eq(members[i].name, mutt_str(name))) {
            return &members[i];
        }
    }

    return NULL;
}


static ngx_flag_t
ngx_mutt_stream_wants(ngx_mutt_viewer_t *viewer,
    const mutt_json_member_t *members, size_t n)
{
    const mutt_json_member_t  *m;

    m = ngx_mutt_stream_member(members, n, "hostname");

    if (viewer->hostname.len > 0
        && (m == NULL || !mutt_str_eq_nocase(m->text, viewer->hostname)))
    {
        return 0;
    }

    m = ngx_mutt_stream_member(members, n, "syslog_severity");

    if (viewer->severity >= 0
        && (m == NULL || m->type != MUTT_JSON_NUMBER_VALUE
            || mutt_str_count(m->raw) > viewer->severity))
    {
        return 0;
    }

    m = ngx_mutt_stream_member(members, n, "matched_rule_id");

    if (viewer->rule_id >= 0
        && (m == NULL || m->type != MUTT_JSON_NUMBER_VALUE
            || mutt_str_count(m->raw) != viewer->rule_id))
    {
        return 0;
    }

    m = ngx_mutt_stream_member(members, n, "message");

    return viewer->text.len == 0
           || (m != NULL
               && ngx_strlcasestrn((u_char *) m->text.data,
                                   (u_char *) m->text.data + m->text.len,
                                   (u_char *) viewer->text.data,
                                   viewer->text.len - 1)
                  != NULL);
}


static void
ngx_mutt_stream_give(ngx_mutt_viewer_t *viewer, mutt_str_t event)
{
    if (viewer->filling.len + event.len + 256 > NGX_MUTT_STREAM_BUFFER) {
        viewer->dropped++;
        return;
    }

    MUTT_BUF_LIT(&viewer->filling, "data: ");
    mutt_buf_add_str(&viewer->filling, event);
    MUTT_BUF_LIT(&viewer->filling, "\n\n");
}


static void
ngx_mutt_stream_event_came(mutt_str_t event)
{
    size_t                     n, offset;
    ngx_queue_t               *q;
    ngx_mutt_viewer_t         *viewer;
    const mutt_json_member_t  *members;

    /* an event is one line of what is sent */
    if (memchr(event.data, '\n', event.len) != NULL
        || memchr(event.data, '\r', event.len) != NULL
        || mutt_json_read_object(ngx_mutt_stream_reader, event, &members, &n,
                                 &offset)
           != MUTT_JSON_OK)
    {
        return;
    }

    for (q = ngx_queue_head(&ngx_mutt_viewers);
         q != ngx_queue_sentinel(&ngx_mutt_viewers);
         q = ngx_queue_next(q))
    {
        viewer = ngx_queue_data(q, ngx_mutt_viewer_t, queue);

        if (ngx_mutt_stream_wants(viewer, members, n)) {
            ngx_mutt_stream_give(viewer, event);
        }
    }
}


/*
 * How many events a message speaks for: those that passed, and those of the
 * messages before it that were gone when they were asked for.
 */
static uint64_t
ngx_mutt_stream_passed(redisReply *fields)
{
    uint64_t  passed, total, before;

    passed = ngx_mutt_stream_number(fields, 'n');
    total = ngx_mutt_stream_number(fields, 't');

    if (total == 0) {
        return passed;
    }

    before = ngx_mutt_stream_total;
    ngx_mutt_stream_total = total;

    /* it begins anew with Redis */
    return total > before + passed ? total - before : passed;
}


/* A message: how many events passed, and some of them. */
static void
ngx_mutt_stream_message(redisReply *fields)
{
    size_t              i;
    uint64_t            passed, shown;
    ngx_queue_t        *q;
    redisReply         *name, *value;
    ngx_mutt_viewer_t  *viewer;

    passed = ngx_mutt_stream_passed(fields);
    shown = 0;

    for (i = 0; i + 1 < fields->elements; i += 2) {
        name = fields->element[i];
        value = fields->element[i + 1];

        if (name->type == REDIS_REPLY_STRING && name->len == 1
            && name->str[0] == 'e' && value->type == REDIS_REPLY_STRING)
        {
            shown++;
            ngx_mutt_stream_event_came((mutt_str_t) { value->str,
                                                      value->len });
        }
    }

    for (q = ngx_queue_head(&ngx_mutt_viewers);
         q != ngx_queue_sentinel(&ngx_mutt_viewers) && passed > shown;
         q = ngx_queue_next(q))
    {
        viewer = ngx_queue_data(q, ngx_mutt_viewer_t, queue);
        viewer->missed += passed - shown;
    }
}


static void
ngx_mutt_stream_flush_all(void)
{
    ngx_queue_t        *q, *next;
    ngx_mutt_viewer_t  *viewer;

    for (q = ngx_queue_head(&ngx_mutt_viewers);
         q != ngx_queue_sentinel(&ngx_mutt_viewers);
         q = next)
    {
        /* it may end */
        next = ngx_queue_next(q);
        viewer = ngx_queue_data(q, ngx_mutt_viewer_t, queue);
        ngx_mutt_stream_flush(viewer);
    }
}


static void
ngx_mutt_stream_reply(void *data, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    size_t  i;

    ngx_mutt_stream_asked = 0;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        ngx_mutt_stream_end_all();
        return;
    }

    for (i = 0; i < reply->elements; i++) {
        if (ngx_mutt_stream_seen(reply->element[i])) {
            ngx_mutt_stream_message(reply->element[i]->element[1]);
        }
    }

    ngx_mutt_stream_flush_all();
}


/* Says how many there are, here and in all. */
static void
ngx_mutt_stream_count(ngx_int_t more)
{
    ngx_mutt_n_viewers += more;
    mutt_metric_set(ngx_mutt_slots(), MUTT_M_LIVE_VIEWERS_ALL,
                    ngx_mutt_share_viewers(ngx_mutt_n_viewers));
}


static void
ngx_mutt_stream_leave(ngx_mutt_viewer_t *viewer)
{
    if (viewer->request == NULL) {
        return;
    }

    viewer->request = NULL;
    ngx_queue_remove(&viewer->queue);
    mutt_buf_done(&viewer->filling);
    ngx_mutt_stream_count(-1);
}


static void
ngx_mutt_stream_cleanup(void *data)
{
    ngx_mutt_stream_leave(data);
}


/* Ends a stream; the client comes again if it wants more, and may. */
static void
ngx_mutt_stream_end(ngx_mutt_viewer_t *viewer)
{
    ngx_http_request_t  *r;

    r = viewer->request;
    ngx_mutt_stream_leave(viewer);

    /* whoever does not read is not waited for */
    ngx_mutt_finish(r, r->out != NULL || r->connection->buffered
                       ? NGX_ERROR : ngx_http_send_special(r, NGX_HTTP_LAST));
}


static void
ngx_mutt_stream_end_all(void)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&ngx_mutt_viewers)) {
        q = ngx_queue_head(&ngx_mutt_viewers);
        ngx_mutt_stream_end(ngx_queue_data(q, ngx_mutt_viewer_t, queue));
    }
}


static ngx_flag_t
ngx_mutt_stream_key_good(ngx_http_request_t *r)
{
    ngx_mutt_ctx_t        *ctx;
    const ngx_mutt_key_t  *key;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);
    key = ngx_mutt_authenticate(r);

    return key != NULL && (key->scopes & ctx->route->scope) != 0;
}


/*
 * Whether what the viewer was let in by is still good, as far as is known now;
 * Redis is asked for a session.
 */
static ngx_flag_t
ngx_mutt_stream_judge(ngx_mutt_viewer_t *viewer)
{
    ngx_mutt_ctx_t      *ctx;
    ngx_http_request_t  *r;

    if (ngx_mutt_stream_now() - viewer->judged < NGX_MUTT_STREAM_JUDGE) {
        return 1;
    }

    r = viewer->request;
    viewer->judged = ngx_mutt_stream_now();
    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);

    return ctx->session == NULL
           ? ngx_mutt_stream_key_good(r)
           : ngx_mutt_session_ask(r, ngx_mutt_stream_judged) == NGX_OK;
}


static void
ngx_mutt_stream_judged(ngx_http_request_t *r, struct redisReply *answer)
{
    ngx_mutt_ctx_t     *ctx;
    ngx_mutt_flow_t    *flow;
    ngx_mutt_viewer_t  *viewer;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mutt_module);
    flow = ctx->data;
    viewer = flow->data;

    if (viewer->request != NULL && !ngx_mutt_session_holds(r, answer)) {
        ngx_mutt_stream_end(viewer);
    }
}


/* What a viewer is due now, apart from events. */
static void
ngx_mutt_stream_attend(ngx_mutt_viewer_t *viewer)
{
    if (ngx_mutt_stream_now() >= viewer->until
        || !ngx_mutt_stream_judge(viewer))
    {
        ngx_mutt_stream_end(viewer);
        return;
    }

    if (ngx_mutt_stream_now() - viewer->told >= NGX_MUTT_STREAM_BEAT
        && viewer->filling.len == 0)
    {
        MUTT_BUF_LIT(&viewer->filling, ": still there\n\n");
    }

    ngx_mutt_stream_flush(viewer);
}


static void
ngx_mutt_stream_handler(ngx_event_t *ev)
{
    ngx_queue_t        *q, *next;
    ngx_mutt_viewer_t  *viewer;

    if (ngx_exiting || ngx_quit) {
        ngx_mutt_stream_end_all();
    }

    for (q = ngx_queue_head(&ngx_mutt_viewers);
         q != ngx_queue_sentinel(&ngx_mutt_viewers);
         q = next)
    {
        next = ngx_queue_next(q);
        viewer = ngx_queue_data(q, ngx_mutt_viewer_t, queue);
        ngx_mutt_stream_attend(viewer);
    }

    if (ngx_mutt_n_viewers > 0) {
        ngx_mutt_stream_renew();
        ngx_mutt_stream_ask();
    }

    if (ngx_mutt_n_viewers > 0) {
        ngx_add_timer(ev, NGX_MUTT_STREAM_POLL);
        return;
    }

    ngx_mutt_stream_last[0] = '\0';
}


/* What the viewer did not get to see, and how much was too much for it. */
static void
ngx_mutt_stream_account(ngx_mutt_viewer_t *viewer)
{
    if (viewer->missed + viewer->dropped == 0) {
        return;
    }

    mutt_buf_addf(&viewer->filling, "event: dropped\ndata: {\"dropped\":%llu,"
                  "\"sampled_out\":%llu}\n\n",
                  (unsigned long long) viewer->dropped,
                  (unsigned long long) viewer->missed);
    viewer->missed = 0;
    viewer->dropped = 0;
}


/* Sends what has come, once all that was sent before is gone. */
static void
ngx_mutt_stream_flush(ngx_mutt_viewer_t *viewer)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = viewer->request;
    c = r->connection;
    b = &viewer->sending;

    if (b->pos != b->last || r->out != NULL || c->buffered) {
        return;
    }

    ngx_mutt_stream_account(viewer);

    if (viewer->filling.len == 0) {
        return;
    }

    if (mutt_buf_ok(&viewer->filling)) {
        ngx_memzero(b, sizeof(ngx_buf_t));
        b->pos = viewer->data;
        b->last = ngx_cpymem(b->pos, viewer->filling.data,
                             viewer->filling.len);
        b->memory = 1;
        b->flush = 1;
    }

    mutt_buf_reset(&viewer->filling);
    viewer->told = ngx_mutt_stream_now();
    out.buf = b;
    out.next = NULL;
    rc = ngx_http_output_filter(r, &out);

    if (rc == NGX_ERROR) {
        ngx_mutt_finish(r, NGX_ERROR);
        return;
    }

    if (rc == NGX_AGAIN || c->buffered) {
        ngx_add_timer(c->write, NGX_MUTT_STREAM_SEND);

        if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
            ngx_mutt_finish(r, NGX_ERROR);
        }
    }
}


/* The client takes more. */
static void
ngx_mutt_stream_writable(ngx_http_request_t *r)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = r->connection;

    if (c->write->timedout) {
        c->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    rc = ngx_http_output_filter(r, NULL);

    if (rc == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (!c->buffered && c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


static ngx_int_t
ngx_mutt_stream_headers(ngx_http_request_t *r)
{
    ngx_str_t  value;

    r->headers_out.status = NGX_HTTP_OK;
    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_str_set(&value, "no-store");

    if (ngx_mutt_add_header(r, "Cache-Control", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    /* for a proxy in front */
    ngx_str_set(&value, "no");

    return ngx_mutt_add_header(r, "X-Accel-Buffering", &value) == NGX_OK
           ? ngx_http_send_header(r) : NGX_ERROR;
}


/* Lets one more watch, if it may, in this process and in all. */
static ngx_flag_t
ngx_mutt_stream_enter(ngx_mutt_viewer_t *viewer, ngx_http_request_t *r)
{
    ngx_int_t            max;
    ngx_http_cleanup_t  *cln;

    max = mutt_set_int(ngx_mutt_settings(), MUTT_SET_LIVE_VIEWERS_MAX);
    cln = ngx_http_cleanup_add(r, 0);

    if (cln == NULL || ngx_mutt_n_viewers >= NGX_MUTT_STREAM_VIEWERS
        || !ngx_mutt_admit_viewer(ngx_mutt_n_viewers, max))
    {
        return 0;
    }

    cln->handler = ngx_mutt_stream_cleanup;
    cln->data = viewer;
    viewer->request = r;
    ngx_queue_insert_tail(&ngx_mutt_viewers, &viewer->queue);
    ngx_mutt_stream_count(1);

    return 1;
}


static ngx_int_t
ngx_mutt_stream_open(ngx_mutt_flow_t *flow)
{
    ngx_int_t            rc, seconds;
    ngx_http_request_t  *r;
    ngx_mutt_viewer_t   *viewer;

    r = flow->request;
    viewer = ngx_pcalloc(r->pool, sizeof(ngx_mutt_viewer_t));

    if (viewer == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    seconds = ngx_mutt_parameter_number(flow, "seconds",
                                        NGX_MUTT_STREAM_SECONDS, 0,
                                        NGX_MUTT_STREAM_SECONDS);
    viewer->severity = ngx_mutt_parameter_number(flow, "severity", -1, 0, 7);
    viewer->rule_id = ngx_mutt_parameter_number(flow, "rule_id", -1, 1,
                                                NGX_MAX_INT32_VALUE);
    viewer->hostname = ngx_mutt_parameter(flow, "hostname");
    viewer->text = ngx_mutt_parameter(flow, "text");

    if (ngx_mutt_judge_parameters(flow) != NGX_OK) {
        return NGX_DONE;
    }

    if (ngx_mutt_stream_reader == NULL) {
        ngx_mutt_stream_reader = mutt_json_reader_create();
    }

    viewer->data = ngx_palloc(r->pool, NGX_MUTT_STREAM_BUFFER + 1024);

    if (ngx_mutt_stream_reader == NULL || viewer->data == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    if (!ngx_mutt_redis_connected()) {
        return ngx_mutt_flow_no_redis(flow);
    }

    if (!ngx_mutt_stream_enter(viewer, r)) {
        return ngx_mutt_flow_away(flow, MUTT_API_BUSY);
    }

    rc = ngx_mutt_stream_headers(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only || seconds == 0) {
        ngx_mutt_stream_leave(viewer);
        flow->rc = rc == NGX_OK && !r->header_only
                   ? ngx_http_send_special(r, NGX_HTTP_LAST) : rc;
        return NGX_DONE;
    }

    /* the headers, which would wait for more */
    if (ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR) {
        ngx_mutt_stream_leave(viewer);
        flow->rc = NGX_ERROR;
        return NGX_DONE;
    }

    flow->data = viewer;
    viewer->until = ngx_mutt_stream_now() + seconds;
    viewer->judged = ngx_mutt_stream_now();
    viewer->sending.pos = viewer->data;
    viewer->sending.last = viewer->data;
    mutt_buf_init(&viewer->filling, NGX_MUTT_STREAM_BUFFER + 1024);
    MUTT_BUF_LIT(&viewer->filling, "retry: 1000\n: live\n\n");
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_mutt_stream_writable;

    /* the first poll sends the first words */
    if (!ngx_mutt_stream_event.timer_set) {
        ngx_add_timer(&ngx_mutt_stream_event, 1);
    }

    return NGX_AGAIN;
}
