/* One request to the management API, with the key of MUTT_API_KEY. */

#ifndef MUTT_CLI_CLIENT_H
#define MUTT_CLI_CLIENT_H

#include "core/mutt_buf.h"
#include "core/mutt_error.h"

/* Longest answer that is taken. */
#define CLIENT_MAX 65536

/*
 * Asks method and path, below /api/v2/, of url, or of MUTT_URL where that is
 * NULL; body is JSON, empty for none.  MUTT_OK with the answer's body for 2xx;
 * otherwise err tells what the API says, never the key.
 */
MUTT_CHECKED mutt_rc_t client_call(const char *url, const char *method,
                                   const char *path, mutt_str_t body,
                                   mutt_buf_t *answer, mutt_err_t *err);

#endif
