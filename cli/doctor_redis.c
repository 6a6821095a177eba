/* Is Redis as MUTT needs it. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/mutt_time.h"
#include "doctor.h"

#define VALUE_SIZE 256
#define CLOCK_SECONDS 2.0

/* What CONFIG GET has to say. */
static const struct {
    const char *name;
    const char *good; /* separated by spaces */
    doctor_t otherwise;
    const char *todo;
} wanted[] = {
    { "appendonly", "yes", DOCTOR_FAIL,
      "set appendonly yes in redis.conf: without it a restart loses every "
      "event that waits" },
    { "appendfsync", "everysec always", DOCTOR_FAIL,
      "set appendfsync everysec or always: a power loss takes too much "
      "otherwise" },
    { "maxmemory-policy", "noeviction", DOCTOR_FAIL,
      "set maxmemory-policy noeviction: Redis may drop queues otherwise" },
};


/* A reply's text; false when there is none. */
static bool
ask(check_t *check, const char *name, char value[VALUE_SIZE], mutt_err_t *err)
{
    const mutt_reply_t *reply;
    mutt_str_t argv[] = { MUTT_STR("CONFIG"), MUTT_STR("GET"), mutt_str(name) };

    if (check_call(check, 3, argv, &reply, err) != MUTT_OK) {
        return false;
    }

    if (reply->n < 2) {
        (void) mutt_fail(err, MUTT_UNAVAIL, "there is no %s", name);
        return false;
    }

    (void) snprintf(value, VALUE_SIZE, "%.*s",
                    MUTT_STR_ARG(reply->items[1]->str));

    return true;
}


/* Whether value is one of the words. */
static bool
is_one_of(const char *value, const char *words)
{
    size_t len = strlen(value);

    for (const char *s = words; *s != '\0';) {
        size_t n = strcspn(s, " ");

        if (n == len && memcmp(s, value, n) == 0) {
            return true;
        }

        s += n + (s[n] == ' ');
    }

    return false;
}


static void
check_settings(doctor_report_t *report, check_t *check)
{
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        char value[VALUE_SIZE];
        char title[64];
        mutt_err_t err = { 0 };

        (void) snprintf(title, sizeof(title), "redis %s", wanted[i].name);

        if (!ask(check, wanted[i].name, value, &err)) {
            doctor_say(report, title, DOCTOR_WARN,
                       "allow CONFIG GET, or look at redis.conf yourself", "%s",
                       err.text);
        } else {
            doctor_say(report, title,
                       is_one_of(value, wanted[i].good) ? DOCTOR_OK
                                                        : wanted[i].otherwise,
                       wanted[i].todo, "%s", value);
        }
    }
}


/* A number of INFO; -1 when it has none of that name. */
static double
number_of(const char *info, const char *name)
{
    const char *at = strstr(info, name);

    return at == NULL ? -1 : strtod(at + strlen(name), NULL);
}


static void
check_info(doctor_report_t *report, check_t *check)
{
    const mutt_reply_t *reply;
    mutt_err_t err = { 0 };
    mutt_str_t argv[] = { MUTT_STR("INFO") };

    if (check_call(check, 1, argv, &reply, &err) != MUTT_OK) {
        doctor_say(report, "redis version", DOCTOR_WARN, "allow INFO", "%s",
                   err.text);
        return;
    }

    const char *info = reply->str.data;
    double version = number_of(info, "redis_version:");
    double used = number_of(info, "\nused_memory:");
    double max = number_of(info, "\nmaxmemory:");

    doctor_say(report, "redis version", version >= 7 ? DOCTOR_OK : DOCTOR_FAIL,
               "MUTT's scripts want Redis 7 or newer", "%.1f", version);
    doctor_say(report, "redis memory",
               max > 0 && used > 0.8 * max ? DOCTOR_WARN : DOCTOR_OK,
               "give it more, or let the queues drain: at maxmemory ingest "
               "answers 503",
               max > 0 ? "%.0f of %.0f MiB" : "%.0f MiB, no maxmemory",
               used / 1048576, max / 1048576);

    bool writes = strstr(info, "aof_last_write_status:err") == NULL;

    doctor_say(report, "redis file", writes ? DOCTOR_OK : DOCTOR_FAIL,
               "its disk is full or broken: nothing that is accepted now "
               "outlives a restart",
               "the append-only file %s",
               writes ? "is written" : "can't be written");
}


static void
check_clock(doctor_report_t *report, check_t *check)
{
    const mutt_reply_t *reply;
    mutt_err_t err = { 0 };
    mutt_str_t argv[] = { MUTT_STR("TIME") };
    mutt_usec_t before = mutt_time_now();

    if (check_call(check, 1, argv, &reply, &err) != MUTT_OK || reply->n < 2) {
        doctor_say(report, "redis clock", DOCTOR_WARN, "allow TIME", "%s",
                   err.text);
        return;
    }

    double local =
        ((double) before + (double) mutt_time_now()) / 2 / MUTT_USEC_SEC;
    double its = strtod(reply->items[0]->str.data, NULL) +
                 strtod(reply->items[1]->str.data, NULL) / 1e6;
    double apart = its > local ? its - local : local - its;

    doctor_say(report, "redis clock",
               apart > CLOCK_SECONDS ? DOCTOR_FAIL : DOCTOR_OK,
               "let both machines keep time by NTP (chrony): retention stops, "
               "ages are wrong",
               "%.3f s from this machine's", apart);
}


void
doctor_check_redis(doctor_report_t *report)
{
    check_t check;
    mutt_err_t err = { 0 };

    if (check_open(&check, &err) == MUTT_OK) {
        check_info(report, &check);
        check_settings(report, &check);
        check_clock(report, &check);
    } else {
        doctor_say(report, "redis", DOCTOR_FAIL,
                   "start it, or say where it is in REDIS_URL (and its "
                   "password in REDIS_PASS_CURRENT)",
                   "%s", err.text);
    }

    check_close(&check);
}
