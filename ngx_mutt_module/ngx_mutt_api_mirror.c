
/*
 * Redis' mirror of the stored settings, from which all processes read them.
 * It is written after each commit, and compared with PostgreSQL on a timer of
 * one nginx worker: first Redis is read, then PostgreSQL, so that a change
 * made meanwhile is never undone.
 */


#include "ngx_mutt_api.h"

#include <hiredis/hiredis.h>

#include "domain/mutt_keys.h"


#define NGX_MUTT_MIRROR_INTERVAL  10000
#define NGX_MUTT_MIRROR_SOON      500


static void ngx_mutt_mirror_handler(ngx_event_t *ev);
static void ngx_mutt_mirror_reply(void *data, struct redisReply *answer);
static void ngx_mutt_mirror_stored(ngx_mutt_query_t *query);


static ngx_event_t        ngx_mutt_mirror_event;
static ngx_mutt_query_t   ngx_mutt_mirror_query;
static ngx_flag_t         ngx_mutt_mirror_busy;
static char               ngx_mutt_mirrored[MUTT_SETTING_COUNT]
                                           [MUTT_SETTING_TEXT];


ngx_int_t
ngx_mutt_mirror_init(ngx_cycle_t *cycle)
{
    ngx_memzero(&ngx_mutt_mirror_query, sizeof(ngx_mutt_query_t));
    ngx_memzero(&ngx_mutt_mirror_event, sizeof(ngx_event_t));
    ngx_mutt_mirror_busy = 0;

    ngx_mutt_mirror_event.handler = ngx_mutt_mirror_handler;
    ngx_mutt_mirror_event.log = cycle->log;
    ngx_mutt_mirror_event.data = &ngx_mutt_mirror_event;
    ngx_mutt_mirror_event.cancelable = 1;

    if (ngx_worker == 0) {
        ngx_add_timer(&ngx_mutt_mirror_event, NGX_MUTT_MIRROR_INTERVAL);
    }

    return NGX_OK;
}


mutt_setting_t
ngx_mutt_find_setting(mutt_str_t name)
{
    size_t                 i, n;
    const mutt_setting_t  *live;

    live = mutt_settings_live(&n);

    for (i = 0; i < n; i++) {
        if (mutt_str_eq(name, mutt_str(mutt_setting_rows[live[i]].name))) {
            return live[i];
        }
    }

    return MUTT_SETTING_COUNT;
}


void
ngx_mutt_mirror_soon(void)
{
    if (!ngx_exiting) {
        ngx_add_timer(&ngx_mutt_mirror_event, NGX_MUTT_MIRROR_SOON);
    }
}


static void
ngx_mutt_mirror_name(mutt_setting_t id)
{
    char  name[128];

    (void) snprintf(name, sizeof(name), "%s%s", mutt_keys[MUTT_KEY_CONFIG],
                    mutt_setting_rows[id].name);
    ngx_mutt_redis_text(name);
}


static void
ngx_mutt_mirror_written(void *data, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        ngx_mutt_mirror_soon();
    }
}


void
ngx_mutt_mirror(mutt_setting_t id, const char *value)
{
    if (ngx_mutt_redis_begin(value == NULL ? 2 : 3, ngx_mutt_mirror_written,
                             NULL)
        != NGX_OK)
    {
        ngx_mutt_mirror_soon();
        return;
    }

    ngx_mutt_redis_text(value == NULL ? "DEL" : "SET");
    ngx_mutt_mirror_name(id);

    if (value != NULL) {
        ngx_mutt_redis_text(value);
    }

    if (ngx_mutt_redis_begin(3, ngx_mutt_mirror_written, NULL) == NGX_OK) {
        ngx_mutt_redis_text("PUBLISH");
        ngx_mutt_redis_text(mutt_keys[MUTT_KEY_UPDATES]);
        ngx_mutt_redis_text(mutt_setting_rows[id].name);
    }
}


static void
ngx_mutt_mirror_handler(ngx_event_t *ev)
{
    size_t                 i, n;
    const mutt_setting_t  *live;

    if (ngx_exiting) {
        return;
    }

    /* other workers compare only when they were asked to */
    if (ngx_worker == 0) {
        ngx_add_timer(ev, NGX_MUTT_MIRROR_INTERVAL);
    }

    live = mutt_settings_live(&n);

    if (ngx_mutt_mirror_busy) {
        return;
    }

    if (ngx_mutt_redis_begin(1 + n, ngx_mutt_mirror_reply, NULL) != NGX_OK) {
        ngx_add_timer(ev, NGX_MUTT_MIRROR_SOON);
        return;
    }

    ngx_mutt_mirror_busy = 1;
    ngx_mutt_redis_text("MGET");

    for (i = 0; i < n; i++) {
        ngx_mutt_mirror_name(live[i]);
    }
}


/* Keeps what Redis has; then PostgreSQL is asked. */
static void
ngx_mutt_mirror_reply(void *data, struct redisReply *answer)
{
    redisReply  *reply = (redisReply *) answer;

    size_t                 i, n;
    redisReply            *e;
    const mutt_setting_t  *live;

    live = mutt_settings_live(&n);
    ngx_mutt_mirror_busy = 0;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != n || ngx_exiting)
    {
        return;
    }

    for (i = 0; i < n; i++) {
        e = reply->element[i];
        ngx_mutt_mirrored[live[i]][0] = '\0';

        /* what is too long is none of ours, and gets overwritten */
        if (e->type == REDIS_REPLY_STRING) {
            (void) snprintf(ngx_mutt_mirrored[live[i]], MUTT_SETTING_TEXT,
                            "%s", e->len < MUTT_SETTING_TEXT ? e->str : "?");
        }
    }

    ngx_mutt_mirror_query.statement = MUTT_SQL_TEXT_API_CONFIG;
    ngx_mutt_mirror_query.handler = ngx_mutt_mirror_stored;

    if (ngx_mutt_pg_query(&ngx_mutt_mirror_query) == NGX_OK) {
        ngx_mutt_mirror_busy = 1;
    }
}


static void
ngx_mutt_mirror_stored(ngx_mutt_query_t *query)
{
    size_t                 i, n;
    ngx_uint_t             row;
    mutt_str_t             key;
    const char            *stored[MUTT_SETTING_COUNT];
    mutt_setting_t         id;
    const mutt_setting_t  *live;

    ngx_mutt_mirror_busy = 0;

    if (query->outcome != NGX_MUTT_PG_DONE) {
        ngx_mutt_pg_release(query);
        return;
    }

    ngx_memzero(stored, sizeof(stored));

    for (row = 0; row < ngx_mutt_pg_rows(query); row++) {
        key = ngx_mutt_pg_value(query, row, 0);
        id = ngx_mutt_find_setting(key);

        if (id != MUTT_SETTING_COUNT) {
            stored[id] = ngx_mutt_pg_value(query, row, 1).data;
        }
    }

    live = mutt_settings_live(&n);

    for (i = 0; i < n; i++) {
        if (ngx_strcmp(stored[live[i]] == NULL ? "" : stored[live[i]],
                       ngx_mutt_mirrored[live[i]])
            != 0)
        {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "mutt: redis has another %s than postgresql, which "
                          "counts", mutt_setting_rows[live[i]].name);
            ngx_mutt_mirror(live[i], stored[live[i]]);
        }
    }

    ngx_mutt_pg_release(query);
}
