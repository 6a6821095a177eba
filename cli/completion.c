#include "completion.h"

#include <stdio.h>
#include <string.h>

static const char head[] =
    "_muttdev() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} words=''\n"
    "    local before=\" ${COMP_WORDS[*]:1:COMP_CWORD-1} \"\n"
    "\n"
    "    case ${before//  / } in\n";

/* a file's name where no word fits */
static const char tail[] =
    "    esac\n"
    "\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
    "}\n"
    "\n"
    "complete -o default -F _muttdev muttdev\n";


/* The options that a synopsis names: "[--max N] [-f]". */
static void
print_options(const char *synopsis)
{
    for (const char *s = strchr(synopsis, '-'); s != NULL; s = strchr(s, '-')) {
        size_t len = strcspn(s, " ]|=");

        (void) printf("%.*s ", (int) len, s);
        s += len;
    }
}


/* What may follow a whole command. */
static void
print_command(const muttdev_command_t *command)
{
    (void) printf("    ' %s '*) words='", command->name);
    print_options(command->synopsis);
    (void) printf("%s' ;;\n", command->run_words == NULL
                                  ? "--url --key-file --json --help"
                                  : "--help");
}


/* The last words of the commands that begin as the i-th, if it is the first of
 * them. */
static void
print_group(const muttdev_command_t *const *commands, size_t i)
{
    const char *space = strchr(commands[i]->name, ' ');

    if (space == NULL) {
        return;
    }

    size_t len = (size_t) (space - commands[i]->name) + 1;

    if (i > 0 && strncmp(commands[i - 1]->name, commands[i]->name, len) == 0) {
        return;
    }

    (void) printf("    ' %.*s' | ' help %.*s') words='", (int) len,
                  commands[i]->name, (int) len, commands[i]->name);

    for (size_t k = i; commands[k] != NULL; k++) {
        if (strncmp(commands[k]->name, commands[i]->name, len) == 0) {
            (void) printf("%s ", commands[k]->name + len);
        }
    }

    (void) printf("--help' ;;\n");
}


/* The first words of all commands. */
static void
print_first(const muttdev_command_t *const *commands)
{
    (void) printf("    ' ' | ' help ') words='");

    for (size_t i = 0; commands[i] != NULL; i++) {
        size_t len = strcspn(commands[i]->name, " ");

        if (i == 0 ||
            strncmp(commands[i - 1]->name, commands[i]->name, len + 1) != 0) {
            (void) printf("%.*s ", (int) len, commands[i]->name);
        }
    }

    (void) printf("--help' ;;\n");
}


void
completion_print(const muttdev_command_t *const *commands)
{
    (void) fputs(head, stdout);
    print_first(commands);

    for (size_t i = 0; commands[i] != NULL; i++) {
        print_group(commands, i);
        print_command(commands[i]);
    }

    (void) fputs(tail, stdout);
}
