
/*
 * What a 2xx is worth: what Redis says about itself, asked on every new
 * connection and each minute, against what the directive wants.  With replicas
 * every flush also waits for theirs, and that alone tells.
 */


#include "ngx_mutt_module.h"

#include <signal.h>

#include <hiredis/hiredis.h>


#define NGX_MUTT_MEASURE_INTERVAL  60000
#define NGX_MUTT_CHECK_TIMEOUT     1000
#define NGX_MUTT_REPLICAS_MAX      100
#define NGX_MUTT_WAIT_MAX          10000


static void ngx_mutt_measure_handler(ngx_event_t *ev);


static ngx_event_t            ngx_mutt_measure_event;
static mutt_durable_facts_t   ngx_mutt_facts;
static ngx_flag_t             ngx_mutt_replicated;
static ngx_mutt_main_conf_t  *ngx_mutt_durability_conf;


/* mutt_durability memory|fsync|replica[=N] [timeout=time] [strict] */
char *
ngx_mutt_durability(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mutt_main_conf_t  *mcf = conf;

    ngx_str_t   *value, time;
    ngx_uint_t   i;

    if (mcf->durability != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    mcf->replicas = 1;

    if (ngx_strcmp(value[1].data, "memory") == 0) {
        mcf->durability = MUTT_DURABLE_MEMORY;

    } else if (ngx_strcmp(value[1].data, "fsync") == 0) {
        mcf->durability = MUTT_DURABLE_FSYNC;

    } else if (ngx_strcmp(value[1].data, "replica") == 0) {
        mcf->durability = MUTT_DURABLE_REPLICA;

    } else if (ngx_strncmp(value[1].data, "replica=", 8) == 0) {
        mcf->durability = MUTT_DURABLE_REPLICA;
        mcf->replicas = ngx_atoi(value[1].data + 8, value[1].len - 8);

    } else {
        return "needs memory, fsync or replica[=number]";
    }

    if (mcf->replicas < 1 || mcf->replicas > NGX_MUTT_REPLICAS_MAX) {
        return "needs 1 to 100 replicas";
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "strict") == 0) {
            mcf->strict = 1;
            continue;
        }

        if (ngx_strncmp(value[i].data, "timeout=", 8) != 0) {
            return "knows timeout=time and strict";
        }

        time.data = value[i].data + 8;
        time.len = value[i].len - 8;
        mcf->wait_timeout = ngx_parse_time(&time, 0);

        /* WAIT 0 would wait for ever */
        if (mcf->wait_timeout < 1 || mcf->wait_timeout > NGX_MUTT_WAIT_MAX) {
            return "needs a timeout of 1ms to 10s";
        }
    }

    return NGX_CONF_OK;
}


/* What the Redis written to has to hold by itself. */
static mutt_durable_t
ngx_mutt_durability_base(ngx_mutt_main_conf_t *mcf)
{
    return mcf->durability == MUTT_DURABLE_FSYNC ? MUTT_DURABLE_FSYNC
                                                 : MUTT_DURABLE_MEMORY;
}


static ngx_int_t
ngx_mutt_check_connect(ngx_mutt_main_conf_t *mcf)
{
    struct timeval   tv;
    ngx_addr_t      *addr;
    ngx_socket_t     s;

    addr = &mcf->redis_url.addrs[0];
    s = ngx_socket(addr->sockaddr->sa_family, SOCK_STREAM, 0);

    if (s == (ngx_socket_t) -1) {
        return -1;
    }

    /* bounds connect() as well */
    tv.tv_sec = 0;
    tv.tv_usec = NGX_MUTT_CHECK_TIMEOUT * 1000 / 4;
    (void) setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
    (void) setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));

    if (connect(s, addr->sockaddr, addr->socklen) == -1) {
        (void) ngx_close_socket(s);
        return -1;
    }

    return s;
}


static void
ngx_mutt_facts_info(mutt_durable_facts_t *facts, redisReply *reply)
{
    mutt_str_t  info;

    /* who may not ask knows nothing */
    info = mutt_str(NULL);

    if (reply->type == REDIS_REPLY_STRING) {
        info = (mutt_str_t) { reply->str, reply->len };
    }

    mutt_durable_info(facts, info);
}


static void
ngx_mutt_facts_fsync(mutt_durable_facts_t *facts, redisReply *reply)
{
    size_t       i;
    redisReply  *name, *value;
    mutt_str_t   text, fsync, on_rewrite;

    facts->fsync = MUTT_FSYNC_UNKNOWN;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return;
    }

    fsync = MUTT_STR("");
    on_rewrite = MUTT_STR("");

    for (i = 0; i + 1 < reply->elements; i += 2) {
        name = reply->element[i];
        value = reply->element[i + 1];

        if (name->type != REDIS_REPLY_STRING
            || value->type != REDIS_REPLY_STRING)
        {
            return;
        }

        text = (mutt_str_t) { name->str, name->len };

        if (mutt_str_eq(text, MUTT_STR("appendfsync"))) {
            fsync = (mutt_str_t) { value->str, value->len };

        } else if (mutt_str_eq(text, MUTT_STR("no-appendfsync-on-rewrite"))) {
            on_rewrite = (mutt_str_t) { value->str, value->len };
        }
    }

    facts->fsync = mutt_durable_fsync(fsync, on_rewrite);
}


/* Whether a password that there is was taken. */
static ngx_flag_t
ngx_mutt_check_auth(redisContext *redis, ngx_str_t *password)
{
    ngx_flag_t   taken;
    redisReply  *auth;

    if (password->len == 0) {
        return 0;
    }

    auth = redisCommand(redis, "AUTH %b", password->data, password->len);
    taken = auth != NULL && auth->type != REDIS_REPLY_ERROR;
    freeReplyObject(auth);

    return taken;
}


/* NGX_DECLINED when Redis does not answer. */
static ngx_int_t
ngx_mutt_check_ask(redisContext *redis, ngx_mutt_main_conf_t *mcf,
    mutt_durable_facts_t *facts)
{
    ngx_int_t    rc;
    redisReply  *info, *fsync;

    fsync = NULL;

    if (!ngx_mutt_check_auth(redis, &mcf->redis_passwords[0])) {
        (void) ngx_mutt_check_auth(redis, &mcf->redis_passwords[1]);
    }

    info = redisCommand(redis, "INFO");

    if (info != NULL) {
        fsync = redisCommand(redis, "CONFIG GET *appendfsync*");
    }

    rc = NGX_DECLINED;

    if (info != NULL && fsync != NULL) {
        ngx_mutt_facts_info(facts, info);
        ngx_mutt_facts_fsync(facts, fsync);
        rc = NGX_OK;
    }

    freeReplyObject(info);
    freeReplyObject(fsync);

    return rc;
}


/*
 * Run where the configuration is read, not in init_module: what fails there
 * ends a running master on a reload, here the old configuration goes on.
 */

char *
ngx_mutt_durability_check(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf)
{
    ngx_int_t              s, rc;
    const char            *has, *wanted;
    redisContext          *redis;
    struct sigaction       ignore, before;
    mutt_durable_facts_t   facts;

    if (!mcf->strict || ngx_process == NGX_PROCESS_SIGNALLER) {
        return NGX_CONF_OK;
    }

    s = ngx_mutt_check_connect(mcf);

    if (s == -1) {
        return NGX_CONF_OK;
    }

    redis = redisConnectFd(s);

    if (redis == NULL) {
        (void) ngx_close_socket(s);
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ignore, sizeof(struct sigaction));
    ignore.sa_handler = SIG_IGN;
    (void) sigaction(SIGPIPE, &ignore, &before);

    ngx_memzero(&facts, sizeof(mutt_durable_facts_t));
    rc = ngx_mutt_check_ask(redis, mcf, &facts);
    redisFree(redis);
    (void) sigaction(SIGPIPE, &before, NULL);

    if (rc != NGX_OK
        || mutt_durable_level(&facts) >= ngx_mutt_durability_base(mcf))
    {
        return NGX_CONF_OK;
    }

    has = mutt_durable_name(mutt_durable_level(&facts));
    wanted = mutt_durable_name(ngx_mutt_durability_base(mcf));
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "mutt_durability is strict and needs a Redis that "
                       "holds \"%s\", this one holds \"%s\": look at its "
                       "appendonly, appendfsync and maxmemory-policy",
                       wanted, has);

    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_mutt_durability_init(ngx_cycle_t *cycle, ngx_mutt_main_conf_t *mcf)
{
    ngx_mutt_durability_conf = mcf;
    ngx_mutt_replicated = 0;
    ngx_memzero(&ngx_mutt_facts, sizeof(mutt_durable_facts_t));

    ngx_memzero(&ngx_mutt_measure_event, sizeof(ngx_event_t));
    ngx_mutt_measure_event.handler = ngx_mutt_measure_handler;
    ngx_mutt_measure_event.log = cycle->log;
    ngx_mutt_measure_event.cancelable = 1;
    ngx_mutt_measure_event.data = &ngx_mutt_measure_event;
    ngx_add_timer(&ngx_mutt_measure_event, NGX_MUTT_MEASURE_INTERVAL);

    return NGX_OK;
}


mutt_durable_t
ngx_mutt_durability_wanted(void)
{
    return ngx_mutt_durability_conf->durability;
}


mutt_durable_t
ngx_mutt_durability_level(void)
{
    mutt_durable_t  level;

    level = mutt_durable_level(&ngx_mutt_facts);

    return level >= MUTT_DURABLE_MEMORY && ngx_mutt_replicated
           ? MUTT_DURABLE_REPLICA : level;
}


ngx_flag_t
ngx_mutt_durability_holds(void)
{
    return !ngx_mutt_durability_conf->strict
           || mutt_durable_level(&ngx_mutt_facts)
              >= ngx_mutt_durability_base(ngx_mutt_durability_conf);
}


/* Tells of a change in the log, and what is in the metrics. */
static void
ngx_mutt_durability_show(void)
{
    uint64_t        *slots;
    mutt_durable_t   level, wanted;

    static int       shown = -1;

    slots = ngx_mutt_slots();
    level = ngx_mutt_durability_level();
    wanted = ngx_mutt_durability_wanted();

    mutt_metric_set(slots, MUTT_M_DURABILITY_LEVEL_CONFIGURED, wanted);
    mutt_metric_set(slots, MUTT_M_DURABILITY_LEVEL_ACTUAL, level);
    mutt_metric_set(slots, MUTT_M_DURABILITY_DEGRADED_ALL, level < wanted);

    if (shown == (int) level) {
        return;
    }

    shown = level;

    if (level < wanted) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mutt: redis holds \"%s\", wanted is \"%s\"",
                      mutt_durable_name(level), mutt_durable_name(wanted));
    }
}


void
ngx_mutt_durability_waited(ngx_int_t replicas)
{
    ngx_mutt_replicated = replicas >= ngx_mutt_durability_conf->replicas;
    ngx_mutt_durability_show();
}


ngx_int_t
ngx_mutt_durability_info(struct redisReply *reply)
{
    ngx_mutt_facts_info(&ngx_mutt_facts, (redisReply *) reply);

    ngx_mutt_replicated = ngx_mutt_durability_conf->durability
                          == MUTT_DURABLE_REPLICA
                          && (ngx_int_t) ngx_mutt_facts.replicas
                             >= ngx_mutt_durability_conf->replicas;

    return ngx_mutt_facts.replica ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_mutt_durability_fsync(struct redisReply *reply)
{
    ngx_mutt_facts_fsync(&ngx_mutt_facts, (redisReply *) reply);
    ngx_mutt_durability_show();

    return NGX_OK;
}


static void
ngx_mutt_measure_info(void *data, struct redisReply *reply)
{
    if (reply != NULL) {
        (void) ngx_mutt_durability_info(reply);
    }
}


static void
ngx_mutt_measure_fsync(void *data, struct redisReply *reply)
{
    if (reply != NULL) {
        (void) ngx_mutt_durability_fsync(reply);
    }
}


static void
ngx_mutt_measure_handler(ngx_event_t *ev)
{
    if (ngx_exiting) {
        return;
    }

    if (ngx_mutt_redis_begin(1, ngx_mutt_measure_info, NULL) == NGX_OK) {
        ngx_mutt_redis_text("INFO");
    }

    if (ngx_mutt_redis_begin(3, ngx_mutt_measure_fsync, NULL) == NGX_OK) {
        ngx_mutt_redis_text("CONFIG");
        ngx_mutt_redis_text("GET");
        ngx_mutt_redis_text("*appendfsync*");
    }

    ngx_add_timer(ev, NGX_MUTT_MEASURE_INTERVAL);
}
