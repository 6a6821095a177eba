/* Where muttdev's settings come from. */

#include "muttdev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack.h"

#define FILE_MAX 65536
#define PATH_LEN 4096
#define VARIABLES 64

/* of the stack's mutt.env; empty when the environment counts alone */
static char text[FILE_MAX];
static struct {
    const char *name;
    const char *value;
} variables[VARIABLES];
static size_t n_variables;

/* where the stack's state is; empty when there is none */
static char home[PATH_LEN];


static bool
is_set(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0';
}


/* NAME=VALUE or NAME='VALUE', as make up writes them. */
static void
take_line(char *line)
{
    char *value = strchr(line, '=');

    if (value == NULL || n_variables == VARIABLES) {
        return;
    }

    *value++ = '\0';

    size_t len = strlen(value);

    if (len >= 2 && value[0] == '\'' && value[len - 1] == '\'') {
        value[len - 1] = '\0';
        value++;
    }

    variables[n_variables].name = line;
    variables[n_variables++].value = value;
}


/* The file of a stack in a directory; NULL when there is none. */
static FILE *
open_stack(const char *dir)
{
    char path[PATH_LEN + sizeof("/mutt.env")];

    (void) snprintf(path, sizeof(path), "%s/mutt.env", dir);

    FILE *f = fopen(path, "re");

    if (f == NULL || realpath(dir, home) == NULL) {
        home[0] = '\0';
    }

    return f;
}


/* $MUTT_HOME, or var here, or var of the clone that this program was built
 * in.  A stack that is not there is none. */
static void
read_stack(void)
{
    static bool done;
    char path[PATH_LEN];

    if (done) {
        return;
    }

    done = true;

    FILE *f = open_stack(is_set("MUTT_HOME") ? getenv("MUTT_HOME") : "var");
    const char *root = f == NULL && !is_set("MUTT_HOME") ? stack_root() : NULL;

    if (root != NULL &&
        snprintf(path, sizeof(path), "%s/var", root) < (int) sizeof(path)) {
        f = open_stack(path);
    }

    if (f == NULL) {
        return;
    }

    size_t n = fread(text, 1, sizeof(text) - 1, f);

    (void) fclose(f);
    text[n] = '\0';

    for (char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        bool last = line[len] == '\0';

        line[len] = '\0';
        take_line(line);
        line += len + !last;
    }
}


static const char *
get(const char *name)
{
    const char *value = is_set(name) ? getenv(name) : NULL;

    for (size_t i = 0; value == NULL && i < n_variables; i++) {
        if (strcmp(variables[i].name, name) == 0) {
            value = variables[i].value;
        }
    }

    if (value != NULL) {
        return value;
    }

    /* a person waits longer than a worker, and asks for more at a time */
    if (strcmp(name, "REDIS_TIMEOUT_MS") == 0) {
        return "5000";
    }

    return strcmp(name, "DB_TIMEOUT_MS") == 0 ? "60000" : NULL;
}


const char *
muttdev_stack(const char *name)
{
    read_stack();

    for (size_t i = 0; i < n_variables; i++) {
        if (strcmp(variables[i].name, name) == 0) {
            return variables[i].value;
        }
    }

    return NULL;
}


const char *
muttdev_home(void)
{
    read_stack();

    return home[0] == '\0' ? NULL : home;
}


const char *
muttdev_environment(const char *name)
{
    return is_set(name) ? getenv(name) : NULL;
}


const char *
muttdev_variable(const char *name)
{
    if (!is_set(name)) {
        read_stack();
    }

    return get(name);
}


mutt_rc_t
muttdev_settings(mutt_settings_t **settings, mutt_err_t *err)
{
    static const char *const servers[] = { "REDIS_URL", "REDIS_HOST",
                                           "DATABASE_URL", "DB_HOST" };
    bool named = false;

    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
        named = named || is_set(servers[i]);
    }

    /* never one stack's Redis with another's PostgreSQL */
    if (!named) {
        read_stack();
    }

    return mutt_settings_load(get, settings, err);
}


bool
muttdev_seconds(const char *from, double *seconds)
{
    char *end;

    *seconds = strtod(from, &end);

    return end != from && (*end == '\0' || strcmp(end, "s") == 0) &&
           *seconds >= 0 && *seconds <= 86400;
}
