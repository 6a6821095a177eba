/* muttdev setup, up, down: the private stack, as make makes it. */

#include <stdio.h>
#include <unistd.h>

#include "api.h"
#include "process.h"
#include "stack.h"

#define UP_SECONDS 3600
#define DOWN_SECONDS 900

/* A command that is a target of make. */
#define MAKE_COMMAND(target, limit, line, more)                                \
    static int run_##target(const options_t *options);                         \
    const muttdev_command_t muttdev_##target = {                               \
        .name = #target,                                                       \
        .synopsis = "",                                                        \
        .summary = line,                                                       \
        .help = more OPTIONS_HELP,                                             \
        .run = run_##target,                                                   \
    };                                                                         \
    static int run_##target(const options_t *options)                          \
    {                                                                          \
        char word[] = #target;                                                 \
        return run(&muttdev_##target, options, word, limit);                   \
    }


/* One target of make in the directory that muttdev was built in. */
static bool
make(const muttdev_command_t *command, const options_t *options,
     char *const argv[], int seconds)
{
    const char *root = stack_root();

    if (root == NULL) {
        (void) fprintf(stderr,
                       "muttdev %s: this muttdev is in no clone of MUTT; run "
                       "the build/muttdev of one\n",
                       command->name);
        return false;
    }

    char home[STACK_PATH];
    char variable[STACK_PATH + sizeof("MUTT_HOME=")];
    char *environment[] = { NULL, NULL };
    const char *given = muttdev_environment("MUTT_HOME");

    /* what is relative is so to where we are */
    if (given != NULL && given[0] != '/' &&
        getcwd(home, sizeof(home)) != NULL) {
        (void) snprintf(variable, sizeof(variable), "MUTT_HOME=%s/%s", home,
                        given);
        environment[0] = variable;
    }

    int status =
        process_run(argv, root, environment, options->json, seconds, NULL);

    if (status == PROCESS_FAILED) {
        (void) fprintf(stderr, "muttdev %s: %s can't be run in %s\n",
                       command->name, argv[0], root);
    } else if (status != 0) {
        (void) fprintf(stderr, "muttdev %s: %s %s%s; what it said is above\n",
                       command->name, argv[0], argv[2],
                       status == PROCESS_TIMEOUT ? " took too long"
                                                 : " failed");
    }

    return status == 0;
}


static int
done(const options_t *options)
{
    if (options->json) {
        json_t *all = json_pack("{s:b}", "done", 1);

        (void) print_json(all, true);
        json_decref(all);
    }

    return MUTTDEV_DONE;
}


static int
run(const muttdev_command_t *command, const options_t *options, char *target,
    int seconds)
{
    char *const words[] = { "make", "--no-print-directory", target, NULL };

    return make(command, options, words, seconds) ? done(options)
                                                  : MUTTDEV_FAILED;
}


MAKE_COMMAND(setup, UP_SECONDS,
             "install what a private stack needs, and build it",
             "\nWhat make up does first: Debian packages that are missing "
             "(with sudo where\none is not root), then the programs.\n")
MAKE_COMMAND(
    up, UP_SECONDS, "start the private stack, as make up",
    "\nIn $MUTT_HOME, default var; nginx at MUTT_PORT or the next free "
    "port. Again is\nharmless: it starts what is down.\n")
MAKE_COMMAND(down, DOWN_SECONDS,
             "stop the private stack, as make down; its data stays", "")
