/*
 * A blocking Redis connection for the workers: our transport (TCP, TLS or
 * unix socket, every wait with a deadline) under hiredis' formatter and
 * reader.  One thread at a time.  Only this file's .c knows hiredis.
 */

#ifndef MUTT_REDIS_H
#define MUTT_REDIS_H

#include "conf/mutt_settings.h"
#include "core/mutt_error.h"
#include "core/mutt_str.h"
#include "domain/mutt_scripts.h"

typedef struct mutt_redis_s mutt_redis_t;

typedef enum {
    MUTT_REPLY_NIL,
    MUTT_REPLY_INT,
    MUTT_REPLY_STRING, /* also status replies */
    MUTT_REPLY_ERROR,
    MUTT_REPLY_ARRAY
} mutt_reply_type_t;

typedef struct mutt_reply_s {
    mutt_reply_type_t type;
    long long integer;
    mutt_str_t str; /* NUL-terminated; STRING and ERROR */
    size_t n;
    struct mutt_reply_s **items;
} mutt_reply_t;

/* A closed handle from REDIS_* settings; name is for CLIENT SETNAME.  NULL
 * when out of memory. */
mutt_redis_t *mutt_redis_create(const mutt_settings_t *settings,
                                const char *name);
void mutt_redis_destroy(mutt_redis_t *redis);

/* Connects, authenticates (CURRENT, then NEXT), selects the database. */
MUTT_CHECKED mutt_rc_t mutt_redis_connect(mutt_redis_t *redis, mutt_err_t *err);
bool mutt_redis_connected(const mutt_redis_t *redis);
void mutt_redis_close(mutt_redis_t *redis);

/* The socket, for poll(); -1 when closed. */
int mutt_redis_fd(const mutt_redis_t *redis);

/*
 * Sends one command and waits for its reply at most redis_timeout_ms plus
 * extra_ms (for blocking commands), and a microsecond for each byte that is
 * sent or arrives.  After a timeout calls get up to eight times as long, until
 * all is well again for a while: a huge item must not be given up each time.
 * The reply lives until the next call.
 * MUTT_UNAVAIL or MUTT_TIMEOUT close the connection: whether the command
 * was carried out is then unknown.  An error reply is MUTT_OK with
 * MUTT_REPLY_ERROR, except that READONLY, LOADING, MASTERDOWN and NOAUTH
 * close the connection too.
 */
MUTT_CHECKED mutt_rc_t mutt_redis_call(mutt_redis_t *redis, size_t argc,
                                       const mutt_str_t *argv,
                                       unsigned extra_ms,
                                       const mutt_reply_t **reply,
                                       mutt_err_t *err);


/*
 * The next message of a subscribed connection, of which poll() says that
 * something has arrived.  Otherwise as mutt_redis_call().
 */
MUTT_CHECKED mutt_rc_t mutt_redis_receive(mutt_redis_t *redis,
                                          const mutt_reply_t **reply,
                                          mutt_err_t *err);

/* Whether a further message has been received already; poll() won't say. */
bool mutt_redis_pending(const mutt_redis_t *redis);

/*
 * Runs a script by SHA, loading it on NOSCRIPT; args as the script's head
 * says.  An error reply becomes an outcome: OOM MUTT_FULL, BUSY MUTT_UNAVAIL,
 * any other MUTT_BUG with Redis' text.
 */
MUTT_CHECKED mutt_rc_t mutt_redis_script(mutt_redis_t *redis,
                                         mutt_script_t script, size_t n_keys,
                                         const mutt_str_t *keys, size_t n_args,
                                         const mutt_str_t *args,
                                         const mutt_reply_t **reply,
                                         mutt_err_t *err);

/* Calls of scripts that may be under way. */
#define MUTT_REDIS_BEGUN 2

/*
 * Sends a script's call and does not wait for its reply, which
 * mutt_redis_script_end() takes, one for each call, in their order.  Any other
 * call before that closes the connection: MUTT_UNAVAIL.
 */
MUTT_CHECKED mutt_rc_t
mutt_redis_script_begin(mutt_redis_t *redis, mutt_script_t script,
                        size_t n_keys, const mutt_str_t *keys, size_t n_args,
                        const mutt_str_t *args, mutt_err_t *err);

/* Whether taking the reply needs no waiting: it arrives, or is too late. */
bool mutt_redis_script_ready(const mutt_redis_t *redis);

/*
 * As mutt_redis_script(), of the call that began first.  MUTT_AGAIN: Redis had
 * forgotten the script and has done nothing; to be begun anew.
 */
MUTT_CHECKED mutt_rc_t mutt_redis_script_end(mutt_redis_t *redis,
                                             const mutt_reply_t **reply,
                                             mutt_err_t *err);

#endif
