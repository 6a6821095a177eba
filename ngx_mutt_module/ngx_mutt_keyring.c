
#include "ngx_mutt_keyring.h"


#define NGX_MUTT_USE_EVERY  60


typedef struct {
    ngx_uint_t             n;
    ngx_mutt_named_key_t   keys[NGX_MUTT_KEYS_MAX];
    time_t                 used[NGX_MUTT_KEYS_MAX];
    time_t                 told[NGX_MUTT_KEYS_MAX];   /* PostgreSQL */
} ngx_mutt_key_table_t;


/*
 * A generation is written to the table that is not in use, so that a worker
 * that dies while it writes leaves the other whole.
 */
typedef struct {
    ngx_atomic_t           generation;   /* its lowest bit is the table */
    ngx_atomic_t           turn;         /* when somebody asked last */
    ngx_uint_t             asked;
    ngx_uint_t             answered;
    ngx_mutt_key_table_t   tables[2];
} ngx_mutt_keyring_t;


static ngx_int_t ngx_mutt_keyring_init(ngx_shm_zone_t *zone, void *data);


static ngx_slab_pool_t       *ngx_mutt_keyring_pool;
static ngx_mutt_keyring_t    *ngx_mutt_keyring;

/* this worker's copy, looked through without a lock */
static ngx_mutt_named_key_t   ngx_mutt_keys[NGX_MUTT_KEYS_MAX];
static ngx_uint_t             ngx_mutt_n_keys;
static ngx_uint_t             ngx_mutt_keys_generation;


char *
ngx_mutt_keyring_zone(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf)
{
    ngx_str_t  name;

    /* another layout must not find an old segment */
    name.data = ngx_pnalloc(cf->pool, 64);

    if (name.data == NULL) {
        return NGX_CONF_ERROR;
    }

    name.len = ngx_sprintf(name.data, "mutt_keys_%uz",
                           sizeof(ngx_mutt_keyring_t))
               - name.data;

    mcf->keyring = ngx_shared_memory_add(cf, &name,
                                         sizeof(ngx_mutt_keyring_t)
                                         + 16 * ngx_pagesize,
                                         &ngx_http_mutt_module);
    if (mcf->keyring == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf->keyring->init = ngx_mutt_keyring_init;
    mcf->keyring->data = mcf;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mutt_keyring_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t  *pool;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data != NULL || zone->shm.exists) {
        return NGX_OK;
    }

    pool->data = ngx_slab_calloc(pool, sizeof(ngx_mutt_keyring_t));

    return pool->data == NULL ? NGX_ERROR : NGX_OK;
}


void
ngx_mutt_keyring_attach(ngx_mutt_main_conf_t *mcf)
{
    ngx_mutt_keyring_pool = (ngx_slab_pool_t *) mcf->keyring->shm.addr;
    ngx_mutt_keyring = ngx_mutt_keyring_pool->data;
    ngx_mutt_keys_generation = 0;
    ngx_mutt_n_keys = 0;
}


static ngx_mutt_key_table_t *
ngx_mutt_keyring_table(void)
{
    return &ngx_mutt_keyring->tables[ngx_mutt_keyring->generation & 1];
}


ngx_flag_t
ngx_mutt_keyring_turn(ngx_msec_t interval, ngx_flag_t at_once)
{
    ngx_atomic_uint_t  last;

    last = ngx_mutt_keyring->turn;

    if (!at_once && last != 0
        && (ngx_msec_int_t) (ngx_current_msec - last)
           < (ngx_msec_int_t) interval)
    {
        return 0;
    }

    return ngx_atomic_cmp_set(&ngx_mutt_keyring->turn, last, ngx_current_msec)
           || at_once;
}


void
ngx_mutt_keyring_yield(void)
{
    ngx_mutt_keyring->turn = 0;
}


ngx_uint_t
ngx_mutt_keyring_ask(void)
{
    ngx_uint_t  question;

    ngx_shmtx_lock(&ngx_mutt_keyring_pool->mutex);
    question = ++ngx_mutt_keyring->asked;
    ngx_shmtx_unlock(&ngx_mutt_keyring_pool->mutex);

    return question;
}


/* Takes over when a key was used; both tables are in the same order. */
static void
ngx_mutt_keyring_carry(ngx_mutt_key_table_t *from, ngx_mutt_key_table_t *to)
{
    int         order;
    ngx_uint_t  i, j;

    i = 0;
    j = 0;

    while (i < from->n && j < to->n) {
        order = ngx_memcmp(from->keys[i].digest, to->keys[j].digest,
                           MUTT_SHA256_LEN);

        if (order == 0) {
            to->used[j] = from->used[i];
            to->told[j] = from->told[i];
        }

        i += order <= 0;
        j += order >= 0;
    }
}


void
ngx_mutt_keyring_publish(ngx_uint_t question,
    const ngx_mutt_named_key_t *keys, ngx_uint_t n)
{
    ngx_mutt_key_table_t  *now, *next;

    ngx_shmtx_lock(&ngx_mutt_keyring_pool->mutex);

    if (question <= ngx_mutt_keyring->answered) {
        ngx_shmtx_unlock(&ngx_mutt_keyring_pool->mutex);
        return;
    }

    ngx_mutt_keyring->answered = question;
    now = ngx_mutt_keyring_table();

    if (now->n != n
        || ngx_memcmp(now->keys, keys, n * sizeof(ngx_mutt_named_key_t)) != 0)
    {
        next = &ngx_mutt_keyring->tables[~ngx_mutt_keyring->generation & 1];
        ngx_memzero(next, sizeof(ngx_mutt_key_table_t));
        ngx_memcpy(next->keys, keys, n * sizeof(ngx_mutt_named_key_t));
        next->n = n;
        ngx_mutt_keyring_carry(now, next);
        ngx_memory_barrier();
        ngx_mutt_keyring->generation++;
    }

    ngx_shmtx_unlock(&ngx_mutt_keyring_pool->mutex);
}


static void
ngx_mutt_keyring_copy(void)
{
    ngx_mutt_key_table_t  *table;

    if (ngx_mutt_keys_generation == ngx_mutt_keyring->generation) {
        return;
    }

    ngx_shmtx_lock(&ngx_mutt_keyring_pool->mutex);

    table = ngx_mutt_keyring_table();
    ngx_mutt_n_keys = table->n;
    ngx_memcpy(ngx_mutt_keys, table->keys,
               table->n * sizeof(ngx_mutt_named_key_t));
    ngx_mutt_keys_generation = ngx_mutt_keyring->generation;

    ngx_shmtx_unlock(&ngx_mutt_keyring_pool->mutex);
}


/*
 * What is compared is a digest, of which nobody can choose a part: that a
 * search ends sooner or later tells nothing of a key.
 */

const ngx_mutt_named_key_t *
ngx_mutt_keyring_find(const u_char *digest)
{
    int         order;
    ngx_uint_t  low, high, middle;

    ngx_mutt_keyring_copy();
    low = 0;
    high = ngx_mutt_n_keys;

    while (low < high) {
        middle = low + (high - low) / 2;
        order = ngx_memcmp(digest, ngx_mutt_keys[middle].digest, 8);

        if (order == 0) {
            return mutt_equal_constant_time(digest,
                                            ngx_mutt_keys[middle].digest,
                                            MUTT_SHA256_LEN)
                   ? &ngx_mutt_keys[middle] : NULL;
        }

        if (order < 0) {
            high = middle;

        } else {
            low = middle + 1;
        }
    }

    return NULL;
}


const ngx_mutt_named_key_t *
ngx_mutt_keyring_by_id(int64_t id)
{
    ngx_uint_t  i;

    ngx_mutt_keyring_copy();

    for (i = 0; i < ngx_mutt_n_keys; i++) {
        if (ngx_mutt_keys[i].id == id) {
            return &ngx_mutt_keys[i];
        }
    }

    return NULL;
}


void
ngx_mutt_keyring_used(const ngx_mutt_named_key_t *key)
{
    time_t                *used;
    ngx_mutt_key_table_t  *table;

    table = ngx_mutt_keyring_table();

    /* a key of a table that has just gone is noted with its next request */
    if (ngx_mutt_keys_generation != ngx_mutt_keyring->generation) {
        return;
    }

    used = &table->used[key - ngx_mutt_keys];

    if (*used != ngx_time()) {
        *used = ngx_time();
    }
}


ngx_uint_t
ngx_mutt_keyring_uses(ngx_mutt_key_use_t *uses, ngx_uint_t n)
{
    ngx_uint_t             i, found;
    ngx_mutt_key_table_t  *table;

    ngx_shmtx_lock(&ngx_mutt_keyring_pool->mutex);

    table = ngx_mutt_keyring_table();
    found = 0;

    for (i = 0; i < table->n && found < n; i++) {
        if (table->used[i] - table->told[i] >= NGX_MUTT_USE_EVERY) {
            table->told[i] = table->used[i];
            uses[found].id = table->keys[i].id;
            uses[found++].at = table->used[i];
        }
    }

    ngx_shmtx_unlock(&ngx_mutt_keyring_pool->mutex);

    return found;
}


void
ngx_mutt_keyring_forget(const ngx_mutt_key_use_t *uses, ngx_uint_t n)
{
    ngx_uint_t             i, j;
    ngx_mutt_key_table_t  *table;

    ngx_shmtx_lock(&ngx_mutt_keyring_pool->mutex);

    table = ngx_mutt_keyring_table();

    for (i = 0; i < n; i++) {
        for (j = 0; j < table->n; j++) {
            if (table->keys[j].id == uses[i].id) {
                table->told[j] = 0;
            }
        }
    }

    ngx_shmtx_unlock(&ngx_mutt_keyring_pool->mutex);
}
