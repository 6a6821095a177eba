/* Another program, run to its end or to a deadline. */

#ifndef MUTT_CLI_PROCESS_H
#define MUTT_CLI_PROCESS_H

#include <stdbool.h>

#include "core/mutt_buf.h"

#define PROCESS_FAILED (-1)  /* it could not be started */
#define PROCESS_TIMEOUT (-2) /* it was ended */
#define PROCESS_SIGNAL (-3)  /* a signal ended it */

/*
 * Runs argv in the directory dir (NULL: this one), with environment added to
 * ours, NAME=VALUE, a NULL at the end (NULL: none).  What it says goes to
 * said, both streams, or where it is NULL to stdout and stderr, or to stderr
 * alone when quiet.  Its exit status, or one of the above.
 */
int process_run(char *const argv[], const char *dir, char *const environment[],
                bool quiet, int seconds, mutt_buf_t *said);

#endif
