/* Of a name's addresses the first that answers is taken, also when one before
 * it does not say that it will not. */

#include "unit.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/mutt_transport.h"

#define WAITING 64

static struct sockaddr_in addresses[2];
static struct addrinfo found[2];


/* In place of libc's: every name has those two. */
int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
            struct addrinfo **list)
{
    (void) name;
    (void) service;
    (void) hints;

    for (size_t i = 0; i < COUNT(found); i++) {
        found[i] = (struct addrinfo) {
            .ai_family = AF_INET,
            .ai_socktype = SOCK_STREAM,
            .ai_addrlen = sizeof(addresses[i]),
            .ai_addr = (struct sockaddr *) &addresses[i],
            .ai_next = i + 1 < COUNT(found) ? &found[i + 1] : NULL,
        };
    }

    *list = found;

    return 0;
}


void
freeaddrinfo(struct addrinfo *list)
{
    (void) list;
}


static int
listener(int backlog, struct sockaddr_in *address)
{
    socklen_t len = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    *address = (struct sockaddr_in) {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *) address, len), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) address, &len), 0);

    return fd;
}


/* Connects to it until one more gets no answer; how many that took. */
static size_t
fill(const struct sockaddr_in *address, int fds[WAITING])
{
    size_t n = 0;
    bool answered = true;

    while (answered && n < WAITING) {
        fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_true(fds[n] >= 0);
        (void) connect(fds[n], (const struct sockaddr *) address,
                       sizeof(*address));

        struct pollfd p = { .fd = fds[n++], .events = POLLOUT };

        answered = poll(&p, 1, 100) == 1;
    }

    assert_false(answered);

    return n;
}


static void
a_silent_address_does_not_take_all_the_time(void **state)
{
    mutt_address_t address = { .host = "two.example", .port = 1, .ca = "" };
    mutt_err_t err = { 0 };
    int fds[WAITING] = { 0 };
    int silent = listener(0, &addresses[0]);
    int good = listener(8, &addresses[1]);
    size_t n = fill(&addresses[0], fds);

    (void) state;

    mutt_transport_t *t = mutt_transport_open(
        &address, mutt_time_mono() + 2 * MUTT_USEC_SEC, &err);

    if (t == NULL) {
        fail_msg("%s", err.text);
        return;
    }

    struct sockaddr_in peer = { 0 };
    socklen_t len = sizeof(peer);

    assert_int_equal(
        getpeername(mutt_transport_fd(t), (struct sockaddr *) &peer, &len), 0);
    assert_int_equal(peer.sin_port, addresses[1].sin_port);
    mutt_transport_close(t);

    while (n > 0) {
        (void) close(fds[--n]);
    }

    (void) close(silent);
    (void) close(good);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_address_does_not_take_all_the_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
