/*
 * A byte stream to a server: TCP, TLS or a unix socket, every wait with a
 * deadline.  One thread at a time.
 */

#ifndef MUTT_TRANSPORT_H
#define MUTT_TRANSPORT_H

#include <stdbool.h>

#include "core/mutt_error.h"
#include "core/mutt_str.h"
#include "core/mutt_time.h"

typedef struct mutt_transport_s mutt_transport_t;

typedef struct {
    const char *host; /* or NULL: path */
    int port;
    const char *path; /* of a unix socket */
    bool tls;         /* the certificate's name must be host */
    const char *ca;   /* file; "" for the system's */
} mutt_address_t;

/* Connects before deadline (monotonic); NULL with err filled otherwise. */
mutt_transport_t *mutt_transport_open(const mutt_address_t *address,
                                      mutt_usec_t deadline, mutt_err_t *err);

/* Accepts NULL. */
void mutt_transport_close(mutt_transport_t *transport);

int mutt_transport_fd(const mutt_transport_t *transport);

/* Sends all of data before deadline. */
MUTT_CHECKED mutt_rc_t mutt_transport_send(mutt_transport_t *transport,
                                           mutt_str_t data,
                                           mutt_usec_t deadline,
                                           mutt_err_t *err);

/* Receives at least one byte, at most size, into data before deadline. */
MUTT_CHECKED mutt_rc_t mutt_transport_receive(mutt_transport_t *transport,
                                              void *data, size_t size,
                                              size_t *received,
                                              mutt_usec_t deadline,
                                              mutt_err_t *err);

#endif
