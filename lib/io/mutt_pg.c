#include "mutt_pg.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "conf/mutt_conninfo.h"
#include "core/mutt_buf.h"
#include "core/mutt_failpoint.h"
#include "core/mutt_time.h"

#define CONNINFO_MAX 8192
#define BINARY_MAX 16

struct mutt_pg_s {
    const mutt_settings_t *settings;
    char application[64];
    PGconn *conn;
    mutt_usec_t deadline; /* of the statement under way */
    char sqlstate[6];
    bool constraint; /* the last error names one */
};

struct mutt_rows_s {
    PGresult *result;
};


mutt_pg_t *
mutt_pg_create(const mutt_settings_t *settings, const char *application)
{
    mutt_pg_t *pg = calloc(1, sizeof(mutt_pg_t));

    if (pg != NULL) {
        pg->settings = settings;
        (void) snprintf(pg->application, sizeof(pg->application), "%s",
                        application);
    }

    return pg;
}


void
mutt_pg_close(mutt_pg_t *pg)
{
    PQfinish(pg->conn);
    pg->conn = NULL;
}


void
mutt_pg_destroy(mutt_pg_t *pg)
{
    if (pg != NULL) {
        mutt_pg_close(pg);
        free(pg);
    }
}


bool
mutt_pg_connected(const mutt_pg_t *pg)
{
    return pg->conn != NULL && PQstatus(pg->conn) == CONNECTION_OK;
}


mutt_sql_class_t
mutt_pg_class(const mutt_pg_t *pg)
{
    if (pg->sqlstate[0] == '\0') {
        return MUTT_SQL_RECONNECT;
    }

    mutt_sql_class_t class = mutt_sql_classify(pg->sqlstate);

    /* a missing partition is a check that fails, but no constraint's */
    return class == MUTT_SQL_PARTITION && pg->constraint ? MUTT_SQL_UNKNOWN
                                                         : class;
}


const char *
mutt_pg_sqlstate(const mutt_pg_t *pg)
{
    return pg->sqlstate;
}


mutt_sql_class_t
mutt_sql_classify(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        mutt_sql_class_t class;
    } rows[] = {
        { "00", MUTT_SQL_OK },           { "40001", MUTT_SQL_RETRY },
        { "40P01", MUTT_SQL_RETRY },     { "55P03", MUTT_SQL_RETRY },
        { "57014", MUTT_SQL_RETRY },     { "08", MUTT_SQL_RECONNECT },
        { "57P0", MUTT_SQL_RECONNECT },  { "25006", MUTT_SQL_RECONNECT },
        { "53300", MUTT_SQL_RECONNECT }, { "53", MUTT_SQL_WAIT },
        { "42", MUTT_SQL_WAIT },         { "28", MUTT_SQL_WAIT },
        { "3D000", MUTT_SQL_WAIT },      { "58", MUTT_SQL_WAIT },
        { "23514", MUTT_SQL_PARTITION }, { "22", MUTT_SQL_ROW },
        { "23502", MUTT_SQL_ROW },       { "54", MUTT_SQL_ROW },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strncmp(sqlstate, rows[i].prefix, strlen(rows[i].prefix)) == 0) {
            return rows[i].class;
        }
    }

    return MUTT_SQL_UNKNOWN;
}


/* The first line of libpq's text, which ends in a line feed. */
static mutt_rc_t
pg_fail(const char *text, mutt_rc_t rc, mutt_err_t *err)
{
    return mutt_fail(
        err, rc, "postgresql: %.*s",
        (int) strcspn(text, "\n") > 200 ? 200 : (int) strcspn(text, "\n"),
        text);
}


static mutt_rc_t
wait_socket(PGconn *conn, bool write, mutt_usec_t deadline, mutt_err_t *err)
{
    for (;;) {
        struct pollfd p = { .fd = PQsocket(conn),
                            .events = write ? POLLOUT | POLLIN : POLLIN };
        mutt_usec_t left = deadline - mutt_time_mono();

        /* it may have come while something else was done */
        int n = poll(&p, 1, left <= 0 ? 0 : (int) (left / 1000) + 1);

        if (n > 0) {
            return MUTT_OK;
        }

        if (left <= 0) {
            return mutt_fail(err, MUTT_TIMEOUT,
                             "postgresql: no answer in time");
        }

        if (n < 0 && errno != EINTR) {
            return mutt_fail(err, MUTT_UNAVAIL, "postgresql: poll: %s",
                             strerror(errno));
        }
    }
}


static mutt_rc_t
finish_connect(PGconn *conn, mutt_usec_t deadline, mutt_err_t *err)
{
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;

    for (;;) {
        mutt_rc_t rc =
            wait_socket(conn, state == PGRES_POLLING_WRITING, deadline, err);

        if (rc != MUTT_OK) {
            return rc;
        }

        state = PQconnectPoll(conn);

        if (state == PGRES_POLLING_OK) {
            return MUTT_OK;
        }

        if (state == PGRES_POLLING_FAILED) {
            return pg_fail(PQerrorMessage(conn), MUTT_UNAVAIL, err);
        }
    }
}


static mutt_usec_t
deadline_of(const mutt_pg_t *pg)
{
    return mutt_time_mono() +
           mutt_set_int(pg->settings, MUTT_SET_DB_TIMEOUT_MS) * 1000;
}


static void
ignore_notice(void *arg, const PGresult *result)
{
    (void) arg;
    (void) result;
}


/* Whether what libpq says of an address may have a part of a secret in it. */
static bool
may_tell(const char *url)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    bool read = options != NULL;

    PQconninfoFree(options);

    return !read || mutt_conninfo_is_doubtful(url);
}


static mutt_rc_t
log_in(mutt_pg_t *pg, bool next, mutt_usec_t deadline, mutt_err_t *err)
{
    const mutt_settings_t *s = pg->settings;
    const char *url = mutt_set_text(s, MUTT_SET_DATABASE_URL);
    mutt_buf_t base;
    char timeout[128];

    mutt_buf_init(&base, CONNINFO_MAX);

    if (url[0] != '\0') {
        mutt_buf_add_str(&base, mutt_str(url));
    } else {
        mutt_conninfo_write(&base, s, next);
    }

    MUTT_BUF_LIT(&base, "\0");

    /* the server gives up a little after us at the latest, and keeps no
     * transaction for one that the network took away */
    (void) snprintf(timeout, sizeof(timeout),
                    "-c statement_timeout=%lld -c lock_timeout=2000"
                    " -c idle_in_transaction_session_timeout=60000",
                    (long long) mutt_set_int(s, MUTT_SET_DB_TIMEOUT_MS));

    bool tls = mutt_set_bool(s, MUTT_SET_DB_TLS_ENABLED);

    /* the address has the first role's name and password */
    bool instead = next && url[0] != '\0';
    const char *keywords[] = { "dbname",
                               "user",
                               "password",
                               "application_name",
                               "options",
                               "gssencmode",
                               "keepalives",
                               "tcp_user_timeout",
                               "target_session_attrs",
                               tls ? "sslmode" : NULL,
                               "sslrootcert",
                               NULL };
    const char *values[] = {
        base.data,
        instead ? mutt_set_text(s, MUTT_SET_DB_USER_NEXT) : NULL,
        instead ? mutt_set_text(s, MUTT_SET_DB_PASS_NEXT) : NULL,
        pg->application,
        timeout,
        "disable",
        "1",
        "5000",
        "read-write",
        "verify-full",
        mutt_set_text(s, MUTT_SET_DB_TLS_CA_CERT_PATH),
        NULL
    };

    mutt_pg_close(pg);
    pg->sqlstate[0] = '\0';

    if (mutt_buf_ok(&base)) {
        pg->conn = PQconnectStartParams(keywords, values, 1);
    }

    mutt_rc_t rc;

    if (pg->conn == NULL) {
        rc = mutt_fail(err, MUTT_NOMEM, "out of memory for a connection");
    } else if (PQstatus(pg->conn) == CONNECTION_BAD) {
        rc = pg_fail(PQerrorMessage(pg->conn), MUTT_UNAVAIL, err);
    } else {
        (void) PQsetNoticeReceiver(pg->conn, ignore_notice, NULL);
        rc = finish_connect(pg->conn, deadline, err);
    }

    if (rc == MUTT_OK && PQsetnonblocking(pg->conn, 1) != 0) {
        rc = pg_fail(PQerrorMessage(pg->conn), MUTT_UNAVAIL, err);
    }

    if (rc != MUTT_OK) {
        mutt_pg_close(pg);
    }

    if (rc != MUTT_OK && rc != MUTT_NOMEM && url[0] != '\0' && may_tell(url)) {
        rc = mutt_fail(err, rc,
                       "postgresql: not connected, and why may be a secret: "
                       "in a password of DATABASE_URL, @ is %%40, / is %%2F");
    }

    if (base.data != NULL) {
        explicit_bzero(base.data, base.len);
    }

    mutt_buf_done(&base);

    return rc;
}


mutt_rc_t
mutt_pg_connect(mutt_pg_t *pg, mutt_err_t *err)
{
    const char *next = mutt_set_text(pg->settings, MUTT_SET_DB_USER_NEXT);
    mutt_rc_t rc = MUTT_FAILPOINT("pg.connect", err);

    if (rc != MUTT_OK) {
        return rc;
    }

    mutt_usec_t deadline = deadline_of(pg);

    rc = log_in(pg, false, deadline, err);

    /* a server that does not answer has had the time for both */
    if (rc != MUTT_OK && next[0] != '\0' && mutt_time_mono() < deadline) {
        rc = log_in(pg, true, deadline, err);
    }

    return rc;
}


static mutt_rc_t
flush(mutt_pg_t *pg, mutt_usec_t deadline, mutt_err_t *err)
{
    for (;;) {
        int left = PQflush(pg->conn);

        if (left == 0) {
            return MUTT_OK;
        }

        if (left < 0 || PQconsumeInput(pg->conn) == 0) {
            return pg_fail(PQerrorMessage(pg->conn), MUTT_UNAVAIL, err);
        }

        mutt_rc_t rc = wait_socket(pg->conn, true, deadline, err);

        if (rc != MUTT_OK) {
            return rc;
        }
    }
}


/* The last result of a statement; *result is NULL on failure. */
static mutt_rc_t
await_result(mutt_pg_t *pg, mutt_usec_t deadline, PGresult **result,
             mutt_err_t *err)
{
    *result = NULL;

    for (;;) {
        while (PQisBusy(pg->conn)) {
            mutt_rc_t rc = wait_socket(pg->conn, false, deadline, err);

            if (rc == MUTT_OK && PQconsumeInput(pg->conn) == 0) {
                rc = pg_fail(PQerrorMessage(pg->conn), MUTT_UNAVAIL, err);
            }

            if (rc != MUTT_OK) {
                PQclear(*result);
                *result = NULL;
                return rc;
            }
        }

        PGresult *next = PQgetResult(pg->conn);

        if (next == NULL) {
            return MUTT_OK;
        }

        PQclear(*result);
        *result = next;
    }
}


static mutt_rc_t
judge(mutt_pg_t *pg, const PGresult *result, mutt_err_t *err)
{
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        return MUTT_OK;
    }

    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    (void) snprintf(pg->sqlstate, sizeof(pg->sqlstate), "%s",
                    state == NULL ? "" : state);
    pg->constraint =
        PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME) != NULL;

    switch (mutt_pg_class(pg)) {
    case MUTT_SQL_ROW:
    case MUTT_SQL_PARTITION:
        return mutt_fail(err, MUTT_INVALID, "postgresql %s: %.150s",
                         pg->sqlstate, text == NULL ? "" : text);

    case MUTT_SQL_RECONNECT:
        mutt_pg_close(pg);
        break;

    default:
        break;
    }

    return mutt_fail(err, MUTT_UNAVAIL, "postgresql %s: %.150s", pg->sqlstate,
                     text == NULL ? "connection lost" : text);
}


/* lengths and formats: NULL for text. */
static mutt_rc_t
send_params(mutt_pg_t *pg, const char *sql, size_t n_params,
            const char *const *params, const int *lengths, const int *formats,
            mutt_err_t *err)
{
    pg->deadline = deadline_of(pg);
    pg->sqlstate[0] = '\0';

    if (pg->conn == NULL) {
        return mutt_fail(err, MUTT_UNAVAIL, "postgresql: not connected");
    }

    mutt_rc_t rc = MUTT_FAILPOINT("pg.send", err);

    if (rc == MUTT_OK && PQsendQueryParams(pg->conn, sql, (int) n_params, NULL,
                                           params, lengths, formats, 0) != 1) {
        rc = pg_fail(PQerrorMessage(pg->conn), MUTT_UNAVAIL, err);
    }

    if (rc == MUTT_OK) {
        rc = flush(pg, pg->deadline, err);
    }

    if (rc == MUTT_OK) {
        rc = MUTT_FAILPOINT("pg.sent", err);
    }

    if (rc != MUTT_OK) {
        /* whether the statement was carried out is unknown */
        mutt_pg_close(pg);
    }

    return rc;
}


mutt_rc_t
mutt_pg_send(mutt_pg_t *pg, const char *sql, size_t n_params,
             const char *const *params, mutt_err_t *err)
{
    return send_params(pg, sql, n_params, params, NULL, NULL, err);
}


mutt_rc_t
mutt_pg_send_binary(mutt_pg_t *pg, const char *sql, size_t n_params,
                    const mutt_str_t *params, mutt_err_t *err)
{
    const char *data[BINARY_MAX];
    int lengths[BINARY_MAX];
    int formats[BINARY_MAX];

    if (n_params > BINARY_MAX) {
        return mutt_fail(err, MUTT_BUG, "postgresql: %zu parameters", n_params);
    }

    for (size_t i = 0; i < n_params; i++) {
        data[i] = params[i].data;
        lengths[i] = (int) params[i].len;
        formats[i] = 1;
    }

    return send_params(pg, sql, n_params, data, lengths, formats, err);
}


mutt_rc_t
mutt_pg_finish(mutt_pg_t *pg, mutt_rows_t **rows, mutt_err_t *err)
{
    PGresult *result = NULL;

    if (pg->conn == NULL) {
        return mutt_fail(err, MUTT_UNAVAIL, "postgresql: not connected");
    }

    mutt_rc_t rc = await_result(pg, pg->deadline, &result, err);

    if (rc == MUTT_OK) {
        rc = MUTT_FAILPOINT("pg.replied", err);
    }

    if (rc != MUTT_OK) {
        PQclear(result);
        /* whether the statement was carried out is unknown */
        mutt_pg_close(pg);
        return rc;
    }

    rc = judge(pg, result, err);

    mutt_rows_t *out = NULL;

    if (rc == MUTT_OK && rows != NULL) {
        out = malloc(sizeof(mutt_rows_t));

        if (out == NULL) {
            rc = mutt_fail(err, MUTT_NOMEM, "out of memory for rows");
        }
    }

    if (out == NULL) {
        PQclear(result);
        return rc;
    }

    out->result = result;
    *rows = out;

    return MUTT_OK;
}


mutt_rc_t
mutt_pg_exec(mutt_pg_t *pg, const char *sql, size_t n_params,
             const char *const *params, mutt_rows_t **rows, mutt_err_t *err)
{
    mutt_rc_t rc = mutt_pg_send(pg, sql, n_params, params, err);

    return rc == MUTT_OK ? mutt_pg_finish(pg, rows, err) : rc;
}


size_t
mutt_rows_count(const mutt_rows_t *rows)
{
    return (size_t) PQntuples(rows->result);
}


const char *
mutt_rows_get(const mutt_rows_t *rows, size_t row, size_t column)
{
    if (PQgetisnull(rows->result, (int) row, (int) column)) {
        return NULL;
    }

    return PQgetvalue(rows->result, (int) row, (int) column);
}


void
mutt_rows_free(mutt_rows_t *rows)
{
    if (rows != NULL) {
        PQclear(rows->result);
        free(rows);
    }
}
