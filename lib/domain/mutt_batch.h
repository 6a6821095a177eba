/*
 * What kind of body this is, and where its events begin and end (CONTRACT
 * section 2).  Works on structure only (quotes, escapes, brackets, lines);
 * each slice is then judged by mutt_event_admit().  Linear in the body.
 */

#ifndef MUTT_BATCH_H
#define MUTT_BATCH_H

#include <stdbool.h>

#include "core/mutt_str.h"

typedef enum {
    MUTT_BODY_SINGLE, /* one value, whatever it is */
    MUTT_BODY_ARRAY,
    MUTT_BODY_LINES, /* NDJSON, or concatenated objects */
    MUTT_BODY_EMPTY  /* nothing but white space */
} mutt_body_kind_t;

/* A walk over a body. */
typedef struct {
    mutt_str_t body;
    size_t pos;
    mutt_body_kind_t kind;
    bool by_line; /* a value never spans a line */
    bool broken;  /* an array's own syntax is wrong, at pos */
    bool begun;   /* a member of the array was asked for */
    size_t line;  /* the end of a line, of the one at pos when past it */
} mutt_batch_t;

/*
 * Recognises body and begins a walk; ndjson says that the Content-Type
 * declared lines.  A first object with anything but another object behind it
 * is a single, which will then be found invalid.
 */
mutt_body_kind_t mutt_batch_begin(mutt_batch_t *batch, mutt_str_t body,
                                  bool ndjson);

/*
 * The next event's bytes, trimmed; false at the end, or, with broken set,
 * where an array's brackets and commas are wrong.  A line that is no JSON
 * comes out as it is, for the caller to reject.
 */
bool mutt_batch_next(mutt_batch_t *batch, mutt_str_t *slice);

#endif
