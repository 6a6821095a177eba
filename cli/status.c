/* muttdev status: one look at everything, with the verdict at its end. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "client.h"
#include "core/mutt_time.h"
#include "pipeline.h"
#include "stack.h"

#define HEALTH_MS 4000
#define HEALTH_MAX (1u << 20)

static int run(const options_t *options);

static const char *workers;

static const option_t takes[] = {
    { "workers", 0, OPTION_TEXT, &workers, 0, 0 },
    { 0 },
};

const muttdev_command_t muttdev_status = {
    .name = "status",
    .synopsis = "[--workers HOST]",
    .summary = "is it well: every process, every queue, the ledger",
    .help = "\nAsks /health of nginx and of the four workers, and the API for "
            "queues, ages,\nbreaker and ledger; the last lines say what is "
            "wrong and what that means.\nThe workers are asked on this "
            "machine or on HOST, at METRICS_PORT_ALERTER,\nMETRICS_PORT_MOOG, "
            "METRICS_PORT_REMEDIATION, METRICS_PORT_RETENTION.\nExit status 1 "
            "when something is wrong.\n" OPTIONS_HELP,
    .own = takes,
    .run = run,
};

typedef struct {
    const options_t *options;
    const char *workers;
    json_t *parts;
    json_t *pipeline; /* NULL: not known */
    json_t *ledger;   /* NULL: not known */
    json_t *problems;
} look_t;


static void add_problem(look_t *look, const char *fmt, ...) MUTT_PRINTF(2, 3);

static void
add_problem(look_t *look, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void) json_array_append_new(look->problems, json_vsprintf(fmt, args));
    va_end(args);
}


/* A part's health as an object: its own, with "name", "url" and "state":
 * "ok", "degraded", "unwell" or "down". */
static json_t *
ask_health(const look_t *look, const stack_part_t *part)
{
    char url[STACK_PATH];
    mutt_buf_t answer;
    mutt_err_t err = { 0 };
    long status = 0;
    json_t *health = NULL;
    const char *state = "down";

    mutt_buf_init(&answer, HEALTH_MAX);

    if (stack_health_url(part, look->options, look->workers, url, &err)) {
        client_request_t what = {
            .address = url,
            .method = "GET",
            .timeout_ms = HEALTH_MS,
        };

        if (client_fetch(&what, &status, &answer, &err) == MUTT_OK) {
            health = json_loadb(answer.data, answer.len, 0, NULL);
        }
    }

    if (json_object_get(health, "status") != NULL) {
        const char *said = print_member(health, "status");

        state = strcmp(said, "healthy") == 0    ? "ok"
                : strcmp(said, "degraded") == 0 ? "degraded"
                                                : "unwell";
    } else {
        json_decref(health);
        health = json_object();

        if (err.rc == MUTT_OK) {
            (void) mutt_fail(&err, MUTT_INVALID,
                             "what answers at %.150s is no MUTT", url);
        }

        (void) json_object_set_new(health, "error", json_string(err.text));
    }

    (void) json_object_set_new(health, "name", json_string(part->name));
    (void) json_object_set_new(health, "state", json_string(state));
    (void) json_object_set_new(health, "url", json_string(url));
    mutt_buf_done(&answer);

    return health;
}


/* What nginx says of the servers behind everything: said first, since what
 * else is wrong follows from it. */
static void
look_at_servers(look_t *look, const json_t *health)
{
    const char *redis = print_member(health, "redis");
    const char *database = print_member(health, "database");

    if (strcmp(redis, "-") != 0 && strcmp(redis, "connected") != 0) {
        add_problem(look,
                    "Redis does not answer (%s): no event is taken. Start it; "
                    "\"muttdev doctor\" says where it is looked for.",
                    redis);
    }

    if (strcmp(database, "-") != 0 && strcmp(database, "connected") != 0) {
        add_problem(look,
                    "PostgreSQL does not answer (%s): events are taken and "
                    "wait. Start it; \"muttdev doctor\" says more.",
                    database);
    }
}


static void
look_at_parts(look_t *look)
{
    for (size_t i = 0; i < STACK_PARTS; i++) {
        const stack_part_t *part = &stack_parts[i];
        json_t *health = ask_health(look, part);
        const char *state = print_member(health, "state");
        const char *service = print_member(health, "service");

        look_at_servers(look, health);

        if (strcmp(state, "down") == 0) {
            add_problem(look,
                        "%s is down: %s. Read \"muttdev logs %s\", start it.",
                        part->name, part->needed, part->name);
        } else if (strcmp(state, "ok") != 0) {
            add_problem(look, "%s is %s: \"muttdev logs %s --level WARNING\".",
                        part->name, state, part->name);
        } else if (strcmp(service, part->service) != 0) {
            add_problem(look, "at %s's port there is %s.", part->name, service);
        }

        (void) json_array_append_new(look->parts, health);
    }
}


static void
look_at_workers(look_t *look)
{
    size_t i;
    const json_t *worker;

    json_array_foreach(json_object_get(look->pipeline, "workers"), i, worker)
    {
        if (!json_is_true(json_object_get(worker, "alive")) &&
            json_integer_value(json_object_get(worker, "held")) > 0) {
            add_problem(look,
                        "%s %s gives no sign of life and holds %s items: "
                        "another of its kind takes them, if one runs.",
                        print_member(worker, "kind"),
                        print_member(worker, "pod"),
                        print_member(worker, "held"));
        }
    }
}


/* What the API says of the pipeline, and what of that is wrong. */
static void
look_at_pipeline(look_t *look)
{
    mutt_err_t err = { 0 };

    const json_t *nginx = json_array_get(look->parts, 0);

    if (strcmp(print_member(nginx, "state"), "down") == 0) {
        return;
    }

    look->pipeline = client_json(look->options, "GET", "status", NULL, &err);
    look->ledger = look->pipeline == NULL ? NULL
                                          : client_json(look->options, "GET",
                                                        "ledger", NULL, &err);

    if (err.rc != MUTT_OK) {
        add_problem(look, "the API does not tell of the queues: %s.", err.text);
        return;
    }

    const char *breaker = print_member(look->pipeline, "breaker.state");

    if (strcmp(breaker, "CLOSED") != 0) {
        add_problem(look,
                    "the webhook's breaker is %s: the webhook fails, alerts "
                    "wait. \"muttdev logs forwarder\" has its last answer.",
                    breaker);
    }

    if (json_integer_value(json_object_get(look->ledger, "difference")) != 0) {
        add_problem(look,
                    "the ledger differs by %s: \"muttdev check ledger\", and "
                    "keep Redis' append-only file.",
                    print_member(look->ledger, "difference"));
    }

    look_at_workers(look);
}


/* "redis ok, rules ok", and errors. */
static void
show_checks(const json_t *health)
{
    const char *name;
    const json_t *value;
    size_t i;

    json_object_foreach((json_t *) json_object_get(health, "checks"), name,
                        value)
    {
        (void) printf(", %s ", name);
        (void) print_text(stdout, mutt_str(json_string_value(value)));
    }

    json_array_foreach(json_object_get(health, "errors"), i, value)
    {
        (void) fputs("; ", stdout);
        (void) print_text(stdout, mutt_str(json_string_value(value)));
    }
}


static void
show_part(const json_t *health)
{
    const char *state = print_member(health, "state");
    bool down = strcmp(state, "down") == 0;

    (void) printf("%-12s %-9s", print_member(health, "name"),
                  strcmp(state, "ok") == 0 ? "ok"
                  : down                   ? "DOWN"
                                           : "UNWELL");

    if (down) {
        (void) print_text(stdout, mutt_str(print_member(health, "error")));
    } else {
        (void) print_text(stdout, mutt_str(print_member(health, "version")));

        if (json_object_get(health, "database") != NULL) {
            (void) printf(", redis %s, database %s",
                          print_member(health, "redis"),
                          print_member(health, "database"));
        }

        show_checks(health);
    }

    (void) putchar('\n');
}


static json_int_t
sum_of(const json_t *object)
{
    json_int_t sum = 0;
    const char *name;
    const json_t *value;

    json_object_foreach((json_t *) object, name, value)
    {
        sum +=
            json_is_object(value) ? sum_of(value) : json_integer_value(value);
    }

    return sum;
}


static void
show_ledger(const json_t *ledger)
{
    (void) printf("\nledger   accepted %s, ended %" JSON_INTEGER_FORMAT
                  ", in flight %" JSON_INTEGER_FORMAT ", difference %s\n",
                  print_member(ledger, "accepted"),
                  sum_of(json_object_get(ledger, "terminal")),
                  sum_of(json_object_get(ledger, "in_flight")),
                  print_member(ledger, "difference"));
}


/* How many letters are dead: no fault now, but somebody's. */
static json_int_t
dead_letters(const look_t *look)
{
    static const char *const names[] = { "alerter", "moog", "dead" };
    json_int_t n = 0;
    size_t i;
    const json_t *queue;

    json_array_foreach(json_object_get(look->pipeline, "queues"), i, queue)
    {
        for (size_t k = 0; k < 3; k++) {
            if (strcmp(print_member(queue, "name"), names[k]) == 0) {
                n += json_integer_value(json_object_get(queue, "depth"));
            }
        }
    }

    return n;
}


static void
show(const look_t *look)
{
    char now[MUTT_TIME_LEN + 1];
    mutt_err_t err = { 0 };
    const char *url = client_url(look->options, &err);
    size_t i;
    const json_t *each;

    mutt_time_format(mutt_time_now(), now);
    (void) printf("%s, %.19sZ\n\n", url, now);

    json_array_foreach(look->parts, i, each)
    {
        show_part(each);
    }

    if (look->pipeline != NULL) {
        (void) putchar('\n');
        pipeline_show(look->pipeline);
    }

    if (look->ledger != NULL) {
        show_ledger(look->ledger);
    }

    json_int_t dead = dead_letters(look);

    if (dead > 0) {
        (void) printf("\nDead letters: %" JSON_INTEGER_FORMAT
                      "; \"muttdev dlq list\" says why.\n",
                      dead);
    }

    if (json_array_size(look->problems) == 0) {
        (void) printf("\nAll is well.\n");
        return;
    }

    (void) printf("\nWHAT IS WRONG\n");

    json_array_foreach(look->problems, i, each)
    {
        (void) fputs("- ", stdout);
        (void) print_text(stdout, mutt_str(json_string_value(each)));
        (void) putchar('\n');
    }
}


static int
show_json(const look_t *look)
{
    json_t *all = json_pack("{s:b, s:O, s:O?, s:O?, s:O}", "ok",
                            json_array_size(look->problems) == 0, "parts",
                            look->parts, "pipeline", look->pipeline, "ledger",
                            look->ledger, "problems", look->problems);
    int status = print_json(all, true);

    json_decref(all);

    return status;
}


static int
run(const options_t *options)
{
    mutt_err_t err = { 0 };
    look_t look = { .options = options, .workers = workers };
    int status = MUTTDEV_DONE;

    if (client_url(options, &err) == NULL) {
        return api_failed(&muttdev_status, &err);
    }

    look.parts = json_array();
    look.problems = json_array();
    look_at_parts(&look);
    look_at_pipeline(&look);

    if (options->json) {
        status = show_json(&look);
    } else {
        show(&look);
    }

    if (json_array_size(look.problems) > 0) {
        status = MUTTDEV_FAILED;
    }

    json_decref(look.parts);
    json_decref(look.pipeline);
    json_decref(look.ledger);
    json_decref(look.problems);

    return status;
}
