/*
 * Audit rows, inserted a batch at a time: exactly one row per event id
 * however often a batch is repeated.
 */

#ifndef MUTT_AUDIT_H
#define MUTT_AUDIT_H

#include "core/mutt_time.h"
#include "core/mutt_uuid.h"
#include "mutt_pg.h"

typedef struct {
    mutt_uuid_t event_id;
    mutt_usec_t received_usec;
    mutt_usec_t event_usec;
    mutt_str_t hostname;
    int32_t rule_id; /* 0: none */
    const char *decision;
    bool forwarded;
    mutt_str_t raw;
    mutt_str_t correlation_id;
    char refused[6]; /* out: the SQLSTATE that refuses this row, or "" */
    bool doubtful;   /* out: it is none that tells whose fault it is */
} mutt_audit_row_t;

/*
 * Begins to insert n rows, at least one: PostgreSQL works while the caller
 * does something else, but for the connection, until mutt_audit_finish() of
 * the same rows.  again: some are likely there already, which costs less if it
 * is known.
 */
MUTT_CHECKED mutt_rc_t mutt_audit_send(mutt_pg_t *pg, mutt_audit_row_t *rows,
                                       size_t n, bool again, mutt_err_t *err);

/*
 * Ends it: rows that PostgreSQL refuses are left out and marked; a partition
 * that is missing is created.  MUTT_OK when every row is in or marked;
 * otherwise nothing is promised and the same rows may be sent again.
 */
MUTT_CHECKED mutt_rc_t mutt_audit_finish(mutt_pg_t *pg, mutt_audit_row_t *rows,
                                         size_t n, mutt_err_t *err);

/* Creates the partitions of this month and the next ones. */
MUTT_CHECKED mutt_rc_t mutt_audit_partitions(mutt_pg_t *pg, mutt_usec_t now,
                                             int months, mutt_err_t *err);

#endif
