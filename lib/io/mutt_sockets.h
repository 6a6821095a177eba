/*
 * A set of sockets to poll(), which may change while those that are ready are
 * gone through.  One thread at a time.
 */

#ifndef MUTT_SOCKETS_H
#define MUTT_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct mutt_sockets_s mutt_sockets_t;

/* An empty set; NULL when out of memory. */
mutt_sockets_t *mutt_sockets_create(void);

/* Accepts NULL. */
void mutt_sockets_destroy(mutt_sockets_t *set);

/* Waits for these events (POLLIN, POLLOUT) of a socket from now on; 0: for
 * none.  False when out of memory. */
bool mutt_sockets_watch(mutt_sockets_t *set, int fd, short events);

/* Waits at most wait_ms until one is ready; false when none is. */
bool mutt_sockets_poll(mutt_sockets_t *set, int wait_ms);

/* The next that was ready and is still watched; false when there is none.  A
 * socket that was closed behind the set's back is watched no more. */
bool mutt_sockets_next(mutt_sockets_t *set, int *fd, short *events);

#endif
