/* muttdev slo: the objectives as GET /api/v2/slo has them. */

#include "muttdev.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "core/mutt_buf.h"
#include "core/mutt_time.h"
#include "io/mutt_http.h"

#define TIMEOUT_MS 10000
#define SLICE_MS 200
#define URL_SIZE 2048

static int run(int argc, char **argv);

const muttdev_command_t muttdev_slo = {
    .name = "slo",
    .synopsis = "[--json] [--url URL]",
    .summary = "print the objectives; the exit status is their state",
    .help = "\n"
            "Asks GET /api/v2/slo of --url, or of MUTT_URL, with the key in\n"
            "MUTT_API_KEY; both may be the private stack's.\n"
            "\n"
            "Exit status: 0 all objectives are ok, 3 one is in state warn,\n"
            "4 one is critical, 5 one is unknown and none of these, 1 there\n"
            "is no answer, 2 usage.\n",
    .run = run,
};

/* the worse the later, but for what is not known */
static const struct {
    const char *state;
    int status;
} states[] = {
    { "ok", MUTTDEV_DONE },
    { "unknown", 5 },
    { "warn", 3 },
    { "critical", 4 },
};

#define N_STATES (sizeof(states) / sizeof(states[0]))

typedef struct {
    bool json;
    const char *url;
} options_t;


static bool
read_options(int argc, char **argv, options_t *options)
{
    *options = (options_t) { .url = muttdev_variable("MUTT_URL") };

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            options->json = true;
        } else if (strcmp(argv[i], "--url") == 0 && i + 1 < argc) {
            options->url = argv[++i];
        } else {
            return false;
        }
    }

    return true;
}


/* Asks; the answer's body is appended to body. */
static mutt_rc_t
ask(mutt_http_t *http, const char *key, mutt_buf_t *body, mutt_err_t *err)
{
    mutt_http_request_t request = { .authorization = "",
                                    .idempotency_key = "",
                                    .traceparent = "",
                                    .api_key = key };
    mutt_http_done_t done = { 0 };
    mutt_rc_t rc = mutt_http_send(http, &request, err);

    while (rc == MUTT_OK && !mutt_http_next(http, &done)) {
        rc = mutt_http_turn(http, SLICE_MS, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    if (done.send != MUTT_SEND_ANSWERED) {
        return mutt_fail(err, MUTT_UNAVAIL, "no answer");
    }

    if (done.status != 200) {
        return mutt_fail(err, MUTT_UNAVAIL, "status %ld%s", done.status,
                         done.status == 401 ? ": is MUTT_API_KEY right?" : "");
    }

    mutt_buf_add_str(body, done.body);

    return mutt_buf_ok(body) ? MUTT_OK
                             : mutt_fail(err, MUTT_NOMEM, "out of memory");
}


static mutt_rc_t
fetch(const char *url, mutt_buf_t *body, mutt_err_t *err)
{
    char address[URL_SIZE];
    const char *key = muttdev_variable("MUTT_API_KEY");
    mutt_http_t *http;
    mutt_rc_t rc =
        url == NULL
            ? mutt_fail(err, MUTT_CONFIG, "neither --url nor MUTT_URL is given")
            : mutt_http_check_url(url, "the URL", err);

    if (rc != MUTT_OK) {
        return rc;
    }

    (void) snprintf(address, sizeof(address), "%s/api/v2/slo", url);

    mutt_http_options_t options = {
        .url = address,
        .get = true,
        .ca = "",
        .timeout_ms = TIMEOUT_MS,
        .connections = 1,
        .keep = MUTT_HTTP_KEEP_MAX,
    };

    rc = mutt_http_create(&options, &http, err);

    if (rc == MUTT_OK) {
        rc = ask(http, key == NULL ? "" : key, body, err);
        mutt_http_destroy(http);
    }

    return rc;
}


static void
print_number(const json_t *slo, const char *name)
{
    const json_t *value = json_object_get(slo, name);

    if (json_is_number(value)) {
        (void) printf(" %10.5g", json_number_value(value));
    } else {
        (void) printf(" %10s", "-");
    }
}


static void
print_slo(const json_t *slo)
{
    bool seconds = json_object_get(slo, "target_seconds") != NULL;
    const char *message = json_string_value(json_object_get(slo, "message"));

    (void) printf("%-28s %-8s",
                  json_string_value(json_object_get(slo, "slo_name")),
                  json_string_value(json_object_get(slo, "state")));
    print_number(slo, "actual_value");
    print_number(slo, seconds ? "target_seconds" : "target");
    print_number(slo, "error_budget_remaining");
    print_number(slo, "burn_rate");
    (void) printf("  %s\n", message == NULL ? "" : message);
}


/* The worst state of all. */
static size_t
worst(const json_t *slos)
{
    size_t found = 0;
    size_t i;
    const json_t *slo;

    json_array_foreach(slos, i, slo)
    {
        const char *state = json_string_value(json_object_get(slo, "state"));

        for (size_t k = found; state != NULL && k < N_STATES; k++) {
            if (strcmp(states[k].state, state) == 0) {
                found = k;
            }
        }
    }

    return found;
}


static int
show(const mutt_buf_t *body, bool as_json)
{
    json_t *answer = json_loadb(body->data, body->len, 0, NULL);
    const json_t *slos = json_object_get(answer, "slos");
    const char *at = json_string_value(json_object_get(answer, "evaluated_at"));
    size_t i;
    const json_t *slo;

    if (!json_is_array(slos) || json_array_size(slos) == 0) {
        (void) fprintf(stderr, "muttdev slo: the answer has no objectives\n");
        json_decref(answer);
        return MUTTDEV_FAILED;
    }

    int status = states[worst(slos)].status;

    if (as_json) {
        (void) printf("%.*s\n", (int) body->len, body->data);
        json_decref(answer);
        return status;
    }

    (void) printf("evaluated %s%s\n\n%-28s %-8s %10s %10s %10s %10s\n",
                  at == NULL ? "never" : at,
                  json_is_true(json_object_get(answer, "stale")) ? ", stale"
                                                                 : "",
                  "objective", "state", "actual", "target", "budget", "burn");

    json_array_foreach(slos, i, slo)
    {
        print_slo(slo);
    }

    json_decref(answer);

    return status;
}


static int
run(int argc, char **argv)
{
    options_t options;
    mutt_buf_t body;
    mutt_err_t err = { 0 };

    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        return muttdev_help(&muttdev_slo);
    }

    if (!read_options(argc, argv, &options)) {
        return muttdev_usage(&muttdev_slo);
    }

    mutt_buf_init(&body, MUTT_HTTP_KEEP_MAX);

    int status = MUTTDEV_FAILED;

    if (fetch(options.url, &body, &err) == MUTT_OK) {
        status = show(&body, options.json);
    } else {
        (void) fprintf(stderr, "muttdev slo: %s\n", err.text);
    }

    mutt_buf_done(&body);

    return status;
}
