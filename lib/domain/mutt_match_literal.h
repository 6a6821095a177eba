/*
 * Plain text as a pattern, and the letters that need care in one: those
 * whose other case came into Unicode after Hyperscan's tables were made, so
 * that it takes them for letters without case.
 */

#ifndef MUTT_MATCH_LITERAL_H
#define MUTT_MATCH_LITERAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mutt_str.h"

#define MUTT_CASE_MAX 4

/*
 * Writes all forms of letter cp, itself included, and returns how many they
 * are; 0 when Hyperscan knows all there is to know.
 */
size_t mutt_case_newer(uint32_t cp, uint32_t forms[MUTT_CASE_MAX]);

/* Whether such a letter is in text. */
bool mutt_case_has_newer(mutt_str_t text);

/*
 * The pattern that finds text, for PCRE2 and Hyperscan alike; NUL-terminated
 * and the caller's to free, NULL when out of memory.
 */
char *mutt_match_literal(mutt_str_t text);

#endif
