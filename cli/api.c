/* Commands that are one request to the management API: what it answers is
 * printed as JSON. */

#include "muttdev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "client.h"

#define PATH_SIZE 512
#define BODY_SIZE 65536

/* of the letters of a name in a path */
#define NAME_LETTERS                                                           \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

#define COMMON                                                                 \
    "--url is the server's address, default MUTT_URL; the key is taken from\n" \
    "MUTT_API_KEY; both may be the private stack's. --json prints the "        \
    "answer\n"                                                                 \
    "on one line.\n\nExit status: 0 done, 1 failed, 2 usage.\n"

typedef struct {
    const char *url;
    const char *reason;
    const char *max;
    bool json;
    int n; /* words that are no options */
    const char *words[2];
} options_t;

/* What a command asks for; %s is its first word. */
typedef struct {
    const muttdev_command_t *command;
    const char *method;
    const char *path;
    int words;
    json_t *(*body)(const options_t *options);
    const char *only; /* the member that is printed alone; NULL: all */
} request_t;


static json_t *
with_reason(const options_t *options, json_t *body)
{
    if (options->reason != NULL) {
        (void) json_object_set_new(body, "reason",
                                   json_string(options->reason));
    }

    return body;
}


static json_t *
reason_body(const options_t *options)
{
    return with_reason(options, json_object());
}


static json_t *
value_body(const options_t *options)
{
    return with_reason(options, json_pack("{s:s}", "value", options->words[1]));
}


static json_t *
replay_body(const options_t *options)
{
    json_t *body = with_reason(options, json_pack("{s:b}", "all", 1));

    if (options->max != NULL) {
        (void) json_object_set_new(
            body, "max", json_integer(strtoll(options->max, NULL, 10)));
    }

    return body;
}


static int run(int argc, char **argv, const request_t *request);

#define COMMAND(id, title, words_text, line, more)                             \
    static int run_##id(int argc, char **argv);                                \
    const muttdev_command_t muttdev_##id = {                                   \
        .name = title,                                                         \
        .synopsis = words_text,                                                \
        .summary = line,                                                       \
        .help = "\n" more COMMON,                                              \
        .run = run_##id,                                                       \
    }

#define REQUEST(id, how, where, n, made, printed)                              \
    static int run_##id(int argc, char **argv)                                 \
    {                                                                          \
        static const request_t request = { &muttdev_##id, how,    where, n,    \
                                           made,          printed };           \
        return run(argc, argv, &request);                                      \
    }

COMMAND(queues, "queues", "[--json] [--url URL]",
        "depths, ages, breaker and workers, by GET status", "");
COMMAND(config_list, "config list", "[--json] [--url URL]", "all live settings",
        "");
COMMAND(config_get, "config get", "KEY [--json] [--url URL]",
        "a live setting's value", "");
COMMAND(config_set, "config set", "KEY VALUE [--reason TEXT] [--url URL]",
        "store a live setting, audited",
        "It applies within seconds, to all processes.\n");
COMMAND(config_unset, "config unset", "KEY [--reason TEXT] [--url URL]",
        "return a live setting to its default, audited", "");
COMMAND(rules_list, "rules list", "[--json] [--url URL]",
        "the first 50 rules, in the order in which they are tried", "");
COMMAND(dlq_list, "dlq list", "[--json] [--url URL]", "the dead letter queues",
        "");
COMMAND(dlq_show, "dlq show", "LIST [--json] [--url URL]",
        "the oldest letters of alerter, moog or dead", "");
COMMAND(dlq_replay, "dlq replay", "LIST [--max N] [--reason TEXT] [--url URL]",
        "send letters of alerter, moog or dead again, audited",
        "All that may be replayed, 1,000 unless --max says how many.\n");

REQUEST(queues, "GET", "status", 0, NULL, NULL)
REQUEST(config_list, "GET", "config", 0, NULL, "config")
REQUEST(config_get, "GET", "config/%s", 1, NULL, "value")
REQUEST(config_set, "PUT", "config/%s", 2, value_body, NULL)
REQUEST(config_unset, "DELETE", "config/%s", 1, reason_body, NULL)
REQUEST(rules_list, "GET", "rules?limit=50", 0, NULL, NULL)
REQUEST(dlq_list, "GET", "dead-letters", 0, NULL, NULL)
REQUEST(dlq_show, "GET", "dead-letters/%s?limit=20", 1, NULL, NULL)
REQUEST(dlq_replay, "POST", "dead-letters/%s/replay", 1, replay_body, NULL)


static bool
read_options(int argc, char **argv, options_t *o)
{
    const struct {
        const char *name;
        const char **value;
    } named[] = {
        { "--url", &o->url },
        { "--reason", &o->reason },
        { "--max", &o->max },
    };

    *o = (options_t) { 0 };

    for (int i = 1; i < argc; i++) {
        size_t k = 0;

        while (k < 3 && strcmp(argv[i], named[k].name) != 0) {
            k++;
        }

        if (strcmp(argv[i], "--json") == 0) {
            o->json = true;
        } else if (k < 3 && i + 1 < argc) {
            *named[k].value = argv[++i];
        } else if (k < 3 || strncmp(argv[i], "--", 2) == 0 || o->n == 2) {
            return false;
        } else {
            o->words[o->n++] = argv[i];
        }
    }

    return true;
}


static bool
fits(const options_t *o, const request_t *request)
{
    const char *word = o->words[0];

    return o->n == request->words &&
           (o->n == 0 ||
            (word[0] != '\0' && word[strspn(word, NAME_LETTERS)] == '\0')) &&
           (o->max == NULL || (o->max[0] != '\0' &&
                               o->max[strspn(o->max, "0123456789")] == '\0'));
}


static int
print(const mutt_buf_t *answer, const char *only, bool one_line)
{
    json_t *all = json_loadb(answer->data, answer->len, JSON_DECODE_ANY, NULL);
    json_t *part = only == NULL || one_line ? all : json_object_get(all, only);
    size_t flags =
        JSON_ENCODE_ANY | (one_line ? JSON_COMPACT : (size_t) JSON_INDENT(2));
    char *text = part == NULL ? NULL : json_dumps(part, flags);

    if (text == NULL) {
        (void) fprintf(stderr, "muttdev: the answer is no JSON\n");
    } else if (json_is_string(part)) {
        (void) printf("%s\n", json_string_value(part));
    } else {
        (void) printf("%s\n", text);
    }

    free(text);
    json_decref(all);

    return text == NULL ? MUTTDEV_FAILED : MUTTDEV_DONE;
}


static int
call(const options_t *o, const request_t *request)
{
    char path[PATH_SIZE];
    mutt_buf_t answer;
    mutt_err_t err = { 0 };
    json_t *body = request->body == NULL ? NULL : request->body(o);
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    const char *rest = strstr(request->path, "%s");
    int status = MUTTDEV_FAILED;

    if (rest == NULL) {
        (void) snprintf(path, sizeof(path), "%s", request->path);
    } else {
        (void) snprintf(path, sizeof(path), "%.*s%s%s",
                        (int) (rest - request->path), request->path,
                        o->words[0], rest + 2);
    }

    mutt_buf_init(&answer, CLIENT_MAX);

    if (request->body != NULL && text == NULL) {
        (void) fprintf(stderr, "muttdev %s: the text is not UTF-8\n",
                       request->command->name);
    } else if (client_call(o->url, request->method, path, mutt_str(text),
                           &answer, &err) != MUTT_OK) {
        (void) fprintf(stderr, "muttdev %s: %s\n", request->command->name,
                       err.text);
    } else {
        status = print(&answer, request->only, o->json);
    }

    mutt_buf_done(&answer);
    free(text);
    json_decref(body);

    return status;
}


static int
run(int argc, char **argv, const request_t *request)
{
    options_t options;

    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        return muttdev_help(request->command);
    }

    if (!read_options(argc, argv, &options) || !fits(&options, request)) {
        return muttdev_usage(request->command);
    }

    return call(&options, request);
}
