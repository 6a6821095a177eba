/*
 * Memory of one unit of work: allocate, never free singly, reset at the end.
 * Mirrors nginx's pool.  Not thread-safe; one pool belongs to one thread.
 */

#ifndef MUTT_POOL_H
#define MUTT_POOL_H

#include <stddef.h>

#include "mutt_str.h"

typedef struct mutt_pool_s mutt_pool_t;

/* A pool that grows by blocks of block_bytes; NULL when out of memory. */
mutt_pool_t *mutt_pool_create(size_t block_bytes);

/* Runs the cleanups, newest first, and frees everything.  Accepts NULL. */
void mutt_pool_destroy(mutt_pool_t *pool);

/* As destroy, but keeps one block for the next unit of work. */
void mutt_pool_reset(mutt_pool_t *pool);

/*
 * n bytes aligned for any type, or NULL when out of memory.  Lives until
 * reset or destroy.
 */
void *mutt_pool_alloc(mutt_pool_t *pool, size_t n);

/* As mutt_pool_alloc(), filled with zeros. */
void *mutt_pool_calloc(mutt_pool_t *pool, size_t n);

/* A NUL-terminated copy of s in the pool; data is NULL when out of memory. */
mutt_str_t mutt_pool_dup(mutt_pool_t *pool, mutt_str_t s);

/*
 * Has handler(data) run at reset or destroy: for foreign handles.  Returns
 * -1 when out of memory, 0 otherwise.
 */
int mutt_pool_cleanup(mutt_pool_t *pool, void (*handler)(void *), void *data);

#endif
