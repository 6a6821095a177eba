/* muttdev version: its own, and with --url that of a server. */

#include <stdio.h>

#include "api.h"
#include "client.h"

static int run(const options_t *options);

const muttdev_command_t muttdev_version = {
    .name = "version",
    .synopsis = "",
    .summary = "print the version; with --url the server's too",
    .help = OPTIONS_HELP,
    .run = run,
};


static int
run(const options_t *options)
{
    mutt_err_t err = { 0 };
    json_t *server = NULL;
    int status = MUTTDEV_DONE;

    if (options->url != NULL) {
        server = client_json(options, "GET", "version", NULL, &err);

        if (server == NULL) {
            return api_failed(&muttdev_version, &err);
        }
    }

    const char *software = print_member(server, "software_version");
    const char *api = print_member(server, "current_version");

    if (options->json) {
        json_t *all = json_pack("{s:s}", "muttdev", MUTT_VERSION);

        if (server != NULL) {
            (void) json_object_set(all, "server", server);
        }

        status = print_json(all, true);
        json_decref(all);
    } else {
        (void) printf("muttdev %s\n", MUTT_VERSION);

        if (server != NULL) {
            (void) printf("server %s, API %s\n", software, api);
        }
    }

    json_decref(server);

    return status;
}
