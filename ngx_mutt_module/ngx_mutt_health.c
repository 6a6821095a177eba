
#include "ngx_mutt_module.h"


static ngx_int_t
ngx_mutt_send_json(ngx_http_request_t *r, ngx_uint_t status, mutt_buf_t *b)
{
    ngx_int_t  rc;

    rc = mutt_buf_ok(b)
         ? ngx_mutt_send(r, status, "application/json", mutt_buf_str(b))
         : NGX_HTTP_INTERNAL_SERVER_ERROR;

    mutt_buf_done(b);

    return rc;
}


static const char *
ngx_mutt_redis_state(void)
{
    if (ngx_mutt_redis_connected()) {
        return ngx_mutt_redis_refuses() ? "refuses_writes" : "connected";
    }

    return ngx_mutt_redis_circuit_open() ? "circuit_open" : "disconnected";
}


static const char *
ngx_mutt_database_state(void)
{
    if (!ngx_mutt_pg_connected()) {
        return "disconnected";
    }

    return ngx_mutt_pg_refuses() ? "refuses_writes" : "connected";
}


ngx_int_t
ngx_mutt_health(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    mutt_buf_t   b;
    ngx_flag_t   takes, audits;
    const char  *redis, *database, *status;

    redis = ngx_mutt_redis_state();
    database = ngx_mutt_database_state();
    takes = ngx_strcmp(redis, "connected") == 0 && ngx_mutt_durability_holds();
    audits = ngx_strcmp(database, "connected") == 0;
    status = !takes ? "unhealthy" : audits ? "healthy" : "degraded";

    mutt_buf_init(&b, 4096);
    mutt_buf_addf(&b, "{\"status\":\"%s\",\"service\":\"mutt\","
                  "\"version\":\"%s\",\"redis\":\"%s\",\"database\":\"%s\","
                  "\"durability\":\"%s\"",
                  status, MUTT_VERSION, redis, database,
                  mutt_durable_name(ngx_mutt_durability_level()));

    if (!takes) {
        MUTT_BUF_LIT(&b, ",\"error\":\"redis_unavailable\"");
    }

    MUTT_BUF_LIT(&b, "}\n");

    return ngx_mutt_send_json(r, takes ? NGX_HTTP_OK
                                       : NGX_HTTP_SERVICE_UNAVAILABLE, &b);
}


ngx_int_t
ngx_mutt_live(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    return ngx_mutt_send(r, NGX_HTTP_OK, "application/json",
                         MUTT_STR("{\"status\":\"live\"}\n"));
}


ngx_int_t
ngx_mutt_version(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    mutt_buf_t  b;

    mutt_buf_init(&b, 4096);
    mutt_buf_addf(&b,
        "{\"current_version\":\"2.5\",\"default_version\":\"2.5\","
        "\"supported_versions\":[\"2.5\",\"2.0\",\"1.0\"],"
        "\"software_version\":\"%s\",\"version_history\":{"
        "\"2.5\":{\"released\":\"2025-11-10\",\"status\":\"current\","
        "\"changes\":[]},"
        "\"2.0\":{\"released\":\"2025-11-10\",\"status\":\"supported\","
        "\"changes\":[]},"
        "\"1.0\":{\"released\":\"2024-01-01\",\"status\":\"deprecated\","
        "\"changes\":[],\"deprecated_in\":\"2.0\","
        "\"removal_date\":\"2027-06-30\"}}}\n", MUTT_VERSION);

    return ngx_mutt_send_json(r, NGX_HTTP_OK, &b);
}


ngx_int_t
ngx_mutt_about(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    ngx_str_t  csp;

    ngx_str_set(&csp, "default-src 'none'; base-uri 'none'; "
                      "frame-ancestors 'none'; form-action 'none'");

    if (ngx_mutt_add_header(r, "Content-Security-Policy", &csp) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_mutt_send(r, NGX_HTTP_OK, "text/html; charset=utf-8", MUTT_STR(
        "<!doctype html>\n<html lang=\"en\"><head><title>MUTT</title></head>"
        "<body><h1>MUTT " MUTT_VERSION "</h1>\n"
        "<p>The Multi-Use Telemetry Tool is running.</p>\n<ul>\n"
        "<li><a href=\"/health\">/health</a>: whether events can be taken</li>"
        "\n<li><a href=\"/metrics\">/metrics</a>: Prometheus metrics</li>\n"
        "<li><a href=\"/api/v2/version\">/api/v2/version</a>: versions</li>\n"
        "<li>POST /api/v2/ingest: events, with the header X-API-KEY</li>\n"
        "</ul></body></html>\n"));
}
