#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS 16
#define LETTERS (2 * OPTIONS + 4)

/* what getopt_long() returns for the i-th option */
#define CODE(i) (256 + (int) (i))

typedef struct {
    option_t rows[OPTIONS];
    struct option longs[OPTIONS + 1];
    char letters[LETTERS];
    size_t n;
    bool help;
} table_t;


int
options_wrong(const muttdev_command_t *command, const char *fmt, ...)
{
    va_list args;

    (void) fprintf(stderr, "muttdev %s: ", command->name);
    va_start(args, fmt);
    (void) vfprintf(stderr, fmt, args);
    va_end(args);
    (void) fprintf(stderr, "; usage: muttdev %s%s%s\n", command->name,
                   command->synopsis[0] == '\0' ? "" : " ", command->synopsis);

    return MUTTDEV_USAGE;
}


static void
add(table_t *t, const option_t *row)
{
    size_t at = strlen(t->letters);

    t->rows[t->n] = *row;
    t->longs[t->n] = (struct option) {
        .name = row->name,
        .has_arg = row->type == OPTION_FLAG ? no_argument : required_argument,
        .val = CODE(t->n),
    };

    if (row->letter != '\0') {
        t->letters[at] = row->letter;
        t->letters[at + 1] = row->type == OPTION_FLAG ? '\0' : ':';
    }

    t->n++;
}


/* False when the text does not fit the option. */
static bool
take(const option_t *row, const char *text)
{
    char *end;
    long n;

    switch (row->type) {
    case OPTION_FLAG:
        *(bool *) row->value = true;
        return true;

    case OPTION_TEXT:
        *(const char **) row->value = text;
        return true;

    case OPTION_COUNT:
        errno = 0;
        n = strtol(text, &end, 10);

        if (text[0] == '\0' || *end != '\0' || errno != 0 || n < row->min ||
            n > row->max) {
            return false;
        }

        *(long *) row->value = n;
        return true;
    }

    return false;
}


static const option_t *
find(const table_t *t, int code)
{
    for (size_t i = 0; i < t->n; i++) {
        if (code == CODE(i) || (code > 0 && code == t->rows[i].letter)) {
            return &t->rows[i];
        }
    }

    return NULL;
}


/* The next word of a synopsis that is no option: its length; at moves on
 * behind it. */
static size_t
next_word(const char **at, const char **word, bool *required)
{
    const char *s = *at;

    while (*s != '\0') {
        s += strspn(s, " ");

        size_t len = strcspn(s, " ");
        bool open = s[0] == '[';

        if (len > 0 && s[open] >= 'A' && s[open] <= 'Z') {
            *required = !open;
            *word = s + open;
            *at = s + len;

            return strcspn(*word, " ].");
        }

        /* an option, which may have a word of its own */
        s += open ? strcspn(s, "]") + 1 : len;

        if (!open && len > 0) {
            const char *value = s + strspn(s, " ");

            s = *value >= 'A' && *value <= 'Z' ? value + strcspn(value, " ")
                                               : value;
        }
    }

    return 0;
}


static int
check_words(const muttdev_command_t *command, int n)
{
    const char *at = command->synopsis;
    const char *word;
    bool required;
    int i = 0;
    size_t len;

    while ((len = next_word(&at, &word, &required)) > 0) {
        if (i >= n && required) {
            return options_wrong(command, "%.*s is missing", (int) len, word);
        }

        i++;
    }

    return n > i ? options_wrong(command, "too many words") : OPTIONS_RUN;
}


static int
take_option(const muttdev_command_t *command, const table_t *t, int code,
            char **argv)
{
    const option_t *row = find(t, code == ':' ? optopt : code);

    if (row == NULL) {
        /* of a long one optopt says nothing */
        return optopt > 0 && optopt < 256
                   ? options_wrong(command, "there is no option -%c", optopt)
                   : options_wrong(command, "there is no option %s",
                                   argv[optind - 1]);
    }

    char letter[] = { '-', row->letter, '\0' };
    const char *name = row->letter == '\0' ? row->name : letter;
    const char *dashes = row->letter == '\0' ? "--" : "";

    if (code == ':') {
        return options_wrong(command, "%s%s wants a value", dashes, name);
    }

    if (!take(row, optarg)) {
        return options_wrong(command, "%s%s wants a number from %ld to %ld",
                             dashes, name, row->min, row->max);
    }

    return OPTIONS_RUN;
}


int
options_read(const muttdev_command_t *command, int argc, char **argv,
             options_t *options)
{
    table_t t = { .letters = ":" };
    int status = OPTIONS_RUN;
    int code;

    *options = (options_t) { 0 };

    const option_t common[] = {
        { .name = "url", .type = OPTION_TEXT, .value = &options->url },
        { .name = "key-file",
          .type = OPTION_TEXT,
          .value = &options->key_file },
        { .name = "json", .type = OPTION_FLAG, .value = &options->json },
        { .name = "help",
          .letter = 'h',
          .type = OPTION_FLAG,
          .value = &t.help },
    };

    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        add(&t, &common[i]);
    }

    for (const option_t *own = command->own;
         own != NULL && own->name != NULL && t.n < OPTIONS; own++) {
        add(&t, own);
    }

    opterr = 0;
    optind = 0;

    while (status == OPTIONS_RUN &&
           (code = getopt_long(argc, argv, t.letters, t.longs, NULL)) != -1) {
        status = take_option(command, &t, code, argv);
    }

    if (status != OPTIONS_RUN) {
        return status;
    }

    if (t.help) {
        return muttdev_help(command);
    }

    options->words = argv + optind;
    options->n = argc - optind;

    return check_words(command, options->n);
}
