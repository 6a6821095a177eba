/* Is nginx there with the module, and is every worker. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "client.h"
#include "doctor.h"
#include "process.h"
#include "stack.h"

#define HEALTH_MS 4000
#define ANSWER_MAX (1u << 20)
#define NGINX_SECONDS 20
/* a loop that has not turned for so long is stuck */
#define LOOP_SECONDS 30
#define VARIABLE_SIZE 4096


static void
check_version(doctor_report_t *report)
{
    mutt_err_t err = { 0 };
    json_t *answer = client_json(report->options, "GET", "version", NULL, &err);
    const char *version = print_member(answer, "software_version");

    if (answer == NULL) {
        doctor_say(report, "nginx with the module", DOCTOR_FAIL,
                   "start nginx; does its configuration load_module "
                   "ngx_http_mutt_module.so and have mutt_api on?",
                   "%s", err.text);
    } else if (strcmp(version, MUTT_VERSION) != 0) {
        doctor_say(report, "nginx with the module", DOCTOR_WARN,
                   "after an upgrade restart nginx: a reload keeps the module "
                   "that is loaded",
                   "version %s, muttdev is %s", version, MUTT_VERSION);
    } else {
        doctor_say(report, "nginx with the module", DOCTOR_OK, NULL,
                   "version %s", version);
    }

    json_decref(answer);
}


/* The secrets and addresses that the stack's nginx was started with. */
static size_t
add_variables(char text[][VARIABLE_SIZE], char **environment)
{
    static const char *const names[][2] = {
        { "INGEST_API_KEY", "MUTT_INGEST_KEY" },
        { "WEBUI_API_KEY", "MUTT_API_KEY" },
        { "REDIS_URL", "REDIS_URL" },
        { "DATABASE_URL", "DATABASE_URL" },
    };
    size_t n = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = muttdev_stack(names[i][1]);

        if (value != NULL) {
            (void) snprintf(text[n], VARIABLE_SIZE, "%s=%s", names[i][0],
                            value);
            environment[n] = text[n];
            n++;
        }
    }

    environment[n] = NULL;

    return n;
}


/* The line of what nginx said that names the fault. */
static const char *
fault_of(mutt_buf_t *said)
{
    static const char mark[] = "[emerg] ";

    mutt_buf_add(said, "", 1);

    if (!mutt_buf_ok(said)) {
        return "";
    }

    char *fault = strstr(said->data, mark);

    fault = fault == NULL ? said->data : fault + sizeof(mark) - 1;
    fault[strcspn(fault, "\n")] = '\0';

    return fault;
}


static void
check_conf(doctor_report_t *report)
{
    static char text[4][VARIABLE_SIZE];
    char *environment[5] = { NULL };
    char conf[STACK_PATH];
    const char *home = stack_home(report->options);
    mutt_buf_t said;

    if (report->nginx_conf != NULL) {
        (void) snprintf(conf, sizeof(conf), "%s", report->nginx_conf);
    } else if (home != NULL) {
        (void) snprintf(conf, sizeof(conf), "%s/nginx/nginx.conf", home);
        (void) add_variables(text, environment);
    } else {
        doctor_say(report, "nginx' configuration", DOCTOR_SKIPPED, NULL,
                   "not looked at: --nginx-conf says which");
        return;
    }

    char *argv[] = { access("/usr/sbin/nginx", X_OK) == 0 ? "/usr/sbin/nginx"
                                                          : "nginx",
                     "-t",
                     "-q",
                     "-e",
                     "stderr",
                     "-c",
                     conf,
                     NULL };

    mutt_buf_init(&said, ANSWER_MAX);

    int status =
        process_run(argv, NULL, environment, false, NGINX_SECONDS, &said);

    if (status == 0) {
        doctor_say(report, "nginx' configuration", DOCTOR_OK, NULL,
                   "nginx -t takes %s", conf);
    } else {
        doctor_say(report, "nginx' configuration", DOCTOR_FAIL,
                   "mend it, or nginx will not start again; "
                   "docs/directives.md explains the directives",
                   "%s",
                   status == PROCESS_FAILED ? "nginx can't be run"
                                            : fault_of(&said));
    }

    mutt_buf_done(&said);
}


/* What a worker says, or why it does not. */
static json_t *
ask(const doctor_report_t *report, const stack_part_t *part, mutt_err_t *err)
{
    char url[STACK_PATH];
    mutt_buf_t answer;
    long status;
    json_t *health = NULL;
    client_request_t what = {
        .address = url,
        .method = "GET",
        .timeout_ms = HEALTH_MS,
    };

    mutt_buf_init(&answer, ANSWER_MAX);

    if (stack_health_url(part, report->options, report->workers, url, err) &&
        client_fetch(&what, &status, &answer, err) == MUTT_OK) {
        health = json_loadb(answer.data, answer.len, 0, NULL);

        if (health == NULL) {
            (void) mutt_fail(err, MUTT_INVALID, "%.150s is no health", url);
        }
    }

    mutt_buf_done(&answer);

    return health;
}


static void
check_worker(doctor_report_t *report, const stack_part_t *part)
{
    mutt_err_t err = { 0 };
    json_t *health = ask(report, part, &err);
    double age = json_number_value(json_object_get(health, "loop_age_seconds"));
    const char *version = print_member(health, "version");

    if (health == NULL) {
        doctor_say(report, part->name, DOCTOR_FAIL,
                   "start it and read its log (\"muttdev logs\"); its port is "
                   "METRICS_PORT_*",
                   "%s", err.text);
    } else if (strcmp(print_member(health, "service"), part->service) != 0) {
        doctor_say(report, part->name, DOCTOR_FAIL,
                   "give each worker a port of its own by METRICS_PORT_*",
                   "at its port there is %s", print_member(health, "service"));
    } else if (age > LOOP_SECONDS) {
        doctor_say(report, part->name, DOCTOR_FAIL,
                   "its log says what it waits for; restart it, nothing is "
                   "lost by that",
                   "its loop has not turned for %s", print_duration(age));
    } else if (strcmp(print_member(health, "status"), "healthy") != 0) {
        doctor_say(report, part->name, DOCTOR_FAIL,
                   "mend what it names; it goes on by itself", "%s",
                   print_member(health, "errors"));
    } else if (strcmp(version, MUTT_VERSION) != 0) {
        doctor_say(report, part->name, DOCTOR_WARN,
                   "restart it after an upgrade", "version %s, muttdev is %s",
                   version, MUTT_VERSION);
    } else {
        doctor_say(report, part->name, DOCTOR_OK, NULL,
                   "version %s, its loop turned %.1f s ago", version, age);
    }

    json_decref(health);
}


static void
check_beats(doctor_report_t *report)
{
    mutt_err_t err = { 0 };
    json_t *status = client_json(report->options, "GET", "status", NULL, &err);
    size_t i;
    const json_t *worker;
    size_t n = 0;
    size_t silent = 0;

    json_array_foreach(json_object_get(status, "workers"), i, worker)
    {
        bool alive = json_is_true(json_object_get(worker, "alive"));

        n += alive;
        silent +=
            !alive && json_integer_value(json_object_get(worker, "held")) > 0;
    }

    if (status == NULL) {
        doctor_say(report, "heartbeats", DOCTOR_FAIL,
                   "is MUTT_API_KEY right, and are Redis and nginx up?", "%s",
                   err.text);
    } else if (silent > 0) {
        doctor_say(report, "heartbeats", DOCTOR_WARN,
                   "a worker of the same kind takes them over; start one",
                   "%zu workers are gone with items in hand", silent);
    } else {
        doctor_say(report, "heartbeats", n > 0 ? DOCTOR_OK : DOCTOR_FAIL,
                   "start an alerter and a forwarder",
                   "%zu alerters and forwarders alive", n);
    }

    json_decref(status);
}


void
doctor_check_parts(doctor_report_t *report)
{
    check_version(report);
    check_conf(report);

    for (size_t i = 1; i < STACK_PARTS; i++) {
        check_worker(report, &stack_parts[i]);
    }

    check_beats(report);
}
