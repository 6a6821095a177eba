/* Digests, through OpenSSL. */

#ifndef MUTT_HASH_H
#define MUTT_HASH_H

#include <stdbool.h>

#include "mutt_str.h"

#define MUTT_SHA256_LEN 32

/* False when OpenSSL fails. */
bool mutt_sha256(mutt_str_t data, unsigned char out[MUTT_SHA256_LEN]);

/* SHA-1 as 40 lower-case hex digits and a NUL: for names, not for trust. */
bool mutt_sha1_hex(mutt_str_t data, char out[41]);

/* Compares n bytes in a time that does not depend on them. */
bool mutt_equal_constant_time(const void *a, const void *b, size_t n);

#endif
