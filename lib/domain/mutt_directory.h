/*
 * What is known of hosts: which are for development, and whose they are.
 * Names are compared whole, in any case.  Built once, then immutable.
 */

#ifndef MUTT_DIRECTORY_H
#define MUTT_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/mutt_str.h"

typedef struct mutt_directory_s mutt_directory_t;

/* A host's name in lower case, and its value (a team, or empty). */
typedef struct {
    mutt_str_t host;
    mutt_str_t value;
} mutt_directory_entry_t;

/* Copies n entries; NULL when out of memory. */
mutt_directory_t *mutt_directory_create(const mutt_directory_entry_t *entries,
                                        size_t n);

/* Accepts NULL. */
void mutt_directory_destroy(mutt_directory_t *directory);

/* The value of host, or NULL when it is not listed. */
const mutt_str_t *mutt_directory_find(const mutt_directory_t *directory,
                                      mutt_str_t host);
size_t mutt_directory_count(const mutt_directory_t *directory);

#endif
