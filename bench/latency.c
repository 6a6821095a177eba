/*
 * The time from a POST to its webhook: sends events at a steady rate, is the
 * webhook itself, and subtracts.
 *
 *     latency NGINX_PORT KEY SINK_PORT RATE SECONDS
 *
 * The clock starts when an event is due, whether or not it could be sent
 * then.  Prints how many were sent and how many arrived, then milliseconds:
 * p50 and p99 to the answer, p50, p99, p99.9 and the longest to the webhook.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/mutt_time.h"

#define CLIENTS 64
#define SINKS 1024
#define READ_SIZE 65536
#define MARK "bench-due-"

/* after the last event, what is on its way may arrive */
#define PATIENCE (10 * MUTT_USEC_SEC)

typedef struct {
    int fd; /* 0: not open */
    size_t len;
    mutt_usec_t due; /* of the event on its way; 0: none */
    char in[READ_SIZE + 1];
} peer_t;

static peer_t clients[CLIENTS];
static peer_t sinks[SINKS];
static double *answered;
static double *arrived;
static size_t n_answered;
static size_t n_arrived;
static size_t most;
static int epoll_fd;
static int listener;


static void
fail(const char *what)
{
    (void) fprintf(stderr, "latency: %s: %s\n", what, strerror(errno));
    exit(1);
}


static struct sockaddr_in
address(const char *port)
{
    return (struct sockaddr_in) {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t) strtoul(port, NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}


static void
watch(int fd, uint32_t id)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = id };
    int one = 1;

    (void) fcntl(fd, F_SETFL, O_NONBLOCK);
    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        fail("epoll_ctl");
    }
}


static void
open_all(const char *nginx_port, const char *sink_port)
{
    struct sockaddr_in nginx = address(nginx_port);
    struct sockaddr_in sink = address(sink_port);
    int one = 1;

    epoll_fd = epoll_create1(0);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    (void) setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));

    if (bind(listener, (struct sockaddr *) &sink, sizeof(sink)) != 0 ||
        listen(listener, SINKS) != 0) {
        fail("listen");
    }

    watch(listener, CLIENTS + SINKS);

    for (uint32_t i = 0; i < CLIENTS; i++) {
        clients[i].fd = socket(AF_INET, SOCK_STREAM, 0);

        if (connect(clients[i].fd, (struct sockaddr *) &nginx, sizeof(nginx)) !=
            0) {
            fail("connect");
        }

        watch(clients[i].fd, i);
    }
}


static void
send_text(int fd, const char *text, size_t len)
{
    if (write(fd, text, len) != (ssize_t) len) {
        fail("write");
    }
}


/* False when every connection waits for its answer. */
static bool
post(const char *key, mutt_usec_t due)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        peer_t *c = &clients[i];
        char body[512];
        char text[1024];

        if (c->due != 0) {
            continue;
        }

        int len = snprintf(
            body, sizeof(body),
            "{\"hostname\":\"core-router-%zu.example.net\",\"message\":\"Line "
            "protocol on Interface GigabitEthernet0/0/17, changed state to "
            "down, reason carrier, unit 3 " MARK "%lld.\",\"timestamp\":"
            "\"2026-11-20T10:00:00.123Z\",\"syslog_severity\":5,"
            "\"program\":\"rsyslogd\"}",
            i, (long long) due);
        int n = snprintf(text, sizeof(text),
                         "POST /ingest HTTP/1.1\r\nHost: localhost\r\n"
                         "Content-Type: application/json\r\nX-API-KEY: %s\r\n"
                         "Content-Length: %d\r\n\r\n%s",
                         key, len, body);

        c->due = due;
        send_text(c->fd, text, (size_t) n);

        return true;
    }

    return false;
}


/* Reads what there is; false when the peer is gone. */
static bool
fill(peer_t *p)
{
    ssize_t n = read(p->fd, p->in + p->len, READ_SIZE - p->len);

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        return false;
    }

    p->len += n < 0 ? 0 : (size_t) n;
    p->in[p->len] = '\0';

    return true;
}


/* Length of the whole message at the front; 0: not all of it is there. */
static size_t
message_len(const peer_t *p)
{
    const char *end = strstr(p->in, "\r\n\r\n");
    const char *length = strcasestr(p->in, "\r\nContent-Length:");

    if (end == NULL) {
        return 0;
    }

    size_t len = (size_t) (end - p->in) + 4;

    if (length != NULL && length < end) {
        len += strtoul(length + 17, NULL, 10);
    }

    return len <= p->len ? len : 0;
}


static void
drop_message(peer_t *p, size_t len)
{
    memmove(p->in, p->in + len, p->len - len + 1);
    p->len -= len;
}


static void
client_ready(peer_t *c)
{
    if (!fill(c)) {
        fail("nginx");
    }

    size_t len = message_len(c);

    if (len == 0) {
        return;
    }

    if (strncmp(c->in, "HTTP/1.1 200", 12) != 0) {
        (void) fprintf(stderr, "latency: %.200s\n", c->in);
        exit(1);
    }

    answered[n_answered++] = (double) (mutt_time_mono() - c->due) / 1e3;
    c->due = 0;
    drop_message(c, len);
}


static void
sink_ready(peer_t *s)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    size_t len;

    if (!fill(s)) {
        (void) close(s->fd);
        *s = (peer_t) { 0 };
        return;
    }

    while ((len = message_len(s)) > 0) {
        const char *mark = strstr(s->in, MARK);

        if (mark != NULL && n_arrived < most) {
            mutt_usec_t due = strtoll(mark + strlen(MARK), NULL, 10);

            arrived[n_arrived++] = (double) (mutt_time_mono() - due) / 1e3;
        }

        send_text(s->fd, ok, sizeof(ok) - 1);
        drop_message(s, len);
    }
}


static void
take_sink(void)
{
    int fd = accept(listener, NULL, NULL);

    for (uint32_t i = 0; fd >= 0 && i < SINKS; i++) {
        if (sinks[i].fd == 0) {
            sinks[i].fd = fd;
            watch(fd, CLIENTS + i);
            return;
        }
    }

    fail("accept");
}


static void
turn(mutt_usec_t wait)
{
    struct epoll_event events[64];
    int ms = wait < 1000 ? 0 : (int) (wait / 1000);
    int n = epoll_wait(epoll_fd, events, 64, ms > 100 ? 100 : ms);

    for (int i = 0; i < n; i++) {
        uint32_t id = events[i].data.u32;

        if (id < CLIENTS) {
            client_ready(&clients[id]);
        } else if (id < CLIENTS + SINKS) {
            sink_ready(&sinks[id - CLIENTS]);
        } else {
            take_sink();
        }
    }

    if (n == 0 && wait > 0 && ms == 0) {
        (void) usleep((useconds_t) wait);
    }
}


static int
by_size(const void *a, const void *b)
{
    double x = *(const double *) a;
    double y = *(const double *) b;

    return x < y ? -1 : x > y;
}


static double
share(double *values, size_t n, double part)
{
    qsort(values, n, sizeof(double), by_size);

    return n == 0 ? 0 : values[(size_t) (part * (double) (n - 1))];
}


int
main(int argc, char **argv)
{
    if (argc != 6) {
        fail("usage: latency NGINX_PORT KEY SINK_PORT RATE SECONDS");
    }

    double rate = strtod(argv[4], NULL);

    most = (size_t) (rate * strtod(argv[5], NULL));
    answered = calloc(most, sizeof(double));
    arrived = calloc(most, sizeof(double));

    if (answered == NULL || arrived == NULL) {
        fail("memory");
    }

    open_all(argv[1], argv[3]);

    mutt_usec_t began = mutt_time_mono() + 10000;
    size_t sent = 0;
    mutt_usec_t last = began;

    while (n_arrived < most && mutt_time_mono() < last + PATIENCE) {
        mutt_usec_t due = began + (mutt_usec_t) ((double) sent * 1e6 / rate);
        mutt_usec_t now = mutt_time_mono();

        if (sent < most && now >= due && post(argv[2], due)) {
            sent++;
            last = now;
        } else {
            turn(sent < most ? due - now : 1000);
        }
    }

    (void) printf(
        "%zu %zu %.2f %.2f %.2f %.2f %.2f %.2f\n", sent, n_arrived,
        share(answered, n_answered, 0.5), share(answered, n_answered, 0.99),
        share(arrived, n_arrived, 0.5), share(arrived, n_arrived, 0.99),
        share(arrived, n_arrived, 0.999), share(arrived, n_arrived, 1));

    return 0;
}
