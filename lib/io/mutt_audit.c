#include "mutt_audit.h"

#include <stdio.h>
#include <string.h>

#include "core/mutt_failpoint.h"
#include "domain/mutt_sql.h"
#include "mutt_pg_array.h"

#define COLUMNS 9
#define COLUMN_MAX (1u << 30)

/* one statement carries this much, or a single row, so that it stays well
 * within its time */
#define BYTES_MAX (8u << 20)

/* partitions that are created for one statement; for more it is halved */
#define PARTITIONS_MAX 12

#define UNIQUE_VIOLATION "23505"


/* A column of n rows each. */
static void
begin_columns(mutt_buf_t columns[COLUMNS], size_t n)
{
    static const mutt_pg_type_t types[COLUMNS] = {
        MUTT_PG_UUID, MUTT_PG_TIMESTAMPTZ, MUTT_PG_TIMESTAMPTZ,
        MUTT_PG_TEXT, MUTT_PG_INT4,        MUTT_PG_TEXT,
        MUTT_PG_BOOL, MUTT_PG_TEXT,        MUTT_PG_TEXT,
    };

    for (int c = 0; c < COLUMNS; c++) {
        mutt_buf_init(&columns[c], COLUMN_MAX);
        mutt_pg_array_begin(&columns[c], types[c], n);
    }
}


static void
add_row(mutt_buf_t columns[COLUMNS], const mutt_audit_row_t *row)
{
    mutt_pg_array_uuid(&columns[0], &row->event_id);
    mutt_pg_array_time(&columns[1], row->received_usec);
    mutt_pg_array_time(&columns[2], row->event_usec);
    mutt_pg_array_text(&columns[3], row->hostname);

    if (row->rule_id == 0) {
        mutt_pg_array_null(&columns[4]);
    } else {
        mutt_pg_array_int4(&columns[4], row->rule_id);
    }

    mutt_pg_array_text(&columns[5], mutt_str(row->decision));
    mutt_pg_array_bool(&columns[6], row->forwarded);
    mutt_pg_array_text(&columns[7], row->raw);
    mutt_pg_array_text(&columns[8], row->correlation_id);
}


/* Sends one statement for n rows. */
static mutt_rc_t
send_rows(mutt_pg_t *pg, mutt_sql_t statement, const mutt_audit_row_t *rows,
          size_t n, mutt_err_t *err)
{
    mutt_buf_t columns[COLUMNS];
    mutt_str_t params[COLUMNS];
    bool built = true;

    begin_columns(columns, n);

    for (size_t i = 0; i < n; i++) {
        add_row(columns, &rows[i]);
    }

    for (int c = 0; c < COLUMNS; c++) {
        built = built && mutt_buf_ok(&columns[c]);
        params[c] = mutt_buf_str(&columns[c]);
    }

    MUTT_PASS_SCOPE("audit");

    mutt_rc_t rc =
        built
            ? mutt_pg_send_binary(pg, mutt_sql[statement], COLUMNS, params, err)
            : mutt_fail(err, MUTT_NOMEM, "out of memory for audit rows");

    MUTT_PASS_SCOPE(NULL);

    for (int c = 0; c < COLUMNS; c++) {
        mutt_buf_done(&columns[c]);
    }

    return rc;
}


static mutt_rc_t
await_rows(mutt_pg_t *pg, mutt_err_t *err)
{
    MUTT_PASS_SCOPE("audit");

    mutt_rc_t rc = mutt_pg_finish(pg, NULL, err);

    MUTT_PASS_SCOPE(NULL);

    return rc;
}


/* Whatever of them is there already. */
static mutt_rc_t
insert(mutt_pg_t *pg, const mutt_audit_row_t *rows, size_t n, mutt_err_t *err)
{
    mutt_rc_t rc = send_rows(pg, MUTT_SQL_TEXT_AUDIT_AGAIN, rows, n, err);

    return rc == MUTT_OK ? await_rows(pg, err) : rc;
}


static mutt_rc_t
create_partition(mutt_pg_t *pg, mutt_usec_t at, mutt_err_t *err)
{
    char text[MUTT_TIME_LEN + 1];
    const char *params[] = { text };

    mutt_time_format(at, text);

    return mutt_pg_exec(pg, mutt_sql[MUTT_SQL_TEXT_PARTITION], 1, params, NULL,
                        err);
}


/* Creates the partition of every month that the rows fall into. */
static mutt_rc_t
create_partitions(mutt_pg_t *pg, const mutt_audit_row_t *rows, size_t n,
                  mutt_err_t *err)
{
    int seen[PARTITIONS_MAX];
    size_t n_seen = 0;

    for (size_t i = 0; i < n; i++) {
        int year;
        int month;
        int day;
        size_t k = 0;

        mutt_time_civil(rows[i].received_usec, &year, &month, &day);

        while (k < n_seen && seen[k] != year * 12 + month) {
            k++;
        }

        if (k < n_seen || n_seen == PARTITIONS_MAX) {
            continue;
        }

        seen[n_seen++] = year * 12 + month;

        mutt_rc_t rc = create_partition(pg, rows[i].received_usec, err);

        if (rc != MUTT_OK) {
            return rc;
        }
    }

    return MUTT_OK;
}


static mutt_rc_t insert_halving(mutt_pg_t *pg, mutt_audit_row_t *rows, size_t n,
                                mutt_err_t *err);


static mutt_rc_t
halve(mutt_pg_t *pg, mutt_audit_row_t *rows, size_t n, mutt_err_t *err)
{
    mutt_rc_t rc = insert_halving(pg, rows, n / 2, err);

    return rc == MUTT_OK ? insert_halving(pg, rows + n / 2, n - n / 2, err)
                         : rc;
}


/* Creates what is missing and tries again. */
static mutt_rc_t
insert_creating(mutt_pg_t *pg, mutt_audit_row_t *rows, size_t n,
                mutt_err_t *err)
{
    mutt_rc_t rc = create_partitions(pg, rows, n, err);

    if (rc == MUTT_OK) {
        rc = insert(pg, rows, n, err);
    }

    /* a batch of more months than are created at once */
    if (rc == MUTT_INVALID && n > 1) {
        return halve(pg, rows, n, err);
    }

    return rc == MUTT_INVALID && mutt_pg_class(pg) == MUTT_SQL_PARTITION
               ? mutt_fail(err, MUTT_UNAVAIL,
                           "postgresql: cannot create a partition")
               : rc;
}


/* Whether an insert says that some of its rows are there already. */
static bool
is_repeated(const mutt_pg_t *pg, mutt_rc_t rc)
{
    return rc == MUTT_UNAVAIL && mutt_pg_connected(pg) &&
           strcmp(mutt_pg_sqlstate(pg), UNIQUE_VIOLATION) == 0;
}


/*
 * What follows from the end of an insert of n rows: a batch with a bad row is
 * halved until the row stands alone.
 */
static mutt_rc_t
settle(mutt_pg_t *pg, mutt_audit_row_t *rows, size_t n, mutt_rc_t rc,
       mutt_err_t *err)
{
    if (is_repeated(pg, rc)) {
        rc = insert(pg, rows, n, err);
    }

    if (rc == MUTT_INVALID && mutt_pg_class(pg) == MUTT_SQL_PARTITION) {
        rc = insert_creating(pg, rows, n, err);
    }

    bool doubtful = rc == MUTT_UNAVAIL && mutt_pg_connected(pg) &&
                    mutt_pg_class(pg) == MUTT_SQL_UNKNOWN;

    if (rc != MUTT_INVALID && !doubtful) {
        return rc;
    }

    if (n > 1) {
        return halve(pg, rows, n, err);
    }

    (void) snprintf(rows->refused, sizeof(rows->refused), "%s",
                    mutt_pg_sqlstate(pg));
    rows->doubtful = doubtful;

    return MUTT_OK;
}


static mutt_rc_t
insert_halving(mutt_pg_t *pg, mutt_audit_row_t *rows, size_t n, mutt_err_t *err)
{
    return settle(pg, rows, n, insert(pg, rows, n, err), err);
}


/* How many of n rows the next statement takes. */
static size_t
fitting(const mutt_audit_row_t *rows, size_t n)
{
    size_t bytes = rows->raw.len;
    size_t k = 1;

    while (k < n && bytes + rows[k].raw.len <= BYTES_MAX) {
        bytes += rows[k++].raw.len;
    }

    return k;
}


mutt_rc_t
mutt_audit_send(mutt_pg_t *pg, mutt_audit_row_t *rows, size_t n, bool again,
                mutt_err_t *err)
{
    mutt_sql_t statement =
        again ? MUTT_SQL_TEXT_AUDIT_AGAIN : MUTT_SQL_TEXT_AUDIT;

    for (size_t i = 0; i < n; i++) {
        rows[i].refused[0] = '\0';
        rows[i].doubtful = false;
    }

    return send_rows(pg, statement, rows, fitting(rows, n), err);
}


mutt_rc_t
mutt_audit_finish(mutt_pg_t *pg, mutt_audit_row_t *rows, size_t n,
                  mutt_err_t *err)
{
    size_t done = fitting(rows, n);
    mutt_rc_t rc = settle(pg, rows, done, await_rows(pg, err), err);

    while (rc == MUTT_OK && done < n) {
        size_t k = fitting(rows + done, n - done);

        rc = insert_halving(pg, rows + done, k, err);
        done += k;
    }

    return rc;
}


mutt_rc_t
mutt_audit_partitions(mutt_pg_t *pg, mutt_usec_t now, int months,
                      mutt_err_t *err)
{
    int year;
    int month;
    int day;

    mutt_time_civil(now, &year, &month, &day);

    for (int i = 0; i <= months; i++) {
        mutt_rc_t rc =
            create_partition(pg, mutt_time_month(year, month + i), err);

        if (rc != MUTT_OK) {
            return rc;
        }
    }

    return MUTT_OK;
}
