#include "mutt_transport.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

struct mutt_transport_s {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
};


static mutt_rc_t
wait_for(int fd, short events, mutt_usec_t deadline, mutt_err_t *err)
{
    for (;;) {
        mutt_usec_t left = deadline - mutt_time_mono();
        struct pollfd p = { .fd = fd, .events = events };

        if (left <= 0) {
            return mutt_fail(err, MUTT_TIMEOUT, "no answer in time");
        }

        int n = poll(&p, 1, (int) ((left + 999) / 1000));

        if (n > 0) {
            return MUTT_OK;
        }

        if (n < 0 && errno != EINTR) {
            return mutt_fail(err, MUTT_UNAVAIL, "poll: %s", strerror(errno));
        }
    }
}


static int
socket_for(int family)
{
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}


/* Connects a socket of ours; closes it on failure. */
static mutt_rc_t
connect_socket(int fd, const struct sockaddr *sa, socklen_t len,
               mutt_usec_t deadline, mutt_err_t *err)
{
    int error = 0;
    socklen_t size = sizeof(error);

    if (fd < 0) {
        return mutt_fail(err, MUTT_UNAVAIL, "socket: %s", strerror(errno));
    }

    if (connect(fd, sa, len) != 0) {
        error = errno;
    }

    if (error == EINPROGRESS || error == EAGAIN) {
        mutt_rc_t rc = wait_for(fd, POLLOUT, deadline, err);

        if (rc != MUTT_OK) {
            (void) close(fd);
            return rc;
        }

        (void) getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }

    if (error != 0) {
        (void) close(fd);
        return mutt_fail(err, MUTT_UNAVAIL, "connect: %s", strerror(error));
    }

    return MUTT_OK;
}


static mutt_rc_t
connect_unix(const char *path, mutt_usec_t deadline, int *fd, mutt_err_t *err)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(sa.sun_path)) {
        return mutt_fail(err, MUTT_CONFIG, "socket path is too long");
    }

    memcpy(sa.sun_path, path, strlen(path) + 1);
    *fd = socket_for(AF_UNIX);

    return connect_socket(*fd, (struct sockaddr *) &sa, sizeof(sa), deadline,
                          err);
}


/* An address has its share of the time that is left: one that is silent must
 * not keep the others from being tried. */
static mutt_usec_t
share_of(const struct addrinfo *a, mutt_usec_t deadline)
{
    mutt_usec_t now = mutt_time_mono();
    int n = 0;

    for (; a != NULL; a = a->ai_next) {
        n++;
    }

    return now + (deadline - now) / n;
}


static mutt_rc_t
connect_tcp(const char *host, int port, mutt_usec_t deadline, int *fd,
            mutt_err_t *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *list;
    char service[16];

    (void) snprintf(service, sizeof(service), "%d", port);

    int error = getaddrinfo(host, service, &hints, &list);

    if (error != 0) {
        return mutt_fail(err, MUTT_UNAVAIL, "%s: %s", host,
                         gai_strerror(error));
    }

    mutt_rc_t rc = mutt_fail(err, MUTT_UNAVAIL, "%s: no address", host);

    for (struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        *fd = socket_for(a->ai_family);
        rc = connect_socket(*fd, a->ai_addr, a->ai_addrlen,
                            share_of(a, deadline), err);

        if (rc == MUTT_OK) {
            int on = 1;

            (void) setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
            (void) setsockopt(*fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
            break;
        }
    }

    freeaddrinfo(list);

    return rc;
}


/* What to wait for before an OpenSSL call is repeated; 0: it failed. */
static short
tls_events(SSL *ssl, int rc)
{
    switch (SSL_get_error(ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return POLLIN;
    case SSL_ERROR_WANT_WRITE:
        return POLLOUT;
    default:
        return 0;
    }
}


static mutt_rc_t
tls_fail(const char *what, mutt_err_t *err)
{
    unsigned long code = ERR_get_error();
    const char *reason = ERR_reason_error_string(code);

    ERR_clear_error();

    return mutt_fail(err, MUTT_UNAVAIL, "tls %s: %s", what,
                     reason == NULL ? "connection closed" : reason);
}


static mutt_rc_t
start_tls(mutt_transport_t *t, const mutt_address_t *address,
          mutt_usec_t deadline, mutt_err_t *err)
{
    t->ctx = SSL_CTX_new(TLS_client_method());

    if (t->ctx == NULL ||
        SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) != 1) {
        return tls_fail("setup", err);
    }

    int loaded = address->ca[0] == '\0'
                     ? SSL_CTX_set_default_verify_paths(t->ctx)
                     : SSL_CTX_load_verify_file(t->ctx, address->ca);

    if (loaded != 1) {
        return tls_fail("CA file", err);
    }

    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
    t->ssl = SSL_new(t->ctx);

    if (t->ssl == NULL || SSL_set1_host(t->ssl, address->host) != 1 ||
        SSL_set_tlsext_host_name(t->ssl, address->host) != 1 ||
        SSL_set_fd(t->ssl, t->fd) != 1) {
        return tls_fail("setup", err);
    }

    for (;;) {
        int n = SSL_connect(t->ssl);

        if (n == 1) {
            return MUTT_OK;
        }

        short events = tls_events(t->ssl, n);

        if (events == 0) {
            return tls_fail("handshake", err);
        }

        mutt_rc_t rc = wait_for(t->fd, events, deadline, err);

        if (rc != MUTT_OK) {
            return rc;
        }
    }
}


mutt_transport_t *
mutt_transport_open(const mutt_address_t *address, mutt_usec_t deadline,
                    mutt_err_t *err)
{
    mutt_transport_t *t = calloc(1, sizeof(mutt_transport_t));

    if (t == NULL) {
        (void) mutt_fail(err, MUTT_NOMEM, "out of memory for a connection");
        return NULL;
    }

    mutt_rc_t rc =
        address->host == NULL
            ? connect_unix(address->path, deadline, &t->fd, err)
            : connect_tcp(address->host, address->port, deadline, &t->fd, err);

    if (rc != MUTT_OK) {
        free(t);
        return NULL;
    }

    if (address->tls && start_tls(t, address, deadline, err) != MUTT_OK) {
        mutt_transport_close(t);
        return NULL;
    }

    return t;
}


void
mutt_transport_close(mutt_transport_t *transport)
{
    if (transport == NULL) {
        return;
    }

    SSL_free(transport->ssl);
    SSL_CTX_free(transport->ctx);
    (void) close(transport->fd);
    free(transport);
}


int
mutt_transport_fd(const mutt_transport_t *transport)
{
    return transport->fd;
}


/* Bytes sent, 0 for "wait for *events", -1 for failed. */
static ssize_t
send_some(mutt_transport_t *t, mutt_str_t data, short *events)
{
    *events = POLLOUT;

    if (t->ssl != NULL) {
        int len = data.len > 1 << 20 ? 1 << 20 : (int) data.len;
        int n = SSL_write(t->ssl, data.data, len);

        if (n > 0) {
            return n;
        }

        *events = tls_events(t->ssl, n);

        return *events == 0 ? -1 : 0;
    }

    ssize_t n = send(t->fd, data.data, data.len, MSG_NOSIGNAL);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }

    return n;
}


mutt_rc_t
mutt_transport_send(mutt_transport_t *transport, mutt_str_t data,
                    mutt_usec_t deadline, mutt_err_t *err)
{
    while (data.len > 0) {
        short events;
        ssize_t n = send_some(transport, data, &events);

        if (n < 0) {
            return mutt_fail(err, MUTT_UNAVAIL, "send: %s", strerror(errno));
        }

        if (n == 0) {
            mutt_rc_t rc = wait_for(transport->fd, events, deadline, err);

            if (rc != MUTT_OK) {
                return rc;
            }
        }

        data.data += n;
        data.len -= (size_t) n;
    }

    return MUTT_OK;
}


/* Bytes received, 0 for closed, -1 for "wait for *events", -2 for failed. */
static ssize_t
receive_some(mutt_transport_t *t, void *data, size_t size, short *events)
{
    *events = POLLIN;

    if (t->ssl != NULL) {
        int n = SSL_read(t->ssl, data, size > 1 << 20 ? 1 << 20 : (int) size);

        if (n > 0) {
            return n;
        }

        *events = tls_events(t->ssl, n);

        return *events == 0 ? 0 : -1;
    }

    ssize_t n = recv(t->fd, data, size, 0);

    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? -1 : -2;
    }

    return n;
}


mutt_rc_t
mutt_transport_receive(mutt_transport_t *transport, void *data, size_t size,
                       size_t *received, mutt_usec_t deadline, mutt_err_t *err)
{
    for (;;) {
        short events;
        ssize_t n = receive_some(transport, data, size, &events);

        if (n > 0) {
            *received = (size_t) n;
            return MUTT_OK;
        }

        if (n == 0) {
            return mutt_fail(err, MUTT_UNAVAIL, "connection closed");
        }

        if (n == -2) {
            return mutt_fail(err, MUTT_UNAVAIL, "receive: %s", strerror(errno));
        }

        mutt_rc_t rc = wait_for(transport->fd, events, deadline, err);

        if (rc != MUTT_OK) {
            return rc;
        }
    }
}
