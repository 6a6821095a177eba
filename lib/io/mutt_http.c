#include "mutt_http.h"

#include <stdio.h>
#include <stdlib.h>

#include <curl/curl.h>
#include <poll.h>

#include "core/mutt_failpoint.h"
#include "core/mutt_time.h"
#include "mutt_sockets.h"

#define HEAD_MAX 200
#define HEADER_MAX 8192
#define HEADER_FIRST 64

/* whether it may send a body that is longer libcurl would ask first */
#define UNASKED_MAX (1024 * 1024)

/* what libcurl gives a connection unless it is told */
#define CONNECT_MS 300000L

/* The headers that a request may have of its own, in this order. */
typedef enum {
    HEADER_KEY,
    HEADER_AUTHORIZATION,
    HEADER_TRACEPARENT,
    HEADER_API_KEY,
    HEADER_ENCODING,
    HEADER_IF_MATCH,
    HEADER_TYPE,
    HEADER_EXPECT,
    HEADERS
} header_id_t;

static const char *const header_names[HEADERS] = {
    [HEADER_KEY] = "Idempotency-Key",
    [HEADER_AUTHORIZATION] = "Authorization",
    [HEADER_TRACEPARENT] = "traceparent",
    [HEADER_API_KEY] = "X-API-KEY",
    [HEADER_ENCODING] = "Content-Encoding",
    [HEADER_IF_MATCH] = "If-Match",
    [HEADER_TYPE] = "Content-Type",
    [HEADER_EXPECT] = "Expect",
};

/* A line that the next request writes over. */
typedef struct {
    struct curl_slist node; /* its text, and the next that is sent */
    size_t size;
} header_t;

typedef struct call_s {
    struct call_s *next; /* in the list of those to be reused, or in flight */
    struct call_s *prev; /* of those in flight */
    CURL *easy;
    header_t headers[HEADERS];
    void *data;
    mutt_http_take_t take;
    size_t received;
    char retry_after[64];
    char etag[64];
    size_t head_len;
    size_t head_max;
    char error[CURL_ERROR_SIZE];
    char head[];
} call_t;

struct mutt_http_s {
    mutt_http_options_t options;
    CURLM *multi;
    CURLU *url;              /* parsed; NULL: each request says its own */
    mutt_sockets_t *sockets; /* that libcurl waits for */
    mutt_usec_t due;         /* libcurl is to be called then; 0: never */
    bool broken;             /* libcurl has failed and is left alone */
    call_t *idle;
    call_t *busy; /* in flight */
    call_t *last; /* told of by the last mutt_http_next() */
    size_t inflight;
};


static size_t
on_body(char *data, size_t size, size_t n, void *user)
{
    call_t *call = user;
    size_t len = size * n;

    if (call->take != NULL) {
        long status = 0;

        (void) curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);

        return call->take(call->data, status, (mutt_str_t) { data, len }) ? len
                                                                          : 0;
    }

    size_t room = call->head_max - call->head_len;
    size_t keep = len < room ? len : room;

    memcpy(call->head + call->head_len, data, keep);
    call->head_len += keep;
    call->received += len;

    /* the status is known; more of the body tells nothing */
    return call->received > MUTT_HTTP_KEEP_MAX ? 0 : len;
}


/* Takes the value of a header line if it is of that name; cut at size. */
static void
take_header(mutt_str_t line, const char *name, char *value, size_t size)
{
    size_t len = strlen(name);

    if (line.len > len && curl_strnequal(line.data, name, len)) {
        mutt_str_t rest =
            mutt_str_trim((mutt_str_t) { line.data + len, line.len - len });

        (void) snprintf(value, size, "%.*s", MUTT_STR_ARG(rest));
    }
}


static size_t
on_header(char *data, size_t size, size_t n, void *user)
{
    call_t *call = user;
    size_t len = size * n;

    if (len > 5 && memcmp(data, "HTTP/", 5) == 0) {
        MUTT_PASS("http.sent");
    }

    mutt_str_t line = { data, len };

    take_header(line, "retry-after:", call->retry_after,
                sizeof(call->retry_after));
    take_header(line, "etag:", call->etag, sizeof(call->etag));

    return len;
}


/* Which events of a socket libcurl waits for from now on. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *mine)
{
    mutt_http_t *h = user;
    short events = 0;

    (void) easy;
    (void) mine;

    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) {
        events |= POLLIN;
    }

    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) {
        events |= POLLOUT;
    }

    /* without memory for it the request runs into its deadline */
    (void) mutt_sockets_watch(h->sockets, fd, events);

    return 0;
}


static int
on_timer(CURLM *multi, long ms, void *user)
{
    mutt_http_t *h = user;

    (void) multi;
    h->due = ms < 0 ? 0 : mutt_time_mono() + ms * 1000;

    return 0;
}


mutt_rc_t
mutt_http_check_url(const char *url, const char *name, mutt_err_t *err)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0
               ? MUTT_OK
               : mutt_fail(err, MUTT_CONFIG,
                           "%s must be an http or https address", name);
}


void
mutt_http_bearer(char out[MUTT_HTTP_BEARER_MAX], const char *key)
{
    out[0] = '\0';

    if (key[0] != '\0') {
        (void) snprintf(out, MUTT_HTTP_BEARER_MAX, "Bearer %s", key);
    }
}


/* For all requests that go there; NULL: each parses it, and tells why not. */
static CURLU *
parse_url(const char *text)
{
    CURLU *url = curl_url();

    if (url != NULL && curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK) {
        curl_url_cleanup(url);
        url = NULL;
    }

    return url;
}


mutt_rc_t
mutt_http_create(const mutt_http_options_t *options, mutt_http_t **http,
                 mutt_err_t *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return mutt_fail(err, MUTT_NOMEM, "libcurl cannot be initialised");
    }

    mutt_http_t *h = calloc(1, sizeof(mutt_http_t));

    if (h != NULL) {
        h->options = *options;
        h->multi = curl_multi_init();
        h->sockets = mutt_sockets_create();
    }

    if (h == NULL || h->multi == NULL || h->sockets == NULL) {
        mutt_http_destroy(h);
        return mutt_fail(err, MUTT_NOMEM, "out of memory for HTTP");
    }

    h->url = parse_url(options->url);
    (void) curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS,
                             options->connections);
    (void) curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void) curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    (void) curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void) curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    *http = h;

    return MUTT_OK;
}


/* There may be a secret in it. */
static void
free_header(header_t *header)
{
    if (header->node.data != NULL) {
        explicit_bzero(header->node.data, header->size);
        free(header->node.data);
    }
}


static void
free_call(call_t *call)
{
    for (size_t i = 0; i < HEADERS; i++) {
        free_header(&call->headers[i]);
    }

    curl_easy_cleanup(call->easy);
    free(call);
}


static void
free_calls(call_t *call)
{
    while (call != NULL) {
        call_t *next = call->next;

        free_call(call);
        call = next;
    }
}


static void
recycle(mutt_http_t *h)
{
    if (h->last != NULL) {
        h->last->next = h->idle;
        h->idle = h->last;
        h->last = NULL;
    }
}


void
mutt_http_destroy(mutt_http_t *http)
{
    if (http == NULL) {
        return;
    }

    recycle(http);

    for (call_t *call = http->busy; call != NULL; call = call->next) {
        (void) curl_multi_remove_handle(http->multi, call->easy);
    }

    free_calls(http->busy);
    free_calls(http->idle);
    (void) curl_multi_cleanup(http->multi);
    curl_url_cleanup(http->url);
    mutt_sockets_destroy(http->sockets);
    free(http);
    curl_global_cleanup();
}


size_t
mutt_http_inflight(const mutt_http_t *http)
{
    return http->inflight;
}


/* Options that are the same for every request of a handle. */
static bool
set_up(const mutt_http_t *h, call_t *call)
{
    CURL *e = call->easy;
    CURLcode target = h->url == NULL
                          ? curl_easy_setopt(e, CURLOPT_URL, h->options.url)
                          : curl_easy_setopt(e, CURLOPT_CURLU, h->url);
    bool ok =
        target == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;

    (void) curl_easy_setopt(e, h->options.get ? CURLOPT_HTTPGET : CURLOPT_POST,
                            1L);
    (void) curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    (void) curl_easy_setopt(e, CURLOPT_PROXY, "");
    (void) curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    (void) curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    /* nobody waits for a name server that does not answer in time */
    (void) curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    (void) curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, h->options.timeout_ms);

    /* for the connection the whole's deadline does, but for libcurl's own */
    if (h->options.timeout_ms > CONNECT_MS) {
        (void) curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                                h->options.timeout_ms);
    }

    (void) curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
    (void) curl_easy_setopt(e, CURLOPT_HEADERDATA, call);
    (void) curl_easy_setopt(e, CURLOPT_PRIVATE, call);
    (void) curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->error);

    if (h->options.ca[0] != '\0') {
        ok = ok &&
             curl_easy_setopt(e, CURLOPT_CAINFO, h->options.ca) == CURLE_OK;
    }

    return ok;
}


static call_t *
take_call(mutt_http_t *h)
{
    call_t *call = h->idle;

    if (call != NULL) {
        h->idle = call->next;
        return call;
    }

    size_t keep = h->options.keep == 0 ? HEAD_MAX : h->options.keep;

    call = calloc(1, sizeof(call_t) + keep);

    if (call == NULL) {
        return NULL;
    }

    call->head_max = keep;

    call->easy = curl_easy_init();

    if (call->easy == NULL || !set_up(h, call)) {
        free_call(call);
        return NULL;
    }

    return call;
}


static bool
make_room(header_t *header, size_t size)
{
    size_t room = header->size == 0 ? HEADER_FIRST : header->size;

    while (room < size) {
        room *= 2;
    }

    if (room == header->size) {
        return true;
    }

    char *data = malloc(room);

    if (data == NULL) {
        return false;
    }

    free_header(header);
    header->node.data = data;
    header->size = room;

    return true;
}


static bool
write_header(header_t *header, const char *name, const char *value)
{
    size_t size = strlen(name) + 2 + strlen(value) + 1;

    if (size > HEADER_MAX || !make_room(header, size)) {
        return false;
    }

    (void) stpcpy(stpcpy(stpcpy(header->node.data, name), ": "), value);

    return true;
}


/* Writes the headers that have a value and makes a list of them. */
static bool
write_headers(call_t *call, const char *const values[HEADERS])
{
    struct curl_slist *first = NULL;
    struct curl_slist **end = &first;

    for (size_t i = 0; i < HEADERS; i++) {
        if (values[i] == NULL) {
            continue;
        }

        if (!write_header(&call->headers[i], header_names[i], values[i])) {
            return false;
        }

        *end = &call->headers[i].node;
        end = &call->headers[i].node.next;
    }

    *end = NULL;

    return curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, first) == CURLE_OK;
}


/* What a header is to say; NULL: it is not sent. */
static const char *
value_of(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}


static bool
prepare(call_t *call, const mutt_http_request_t *request, bool get)
{
    const char *type =
        request->type == NULL ? "application/json" : request->type;
    bool asks = !get && request->body.len > UNASKED_MAX;
    const char *const values[HEADERS] = {
        [HEADER_KEY] = value_of(request->idempotency_key),
        [HEADER_AUTHORIZATION] = value_of(request->authorization),
        [HEADER_TRACEPARENT] = value_of(request->traceparent),
        [HEADER_API_KEY] = value_of(request->api_key),
        [HEADER_ENCODING] = value_of(request->encoding),
        [HEADER_IF_MATCH] = value_of(request->if_match),
        [HEADER_TYPE] = get ? NULL : type,
        /* nobody waits to be told to go on */
        [HEADER_EXPECT] = asks ? "" : NULL,
    };

    call->data = request->data;
    call->take = request->take;
    call->received = 0;
    call->head_len = 0;
    call->retry_after[0] = '\0';
    call->etag[0] = '\0';
    call->error[0] = '\0';

    if (request->url != NULL &&
        (curl_easy_setopt(call->easy, CURLOPT_CURLU, NULL) != CURLE_OK ||
         curl_easy_setopt(call->easy, CURLOPT_URL, request->url) != CURLE_OK)) {
        return false;
    }

    if (!get) {
        (void) curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                (curl_off_t) request->body.len);
        (void) curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS,
                                request->body.data);
    }

    return curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST,
                            request->method) == CURLE_OK &&
           write_headers(call, values);
}


static mutt_rc_t
left_alone(mutt_err_t *err)
{
    return mutt_fail(err, MUTT_BUG, "libcurl has failed before");
}


mutt_rc_t
mutt_http_send(mutt_http_t *http, const mutt_http_request_t *request,
               mutt_err_t *err)
{
    mutt_rc_t rc = MUTT_FAILPOINT("http.send", err);

    if (rc != MUTT_OK) {
        return rc;
    }

    if (http->broken) {
        return left_alone(err);
    }

    call_t *call = take_call(http);

    if (call == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a request");
    }

    if (!prepare(call, request, http->options.get) ||
        curl_multi_add_handle(http->multi, call->easy) != CURLM_OK) {
        free_call(call);
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a request");
    }

    call->prev = NULL;
    call->next = http->busy;

    if (call->next != NULL) {
        call->next->prev = call;
    }

    http->busy = call;
    http->inflight++;

    return MUTT_OK;
}


/* What libcurl wants to do by now: begin requests, give up late ones. */
static CURLMcode
keep_time(mutt_http_t *h, int *running)
{
    if (h->due == 0 || mutt_time_mono() < h->due) {
        return CURLM_OK;
    }

    h->due = 0;

    return curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, running);
}


/* Lets those requests go on whose sockets are ready; beside is not libcurl's.
 */
static CURLMcode
serve(mutt_http_t *h, int beside, int *running)
{
    CURLMcode code = CURLM_OK;
    int fd;
    short events;

    while (code == CURLM_OK && mutt_sockets_next(h->sockets, &fd, &events)) {
        int bits = 0;

        if (fd == beside) {
            continue;
        }

        if ((events & (POLLIN | POLLHUP)) != 0) {
            bits |= CURL_CSELECT_IN;
        }

        if ((events & POLLOUT) != 0) {
            bits |= CURL_CSELECT_OUT;
        }

        if ((events & (POLLERR | POLLNVAL)) != 0) {
            bits |= CURL_CSELECT_ERR;
        }

        code = curl_multi_socket_action(h->multi, fd, bits, running);
    }

    return code;
}


/* How long nothing is to be done but wait, in ms. */
static int
wait_of(const mutt_http_t *h, int wait_ms)
{
    mutt_usec_t left =
        h->due == 0 ? (mutt_usec_t) wait_ms * 1000 : h->due - mutt_time_mono();

    if (left <= 0) {
        return 0;
    }

    return left < (mutt_usec_t) wait_ms * 1000 ? (int) ((left + 999) / 1000)
                                               : wait_ms;
}


mutt_rc_t
mutt_http_turn(mutt_http_t *http, int wait_ms, mutt_err_t *err)
{
    return mutt_http_turn_beside(http, wait_ms, -1, err);
}


/* Only what is ready is looked at, however many requests are in flight. */
mutt_rc_t
mutt_http_turn_beside(mutt_http_t *http, int wait_ms, int fd, mutt_err_t *err)
{
    int running = (int) http->inflight;

    if (http->broken) {
        return left_alone(err);
    }

    CURLMcode code = keep_time(http, &running);
    bool done = (size_t) running < http->inflight;

    /* without memory for it nobody waits */
    if (fd >= 0 && !mutt_sockets_watch(http->sockets, fd, POLLIN)) {
        wait_ms = 0;
    }

    if (code == CURLM_OK &&
        mutt_sockets_poll(http->sockets, done ? 0 : wait_of(http, wait_ms))) {
        code = serve(http, fd, &running);
    }

    if (fd >= 0) {
        (void) mutt_sockets_watch(http->sockets, fd, 0);
    }

    if (code == CURLM_OK) {
        code = keep_time(http, &running);
    }

    /* where it had no memory for a socket it divides by zero the next time */
    http->broken = code != CURLM_OK;

    return code == CURLM_OK ? MUTT_OK
                            : mutt_fail(err, MUTT_BUG, "libcurl: %s",
                                        curl_multi_strerror(code));
}


static mutt_send_t
send_of(CURLcode code, long status)
{
    switch (code) {
    case CURLE_OK:
        return MUTT_SEND_ANSWERED;

    case CURLE_WRITE_ERROR:
        /* ours: more body than anybody needs */
        return status > 0 ? MUTT_SEND_ANSWERED : MUTT_SEND_CONNECT;

    case CURLE_OPERATION_TIMEDOUT:
        return MUTT_SEND_TIMEOUT;

    default:
        return MUTT_SEND_CONNECT;
    }
}


static void
leave_busy(mutt_http_t *h, const call_t *call)
{
    if (call->prev == NULL) {
        h->busy = call->next;
    } else {
        call->prev->next = call->next;
    }

    if (call->next != NULL) {
        call->next->prev = call->prev;
    }

    h->inflight--;
}


bool
mutt_http_next(mutt_http_t *http, mutt_http_done_t *done)
{
    int left;
    CURLMsg *msg;

    recycle(http);

    do {
        msg = curl_multi_info_read(http->multi, &left);
    } while (msg != NULL && msg->msg != CURLMSG_DONE);

    if (msg == NULL) {
        return false;
    }

    CURLcode code = msg->data.result;
    CURL *easy = msg->easy_handle;
    call_t *call;
    curl_off_t took = 0;

    (void) curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &call);
    (void) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &done->status);
    (void) curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &took);
    (void) curl_multi_remove_handle(http->multi, easy);
    leave_busy(http, call);

    done->data = call->data;
    done->send = MUTT_FAILPOINT("http.replied", NULL) == MUTT_OK
                     ? send_of(code, done->status)
                     : MUTT_SEND_CONNECT;
    done->retry_after = mutt_str(call->retry_after);
    done->etag = mutt_str(call->etag);
    done->body = (mutt_str_t) { call->head, call->head_len };
    done->error = call->error;
    done->seconds = (double) took / 1e6;
    http->last = call;

    return true;
}
