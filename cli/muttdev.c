/* muttdev: commands for people who run MUTT.  Here they are found by name. */

#include "muttdev.h"

#include <stdio.h>
#include <string.h>

#include "completion.h"
#include "options.h"
#include "page.h"

static int help(int argc, char **argv);
static int completion(const options_t *options);

static const muttdev_command_t help_command = {
    .name = "help",
    .synopsis = "[COMMAND]",
    .summary = "list the commands, or explain one",
    .help = "\n\"help --markdown\" prints all pages, as docs/muttdev.md.\n",
    .run_words = help,
};

static const muttdev_command_t completion_command = {
    .name = "completion",
    .synopsis = "",
    .summary = "print what bash needs to complete commands and options",
    .help = "\nFor this shell:  . <(muttdev completion)\nFor all to come:  "
            "muttdev completion > "
            "~/.local/share/bash-completion/completions/muttdev\n" OPTIONS_HELP,
    .run = completion,
};

static const muttdev_command_t *const commands[] = {
    &muttdev_setup,
    &muttdev_up,
    &muttdev_down,
    &muttdev_status,
    &muttdev_doctor,
    &muttdev_logs,
    &muttdev_tail,
    &muttdev_queues,
    &muttdev_slo,
    &muttdev_config_list,
    &muttdev_config_get,
    &muttdev_config_set,
    &muttdev_config_unset,
    &muttdev_config_history,
    &muttdev_rules_list,
    &muttdev_rules_export,
    &muttdev_rules_import,
    &muttdev_rules_test,
    &muttdev_keys_list,
    &muttdev_keys_add,
    &muttdev_keys_rotate,
    &muttdev_keys_limit,
    &muttdev_keys_revoke,
    &muttdev_dlq_list,
    &muttdev_dlq_show,
    &muttdev_dlq_replay,
    &muttdev_dlq_purge,
    &muttdev_send,
    &muttdev_load,
    &muttdev_e2e,
    &muttdev_partitions,
    &muttdev_retention,
    &muttdev_check_ledger,
    &muttdev_check_orphans,
    &muttdev_check_promise,
    &muttdev_version,
    &completion_command,
    &help_command,
    NULL,
};


/* What was printed is out; otherwise it failed, whatever it was. */
static int
written(int status)
{
    bool bad = ferror(stdout) != 0;

    if (fflush(stdout) == 0 && !bad) {
        return status;
    }

    (void) fprintf(stderr, "muttdev: the output could not be written: %m\n");

    return status == MUTTDEV_DONE ? MUTTDEV_FAILED : status;
}


/* How many words of argv spell the name; 0 when they do not. */
static int
words_of(const char *name, int argc, char **argv)
{
    int n = 0;

    for (;;) {
        size_t len = strcspn(name, " ");

        if (n == argc || strlen(argv[n]) != len ||
            strncmp(argv[n], name, len) != 0) {
            return 0;
        }

        n++;

        if (name[len] == '\0') {
            return n;
        }

        name += len + 1;
    }
}


static void
print_row(FILE *out, const muttdev_command_t *command)
{
    (void) fprintf(out, "  %-16s %s\n", command->name, command->summary);
}


/* The commands whose first word this is. */
static void
list_group(FILE *out, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strncmp(commands[i]->name, word, len) == 0 &&
            commands[i]->name[len] == ' ') {
            print_row(out, commands[i]);
        }
    }
}


static void
list(FILE *out)
{
    (void) fprintf(out, "usage: muttdev COMMAND [OPTIONS]\n\n");

    for (size_t i = 0; commands[i] != NULL; i++) {
        print_row(out, commands[i]);
    }

    (void) fprintf(out,
                   "\nSettings come from the environment, or from the "
                   "private stack in $MUTT_HOME\n(default var).  \"muttdev "
                   "help COMMAND\" explains one.\n");
}


int
muttdev_usage(const muttdev_command_t *command)
{
    (void) fprintf(stderr, "usage: muttdev %s%s%s\n", command->name,
                   command->synopsis[0] == '\0' ? "" : " ", command->synopsis);

    return MUTTDEV_USAGE;
}


int
muttdev_help(const muttdev_command_t *command)
{
    (void) printf("muttdev %s%s%s\n\n%s\n%s", command->name,
                  command->synopsis[0] == '\0' ? "" : " ", command->synopsis,
                  command->summary, command->help);

    return MUTTDEV_DONE;
}


static const muttdev_command_t *
find(int argc, char **argv, int *words)
{
    for (size_t i = 0; commands[i] != NULL; i++) {
        *words = words_of(commands[i]->name, argc, argv);

        if (*words > 0) {
            return commands[i];
        }
    }

    return NULL;
}


static bool
is_group(const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strncmp(commands[i]->name, word, len) == 0 &&
            commands[i]->name[len] == ' ') {
            return true;
        }
    }

    return false;
}


static bool
is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}


static int
unknown(int argc, char **argv)
{
    bool group = is_group(argv[0]);

    if (group && argc > 1 && is_help(argv[1])) {
        list_group(stdout, argv[0]);
        return MUTTDEV_DONE;
    }

    if (group && argc == 1) {
        (void) fprintf(stderr,
                       "muttdev: \"%s\" is a group of commands; \"muttdev "
                       "help %s\" lists them\n",
                       argv[0], argv[0]);
        return MUTTDEV_USAGE;
    }

    (void) fprintf(stderr,
                   "muttdev: no command \"%s%s%s\"; \"muttdev help%s%s\" "
                   "lists them\n",
                   argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "",
                   group ? " " : "", group ? argv[0] : "");

    return MUTTDEV_USAGE;
}


static int
completion(const options_t *options)
{
    (void) options;
    completion_print(commands);

    return MUTTDEV_DONE;
}


static int
help(int argc, char **argv)
{
    int words;

    if (argc > 1 && is_help(argv[argc - 1])) {
        argc--;
    }

    if (argc == 1) {
        list(stdout);
        return MUTTDEV_DONE;
    }

    if (strcmp(argv[1], "--markdown") == 0) {
        page_print(commands);
        return MUTTDEV_DONE;
    }

    const muttdev_command_t *command = find(argc - 1, argv + 1, &words);

    if (command != NULL && words == argc - 1) {
        return muttdev_help(command);
    }

    if (argc == 2 && is_group(argv[1])) {
        list_group(stdout, argv[1]);
        return MUTTDEV_DONE;
    }

    return unknown(argc - 1, argv + 1);
}


static int
run(const muttdev_command_t *command, int argc, char **argv)
{
    options_t options;

    if (command->run_words != NULL) {
        return command->run_words(argc, argv);
    }

    int status = options_read(command, argc, argv, &options);

    return status == OPTIONS_RUN ? command->run(&options) : status;
}


int
main(int argc, char **argv)
{
    int words;

    if (argc < 2) {
        list(stderr);
        return MUTTDEV_USAGE;
    }

    if (is_help(argv[1])) {
        list(stdout);
        return MUTTDEV_DONE;
    }

    if (strcmp(argv[1], "--version") == 0) {
        return written(run(&muttdev_version, 1, argv));
    }

    const muttdev_command_t *command = find(argc - 1, argv + 1, &words);

    if (command == NULL) {
        return unknown(argc - 1, argv + 1);
    }

    return written(run(command, argc - words, argv + words));
}
