/* UTF-8, as RFC 3629 has it: no overlong forms, no surrogates. */

#ifndef MUTT_UTF8_H
#define MUTT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mutt_str.h"

/*
 * The code point at p and how many of the n bytes it takes; 0 where the
 * bytes are not UTF-8.
 */
size_t mutt_utf8_decode(const char *p, size_t n, uint32_t *cp);

bool mutt_utf8_valid(mutt_str_t s);

/* s cut to at most max code points, never inside one. */
mutt_str_t mutt_utf8_head(mutt_str_t s, size_t max);

#endif
