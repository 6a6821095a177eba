/* What is around MUTT: the disk, the webhook. */

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "client.h"
#include "doctor.h"
#include "print.h"
#include "stack.h"

#define MIB 1048576.0
#define FREE_FAIL_MIB 512.0
#define FREE_WARN_SHARE 0.10
#define REACH_MS 5000
#define ANSWER_MAX (1u << 20)


static void
check_disk(doctor_report_t *report)
{
    const char *home = stack_home(report->options);
    const char *path = home == NULL ? "/" : home;
    struct statvfs about;

    if (statvfs(path, &about) != 0) {
        doctor_say(report, "disk", DOCTOR_WARN, "look at df yourself", "%s: %m",
                   path);
        return;
    }

    double block = (double) about.f_frsize / MIB;
    double left = (double) about.f_bavail * block;
    double all = (double) about.f_blocks * block;

    doctor_say(report, "disk",
               left < FREE_FAIL_MIB           ? DOCTOR_FAIL
               : left < FREE_WARN_SHARE * all ? DOCTOR_WARN
                                              : DOCTOR_OK,
               "make room: without it Redis' and PostgreSQL's writes fail, "
               "first of all old logs",
               "%.0f of %.0f MiB are free for %s", left, all, path);
}


/* Any answer shows that it can be reached. */
static void
check_webhook(doctor_report_t *report)
{
    static const char *const names[] = { "MOOG_HEALTH_URL", "MOOG_WEBHOOK_URL",
                                         "MUTT_SINK_URL" };
    const char *url = NULL;
    const char *name = NULL;
    mutt_buf_t answer;
    mutt_err_t err = { 0 };
    long status = 0;

    for (size_t i = 0; url == NULL && i < 3; i++) {
        name = names[i];
        url = muttdev_variable(name);
    }

    if (url == NULL) {
        doctor_say(report, "webhook", DOCTOR_SKIPPED, NULL,
                   "not looked at: MOOG_WEBHOOK_URL says where it is");
        return;
    }

    client_request_t what = {
        .address = url,
        .method = "GET",
        .timeout_ms = REACH_MS,
    };

    mutt_buf_init(&answer, ANSWER_MAX);

    if (client_fetch(&what, &status, &answer, &err) == MUTT_OK) {
        doctor_say(report, "webhook", DOCTOR_OK, NULL,
                   "%s is reached, status %ld to a GET", name, status);
    } else {
        doctor_say(report, "webhook", DOCTOR_FAIL,
                   "is its address right, and does the network let this "
                   "machine there? Alerts wait meanwhile",
                   "%s", err.text);
    }

    mutt_buf_done(&answer);
}


void
doctor_check_around(doctor_report_t *report)
{
    check_disk(report);
    check_webhook(report);
}
