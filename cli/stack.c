#include "stack.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

const stack_part_t stack_parts[STACK_PARTS] = {
    { "nginx", "mutt", NULL, "no event is taken, and no request is answered" },
    { "alerter", "mutt-alerter", "METRICS_PORT_ALERTER",
      "events wait in the ingest queue" },
    { "forwarder", "mutt-moog-forwarder", "METRICS_PORT_MOOG",
      "alerts wait in the alert queue" },
    { "remediation", "mutt-remediation", "METRICS_PORT_REMEDIATION",
      "dead letters are not sent again, objectives grow stale" },
    { "retention", "mutt-retention", "METRICS_PORT_RETENTION",
      "old events are kept, months are not made ahead" },
};

static const mutt_setting_t ports[STACK_PARTS] = {
    [1] = MUTT_SET_METRICS_PORT_ALERTER,
    [2] = MUTT_SET_METRICS_PORT_MOOG,
    [3] = MUTT_SET_METRICS_PORT_REMEDIATION,
    [4] = MUTT_SET_METRICS_PORT_RETENTION,
};


const char *
stack_home(const options_t *options)
{
    mutt_err_t err;
    const char *own = muttdev_stack("MUTT_URL");
    const char *asked = own == NULL ? NULL : client_url(options, &err);

    return asked != NULL && strcmp(own, asked) == 0 ? muttdev_home() : NULL;
}


/* The port that make up gave a part; false when there is none. */
static bool
read_port(const char *home, const char *name, char port[16])
{
    char path[STACK_PATH];

    (void) snprintf(path, sizeof(path), "%s/run/%s.port", home, name);

    FILE *f = fopen(path, "re");

    if (f == NULL) {
        return false;
    }

    bool found = fscanf(f, "%15[0-9]", port) == 1;

    (void) fclose(f);

    return found;
}


bool
stack_health_url(const stack_part_t *part, const options_t *options,
                 const char *host, char url[STACK_PATH], mutt_err_t *err)
{
    if (part->port == NULL) {
        const char *base = client_url(options, err);

        (void) snprintf(url, STACK_PATH, "%s/health", base == NULL ? "" : base);

        return base != NULL;
    }

    char found[16];
    const char *port = muttdev_environment(part->port);
    const char *home = stack_home(options);

    if (port == NULL && home != NULL && read_port(home, part->name, found)) {
        port = found;
    }

    if (port == NULL) {
        port = mutt_setting_rows[ports[part - stack_parts]].def;
    }

    (void) snprintf(url, STACK_PATH, "http://%s:%s/health",
                    host == NULL ? "127.0.0.1" : host, port);

    return true;
}


const char *
stack_root(void)
{
    static char path[STACK_PATH];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);

    /* ROOT/build/muttdev */
    for (int i = 0; i < 2 && n > 0; i++) {
        path[n] = '\0';

        char *slash = strrchr(path, '/');

        n = slash == NULL ? -1 : slash - path;
    }

    if (n <= 0) {
        return NULL;
    }

    (void) snprintf(path + n, sizeof(path) - (size_t) n, "/tools/mutt-stack");

    bool there = access(path, X_OK) == 0;

    path[n] = '\0';

    return there ? path : NULL;
}
