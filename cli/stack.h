/* The private stack that muttdev may stand beside, and where the processes of
 * MUTT answer for their health. */

#ifndef MUTT_CLI_STACK_H
#define MUTT_CLI_STACK_H

#include "options.h"

#define STACK_PATH 4096

/* A process with a health port. */
typedef struct {
    const char *name;    /* as make up and the logs call it */
    const char *service; /* as it calls itself */
    const char *port;    /* the variable with its port; NULL: nginx */
    const char *needed;  /* what happens without it */
} stack_part_t;

#define STACK_PARTS 5

extern const stack_part_t stack_parts[STACK_PARTS];

/* The state directory whose mutt.env leads to the server that is asked; NULL
 * when the server is another. */
const char *stack_home(const options_t *options);

/*
 * Where a part answers: for workers the port is the environment's, or the
 * stack's, or the default one; host NULL is this machine.  False with err
 * where there is no address.
 */
bool stack_health_url(const stack_part_t *part, const options_t *options,
                      const char *host, char url[STACK_PATH], mutt_err_t *err);

/* The directory that muttdev was built in, with its tools/; NULL when it is
 * not in one. */
const char *stack_root(void);

#endif
