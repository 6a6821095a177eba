/* Requests to a MUTT, with the key of the environment or of a file. */

#ifndef MUTT_CLI_CLIENT_H
#define MUTT_CLI_CLIENT_H

#include <jansson.h>

#include "core/mutt_buf.h"
#include "core/mutt_error.h"
#include "options.h"

/* Longest answer that is taken. */
#define CLIENT_MAX (256u << 20)

/* The address of the server without a slash at its end, NULL with err filled
 * where none is given or it is none; lives to the next call. */
const char *client_url(const options_t *options, mutt_err_t *err);

/*
 * The key: of --key-file, or of the variable, or of the file named by the
 * variable with _FILE, or the stack's.  MUTT_OK with NULL where there is none;
 * MUTT_CONFIG where a file can't be read.
 */
MUTT_CHECKED mutt_rc_t client_key(const options_t *options,
                                  const char *variable, const char **key,
                                  mutt_err_t *err);

/* One request. */
typedef struct {
    const char *address;
    const char *method;
    const char *key;      /* NULL: none */
    const char *variable; /* that the key is of; NULL: MUTT_API_KEY */
    const char *list;     /* the command that names what there is, or NULL */
    const char *type;     /* of the body; NULL: JSON */
    const char *encoding; /* of the body; NULL: none */
    const char *if_match; /* NULL: none */
    char *etag;           /* takes that of the answer; NULL: not wanted */
    mutt_str_t body;
    long timeout_ms; /* 0: as all */
} client_request_t;

/* Of an ETag, with its end. */
#define CLIENT_ETAG 64

/* MUTT_OK with the status and the body of any answer; MUTT_UNAVAIL when there
 * is none. */
MUTT_CHECKED mutt_rc_t client_fetch(const client_request_t *what, long *status,
                                    mutt_buf_t *answer, mutt_err_t *err);

/* MUTT_OK with the body of an answer that is a success; otherwise err says
 * what failed and what to do. */
MUTT_CHECKED mutt_rc_t client_answer(const client_request_t *what,
                                     mutt_buf_t *answer, mutt_err_t *err);

/*
 * Asks method and path, below /api/v2/.  body is JSON, empty for none.
 * MUTT_OK with the answer's body for 2xx; otherwise err tells what the API
 * says, or that nobody answers, never the key.
 */
MUTT_CHECKED mutt_rc_t client_call(const options_t *options, const char *method,
                                   const char *path, mutt_str_t body,
                                   mutt_buf_t *answer, mutt_err_t *err);

/* As client_call() with whatever else of a request: address and key are filled
 * in.  MUTT_STALE: If-Match is not what there is. */
MUTT_CHECKED mutt_rc_t client_ask(const options_t *options,
                                  client_request_t *what, const char *path,
                                  mutt_buf_t *answer, mutt_err_t *err);

/* As client_call(), from JSON to JSON; body NULL for none, not freed.  NULL
 * with err filled on failure. */
json_t *client_json(const options_t *options, const char *method,
                    const char *path, const json_t *body, mutt_err_t *err);

/* What an answer to a request that is no success says of itself, and what to
 * do about it; MUTT_UNAVAIL, but for 412 MUTT_STALE. */
mutt_rc_t client_refused(const client_request_t *what, long status,
                         mutt_str_t body, mutt_err_t *err);

#endif
