/*
 * The outline of an object that may be large: the object as it is, but for
 * what is inside its lists and objects, and where that is.  Found in turns, by
 * structure only (quotes, escapes, brackets): the outline is then read as JSON,
 * and what is inside by whoever takes it.
 */

#ifndef MUTT_OUTLINE_H
#define MUTT_OUTLINE_H

#include <stdbool.h>

#include "core/mutt_buf.h"
#include "core/mutt_str.h"

/* Lists and objects that are remembered; the others only count. */
#define MUTT_OUTLINE_PARTS 16

typedef struct {
    mutt_str_t body;
    size_t pos;
    size_t depth;
    bool quoted;
    bool escaped;
    mutt_buf_t text;                      /* the outline, so far */
    mutt_str_t parts[MUTT_OUTLINE_PARTS]; /* with their brackets */
    size_t places[MUTT_OUTLINE_PARTS];    /* of their brackets in the text */
    size_t n_parts;
    size_t element; /* where an element of the part begins */
    size_t longest; /* element, in bytes */
} mutt_outline_t;

/* Begins; the outline may have at most max bytes, else its text fails. */
void mutt_outline_begin(mutt_outline_t *outline, mutt_str_t body, size_t max);

/* Goes on for at most so many bytes; true at the end. */
bool mutt_outline_step(mutt_outline_t *outline, size_t bytes);

/*
 * A value as it is in the body, of a value as it is in the outline's text: the
 * same but for a list or an object that is remembered.
 */
mutt_str_t mutt_outline_value(const mutt_outline_t *outline, mutt_str_t value);

/* A place of the text as one of the body. */
size_t mutt_outline_offset(const mutt_outline_t *outline, size_t offset);

void mutt_outline_done(mutt_outline_t *outline);

#endif
