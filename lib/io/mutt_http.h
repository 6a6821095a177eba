/*
 * Many HTTP requests at once over kept connections: libcurl's multi interface.
 * Only this file's .c knows libcurl.  Redirects are not followed, proxies of
 * the environment are not used, a response is read to at most 64 KiB and then
 * dropped, unless the caller takes it piece by piece, and every request has a
 * deadline.  One thread at a time.
 */

#ifndef MUTT_HTTP_H
#define MUTT_HTTP_H

#include <stdbool.h>

#include "core/mutt_error.h"
#include "core/mutt_str.h"
#include "domain/mutt_outcome.h"

/* A longer body is not read on. */
#define MUTT_HTTP_KEEP_MAX 65536

/* The longest value of an Authorization header, with its end. */
#define MUTT_HTTP_BEARER_MAX 8192

typedef struct mutt_http_s mutt_http_t;

/* Takes a piece of a response as it arrives; false ends the request. */
typedef bool (*mutt_http_take_t)(void *data, long status, mutt_str_t piece);

typedef struct {
    const char *url;
    bool get;         /* GET without a body, instead of POST */
    const char *ca;   /* file of CA certificates; "" for the system's */
    long timeout_ms;  /* from connect to last byte */
    long connections; /* kept at most */
    size_t keep;      /* bytes of a body that are kept; 0: 200 */
} mutt_http_options_t;

/* One request; text must live until it is done. */
typedef struct {
    const char *url; /* instead of the handle's; in all requests or in none */
    const char *method; /* instead of GET or POST; NULL: not */
    mutt_str_t body;
    const char *authorization;   /* value of the header, "" for none */
    const char *idempotency_key; /* "" for none */
    const char *traceparent;     /* "" for none */
    const char *api_key;         /* X-API-KEY; "" or NULL for none */
    const char *type;            /* of the body; NULL: application/json */
    const char *encoding;        /* of the body; NULL: none */
    const char *if_match;        /* "" or NULL for none */
    mutt_http_take_t take;       /* instead of keeping it; NULL: not */
    void *data;                  /* the caller's */
} mutt_http_request_t;

/* How a request ended; lives until the next call. */
typedef struct {
    void *data;
    mutt_send_t send;
    long status;
    mutt_str_t retry_after;
    mutt_str_t etag;
    mutt_str_t body;   /* as much as is kept */
    const char *error; /* what libcurl says of a failure, "" for none */
    double seconds;
} mutt_http_done_t;

/*
 * MUTT_CONFIG when a URL, the value of the setting name, is none of http or
 * https.
 */
MUTT_CHECKED mutt_rc_t mutt_http_check_url(const char *url, const char *name,
                                           mutt_err_t *err);

/* Writes what an Authorization header says for a key; "" for none. */
void mutt_http_bearer(char out[MUTT_HTTP_BEARER_MAX], const char *key);

/* A handle for one URL, which has been checked. */
MUTT_CHECKED mutt_rc_t mutt_http_create(const mutt_http_options_t *options,
                                        mutt_http_t **http, mutt_err_t *err);

/* Drops what is in flight.  Accepts NULL. */
void mutt_http_destroy(mutt_http_t *http);

MUTT_CHECKED mutt_rc_t mutt_http_send(mutt_http_t *http,
                                      const mutt_http_request_t *request,
                                      mutt_err_t *err);

/* Requests that are under way. */
size_t mutt_http_inflight(const mutt_http_t *http);

/* Lets requests go on for at most wait_ms, less when one is done. */
MUTT_CHECKED mutt_rc_t mutt_http_turn(mutt_http_t *http, int wait_ms,
                                      mutt_err_t *err);

/* As mutt_http_turn(), and less also when there is something to read from a
 * socket that is not libcurl's; -1: none. */
MUTT_CHECKED mutt_rc_t mutt_http_turn_beside(mutt_http_t *http, int wait_ms,
                                             int fd, mutt_err_t *err);

/* The next request that is done; false when there is none. */
bool mutt_http_next(mutt_http_t *http, mutt_http_done_t *done);

#endif
