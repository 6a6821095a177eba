/* muttdev slo: the objectives as GET /api/v2/slo has them. */

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "api.h"
#include "client.h"

static int run(const options_t *options);

const muttdev_command_t muttdev_slo = {
    .name = "slo",
    .synopsis = "",
    .summary = "print the objectives; the exit status is their state",
    .help = "\n"
            "The objectives as GET /api/v2/slo of --url or MUTT_URL has them.\n"
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
show(const json_t *answer, bool as_json)
{
    const json_t *slos = json_object_get(answer, "slos");
    const char *at = json_string_value(json_object_get(answer, "evaluated_at"));
    size_t i;
    const json_t *slo;

    if (!json_is_array(slos) || json_array_size(slos) == 0) {
        (void) fprintf(stderr, "muttdev slo: the answer has no objectives\n");
        return MUTTDEV_FAILED;
    }

    int status = states[worst(slos)].status;

    if (as_json) {
        return print_json(answer, true) == MUTTDEV_DONE ? status
                                                        : MUTTDEV_FAILED;
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

    return status;
}


static int
run(const options_t *options)
{
    mutt_err_t err = { 0 };
    json_t *answer = client_json(options, "GET", "slo", NULL, &err);
    int status = answer == NULL ? api_failed(&muttdev_slo, &err)
                                : show(answer, options->json);

    json_decref(answer);

    return status;
}
