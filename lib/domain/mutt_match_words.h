/*
 * Which of thousands of ASCII texts are in a message, in any case.
 *
 * Hyperscan looks for the last eight characters of each, and tries in turn all
 * texts that end alike: a thousand rules whose text ends in "is down" cost a
 * thousand comparisons a message.  So a text is cut where its last eight
 * characters are most its own, and what was cut off is compared afterwards.
 */

#ifndef MUTT_MATCH_WORDS_H
#define MUTT_MATCH_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mutt_error.h"
#include "core/mutt_str.h"

typedef struct mutt_words_s mutt_words_t;

/* Told of an id whose word is in the message; may be told more than once. */
typedef void (*mutt_words_found_t)(void *data, uint32_t id);

/* For ids below n; NULL when out of memory. */
mutt_words_t *mutt_words_create(size_t n);

/* Accepts NULL. */
void mutt_words_destroy(mutt_words_t *words);

/*
 * A text of id, copied, without NUL.  Of several of one id, added one after
 * the other, the one is taken that fewest others share.  False when out of
 * memory.
 */
MUTT_CHECKED bool mutt_words_add(mutt_words_t *words, uint32_t id,
                                 mutt_str_t text);

/* When all are added: chooses and cuts.  False when out of memory. */
MUTT_CHECKED bool mutt_words_choose(mutt_words_t *words);

/* How many texts share what is looked for in place of id; 0: it has none. */
size_t mutt_words_sharing(const mutt_words_t *words, uint32_t id);

/* Leaves out what was added of id. */
void mutt_words_drop(mutt_words_t *words, uint32_t id);

/* Compiles what was chosen; MUTT_INVALID when Hyperscan does not take it. */
MUTT_CHECKED mutt_rc_t mutt_words_build(mutt_words_t *words, mutt_err_t *err);

/* ascii: text is.  One thread at a time. */
void mutt_words_scan(mutt_words_t *words, mutt_str_t text, bool ascii,
                     mutt_words_found_t found, void *data);

#endif
