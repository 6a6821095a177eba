/* Times as microseconds since 1970, UTC.  Pure: the clock is an argument. */

#ifndef MUTT_TIME_H
#define MUTT_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "mutt_str.h"

/* Microseconds since 1970-01-01T00:00:00Z. */
typedef int64_t mutt_usec_t;

/* Length of mutt_time_format()'s text, without the NUL. */
#define MUTT_TIME_LEN 27

#define MUTT_USEC_SEC INT64_C(1000000)

/*
 * Reads an RFC 3339 date-time: 'T', 't' or a space between date and time, 0
 * to 9 fractional digits (digits past the sixth are dropped), 'Z', 'z' or a
 * numeric offset.  Second 60 is taken as the first moment after it.  False
 * when it is none or lies outside the years 1970 to 9999.
 */
bool mutt_time_parse(mutt_str_t text, mutt_usec_t *at);

/*
 * Reads a Unix epoch number: seconds with an optional fraction, or
 * milliseconds from 1e11 on.  False outside 1970 to 9999.
 */
bool mutt_time_from_epoch(double number, mutt_usec_t *at);

/* Writes "2026-11-20T22:37:00.123456Z" and a NUL to out. */
void mutt_time_format(mutt_usec_t at, char out[MUTT_TIME_LEN + 1]);

/* Year, month 1..12 and day 1..31 of a moment, UTC. */
void mutt_time_civil(mutt_usec_t at, int *year, int *month, int *day);

/* The first moment of a month; month may run past 12 or below 1. */
mutt_usec_t mutt_time_month(int year, int month);

/* The wall clock and the monotonic clock; for programs, not for domain code. */
mutt_usec_t mutt_time_now(void);
mutt_usec_t mutt_time_mono(void);

#endif
