
/*
 * A connection to PostgreSQL that tells /health whether it is there.  Events
 * are level-triggered, since libpq may leave data in the socket, and the
 * socket is libpq's: it is never closed by nginx.
 */


#include "ngx_mutt_module.h"

#include <libpq-fe.h>


#define NGX_MUTT_PG_INTERVAL  2000


typedef enum {
    NGX_MUTT_PG_DOWN = 0,
    NGX_MUTT_PG_CONNECTING,
    NGX_MUTT_PG_ASKING,
    NGX_MUTT_PG_UP
} ngx_mutt_pg_state_t;


static void ngx_mutt_pg_timer(ngx_event_t *ev);
static void ngx_mutt_pg_read(ngx_event_t *ev);
static void ngx_mutt_pg_write(ngx_event_t *ev);
static void ngx_mutt_pg_close(void);
static void ngx_mutt_pg_poll(void);


static PGconn                *ngx_mutt_pg;
static ngx_connection_t      *ngx_mutt_pg_connection;
static ngx_mutt_pg_state_t    ngx_mutt_pg_state;
static ngx_event_t            ngx_mutt_pg_event;
static const char            *ngx_mutt_pg_info;
static ngx_flag_t             ngx_mutt_pg_good;


ngx_int_t
ngx_mutt_pg_init(ngx_cycle_t *cycle, ngx_mutt_main_conf_t *mcf)
{
    ngx_mutt_pg = NULL;
    ngx_mutt_pg_connection = NULL;
    ngx_mutt_pg_state = NGX_MUTT_PG_DOWN;
    ngx_mutt_pg_good = 0;

    ngx_mutt_pg_info = mcf->postgres.len > 0
                       ? (const char *) mcf->postgres.data
                       : mutt_set_text(mcf->settings, MUTT_SET_DATABASE_URL);

    ngx_memzero(&ngx_mutt_pg_event, sizeof(ngx_event_t));
    ngx_mutt_pg_event.handler = ngx_mutt_pg_timer;
    ngx_mutt_pg_event.log = cycle->log;
    ngx_mutt_pg_event.data = &ngx_mutt_pg_event;
    ngx_mutt_pg_event.cancelable = 1;

    if (ngx_mutt_pg_info[0] != '\0') {
        ngx_add_timer(&ngx_mutt_pg_event, 1);
    }

    return NGX_OK;
}


void
ngx_mutt_pg_exit(void)
{
    ngx_mutt_pg_close();
}


ngx_flag_t
ngx_mutt_pg_connected(void)
{
    return ngx_mutt_pg_good;
}


static void
ngx_mutt_pg_detach(void)
{
    ngx_connection_t  *c;

    c = ngx_mutt_pg_connection;

    if (c == NULL) {
        return;
    }

    /* libpq may have closed the socket already, which ends its events too */
    if (PQsocket(ngx_mutt_pg) == c->fd) {
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
    ngx_mutt_pg_connection = NULL;
}


static void
ngx_mutt_pg_close(void)
{
    ngx_mutt_pg_detach();
    PQfinish(ngx_mutt_pg);
    ngx_mutt_pg = NULL;
    ngx_mutt_pg_state = NGX_MUTT_PG_DOWN;
}


static void
ngx_mutt_pg_fail(void)
{
    if (ngx_mutt_pg_good) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "mutt: postgresql is away, events are still taken");
    }

    ngx_mutt_pg_good = 0;
    ngx_mutt_pg_close();
}


/* Registers libpq's present socket for reading, and for writing if asked. */
static ngx_int_t
ngx_mutt_pg_attach(ngx_flag_t write)
{
    ngx_connection_t  *c;

    c = ngx_mutt_pg_connection;

    if (c != NULL && c->fd != PQsocket(ngx_mutt_pg)) {
        ngx_mutt_pg_detach();
        c = NULL;
    }

    if (c == NULL) {
        c = ngx_get_connection(PQsocket(ngx_mutt_pg), ngx_cycle->log);
        if (c == NULL) {
            return NGX_ERROR;
        }

        c->log = ngx_cycle->log;
        c->read->log = c->log;
        c->write->log = c->log;
        c->read->handler = ngx_mutt_pg_read;
        c->write->handler = ngx_mutt_pg_write;
        ngx_mutt_pg_connection = c;
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
ngx_mutt_pg_connect(void)
{
    const char  *keys[] = { "dbname", "application_name", "gssencmode", NULL };
    const char  *values[] = { ngx_mutt_pg_info, "mutt-nginx", "disable",
                              NULL };

    ngx_mutt_pg = PQconnectStartParams(keys, values, 1);

    if (ngx_mutt_pg == NULL || PQstatus(ngx_mutt_pg) == CONNECTION_BAD) {
        ngx_mutt_pg_fail();
        return;
    }

    ngx_mutt_pg_state = NGX_MUTT_PG_CONNECTING;

    if (ngx_mutt_pg_attach(1) != NGX_OK) {
        ngx_mutt_pg_fail();
    }
}


static void
ngx_mutt_pg_ask(void)
{
    if (PQsendQuery(ngx_mutt_pg, "SELECT 1") != 1
        || PQflush(ngx_mutt_pg) < 0
        || ngx_mutt_pg_attach(0) != NGX_OK)
    {
        ngx_mutt_pg_fail();
        return;
    }

    ngx_mutt_pg_state = NGX_MUTT_PG_ASKING;
}


static void
ngx_mutt_pg_poll(void)
{
    switch (PQconnectPoll(ngx_mutt_pg)) {

    case PGRES_POLLING_OK:
        (void) PQsetnonblocking(ngx_mutt_pg, 1);
        ngx_mutt_pg_ask();
        return;

    case PGRES_POLLING_READING:
        if (ngx_mutt_pg_attach(0) == NGX_OK) {
            return;
        }
        break;

    case PGRES_POLLING_WRITING:
        if (ngx_mutt_pg_attach(1) == NGX_OK) {
            return;
        }
        break;

    default:
        break;
    }

    ngx_mutt_pg_fail();
}


static void
ngx_mutt_pg_write(ngx_event_t *ev)
{
    if (ngx_mutt_pg_state == NGX_MUTT_PG_CONNECTING) {
        ngx_mutt_pg_poll();
    }
}


static void
ngx_mutt_pg_read(ngx_event_t *ev)
{
    PGresult        *result;
    ExecStatusType   status;

    if (ngx_mutt_pg_state == NGX_MUTT_PG_CONNECTING) {
        ngx_mutt_pg_poll();
        return;
    }

    if (PQconsumeInput(ngx_mutt_pg) == 0) {
        ngx_mutt_pg_fail();
        return;
    }

    while (!PQisBusy(ngx_mutt_pg)) {
        result = PQgetResult(ngx_mutt_pg);

        if (result == NULL) {
            if (ngx_mutt_pg_state == NGX_MUTT_PG_ASKING) {
                ngx_mutt_pg_state = NGX_MUTT_PG_UP;
            }
            return;
        }

        status = PQresultStatus(result);
        PQclear(result);

        if (status != PGRES_TUPLES_OK) {
            ngx_mutt_pg_fail();
            return;
        }

        if (!ngx_mutt_pg_good) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "mutt: postgresql is there");
        }

        ngx_mutt_pg_good = 1;
    }
}


static void
ngx_mutt_pg_timer(ngx_event_t *ev)
{
    if (ngx_exiting) {
        ngx_mutt_pg_close();
        return;
    }

    switch (ngx_mutt_pg_state) {

    case NGX_MUTT_PG_DOWN:
        ngx_mutt_pg_connect();
        break;

    case NGX_MUTT_PG_UP:
        ngx_mutt_pg_ask();
        break;

    case NGX_MUTT_PG_CONNECTING:
    case NGX_MUTT_PG_ASKING:
        /* a whole interval without an answer */
        ngx_mutt_pg_fail();
        break;
    }

    ngx_add_timer(ev, NGX_MUTT_PG_INTERVAL);
}
