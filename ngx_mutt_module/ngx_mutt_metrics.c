
/*
 * Counters in shared memory: a row of slots per process, written by that
 * process alone and summed when read.  A row is never cleared, so that the
 * sums survive a reload.
 */


#include "ngx_mutt_module.h"


#define NGX_MUTT_METRICS_MAX  (1024 * 1024)


typedef struct {
    ngx_atomic_t   witness;     /* losses so far, highest accepted */
    ngx_atomic_t   lost_at;     /* Unix seconds of the last loss */
    ngx_atomic_t   rows;        /* that some process has had */
    ngx_atomic_t   viewers[NGX_MAX_PROCESSES];
    uint64_t       slots[1];
} ngx_mutt_shared_t;


static ngx_mutt_shared_t  *ngx_mutt_shared;
static ngx_shm_zone_t     *ngx_mutt_zone;


ngx_int_t
ngx_mutt_init_zone(ngx_shm_zone_t *zone, void *data)
{
    size_t                 size;
    ngx_slab_pool_t       *pool;
    ngx_mutt_main_conf_t  *old = data;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (old != NULL || zone->shm.exists) {
        return NGX_OK;
    }

    size = sizeof(ngx_mutt_shared_t)
           + NGX_MAX_PROCESSES * mutt_metrics_slots() * sizeof(uint64_t);

    pool->data = ngx_slab_calloc(pool, size);

    return pool->data == NULL ? NGX_ERROR : NGX_OK;
}


void
ngx_mutt_metrics_attach(ngx_mutt_main_conf_t *mcf)
{
    ngx_slab_pool_t  *pool;

    ngx_mutt_zone = mcf->zone;
    pool = (ngx_slab_pool_t *) ngx_mutt_zone->shm.addr;
    ngx_mutt_shared = pool->data;
}


uint64_t *
ngx_mutt_slots(void)
{
    ngx_atomic_uint_t  rows;

    do {
        rows = ngx_mutt_shared->rows;

    } while (rows <= (ngx_atomic_uint_t) ngx_process_slot
             && !ngx_atomic_cmp_set(&ngx_mutt_shared->rows, rows,
                                    ngx_process_slot + 1));

    return ngx_mutt_shared->slots + ngx_process_slot * mutt_metrics_slots();
}


/*
 * Redis' count of accepted events never falls unless Redis has lost some.
 * Answers of one process come in order, those of several need not: an answer
 * is judged by what all had seen before its command was sent, and only as
 * long as no loss has been counted since.  The word holds both, the number of
 * losses above and the count below, so that they change together.
 */

#define NGX_MUTT_LOSS   ((ngx_atomic_uint_t) 1 << 48)
#define NGX_MUTT_COUNT  (NGX_MUTT_LOSS - 1)


ngx_uint_t
ngx_mutt_witnessed(void)
{
    return ngx_mutt_shared->witness;
}


static void
ngx_mutt_count_loss(ngx_int_t events)
{
    ngx_mutt_shared->lost_at = ngx_time();
    mutt_metric_add(ngx_mutt_slots(), MUTT_M_LEDGER_REGRESSION_ALL, events);
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "mutt: redis has lost %i accepted events", events);
}


void
ngx_mutt_witness(ngx_uint_t seen, ngx_int_t accepted, ngx_int_t own)
{
    ngx_int_t          before, highest;
    ngx_flag_t         lost;
    ngx_atomic_uint_t  now, next;

    before = accepted - own;
    lost = before < (ngx_int_t) (seen & NGX_MUTT_COUNT);

    do {
        now = ngx_mutt_shared->witness;
        highest = now & NGX_MUTT_COUNT;

        if ((now & ~NGX_MUTT_COUNT) != (seen & ~NGX_MUTT_COUNT)) {
            return;
        }

        if (!lost && accepted <= highest) {
            return;
        }

        next = (now & ~NGX_MUTT_COUNT) | accepted;
        next += lost ? NGX_MUTT_LOSS : 0;

    } while (!ngx_atomic_cmp_set(&ngx_mutt_shared->witness, now, next));

    if (lost) {
        ngx_mutt_count_loss(highest - before);
    }
}


uint64_t
ngx_mutt_lost_events(time_t *at)
{
    double      events;
    ngx_uint_t  i;

    events = 0;
    *at = ngx_mutt_shared->lost_at;

    for (i = 0; i < NGX_MAX_PROCESSES; i++) {
        events += mutt_metric_value(ngx_mutt_shared->slots
                                    + i * mutt_metrics_slots(),
                                    MUTT_M_LEDGER_REGRESSION_ALL);
    }

    return (uint64_t) events;
}


static ngx_uint_t
ngx_mutt_all_viewers(void)
{
    ngx_uint_t  i, all;

    all = 0;

    for (i = 0; i < NGX_MAX_PROCESSES; i++) {
        all += ngx_mutt_shared->viewers[i];
    }

    return all;
}


ngx_uint_t
ngx_mutt_share_viewers(ngx_uint_t n)
{
    ngx_mutt_shared->viewers[ngx_process_slot] = n;

    return ngx_mutt_all_viewers();
}


ngx_flag_t
ngx_mutt_admit_viewer(ngx_uint_t n, ngx_uint_t max)
{
    ngx_flag_t        room;
    ngx_slab_pool_t  *pool;

    pool = (ngx_slab_pool_t *) ngx_mutt_zone->shm.addr;

    /* two processes do not see the same last place; nginx frees the lock of
     * one that dies with it */
    ngx_shmtx_lock(&pool->mutex);
    room = ngx_mutt_all_viewers() < max;

    if (room) {
        ngx_mutt_shared->viewers[ngx_process_slot] = n + 1;
    }

    ngx_shmtx_unlock(&pool->mutex);

    return room;
}


ngx_int_t
ngx_mutt_metrics(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    char                *text;
    ngx_int_t            rc;
    uint64_t           **rows;
    ngx_str_t           *accept;
    mutt_buf_t           b;
    ngx_uint_t           i;
    mutt_metrics_view_t  view;

    ngx_memzero(&view, sizeof(mutt_metrics_view_t));

    /* what no process has had is all zeros */
    view.n = ngx_mutt_shared->rows;
    view.mask = MUTT_S_MODULE;
    view.version = MUTT_VERSION;

    rows = ngx_palloc(r->pool, (view.n + 1) * sizeof(uint64_t *));
    if (rows == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < view.n; i++) {
        rows[i] = ngx_mutt_shared->slots + i * mutt_metrics_slots();
    }

    view.rows = rows;
    accept = ngx_mutt_find_header(r, "accept", NULL);

    if (accept != NULL) {
        text = ngx_pnalloc(r->pool, accept->len + 1);
        if (text == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        *ngx_cpymem(text, accept->data, accept->len) = '\0';
        view.openmetrics = mutt_metrics_openmetrics(text);
    }

    mutt_buf_init(&b, NGX_MUTT_METRICS_MAX);
    mutt_metrics_render(&b, &view);

    rc = mutt_buf_ok(&b)
         ? ngx_mutt_send(r, NGX_HTTP_OK, mutt_metrics_type(view.openmetrics),
                         mutt_buf_str(&b))
         : NGX_HTTP_INTERNAL_SERVER_ERROR;

    mutt_buf_done(&b);

    return rc;
}
