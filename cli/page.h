/* docs/muttdev.md, from the table of commands. */

#ifndef MUTT_CLI_PAGE_H
#define MUTT_CLI_PAGE_H

#include "muttdev.h"

/* Prints it; commands end with NULL. */
void page_print(const muttdev_command_t *const *commands);

#endif
