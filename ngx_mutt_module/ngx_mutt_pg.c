
/*
 * A bounded pool of connections to PostgreSQL per process, and a bounded
 * queue of statements that wait for one.  Nothing here waits.
 *
 * Events are level-triggered, since libpq may leave data in the socket, and
 * the socket is libpq's: it is never closed by nginx.  The server ends a
 * statement at its deadline; a server that does not is left, and so is one
 * whose statement nobody wants any more, which it notices by itself.
 */


#include "ngx_mutt_module.h"

#include <libpq-fe.h>

#include "conf/mutt_conninfo.h"


#define NGX_MUTT_PG_INTERVAL   2000
#define NGX_MUTT_PG_LINKS      64
#define NGX_MUTT_PG_WAITING    64
#define NGX_MUTT_PG_WAIT       2000    /* in the queue, at most */
#define NGX_MUTT_PG_GRACE      500     /* its own deadline comes first */
#define NGX_MUTT_PG_IDLE       60000
#define NGX_MUTT_PG_DELAY_MIN  50
#define NGX_MUTT_PG_DELAY_MAX  2000


typedef enum {
    NGX_MUTT_PG_DOWN = 0,
    NGX_MUTT_PG_CONNECTING,
    NGX_MUTT_PG_IDLING,
    NGX_MUTT_PG_RUNNING,
    NGX_MUTT_PG_HELD               /* between statements of a transaction */
} ngx_mutt_pg_state_t;


struct ngx_mutt_pg_link_s {
    PGconn                *conn;
    ngx_connection_t      *connection;
    ngx_mutt_pg_state_t    state;
    ngx_mutt_query_t      *query;
    PGresult              *result;     /* of the statement, so far */
    ngx_event_t            timer;
    ngx_msec_t             used;
};


typedef struct ngx_mutt_pg_link_s  ngx_mutt_pg_link_t;


typedef struct {
    ngx_mutt_pg_link_t     links[NGX_MUTT_PG_LINKS];
    ngx_uint_t             n_links;
    ngx_queue_t            waiting;
    ngx_uint_t             n_waiting;
    ngx_mutt_main_conf_t  *mcf;
    ngx_uint_t             role;       /* of the two, the one that is tried */
    ngx_msec_t             timeout;
    ngx_msec_t             retry_at;
    ngx_msec_t             delay;
    ngx_event_t            timer;
    ngx_mutt_query_t       ping;
    ngx_flag_t             pinging;
    ngx_flag_t             good;
} ngx_mutt_pg_pool_t;


static void ngx_mutt_pg_timer(ngx_event_t *ev);
static void ngx_mutt_pg_deadline(ngx_event_t *ev);
static void ngx_mutt_pg_read(ngx_event_t *ev);
static void ngx_mutt_pg_write(ngx_event_t *ev);
static void ngx_mutt_pg_serve(void);
static void ngx_mutt_pg_pinged(ngx_mutt_query_t *query);


static ngx_mutt_pg_pool_t  ngx_mutt_pg;


ngx_int_t
ngx_mutt_pg_init(ngx_cycle_t *cycle, ngx_mutt_main_conf_t *mcf)
{
    ngx_uint_t           i;
    ngx_mutt_pg_pool_t  *pool;

    pool = &ngx_mutt_pg;

    ngx_memzero(pool, sizeof(ngx_mutt_pg_pool_t));
    ngx_queue_init(&pool->waiting);

    pool->mcf = mcf;
    pool->timeout = mutt_set_int(mcf->settings, MUTT_SET_DB_TIMEOUT_MS);
    pool->n_links = ngx_min(mutt_set_int(mcf->settings,
                                         MUTT_SET_DB_POOL_MAX_CONN),
                            NGX_MUTT_PG_LINKS);
    pool->delay = NGX_MUTT_PG_DELAY_MIN;
    pool->retry_at = ngx_current_msec;

    for (i = 0; i < pool->n_links; i++) {
        pool->links[i].timer.handler = ngx_mutt_pg_deadline;
        pool->links[i].timer.log = cycle->log;
        pool->links[i].timer.data = &pool->links[i];
    }

    pool->timer.handler = ngx_mutt_pg_timer;
    pool->timer.log = cycle->log;
    pool->timer.data = &pool->timer;
    pool->timer.cancelable = 1;

    if (mcf->postgres_info[0] != NULL) {
        ngx_add_timer(&pool->timer, 1);
    }

    return NGX_OK;
}


ngx_flag_t
ngx_mutt_pg_connected(void)
{
    return ngx_mutt_pg.good;
}


static void
ngx_mutt_pg_tell(ngx_flag_t good)
{
    if (good && !ngx_mutt_pg.good) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "mutt: postgresql is there");
    }

    if (!good && ngx_mutt_pg.good) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "mutt: postgresql is away, events are still taken");
    }

    ngx_mutt_pg.good = good;
}


static void
ngx_mutt_pg_detach(ngx_mutt_pg_link_t *link)
{
    ngx_connection_t  *c;

    c = link->connection;

    if (c == NULL) {
        return;
    }

    /* libpq may have closed the socket already, which ends its events too */
    if (PQsocket(link->conn) == c->fd) {
        if (c->read->active) {
            (void) ngx_del_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT);
        }

        if (c->write->active) {
            (void) ngx_del_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
        }
    }

    c->read->active = 0;
    c->write->active = 0;

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    c->fd = (ngx_socket_t) -1;
    ngx_free_connection(c);
    link->connection = NULL;
}


/* Leaves the server; whoever waited for an answer has to be told. */
static void
ngx_mutt_pg_close(ngx_mutt_pg_link_t *link)
{
    if (link->timer.timer_set) {
        ngx_del_timer(&link->timer);
    }

    ngx_mutt_pg_detach(link);
    PQclear(link->result);
    PQfinish(link->conn);

    link->conn = NULL;
    link->result = NULL;
    link->state = NGX_MUTT_PG_DOWN;

    if (link->query != NULL) {
        link->query->link = NULL;
        link->query = NULL;
    }
}


void
ngx_mutt_pg_exit(void)
{
    ngx_uint_t  i;

    for (i = 0; i < ngx_mutt_pg.n_links; i++) {
        ngx_mutt_pg_close(&ngx_mutt_pg.links[i]);
    }
}


/* Links that are up, or on their way. */
static ngx_uint_t
ngx_mutt_pg_alive(void)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < ngx_mutt_pg.n_links; i++) {
        n += ngx_mutt_pg.links[i].state != NGX_MUTT_PG_DOWN;
    }

    return n;
}


static void
ngx_mutt_pg_finish(ngx_mutt_query_t *query, ngx_mutt_pg_outcome_t outcome)
{
    query->outcome = outcome;
    query->handler(query);
}


static void
ngx_mutt_pg_unqueue(ngx_mutt_query_t *query)
{
    ngx_queue_remove(&query->queue);
    query->waiting = 0;
    ngx_mutt_pg.n_waiting--;

    if (query->timer.timer_set) {
        ngx_del_timer(&query->timer);
    }
}


/* There is no server: nobody waits for one. */
static void
ngx_mutt_pg_dismiss(void)
{
    ngx_queue_t       *q;
    ngx_mutt_query_t  *query;

    while (ngx_mutt_pg_alive() == 0 && !ngx_queue_empty(&ngx_mutt_pg.waiting))
    {
        q = ngx_queue_head(&ngx_mutt_pg.waiting);
        query = ngx_queue_data(q, ngx_mutt_query_t, queue);
        ngx_mutt_pg_unqueue(query);
        ngx_mutt_pg_finish(query, NGX_MUTT_PG_AWAY);
    }
}


/* A link is lost that was wanted; the next is tried later, with jitter. */
static void
ngx_mutt_pg_fail(ngx_mutt_pg_link_t *link)
{
    const char        *why;
    ngx_flag_t         greeting;
    ngx_mutt_query_t  *query;

    query = link->query;
    greeting = link->state == NGX_MUTT_PG_CONNECTING;
    why = link->conn == NULL ? "out of memory" : PQerrorMessage(link->conn);

    if (greeting
        && mutt_conninfo_is_doubtful(ngx_mutt_pg.mcf->postgres_info[0]))
    {
        why = "why may be a secret: in a password, @ is %40 and / is %2F";
    }

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "mutt: postgresql: %*s", strcspn(why, "\n"), why);

    ngx_mutt_pg_close(link);

    if (greeting) {
        ngx_mutt_pg.role = ngx_mutt_pg.mcf->postgres_info[1] == NULL
                           ? 0 : !ngx_mutt_pg.role;
        ngx_mutt_pg.retry_at = ngx_current_msec + ngx_mutt_pg.delay / 2
                               + ngx_random() % ngx_mutt_pg.delay;
        ngx_mutt_pg.delay = ngx_min(ngx_mutt_pg.delay * 2,
                                    NGX_MUTT_PG_DELAY_MAX);
    }

    if (ngx_mutt_pg_alive() == 0) {
        ngx_mutt_pg_tell(0);
    }

    if (query != NULL) {
        ngx_mutt_pg_finish(query, NGX_MUTT_PG_AWAY);
    }

    ngx_mutt_pg_serve();
    ngx_mutt_pg_dismiss();
}


/* Registers libpq's present socket for reading, and for writing if asked. */
static ngx_int_t
ngx_mutt_pg_attach(ngx_mutt_pg_link_t *link, ngx_flag_t write)
{
    ngx_connection_t  *c;

    c = link->connection;

    if (c == NULL) {
        c = ngx_get_connection(PQsocket(link->conn), ngx_cycle->log);
        if (c == NULL) {
            return NGX_ERROR;
        }

        c->log = ngx_cycle->log;
        c->data = link;
        c->read->log = c->log;
        c->write->log = c->log;
        c->read->handler = ngx_mutt_pg_read;
        c->write->handler = ngx_mutt_pg_write;
        link->connection = c;
    }

    if (!c->read->active
        && ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (write && !c->write->active
        && ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!write && c->write->active
        && ngx_del_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_mutt_pg_connect(ngx_mutt_pg_link_t *link)
{
    char                   options[256];
    ngx_mutt_main_conf_t  *mcf = ngx_mutt_pg.mcf;

    /* an address may say for itself what is before it here */
    const char  *keys[] = { "target_session_attrs", "dbname",
                            "user", "password", "application_name",
                            "gssencmode", "client_encoding", "options",
                            "tcp_user_timeout",
                            mcf->postgres_tls ? "sslmode" : "keepalives",
                            mcf->postgres_ca != NULL ? "sslrootcert"
                                                     : "keepalives",
                            mcf->postgres_address != NULL ? "hostaddr" : NULL,
                            NULL };
    const char  *values[] = { mcf->postgres_several ? "read-write" : NULL,
                              mcf->postgres_info[ngx_mutt_pg.role],
                              ngx_mutt_pg.role ? mcf->postgres_role : NULL,
                              ngx_mutt_pg.role ? mcf->postgres_password : NULL,
                              "mutt-nginx", "disable", "UTF8", options, "5000",
                              mcf->postgres_tls ? "verify-full" : "1",
                              mcf->postgres_ca != NULL ? mcf->postgres_ca
                                                       : "1",
                              mcf->postgres_address, NULL };

    (void) snprintf(options, sizeof(options),
                    "-c statement_timeout=%lu -c lock_timeout=%lu"
                    " -c idle_in_transaction_session_timeout=%lu"
                    " -c client_connection_check_interval=500"
                    " -c timezone=UTC -c jit=off",
                    (unsigned long) ngx_mutt_pg.timeout,
                    (unsigned long) ngx_mutt_pg.timeout,
                    (unsigned long) ngx_mutt_pg.timeout);

    link->state = NGX_MUTT_PG_CONNECTING;
    link->conn = PQconnectStartParams(keys, values, 1);
    ngx_add_timer(&link->timer, NGX_MUTT_PG_INTERVAL);

    if (link->conn == NULL || PQstatus(link->conn) == CONNECTION_BAD
        || ngx_mutt_pg_attach(link, 1) != NGX_OK)
    {
        ngx_mutt_pg_fail(link);
    }
}


/* The first link in a state, or NULL. */
static ngx_mutt_pg_link_t *
ngx_mutt_pg_find(ngx_mutt_pg_state_t state)
{
    ngx_uint_t  i;

    for (i = 0; i < ngx_mutt_pg.n_links; i++) {
        if (ngx_mutt_pg.links[i].state == state) {
            return &ngx_mutt_pg.links[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_mutt_pg_send(ngx_mutt_pg_link_t *link, ngx_mutt_query_t *query)
{
    int  rc, sent;

    link->query = query;
    link->state = NGX_MUTT_PG_RUNNING;
    query->link = link;

    /* without values there may be several statements */
    sent = query->n == 0
           ? PQsendQuery(link->conn, mutt_sql[query->statement])
           : PQsendQueryParams(link->conn, mutt_sql[query->statement],
                               query->n, NULL, query->values, NULL, NULL, 0);
    rc = sent == 1 ? PQflush(link->conn) : -1;

    if (rc < 0 || ngx_mutt_pg_attach(link, rc == 1) != NGX_OK) {
        return NGX_ERROR;
    }

    query->began = ngx_current_msec;
    ngx_add_timer(&link->timer, query->timeout > 0
                                ? query->timeout
                                : ngx_mutt_pg.timeout + NGX_MUTT_PG_GRACE);

    return NGX_OK;
}


/* Gives idle links to who waits, and opens another if that helps. */
static void
ngx_mutt_pg_serve(void)
{
    ngx_queue_t         *q;
    ngx_mutt_query_t    *query;
    ngx_mutt_pg_link_t  *link;

    while (!ngx_queue_empty(&ngx_mutt_pg.waiting)) {
        link = ngx_mutt_pg_find(NGX_MUTT_PG_IDLING);

        if (link == NULL) {
            break;
        }

        q = ngx_queue_head(&ngx_mutt_pg.waiting);
        query = ngx_queue_data(q, ngx_mutt_query_t, queue);
        ngx_mutt_pg_unqueue(query);

        if (ngx_mutt_pg_send(link, query) != NGX_OK) {
            ngx_mutt_pg_fail(link);
            return;
        }
    }

    if (ngx_queue_empty(&ngx_mutt_pg.waiting)
        || (ngx_msec_int_t) (ngx_current_msec - ngx_mutt_pg.retry_at) < 0
        || ngx_mutt_pg_find(NGX_MUTT_PG_CONNECTING) != NULL)
    {
        return;
    }

    link = ngx_mutt_pg_find(NGX_MUTT_PG_DOWN);

    if (link != NULL) {
        ngx_mutt_pg_connect(link);
    }
}


static void
ngx_mutt_pg_waited(ngx_event_t *ev)
{
    ngx_mutt_query_t  *query;

    query = ev->data;
    ngx_mutt_pg_unqueue(query);
    ngx_mutt_pg_finish(query, ngx_mutt_pg.good ? NGX_MUTT_PG_BUSY
                                               : NGX_MUTT_PG_AWAY);
}


ngx_int_t
ngx_mutt_pg_query(ngx_mutt_query_t *query)
{
    ngx_mutt_pg_link_t  *link;

    PQclear(query->result);
    query->result = NULL;
    link = query->link != NULL ? query->link
                               : ngx_mutt_pg_find(NGX_MUTT_PG_IDLING);

    if (link != NULL) {
        if (ngx_mutt_pg_send(link, query) == NGX_OK) {
            return NGX_OK;
        }

        ngx_mutt_pg_close(link);
        query->outcome = NGX_MUTT_PG_AWAY;

        return NGX_DECLINED;
    }

    if (query->held) {
        query->outcome = NGX_MUTT_PG_AWAY;
        return NGX_DECLINED;
    }

    if (ngx_mutt_pg.n_waiting >= NGX_MUTT_PG_WAITING) {
        query->outcome = NGX_MUTT_PG_BUSY;
        return NGX_DECLINED;
    }

    link = ngx_mutt_pg_find(NGX_MUTT_PG_DOWN);

    if (ngx_mutt_pg.mcf->postgres_info[0] == NULL
        || (ngx_mutt_pg_alive() == 0
            && (ngx_msec_int_t) (ngx_current_msec - ngx_mutt_pg.retry_at) < 0))
    {
        query->outcome = NGX_MUTT_PG_AWAY;
        return NGX_DECLINED;
    }

    if (link != NULL && ngx_mutt_pg_find(NGX_MUTT_PG_CONNECTING) == NULL) {
        ngx_mutt_pg_connect(link);

        if (ngx_mutt_pg_alive() == 0) {
            query->outcome = NGX_MUTT_PG_AWAY;
            return NGX_DECLINED;
        }
    }

    query->waiting = 1;
    query->timer.handler = ngx_mutt_pg_waited;
    query->timer.data = query;
    query->timer.log = ngx_cycle->log;
    ngx_mutt_pg.n_waiting++;
    ngx_queue_insert_tail(&ngx_mutt_pg.waiting, &query->queue);
    ngx_add_timer(&query->timer, NGX_MUTT_PG_WAIT);

    return NGX_OK;
}


void
ngx_mutt_pg_release(ngx_mutt_query_t *query)
{
    if (query->waiting) {
        ngx_mutt_pg_unqueue(query);
    }

    /* a transaction that was not ended ends with its connection */
    if (query->link != NULL) {
        ngx_mutt_pg_close(query->link);
    }

    PQclear(query->result);
    query->result = NULL;
}


static void
ngx_mutt_pg_cleanup(void *data)
{
    PQclear(data);
}


ngx_int_t
ngx_mutt_pg_leave(ngx_mutt_query_t *query, ngx_pool_t *pool)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(pool, 0);

    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_mutt_pg_cleanup;
    cln->data = query->result;
    query->result = NULL;

    return NGX_OK;
}


ngx_uint_t
ngx_mutt_pg_rows(ngx_mutt_query_t *query)
{
    return PQntuples(query->result);
}


mutt_str_t
ngx_mutt_pg_value(ngx_mutt_query_t *query, ngx_uint_t row, ngx_uint_t column)
{
    if (PQgetisnull(query->result, row, column)) {
        return (mutt_str_t) { NULL, 0 };
    }

    return (mutt_str_t) { PQgetvalue(query->result, row, column),
                          PQgetlength(query->result, row, column) };
}


static ngx_mutt_pg_outcome_t
ngx_mutt_pg_judge(ngx_mutt_query_t *query)
{
    ngx_uint_t   i;
    const char  *state;

    static const struct {
        const char             *prefix;
        ngx_mutt_pg_outcome_t   outcome;
    } rows[] = {
        { "57014", NGX_MUTT_PG_LATE },
        { "55P03", NGX_MUTT_PG_LATE },
        { "40",    NGX_MUTT_PG_BUSY },
        { "08",    NGX_MUTT_PG_AWAY },
        { "57P",   NGX_MUTT_PG_AWAY },
        { "25006", NGX_MUTT_PG_AWAY },
        { "53",    NGX_MUTT_PG_AWAY },
    };

    switch (PQresultStatus(query->result)) {

    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        return NGX_MUTT_PG_DONE;

    default:
        break;
    }

    state = PQresultErrorField(query->result, PG_DIAG_SQLSTATE);
    state = state == NULL ? "08000" : state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (ngx_strncmp(state, rows[i].prefix, ngx_strlen(rows[i].prefix))
            == 0)
        {
            return rows[i].outcome;
        }
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "mutt: postgresql: %s",
                  PQresultErrorMessage(query->result));

    return NGX_MUTT_PG_REFUSED;
}


/* The link is free again, or stays with the query that keeps it. */
static void
ngx_mutt_pg_settle(ngx_mutt_pg_link_t *link, ngx_mutt_query_t *query)
{
    PGTransactionStatusType  status;

    status = PQtransactionStatus(link->conn);
    link->used = ngx_current_msec;

    if (status == PQTRANS_INTRANS) {
        link->state = NGX_MUTT_PG_HELD;
        query->held = 1;
        return;
    }

    if (status != PQTRANS_IDLE || ngx_exiting) {
        ngx_mutt_pg_close(link);
        return;
    }

    link->query = NULL;
    link->state = NGX_MUTT_PG_IDLING;
    query->link = NULL;
    query->held = 0;
}


static void
ngx_mutt_pg_complete(ngx_mutt_pg_link_t *link)
{
    ngx_mutt_query_t       *query;
    ngx_mutt_pg_outcome_t   outcome;

    query = link->query;
    query->result = link->result;
    link->result = NULL;
    ngx_del_timer(&link->timer);

    outcome = ngx_mutt_pg_judge(query);
    mutt_metric_observe(ngx_mutt_slots(),
                        MUTT_M_DB_QUERY_BACKGROUND + query->operation,
                        (ngx_current_msec - query->began) / 1000.0);

    /* a server that takes nothing any more may have a successor */
    if (outcome == NGX_MUTT_PG_AWAY) {
        ngx_mutt_pg_close(link);

    } else {
        ngx_mutt_pg_tell(1);
        ngx_mutt_pg_settle(link, query);
    }

    ngx_mutt_pg_serve();
    ngx_mutt_pg_finish(query, outcome);
}


static void
ngx_mutt_pg_poll(ngx_mutt_pg_link_t *link)
{
    /* libpq may go on with another socket, even one of the same number */
    ngx_mutt_pg_detach(link);

    switch (PQconnectPoll(link->conn)) {

    case PGRES_POLLING_OK:
        (void) PQsetnonblocking(link->conn, 1);

        if (ngx_mutt_pg_attach(link, 0) != NGX_OK) {
            break;
        }

        ngx_del_timer(&link->timer);
        link->state = NGX_MUTT_PG_IDLING;
        link->used = ngx_current_msec;
        ngx_mutt_pg.delay = NGX_MUTT_PG_DELAY_MIN;
        ngx_mutt_pg_serve();
        return;

    case PGRES_POLLING_READING:
        if (ngx_mutt_pg_attach(link, 0) == NGX_OK) {
            return;
        }
        break;

    case PGRES_POLLING_WRITING:
        if (ngx_mutt_pg_attach(link, 1) == NGX_OK) {
            return;
        }
        break;

    default:
        break;
    }

    ngx_mutt_pg_fail(link);
}


static void
ngx_mutt_pg_write(ngx_event_t *ev)
{
    int                  rc;
    ngx_connection_t    *c;
    ngx_mutt_pg_link_t  *link;

    c = ev->data;
    link = c->data;

    if (link->state == NGX_MUTT_PG_CONNECTING) {
        ngx_mutt_pg_poll(link);
        return;
    }

    rc = PQflush(link->conn);

    if (rc < 0 || ngx_mutt_pg_attach(link, rc == 1) != NGX_OK) {
        ngx_mutt_pg_fail(link);
    }
}


/* Keeps the last result of a statement, but an error over what follows it. */
static void
ngx_mutt_pg_keep(ngx_mutt_pg_link_t *link, PGresult *result)
{
    if (PQresultStatus(link->result) == PGRES_FATAL_ERROR
        && link->result != NULL)
    {
        PQclear(result);
        return;
    }

    PQclear(link->result);
    link->result = result;
}


static void
ngx_mutt_pg_read(ngx_event_t *ev)
{
    PGresult            *result;
    ngx_connection_t    *c;
    ngx_mutt_pg_link_t  *link;

    c = ev->data;
    link = c->data;

    if (link->state == NGX_MUTT_PG_CONNECTING) {
        ngx_mutt_pg_poll(link);
        return;
    }

    if (PQconsumeInput(link->conn) == 0) {
        ngx_mutt_pg_fail(link);
        return;
    }

    while (link->state == NGX_MUTT_PG_RUNNING && !PQisBusy(link->conn)) {
        result = PQgetResult(link->conn);

        if (result == NULL) {
            ngx_mutt_pg_complete(link);
            return;
        }

        ngx_mutt_pg_keep(link, result);
    }
}


static void
ngx_mutt_pg_deadline(ngx_event_t *ev)
{
    ngx_mutt_pg_link_t  *link;

    link = ev->data;
    ngx_mutt_pg_fail(link);
}


static void
ngx_mutt_pg_pinged(ngx_mutt_query_t *query)
{
    ngx_mutt_pg.pinging = 0;

    if (query->outcome == NGX_MUTT_PG_AWAY) {
        ngx_mutt_pg_tell(0);
    }

    ngx_mutt_pg_release(query);
}


/* This worker's part of the gauges. */
static void
ngx_mutt_pg_show(void)
{
    uint64_t             *slots;
    ngx_uint_t            i, idle, busy;
    ngx_mutt_pg_state_t   state;

    idle = 0;
    busy = 0;

    for (i = 0; i < ngx_mutt_pg.n_links; i++) {
        state = ngx_mutt_pg.links[i].state;
        idle += state == NGX_MUTT_PG_IDLING;
        busy += state == NGX_MUTT_PG_RUNNING || state == NGX_MUTT_PG_HELD;
    }

    slots = ngx_mutt_slots();
    mutt_metric_set(slots, MUTT_M_DB_POOL_BUSY, busy);
    mutt_metric_set(slots, MUTT_M_DB_POOL_IDLE, idle);
    mutt_metric_set(slots, MUTT_M_DB_WAITING_ALL, ngx_mutt_pg.n_waiting);
}


static void
ngx_mutt_pg_timer(ngx_event_t *ev)
{
    ngx_uint_t           i;
    ngx_mutt_pg_link_t  *link;

    if (ngx_exiting) {
        return;
    }

    ngx_mutt_pg_show();

    for (i = 1; i < ngx_mutt_pg.n_links; i++) {
        link = &ngx_mutt_pg.links[i];

        if (link->state == NGX_MUTT_PG_IDLING
            && ngx_current_msec - link->used > NGX_MUTT_PG_IDLE)
        {
            ngx_mutt_pg_close(link);
        }
    }

    if (!ngx_mutt_pg.pinging) {
        ngx_mutt_pg.ping.statement = MUTT_SQL_TEXT_PING;
        ngx_mutt_pg.ping.handler = ngx_mutt_pg_pinged;
        ngx_mutt_pg.ping.timeout = NGX_MUTT_PG_INTERVAL;
        ngx_mutt_pg.pinging = 1;

        if (ngx_mutt_pg_query(&ngx_mutt_pg.ping) != NGX_OK) {
            ngx_mutt_pg_pinged(&ngx_mutt_pg.ping);
        }
    }

    ngx_add_timer(ev, NGX_MUTT_PG_INTERVAL);
}
