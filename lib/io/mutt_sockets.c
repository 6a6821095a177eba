#include "mutt_sockets.h"

#include <poll.h>
#include <stdlib.h>

#define GROWTH 64

struct mutt_sockets_s {
    struct pollfd *fds;
    size_t n;
    size_t room;
    size_t at;      /* those below may be ready and were not gone through */
    size_t *places; /* by socket: its place in fds and 1; 0: not there */
    size_t n_places;
};


mutt_sockets_t *
mutt_sockets_create(void)
{
    return calloc(1, sizeof(mutt_sockets_t));
}


void
mutt_sockets_destroy(mutt_sockets_t *set)
{
    if (set != NULL) {
        free(set->fds);
        free(set->places);
        free(set);
    }
}


static bool
make_place(mutt_sockets_t *set, size_t fd)
{
    size_t n = fd + GROWTH;

    if (fd < set->n_places) {
        return true;
    }

    size_t *places = realloc(set->places, n * sizeof(*places));

    if (places == NULL) {
        return false;
    }

    for (size_t i = set->n_places; i < n; i++) {
        places[i] = 0;
    }

    set->places = places;
    set->n_places = n;

    return true;
}


static bool
add(mutt_sockets_t *set, int fd, short events)
{
    if (!make_place(set, (size_t) fd)) {
        return false;
    }

    if (set->n == set->room) {
        size_t room = set->room + GROWTH;
        struct pollfd *fds = realloc(set->fds, room * sizeof(*fds));

        if (fds == NULL) {
            return false;
        }

        set->fds = fds;
        set->room = room;
    }

    set->fds[set->n++] = (struct pollfd) { .fd = fd, .events = events };
    set->places[fd] = set->n;

    return true;
}


/* The last takes its place: it is not ready, or was gone through already. */
static void
drop(mutt_sockets_t *set, size_t i)
{
    set->places[set->fds[i].fd] = 0;

    if (i != --set->n) {
        set->fds[i] = set->fds[set->n];
        set->places[set->fds[i].fd] = i + 1;
    }
}


bool
mutt_sockets_watch(mutt_sockets_t *set, int fd, short events)
{
    size_t place = (size_t) fd < set->n_places ? set->places[fd] : 0;

    if (place == 0) {
        return events == 0 || add(set, fd, events);
    }

    if (events == 0) {
        drop(set, place - 1);
    } else {
        set->fds[place - 1].events = events;
    }

    return true;
}


bool
mutt_sockets_poll(mutt_sockets_t *set, int wait_ms)
{
    bool ready = poll(set->fds, set->n, wait_ms) > 0;

    set->at = ready ? set->n : 0;

    return ready;
}


bool
mutt_sockets_next(mutt_sockets_t *set, int *fd, short *events)
{
    while (set->at > 0) {
        size_t i = --set->at;

        if (i >= set->n || set->fds[i].revents == 0) {
            continue;
        }

        *fd = set->fds[i].fd;
        *events = set->fds[i].revents;
        set->fds[i].revents = 0;

        if ((*events & POLLNVAL) != 0) {
            drop(set, i);
        }

        return true;
    }

    return false;
}
