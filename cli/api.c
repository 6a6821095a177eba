#include "api.h"

#include <stdio.h>
#include <string.h>

#include "client.h"

#define PATH_SIZE 512
#define N_DEFAULT 50

/* of the letters of a name in a path */
#define NAME_LETTERS                                                           \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"


api_fields_t api_fields = { .n = N_DEFAULT };

const option_t api_takes_n[] = {
    { "lines", 'n', OPTION_COUNT, &api_fields.n, 1, 200 },
    { 0 },
};

const option_t api_takes_reason[] = {
    API_REASON,
    { 0 },
};


bool
api_is_name(const char *word)
{
    return word[0] != '\0' && word[strspn(word, NAME_LETTERS)] == '\0' &&
           word[strspn(word, ".")] != '\0';
}


int
api_failed(const muttdev_command_t *command, const mutt_err_t *err)
{
    (void) fprintf(stderr, "muttdev %s: %s\n", command->name, err->text);

    return MUTTDEV_FAILED;
}


int
api_store_failed(const muttdev_command_t *command, const mutt_err_t *err)
{
    (void) fprintf(stderr,
                   "muttdev %s: %s; it is asked at REDIS_URL and DATABASE_URL, "
                   "\"muttdev doctor\" looks closer\n",
                   command->name, err->text);

    return MUTTDEV_FAILED;
}


json_t *
api_reason(const options_t *options)
{
    json_t *body = json_object();

    (void) options;

    if (api_fields.reason != NULL) {
        (void) json_object_set_new(body, "reason",
                                   json_string(api_fields.reason));
    }

    return body;
}


/* The path with the first word and -n in their places. */
static void
make_path(const api_request_t *request, const options_t *options,
          char path[PATH_SIZE])
{
    size_t at = 0;

    for (const char *s = request->path; *s != '\0' && at < PATH_SIZE; s++) {
        if (*s == '[' && options->n == 0) {
            s += strcspn(s, "]");
        } else if (*s == '%' && s[1] == 's') {
            at += (size_t) snprintf(path + at, PATH_SIZE - at, "%s",
                                    options->words[0]);
            s++;
        } else if (*s == '%') {
            at += (size_t) snprintf(path + at, PATH_SIZE - at, "%ld",
                                    api_fields.n);
            s += 2;
        } else if (*s != '[' && *s != ']') {
            at += (size_t) snprintf(path + at, PATH_SIZE - at, "%c", *s);
        }
    }
}


static void
show(const api_request_t *request, const json_t *answer)
{
    if (request->columns == NULL) {
        request->show(answer);
    } else {
        print_table(json_object_get(answer, request->list), request->columns);
    }
}


static int
call(const options_t *options, const api_request_t *request)
{
    char path[PATH_SIZE];
    mutt_err_t err = { 0 };
    json_t *body = NULL;
    int status = MUTTDEV_DONE;

    if (request->body != NULL) {
        body = request->body(options);

        if (body == NULL) {
            return MUTTDEV_USAGE;
        }
    }

    make_path(request, options, path);

    json_t *answer = client_json(options, request->method, path, body, &err);

    if (answer == NULL) {
        status = api_failed(request->command, &err);
    } else if (options->json) {
        status = print_json(answer, true);
    } else {
        show(request, answer);
    }

    json_decref(answer);
    json_decref(body);

    return status;
}


int
api_run(const options_t *options, const api_request_t *request)
{
    if (options->n > 0 && !api_is_name(options->words[0])) {
        return options_wrong(request->command, "\"%s\" is no name",
                             options->words[0]);
    }

    return call(options, request);
}
