/* Sockets that are waited for: what is ready is gone through once, whatever is
 * watched or left meanwhile. */

#include "unit.h"

#include <poll.h>
#include <unistd.h>

#include "io/mutt_sockets.h"

#define N 100

static int pipes[N][2];


static mutt_sockets_t *
watch_all(void)
{
    mutt_sockets_t *set = mutt_sockets_create();

    assert_non_null(set);

    for (size_t i = 0; i < N; i++) {
        assert_int_equal(pipe(pipes[i]), 0);
        assert_true(mutt_sockets_watch(set, pipes[i][0], POLLIN));
    }

    return set;
}


static void
close_all(mutt_sockets_t *set)
{
    mutt_sockets_destroy(set);

    for (size_t i = 0; i < N; i++) {
        (void) close(pipes[i][0]);
        (void) close(pipes[i][1]);
    }
}


static void
ring(size_t i)
{
    assert_int_equal(write(pipes[i][1], "x", 1), 1);
}


/* Which pipe a socket reads from. */
static size_t
pipe_of(int fd)
{
    size_t i = 0;

    while (i < N && pipes[i][0] != fd) {
        i++;
    }

    return i;
}


static void
only_what_is_ready_comes(void **state)
{
    mutt_sockets_t *set = watch_all();
    int fd;
    short events;

    (void) state;
    assert_false(mutt_sockets_poll(set, 0));
    assert_false(mutt_sockets_next(set, &fd, &events));

    ring(7);
    assert_true(mutt_sockets_poll(set, 0));
    assert_true(mutt_sockets_next(set, &fd, &events));
    assert_int_equal(pipe_of(fd), 7);
    assert_int_equal(events, POLLIN);
    assert_false(mutt_sockets_next(set, &fd, &events));
    close_all(set);
}


static void
each_comes_once_while_it_leaves(void **state)
{
    mutt_sockets_t *set = watch_all();
    int seen[N] = { 0 };
    size_t n = 0;
    int fd;
    short events;

    (void) state;

    for (size_t i = 0; i < N; i++) {
        ring(i);
    }

    assert_true(mutt_sockets_poll(set, 0));

    while (mutt_sockets_next(set, &fd, &events)) {
        size_t i = pipe_of(fd);

        assert_in_range(i, 0, N - 1);
        assert_int_equal(seen[i]++, 0);
        assert_true(mutt_sockets_watch(set, fd, 0));
        n++;
    }

    assert_int_equal(n, N);
    assert_false(mutt_sockets_poll(set, 0));
    close_all(set);
}


static void
one_that_another_takes_away_does_not_come(void **state)
{
    mutt_sockets_t *set = watch_all();
    bool gone[N] = { false };
    int fd;
    short events;

    (void) state;

    for (size_t i = 0; i < N; i++) {
        ring(i);
    }

    assert_true(mutt_sockets_poll(set, 0));

    /* each takes its neighbour along */
    while (mutt_sockets_next(set, &fd, &events)) {
        size_t i = pipe_of(fd);

        assert_false(gone[i]);
        gone[i ^ 1] = true;
        assert_true(mutt_sockets_watch(set, pipes[i ^ 1][0], 0));
    }

    for (size_t i = 0; i < N; i += 2) {
        assert_true(gone[i] != gone[i + 1]);
    }

    close_all(set);
}


static void
one_that_comes_meanwhile_waits_for_the_next_poll(void **state)
{
    mutt_sockets_t *set = watch_all();
    int fd;
    short events;

    (void) state;
    assert_true(mutt_sockets_watch(set, pipes[3][0], 0));
    ring(3);
    ring(90);
    assert_true(mutt_sockets_poll(set, 0));
    assert_true(mutt_sockets_next(set, &fd, &events));
    assert_int_equal(pipe_of(fd), 90);
    assert_true(mutt_sockets_watch(set, fd, 0));
    assert_true(mutt_sockets_watch(set, pipes[3][0], POLLIN));
    assert_false(mutt_sockets_next(set, &fd, &events));

    assert_true(mutt_sockets_poll(set, 0));
    assert_true(mutt_sockets_next(set, &fd, &events));
    assert_int_equal(pipe_of(fd), 3);
    close_all(set);
}


static void
a_closed_one_is_told_of_once(void **state)
{
    mutt_sockets_t *set = watch_all();
    int fd;
    short events;

    (void) state;
    assert_int_equal(close(pipes[5][0]), 0);
    assert_true(mutt_sockets_poll(set, 0));
    assert_true(mutt_sockets_next(set, &fd, &events));
    assert_int_equal(fd, pipes[5][0]);
    assert_true((events & POLLNVAL) != 0);
    assert_false(mutt_sockets_poll(set, 0));
    close_all(set);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_ready_comes),
        cmocka_unit_test(each_comes_once_while_it_leaves),
        cmocka_unit_test(one_that_another_takes_away_does_not_come),
        cmocka_unit_test(one_that_comes_meanwhile_waits_for_the_next_poll),
        cmocka_unit_test(a_closed_one_is_told_of_once),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
