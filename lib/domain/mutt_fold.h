/*
 * The kind of a message: what is left when numbers, hexadecimal words and
 * addresses are taken out, so that two messages that differ in nothing else
 * are one kind.
 */

#ifndef MUTT_FOLD_H
#define MUTT_FOLD_H

#include <stdbool.h>

#include "core/mutt_str.h"

/* Characters of the hash, without the NUL. */
#define MUTT_HASH16_LEN 16

/* How much of a message counts towards its kind, in bytes. */
#define MUTT_FOLD_MAX 4096

/*
 * Writes message to out with numbers folded and returns the length: a word
 * of digits, hexadecimal letters and the joiners of addresses and times
 * (. : -) becomes '#', and so does a run of digits in any other word.
 */
size_t mutt_fold(mutt_str_t message, char out[MUTT_FOLD_MAX]);

/* The first 16 hex digits of the SHA-1 of a folded message, and a NUL; false
 * when the digest fails. */
bool mutt_fold_digest(mutt_str_t folded, char out[MUTT_HASH16_LEN + 1]);

/* Both, of a message. */
bool mutt_fold_hash(mutt_str_t message, char out[MUTT_HASH16_LEN + 1]);

#endif
