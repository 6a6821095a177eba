#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include "core/mutt_buf.h"
#include "mutt_run.h"

#define BODY_MAX (1 << 20)

/* the main loop may do this long what is no wait for PostgreSQL */
#define STUCK_SEC 60.0


static double
loop_age(const mutt_run_t *run)
{
    mutt_usec_t at = __atomic_load_n(&run->turned_at, __ATOMIC_RELAXED);

    return (double) (mutt_time_mono() - at) / (double) MUTT_USEC_SEC;
}


/* A statement takes the time that it was given. */
static bool
is_stuck(const mutt_run_t *run, double age)
{
    int64_t ms = mutt_set_int(run->base, MUTT_SET_DB_TIMEOUT_MS);

    return age >= STUCK_SEC + (double) ms / 1000;
}


static bool
all_healthy(const mutt_run_t *run)
{
    for (size_t i = 0; i < run->n_checks; i++) {
        if (!run->checks[i].healthy) {
            return false;
        }
    }

    return true;
}


static void
add_checks(const mutt_run_t *run, mutt_buf_t *b)
{
    MUTT_BUF_LIT(b, ",\"checks\":{");

    for (size_t i = 0; i < run->n_checks; i++) {
        mutt_buf_addf(b, "%s\"%s\":", i == 0 ? "" : ",", run->checks[i].name);
        mutt_buf_add_json(b, mutt_str(run->checks[i].state));
    }

    MUTT_BUF_LIT(b, "}");
}


static void
add_errors(const mutt_run_t *run, mutt_buf_t *b)
{
    const char *comma = "";

    MUTT_BUF_LIT(b, ",\"errors\":[");

    for (size_t i = 0; i < run->n_checks; i++) {
        char text[MUTT_RUN_TEXT * 2];

        if (run->checks[i].healthy) {
            continue;
        }

        (void) snprintf(text, sizeof(text), "%s: %s", run->checks[i].name,
                        run->checks[i].state);
        mutt_buf_addf(b, "%s", comma);
        mutt_buf_add_json(b, mutt_str(text));
        comma = ",";
    }

    MUTT_BUF_LIT(b, "]");
}


static unsigned
health(mutt_run_t *run, mutt_buf_t *b)
{
    (void) pthread_mutex_lock(&run->lock);

    double age = loop_age(run);
    bool healthy = all_healthy(run) && !is_stuck(run, age);

    mutt_buf_addf(b, "{\"status\":\"%s\",\"service\":\"%s\",\"version\":\"%s\"",
                  healthy ? "healthy" : "unhealthy", run->worker->service,
                  MUTT_VERSION);
    MUTT_BUF_LIT(b, ",\"pod\":");
    mutt_buf_add_json(b, mutt_str(run->pod));
    mutt_buf_addf(b, ",\"loop_age_seconds\":%.3f", age);
    add_checks(run, b);

    if (!healthy) {
        add_errors(run, b);
    }

    MUTT_BUF_LIT(b, "}\n");
    (void) pthread_mutex_unlock(&run->lock);

    return healthy ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}


static unsigned
live(mutt_run_t *run, mutt_buf_t *b)
{
    bool turning = !is_stuck(run, loop_age(run));

    mutt_buf_addf(b, "{\"status\":\"%s\"}\n", turning ? "live" : "stuck");

    return turning ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}


static unsigned
exposition(mutt_run_t *run, mutt_buf_t *b, bool openmetrics)
{
    uint64_t *rows[] = { run->metrics };
    mutt_metrics_view_t view = {
        .rows = rows,
        .n = 1,
        .mask = run->worker->reader,
        .version = MUTT_VERSION,
        .hits = &run->hits,
        .openmetrics = openmetrics,
    };

    mutt_metrics_render(b, &view);

    return MHD_HTTP_OK;
}


static unsigned
metrics(mutt_run_t *run, mutt_buf_t *b)
{
    return exposition(run, b, false);
}


static unsigned
open_metrics(mutt_run_t *run, mutt_buf_t *b)
{
    return exposition(run, b, true);
}


static const struct {
    const char *path;
    const char *type;
    unsigned (*answer)(mutt_run_t *run, mutt_buf_t *b);
} routes[] = {
    { "/health", "application/json", health },
    { "/health/live", "application/json", live },
    { "/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics },
};


static enum MHD_Result
reply(struct MHD_Connection *connection, unsigned status, const char *type,
      const char *allow, mutt_buf_t *b)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        b->len, b->data == NULL ? "" : b->data, MHD_RESPMEM_MUST_COPY);

    if (response == NULL) {
        return MHD_NO;
    }

    (void) MHD_add_response_header(response, "Content-Type", type);
    (void) MHD_add_response_header(response, "Cache-Control", "no-store");
    (void) MHD_add_response_header(response, "X-API-Version", "2.5");
    (void) MHD_add_response_header(response, "X-API-Supported-Versions",
                                   "2.5, 2.0, 1.0");
    (void) MHD_add_response_header(response, "X-API-Deprecated", "false");

    if (allow != NULL) {
        (void) MHD_add_response_header(response, "Allow", allow);
    }

    enum MHD_Result result = MHD_queue_response(connection, status, response);

    MHD_destroy_response(response);

    return result;
}


static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url,
           const char *method, const char *version, const char *upload,
           size_t *upload_size, void **state)
{
    mutt_run_t *run = cls;
    mutt_buf_t b;
    unsigned status = MHD_HTTP_NOT_FOUND;
    const char *type = "application/json";
    const char *allow = NULL;

    (void) version;
    (void) upload;
    *upload_size = 0;

    /* the first call only brings the headers */
    if (*state == NULL) {
        *state = run;
        return MHD_YES;
    }

    mutt_buf_init(&b, BODY_MAX);

    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(url, routes[i].path) != 0) {
            continue;
        }

        if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
            status = MHD_HTTP_METHOD_NOT_ALLOWED;
            allow = "GET, HEAD";
            break;
        }

        bool open = routes[i].answer == metrics &&
                    mutt_metrics_openmetrics(MHD_lookup_connection_value(
                        connection, MHD_HEADER_KIND, "Accept"));

        type = open ? mutt_metrics_type(true) : routes[i].type;
        status = open ? open_metrics(run, &b) : routes[i].answer(run, &b);
    }

    if (status == MHD_HTTP_NOT_FOUND) {
        MUTT_BUF_LIT(&b, "{\"error\":\"No such resource\","
                         "\"code\":\"not_found\"}\n");
    } else if (allow != NULL) {
        MUTT_BUF_LIT(&b, "{\"error\":\"Method not allowed\","
                         "\"code\":\"method_not_allowed\"}\n");
    }

    enum MHD_Result result = reply(connection, status, type, allow, &b);

    mutt_buf_done(&b);

    return result;
}


mutt_rc_t
mutt_health_start(mutt_run_t *run, mutt_err_t *err)
{
    const char *address = mutt_set_text(run->base, MUTT_SET_METRICS_ADDRESS);
    int port = (int) mutt_set_int(run->base, run->worker->port);
    struct sockaddr_in sa = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t) port) };

    if (inet_pton(AF_INET, address, &sa.sin_addr) != 1) {
        return mutt_fail(err, MUTT_CONFIG,
                         "METRICS_ADDRESS is no IPv4 address: %s", address);
    }

    run->http = MHD_start_daemon(
        MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC, (uint16_t) port, NULL, NULL,
        on_request, run, MHD_OPTION_SOCK_ADDR, &sa,
        MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_CONNECTION_LIMIT, 64u,
        MHD_OPTION_END);

    if (run->http == NULL) {
        return mutt_fail(err, MUTT_CONFIG,
                         "cannot listen on %s port %d: is it in use?", address,
                         port);
    }

    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(run->http, MHD_DAEMON_INFO_BIND_PORT);

    mutt_log(run->log, MUTT_LOG_INFO, "health", "listening on %s:%d", address,
             info == NULL ? port : (int) info->port);

    return MUTT_OK;
}


void
mutt_health_stop(mutt_run_t *run)
{
    if (run->http != NULL) {
        MHD_stop_daemon(run->http);
        run->http = NULL;
    }
}
