#include "mutt_pg_array.h"

#include <endian.h>

/* the start of 2000, which PostgreSQL counts from */
#define PG_EPOCH (946684800 * MUTT_USEC_SEC)


static void
add_word(mutt_buf_t *out, uint32_t word)
{
    word = htobe32(word);
    mutt_buf_add(out, &word, sizeof(word));
}


void
mutt_pg_array_begin(mutt_buf_t *out, mutt_pg_type_t type, size_t n)
{
    add_word(out, 1); /* dimension */
    add_word(out, 1); /* there may be nulls */
    add_word(out, type);
    add_word(out, (uint32_t) n);
    add_word(out, 1); /* the first index */
}


void
mutt_pg_array_null(mutt_buf_t *out)
{
    add_word(out, UINT32_MAX);
}


void
mutt_pg_array_bool(mutt_buf_t *out, bool value)
{
    unsigned char byte = value ? 1 : 0;

    add_word(out, sizeof(byte));
    mutt_buf_add(out, &byte, sizeof(byte));
}


void
mutt_pg_array_int4(mutt_buf_t *out, int32_t value)
{
    add_word(out, sizeof(value));
    add_word(out, (uint32_t) value);
}


void
mutt_pg_array_text(mutt_buf_t *out, mutt_str_t value)
{
    add_word(out, (uint32_t) value.len);
    mutt_buf_add_str(out, value);
}


void
mutt_pg_array_time(mutt_buf_t *out, mutt_usec_t value)
{
    uint64_t since = htobe64((uint64_t) (value - PG_EPOCH));

    add_word(out, sizeof(since));
    mutt_buf_add(out, &since, sizeof(since));
}


void
mutt_pg_array_uuid(mutt_buf_t *out, const mutt_uuid_t *value)
{
    add_word(out, sizeof(value->bytes));
    mutt_buf_add(out, value->bytes, sizeof(value->bytes));
}
