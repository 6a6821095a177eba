/* muttdev dlq: dead letters.  Moving them takes as many requests as the API
 * wants for so many letters. */

#include <stdio.h>
#include <string.h>

#include "api.h"
#include "client.h"

#define PATH_SIZE 256

/* letters a request moves at most, and by default a command */
#define LOT 10000
#define MAX_DEFAULT 1000
#define MAX_MAX 100000000

static const column_t queues[] = {
    { "LIST", "queue" },
    { "DEPTH", "depth" },
    { "GOES BACK TO", "goes_back_to" },
    { "OLDEST FAILED", "oldest.failed_at" },
    { "BECAUSE", "oldest.failed_reason" },
    { NULL, NULL },
};

static const column_t letters[] = {
    { "FAILED", "failed_at" }, { "REASON", "failed_reason" },
    { "TRIES", "attempts" },   { "REPLAYS", "replays" },
    { "HOST", "hostname" },    { "EVENT", "event_id" },
    { "MESSAGE", "message" },  { NULL, NULL },
};

/* what is summed up over the requests, in the order of printing */
static const char *const counts[] = { "replayed",  "discarded", "gone",
                                      "malformed", "waiting",   "looked_at" };

#define N_COUNTS (sizeof(counts) / sizeof(counts[0]))

typedef struct {
    const muttdev_command_t *command;
    const char *how;   /* the path's last word */
    const char *done;  /* the count of what was moved */
    const char *lacks; /* an option that it takes and has not, or NULL */
    const options_t *options;
    long max;
    json_int_t sums[N_COUNTS];
} move_t;

/* what the options were given */
static struct {
    long max; /* 0: as the command has it */
    const char *failed;
    const char *reason;
    bool yes;
} given;

static const option_t takes[] = {
    { "yes", 0, OPTION_FLAG, &given.yes, 0, 0 }, /* of purge alone */
    { "max", 0, OPTION_COUNT, &given.max, 1, MAX_MAX },
    { "failed", 0, OPTION_TEXT, &given.failed, 0, 0 },
    { "reason", 0, OPTION_TEXT, &given.reason, 0, 0 },
    { 0 },
};

static int run_replay(const options_t *options);
static int run_purge(const options_t *options);

API_COMMAND(dlq_list, "dlq list", "", "the dead letter queues", "", NULL, "GET",
            "dead-letters", NULL, "queues", queues, NULL)
API_COMMAND(dlq_show, "dlq show", "LIST [-n N]",
            "the oldest 50, or N, letters of alerter, moog or dead",
            "\n--json has more of each.\n", api_takes_n, "GET",
            "dead-letters/%s?limit=%ld", NULL, "letters", letters, NULL)

const muttdev_command_t muttdev_dlq_replay = {
    .name = "dlq replay",
    .synopsis = "LIST [--max N] [--failed REASON] [--reason TEXT]",
    .summary = "send letters of alerter, moog or dead again, audited",
    .help = "\nThe oldest 1,000 that may be replayed, or --max; with --failed "
            "those whose\nfailure begins so. What would put the alert queue "
            "over its warn threshold\nstays: \"waiting\".\n" OPTIONS_HELP,
    .own = takes + 1,
    .run = run_replay,
};

const muttdev_command_t muttdev_dlq_purge = {
    .name = "dlq purge",
    .synopsis = "LIST --yes --reason TEXT [--max N] [--failed REASON]",
    .summary = "delete letters of alerter, moog or dead, audited",
    .help =
        "\nAll of them, the oldest --max, or those whose failure begins "
        "with REASON.\nThe audit has each letter with its text.\n" OPTIONS_HELP,
    .own = takes,
    .run = run_purge,
};


static json_t *
lot_body(long left, json_t *cursor)
{
    json_t *body =
        json_pack("{s:I}", "max", (json_int_t) (left < LOT ? left : LOT));

    if (given.failed == NULL) {
        (void) json_object_set_new(body, "all", json_true());
    } else {
        (void) json_object_set_new(body, "failed_reason",
                                   json_string(given.failed));
    }

    if (given.reason != NULL) {
        (void) json_object_set_new(body, "reason", json_string(given.reason));
    }

    if (cursor != NULL) {
        (void) json_object_set(body, "cursor", cursor);
    }

    return body;
}


/* Adds up what a request did; how many letters it moved. */
static json_int_t
add_up(move_t *move, const json_t *answer)
{
    for (size_t i = 0; i < N_COUNTS; i++) {
        move->sums[i] += json_integer_value(json_object_get(answer, counts[i]));
    }

    return json_integer_value(json_object_get(answer, move->done));
}


static void
show_sums(const move_t *move)
{
    json_t *sums = json_object();

    for (size_t i = 0; i < N_COUNTS; i++) {
        /* of replayed and discarded one is meant */
        if (i > 1 || strcmp(counts[i], move->done) == 0) {
            (void) json_object_set_new(sums, counts[i],
                                       json_integer(move->sums[i]));
        }
    }

    if (move->options->json) {
        (void) print_json(sums, true);
    } else {
        const char *name;
        json_t *sum;

        json_object_foreach(sums, name, sum)
        {
            (void) printf("%s %" JSON_INTEGER_FORMAT "\n", name,
                          json_integer_value(sum));
        }
    }

    json_decref(sums);
}


/* One request; what is left of the list, NULL for nothing or a failure. */
static json_t *
lot(move_t *move, const char *path, json_int_t *left, json_t *cursor,
    mutt_err_t *err)
{
    json_t *body = lot_body((long) *left, cursor);
    json_t *answer = client_json(move->options, "POST", path, body, err);
    json_t *next = NULL;

    if (answer != NULL) {
        json_int_t waiting =
            json_integer_value(json_object_get(answer, "waiting"));

        *left -= add_up(move, answer);
        next = json_object_get(answer, "next_cursor");
        next = json_is_null(next) || waiting > 0 ? NULL : json_incref(next);
    }

    json_decref(answer);
    json_decref(body);
    json_decref(cursor);

    return next;
}


static int
move_all(move_t *move)
{
    char path[PATH_SIZE];
    mutt_err_t err = { 0 };
    json_int_t left = move->max;
    json_t *cursor = NULL;

    (void) snprintf(path, sizeof(path), "dead-letters/%s/%s",
                    move->options->words[0], move->how);

    do {
        cursor = lot(move, path, &left, cursor, &err);
    } while (cursor != NULL && left > 0);

    json_decref(cursor);

    if (err.rc != MUTT_OK) {
        int status = api_failed(move->command, &err);

        if (move->sums[N_COUNTS - 1] > 0) {
            show_sums(move);
        }

        return status;
    }

    show_sums(move);

    return MUTTDEV_DONE;
}


/* Moves letters of the list that is named, the oldest so many. */
static int
go(const options_t *options, move_t *move, long max)
{
    if (!api_is_name(options->words[0])) {
        return options_wrong(move->command, "\"%s\" is no list",
                             options->words[0]);
    }

    if (move->lacks != NULL) {
        return options_wrong(move->command, "nothing was deleted: it takes %s",
                             move->lacks);
    }

    move->options = options;
    move->max = given.max == 0 ? max : given.max;

    return move_all(move);
}


static int
run_replay(const options_t *options)
{
    move_t move = {
        .command = &muttdev_dlq_replay,
        .how = "replay",
        .done = "replayed",
    };

    return go(options, &move, MAX_DEFAULT);
}


static int
run_purge(const options_t *options)
{
    move_t move = {
        .command = &muttdev_dlq_purge,
        .how = "discard",
        .done = "discarded",
        .lacks = !given.yes             ? "--yes"
                 : given.reason == NULL ? "--reason"
                                        : NULL,
    };

    return go(options, &move, MAX_MAX);
}
