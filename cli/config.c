/* muttdev config: live settings, and who changed them. */

#include <stdio.h>

#include "api.h"

static const column_t entries[] = {
    { "SETTING", "key" }, { "VALUE", "value" },       { "DEFAULT", "default" },
    { "UNIT", "unit" },   { "SET BY", "updated_by" }, { "AT", "updated_at" },
    { NULL, NULL },
};


static json_t *
value_body(const options_t *options)
{
    json_t *body = api_reason(options);

    (void) json_object_set_new(body, "value", json_string(options->words[1]));

    return body;
}


static void
show_value(const json_t *answer)
{
    (void) print_text(stdout, mutt_str(print_member(answer, "value")));
    (void) putchar('\n');
}


static void
show_change(const char *key, const char *from, const char *to)
{
    (void) print_text(stdout, mutt_str(key));
    (void) fputs(": ", stdout);
    (void) print_text(stdout, mutt_str(from));
    (void) fputs(" -> ", stdout);
    (void) print_text(stdout, mutt_str(to));
}


/* A value, or what counts where none is stored. */
static const char *
value_of(const json_t *change, const char *member)
{
    const char *value = print_member(change, member);

    return strcmp(value, "-") == 0 ? "default" : value;
}


static void
show_set(const json_t *answer)
{
    show_change(print_member(answer, "key"), value_of(answer, "old_value"),
                print_member(answer, "new_value"));
    (void) putchar('\n');
}


static void
show_history(const json_t *answer)
{
    const json_t *history = json_object_get(answer, "history");
    size_t i;
    const json_t *change;

    if (json_array_size(history) == 0) {
        (void) printf("none\n");
    }

    json_array_foreach(history, i, change)
    {
        const char *reason = print_member(change, "reason");

        (void) printf("%.19sZ  ", print_member(change, "changed_at"));
        (void) print_text(stdout, mutt_str(print_member(change, "changed_by")));
        (void) fputs("  ", stdout);
        show_change(print_member(change, "record_key"),
                    value_of(change, "old_values.value"),
                    value_of(change, "new_values.value"));

        if (strcmp(reason, "-") != 0) {
            (void) fputs("  (", stdout);
            (void) print_text(stdout, mutt_str(reason));
            (void) putchar(')');
        }

        (void) putchar('\n');
    }
}


API_COMMAND(config_list, "config list", "", "all live settings", "", NULL,
            "GET", "config", NULL, "entries", entries, NULL)
API_COMMAND(config_get, "config get", "KEY", "a live setting's value", "", NULL,
            "GET", "config/%s", NULL, NULL, NULL, show_value)
API_COMMAND(config_set, "config set", "KEY VALUE [--reason TEXT]",
            "store a live setting, audited",
            "\nIt applies within seconds, to all processes.\n",
            api_takes_reason, "PUT", "config/%s", value_body, NULL, NULL,
            show_set)
API_COMMAND(config_unset, "config unset", "KEY [--reason TEXT]",
            "return a live setting to its default, audited", "",
            api_takes_reason, "DELETE", "config/%s", api_reason, NULL, NULL,
            show_set)
API_COMMAND(config_history, "config history", "[KEY] [-n N]",
            "who changed live settings, from what to what, and why",
            "\nThe last 50 changes, or N of them; of KEY alone.\n", api_takes_n,
            "GET", "config/history?limit=%ld[&key=%s]", NULL, NULL, NULL,
            show_history)
