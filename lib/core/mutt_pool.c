#include "mutt_pool.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct block_s {
    struct block_s *next;
    size_t used;
    size_t size;
    alignas(max_align_t) char data[];
} block_t;

typedef struct cleanup_s {
    struct cleanup_s *next;
    void (*handler)(void *);
    void *data;
} cleanup_t;

struct mutt_pool_s {
    block_t *head;
    cleanup_t *cleanups;
    size_t block_bytes;
};


static block_t *
block_create(size_t size)
{
    block_t *b = malloc(sizeof(block_t) + size);

    if (b != NULL) {
        b->next = NULL;
        b->used = 0;
        b->size = size;
    }

    return b;
}


static void
run_cleanups(mutt_pool_t *pool)
{
    for (cleanup_t *c = pool->cleanups; c != NULL; c = c->next) {
        c->handler(c->data);
    }

    pool->cleanups = NULL;
}


mutt_pool_t *
mutt_pool_create(size_t block_bytes)
{
    mutt_pool_t *pool = malloc(sizeof(mutt_pool_t));

    if (pool == NULL) {
        return NULL;
    }

    pool->cleanups = NULL;
    pool->block_bytes = block_bytes;
    pool->head = block_create(block_bytes);

    if (pool->head == NULL) {
        free(pool);
        return NULL;
    }

    return pool;
}


void
mutt_pool_destroy(mutt_pool_t *pool)
{
    if (pool == NULL) {
        return;
    }

    run_cleanups(pool);

    while (pool->head != NULL) {
        block_t *next = pool->head->next;

        free(pool->head);
        pool->head = next;
    }

    free(pool);
}


void
mutt_pool_reset(mutt_pool_t *pool)
{
    run_cleanups(pool);

    /* the first block of the chain is the last made; keep the oldest one,
     * which has the regular size */
    while (pool->head->next != NULL) {
        block_t *next = pool->head->next;

        free(pool->head);
        pool->head = next;
    }

    pool->head->used = 0;
}


void *
mutt_pool_alloc(mutt_pool_t *pool, size_t n)
{
    const size_t align = alignof(max_align_t);

    if (n > SIZE_MAX - sizeof(block_t) - align) {
        return NULL;
    }

    n = (n + align - 1) & ~(align - 1);

    if (n > pool->head->size - pool->head->used) {
        block_t *b =
            block_create(n > pool->block_bytes ? n : pool->block_bytes);

        if (b == NULL) {
            return NULL;
        }

        b->next = pool->head;
        pool->head = b;
    }

    void *p = pool->head->data + pool->head->used;

    pool->head->used += n;

    return p;
}


void *
mutt_pool_calloc(mutt_pool_t *pool, size_t n)
{
    void *p = mutt_pool_alloc(pool, n);

    if (p != NULL) {
        memset(p, 0, n);
    }

    return p;
}


mutt_str_t
mutt_pool_dup(mutt_pool_t *pool, mutt_str_t s)
{
    char *p = mutt_pool_alloc(pool, s.len + 1);

    if (p == NULL) {
        return (mutt_str_t) { NULL, 0 };
    }

    if (s.len > 0) {
        memcpy(p, s.data, s.len);
    }

    p[s.len] = '\0';

    return (mutt_str_t) { p, s.len };
}


int
mutt_pool_cleanup(mutt_pool_t *pool, void (*handler)(void *), void *data)
{
    cleanup_t *c = mutt_pool_alloc(pool, sizeof(cleanup_t));

    if (c == NULL) {
        return -1;
    }

    c->handler = handler;
    c->data = data;
    c->next = pool->cleanups;
    pool->cleanups = c;

    return 0;
}
