/*
 * A PostgreSQL connection for the workers: libpq, non-blocking underneath,
 * every wait with a deadline (db_timeout_ms), parameters always out of band.
 * One thread at a time.  Only this file's .c knows libpq.
 */

#ifndef MUTT_PG_H
#define MUTT_PG_H

#include "conf/mutt_settings.h"
#include "core/mutt_error.h"
#include "core/mutt_str.h"

typedef struct mutt_pg_s mutt_pg_t;
typedef struct mutt_rows_s mutt_rows_t;

/* What to do about an SQLSTATE (GUARANTEES 2.1). */
typedef enum {
    MUTT_SQL_OK,
    MUTT_SQL_RETRY,     /* same connection: 40001 40P01 55P03 */
    MUTT_SQL_RECONNECT, /* 08xxx 57P0x 25006 53300, lost connection */
    MUTT_SQL_WAIT,      /* and alarm: 53xxx 42xxx 28xxx 3D000 58xxx */
    MUTT_SQL_PARTITION, /* 23514: no partition for a row */
    MUTT_SQL_ROW,       /* the data: 22xxx 23502 54000 54001 */
    MUTT_SQL_UNKNOWN
} mutt_sql_class_t;

mutt_pg_t *mutt_pg_create(const mutt_settings_t *settings,
                          const char *application);
void mutt_pg_destroy(mutt_pg_t *pg);

/* Connects with the current role, then the next one where it is refused. */
MUTT_CHECKED mutt_rc_t mutt_pg_connect(mutt_pg_t *pg, mutt_err_t *err);
bool mutt_pg_connected(const mutt_pg_t *pg);
void mutt_pg_close(mutt_pg_t *pg);

/*
 * Runs one statement with text parameters (NULL: SQL null).  On MUTT_OK
 * *rows is the caller's, to be freed by mutt_rows_free(); rows may be NULL.
 * Otherwise the outcome follows the class: RETRY, RECONNECT, WAIT and
 * UNKNOWN are MUTT_UNAVAIL or MUTT_TIMEOUT (the connection is closed where
 * that is needed), PARTITION and ROW are MUTT_INVALID.  mutt_pg_class() and
 * mutt_pg_sqlstate() tell more until the next call.
 */
MUTT_CHECKED mutt_rc_t mutt_pg_exec(mutt_pg_t *pg, const char *sql,
                                    size_t n_params, const char *const *params,
                                    mutt_rows_t **rows, mutt_err_t *err);

/*
 * The two halves of mutt_pg_exec(): between them the server works, and the
 * connection takes nothing else.  A statement that could not be sent has no
 * end to wait for.
 */
MUTT_CHECKED mutt_rc_t mutt_pg_send(mutt_pg_t *pg, const char *sql,
                                    size_t n_params, const char *const *params,
                                    mutt_err_t *err);

/* mutt_pg_send() with at most 16 parameters in the server's binary format. */
MUTT_CHECKED mutt_rc_t mutt_pg_send_binary(mutt_pg_t *pg, const char *sql,
                                           size_t n_params,
                                           const mutt_str_t *params,
                                           mutt_err_t *err);
MUTT_CHECKED mutt_rc_t mutt_pg_finish(mutt_pg_t *pg, mutt_rows_t **rows,
                                      mutt_err_t *err);

mutt_sql_class_t mutt_pg_class(const mutt_pg_t *pg);
const char *mutt_pg_sqlstate(const mutt_pg_t *pg);

/* The class of a five-character SQLSTATE; pure. */
mutt_sql_class_t mutt_sql_classify(const char *sqlstate);

size_t mutt_rows_count(const mutt_rows_t *rows);
/* A field's text, NULL for SQL null; lives as long as rows. */
const char *mutt_rows_get(const mutt_rows_t *rows, size_t row, size_t column);
void mutt_rows_free(mutt_rows_t *rows);

#endif
