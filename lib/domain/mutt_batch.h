/*
 * What kind of body this is, and where its events begin and end (CONTRACT
 * section 2).  Works on structure only (quotes, escapes, brackets, lines);
 * each slice is then judged by mutt_event_admit().
 */

#ifndef MUTT_BATCH_H
#define MUTT_BATCH_H

#include <stdbool.h>

#include "core/mutt_error.h"
#include "core/mutt_str.h"

typedef enum {
    MUTT_BODY_SINGLE,
    MUTT_BODY_ARRAY,
    MUTT_BODY_LINES, /* NDJSON, or concatenated objects */
    MUTT_BODY_EMPTY, /* nothing but white space */
    MUTT_BODY_BROKEN /* neither: *offset says where */
} mutt_body_kind_t;

/* A walk over a body; init with mutt_batch_begin(). */
typedef struct {
    mutt_str_t body;
    size_t pos;
    mutt_body_kind_t kind;
    bool by_line;  /* a value never spans a line */
    size_t offset; /* of a fault */
} mutt_batch_t;

/*
 * Recognises body.  ndjson says that the Content-Type declared lines.  For
 * MUTT_BODY_ARRAY the array's own syntax (brackets, commas) has been checked
 * as far as it can be without reading the members.
 */
mutt_body_kind_t mutt_batch_begin(mutt_batch_t *batch, mutt_str_t body,
                                  bool ndjson);

/*
 * The next event's bytes, trimmed; false at the end.  A line that is no
 * JSON comes out as it is, for the caller to reject.
 */
bool mutt_batch_next(mutt_batch_t *batch, mutt_str_t *slice);

#endif
