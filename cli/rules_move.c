/* muttdev rules export, import: all rules, development hosts and teams as a
 * file. */

#include <stdio.h>
#include <string.h>

#include "api.h"
#include "client.h"
#include "events.h"

static int run_export(int argc, char **argv);
static int run_import(int argc, char **argv);

const muttdev_command_t muttdev_rules_export = {
    .name = "rules export",
    .synopsis = "[--no-ids]",
    .summary = "print all rules, development hosts and teams as JSON",
    .help = "\nOne element a line, in one order: fit for a repository and for "
            "rules import.\n--no-ids leaves the rules' ids out, for another "
            "installation.\n" OPTIONS_HELP,
    .run = run_export,
};

const muttdev_command_t muttdev_rules_import = {
    .name = "rules import",
    .synopsis = "FILE [--dry-run] [--replace] [--reason TEXT]",
    .summary = "make rules, hosts and teams what a file says, audited",
    .help =
        "\nFILE is that of rules export, or has one of its lists; - is stdin. "
        "What is in\nit is added or changed, all or nothing; --replace deletes "
        "what is not in a\nlist that is there. --dry-run says what would be "
        "done. Without it --reason is\nwanted.\n" OPTIONS_HELP,
    .run = run_import,
};

static const char *const sections[] = { "rules", "dev_hosts", "teams" };


static int
run_export(int argc, char **argv)
{
    options_t options;
    mutt_err_t err = { 0 };
    mutt_buf_t answer;
    bool no_ids = false;
    const option_t own[] = {
        { "no-ids", 0, OPTION_FLAG, &no_ids, 0, 0 },
        { 0 },
    };
    int status = options_read(&muttdev_rules_export, argc, argv, own, &options);

    if (status != OPTIONS_RUN) {
        return status;
    }

    mutt_buf_init(&answer, CLIENT_MAX);

    if (client_call(&options, "GET",
                    no_ids ? "rules/export?ids=false" : "rules/export",
                    mutt_str(NULL), &answer, &err) == MUTT_OK) {
        status = fwrite(answer.data, 1, answer.len, stdout) == answer.len
                     ? MUTTDEV_DONE
                     : MUTTDEV_FAILED;
    } else {
        status = api_failed(&muttdev_rules_export, &err);
    }

    mutt_buf_done(&answer);

    return status;
}


/* What names an element for people. */
static void
show_element(const char *sign, const char *section, const json_t *each)
{
    const json_t *rule = json_object_get(each, "rule");

    (void) printf("%s %s ", sign, section);

    if (strcmp(section, "rules") != 0) {
        (void) print_text(stdout, mutt_str(print_member(each, "hostname")));
    } else {
        (void) printf("%s", print_member(each, "id"));
    }

    if (rule != NULL) {
        (void) fputs(": ", stdout);
        (void) print_text(stdout, mutt_str(print_member(rule, "match_string")));
        (void) fputs(" ", stdout);
        (void) print_text(stdout, mutt_str(print_member(rule, "trap_oid")));
    }
}


static void
show_changes(const json_t *changes)
{
    const char *name;
    const json_t *change;

    json_object_foreach((json_t *) changes, name, change)
    {
        (void) printf("\n    %s: ", name);
        (void) print_text(stdout, mutt_str(print_member(change, "old")));
        (void) fputs(" -> ", stdout);
        (void) print_text(stdout, mutt_str(print_member(change, "new")));
    }
}


static void
show_list(const json_t *answer, const char *section, const char *kind,
          const char *sign)
{
    const json_t *list =
        json_object_get(json_object_get(answer, section), kind);
    size_t i;
    const json_t *each;

    json_array_foreach(list, i, each)
    {
        show_element(sign, section, each);
        show_changes(json_object_get(each, "changes"));
        (void) putchar('\n');
    }
}


static void
show(const json_t *answer)
{
    bool dry = json_is_true(json_object_get(answer, "dry_run"));

    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        const json_t *part = json_object_get(answer, sections[i]);

        if (part == NULL || json_is_null(part)) {
            continue;
        }

        show_list(answer, sections[i], "added", "+");
        show_list(answer, sections[i], "changed", "~");
        show_list(answer, sections[i], "removed", "-");
        (void) printf("%s: %s%zu added, %zu changed, %zu removed, %s the "
                      "same\n",
                      sections[i], dry ? "would be " : "",
                      json_array_size(json_object_get(part, "added")),
                      json_array_size(json_object_get(part, "changed")),
                      json_array_size(json_object_get(part, "removed")),
                      print_member(part, "unchanged"));
    }
}


static int
send_body(const options_t *options, json_t *body)
{
    mutt_err_t err = { 0 };
    json_t *answer = client_json(options, "POST", "rules/import", body, &err);
    int status = MUTTDEV_DONE;

    if (answer == NULL) {
        status = api_failed(&muttdev_rules_import, &err);
    } else if (options->json) {
        status = print_json(answer, true);
    } else {
        show(answer);
    }

    json_decref(answer);

    return status;
}


static int
run_import(int argc, char **argv)
{
    options_t options;
    mutt_err_t err = { 0 };
    bool dry = false;
    bool replace = false;
    const char *reason = NULL;
    const option_t own[] = {
        { "dry-run", 0, OPTION_FLAG, &dry, 0, 0 },
        { "replace", 0, OPTION_FLAG, &replace, 0, 0 },
        { "reason", 0, OPTION_TEXT, &reason, 0, 0 },
        { 0 },
    };
    int status = options_read(&muttdev_rules_import, argc, argv, own, &options);

    if (status != OPTIONS_RUN) {
        return status;
    }

    if (!dry && reason == NULL) {
        return options_wrong(&muttdev_rules_import,
                             "it wants a --reason, or --dry-run");
    }

    json_t *body = events_document(options.words[0], &err);

    if (body != NULL && !json_is_object(body)) {
        (void) mutt_fail(&err, MUTT_INVALID,
                         "%.200s is no object with "
                         "\"rules\"",
                         options.words[0]);
    }

    if (err.rc != MUTT_OK) {
        json_decref(body);
        return api_failed(&muttdev_rules_import, &err);
    }

    (void) json_object_set_new(body, "mode",
                               json_string(replace ? "replace" : "merge"));
    (void) json_object_set_new(body, "dry_run", json_boolean(dry));

    if (reason != NULL) {
        (void) json_object_set_new(body, "reason", json_string(reason));
    }

    status = send_body(&options, body);
    json_decref(body);

    return status;
}
