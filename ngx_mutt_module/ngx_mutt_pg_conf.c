
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
 * reason to take no events.
 */
static char *
ngx_mutt_pg_resolve(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf,
    const char *host)
{
    u_char     *text;
    ngx_url_t   u;

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.host.data = (u_char *) host;
    u.host.len = ngx_strlen(host);
    u.default_port = 5432;

    if (ngx_inet_resolve_host(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0, "the host of postgresql can't "
                           "be found, it is not asked until a reload");
        mcf->postgres_info[0] = NULL;
        return NGX_CONF_OK;
    }

    text = ngx_pcalloc(cf->pool, NGX_SOCKADDR_STRLEN + 1);

    if (text == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_sock_ntop(u.addrs[0].sockaddr, u.addrs[0].socklen, text,
                         NGX_SOCKADDR_STRLEN, 0);
    mcf->postgres_address = (char *) text;

    return NGX_CONF_OK;
}


/* Of one host that has a name and no address, the address. */
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

    if (host != NULL && host[0] != '\0' && address == NULL
        && strpbrk(host, "/,@") == NULL)
    {
        rc = ngx_mutt_pg_resolve(cf, mcf, host);
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
    const char  *url, *ca;

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

    if (mutt_set_text(mcf->settings, MUTT_SET_DB_USER_NEXT)[0] != '\0') {
        mcf->postgres_info[1] = ngx_mutt_pg_address(cf, mcf, 1);

        if (mcf->postgres_info[1] == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_mutt_pg_find_host(cf, mcf);
}
