/* UUIDs of RFC 9562. */

#ifndef MUTT_UUID_H
#define MUTT_UUID_H

#include <stdbool.h>

#include "mutt_str.h"
#include "mutt_time.h"

/* Length of the text form, without the NUL. */
#define MUTT_UUID_LEN 36

typedef struct {
    unsigned char bytes[16];
} mutt_uuid_t;

/* A version 7 UUID of the moment at; random is ten random bytes. */
mutt_uuid_t mutt_uuid_v7(mutt_usec_t at, const unsigned char random[10]);

/* Writes the lower-case text form and a NUL. */
void mutt_uuid_format(const mutt_uuid_t *id, char out[MUTT_UUID_LEN + 1]);

/* Reads 8-4-4-4-12 hex digits in any case; false when it is no UUID. */
bool mutt_uuid_parse(mutt_str_t text, mutt_uuid_t *id);

/*
 * n random bytes from the kernel's generator, served from a buffer of the
 * process so that an event costs no call of its own; safe after fork.  False
 * when the generator fails.  Not thread-safe.
 */
bool mutt_random(void *out, size_t n);

#endif
