/*
 * Bytes with a length: not NUL-terminated, not owned.  printf them with
 * "%.*s" and MUTT_STR_ARG().
 */

#ifndef MUTT_STR_H
#define MUTT_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *data;
    size_t len;
} mutt_str_t;

#define MUTT_STR(literal) ((mutt_str_t) { (literal), sizeof(literal) - 1 })
#define MUTT_STR_ARG(s) (int) (s).len, (s).data

/* The bytes of a NUL-terminated string; NULL gives an empty string. */
static inline mutt_str_t
mutt_str(const char *s)
{
    return (mutt_str_t) { s == NULL ? "" : s, s == NULL ? 0 : strlen(s) };
}


static inline bool
mutt_str_eq(mutt_str_t a, mutt_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


/* Equal when ASCII letters of both are folded; no locale. */
bool mutt_str_eq_nocase(mutt_str_t a, mutt_str_t b);

/* The number that s spells in digits alone; 0 for anything else. */
int64_t mutt_str_count(mutt_str_t s);

/* s without leading and trailing ASCII white space. */
mutt_str_t mutt_str_trim(mutt_str_t s);

#endif
