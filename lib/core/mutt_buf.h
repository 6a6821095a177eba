/*
 * A growing byte buffer with a maximum.  Appends never fail one by one: a
 * buffer that hits its maximum or runs out of memory remembers it, later
 * appends do nothing, and mutt_buf_ok() is asked once at the end.
 */

#ifndef MUTT_BUF_H
#define MUTT_BUF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "mutt_error.h"
#include "mutt_str.h"

typedef struct {
    char *data;
    size_t len;
    size_t size;
    size_t max;
    bool failed;
} mutt_buf_t;

/* An empty buffer that holds at most max bytes; allocates nothing yet. */
void mutt_buf_init(mutt_buf_t *b, size_t max);

/* Frees the memory; the buffer may be initialised again. */
void mutt_buf_done(mutt_buf_t *b);

/* Empties the buffer, forgets a failure, keeps the memory. */
void mutt_buf_reset(mutt_buf_t *b);

static inline bool
mutt_buf_ok(const mutt_buf_t *b)
{
    return !b->failed;
}


static inline mutt_str_t
mutt_buf_str(const mutt_buf_t *b)
{
    return (mutt_str_t) { b->data == NULL ? "" : b->data, b->len };
}


/*
 * Makes room for n more bytes and returns where they go, or NULL once the
 * buffer has failed.  The caller adds what it wrote to b->len.
 */
char *mutt_buf_reserve(mutt_buf_t *b, size_t n);

/* mutt_buf_add() where there is no room yet. */
void mutt_buf_add_more(mutt_buf_t *b, const void *data, size_t n);

static inline void
mutt_buf_add(mutt_buf_t *b, const void *data, size_t n)
{
    if (n < b->size - b->len && !b->failed) {
        memcpy(b->data + b->len, data, n);
        b->len += n;
        return;
    }

    mutt_buf_add_more(b, data, n);
}


static inline void
mutt_buf_add_str(mutt_buf_t *b, mutt_str_t s)
{
    mutt_buf_add(b, s.data, s.len);
}


/* Appends a string literal. */
#define MUTT_BUF_LIT(b, literal)                                               \
    mutt_buf_add((b), (literal), sizeof(literal) - 1)

void mutt_buf_add_int(mutt_buf_t *b, int64_t n);

/* Appends formatted text of at most 1,024 bytes; longer fails the buffer. */
void mutt_buf_addf(mutt_buf_t *b, const char *fmt, ...) MUTT_PRINTF(2, 3);

/*
 * Appends s as a JSON string with its quotes (RFC 8259 section 7).  Control
 * characters, DEL, U+2028 and U+2029 are escaped, so that one record stays
 * one line; bytes that are not UTF-8 become U+FFFD.
 */
void mutt_buf_add_json(mutt_buf_t *b, mutt_str_t s);

/* As mutt_buf_add_json(), without the quotes: a part of a string. */
void mutt_buf_add_json_part(mutt_buf_t *b, mutt_str_t s);

#endif
