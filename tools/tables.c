/*
 * mutt-tables settings|metrics|errors: the reference pages of docs/, written
 * from the tables that the programs themselves are built from.
 */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/mutt_api_errors.h"
#include "conf/mutt_metrics.h"
#include "conf/mutt_settings.h"

#define METRICS_MAX (1 << 20)

static const struct {
    unsigned flag;
    const char *name;
} readers[] = {
    { MUTT_S_MODULE, "module" },       { MUTT_S_ALERTER, "alerter" },
    { MUTT_S_FORWARDER, "forwarder" }, { MUTT_S_REMEDIATION, "remediation" },
    { MUTT_S_RETENTION, "retention" },
};


static void
print_readers(unsigned flags)
{
    const char *comma = "";

    if ((flags & MUTT_S_ALL) == MUTT_S_ALL) {
        (void) printf("all");
        return;
    }

    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (flags & readers[i].flag) {
            (void) printf("%s%s", comma, readers[i].name);
            comma = ", ";
        }
    }
}


static void
print_upper(const char *name)
{
    for (; *name != '\0'; name++) {
        (void) putchar(toupper((unsigned char) *name));
    }
}


static void
print_setting(const mutt_setting_row_t *row, bool live)
{
    static const char *const types[] = { "int",  "float", "bool",
                                         "enum", "text",  "secret" };

    (void) printf("| `");

    if (live) {
        (void) printf("%s", row->name);
    } else {
        print_upper(row->name);
    }

    (void) printf("` | %s | %s%s%s | %s | %s | ", types[row->type],
                  row->def == NULL ? "" : "`",
                  row->def == NULL ? "-" : row->def,
                  row->def == NULL ? "" : "`", row->range, row->unit);
    print_readers(row->flags);
    (void) printf(" | %s |\n", row->help);
}


static void
print_settings_table(bool live)
{
    (void) printf("| Name | Type | Default | Range | Unit | Read by | Meaning "
                  "|\n|---|---|---|---|---|---|---|\n");

    for (int i = 0; i < MUTT_SETTING_COUNT; i++) {
        const mutt_setting_row_t *row = &mutt_setting_rows[i];

        if (((row->flags & MUTT_S_LIVE) != 0) == live) {
            print_setting(row, live);
        }
    }
}


static void
settings(void)
{
    (void) printf(
        "# Settings\n\n"
        "Written by `make docs` from `lib/conf/mutt_settings.def`.\n\n"
        "## Live settings\n\n"
        "Stored in Redis under `mutt:config:{name}`, they apply to running\n"
        "processes within a second or two, and to nginx' new ones from their\n"
        "first request on. Without a stored value the environment variable\n"
        "of the upper-case name counts, then the default. An invalid stored\n"
        "value is ignored, with a warning.\n\n");
    print_settings_table(true);
    (void) printf(
        "\n## Environment\n\n"
        "Read when a process starts. A secret may be in a file instead, named\n"
        "by the variable with `_FILE` behind it; a bad value is one line on\n"
        "stderr and exit 1.\n\n");
    print_settings_table(false);
}


static void
errors(void)
{
    (void) printf("# Error codes\n\n"
                  "Written by `make docs` from "
                  "`lib/conf/mutt_api_errors.def`. Codes are stable, texts "
                  "are not.\n\n"
                  "| Code | HTTP | Reason in `mutt_ingest_requests_total` | "
                  "Text |\n|---|---|---|---|\n");

    for (int i = 0; i < MUTT_API_ERROR_COUNT; i++) {
        const mutt_api_error_t *e = &mutt_api_errors[i];

        (void) printf("| `%s` | %d | %s | %s |\n", e->code, e->status,
                      e->reason[0] == '\0' ? "-" : e->reason, e->text);
    }
}


/* One metric of the exposition: "# HELP name text", "# TYPE name type". */
static void
print_metric(char *help, const char *type)
{
    char *text = strchr(help, ' ');

    *text++ = '\0';
    (void) printf("| `%s` | %s | %s |\n", help, type, text);
}


static int
metrics(void)
{
    uint64_t *slots = calloc(mutt_metrics_slots(), sizeof(uint64_t));
    uint64_t *rows[] = { slots };
    mutt_buf_t b;
    char *help = NULL;
    char *rest = NULL;

    if (slots == NULL) {
        return 1;
    }

    (void) printf("# Metrics\n\n"
                  "Written by `make docs` from `lib/conf/mutt_metrics.def`. "
                  "Labels and their values are closed\nlists; "
                  "`/metrics` shows every series from the start.\n\n"
                  "| Name | Type | Meaning |\n|---|---|---|\n");

    mutt_buf_init(&b, METRICS_MAX);
    mutt_metrics_render(
        &b, &(mutt_metrics_view_t) {
                .rows = rows, .n = 1, .mask = MUTT_S_ALL, .version = "" });
    mutt_buf_add(&b, "", 1);

    for (char *line = strtok_r(b.data, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            help = line + 7;
        } else if (strncmp(line, "# TYPE ", 7) == 0 && help != NULL) {
            print_metric(help, strrchr(line, ' ') + 1);
            help = NULL;
        }
    }

    mutt_buf_done(&b);
    free(slots);

    return 0;
}


int
main(int argc, char **argv)
{
    const char *page = argc == 2 ? argv[1] : "";

    if (strcmp(page, "settings") == 0) {
        settings();
        return 0;
    }

    if (strcmp(page, "errors") == 0) {
        errors();
        return 0;
    }

    if (strcmp(page, "metrics") == 0) {
        return metrics();
    }

    (void) fprintf(stderr, "usage: mutt-tables settings|metrics|errors\n");

    return 2;
}
