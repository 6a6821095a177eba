
/*
 * Where PostgreSQL is and with which roles, as libpq takes it: found when the
 * configuration is read, where waiting for a name holds nobody up.
 */


#include "ngx_mutt_module.h"

#include <libpq-fe.h>

#include "conf/mutt_conninfo.h"


#define NGX_MUTT_PG_INFO_MAX  8192


/*
 * A name is looked up here and now: libpq would do so while everybody waits.
 * What it is to be verified as stays the name.  One that can't be found is no
 * reason to take no events; in its place goes an address that is nobody's, so
 * that the next of several hosts is had.
 */
static ngx_int_t
ngx_mutt_pg_resolve(ngx_conf_t *cf, ngx_str_t *host, ngx_str_t *address)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.host = *host;
    u.default_port = 5432;

    address->data = ngx_pnalloc(cf->pool, NGX_SOCKADDR_STRLEN);

    if (address->data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_inet_resolve_host(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0, "a host of postgresql can't "
                           "be found, it is not asked until a reload");
        ngx_str_set(address, "255.255.255.255");
        return NGX_DECLINED;
    }

    address->len = ngx_sock_ntop(u.addrs[0].sockaddr, u.addrs[0].socklen,
                                 address->data, NGX_SOCKADDR_STRLEN, 0);

    return NGX_OK;
}


/* The addresses of hosts with commas between; a path has none. */
static char *
ngx_mutt_pg_resolve_all(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf,
    const char *hosts)
{
    char        *text;
    mutt_buf_t   b;
    ngx_str_t    host, address;
    ngx_int_t    rc;
    ngx_uint_t   n, names, found;

    n = 0;
    names = 0;
    found = 0;
    mutt_buf_init(&b, NGX_MUTT_PG_INFO_MAX);

    for ( ;; ) {
        host.data = (u_char *) hosts;
        host.len = strcspn(hosts, ",");
        n++;

        /* what is a path, or a part of a password, is no name */
        if (host.len > 0 && strcspn(hosts, ",/@") == host.len) {
            rc = ngx_mutt_pg_resolve(cf, &host, &address);

            if (rc == NGX_ERROR) {
                mutt_buf_done(&b);
                return NGX_CONF_ERROR;
            }

            names++;
            found += rc == NGX_OK;
            mutt_buf_add(&b, address.data, address.len);
        }

        if (hosts[host.len] == '\0') {
            break;
        }

        MUTT_BUF_LIT(&b, ",");
        hosts += host.len + 1;
    }

    text = mutt_buf_ok(&b) ? ngx_pcalloc(cf->pool, b.len + 1) : NULL;

    if (text != NULL && b.len > 0) {
        ngx_memcpy(text, b.data, b.len);
    }

    mutt_buf_done(&b);

    if (text == NULL) {
        return NGX_CONF_ERROR;
    }

    if (names > 0) {
        mcf->postgres_address = text;
    }

    /* there is nothing to ask */
    if (found == 0 && names == n) {
        mcf->postgres_info[0] = NULL;
    }

    return NGX_CONF_OK;
}


/* Of hosts that have names and no addresses, the addresses. */
static char *
ngx_mutt_pg_find_host(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf)
{
    char              *rc;
    const char        *host, *address;
    PQconninfoOption  *options, *option;

    options = PQconninfoParse(mcf->postgres_info[0], NULL);

    /* its text may have a secret */
    if (options == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "where postgresql is can't "
                           "be read, see mutt_postgres and DATABASE_URL");
        return NGX_CONF_ERROR;
    }

    host = NULL;
    address = NULL;

    for (option = options; option->keyword != NULL; option++) {
        if (ngx_strcmp(option->keyword, "host") == 0) {
            host = option->val;

        } else if (ngx_strcmp(option->keyword, "hostaddr") == 0) {
            address = option->val;
        }
    }

    rc = NGX_CONF_OK;

    mcf->postgres_several =
        (host != NULL && strchr(host, ',') != NULL)
        || (address != NULL && strchr(address, ',') != NULL);

    if (host != NULL && address == NULL) {
        rc = ngx_mutt_pg_resolve_all(cf, mcf, host);
    }

    PQconninfoFree(options);

    return rc;
}


static const char *
ngx_mutt_pg_address(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf, ngx_flag_t next)
{
    char        *text;
    mutt_buf_t   b;

    mutt_buf_init(&b, NGX_MUTT_PG_INFO_MAX);
    mutt_conninfo_write(&b, mcf->settings, next);

    text = mutt_buf_ok(&b) ? ngx_pcalloc(cf->pool, b.len + 1) : NULL;

    if (text != NULL) {
        ngx_memcpy(text, b.data, b.len);
    }

    if (b.data != NULL) {
        ngx_explicit_memzero(b.data, b.len);
    }

    mutt_buf_done(&b);

    return text;
}


char *
ngx_mutt_pg_conf(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf)
{
    const char  *url, *ca, *next;

    url = mcf->postgres.len > 0
          ? (const char *) mcf->postgres.data
          : mutt_set_text(mcf->settings, MUTT_SET_DATABASE_URL);
    ca = mutt_set_text(mcf->settings, MUTT_SET_DB_TLS_CA_CERT_PATH);

    mcf->postgres_tls = mutt_set_bool(mcf->settings, MUTT_SET_DB_TLS_ENABLED);
    mcf->postgres_ca = ca[0] == '\0' ? NULL : ca;
    mcf->postgres_info[0] = url[0] != '\0' ? url
                                           : ngx_mutt_pg_address(cf, mcf, 0);
    mcf->postgres_info[1] = NULL;

    if (mcf->postgres_info[0] == NULL) {
        return NGX_CONF_ERROR;
    }

    next = mutt_set_text(mcf->settings, MUTT_SET_DB_USER_NEXT);

    if (next[0] != '\0' && url[0] != '\0') {
        mcf->postgres_info[1] = url;
        mcf->postgres_role = next;
        mcf->postgres_password = mutt_set_text(mcf->settings,
                                               MUTT_SET_DB_PASS_NEXT);

    } else if (next[0] != '\0') {
        mcf->postgres_info[1] = ngx_mutt_pg_address(cf, mcf, 1);

        if (mcf->postgres_info[1] == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_mutt_pg_find_host(cf, mcf);
}
