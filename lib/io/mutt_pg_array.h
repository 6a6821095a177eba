/*
 * One-dimensional arrays in PostgreSQL's binary format, as parameters of a
 * statement: no value is printed here and read again there, nor escaped.
 * Times are bound by the type alone, which is the server's to check.
 */

#ifndef MUTT_PG_ARRAY_H
#define MUTT_PG_ARRAY_H

#include "core/mutt_buf.h"
#include "core/mutt_time.h"
#include "core/mutt_uuid.h"

/* What the elements are; the numbers are PostgreSQL's own. */
typedef enum {
    MUTT_PG_BOOL = 16,
    MUTT_PG_INT4 = 23,
    MUTT_PG_TEXT = 25,
    MUTT_PG_TIMESTAMPTZ = 1184,
    MUTT_PG_UUID = 2950
} mutt_pg_type_t;

/* Begins an array of n elements, at least one, which have to follow. */
void mutt_pg_array_begin(mutt_buf_t *out, mutt_pg_type_t type, size_t n);

/* Each appends one element. */
void mutt_pg_array_null(mutt_buf_t *out);
void mutt_pg_array_bool(mutt_buf_t *out, bool value);
void mutt_pg_array_int4(mutt_buf_t *out, int32_t value);
void mutt_pg_array_text(mutt_buf_t *out, mutt_str_t value);
void mutt_pg_array_time(mutt_buf_t *out, mutt_usec_t value);
void mutt_pg_array_uuid(mutt_buf_t *out, const mutt_uuid_t *value);

#endif
