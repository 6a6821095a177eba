/* What a shell needs to complete muttdev's commands and options. */

#ifndef MUTT_CLI_COMPLETION_H
#define MUTT_CLI_COMPLETION_H

#include "muttdev.h"

/* Prints a script for bash, made of the table of commands, which ends with
 * NULL. */
void completion_print(const muttdev_command_t *const *commands);

#endif
