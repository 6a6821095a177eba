/* muttdev doctor: is this installation as it should be, and if not, what to
 * do.  status tells how it does; this tells why it could not do well. */

#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "client.h"

#define TEXT_SIZE 1024

static int run(const options_t *options);

static struct {
    const char *nginx_conf;
    const char *workers;
} given;

static const option_t takes[] = {
    { "nginx-conf", 0, OPTION_TEXT, &given.nginx_conf, 0, 0 },
    { "workers", 0, OPTION_TEXT, &given.workers, 0, 0 },
    { 0 },
};

const muttdev_command_t muttdev_doctor = {
    .name = "doctor",
    .synopsis = "[--nginx-conf FILE] [--workers HOST]",
    .summary = "check the installation, and say what to do about each fault",
    .help =
        "\nnginx with the module and its configuration (nginx -t), the "
        "workers, versions,\nRedis' persistence and memory, PostgreSQL's "
        "migrations and months, clocks, disk\nspace, the webhook. Redis and "
        "PostgreSQL are asked at REDIS_URL and\nDATABASE_URL. \"warn\" wants a "
        "look, exit status 1 means that one is \"FAIL\".\n" OPTIONS_HELP,
    .own = takes,
    .run = run,
};

static const char *const words[] = { "ok", "warn", "FAIL", "-" };


void
doctor_say(doctor_report_t *report, const char *check, doctor_t state,
           const char *todo, const char *fmt, ...)
{
    char text[TEXT_SIZE];
    va_list args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    if (state == DOCTOR_OK || state == DOCTOR_SKIPPED) {
        todo = NULL;
    }

    report->failed = report->failed || state == DOCTOR_FAIL;
    json_t *seen = json_string(text);

    (void) json_array_append_new(
        report->findings,
        json_pack("{s:s, s:s, s:o, s:s?}", "check", check, "state",
                  words[state], "seen",
                  seen == NULL ? json_string("(no UTF-8)") : seen, "todo",
                  todo));

    if (report->options->json) {
        return;
    }

    (void) printf("%-5s %-22s ", words[state], check);
    (void) print_text(stdout, mutt_str(text));
    (void) putchar('\n');

    if (todo != NULL) {
        (void) printf("      %-22s -> %s\n", "", todo);
    }

    (void) fflush(stdout);
}


static int
run(const options_t *options)
{
    mutt_err_t err = { 0 };
    doctor_report_t report = {
        .options = options,
        .nginx_conf = given.nginx_conf,
        .workers = given.workers,
    };

    if (client_url(options, &err) == NULL) {
        return api_failed(&muttdev_doctor, &err);
    }

    report.findings = json_array();
    doctor_check_parts(&report);
    doctor_check_redis(&report);
    doctor_check_postgres(&report);
    doctor_check_around(&report);

    if (options->json) {
        json_t *all = json_pack("{s:b, s:O}", "ok", !report.failed, "findings",
                                report.findings);

        (void) print_json(all, true);
        json_decref(all);
    }

    json_decref(report.findings);

    return report.failed ? MUTTDEV_FAILED : MUTTDEV_DONE;
}
