/* Is PostgreSQL as MUTT needs it. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mutt_time.h"
#include "doctor.h"
#include "domain/mutt_sql.h"
#include "io/mutt_pg.h"
#include "stack.h"

#define VERSION_MIN 140000
#define CLOCK_SECONDS 2.0
#define AHEAD "2"


static void
check_version(doctor_report_t *report, mutt_pg_t *pg)
{
    mutt_err_t err = { 0 };
    mutt_rows_t *rows;
    mutt_usec_t before = mutt_time_now();

    if (mutt_pg_exec(pg, mutt_sql[MUTT_SQL_TEXT_DOCTOR], 0, NULL, &rows,
                     &err) != MUTT_OK) {
        doctor_say(report, "postgresql version", DOCTOR_FAIL,
                   "its log says more", "%s", err.text);
        return;
    }

    long version = strtol(mutt_rows_get(rows, 0, 0), NULL, 10);
    double its = strtod(mutt_rows_get(rows, 0, 1), NULL);
    double local =
        ((double) before + (double) mutt_time_now()) / 2 / MUTT_USEC_SEC;
    double apart = its > local ? its - local : local - its;

    doctor_say(report, "postgresql version",
               version >= VERSION_MIN ? DOCTOR_OK : DOCTOR_FAIL,
               "MUTT wants PostgreSQL 14 or newer", "%ld.%ld", version / 10000,
               version % 10000);
    doctor_say(report, "postgresql clock",
               apart > CLOCK_SECONDS ? DOCTOR_FAIL : DOCTOR_OK,
               "let both machines keep time by NTP (chrony): retention stops, "
               "ages are wrong",
               "%.3f s from this machine's", apart);
    mutt_rows_free(rows);
}


/* The newest migration that is here beside the program; 0: none are. */
static long
newest_migration(void)
{
    char path[STACK_PATH];
    const char *root = stack_root();
    long newest = 0;

    (void) snprintf(path, sizeof(path), "%s/sql", root == NULL ? "" : root);

    DIR *dir = root == NULL ? NULL : opendir(path);
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        long n = strtol(entry->d_name, NULL, 10);

        newest = n > newest ? n : newest;
    }

    if (dir != NULL) {
        (void) closedir(dir);
    }

    return newest;
}


static void
check_migrations(doctor_report_t *report, mutt_pg_t *pg)
{
    mutt_err_t err = { 0 };
    mutt_rows_t *rows;
    long newest = newest_migration();

    if (mutt_pg_exec(pg, mutt_sql[MUTT_SQL_TEXT_DOCTOR_SCHEMA], 0, NULL, &rows,
                     &err) != MUTT_OK) {
        doctor_say(report, "migrations", DOCTOR_FAIL,
                   "apply them: DATABASE_URL=... tools/migrate, as the owner",
                   "%s", err.text);
        return;
    }

    const char *text = mutt_rows_get(rows, 0, 0);
    long applied = text == NULL ? 0 : strtol(text, NULL, 10);

    if (newest == 0) {
        doctor_say(report, "migrations", applied > 0 ? DOCTOR_OK : DOCTOR_FAIL,
                   "apply them: DATABASE_URL=... tools/migrate, as the owner",
                   "applied to %ld", applied);
    } else {
        doctor_say(report, "migrations",
                   applied < newest   ? DOCTOR_FAIL
                   : applied > newest ? DOCTOR_WARN
                                      : DOCTOR_OK,
                   applied < newest
                       ? "apply them: DATABASE_URL=... tools/migrate, as the "
                         "owner"
                       : "the database is of a newer MUTT: upgrade the "
                         "programs",
                   "applied to %ld of %ld", applied, newest);
    }

    mutt_rows_free(rows);
}


static void
check_months(doctor_report_t *report, mutt_pg_t *pg)
{
    const char *params[] = { AHEAD };
    mutt_err_t err = { 0 };
    mutt_rows_t *rows;

    if (mutt_pg_exec(pg, mutt_sql[MUTT_SQL_TEXT_PARTITION_MONTHS], 1, params,
                     &rows, &err) != MUTT_OK) {
        doctor_say(report, "months ahead", DOCTOR_FAIL,
                   "are the migrations applied?", "%s", err.text);
        return;
    }

    const char *missing = NULL;

    for (size_t i = mutt_rows_count(rows); i > 0; i--) {
        if (mutt_rows_get(rows, i - 1, 3) == NULL) {
            missing = mutt_rows_get(rows, i - 1, 1);
        }
    }

    if (missing == NULL) {
        doctor_say(report, "months ahead", DOCTOR_OK, NULL,
                   "the audit log has this month and the next two");
    } else {
        doctor_say(report, "months ahead", DOCTOR_WARN,
                   "\"muttdev partitions\" makes them; mutt-retention should, "
                   "does it run?",
                   "the audit log has no partition for %s", missing);
    }

    mutt_rows_free(rows);
}


void
doctor_check_postgres(doctor_report_t *report)
{
    mutt_settings_t *settings = NULL;
    mutt_pg_t *pg = NULL;
    mutt_err_t err = { 0 };
    mutt_rc_t rc = muttdev_settings(&settings, &err);

    if (rc == MUTT_OK) {
        pg = mutt_pg_create(settings, "muttdev");
        rc = pg == NULL ? mutt_fail(&err, MUTT_NOMEM, "out of memory")
                        : mutt_pg_connect(pg, &err);
    }

    if (rc == MUTT_OK) {
        check_version(report, pg);
        check_migrations(report, pg);
        check_months(report, pg);
    } else {
        doctor_say(report, "postgresql", DOCTOR_FAIL,
                   "start it, or say where it is in DATABASE_URL (and its "
                   "password in DB_PASS_CURRENT)",
                   "%s", err.text);
    }

    mutt_pg_destroy(pg);
    mutt_settings_destroy(settings);
}
