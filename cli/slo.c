/* muttdev slo: the objectives as GET /api/v2/slo has them. */

#include "muttdev.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "client.h"

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
    *options = (options_t) { 0 };

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

    mutt_buf_init(&body, CLIENT_MAX);

    int status = MUTTDEV_FAILED;

    if (client_call(options.url, "GET", "slo", mutt_str(NULL), &body, &err) ==
        MUTT_OK) {
        status = show(&body, options.json);
    } else {
        (void) fprintf(stderr, "muttdev slo: %s\n", err.text);
    }

    mutt_buf_done(&body);

    return status;
}
