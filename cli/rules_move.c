/* muttdev rules export, import: all rules, development hosts and teams as a
 * file. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "client.h"
#include "events.h"

/* the API gives it 30 s in PostgreSQL, after its own checks */
#define IMPORT_MS 120000
#define VERSION_LETTERS "0123456789abcdef"

static int run_export(const options_t *options);
static int run_import(const options_t *options);

static bool no_ids;

static const option_t export_takes[] = {
    { "no-ids", 0, OPTION_FLAG, &no_ids, 0, 0 },
    { 0 },
};

static struct {
    bool dry;
    bool replace;
    bool force;
    const char *reason;
} given;

static const option_t import_takes[] = {
    { "dry-run", 0, OPTION_FLAG, &given.dry, 0, 0 },
    { "replace", 0, OPTION_FLAG, &given.replace, 0, 0 },
    { "force", 0, OPTION_FLAG, &given.force, 0, 0 },
    { "reason", 0, OPTION_TEXT, &given.reason, 0, 0 },
    { 0 },
};

const muttdev_command_t muttdev_rules_export = {
    .name = "rules export",
    .synopsis = "[--no-ids]",
    .summary = "print all rules, development hosts and teams as JSON",
    .help = "\nOne element a line, in one order: fit for a repository and for "
            "rules import,\nwhich knows by its \"version\" what was exported. "
            "--no-ids leaves that and the\nrules' ids out, for another "
            "installation.\n" OPTIONS_HELP,
    .own = export_takes,
    .run = run_export,
};

const muttdev_command_t muttdev_rules_import = {
    .name = "rules import",
    .synopsis = "FILE [--dry-run] [--replace] [--force] [--reason TEXT]",
    .summary = "make rules, hosts and teams what a file says, audited",
    .help =
        "\nFILE is that of rules export, or has one of its lists; - is stdin. "
        "What is in\nit is added or changed, all or nothing; --replace deletes "
        "what is not in a\nlist that is there. --dry-run says what would be "
        "done. Without it --reason is\nwanted.\n"
        "\nWhat was exported and is not any more what there is would undo the "
        "changes of\nothers: it is refused, unless nothing is to be done, or "
        "with --force. So export,\nedit, look with --dry-run, import; and "
        "export anew before the next edit. A FILE\nthat has no \"version\" is "
        "always taken.\n" OPTIONS_HELP,
    .own = import_takes,
    .run = run_import,
};

/* An import. */
typedef struct {
    const options_t *options;
    json_t *body;
    char version[CLIENT_ETAG]; /* of what was exported; empty: not known */
} move_t;

static const char *const sections[] = { "rules", "dev_hosts", "teams" };


/* The tag "abc" as abc; false when it is none. */
static bool
read_tag(const char *tag, char version[CLIENT_ETAG])
{
    size_t len = strspn(tag + (tag[0] == '"'), VERSION_LETTERS);

    if (tag[0] != '"' || len == 0 || strcmp(tag + 1 + len, "\"") != 0) {
        return false;
    }

    (void) snprintf(version, CLIENT_ETAG, "%.*s", (int) len, tag + 1);

    return true;
}


/* Prints what was answered, with the version as its first member. */
static bool
print_export(mutt_str_t text, const char *tag)
{
    char version[CLIENT_ETAG];

    if (text.len > 0 && text.data[0] == '{' && read_tag(tag, version)) {
        (void) printf("{\n\"version\": \"%s\",", version);
        text.data++;
        text.len--;
    }

    return fwrite(text.data, 1, text.len, stdout) == text.len;
}


static int
run_export(const options_t *options)
{
    mutt_err_t err = { 0 };
    mutt_buf_t answer;
    char tag[CLIENT_ETAG] = "";
    client_request_t what = { .method = "GET", .etag = tag };
    int status;

    mutt_buf_init(&answer, CLIENT_MAX);

    if (client_ask(options, &what,
                   no_ids ? "rules/export?ids=false" : "rules/export", &answer,
                   &err) == MUTT_OK) {
        status = print_export(mutt_buf_str(&answer), no_ids ? "" : tag)
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


/* Whether an answer has nothing that is or would be done. */
static bool
is_nothing(const json_t *answer)
{
    static const char *const kinds[] = { "added", "changed", "removed" };
    size_t n = 0;

    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        const json_t *part = json_object_get(answer, sections[i]);

        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            n += json_array_size(json_object_get(part, kinds[k]));
        }
    }

    return n == 0;
}


/* One import; NULL with err filled, of MUTT_STALE for another version. */
static json_t *
post(const move_t *move, bool dry, char tag[CLIENT_ETAG], mutt_err_t *err)
{
    char meant[CLIENT_ETAG + 2];
    mutt_buf_t answer;
    json_t *said = NULL;

    (void) json_object_set_new(move->body, "dry_run", json_boolean(dry));
    (void) snprintf(meant, sizeof(meant), "\"%s\"", move->version);

    char *text = json_dumps(move->body, JSON_COMPACT);

    if (text == NULL) {
        (void) mutt_fail(err, MUTT_INVALID, "the text is not UTF-8");
        return NULL;
    }

    client_request_t what = {
        .method = "POST",
        .body = mutt_str(text),
        .etag = tag,
        .if_match =
            dry || given.force || move->version[0] == '\0' ? NULL : meant,
        .timeout_ms = IMPORT_MS,
    };

    mutt_buf_init(&answer, CLIENT_MAX);

    if (client_ask(move->options, &what, "rules/import", &answer, err) ==
        MUTT_OK) {
        said = json_loadb(answer.data, answer.len, 0, NULL);

        if (said == NULL) {
            (void) mutt_fail(err, MUTT_INVALID, "the answer is no JSON");
        }
    }

    mutt_buf_done(&answer);
    free(text);

    return said;
}


static void
tell_stale(const move_t *move, const char *what)
{
    (void) fprintf(stderr,
                   "muttdev rules import: the rules, hosts or teams were "
                   "changed since %s was exported, %s\n",
                   move->options->words[0], what);
}


static int
tell(const move_t *move, const json_t *answer)
{
    if (move->options->json) {
        return print_json(answer, true);
    }

    show(answer);

    return MUTTDEV_DONE;
}


/* What there is now is not what was exported. */
static int
stale(const move_t *move)
{
    char tag[CLIENT_ETAG];
    mutt_err_t err = { 0 };
    json_t *answer = post(move, true, tag, &err);
    int status = MUTTDEV_DONE;

    if (answer == NULL) {
        status = api_failed(&muttdev_rules_import, &err);
    } else if (!is_nothing(answer)) {
        tell_stale(move, "so nothing was done; --dry-run shows what it would "
                         "do, --force does it, \"muttdev rules export\" has "
                         "what there is");
        status = MUTTDEV_FAILED;
    } else {
        (void) json_object_set_new(answer, "dry_run", json_false());
        status = tell(move, answer);
    }

    json_decref(answer);

    return status;
}


static int
go(const move_t *move)
{
    char tag[CLIENT_ETAG];
    char now[CLIENT_ETAG];
    mutt_err_t err = { 0 };
    json_t *answer = post(move, given.dry, tag, &err);
    int status = MUTTDEV_DONE;

    if (answer == NULL) {
        return err.rc == MUTT_STALE ? stale(move)
                                    : api_failed(&muttdev_rules_import, &err);
    }

    status = tell(move, answer);

    if (given.dry && move->version[0] != '\0' && read_tag(tag, now) &&
        strcmp(now, move->version) != 0 && !is_nothing(answer)) {
        tell_stale(move, "so it takes --force to do this");
    }

    json_decref(answer);

    return status;
}


/* Takes the version out of the file's contents, which the API has not. */
static mutt_rc_t
take_version(move_t *move, mutt_err_t *err)
{
    const json_t *member = json_object_get(move->body, "version");
    const char *text = json_string_value(member);

    if (member == NULL) {
        return MUTT_OK;
    }

    if (text == NULL || text[0] == '\0' || strlen(text) >= CLIENT_ETAG ||
        text[strspn(text, VERSION_LETTERS)] != '\0') {
        return mutt_fail(err, MUTT_INVALID,
                         "the \"version\" of %.150s is none of rules export",
                         move->options->words[0]);
    }

    (void) snprintf(move->version, sizeof(move->version), "%s", text);
    (void) json_object_del(move->body, "version");

    return MUTT_OK;
}


static int
run_import(const options_t *options)
{
    move_t move = { .options = options };
    mutt_err_t err = { 0 };
    if (!given.dry && given.reason == NULL) {
        return options_wrong(&muttdev_rules_import,
                             "it wants a --reason, or --dry-run");
    }

    move.body = events_document(options->words[0], &err);

    if (move.body != NULL && !json_is_object(move.body)) {
        (void) mutt_fail(&err, MUTT_INVALID,
                         "%.200s is no object with "
                         "\"rules\"",
                         options->words[0]);
    }

    if (err.rc != MUTT_OK || take_version(&move, &err) != MUTT_OK) {
        json_decref(move.body);
        return api_failed(&muttdev_rules_import, &err);
    }

    (void) json_object_set_new(
        move.body, "mode", json_string(given.replace ? "replace" : "merge"));

    if (given.reason != NULL) {
        (void) json_object_set_new(move.body, "reason",
                                   json_string(given.reason));
    }


    int status = go(&move);

    json_decref(move.body);

    return status;
}
