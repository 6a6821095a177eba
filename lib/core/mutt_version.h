/* Versions of the API: numbers with dots between. */

#ifndef MUTT_VERSION_H
#define MUTT_VERSION_H

#include "mutt_str.h"

/*
 * Less than, equal to or greater than zero as a is older than, the same as or
 * newer than b: part by part as numbers, a part that is missing is 0.
 */
int mutt_version_compare(mutt_str_t a, mutt_str_t b);

#endif
