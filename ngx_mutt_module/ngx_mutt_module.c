
#include "ngx_mutt_module.h"
#include "ngx_mutt_api.h"
#include "ngx_mutt_keyring.h"


static ngx_int_t ngx_mutt_init_process(ngx_cycle_t *cycle);
static void ngx_mutt_exit_process(ngx_cycle_t *cycle);


static ngx_http_module_t  ngx_http_mutt_module_ctx = {
    ngx_mutt_variables_init,               /* preconfiguration */
    ngx_mutt_header_filter_init,           /* postconfiguration */

    ngx_mutt_create_main_conf,             /* create main configuration */
    ngx_mutt_init_main_conf,               /* init main configuration */

    ngx_mutt_create_srv_conf,              /* create server configuration */
    ngx_mutt_merge_srv_conf,               /* merge server configuration */

    ngx_mutt_create_loc_conf,              /* create location configuration */
    ngx_mutt_merge_loc_conf                /* merge location configuration */
};


ngx_module_t  ngx_http_mutt_module = {
    NGX_MODULE_V1,
    &ngx_http_mutt_module_ctx,             /* module context */
    ngx_mutt_commands,                     /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_mutt_init_process,                 /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_mutt_exit_process,                 /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_mutt_main_conf_t *
ngx_mutt_cycle_conf(ngx_cycle_t *cycle)
{
    ngx_mutt_main_conf_t  *mcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NULL;
    }

    if (cycle->conf_ctx[ngx_http_module.index] == NULL) {
        return NULL;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_mutt_module);

    return mcf != NULL && mcf->used ? mcf : NULL;
}


static ngx_int_t
ngx_mutt_init_process(ngx_cycle_t *cycle)
{
    ngx_mutt_main_conf_t  *mcf;

    mcf = ngx_mutt_cycle_conf(cycle);

    if (mcf == NULL) {
        return NGX_OK;
    }

    ngx_mutt_metrics_attach(mcf);
    ngx_mutt_keyring_attach(mcf);
    ngx_mutt_guard_attach(mcf);

    if (ngx_mutt_push_init(cycle) != NGX_OK
        || ngx_mutt_durability_init(cycle, mcf) != NGX_OK
        || ngx_mutt_redis_init(cycle, mcf) != NGX_OK
        || ngx_mutt_ledger_init(cycle) != NGX_OK
        || ngx_mutt_probe_init(cycle) != NGX_OK
        || ngx_mutt_live_init(cycle, mcf) != NGX_OK
        || ngx_mutt_pg_init(cycle, mcf) != NGX_OK
        || ngx_mutt_notice_init(cycle) != NGX_OK
        || ngx_mutt_stream_init(cycle) != NGX_OK
        || ngx_mutt_mirror_init(cycle) != NGX_OK
        || ngx_mutt_keys_init(cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    MUTT_PASS("nginx.start");

    return NGX_OK;
}


static void
ngx_mutt_exit_process(ngx_cycle_t *cycle)
{
    if (ngx_mutt_cycle_conf(cycle) == NULL) {
        return;
    }

    ngx_mutt_pg_exit();
    ngx_mutt_keys_exit();
    ngx_mutt_live_exit();
    ngx_mutt_redis_exit();
}
