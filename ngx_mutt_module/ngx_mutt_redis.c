
/*
 * The link of a worker process to Redis: one connection, owned by nginx, on
 * which all commands travel in order; hiredis only reads the replies.
 *
 *   IDLE -> CONNECTING -> GREETING -> READY -> (error) -> IDLE, wait, again
 *
 * Commands are taken while the link is up, and events wait while it is on its
 * way up; while it waits to connect again they are refused at once.  Each
 * command has a deadline; since replies come in order, the oldest one's
 * stands for all.  When the link dies every command that has no answer is
 * told so: whether it ran is unknown, and no later connection can bring
 * somebody else's answer.
 *
 * A link that died so often in a row opens the breaker.  From then on nobody
 * waits for a connection on its way up either: a Redis that hangs takes
 * connections and answers nothing.  The wait before each attempt is the open
 * time, the attempt with its greeting is the probe.
 */


#include "ngx_mutt_redis.h"

#include "domain/mutt_scripts.h"


#define NGX_MUTT_RECONNECT_MIN  50
#define NGX_MUTT_RECONNECT_MAX  1000
#define NGX_MUTT_READ_BUDGET    (1024 * 1024)


static void ngx_mutt_connect(ngx_mutt_link_t *link);
static void ngx_mutt_read_handler(ngx_event_t *rev);
static void ngx_mutt_write_handler(ngx_event_t *wev);
static void ngx_mutt_deadline_handler(ngx_event_t *ev);
static void ngx_mutt_reconnect_handler(ngx_event_t *ev);
static void ngx_mutt_fail(ngx_mutt_link_t *link, const char *why);


u_char           ngx_mutt_ingest_sha[40];

ngx_mutt_link_t  ngx_mutt_link;


/* The row of a process that was killed still has its link up. */
static void
ngx_mutt_link_down(void)
{
    uint64_t  *slots;
    double     up, down;

    slots = ngx_mutt_slots();
    up = mutt_metric_value(slots, MUTT_M_REDIS_LINKS_UP);
    down = mutt_metric_value(slots, MUTT_M_REDIS_LINKS_DOWN);
    mutt_metric_add(slots, MUTT_M_REDIS_LINKS_DOWN, (uint64_t) (up - down));
}


ngx_int_t
ngx_mutt_redis_init(ngx_cycle_t *cycle, ngx_mutt_main_conf_t *mcf)
{
    char              sha[41];
    ngx_mutt_link_t  *link;

    link = &ngx_mutt_link;
    ngx_memzero(link, sizeof(ngx_mutt_link_t));

    if (!mutt_sha1_hex((mutt_str_t) { mutt_scripts[MUTT_SCRIPT_INGEST].text,
                                      mutt_scripts[MUTT_SCRIPT_INGEST].len },
                       sha))
    {
        return NGX_ERROR;
    }

    ngx_memcpy(ngx_mutt_ingest_sha, sha, 40);

    link->mcf = mcf;
    link->input = ngx_palloc(cycle->pool, NGX_MUTT_BLOCK);
    if (link->input == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&link->ops);
    ngx_queue_init(&link->spare);

    link->deadline.handler = ngx_mutt_deadline_handler;
    link->deadline.data = link;
    link->deadline.log = cycle->log;

    link->reconnect.handler = ngx_mutt_reconnect_handler;
    link->reconnect.data = link;
    link->reconnect.log = cycle->log;
    link->reconnect.cancelable = 1;

    link->delay = NGX_MUTT_RECONNECT_MIN;
    ngx_mutt_link_down();
    mutt_breaker_init(&link->breaker, mcf->redis_failures, 0);
    mutt_metric_set(ngx_mutt_slots(), MUTT_M_REDIS_BREAKER_STATE_REDIS,
                    link->breaker.state);

    /*
     * In the first turn of the event loop: however long this process takes to
     * get there, the deadline of the connection begins then.  Events wait.
     */
    link->state = NGX_MUTT_CONNECTING;
    ngx_post_event(&link->reconnect, &ngx_posted_events);

    return NGX_OK;
}


static void
ngx_mutt_close(ngx_mutt_link_t *link)
{
    ngx_mutt_link_down();

    if (link->connection != NULL) {
        ngx_close_connection(link->connection);
        link->connection = NULL;
    }

    if (link->reader != NULL) {
        redisReaderFree(link->reader);
        link->reader = NULL;
    }

    if (link->deadline.timer_set) {
        ngx_del_timer(&link->deadline);
    }

    ngx_mutt_drop_output(link);
    link->broken = 0;
    link->state = NGX_MUTT_IDLE;
    link->n_greetings = 0;
    link->greeted = 0;
}


void
ngx_mutt_redis_exit(void)
{
    ngx_queue_t      *q;
    ngx_mutt_link_t  *link;

    link = &ngx_mutt_link;
    ngx_mutt_close(link);

    while (!ngx_queue_empty(&link->spare)) {
        q = ngx_queue_head(&link->spare);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ngx_mutt_op_t, queue));
    }

    if (link->spare_block != NULL) {
        ngx_free(link->spare_block);
        link->spare_block = NULL;
    }

    if (link->reconnect.timer_set) {
        ngx_del_timer(&link->reconnect);
    }
}


ngx_flag_t
ngx_mutt_redis_ready(void)
{
    switch (ngx_mutt_link.state) {

    case NGX_MUTT_READY:
        return 1;

    case NGX_MUTT_IDLE:
        return 0;

    default:
        return ngx_mutt_link.breaker.state == MUTT_BREAKER_CLOSED;
    }
}


ngx_flag_t
ngx_mutt_redis_greeting(void)
{
    return ngx_mutt_link.state == NGX_MUTT_CONNECTING
           || ngx_mutt_link.state == NGX_MUTT_GREETING;
}


ngx_flag_t
ngx_mutt_redis_circuit_open(void)
{
    return ngx_mutt_link.breaker.state != MUTT_BREAKER_CLOSED;
}


ngx_flag_t
ngx_mutt_redis_connected(void)
{
    return ngx_mutt_link.state == NGX_MUTT_READY && ngx_mutt_link.answered;
}


/* Shows what became of the breaker, where it was in the state before. */
static void
ngx_mutt_show_breaker(ngx_mutt_link_t *link, mutt_breaker_state_t before)
{
    ngx_uint_t            i;
    mutt_breaker_state_t  after;

    static const struct {
        mutt_breaker_state_t  from;
        mutt_breaker_state_t  to;
        mutt_series_t         series;
    } rows[] = {
        { MUTT_BREAKER_CLOSED, MUTT_BREAKER_OPEN,
          MUTT_M_REDIS_BREAKER_CHANGES_CLOSED_OPEN },
        { MUTT_BREAKER_OPEN, MUTT_BREAKER_HALF_OPEN,
          MUTT_M_REDIS_BREAKER_CHANGES_OPEN_HALF },
        { MUTT_BREAKER_HALF_OPEN, MUTT_BREAKER_OPEN,
          MUTT_M_REDIS_BREAKER_CHANGES_HALF_OPEN },
        { MUTT_BREAKER_HALF_OPEN, MUTT_BREAKER_CLOSED,
          MUTT_M_REDIS_BREAKER_CHANGES_HALF_CLOSED },
    };

    after = link->breaker.state;

    mutt_metric_set(ngx_mutt_slots(), MUTT_M_REDIS_BREAKER_STATE_REDIS, after);
    mutt_metric_set(ngx_mutt_slots(), MUTT_M_REDIS_BREAKER_FAILURES_REDIS,
                    link->breaker.failures);

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].from == before && rows[i].to == after) {
            mutt_metric_add(ngx_mutt_slots(), rows[i].series, 1);
        }
    }
}


static mutt_usec_t
ngx_mutt_mono(void)
{
    return (mutt_usec_t) ngx_current_msec * 1000;
}


static void
ngx_mutt_connect(ngx_mutt_link_t *link)
{
    ngx_int_t          rc;
    ngx_addr_t        *addr;
    ngx_connection_t  *c;

    addr = &link->mcf->redis_url.addrs[0];

    ngx_memzero(&link->peer, sizeof(ngx_peer_connection_t));
    link->peer.sockaddr = addr->sockaddr;
    link->peer.socklen = addr->socklen;
    link->peer.name = &addr->name;
    link->peer.get = ngx_event_get_peer;
    link->peer.log = ngx_cycle->log;
    link->peer.log_error = NGX_ERROR_INFO;

    rc = ngx_event_connect_peer(&link->peer);

    if (rc == NGX_ERROR || rc == NGX_BUSY || rc == NGX_DECLINED) {
        link->connection = link->peer.connection;
        ngx_mutt_fail(link, "connect failed");
        return;
    }

    c = link->peer.connection;
    c->data = link;
    c->log = ngx_cycle->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = ngx_mutt_read_handler;
    c->write->handler = ngx_mutt_write_handler;
    link->connection = c;

    link->reader = redisReaderCreate();
    if (link->reader == NULL) {
        ngx_mutt_fail(link, "out of memory");
        return;
    }

    link->state = NGX_MUTT_CONNECTING;
    ngx_add_timer(&link->deadline, link->mcf->redis_timeout);
    ngx_mutt_greet(link);

    /* a connected unix socket is writable now, and tells of it at once */
    if (rc == NGX_OK) {
        ngx_post_event(c->write, &ngx_posted_events);
    }
}


/* Tells the commands in flight, closes, and connects again later. */
static void
ngx_mutt_fail(ngx_mutt_link_t *link, const char *why)
{
    ngx_msec_t             wait;
    ngx_queue_t            failed, *q;
    ngx_mutt_op_t         *op;
    mutt_breaker_state_t   before;

    if (link->lost++ == 0) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mutt: redis is away: %s", why);
    }

    link->answered = 0;
    ngx_mutt_close(link);

    /* handlers may queue again; what they queue is refused by now */
    ngx_queue_init(&failed);

    if (!ngx_queue_empty(&link->ops)) {
        ngx_queue_add(&failed, &link->ops);
        ngx_queue_init(&link->ops);
    }

    link->n_ops = 0;

    wait = link->delay / 2 + ngx_random() % (link->delay / 2 + 1);
    link->delay = ngx_min(link->delay * 2, NGX_MUTT_RECONNECT_MAX);

    before = link->breaker.state;
    link->breaker.open_us = (mutt_usec_t) wait * 1000;
    mutt_breaker_failed(&link->breaker, ngx_mutt_mono());
    ngx_mutt_show_breaker(link, before);

    if (!ngx_exiting && !ngx_terminate && !ngx_quit) {
        ngx_add_timer(&link->reconnect, wait);
    }

    while (!ngx_queue_empty(&failed)) {
        q = ngx_queue_head(&failed);
        ngx_queue_remove(q);
        op = ngx_queue_data(q, ngx_mutt_op_t, queue);
        ngx_queue_insert_head(&link->spare, q);
        op->handler(op->data, NULL);
    }

    ngx_mutt_push_wake();
}


static void
ngx_mutt_reconnect_handler(ngx_event_t *ev)
{
    ngx_mutt_link_t       *link;
    mutt_breaker_state_t   before;

    if (ngx_exiting) {
        return;
    }

    link = ev->data;
    before = link->breaker.state;

    /* the timer was the open time */
    (void) mutt_breaker_allow(&link->breaker, ngx_mutt_mono());
    ngx_mutt_show_breaker(link, before);
    ngx_mutt_connect(link);
}


static void
ngx_mutt_deadline_handler(ngx_event_t *ev)
{
    ngx_mutt_op_t    *op;
    ngx_mutt_link_t  *link;

    link = ev->data;

    if (link->state == NGX_MUTT_READY) {

        if (ngx_queue_empty(&link->ops)) {
            return;
        }

        op = ngx_queue_data(ngx_queue_head(&link->ops), ngx_mutt_op_t, queue);

        if ((ngx_msec_int_t) (op->deadline - ngx_current_msec) > 0) {
            ngx_add_timer(&link->deadline, op->deadline - ngx_current_msec);
            return;
        }
    }

    ngx_mutt_fail(link, "no answer in time");
}


static void
ngx_mutt_write_handler(ngx_event_t *wev)
{
    ssize_t            n;
    ngx_connection_t  *c;
    ngx_mutt_link_t   *link;
    ngx_mutt_block_t  *b;

    c = wev->data;
    link = c->data;

    /* half a command must not be taken for the head of the next */
    if (link->broken) {
        ngx_mutt_fail(link, "out of memory");
        return;
    }

    if (link->state == NGX_MUTT_CONNECTING) {
        link->state = NGX_MUTT_GREETING;
    }

    while (link->out != NULL) {
        b = link->out;

        if (b->pos < b->last) {
            n = c->send(c, b->pos, b->last - b->pos);

            if (n == NGX_AGAIN) {
                break;
            }

            if (n <= 0) {
                ngx_mutt_fail(link, "send failed");
                return;
            }

            b->pos += n;
            link->bytes -= n;
            continue;
        }

        link->out = b->next;

        if (link->out == NULL) {
            link->out_last = NULL;
        }

        if (link->spare_block == NULL) {
            link->spare_block = b;

        } else {
            ngx_free(b);
        }
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_mutt_fail(link, "event failed");
    }
}


/* Replies that say this server is not one to talk to now. */
static ngx_flag_t
ngx_mutt_unfit(redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR
           && (ngx_strncmp(reply->str, "READONLY ", 9) == 0
               || ngx_strncmp(reply->str, "LOADING ", 8) == 0
               || ngx_strncmp(reply->str, "MASTERDOWN ", 11) == 0
               || ngx_strncmp(reply->str, "NOAUTH ", 7) == 0);
}


static ngx_int_t
ngx_mutt_greeted(ngx_mutt_link_t *link, redisReply *reply)
{
    mutt_breaker_state_t  before;

    if (link->greetings[link->greeted++](reply) != NGX_OK) {
        return NGX_ERROR;
    }

    if (link->greeted < link->n_greetings) {
        return NGX_OK;
    }

    link->state = NGX_MUTT_READY;
    link->delay = NGX_MUTT_RECONNECT_MIN;
    mutt_metric_add(ngx_mutt_slots(), MUTT_M_REDIS_LINKS_UP, 1);
    link->answered = 1;

    before = link->breaker.state;
    mutt_breaker_ok(&link->breaker, ngx_mutt_mono());
    ngx_mutt_show_breaker(link, before);

    if (link->lost > 0) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "mutt: redis is back");
        link->lost = 0;
    }

    ngx_mutt_push_wake();

    return NGX_OK;
}


/* Hands a reply to the oldest command. */
static ngx_int_t
ngx_mutt_answer(ngx_mutt_link_t *link, redisReply *reply)
{
    ngx_queue_t     *q;
    ngx_mutt_op_t   *op;
    ngx_mutt_op_pt   handler;

    if (link->state != NGX_MUTT_READY) {
        return ngx_mutt_greeted(link, reply);
    }

    if (ngx_queue_empty(&link->ops) || ngx_mutt_unfit(reply)) {
        return NGX_ERROR;
    }

    q = ngx_queue_head(&link->ops);
    ngx_queue_remove(q);
    link->n_ops--;

    op = ngx_queue_data(q, ngx_mutt_op_t, queue);
    handler = op->handler;
    ngx_queue_insert_head(&link->spare, q);

    mutt_metric_observe(ngx_mutt_slots(), op->series,
                        (ngx_current_msec - op->began) / 1000.0);

    link->answered = 1;
    handler(op->data, (struct redisReply *) reply);

    return NGX_OK;
}


/* Arms the deadline for the oldest command that is left. */
static void
ngx_mutt_rearm(ngx_mutt_link_t *link)
{
    ngx_mutt_op_t   *op;
    ngx_msec_int_t   left;

    if (link->state != NGX_MUTT_READY) {
        return;
    }

    if (link->deadline.timer_set) {
        ngx_del_timer(&link->deadline);
    }

    if (ngx_queue_empty(&link->ops)) {
        return;
    }

    op = ngx_queue_data(ngx_queue_head(&link->ops), ngx_mutt_op_t, queue);
    left = op->deadline - ngx_current_msec;
    ngx_add_timer(&link->deadline, left > 0 ? (ngx_msec_t) left : 1);
}


static void
ngx_mutt_read_handler(ngx_event_t *rev)
{
    void              *reply;
    size_t             total;
    ssize_t            n;
    ngx_int_t          rc;
    ngx_connection_t  *c;
    ngx_mutt_link_t   *link;

    c = rev->data;
    link = c->data;
    total = 0;

    while (total < NGX_MUTT_READ_BUDGET) {
        n = c->recv(c, link->input, NGX_MUTT_BLOCK);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_mutt_fail(link, "connection closed");
            return;
        }

        total += n;

        if (redisReaderFeed(link->reader, (char *) link->input, n)
            != REDIS_OK)
        {
            ngx_mutt_fail(link, "reply too large");
            return;
        }

        for ( ;; ) {
            reply = NULL;

            if (redisReaderGetReply(link->reader, &reply) != REDIS_OK) {
                ngx_mutt_fail(link, "bad reply");
                return;
            }

            if (reply == NULL) {
                break;
            }

            rc = ngx_mutt_answer(link, reply);
            freeReplyObject(reply);

            if (rc != NGX_OK) {
                ngx_mutt_fail(link, "refused by redis");
                return;
            }
        }
    }

    if (total >= NGX_MUTT_READ_BUDGET) {
        ngx_post_event(rev, &ngx_posted_next_events);
    }

    ngx_mutt_rearm(link);

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_mutt_fail(link, "event failed");
    }
}
