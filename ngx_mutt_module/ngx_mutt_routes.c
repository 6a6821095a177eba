
/*
 * The one table of what can be called, and the checks that come before a
 * handler: route, method, credential, scope.
 */


#include "ngx_mutt_module.h"
#include "ngx_mutt_api.h"

#include "core/mutt_version.h"


#define NGX_MUTT_ROUTES  (sizeof(ngx_mutt_routes) / sizeof(ngx_mutt_routes[0]))

#define NGX_MUTT_GET     (NGX_HTTP_GET|NGX_HTTP_HEAD)

/* a route of the management API, by steps */
#define NGX_MUTT_RESOURCE(method, path, scope, steps, summary, endpoint)      \
    { method, path, NGX_MUTT_UNDER_API, NGX_MUTT_API, scope, ngx_mutt_flow,   \
      steps, summary, NGX_MUTT_COUNTED(endpoint) }

#define NGX_MUTT_COUNTED(endpoint)                                            \
    MUTT_M_API_REQUESTS_##endpoint##_OK, MUTT_M_API_LATENCY_##endpoint, NULL

/* counted elsewhere, or not at all: the first series is ingest's */
#define NGX_MUTT_UNCOUNTED  0, 0, NULL


static const ngx_mutt_route_t *ngx_mutt_find_route(ngx_http_request_t *r,
    ngx_uint_t serves, ngx_mutt_ctx_t *ctx);
static ngx_uint_t ngx_mutt_methods(const ngx_mutt_route_t **route,
    ngx_uint_t method);
static ngx_int_t ngx_mutt_send_allow(ngx_http_request_t *r,
    ngx_uint_t methods);
static ngx_int_t ngx_mutt_admit(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);
static ngx_int_t ngx_mutt_admitted(ngx_http_request_t *r,
    ngx_mutt_ctx_t *ctx);
static ngx_int_t ngx_mutt_judge_key(ngx_http_request_t *r,
    ngx_mutt_ctx_t *ctx);
static void ngx_mutt_refused(ngx_mutt_ctx_t *ctx, ngx_http_request_t *r,
    mutt_api_code_t code);


#if (MUTT_FAILPOINTS)

/* how a route ends, for tests: no release has this one */
static const ngx_mutt_life_t  ngx_mutt_ending = {
    "@1704067200", "Mon, 10 Nov 2025 00:00:00 GMT", "2025-11-10", "2.0",
    "/api/v2/version"
};

#endif


/* rows of one path stand together, a fixed path before one with a name */
static const ngx_mutt_route_t  ngx_mutt_routes[] = {

    { NGX_HTTP_POST, "/ingest", NGX_MUTT_UNDER_ROOT|NGX_MUTT_UNDER_API,
      NGX_MUTT_INGEST, NGX_MUTT_SCOPE_INGEST, ngx_mutt_ingest, NULL,
      "Queue events", NGX_MUTT_UNCOUNTED },

    { NGX_MUTT_GET, "/version", NGX_MUTT_UNDER_API, NGX_MUTT_API,
      NGX_MUTT_SCOPE_NONE, ngx_mutt_version, NULL, "Show versions",
      NGX_MUTT_COUNTED(VERSION) },

#if (MUTT_FAILPOINTS)
    { NGX_MUTT_GET, "/ending", NGX_MUTT_UNDER_API, NGX_MUTT_API,
      NGX_MUTT_SCOPE_NONE, ngx_mutt_version, NULL, "A route that has ended",
      0, 0, &ngx_mutt_ending },
#endif

    { NGX_MUTT_GET, "/openapi.json", NGX_MUTT_UNDER_API, NGX_MUTT_API,
      NGX_MUTT_SCOPE_READ, ngx_mutt_openapi, NULL, "Show this API",
      NGX_MUTT_COUNTED(OPENAPI) },

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/session", NGX_MUTT_SCOPE_ANY,
                      ngx_mutt_session_show, "Show who is signed in", SESSION),
    NGX_MUTT_RESOURCE(NGX_HTTP_POST, "/session", NGX_MUTT_SCOPE_NONE,
                      ngx_mutt_session_create, "Sign in", SESSION),
    NGX_MUTT_RESOURCE(NGX_HTTP_DELETE, "/session", NGX_MUTT_SCOPE_ANY,
                      ngx_mutt_session_delete, "Sign out", SESSION),

    { NGX_MUTT_GET, "/ledger", NGX_MUTT_UNDER_API, NGX_MUTT_API,
      NGX_MUTT_SCOPE_READ, ngx_mutt_ledger, NULL,
      "Show what came in, ended and is in flight", NGX_MUTT_COUNTED(LEDGER) },

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/status", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_status_show, "Show how the pipeline stands",
                      STATUS),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/rules", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_rules_list, "List rules", RULES),
    NGX_MUTT_RESOURCE(NGX_HTTP_POST, "/rules", NGX_MUTT_SCOPE_WRITE,
                      ngx_mutt_rules_create, "Create a rule", RULES),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/rules/hits", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_rules_hits, "Show how often rules match",
                      RULE_HITS),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/rules/export", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_rules_export,
                      "Show all rules, hosts and teams as a file",
                      RULES_EXPORT),

    NGX_MUTT_RESOURCE(NGX_HTTP_POST, "/rules/import", NGX_MUTT_SCOPE_WRITE,
                      ngx_mutt_rules_import,
                      "Make rules, hosts and teams those of a file",
                      RULES_IMPORT),

    NGX_MUTT_RESOURCE(NGX_HTTP_POST, "/rules/test", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_rules_test, "Try a rule on events",
                      RULES_TEST),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/rules/{id}", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_rules_show, "Show a rule", RULE),
    NGX_MUTT_RESOURCE(NGX_HTTP_PUT, "/rules/{id}", NGX_MUTT_SCOPE_WRITE,
                      ngx_mutt_rules_update, "Change a rule", RULE),
    NGX_MUTT_RESOURCE(NGX_HTTP_DELETE, "/rules/{id}", NGX_MUTT_SCOPE_WRITE,
                      ngx_mutt_rules_delete, "Delete a rule", RULE),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/events/stream", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_stream, "Watch events as they are decided",
                      EVENTS_STREAM),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/events/{id}/explain",
                      NGX_MUTT_SCOPE_READ,
                      ngx_mutt_events_explain,
                      "Explain what became of an event", EVENT_EXPLAIN),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/audit-logs", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_events_list, "List matched events", AUDIT_LOGS),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/audit", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_audit_list, "List changes", AUDIT),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/config-audit", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_config_audit_list, "List changes", CONFIG_AUDIT),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/config", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_config_list, "List settings", CONFIG),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/config/history", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_config_history, "List changes of settings",
                      CONFIG_HISTORY),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/config/{key}", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_config_show, "Show a setting", CONFIG_KEY),
    NGX_MUTT_RESOURCE(NGX_HTTP_PUT, "/config/{key}", NGX_MUTT_SCOPE_ADMIN,
                      ngx_mutt_config_set, "Store a setting", CONFIG_KEY),
    NGX_MUTT_RESOURCE(NGX_HTTP_DELETE, "/config/{key}", NGX_MUTT_SCOPE_ADMIN,
                      ngx_mutt_config_unset, "Return a setting to its default",
                      CONFIG_KEY),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/dev-hosts", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_hosts_list, "List development hosts", DEV_HOSTS),
    NGX_MUTT_RESOURCE(NGX_HTTP_POST, "/dev-hosts", NGX_MUTT_SCOPE_WRITE,
                      ngx_mutt_hosts_create, "Add a development host",
                      DEV_HOSTS),

    NGX_MUTT_RESOURCE(NGX_HTTP_DELETE, "/dev-hosts/{hostname}",
                      NGX_MUTT_SCOPE_WRITE,
                      ngx_mutt_hosts_delete, "Delete a development host",
                      DEV_HOST),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/teams", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_teams_list, "List the teams of devices", TEAMS),
    NGX_MUTT_RESOURCE(NGX_HTTP_POST, "/teams", NGX_MUTT_SCOPE_WRITE,
                      ngx_mutt_teams_create, "Add a device's team", TEAMS),

    NGX_MUTT_RESOURCE(NGX_HTTP_PUT, "/teams/{hostname}", NGX_MUTT_SCOPE_WRITE,
                      ngx_mutt_teams_update, "Change a device's team", TEAM),
    NGX_MUTT_RESOURCE(NGX_HTTP_DELETE, "/teams/{hostname}",
                      NGX_MUTT_SCOPE_WRITE,
                      ngx_mutt_teams_delete, "Delete a device's team", TEAM),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/dead-letters", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_letters_queues, "Show the dead letter queues",
                      DEAD_LETTERS),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/dead-letters/{queue}",
                      NGX_MUTT_SCOPE_READ,
                      ngx_mutt_letters_list, "List dead letters", DEAD_QUEUE),

    NGX_MUTT_RESOURCE(NGX_HTTP_POST, "/dead-letters/{queue}/replay",
                      NGX_MUTT_SCOPE_WRITE,
                      ngx_mutt_letters_replay, "Replay dead letters",
                      DEAD_REPLAY),

    NGX_MUTT_RESOURCE(NGX_HTTP_POST, "/dead-letters/{queue}/discard",
                      NGX_MUTT_SCOPE_WRITE,
                      ngx_mutt_letters_discard, "Discard dead letters",
                      DEAD_DISCARD),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/dead-letters/{queue}/{id}",
                      NGX_MUTT_SCOPE_READ,
                      ngx_mutt_letters_show, "Show a dead letter",
                      DEAD_LETTER),

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/keys", NGX_MUTT_SCOPE_ADMIN,
                      ngx_mutt_keys_list, "List named keys", KEYS),
    NGX_MUTT_RESOURCE(NGX_HTTP_POST, "/keys", NGX_MUTT_SCOPE_ADMIN,
                      ngx_mutt_keys_create, "Make a named key", KEYS),

    NGX_MUTT_RESOURCE(NGX_HTTP_PUT, "/keys/{name}", NGX_MUTT_SCOPE_ADMIN,
                      ngx_mutt_keys_update, "Change a named key", KEY),
    NGX_MUTT_RESOURCE(NGX_HTTP_DELETE, "/keys/{name}", NGX_MUTT_SCOPE_ADMIN,
                      ngx_mutt_keys_revoke, "Revoke a named key", KEY),

    NGX_MUTT_RESOURCE(NGX_HTTP_POST, "/keys/{name}/rotate",
                      NGX_MUTT_SCOPE_ADMIN,
                      ngx_mutt_keys_rotate, "Make a key's successor",
                      KEY_ROTATE),

    { NGX_MUTT_GET, "/metrics", NGX_MUTT_UNDER_API, NGX_MUTT_API,
      NGX_MUTT_SCOPE_READ, ngx_mutt_rates, NULL, "Show rates and their day",
      NGX_MUTT_COUNTED(METRICS) },

    { NGX_MUTT_GET, "/slo", NGX_MUTT_UNDER_API, NGX_MUTT_API,
      NGX_MUTT_SCOPE_READ, ngx_mutt_slo, NULL, "Show the objectives",
      NGX_MUTT_COUNTED(SLO) },

    NGX_MUTT_RESOURCE(NGX_MUTT_GET, "/slo/history", NGX_MUTT_SCOPE_READ,
                      ngx_mutt_slo_history,
                      "Show how the objectives stood before", SLO_HISTORY),

    { NGX_MUTT_GET, "/health", NGX_MUTT_UNDER_ROOT, NGX_MUTT_HEALTH,
      NGX_MUTT_SCOPE_NONE, ngx_mutt_health, NULL,
      "Whether events can be taken", NGX_MUTT_UNCOUNTED },

    { NGX_MUTT_GET, "/health/live", NGX_MUTT_UNDER_ROOT, NGX_MUTT_HEALTH,
      NGX_MUTT_SCOPE_NONE, ngx_mutt_live, NULL, "Whether nginx turns",
      NGX_MUTT_UNCOUNTED },

    { NGX_MUTT_GET, "/metrics", NGX_MUTT_UNDER_ROOT, NGX_MUTT_METRICS,
      NGX_MUTT_SCOPE_NONE, ngx_mutt_metrics, NULL, "Prometheus metrics",
      NGX_MUTT_UNCOUNTED },

    { NGX_MUTT_GET, "/", NGX_MUTT_UNDER_ROOT, NGX_MUTT_DASHBOARD,
      NGX_MUTT_SCOPE_NONE, ngx_mutt_web_page, NULL, "The dashboard",
      NGX_MUTT_UNCOUNTED },

    { NGX_MUTT_GET, "/audit", NGX_MUTT_UNDER_ROOT, NGX_MUTT_DASHBOARD,
      NGX_MUTT_SCOPE_NONE, ngx_mutt_web_page, NULL,
      "The dashboard, at its list of changes", NGX_MUTT_UNCOUNTED },

    { NGX_MUTT_GET, "/assets/{file}", NGX_MUTT_UNDER_ROOT, NGX_MUTT_DASHBOARD,
      NGX_MUTT_SCOPE_NONE, ngx_mutt_web_file, NULL, "A file of the dashboard",
      NGX_MUTT_UNCOUNTED },
};


const ngx_mutt_route_t *
ngx_mutt_route_table(ngx_uint_t *n)
{
    *n = NGX_MUTT_ROUTES;

    return ngx_mutt_routes;
}


/* Whether the route is no longer there in the version that is served. */
static ngx_flag_t
ngx_mutt_has_ended(ngx_mutt_ctx_t *ctx)
{
    return ctx->life->removed_in != NULL
           && mutt_version_compare((mutt_str_t) { (char *) ctx->version.data,
                                                  ctx->version.len },
                                   mutt_str(ctx->life->removed_in))
              >= 0;
}


static ngx_int_t
ngx_mutt_send_removed(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    char  extra[512];

    (void) snprintf(extra, sizeof(extra),
                    ",\"message\":\"Removed in version %s%s%s\","
                    "\"removed_in\":\"%s\",\"removal_date\":\"%s\","
                    "\"current_version\":\"%.*s\"",
                    ctx->life->removed_in,
                    ctx->life->successor == NULL ? "" : "; use ",
                    ctx->life->successor == NULL ? "" : ctx->life->successor,
                    ctx->life->removed_in, ctx->life->date,
                    (int) ctx->version.len, (char *) ctx->version.data);

    return ngx_mutt_send_error(r, MUTT_API_ENDPOINT_REMOVED, mutt_str(extra));
}


ngx_int_t
ngx_mutt_dispatch(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_uint_t               methods;
    ngx_mutt_ctx_t          *ctx;
    ngx_mutt_loc_conf_t     *lcf;
    const ngx_mutt_route_t  *route;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_mutt_module);
    ctx = ngx_mutt_get_ctx(r);

    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* If-Match is about a resource, which is ours to compare */
    r->disable_not_modified = 1;

    route = ngx_mutt_find_route(r, lcf->serves, ctx);

    if (route == NULL) {
        return ngx_mutt_send_error(r, MUTT_API_NOT_FOUND, mutt_str(NULL));
    }

    methods = ngx_mutt_methods(&route, r->method);
    ctx->route = route;

    if (!(r->method & route->method)) {
        return ngx_mutt_send_allow(r, methods);
    }

    /* nothing here is a socket; other upgrades may be passed over */
    if (r->headers_in.upgrade != NULL
        && ngx_strcasecmp(r->headers_in.upgrade->value.data,
                          (u_char *) "websocket")
           == 0)
    {
        return ngx_mutt_send_error_text(r, MUTT_API_INVALID_PARAMETER,
                                        "There are no WebSockets here",
                                        mutt_str(NULL));
    }

    if (route->life != NULL) {
        ctx->life = route->life;

        if (ngx_mutt_has_ended(ctx)) {
            return ngx_mutt_send_removed(r, ctx);
        }
    }

    rc = ngx_mutt_admit(r, ctx);

    return rc == NGX_DECLINED ? route->handler(r, ctx) : rc;
}


/* Credential and scope; NGX_DECLINED when nothing speaks against it. */
static ngx_int_t
ngx_mutt_admit(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->route->scope == NGX_MUTT_SCOPE_NONE) {
        return NGX_DECLINED;
    }

    /* a key counts before a cookie */
    if (ngx_mutt_find_header(r, "x-api-key", NULL) == NULL
        && ngx_mutt_session_sent(r))
    {
        rc = ngx_mutt_session_find(r, ngx_mutt_admitted);

        return rc == NGX_DECLINED ? ngx_mutt_judge_key(r, ctx) : rc;
    }

    ctx->key = ngx_mutt_authenticate(r);

    return ngx_mutt_judge_key(r, ctx);
}


/* Goes on with a request whose session has been looked up. */
static ngx_int_t
ngx_mutt_admitted(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_mutt_judge_key(r, ctx);

    return rc == NGX_DECLINED ? ctx->route->handler(r, ctx) : rc;
}


static ngx_int_t
ngx_mutt_judge_key(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    char        extra[64];
    ngx_uint_t  scope;

    scope = ctx->route->scope;

    if (ctx->key == NULL) {
        return ngx_mutt_refuse(r, ctx->session != NULL
                                  || ngx_mutt_find_header(r, "x-api-key", NULL)
                                     != NULL);
    }

    if (scope == NGX_MUTT_SCOPE_ANY || (ctx->key->scopes & scope) == scope) {
        return NGX_DECLINED;
    }

    ngx_mutt_refused(ctx, r, MUTT_API_FORBIDDEN);

    (void) snprintf(extra, sizeof(extra), ",\"required_scope\":\"%s\"",
                    ngx_mutt_scope_name(scope));

    return ngx_mutt_send_error(r, MUTT_API_FORBIDDEN, mutt_str(extra));
}


static void
ngx_mutt_refused(ngx_mutt_ctx_t *ctx, ngx_http_request_t *r,
    mutt_api_code_t code)
{
    if (ctx->route->group == NGX_MUTT_INGEST) {
        ngx_mutt_ingest_count(r, code);
    }
}


/* Whether a path is the pattern's; what stands for its names goes to params. */
static ngx_flag_t
ngx_mutt_match_path(const char *pattern, ngx_str_t *path, ngx_str_t *params)
{
    u_char      *p, *last;
    ngx_uint_t   n;

    p = path->data;
    last = p + path->len;
    n = 0;

    while (*pattern != '\0') {

        if (*pattern != '{') {
            if (p == last || *p++ != (u_char) *pattern++) {
                return 0;
            }

            continue;
        }

        params[n].data = p;

        while (p < last && *p != '/') {
            p++;
        }

        params[n].len = p - params[n].data;

        if (params[n++].len == 0) {
            return 0;
        }

        pattern = strchr(pattern, '}') + 1;
    }

    return p == last;
}


static const ngx_mutt_route_t *
ngx_mutt_find_route(ngx_http_request_t *r, ngx_uint_t serves,
    ngx_mutt_ctx_t *ctx)
{
    ngx_str_t                path;
    ngx_uint_t               i, under;
    const ngx_mutt_route_t  *route;

    path = r->uri;
    under = NGX_MUTT_UNDER_ROOT;

    if (path.len > 8
        && (ngx_strncmp(path.data, "/api/v1/", 8) == 0
            || ngx_strncmp(path.data, "/api/v2/", 8) == 0))
    {
        ctx->deprecated = path.data[6] == '1';
        under = NGX_MUTT_UNDER_API;
        path.data += 7;
        path.len -= 7;
    }

    for (i = 0; i < NGX_MUTT_ROUTES; i++) {
        route = &ngx_mutt_routes[i];

        if ((route->group & serves) && (route->under & under)
            && ngx_mutt_match_path(route->path, &path, ctx->params))
        {
            return route;
        }
    }

    return NULL;
}


/*
 * Moves route, the first row of its path, to the one for a method if there
 * is one; returns the methods of all of them.
 */
static ngx_uint_t
ngx_mutt_methods(const ngx_mutt_route_t **route, ngx_uint_t method)
{
    ngx_uint_t               methods;
    const ngx_mutt_route_t  *row, *found;

    found = *route;
    methods = 0;

    for (row = found;
         row < ngx_mutt_routes + NGX_MUTT_ROUTES
         && ngx_strcmp(row->path, (*route)->path) == 0;
         row++)
    {
        methods |= row->method;

        if (row->method & method) {
            found = row;
        }
    }

    *route = found;

    return methods;
}


static ngx_int_t
ngx_mutt_send_allow(ngx_http_request_t *r, ngx_uint_t methods)
{
    u_char      *p;
    ngx_str_t    allow;
    ngx_uint_t   i;

    static const struct {
        ngx_uint_t   method;
        const char  *name;
    } names[] = {
        { NGX_HTTP_GET,    "GET, " },
        { NGX_HTTP_HEAD,   "HEAD, " },
        { NGX_HTTP_POST,   "POST, " },
        { NGX_HTTP_PUT,    "PUT, " },
        { NGX_HTTP_DELETE, "DELETE, " },
    };

    allow.data = ngx_pnalloc(r->pool, 64);
    if (allow.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = allow.data;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (methods & names[i].method) {
            p = ngx_cpymem(p, names[i].name, ngx_strlen(names[i].name));
        }
    }

    p = ngx_cpymem(p, "OPTIONS", sizeof("OPTIONS") - 1);
    allow.len = p - allow.data;

    if (ngx_mutt_add_header(r, "Allow", &allow) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method & NGX_HTTP_OPTIONS) {
        return ngx_mutt_send(r, NGX_HTTP_NO_CONTENT, NULL, mutt_str(NULL));
    }

    return ngx_mutt_send_error(r, MUTT_API_METHOD_NOT_ALLOWED,
                               mutt_str(NULL));
}
