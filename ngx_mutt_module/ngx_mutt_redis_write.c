
/*
 * Commands on their way to Redis: words in blocks, which the link writes, and
 * for each command who is told of its answer.
 */


#include "ngx_mutt_redis.h"

#include "domain/mutt_scripts.h"


#define NGX_MUTT_OPS_MAX  8192


void
ngx_mutt_drop_output(ngx_mutt_link_t *link)
{
    ngx_mutt_block_t  *next;

    while (link->out != NULL) {
        next = link->out->next;
        ngx_free(link->out);
        link->out = next;
    }

    link->out_last = NULL;
    link->bytes = 0;
}


static ngx_int_t
ngx_mutt_append(ngx_mutt_link_t *link, const void *data, size_t len)
{
    size_t             n;
    const u_char      *p;
    ngx_mutt_block_t  *b;

    p = data;
    link->bytes += len;

    while (len > 0) {
        b = link->out_last;

        if (b == NULL || b->last == b->data + NGX_MUTT_BLOCK) {
            b = link->spare_block;
            link->spare_block = NULL;

            if (b == NULL) {
                b = ngx_alloc(sizeof(ngx_mutt_block_t), ngx_cycle->log);
            }

            if (b == NULL) {
                link->broken = 1;
                return NGX_ERROR;
            }

            b->next = NULL;
            b->pos = b->data;
            b->last = b->data;

            if (link->out_last != NULL) {
                link->out_last->next = b;

            } else {
                link->out = b;
            }

            link->out_last = b;
        }

        n = ngx_min(len, (size_t) (b->data + NGX_MUTT_BLOCK - b->last));
        b->last = ngx_cpymem(b->last, p, n);
        p += n;
        len -= n;
    }

    return NGX_OK;
}


/* "$123" and a line's end, at p. */
static u_char *
ngx_mutt_write_length(u_char *p, size_t len)
{
    *p++ = '$';
    p = ngx_mutt_write_int(p, len);
    *p++ = CR;
    *p++ = LF;

    return p;
}


ngx_int_t
ngx_mutt_redis_word(const void *data, size_t len)
{
    u_char            head[NGX_INT64_LEN + 4], *last;
    ngx_mutt_link_t  *link;
    ngx_mutt_block_t *b;

    link = &ngx_mutt_link;
    b = link->out_last;

    if (b != NULL
        && len + sizeof(head) + 2 <= (size_t) (b->data + NGX_MUTT_BLOCK
                                               - b->last))
    {
        last = ngx_mutt_write_length(b->last, len);
        last = ngx_cpymem(last, data, len);
        *last++ = CR;
        *last++ = LF;
        link->bytes += last - b->last;
        b->last = last;
        return NGX_OK;
    }

    last = ngx_mutt_write_length(head, len);

    if (ngx_mutt_append(link, head, last - head) != NGX_OK
        || ngx_mutt_append(link, data, len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mutt_append(link, CRLF, 2);
}


void
ngx_mutt_redis_is(mutt_series_t series)
{
    ngx_mutt_op_t  *op;

    op = ngx_queue_data(ngx_queue_last(&ngx_mutt_link.ops), ngx_mutt_op_t,
                        queue);
    op->series = series;
}


ngx_int_t
ngx_mutt_redis_int(ngx_int_t n)
{
    u_char  text[NGX_INT64_LEN], *last;

    last = ngx_mutt_write_int(text, n);

    return ngx_mutt_redis_word(text, last - text);
}


ngx_int_t
ngx_mutt_words(ngx_uint_t n)
{
    u_char   head[NGX_INT64_LEN + 4], *last;

    head[0] = '*';
    last = ngx_mutt_write_int(head + 1, n);
    *last++ = CR;
    *last++ = LF;

    return ngx_mutt_append(&ngx_mutt_link, head, last - head);
}


void
ngx_mutt_redis_text(const char *text)
{
    (void) ngx_mutt_redis_word(text, ngx_strlen(text));
}


void
ngx_mutt_load_words(void)
{
    ngx_mutt_redis_text("SCRIPT");
    ngx_mutt_redis_text("LOAD");
    (void) ngx_mutt_redis_word(mutt_scripts[MUTT_SCRIPT_INGEST].text,
                               mutt_scripts[MUTT_SCRIPT_INGEST].len);
}


static void
ngx_mutt_ignore(void *data, struct redisReply *reply)
{
}


void
ngx_mutt_redis_load(void)
{
    if (ngx_mutt_redis_begin(3, ngx_mutt_ignore, NULL) == NGX_OK) {
        ngx_mutt_load_words();
    }
}


/* A command may come behind those of others that wait for replicas. */
static ngx_msec_t
ngx_mutt_patience(ngx_mutt_link_t *link)
{
    return link->mcf->durability == MUTT_DURABLE_REPLICA
           ? link->mcf->redis_timeout + link->mcf->wait_timeout
           : link->mcf->redis_timeout;
}


static ngx_mutt_op_t *
ngx_mutt_take_op(ngx_mutt_link_t *link)
{
    ngx_queue_t  *q;

    if (ngx_queue_empty(&link->spare)) {
        return ngx_alloc(sizeof(ngx_mutt_op_t), ngx_cycle->log);
    }

    q = ngx_queue_head(&link->spare);
    ngx_queue_remove(q);

    return ngx_queue_data(q, ngx_mutt_op_t, queue);
}


ngx_int_t
ngx_mutt_redis_follow(ngx_uint_t n, ngx_mutt_op_pt handler, void *data)
{
    ngx_msec_t        patience;
    ngx_mutt_op_t    *op;
    ngx_mutt_link_t  *link;

    link = &ngx_mutt_link;
    op = ngx_mutt_take_op(link);
    ngx_post_event(link->connection->write, &ngx_posted_events);

    if (op == NULL) {
        link->broken = 1;
        return NGX_DECLINED;
    }

    patience = ngx_mutt_patience(link);
    op->handler = handler;
    op->data = data;
    op->deadline = ngx_current_msec + patience;
    op->began = ngx_current_msec;
    op->series = MUTT_M_REDIS_LATENCY_BACKGROUND;

    ngx_queue_insert_tail(&link->ops, &op->queue);
    link->n_ops++;

    if (!link->deadline.timer_set) {
        ngx_add_timer(&link->deadline, patience);
    }

    /* the link ends if there was no memory, and the handler hears of that */
    (void) ngx_mutt_words(n);

    return NGX_OK;
}


ngx_int_t
ngx_mutt_redis_begin(ngx_uint_t n, ngx_mutt_op_pt handler, void *data)
{
    ngx_mutt_link_t  *link;

    link = &ngx_mutt_link;

    if (link->state != NGX_MUTT_READY || link->n_ops >= NGX_MUTT_OPS_MAX
        || link->bytes >= link->mcf->inflight_bytes)
    {
        return NGX_DECLINED;
    }

    return ngx_mutt_redis_follow(n, handler, data);
}
