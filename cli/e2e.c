/* muttdev e2e: an event of our own, through everything, to the webhook. */

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "client.h"
#include "core/mutt_time.h"
#include "core/mutt_uuid.h"

#define SECONDS_DEFAULT 60
#define SECONDS_MAX 3600
#define SLICE_MS 100
/* a rule that is new may not be in force yet: another event follows */
#define AGAIN_USEC (3 * MUTT_USEC_SEC)
#define PATH_SIZE 2048
#define EVENTS_MAX 1024
#define ID_SIZE 64

static int run(const options_t *options);

static long timeout_s = SECONDS_DEFAULT;

static const option_t takes[] = {
    { "timeout", 0, OPTION_COUNT, &timeout_s, 1, SECONDS_MAX },
    { 0 },
};

const muttdev_command_t muttdev_e2e = {
    .name = "e2e",
    .synopsis = "[--timeout SECONDS]",
    .summary = "send an event through everything, see it at the webhook",
    .help =
        "\nMakes a rule for a text that is only ours, sends an event with it "
        "until one is\naudited as matched by that rule, looks for its "
        "delivery, "
        "and deletes the rule,\nalso after a failure. Delivery is seen at the "
        "stack's webhook sink\n(MUTT_SINK_URL); without one, in what the API "
        "says became of the event. The\nwebhook gets alerts of team "
        "muttdev-e2e. SECONDS in all, 60. The keys are\nMUTT_API_KEY, scope "
        "write, and MUTT_INGEST_KEY.\n" OPTIONS_HELP,
    .own = takes,
    .run = run,
};

typedef struct {
    const options_t *options;
    char mark[64];
    json_int_t rule;
    char events[EVENTS_MAX][ID_SIZE]; /* ids of those sent */
    size_t n_events;
    char audited[ID_SIZE]; /* the one that was */
    mutt_usec_t started;
    mutt_usec_t deadline;
    json_t *steps;
} trip_t;

static volatile sig_atomic_t interrupted;


static void
on_signal(int signal)
{
    (void) signal;
    interrupted = 1;
}


static bool
is_over(const trip_t *trip)
{
    return interrupted || mutt_time_mono() > trip->deadline;
}


static void step(trip_t *trip, const char *fmt, ...) MUTT_PRINTF(2, 3);

static void
step(trip_t *trip, const char *fmt, ...)
{
    char text[256];
    double seconds =
        (double) (mutt_time_mono() - trip->started) / MUTT_USEC_SEC;
    va_list args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    (void) json_array_append_new(
        trip->steps, json_pack("{s:s, s:f}", "step", text, "at", seconds));

    if (!trip->options->json) {
        (void) printf("%7.3f s  %s\n", seconds, text);
    }
}


static bool
make_rule(trip_t *trip, mutt_err_t *err)
{
    json_t *rule =
        json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "match_string",
                  trip->mark, "match_type", "contains", "priority", 0,
                  "prod_handling", "Page_only", "dev_handling", "Page_only",
                  "team_assignment", "muttdev-e2e", "reason", "muttdev e2e");
    json_t *answer = client_json(trip->options, "POST", "rules", rule, err);

    trip->rule = json_integer_value(json_object_get(answer, "id"));
    json_decref(answer);
    json_decref(rule);

    if (trip->rule == 0) {
        return false;
    }

    step(trip, "rule %lld made for \"%s\"", (long long) trip->rule, trip->mark);

    return true;
}


/* Sends one event more; false with err filled when it is not accepted. */
static bool
send_event(trip_t *trip, mutt_err_t *err)
{
    char url[PATH_SIZE];
    char at[MUTT_TIME_LEN + 1];
    const char *key = NULL;
    const char *base = client_url(trip->options, err);
    mutt_buf_t answer;

    if (base == NULL ||
        client_key(trip->options, "MUTT_INGEST_KEY", &key, err) != MUTT_OK) {
        return false;
    }

    mutt_time_format(mutt_time_now(), at);
    (void) snprintf(url, sizeof(url), "%s/api/v2/ingest", base);

    json_t *event = json_pack("{s:s, s:s, s:s, s:i, s:s}", "hostname",
                              "muttdev-e2e", "message", trip->mark, "timestamp",
                              at, "syslog_severity", 3, "program", "muttdev");
    char *text = json_dumps(event, JSON_COMPACT);
    client_request_t what = {
        .address = url,
        .method = "POST",
        .key = key,
        .variable = "MUTT_INGEST_KEY",
        .body = mutt_str(text),
    };

    mutt_buf_init(&answer, PATH_SIZE * 8);

    mutt_rc_t rc = client_answer(&what, &answer, err);

    if (rc == MUTT_OK) {
        json_t *said = json_loadb(answer.data, answer.len, 0, NULL);
        const char *id = json_string_value(json_object_get(said, "event_id"));

        (void) snprintf(trip->events[trip->n_events++], ID_SIZE, "%s",
                        id == NULL ? "" : id);
        step(trip, "event %s accepted", id == NULL ? "?" : id);
        json_decref(said);
    }

    mutt_buf_done(&answer);
    free(text);
    json_decref(event);

    return rc == MUTT_OK;
}


/* Whether one of the events is in the audit with our rule. */
static bool
is_audited(trip_t *trip)
{
    char path[PATH_SIZE];
    mutt_err_t err;

    for (size_t i = 0; i < trip->n_events; i++) {
        (void) snprintf(path, sizeof(path), "audit-logs?event_id=%s",
                        trip->events[i]);

        json_t *answer = client_json(trip->options, "GET", path, NULL, &err);
        const json_t *row = json_array_get(json_object_get(answer, "logs"), 0);
        bool found = json_integer_value(
                         json_object_get(row, "matched_rule_id")) == trip->rule;

        json_decref(answer);

        if (found) {
            (void) snprintf(trip->audited, sizeof(trip->audited), "%s",
                            trip->events[i]);
            return true;
        }
    }

    return false;
}


static bool
get_audited(trip_t *trip, mutt_err_t *err)
{
    mutt_usec_t next = 0;

    while (!is_over(trip)) {
        if (mutt_time_mono() >= next && trip->n_events < EVENTS_MAX) {
            if (!send_event(trip, err)) {
                return false;
            }

            next = mutt_time_mono() + AGAIN_USEC;
        }

        if (is_audited(trip)) {
            step(trip, "event %s audited, matched by rule %lld", trip->audited,
                 (long long) trip->rule);
            return true;
        }

        (void) poll(NULL, 0, SLICE_MS);
    }

    (void) mutt_fail(err, MUTT_TIMEOUT,
                     "no event was audited with rule %lld in time: \"muttdev "
                     "status\", then \"muttdev logs alerter\"",
                     (long long) trip->rule);

    return false;
}


/* Whether the sink has the event's idempotency key. */
static bool
is_at_sink(const trip_t *trip, const char *sink)
{
    char url[PATH_SIZE];
    char key[2 * ID_SIZE];
    mutt_buf_t answer;
    mutt_err_t err;
    long status = 0;
    client_request_t what = { .address = url, .method = "GET" };

    (void) snprintf(url, sizeof(url), "%s/keys", sink);
    (void) snprintf(key, sizeof(key), "%s:%lld", trip->audited,
                    (long long) trip->rule);
    mutt_buf_init(&answer, CLIENT_MAX);

    bool found = client_fetch(&what, &status, &answer, &err) == MUTT_OK &&
                 answer.len > 0 &&
                 memmem(answer.data, answer.len, key, strlen(key)) != NULL;

    mutt_buf_done(&answer);

    return found;
}


/* What the API says became of it: "forwarded" is delivered. */
static bool
is_forwarded(const trip_t *trip)
{
    char path[PATH_SIZE];
    mutt_err_t err;

    (void) snprintf(path, sizeof(path), "events/%s/explain", trip->audited);

    json_t *answer = client_json(trip->options, "GET", path, NULL, &err);
    bool found = strcmp(print_member(answer, "state"), "forwarded") == 0;

    json_decref(answer);

    return found;
}


static bool
get_delivered(trip_t *trip, mutt_err_t *err)
{
    const char *sink = muttdev_variable("MUTT_SINK_URL");

    while (!is_over(trip)) {
        if (sink != NULL ? is_at_sink(trip, sink) : is_forwarded(trip)) {
            step(trip, "alert of event %s %s", trip->audited,
                 sink != NULL ? "is at the webhook sink"
                              : "was taken by the webhook");
            return true;
        }

        (void) poll(NULL, 0, SLICE_MS);
    }

    (void) mutt_fail(err, MUTT_TIMEOUT,
                     "the alert was not delivered in time: \"muttdev queues\" "
                     "has the breaker, then \"muttdev logs forwarder\"");

    return false;
}


static void
delete_rule(trip_t *trip)
{
    char path[PATH_SIZE];
    mutt_err_t err = { 0 };
    json_t *body = json_pack("{s:s}", "reason", "muttdev e2e");

    (void) snprintf(path, sizeof(path), "rules/%lld", (long long) trip->rule);

    json_t *answer = client_json(trip->options, "DELETE", path, body, &err);

    if (answer == NULL) {
        (void) fprintf(stderr,
                       "muttdev e2e: rule %lld is left, delete it: %s\n",
                       (long long) trip->rule, err.text);
    } else {
        step(trip, "rule %lld deleted", (long long) trip->rule);
    }

    json_decref(answer);
    json_decref(body);
}


static int
go(trip_t *trip)
{
    mutt_err_t err = { 0 };
    bool made = make_rule(trip, &err);
    bool good = made && get_audited(trip, &err) && get_delivered(trip, &err);

    if (made) {
        delete_rule(trip);
    }

    if (trip->options->json) {
        json_t *all = json_pack("{s:b, s:O, s:s?}", "ok", good, "steps",
                                trip->steps, "error", good ? NULL : err.text);

        (void) print_json(all, true);
        json_decref(all);
    }

    if (!good) {
        return api_failed(&muttdev_e2e, &err);
    }

    if (!trip->options->json) {
        (void) printf("The whole way works.\n");
    }

    return MUTTDEV_DONE;
}


static int
run(const options_t *options)
{
    static trip_t trip;
    struct sigaction action = { .sa_handler = on_signal };
    mutt_uuid_t id;
    unsigned char bytes[10];
    char text[MUTT_UUID_LEN + 1];

    if (!mutt_random(bytes, sizeof(bytes))) {
        (void) fprintf(stderr, "muttdev e2e: no random numbers\n");
        return MUTTDEV_FAILED;
    }

    id = mutt_uuid_v7(mutt_time_now(), bytes);
    mutt_uuid_format(&id, text);
    (void) snprintf(trip.mark, sizeof(trip.mark), "muttdev e2e %s", text);
    (void) sigaction(SIGINT, &action, NULL);
    (void) sigaction(SIGTERM, &action, NULL);

    trip.options = options;
    trip.started = mutt_time_mono();
    trip.deadline = trip.started + timeout_s * MUTT_USEC_SEC;
    trip.steps = json_array();

    int status = go(&trip);

    json_decref(trip.steps);

    return status;
}
