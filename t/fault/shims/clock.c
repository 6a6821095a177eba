/*
 * Clocks that a test can step.  Number 0 is how many microseconds the wall
 * clock is ahead, number 1 how many the monotonic one is, which no clock of a
 * machine does: time that has passed at once.
 */

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "shim.h"

#define NSEC INT64_C(1000000000)


__attribute__((constructor)) static void
start(void)
{
    shim_map("MUTT_SHIM_CLOCK");
}


int
clock_gettime(clockid_t clock, struct timespec *ts)
{
    long rc = syscall(SYS_clock_gettime, clock, ts);

    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ||
                    clock == CLOCK_TAI)) {
        int64_t ns = ts->tv_sec * NSEC + ts->tv_nsec + shim_get(0) * 1000;

        ts->tv_sec = ns / NSEC - (ns % NSEC < 0);
        ts->tv_nsec = ns - ts->tv_sec * NSEC;
    }

    if (rc == 0 && clock == CLOCK_MONOTONIC) {
        ts->tv_sec += shim_get(1) / INT64_C(1000000);
    }

    return (int) rc;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;
    int rc = clock_gettime(CLOCK_REALTIME, &ts);

    (void) zone;
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return rc;
}


time_t
time(time_t *out)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    if (out != NULL) {
        *out = ts.tv_sec;
    }

    return ts.tv_sec;
}


int
timespec_get(struct timespec *ts, int base)
{
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, ts) == 0 ? base
                                                                      : 0;
}
