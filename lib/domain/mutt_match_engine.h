/*
 * Which engine looks for a pattern, by what the pattern is.
 */

#ifndef MUTT_MATCH_ENGINE_H
#define MUTT_MATCH_ENGINE_H

#include <stdbool.h>

#include "core/mutt_str.h"

typedef enum {
    MUTT_ENGINE_PLAIN,   /* a word */
    MUTT_ENGINE_NEED,    /* PCRE2 decides, where a word occurs */
    MUTT_ENGINE_FAST,    /* Hyperscan decides */
    MUTT_ENGINE_CONFIRM, /* Hyperscan finds candidates, PCRE2 decides */
    MUTT_ENGINE_SLOW     /* PCRE2 decides */
} mutt_engine_t;

/* Whether text is ASCII, the characters that a word may have. */
bool mutt_engine_is_plain(mutt_str_t text);

/*
 * Whether a pattern means the same in ASCII when it is read as ASCII.  One that
 * names a character by its number, or asks for another reading, may not.
 */
bool mutt_engine_is_narrow(const char *text);

/* Whether Hyperscan takes text, FAST or CONFIRM. */
bool mutt_engine_reads(const char *text, mutt_engine_t engine, bool narrow);

/* The fastest engine that means by text what PCRE2 means by it: FAST, CONFIRM
 * or SLOW. */
mutt_engine_t mutt_engine_of(const char *text, bool narrow);

#endif
