/* What text a regular expression can't do without. */

#ifndef MUTT_MATCH_NEED_H
#define MUTT_MATCH_NEED_H

#include <stddef.h>

#include "core/mutt_str.h"

/* Longer patterns, and more pieces of one, are not looked at. */
#define MUTT_NEED_PATTERN_MAX 512
#define MUTT_NEEDS_MAX 16

/* Pieces of ASCII text; each lies in text. */
typedef struct {
    char text[MUTT_NEED_PATTERN_MAX];
    mutt_str_t pieces[MUTT_NEEDS_MAX];
    size_t n;
} mutt_needs_t;

/*
 * The pieces that every text has in it, in any case, in which PCRE2 finds
 * pattern, which compiles.  What is hard to read has none: options, verbs,
 * quotes, back references, characters by number.
 */
void mutt_match_needs(mutt_str_t pattern, mutt_needs_t *needs);

#endif
