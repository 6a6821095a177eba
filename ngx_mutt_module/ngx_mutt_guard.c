
/*
 * How often a client's address may be wrong about a key: a fixed table in
 * shared memory, where an address is a digest and its failures are the moment
 * at which they will be forgotten (GCRA).  A row that is needed for another
 * address is taken from the one with the fewest failures, so that many
 * addresses cannot wash away one that guesses.
 *
 * Only who is wrong is limited: a key that is good is never asked how many
 * others its address has tried.
 */


#include "ngx_mutt_module.h"


#define NGX_MUTT_GUARD_SETS    2048
#define NGX_MUTT_GUARD_WAYS    8
#define NGX_MUTT_GUARD_WINDOW  60000


typedef struct {
    uint64_t       address;    /* of its digest; 0: free */
    ngx_msec_t     until;      /* when all is forgotten */
} ngx_mutt_guard_row_t;


typedef struct {
    u_char                 salt[16];
    ngx_mutt_guard_row_t   rows[NGX_MUTT_GUARD_SETS][NGX_MUTT_GUARD_WAYS];
} ngx_mutt_guard_t;


static ngx_int_t ngx_mutt_guard_init(ngx_shm_zone_t *zone, void *data);


static ngx_slab_pool_t   *ngx_mutt_guard_pool;
static ngx_mutt_guard_t  *ngx_mutt_guard;


char *
ngx_mutt_guard_zone(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf)
{
    static ngx_str_t  name = ngx_string("mutt_guard");

    mcf->guard = ngx_shared_memory_add(cf, &name,
                                       sizeof(ngx_mutt_guard_t)
                                       + 16 * ngx_pagesize,
                                       &ngx_http_mutt_module);
    if (mcf->guard == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf->guard->init = ngx_mutt_guard_init;
    mcf->guard->data = mcf;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mutt_guard_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t   *pool;
    ngx_mutt_guard_t  *guard;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data != NULL || zone->shm.exists) {
        return NGX_OK;
    }

    guard = ngx_slab_calloc(pool, sizeof(ngx_mutt_guard_t));

    if (guard == NULL || !mutt_random(guard->salt, sizeof(guard->salt))) {
        return NGX_ERROR;
    }

    pool->data = guard;

    return NGX_OK;
}


void
ngx_mutt_guard_attach(ngx_mutt_main_conf_t *mcf)
{
    ngx_mutt_guard_pool = (ngx_slab_pool_t *) mcf->guard->shm.addr;
    ngx_mutt_guard = ngx_mutt_guard_pool->data;
}


/* Who asks: an IPv4 address, or the network that an IPv6 address is in. */
static size_t
ngx_mutt_guard_address(struct sockaddr *sa, u_char out[8])
{
    struct sockaddr_in  *sin;

#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            ngx_memcpy(out, &sin6->sin6_addr.s6_addr[12], 4);
            return 4;
        }

        ngx_memcpy(out, sin6->sin6_addr.s6_addr, 8);
        return 8;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        ngx_memcpy(out, &sin->sin_addr.s_addr, 4);
        return 4;

    default:
        return 0;
    }
}


/* The row of an address, or the one it is to have; the mutex is held. */
static ngx_mutt_guard_row_t *
ngx_mutt_guard_row(ngx_mutt_guard_row_t *set, uint64_t address)
{
    ngx_uint_t             i;
    ngx_mutt_guard_row_t  *least;

    least = &set[0];

    for (i = 0; i < NGX_MUTT_GUARD_WAYS; i++) {
        if (set[i].address == address) {
            return &set[i];
        }

        if (set[i].address == 0
            || (least->address != 0
                && (ngx_msec_int_t) (set[i].until - least->until) < 0))
        {
            least = &set[i];
        }
    }

    least->address = address;
    least->until = ngx_current_msec;

    return least;
}


/* Counts so many failures, or says in how many ms that will be possible. */
static ngx_msec_t
ngx_mutt_guard_count(ngx_mutt_guard_row_t *row, ngx_msec_t cost)
{
    ngx_msec_int_t  level;

    level = row->until - ngx_current_msec;
    level = ngx_max(level, 0) + (ngx_msec_int_t) cost;

    if (level > NGX_MUTT_GUARD_WINDOW) {
        return level - NGX_MUTT_GUARD_WINDOW;
    }

    row->until = ngx_current_msec + level;

    return 0;
}


ngx_msec_t
ngx_mutt_guard_failed(ngx_http_request_t *r, ngx_uint_t weight)
{
    u_char                 text[16 + 8], digest[MUTT_SHA256_LEN];
    size_t                 len;
    uint32_t               set;
    uint64_t               address;
    ngx_int_t              limit;
    ngx_msec_t             wait, cost;

    limit = mutt_set_int(ngx_mutt_settings(), MUTT_SET_AUTH_FAILURE_LIMIT);

    if (limit == 0) {
        return 0;
    }

    ngx_memcpy(text, ngx_mutt_guard->salt, 16);
    len = ngx_mutt_guard_address(r->connection->sockaddr, text + 16);

    if (!mutt_sha256((mutt_str_t) { (char *) text, 16 + len }, digest)) {
        return 0;
    }

    ngx_memcpy(&address, digest, sizeof(address));
    ngx_memcpy(&set, digest + sizeof(address), sizeof(set));

    cost = ngx_max(NGX_MUTT_GUARD_WINDOW / limit, 1) * weight;
    cost = ngx_min(cost, NGX_MUTT_GUARD_WINDOW);

    ngx_shmtx_lock(&ngx_mutt_guard_pool->mutex);
    wait = ngx_mutt_guard_count(ngx_mutt_guard_row(
               ngx_mutt_guard->rows[set % NGX_MUTT_GUARD_SETS], address | 1),
               cost);
    ngx_shmtx_unlock(&ngx_mutt_guard_pool->mutex);

    return wait;
}
