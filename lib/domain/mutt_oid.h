/* Object identifiers as dotted numbers. */

#ifndef MUTT_OID_H
#define MUTT_OID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mutt_str.h"

#define MUTT_OID_ARCS 128

typedef struct {
    uint32_t arcs[MUTT_OID_ARCS];
    size_t n;
} mutt_oid_t;

/*
 * Reads dotted numbers; a leading dot is ignored, and so is a trailing ".*"
 * where pattern is true.  False when text is no OID, an arc passes 2^32 - 1
 * or there are more than MUTT_OID_ARCS arcs.
 */
bool mutt_oid_parse(mutt_str_t text, bool pattern, mutt_oid_t *oid);

/* text as mutt_oid_parse() reads it: without leading dot and ".*". */
mutt_str_t mutt_oid_strip(mutt_str_t text, bool pattern);

#endif
