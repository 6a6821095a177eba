/*
 * mutt-sink PORT: a webhook that stands in for Moogsoft, for a private stack
 * and for tests.  Listens on loopback.
 *
 *   POST /anything   takes an alert, answers as it was told to (200)
 *   GET /stats       {"count","distinct","duplicates","attempts","last":[...]}
 *   GET /keys        one "Idempotency-Key count" a line
 *   GET /traces      [{"key","traceparent"}...] of the last
 *   POST /control?status=503&times=2&delay_ms=10&retry_after=1
 *                    how to answer the next times alerts (-1: all); refused
 *                    alerts are counted as attempts, not taken
 *                    &health=503 is the answer of GET /health
 *   GET /health      200, or as told; 401 without a bearer token
 *   POST /reset      forgets what was taken
 */

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mutt_buf.h"

#define BODY_MAX (8u << 20)
#define REPLY_MAX (256u << 20)
#define LAST 20
#define BUCKETS 65536

typedef struct seen_s {
    struct seen_s *next;
    unsigned count;
    char key[];
} seen_t;

typedef struct {
    mutt_buf_t body;
} request_t;

typedef struct {
    char *body; /* NULL: none yet */
    char key[128];
    char traceparent[64];
} taken_t;

static seen_t *seen[BUCKETS];
static size_t count;
static size_t distinct;
static size_t attempts;
static taken_t last[LAST];
static size_t last_at;

/* how to answer */
static int status = 200;
static int times = -1;
static int health = 200;
static int delay_ms;
static char retry_after[64];


static unsigned
bucket(const char *key)
{
    unsigned h = 2166136261u;

    for (; *key != '\0'; key++) {
        h = (h ^ (unsigned char) *key) * 16777619u;
    }

    return h % BUCKETS;
}


static void
remember(const char *key, const char *traceparent, mutt_str_t body)
{
    seen_t **head = &seen[bucket(key)];
    seen_t *s = *head;

    while (s != NULL && strcmp(s->key, key) != 0) {
        s = s->next;
    }

    if (s == NULL) {
        s = calloc(1, sizeof(seen_t) + strlen(key) + 1);

        if (s == NULL) {
            return;
        }

        memcpy(s->key, key, strlen(key) + 1);
        s->next = *head;
        *head = s;
        distinct++;
    }

    s->count++;
    count++;
    free(last[last_at].body);
    last[last_at].body = strndup(body.data, body.len);
    (void) snprintf(last[last_at].key, sizeof(last[last_at].key), "%s", key);
    (void) snprintf(last[last_at].traceparent,
                    sizeof(last[last_at].traceparent), "%s", traceparent);
    last_at = (last_at + 1) % LAST;
}


static void
forget(void)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        while (seen[i] != NULL) {
            seen_t *next = seen[i]->next;

            free(seen[i]);
            seen[i] = next;
        }
    }

    for (size_t i = 0; i < LAST; i++) {
        free(last[i].body);
        last[i].body = NULL;
    }

    count = 0;
    distinct = 0;
    attempts = 0;
}


static void
write_stats(mutt_buf_t *b)
{
    const char *comma = "";

    mutt_buf_addf(b,
                  "{\"count\":%zu,\"distinct\":%zu,\"duplicates\":%zu,"
                  "\"attempts\":%zu,\"last\":[",
                  count, distinct, count - distinct, attempts);

    for (size_t i = 0; i < LAST; i++) {
        const char *body = last[(last_at + i) % LAST].body;

        if (body != NULL) {
            mutt_buf_addf(b, "%s", comma);
            mutt_buf_add_json(b, mutt_str(body));
            comma = ",";
        }
    }

    MUTT_BUF_LIT(b, "]}\n");
}


static void
write_traces(mutt_buf_t *b)
{
    const char *comma = "";

    MUTT_BUF_LIT(b, "[");

    for (size_t i = 0; i < LAST; i++) {
        const taken_t *taken = &last[(last_at + i) % LAST];

        if (taken->body != NULL) {
            mutt_buf_addf(b, "%s{\"key\":", comma);
            mutt_buf_add_json(b, mutt_str(taken->key));
            MUTT_BUF_LIT(b, ",\"traceparent\":");
            mutt_buf_add_json(b, mutt_str(taken->traceparent));
            MUTT_BUF_LIT(b, "}");
            comma = ",";
        }
    }

    MUTT_BUF_LIT(b, "]\n");
}


static void
write_keys(mutt_buf_t *b)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (seen_t *s = seen[i]; s != NULL; s = s->next) {
            mutt_buf_addf(b, "%s %u\n", s->key, s->count);
        }
    }
}


static enum MHD_Result
reply(struct MHD_Connection *c, int code, const char *text, size_t len)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(
        len, (void *) (uintptr_t) text, MHD_RESPMEM_MUST_COPY);

    if (r == NULL) {
        return MHD_NO;
    }

    (void) MHD_add_response_header(r, "Content-Type", "application/json");

    if (code != 200 && retry_after[0] != '\0') {
        (void) MHD_add_response_header(r, "Retry-After", retry_after);
    }

    enum MHD_Result result = MHD_queue_response(c, (unsigned) code, r);

    MHD_destroy_response(r);

    return result;
}


static int
number(struct MHD_Connection *c, const char *name, int otherwise)
{
    const char *text =
        MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, name);

    return text == NULL ? otherwise : atoi(text);
}


static void
control(struct MHD_Connection *c)
{
    const char *text =
        MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "retry_after");

    status = number(c, "status", 200);
    times = number(c, "times", -1);
    health = number(c, "health", 200);
    delay_ms = number(c, "delay_ms", 0);
    (void) snprintf(retry_after, sizeof(retry_after), "%s",
                    text == NULL ? "" : text);
}


static enum MHD_Result
take(struct MHD_Connection *c, request_t *request)
{
    const char *key =
        MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Idempotency-Key");
    const char *trace =
        MHD_lookup_connection_value(c, MHD_HEADER_KIND, "traceparent");
    int code = times == 0 ? 200 : status;

    attempts++;

    if (delay_ms > 0) {
        (void) usleep((useconds_t) delay_ms * 1000);
    }

    if (times > 0) {
        times--;
    }

    if (code >= 200 && code < 300) {
        remember(key == NULL ? "" : key, trace == NULL ? "" : trace,
                 mutt_buf_str(&request->body));
    }

    return reply(c, code, code == 204 ? "" : "{}\n", code == 204 ? 0 : 3);
}


static enum MHD_Result
answer_health(struct MHD_Connection *c)
{
    const char *token =
        MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
    bool known = token != NULL && strncmp(token, "Bearer ", 7) == 0;

    return reply(c, known ? health : 401, "{}\n", 3);
}


static enum MHD_Result
show(struct MHD_Connection *c, void (*writer)(mutt_buf_t *))
{
    mutt_buf_t b;

    mutt_buf_init(&b, REPLY_MAX);
    writer(&b);

    enum MHD_Result result =
        reply(c, 200, mutt_buf_str(&b).data, mutt_buf_str(&b).len);

    mutt_buf_done(&b);

    return result;
}


static enum MHD_Result
on_request(void *cls, struct MHD_Connection *c, const char *url,
           const char *method, const char *version, const char *upload,
           size_t *upload_size, void **state)
{
    request_t *request = *state;

    (void) cls;
    (void) version;

    if (request == NULL) {
        request = calloc(1, sizeof(request_t));

        if (request == NULL) {
            return MHD_NO;
        }

        mutt_buf_init(&request->body, BODY_MAX);
        *state = request;
        return MHD_YES;
    }

    if (*upload_size > 0) {
        mutt_buf_add(&request->body, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }

    if (strcmp(url, "/stats") == 0) {
        return show(c, write_stats);
    }

    if (strcmp(url, "/keys") == 0) {
        return show(c, write_keys);
    }

    if (strcmp(url, "/traces") == 0) {
        return show(c, write_traces);
    }

    if (strcmp(url, "/health") == 0) {
        return answer_health(c);
    }

    if (strcmp(method, "POST") != 0) {
        return reply(c, 404, "{}\n", 3);
    }

    if (strcmp(url, "/control") == 0) {
        control(c);
        return reply(c, 200, "{}\n", 3);
    }

    if (strcmp(url, "/reset") == 0) {
        forget();
        return reply(c, 200, "{}\n", 3);
    }

    return take(c, request);
}


static void
on_completed(void *cls, struct MHD_Connection *c, void **state,
             enum MHD_RequestTerminationCode code)
{
    request_t *request = *state;

    (void) cls;
    (void) c;
    (void) code;

    if (request != NULL) {
        mutt_buf_done(&request->body);
        free(request);
        *state = NULL;
    }
}


int
main(int argc, char **argv)
{
    int port = argc == 2 ? atoi(argv[1]) : 0;
    struct sockaddr_in sa = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t) port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    sigset_t stop;
    int signo;

    if (port <= 0 || port > 65535) {
        (void) fprintf(stderr, "usage: mutt-sink PORT\n");
        return 2;
    }

    (void) sigemptyset(&stop);
    (void) sigaddset(&stop, SIGTERM);
    (void) sigaddset(&stop, SIGINT);
    (void) sigprocmask(SIG_BLOCK, &stop, NULL);

    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_POLL_INTERNAL_THREAD, (uint16_t) port, NULL, NULL, on_request,
        NULL, MHD_OPTION_SOCK_ADDR, &sa, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT, 4096u,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);

    if (daemon == NULL) {
        (void) fprintf(stderr, "mutt-sink: cannot listen on port %d\n", port);
        return 1;
    }

    (void) printf("listening on 127.0.0.1:%d\n", port);
    (void) fflush(stdout);
    (void) sigwait(&stop, &signo);
    MHD_stop_daemon(daemon);
    forget();

    return 0;
}
