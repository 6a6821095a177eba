/* Where PostgreSQL is, as libpq reads it, of the settings db_*. */

#ifndef MUTT_CONNINFO_H
#define MUTT_CONNINFO_H

#include <stdbool.h>

#include "core/mutt_buf.h"
#include "mutt_settings.h"

/*
 * Appends keywords and values of host, port, database, and the role with its
 * password: db_user's, or with next db_user_next's.  Holds a secret.
 */
void mutt_conninfo_write(mutt_buf_t *b, const mutt_settings_t *s, bool next);

/*
 * Whether an @ of a URL may belong to a password, which is not written as a
 * URL wants it then: what libpq takes for host or port, and names in its
 * errors, may be a part of the secret.
 */
bool mutt_conninfo_is_doubtful(const char *url);

#endif
