#include "page.h"

#include <stdio.h>
#include <string.h>

#include "options.h"

static const char introduction[] =
    "# muttdev\n"
    "\n"
    "The command line for people who run MUTT. This page is made of the table\n"
    "of commands by `make docs`; `muttdev help COMMAND` and `muttdev COMMAND\n"
    "--help` print the same.\n"
    "\n"
    "- On the machine of a private stack (`make up`) it finds everything by\n"
    "  `$MUTT_HOME/mutt.env`, default `var/`. Elsewhere say where and with "
    "which\n"
    "  key: `MUTT_URL` and `MUTT_API_KEY`, or `--url` and `--key-file FILE`. "
    "A\n"
    "  key is never an argument: arguments are seen by whoever is on the "
    "machine.\n"
    "- All commands but `check` and `help` take `--url`, `--key-file`, "
    "`--json`\n"
    "  and `--help`. With `--json` a command prints one line of JSON; "
    "without,\n"
    "  text for people, in which control characters of events are written "
    "out.\n"
    "- Exit status: 0 done, 1 failed, 2 usage; `slo`, `check` and `status` "
    "say\n"
    "  more with theirs. Nothing waits without an end.\n"
    "- What fails is one line on stderr, with what to do about it.\n"
    "\n"
    "| Command | Does |\n"
    "|---|---|\n";


/* The page of one, without what all pages end with. */
static void
print_one(const muttdev_command_t *command)
{
    size_t len = strlen(command->help);
    size_t end = sizeof(OPTIONS_HELP) - 1;

    if (len >= end && strcmp(command->help + len - end, OPTIONS_HELP) == 0) {
        len -= end;
    }

    (void) printf("\n## %s\n\n    muttdev %s%s%s\n", command->name,
                  command->name, command->synopsis[0] == '\0' ? "" : " ",
                  command->synopsis);

    for (const char *s = command->help; s < command->help + len;) {
        size_t line = strcspn(s, "\n");

        if (line > 0) {
            (void) printf("    %.*s\n", (int) line, s);
        } else {
            (void) printf("\n");
        }

        s += line + 1;
    }
}


void
page_print(const muttdev_command_t *const *commands)
{
    (void) fputs(introduction, stdout);

    for (size_t i = 0; commands[i] != NULL; i++) {
        (void) printf("| `%s` | %s |\n", commands[i]->name,
                      commands[i]->summary);
    }

    for (size_t i = 0; commands[i] != NULL; i++) {
        print_one(commands[i]);
    }
}
