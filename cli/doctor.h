/* What the checks of muttdev doctor share. */

#ifndef MUTT_CLI_DOCTOR_H
#define MUTT_CLI_DOCTOR_H

#include <jansson.h>

#include "options.h"

typedef enum { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_SKIPPED } doctor_t;

/* The findings so far, and what is looked at. */
typedef struct {
    const options_t *options;
    const char *nginx_conf; /* NULL: the stack's */
    const char *workers;    /* their host; NULL: this machine */
    json_t *findings;
    bool failed;
} doctor_report_t;

/* Adds a finding: what was checked, what was seen, and, unless it is fine,
 * what to do; NULL for nothing. */
void doctor_say(doctor_report_t *report, const char *check, doctor_t state,
                const char *todo, const char *fmt, ...) MUTT_PRINTF(5, 6);

/* nginx with the module, its configuration, the workers. */
void doctor_check_parts(doctor_report_t *report);

/* Redis: reach, version, persistence, memory, clock. */
void doctor_check_redis(doctor_report_t *report);

/* PostgreSQL: reach, version, migrations, months, clock. */
void doctor_check_postgres(doctor_report_t *report);

/* Disk space and the webhook. */
void doctor_check_around(doctor_report_t *report);

#endif
