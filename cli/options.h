/*
 * What may follow a command's name: words and options.  Which words, and how
 * many, is read from the command's synopsis: "KEY VALUE [FILE]".
 */

#ifndef MUTT_CLI_OPTIONS_H
#define MUTT_CLI_OPTIONS_H

#include <stdbool.h>

#include "muttdev.h"

typedef enum {
    OPTION_FLAG,  /* bool: it was given */
    OPTION_TEXT,  /* const char * */
    OPTION_COUNT, /* long, from min to max */
} option_type_t;

/* An option of one command; a table of them ends with a name of NULL. */
struct option_s {
    const char *name; /* without the dashes */
    char letter;      /* of the short form; 0: none */
    option_type_t type;
    void *value; /* keeps what it has when the option is not given */
    long min;
    long max;
};

/* What all commands take, and the words. */
struct options_s {
    const char *url;      /* NULL: MUTT_URL */
    const char *key_file; /* NULL: the environment's key */
    bool json;
    int n;
    char **words;
};

/* The end of every page that takes them. */
#define OPTIONS_HELP                                                           \
    "\n"                                                                       \
    "--url is the server's address, default MUTT_URL; --key-file a file "      \
    "with\n"                                                                   \
    "the key, default MUTT_API_KEY or the file MUTT_API_KEY_FILE; without\n"   \
    "them the private stack's count. --json prints one line of JSON.\n"        \
    "\n"                                                                       \
    "Exit status: 0 done, 1 failed, 2 usage.\n"

/* To be run, instead of an exit status. */
#define OPTIONS_RUN (-1)

/*
 * Reads what follows a command's name.  OPTIONS_RUN, or the exit status of a
 * command that has no more to do: its page was printed, or one line that says
 * what is wrong.
 */
int options_read(const muttdev_command_t *command, int argc, char **argv,
                 options_t *options);

/* One line that says what is wrong, and how it is called; MUTTDEV_USAGE. */
int options_wrong(const muttdev_command_t *command, const char *fmt, ...)
    MUTT_PRINTF(2, 3);

#endif
